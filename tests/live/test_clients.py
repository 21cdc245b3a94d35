"""The libraries of others at the other end: mosquitto_pub, a Sparkplug edge and an Open311 client that know nothing of us.

The last two live in an environment of their own (`tests/live/install`), for one of them wants an older paho than we do.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from api.tally import everything
from ingest.events import Presence, decode
from ingest.frames import Frame
from ingest.log import ensure_topics
from ingest.settings import LogSettings
from ingest.topics import Topic
from tests.alerts.deadline import until
from tests.api.served import serving as api_serving
from tests.api.test_open311 import ROOT, call
from tests.conftest import DEMANDED
from tests.ingest.test_turns import Process
from tests.live.mosquitto import Mosquitto
from tests.live.process import CACHE

pytestmark = [pytest.mark.server, pytest.mark.live]

CLIENTS: Final = CACHE / "clients" / "bin" / "python"
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "gateways.md"
Row = tuple[str, str, float]

EDGE: Final = """
import sys, time
from pysparkplug import Client, DataType, Device, EdgeNode, Metric, get_current_timestamp as now

host, port, name, password = sys.argv[1:]
asked = []
edge = EdgeNode("east", name, [Metric(now(), "fw", DataType.STRING, value="1")], Client(username=name, password=password), lambda *_: asked.append(1))
edge.register(Device("panel", (
    Metric(now(), "fire/alarm", DataType.BOOLEAN, value=False), Metric(now(), "level", DataType.INT32, value=-12),
)))
edge.connect(host, port=int(port))
print("connected", flush=True)
for n in range(10_000):
    time.sleep(0.2)
    if asked:
        print("reborn", flush=True)
        asked.clear()
        edge.disconnect()
        edge.connect(host, port=int(port))
        time.sleep(0.5)
    edge.update_device("panel", [
        Metric(now(), "fire/alarm", DataType.BOOLEAN, value=True), Metric(now(), "level", DataType.INT32, value=-12 - n % 3),
    ])
"""
ASK: Final = """
import json, sys
from georeport import GeoReport

found = {}
for form in ("json", "xml"):
    city = GeoReport(sys.argv[1], jurisdiction="any", output_format=form)
    services = city.get_service_list()
    found[form] = {
        "services": sorted(s["service_code"] for s in services), "requests": city.get_service_requests(status="open"),
        "one": city.get_service_request(sys.argv[2]),
    }
print(json.dumps(found))
"""


@pytest.fixture
def clients() -> str:
    """The interpreter of the environment that the others live in."""
    if not CLIENTS.exists():
        _without(f"the clients of others are not in {CLIENTS.parents[1]}: tests/live/install brings them")
    return str(CLIENTS)


def _without(missing: str) -> NoReturn:
    """Skip, or fail where everything must be there."""
    if DEMANDED:
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@contextmanager
def gateway(broker: Mosquitto, log: LogSettings, folder: Path, client_id: str) -> Iterator[Process]:
    settings = broker.settings(client_id=client_id, filters=("tocsin/#", "spBv1.0/#"))
    process = Process(settings, log, folder / "gateway.log")
    try:
        yield process
    finally:
        process.stop()


def rows_of(log: LogSettings, mine: Callable[[str], bool]) -> set[Row]:
    async def read() -> set[Row]:
        found: set[Row] = set()
        async for _, value in everything(log, (Topic.READINGS,)):
            found |= {(r.device, r.metric, r.value) for r in Frame.decode(value).readings() if mine(r.device)}
        return found

    return asyncio.run(read())


def standings(log: LogSettings, device: str) -> list[str]:
    async def read() -> list[str]:
        events = [decode(value) async for _, value in everything(log, (Topic.PRESENCE,))]
        return [str(e.standing) for e in events if isinstance(e, Presence) and e.device == device]

    return asyncio.run(read())


@pytest.mark.parametrize("log", ["tansu"], indirect=True)
def test_the_documented_line_of_mosquitto_pub_arrives(
    mosquitto: Mosquitto, log_settings: LogSettings, tmp_path: Path
) -> None:
    publisher = shutil.which("mosquitto_pub")
    if publisher is None:
        _without("mosquitto_pub is not installed (Debian: apt-get install mosquitto-clients)")
    asyncio.run(ensure_topics(log_settings))
    (line,) = re.findall(r"^mosquitto_pub .*-t (\S+) -m '(.*)'$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    password = mosquitto.user("gw-01")
    with gateway(mosquitto, log_settings, tmp_path, "clients-pub"):
        where = ["-h", "127.0.0.1", "-p", str(mosquitto.port), "-u", "gw-01", "-P", password]
        said = [*where, "-V", "5", "-q", "1", "-i", "gw-01", "-t", line[0], "-m", line[1]]
        subprocess.run([publisher, *said], check=True, timeout=20)
        wanted = {("smoke-7", "smoke", 0.03), ("smoke-7", "temperature", 21.5)}
        until(lambda: wanted <= rows_of(log_settings, "smoke-7".__eq__), 30)


@pytest.mark.parametrize("log", ["tansu"], indirect=True)
def test_a_sparkplug_edge_of_another_library_is_asked_for_its_birth_and_rings(
    clients: str, mosquitto: Mosquitto, log_settings: LogSettings, tmp_path: Path
) -> None:
    """It was born before we listened, as edges are: its data says too little until it was asked for a rebirth."""
    asyncio.run(ensure_topics(log_settings))
    name = f"edge-{tmp_path.name[-12:]}"
    arguments = [clients, "-c", EDGE, "127.0.0.1", str(mosquitto.port), name, mosquitto.user(name)]
    edge = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert edge.stdout is not None
        assert edge.stdout.readline() == "connected\n"
        with gateway(mosquitto, log_settings, tmp_path, f"clients-{name}"):
            assert edge.stdout.readline() == "reborn\n"
            panel = f"east/{name}/panel"
            wanted = {(panel, "fire_alarm", 1.0), *((panel, "level", n) for n in (-12.0, -13.0, -14.0))}
            until(lambda: wanted <= rows_of(log_settings, panel.__eq__), 30)
            edge.kill()  # its will is its death
            until(lambda: standings(log_settings, f"east/{name}")[-1:] == ["offline"], 60)
    finally:
        edge.kill()
        edge.wait(10)
        if edge.stdout is not None:
            edge.stdout.close()


def test_an_open311_client_lists_what_there_is_and_how_it_stands(clients: str, tmp_path: Path) -> None:
    with api_serving(tmp_path) as desk:
        call(desk, "311-7")
        address = f"{desk.http.base_url}".rstrip("/") + ROOT
        done = subprocess.run(
            [clients, "-c", ASK, address, "311-7"], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["json"]["services"] == found["xml"]["services"]
    assert "fire" in found["json"]["services"]
    (open_,) = found["json"]["requests"]
    assert (open_["service_request_id"], open_["status"], open_["service_code"]) == ("311-7", "open", "fire")
    for form in ("json", "xml"):
        one = found[form]["one"]
        assert (one[0] if isinstance(one, list) else one)["service_request_id"] == "311-7", form
