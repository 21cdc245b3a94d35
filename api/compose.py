"""The composition root: reads settings and builds the processes out of their parts. The only place that knows every package.

Each `run_…` is one process: it builds, says that it is ready, serves until `stop` is set, and lets go of everything.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from alerts import ticker
from alerts.channels import build_channels
from alerts.channels.contract import Channel
from alerts.conduct import Conductor
from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.policy import load_policies
from alerts.roster import Roster
from alerts.sender import Sender
from alerts.words import load_words
from api.seal import Seal
from api.settings import Settings
from ingest.clock import Clock
from ingest.dialects import open_dialects
from ingest.events import Call, Place, Point, Rejected
from ingest.gateway import Gateway
from ingest.log import LogWriter, record_of
from ingest.places import Places
from ingest.registry import Registry
from streams.series.port import Series
from streams.settings import SeriesSettings
from streams.signal import Signal

log = logging.getLogger(__name__)
Ready = Callable[[], None]


class PlaceBook:
    """Registry, roster and places as the ledger last had them; read again when an import changed them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._version = -1
        self._lock = threading.Lock()
        self._registry, self._roster, self._places = Registry(), Roster(), Places(Registry())
        self.refresh()

    def refresh(self) -> bool:
        """Ask the ledger for its version and read what changed. Returns whether anything did."""
        version = self._ledger.place_version()
        with self._lock:
            if version == self._version:
                return False
            self._registry, self._roster = self._ledger.registry(), self._ledger.roster()
            self._places = Places(self._registry)
            self._version = version
            return True

    def registry(self) -> Registry:
        return self._registry

    def roster(self) -> Roster:
        return self._roster

    def locate(self, point: Point) -> Place | None:
        return self._places.locate(point)

    async def follow(self, stop: asyncio.Event, every: float = 2.0) -> None:
        """Keep up with imports until `stop`."""
        while not stop.is_set():
            try:
                if await asyncio.to_thread(self.refresh):
                    log.info(
                        "place read: version=%s grids=%s devices=%s",
                        self._version,
                        len(self._registry.grids),
                        len(self._registry.devices),
                    )
            except Exception:  # a ledger that is away for a while must not stop a gateway that has its registry
                log.exception("the place could not be read again; the last one stays in force")
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue


@dataclass(frozen=True, slots=True)
class Parts:
    """What conducting and showing lean on."""

    ledger: Ledger
    series: Series
    book: PlaceBook
    conductor: Conductor
    clock: Clock

    def close(self) -> None:
        self.series.close()
        self.ledger.close()


def open_series(settings: SeriesSettings) -> Series:
    """The series the settings name."""
    if settings.store == "influx":
        from streams.series.influx import InfluxSeries

        return InfluxSeries(settings)
    from streams.series.embedded import EmbeddedSeries

    return EmbeddedSeries(settings.path)


def open_parts(settings: Settings) -> Parts:
    """Open ledger and series and put the conductor on them."""
    ledger = open_ledger(settings.ledger.url)
    book = PlaceBook(ledger)
    conductor = Conductor(
        ledger,
        policies=load_policies(settings.notify.policies),
        registry=book.registry,
        roster=book.roster,
        words=load_words(),
        channels=settings.notify.channels,
        language=settings.notify.language,
    )
    return Parts(ledger, open_series(settings.series), book, conductor, settings.clock.clock())


def publisher_of_calls(
    settings: Settings, parts: Parts, writer: LogWriter
) -> Callable[[dict[str, Any]], Awaitable[Call]]:
    """The hotline's HTTP door: a call said as JSON goes through the same dialect as over MQTT, and is taken once the log has it.

    Raises `ValueError` with the reason when it cannot be understood.
    """
    dialects = open_dialects(settings.gateway.profiles)
    seal = Seal(settings.secret.get_secret_value())

    async def publish(said: dict[str, Any]) -> Call:
        gateway = Gateway(parts.book.registry(), parts.book.locate, settings.gateway, dialects, seal)
        for event in gateway.decide("tocsin/api/call", orjson.dumps(said), False, parts.clock.now()).events:
            if isinstance(event, Call):
                await writer.write([record_of(event, settings.log.partitions)])
                return event
            if isinstance(event, Rejected):
                raise ValueError(f"{event.reason}: {event.detail}")
        raise ValueError("this is not a call")

    return publish


def channels_of(settings: Settings) -> Mapping[str, Channel]:
    """The channels in use, by name."""
    return build_channels(settings.notify)


async def run_gateway(settings: Settings, stop: asyncio.Event, ready: Ready) -> None:
    """The gateway: MQTT to the log."""
    from ingest.doors import run_gateway as serve

    ledger = open_ledger(settings.ledger.url)
    book = PlaceBook(ledger)
    following = asyncio.create_task(book.follow(stop))
    try:
        await serve(
            settings.mqtt,
            settings.log,
            settings.gateway,
            registry=book.registry,
            locate=book.locate,
            seal=Seal(settings.secret.get_secret_value()),
            clock=settings.clock.clock(),
            stop=stop,
            ready=ready,
        )
    finally:
        stop.set()
        await following
        ledger.close()


async def run_worker(settings: Settings, stop: asyncio.Event, ready: Ready) -> None:
    """The worker: Faust agents, and beside them the sender, the escalations and the stage timings."""
    from streams.rules import RulesFile
    from streams.worker import run_worker as serve

    parts = open_parts(settings)
    sender = Sender(parts.ledger, parts.conductor, channels_of(settings), roster=parts.book.roster, clock=parts.clock)
    halt = threading.Event()

    def conduct(batch: Sequence[Signal], now: datetime) -> None:
        if parts.conductor.signals(batch, now):
            sender.wake()  # what was just queued need not wait for the sender's next look

    def climb(now: datetime) -> int:
        rang = parts.conductor.escalate(now)
        if rang:
            sender.wake()
        return rang

    async def send(stop: asyncio.Event) -> None:
        running = asyncio.create_task(asyncio.to_thread(sender.run, halt))
        await stop.wait()
        halt.set()
        await running

    beside: list[Callable[[asyncio.Event], Awaitable[None]]] = [
        parts.book.follow,
        send,
        lambda stop: ticker.escalate(climb, parts.ledger, parts.clock, stop),
        lambda stop: ticker.record_timings(parts.ledger, parts.series, stop),
    ]
    try:
        await serve(
            settings.log,
            settings.worker,
            rules=RulesFile(settings.worker.rules),
            registry=parts.book.registry,
            series=parts.series,
            conduct=conduct,
            clock=parts.clock,
            beside=beside,
            stop=stop,
            ready=ready,
        )
    finally:
        halt.set()
        parts.close()


async def run_api(settings: Settings, stop: asyncio.Event, ready: Ready) -> None:
    """The API and the page."""
    import uvicorn

    from api.http.app import create_app

    parts = open_parts(settings)
    writer = LogWriter(settings.log)
    following = asyncio.create_task(parts.book.follow(stop))
    app = create_app(
        ledger=parts.ledger,
        conductor=parts.conductor,
        registry=parts.book.registry,
        roster=parts.book.roster,
        series=parts.series,
        clock=parts.clock,
        notify=settings.notify,
        publish_call=publisher_of_calls(settings, parts, writer),
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=settings.api.host, port=settings.api.port, log_config=None, timeout_graceful_shutdown=2
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the process has its own
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        app.state.close_streams()
        server.should_exit = True
        await serving
    finally:
        stop.set()
        await following
        await writer.stop()
        parts.close()
