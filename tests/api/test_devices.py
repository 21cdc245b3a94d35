"""Unknown devices from the gateway into the ledger, and out of it by one command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.ledger import open_ledger
from alerts.ledger.port import LedgerUnavailable
from api.command.verbs import app
from api.compose import unknown
from api.placebook import PlaceBook
from api.pushes import Pushed, Pushes
from ingest.clock import Clock
from ingest.dialects.catalogue import entries
from ingest.events import Point
from ingest.gateway import Gateway
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.settings import GatewaySettings, PushDoor
from ingest.unknown import AT_ONCE, UnknownDevice, UnknownDevices
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger
from tests.ingest.test_tcp import GatedLog

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
MICROS = int(NOW.timestamp()) * 1_000_000
GRIDS = [Grid("t1", "清溪镇", GridLevel.TOWNSHIP), Grid("g1", "一网格", GridLevel.GRID, "t1")]
U1 = UnknownDevice(
    "u1", "gw1", 3, NOW, NOW + timedelta(seconds=9), "tocsin/gw1/u1/telemetry", {"smoke": 0.25, "状态": "[red]"}
)
Run = Callable[..., Any]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("tocsin.toml").write_text(f'[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n', encoding="utf-8")
    ledger = open_ledger(empty_ledger(tmp_path))
    ledger.replace_place(GRIDS, [Device("d1", "smoke", grid="g1")], [])
    ledger.note_unknown([U1, UnknownDevice("u2", "gw1", 1, NOW, NOW)])
    ledger.close()
    return lambda *arguments: CliRunner().invoke(app, ["devices", *arguments], env={"COLUMNS": "250"})


def registry(path: Path) -> dict[str, Device]:
    ledger = open_ledger(f"sqlite:///{path}/ledger.db")
    try:
        return dict(ledger.registry().devices)
    finally:
        ledger.close()


def test_unknown_devices_are_listed_with_what_they_said(office: Run) -> None:
    result = office("unknown")
    assert result.exit_code == 0, result.output
    for word in ("u1", "gw1", "smoke=0.25", "状态=[red]", "tocsin/gw1/u1/telemetry", "u2"):
        assert word in result.stdout
    first, second = json.loads(office("unknown", "--json").stdout)["unknown"]
    assert first == {
        "device": "u1", "gateway": "gw1", "count": 3, "first_seen": "2026-03-01T08:00:00+00:00", "last_seen": "2026-03-01T08:00:09+00:00",
        "source": "tocsin/gw1/u1/telemetry", "sample": {"smoke": 0.25, "状态": "[red]"},
    }  # fmt: skip
    assert second["device"] == "u2"
    assert len(json.loads(office("unknown", "--json", "--limit", "1").stdout)["unknown"]) == 1


def test_one_command_enrols_a_device(office: Run, tmp_path: Path) -> None:
    result = office(
        "adopt", "u1", "--kind", "smoke", "--grid", "g1", "--gateway", "gw1", "--lat", "30.5", "--lon", "120.5", "--datum", "wgs84",
        "--interval", "60", "--name", "厨房",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "enrolled (version 2): u1 (smoke) in grid g1; last heard through gw1" in result.stdout
    assert registry(tmp_path)["u1"] == Device(
        "u1", "smoke", "gw1", "g1", Point(30.5, 120.5), timedelta(minutes=1), "厨房"
    )
    assert [u["device"] for u in json.loads(office("unknown", "--json").stdout)["unknown"]] == ["u2"]
    said = json.loads(office("adopt", "u2", "--kind", "gas", "--grid", "g1", "--json").stdout)
    assert said == {"device": "u2", "grid": "g1", "version": 3, "heard": True}
    assert "every device" in office("unknown").stdout


def test_a_running_process_takes_it_up(office: Run, tmp_path: Path) -> None:
    ledger = open_ledger(empty_ledger(tmp_path))
    book = PlaceBook(ledger)
    assert office("adopt", "u1", "--kind", "smoke", "--grid", "g1").exit_code == 0
    assert book.refresh(), "which every process asks every two seconds"
    assert book.registry().devices["u1"].grid == "g1"
    ledger.close()


@pytest.mark.parametrize(
    ("sentence", "arguments", "code", "why"),
    [
        ("a grid that is not there", ("u1", "--kind", "smoke", "--grid", "g9"), 1, "there is no grid 'g9'"),
        ("a device that is enrolled", ("d1", "--kind", "smoke", "--grid", "g1"), 1, "d1 is enrolled already (smoke in grid g1)"),
        ("coordinates without their datum", ("u1", "--kind", "smoke", "--grid", "g1", "--lat", "30", "--lon", "120"), 1, "--datum"),
        ("half a position", ("u1", "--kind", "smoke", "--grid", "g1", "--lat", "30", "--datum", "wgs84"), 1, "not both numbers"),
        ("a datum that does not exist", ("u1", "--kind", "smoke", "--grid", "g1", "--datum", "mars7"), 2, "no datum we know"),
        ("no kind", ("u1", "--kind", "", "--grid", "g1"), 1, "kind"),
        ("no grid named", ("u1", "--kind", "smoke"), 2, "--grid"),
    ],
)  # fmt: skip
def test_what_cannot_be_adopted_says_why(
    office: Run, tmp_path: Path, sentence: str, arguments: Sequence[str], code: int, why: str
) -> None:
    result = office("adopt", *arguments)
    assert result.exit_code == code, (sentence, result.output)
    assert why in result.stderr
    assert list(registry(tmp_path)) == ["d1"]


def test_a_device_that_was_never_heard_may_be_adopted_and_that_is_said(office: Run) -> None:
    result = office("adopt", "u7", "--kind", "smoke", "--grid", "g1")
    assert "it has not been heard yet" in result.stdout


def test_a_ledger_that_is_not_there_is_named(office: Run) -> None:
    Path("tocsin.toml").write_text('[ledger]\nurl = "postgresql+psycopg://x@127.0.0.1:1/x"\n', encoding="utf-8")
    result = office("unknown")
    assert result.exit_code == 3
    assert "127.0.0.1:1/x" in result.stderr


class Away(MemoryLedger):
    """A ledger that is away until it is told to come back."""

    def __init__(self) -> None:
        super().__init__()
        self.away, self.asked, self.error = True, 0, LedgerUnavailable("away")

    def note_unknown(self, heard: Sequence[UnknownDevice]) -> None:
        self.asked += 1
        if self.away:
            raise self.error
        super().note_unknown(heard)


def spoke(heard: UnknownDevices, device: str = "u1", second: int = 0) -> None:
    heard.hear(device, "gw1", "tocsin/gw1/u1/telemetry", {"smoke": 0.25}, MICROS + second * 1_000_000)


def test_a_ledger_that_is_away_loses_nothing() -> None:
    heard, ledger = unknown.devices(), Away()
    spoke(heard)

    async def run() -> None:
        assert not await unknown.write_down(heard, ledger)
        spoke(heard, second=5)
        spoke(heard, "u2", 6)
        ledger.away = False
        assert await unknown.write_down(heard, ledger)

    asyncio.run(run())
    u2, u1 = ledger.unknown_devices()
    assert (u1.count, u1.first_seen, u1.last_seen) == (2, NOW, NOW + timedelta(seconds=5))
    assert u2.device == "u2"
    assert len(heard) == 0


def test_a_fault_of_ours_is_not_tried_for_ever_and_ends_nobody() -> None:
    heard, ledger = unknown.devices(), Away()
    ledger.error = RuntimeError("cannot be")  # type: ignore[assignment]
    spoke(heard)
    assert not asyncio.run(unknown.write_down(heard, ledger))
    assert len(heard) == 0


def test_what_a_platform_pushes_is_heard_under_its_door() -> None:
    heard, log = unknown.devices(), GatedLog()
    door = PushDoor(name="east", dialect="senml", allow=(ip_network("10.0.0.0/8"),))
    pushes = Pushes(
        [door], entries(), lambda stream: Gateway(Registry(), lambda _: None, GatewaySettings(), (), stream=stream), log,  # type: ignore[arg-type]
        partitions=4, clock=Clock(), unknown=heard,
    )  # fmt: skip
    body = b'[{"bn":"urn:dev:mac:0024befffe804ff1","n":"smoke","u":"1/m","v":0.25}]'
    asyncio.run(pushes.take(Pushed(door="east", path="/api/v1/push/east", body=body, peer="10.0.0.1")))
    (one,) = heard.taken()
    assert (one.source, one.sample) == ("/api/v1/push/east", {"smoke": 0.25})


def test_many_are_written_some_at_a_time() -> None:
    heard, ledger = unknown.devices(), Away()
    ledger.away = False
    for n in range(AT_ONCE + 1):
        spoke(heard, f"u{n}")
    assert asyncio.run(unknown.write_down(heard, ledger))
    assert (ledger.asked, len(ledger.unknown_devices(9999))) == (2, AT_ONCE + 1)


def test_it_is_written_down_again_and_again_and_once_more_at_the_end() -> None:
    heard, ledger = unknown.devices(), Away()
    ledger.away = False

    async def run() -> None:
        stop = asyncio.Event()
        following = asyncio.create_task(unknown.follow(heard, ledger, stop, every=0.01))
        async with asyncio.timeout(10):
            for n in range(3):
                spoke(heard, f"u{n}")
                while len(ledger.unknown_devices()) <= n:
                    await asyncio.sleep(0.005)
            spoke(heard, "last")
            stop.set()
            await following

    asyncio.run(run())
    assert {u.device for u in ledger.unknown_devices()} == {"u0", "u1", "u2", "last"}


def test_a_process_that_ends_does_not_wait_for_a_ledger_that_was_away() -> None:
    heard, ledger = unknown.devices(), Away()

    async def run() -> None:
        stop = asyncio.Event()
        following = asyncio.create_task(unknown.follow(heard, ledger, stop, every=0.01))
        spoke(heard)
        async with asyncio.timeout(10):
            while not ledger.asked:
                await asyncio.sleep(0.005)
            stop.set()
            before = ledger.asked
            await following
        assert ledger.asked <= before + 1

    asyncio.run(run())
