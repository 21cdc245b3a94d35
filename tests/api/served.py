"""A whole API on a loopback port, over a ledger of its own: what a page and a program really talk to."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from pydantic import SecretStr

from alerts.alert import Alert
from alerts.conduct import Conductor
from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.people.roster import Person
from alerts.policy import load_policies
from alerts.settings import NotifySettings, TwilioSettings
from alerts.words import load_words
from api.http.app import create_app
from api.pushes import Pushes
from api.reports import ReportDoor
from api.seal import Seal
from api.settings import ReportSettings
from api.slips import ReportLinks, Slips
from ingest.clock import Clock
from ingest.events import Call, Place, Point, Report
from ingest.frames import Frame
from ingest.gateway import Gateway
from ingest.places import Places
from ingest.registry import Device, Grid, GridLevel
from ingest.settings import GatewaySettings
from streams.calls import Listener, load_keywords
from streams.reports import load_report_rules, signal_of
from streams.series.port import Sample
from streams.signal import Level, Origin, Signal, signal_key
from tests.alerts.deadline import until
from tests.alerts.empty_ledger import empty_ledger

PUBLIC = "https://desk.example"
TOKEN = "only-for-tests"
SLIPS = Slips("only-for-tests", PUBLIC)
LINKS = ReportLinks("only-for-tests", PUBLIC)
SQUARE = ((103.0, 30.0), (103.1, 30.0), (103.1, 30.1), (103.0, 30.1))
GRIDS = (
    Grid("99", "试验县", GridLevel.COUNTY),
    Grid("9901", "试验镇", GridLevel.TOWNSHIP, "99"),
    Grid("990101", "第一网格", GridLevel.GRID, "9901", (SQUARE,)),
    Grid("990102", "第二网格", GridLevel.GRID, "9901"),
)
DEVICES = (Device("smoke-1", "smoke", "gw-1", "990101", Point(30.05, 103.05)),)
PEOPLE = (
    Person("p-1", "甲", "+8610000000001", "grid_leader", "990101"),
    Person("p-2", "乙", "+8610000000002", "duty_officer", "9901", language="en"),
)


class SomeSeries:
    """A series that remembers what it was asked and has one sample."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def readings(
        self, device: str, metric: str, start: datetime, stop: datetime, *, buckets: int = 300
    ) -> list[Sample]:
        self.asked.append((device, metric, start, stop, buckets))
        return [Sample(start, 1.0, 0.5, 1.5, 3)]

    def write_frames(self, frames: list[Frame]) -> int: ...


@dataclass
class Served:
    """The address, and hands on what lies behind it."""

    http: httpx.Client
    ledger: Ledger
    conductor: Conductor
    app: Any
    series: SomeSeries
    calls: list[dict[str, Any]] = field(default_factory=list)
    published: Callable[[dict[str, Any]], Awaitable[Call]] | None = None

    def signal(
        self, kind: str = "fire", *, subject: str = "smoke-1", level: Level = Level.ORANGE, grid: str = "990101"
    ) -> Alert:
        """Let something be out of order now; returns the alert it belongs to."""
        now = datetime.now(UTC)
        place = Place(grid, "9901" if grid else "", Point(30.05, 103.05) if grid == "990101" else None, "registry")
        key = signal_key(f"rule-{kind}", subject, now)
        at = now - timedelta(seconds=1)
        one = Signal(key, kind, level, Origin.SENSOR, subject, f"rule-{kind}", at, at, now, place, value=0.3)
        return self.conductor.signals([one], now)[-1]


@contextmanager
def serving(
    directory: Path, *, pushes: Pushes | None = None, reports: ReportSettings | None = None
) -> Iterator[Served]:
    """Serve until the block ends; everything started here has ended by then."""
    ledger = open_ledger(empty_ledger(directory))
    ledger.replace_place(GRIDS, DEVICES, PEOPLE)
    registry, roster, series, calls = ledger.registry(), ledger.roster(), SomeSeries(), []
    notify = NotifySettings(
        channels=("sms", "voice"), public_url=PUBLIC, twilio=TwilioSettings(account_sid="AC", auth_token=SecretStr(TOKEN), sender="+10000000000"),
    )  # fmt: skip
    conductor = Conductor(
        ledger, policies=load_policies(None), registry=lambda: registry, roster=lambda: roster, words=load_words(), channels=notify.channels,
        link=SLIPS.link,
    )  # fmt: skip

    async def publish(said: dict[str, Any]) -> Call:
        if said["text"] == "the log is away":
            raise ConnectionError("no broker answers")
        if said["text"] == "not a call":
            raise ValueError("lat without lon")
        calls.append(said)
        now = datetime.now(UTC)
        return Call(
            said["id"],
            said["text"],
            now,
            now,
            caller_masked="+86****01",
            place=Place("990101", "9901", None, "coordinates"),
        )

    def located(point: Point, _: datetime | None = None) -> Place | None:
        return places.locate(point)

    async def write(report: Report) -> None:
        if report.text == "the log is away":
            raise ConnectionError("no broker answers")
        conductor.signals([signal_of(report, load_report_rules(), listener)], report.received_at)

    places, listener = Places(registry), Listener(load_keywords())
    seal, clock = Seal("only-for-tests"), Clock()
    door = ReportDoor(
        ledger, reports or ReportSettings(), load_report_rules(), write=write, seal=seal, clock=clock,
        gateway=lambda: Gateway(registry, located, GatewaySettings(), (), seal),
    )  # fmt: skip
    app = create_app(
        ledger=ledger, conductor=conductor, registry=lambda: registry, roster=lambda: roster, series=series, clock=clock, notify=notify,
        publish_call=publish, counts=lambda: {"kept": 5.0}, pushes=pushes, slips=SLIPS,
        reports=door, report_links=LINKS, reveal=seal.reveal,
    )  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as http:
            yield Served(http, ledger, conductor, app, series, calls)
    finally:
        app.state.close_streams()
        server.should_exit = True
        thread.join(10)
        ledger.close()
