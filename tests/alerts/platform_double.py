"""A hotline platform as a local HTTP server: it checks who asks, keeps what it took once per key, and answers as it is told to."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

SECRET = "between-us-and-12345"
Scripted = tuple[int, bytes, dict[str, str]]


@dataclass
class Platform:
    """`answers` are given first, one after another; `lose` cuts the connection after so many of the next were taken."""

    url: str = ""
    answers: list[Scripted] = field(default_factory=list)
    lose: int = 0
    posts: list[str] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    forged: int = 0

    def reports(self, number: str) -> list[str]:
        """What it knows of an order, in the order in which it came."""
        return [said["report"] for said in self.taken.values() if said["order_no"] == number]


def signed(headers: Any, body: bytes) -> bool:
    """Whether whoever posts knows the secret, as docs/orders.md tells a platform to find out."""
    stamp, _, mark = headers.get("X-Tocsin-Signature", "").partition(",")
    said = stamp.removeprefix("t=").encode() + b"." + body
    return hmac.compare_digest(mark, "v1=" + hmac.new(SECRET.encode(), said, hashlib.sha256).hexdigest())


@contextmanager
def platform() -> Iterator[Platform]:
    """One that listens until the block ends."""
    double = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers["Idempotency-Key"]
            double.posts.append(key)
            if not signed(self.headers, body):
                double.forged += 1
                self._say(401, b"", {})
                return
            if double.answers:
                self._say(*double.answers.pop(0))
                return
            double.taken.setdefault(key, orjson.loads(body))
            if double.lose:
                double.lose -= 1
                self.close_connection = True
                return
            self._say(200, b'{"code": 0}', {})

        def _say(self, code: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_address[1]}/report"
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
