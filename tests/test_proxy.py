"""The proxy before two APIs: what is said leaves at once, and one that is dead is not missed."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.child import free_ports
from tests.conftest import DEMANDED
from tests.deployed import ROOT
from tests.live.process import Program, substituted

PATIENCE = 20.0
CONF = ROOT / "deploy" / "nginx" / "nginx.conf"


class Api(BaseHTTPRequestHandler):
    """Answers who it is; /stream says one event, waits to be told, says another; counts what is posted."""

    protocol_version = "HTTP/1.1"
    on = threading.Event()
    posted = 0

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path != "/stream":
            said = f"{self.server.server_address[1]} {self.headers['Host']}".encode()
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            return
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            self.wfile.write(event)
            Api.on.wait(PATIENCE)
        self.close_connection = True

    def do_POST(self) -> None:
        Api.posted += 1
        self.close_connection = True  # and no answer: it died of it

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def apis() -> Iterator[list[ThreadingHTTPServer]]:
    Api.on.clear()
    Api.posted = 0
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Api) for _ in range(2)]
    threads = [threading.Thread(target=s.serve_forever, args=(0.01,), daemon=True) for s in servers]
    for thread in threads:
        thread.start()
    yield servers
    Api.on.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def port(apis: list[ThreadingHTTPServer], tmp_path: Path) -> Iterator[int]:
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if path is None:
        missing = "nginx is not installed (Debian: apt-get install nginx-light)"
        pytest.fail(missing, pytrace=False) if DEMANDED else pytest.skip(missing)
    (own,) = free_ports(1)
    text = substituted(
        CONF.read_text(encoding="utf-8").replace("/tmp/", f"{tmp_path}/"),
        {
            "listen 8460;": f"listen 127.0.0.1:{own};",
            # names are resolved while it runs, which Debian's older nginx cannot
            "server api-1:8460 resolve ": f"server 127.0.0.1:{apis[0].server_address[1]} ",
            "server api-2:8460 resolve ": f"server 127.0.0.1:{apis[1].server_address[1]} ",
            "    resolver 127.0.0.11 valid=5s ipv6=off;\n": "",
        },
    )
    conf = tmp_path / "nginx.conf"
    conf.write_text(text, encoding="utf-8")
    subprocess.run([path, "-t", "-q", "-c", conf], check=True, timeout=30)
    nginx = Program("nginx", [path, "-c", str(conf), "-g", "daemon off;"], tmp_path / "nginx.log", [own])
    try:
        yield nginx.wait() and own
    finally:
        nginx.stop()


def ask(port: int, path: str = "/", method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, b"x" if method == "POST" else None, {"Host": "tocsin.example:8460"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.server
def test_an_event_leaves_before_the_next_one_is_said(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert answer.readline() == b"data: 1\n", "and the server waits to be told before it says more"
    Api.on.set()
    assert answer.read() == b"\ndata: 2\n\n"
    connection.close()


@pytest.mark.server
def test_both_serve_and_hear_the_name_they_were_asked_by(port: int, apis: list[ThreadingHTTPServer]) -> None:
    said = {ask(port)[1].decode() for _ in range(20)}
    assert said == {f"{api.server_address[1]} tocsin.example:8460" for api in apis}


@pytest.mark.server
def test_one_that_is_dead_is_not_missed(port: int, apis: list[ThreadingHTTPServer]) -> None:
    apis[0].shutdown()
    apis[0].server_close()
    answers = [ask(port) for _ in range(20)]
    assert {status for status, _ in answers} == {200}
    assert {said.decode().split()[0] for _, said in answers} == {str(apis[1].server_address[1])}


@pytest.mark.server
def test_what_changes_something_is_never_said_twice(port: int) -> None:
    status, _ = ask(port, method="POST")
    assert status == 502
    assert Api.posted == 1


def test_a_silent_stream_outlives_several_signs_of_life() -> None:
    from api.http.live import HEARTBEAT

    (read,) = re.findall(r"proxy_read_timeout (\d+)s;", CONF.read_text(encoding="utf-8"))
    assert int(read) >= 4 * HEARTBEAT
