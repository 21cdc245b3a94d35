"""The composition root: reads settings and builds the processes out of their parts. The only place that knows every package.

Each `run_…` is one process: it builds, says that it is ready, serves until `stop` is set, and lets go of everything. Its parts tell the
process's heart that they get on (`api.heartbeat`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
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
from alerts.sender import Sender
from alerts.words import load_words
from api.heartbeat import Heart, follow_answers
from api.placebook import PlaceBook
from api.seal import Seal
from api.selfwatch.board import Board
from api.selfwatch.watch import Surroundings, Watch
from api.settings import Settings
from ingest.clock import Clock
from ingest.dialects import open_dialects
from ingest.events import Call, Rejected
from ingest.gateway import Gateway
from ingest.log import LogWriter, record_of
from streams.series.port import Series
from streams.settings import SeriesSettings
from streams.signal import Signal

log = logging.getLogger(__name__)
ANSWERS_WITHIN = 60.0  # seconds without an answer to itself after which an API leaves to be started again
LOOKS_WITHIN = 120.0  # the same for a worker whose watchdog does not look: it may be reading a long gap
SENDS_WITHIN = 60.0  # the same for a sender that hands nothing out although it could
ACKNOWLEDGES_WITHIN = 60.0  # the same for a gateway that has messages in hand and a log that is well


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
    ledger = open_ledger(settings.ledger.address)
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


async def run_gateway(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The gateway: MQTT to the log."""
    from ingest.doors import run_gateway as serve

    ledger = open_ledger(settings.ledger.address)
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
            moved=ready.moves("what is on its way to the log", ACKNOWLEDGES_WITHIN),
        )
    finally:
        stop.set()
        await following
        ledger.close()


class Delivery:
    """What carries notices to people: the sender, the climbing of escalations and the stage timings, as loops of a process."""

    def __init__(self, settings: Settings, parts: Parts, heart: Heart) -> None:
        self._parts, self._halt = parts, threading.Event()
        channels = channels_of(settings)
        self._sender = Sender(
            parts.ledger,
            parts.conductor,
            channels,
            roster=parts.book.roster,
            clock=parts.clock,
            moved=heart.moves("the sender", SENDS_WITHIN),
        )

    def wake(self) -> None:
        """Something was queued here: it need not wait for the sender's next look."""
        self._sender.wake()

    def loops(self) -> list[Callable[[asyncio.Event], Awaitable[None]]]:
        """What runs until it is told to stop."""
        parts = self._parts
        return [
            self._send,
            lambda stop: ticker.escalate(self._climb, parts.ledger, parts.clock, stop),
            lambda stop: ticker.record_timings(parts.ledger, parts.series, stop),
        ]

    def _climb(self, now: datetime) -> int:
        rang = self._parts.conductor.escalate(now)
        if rang:
            self.wake()
        return rang

    async def _send(self, stop: asyncio.Event) -> None:
        running = asyncio.create_task(asyncio.to_thread(self._sender.run, self._halt))
        await stop.wait()
        self._halt.set()
        self.wake()
        await running


async def run_sender(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The sender as a process of its own, where workers do not send (`worker.sends = false`). Several share the work by leases."""
    parts = open_parts(settings)
    loops = [parts.book.follow, *Delivery(settings, parts, ready).loops()]
    running = [asyncio.ensure_future(loop(stop)) for loop in loops]
    try:
        ready()
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        stop.set()
        await asyncio.gather(*running, return_exceptions=True)
        parts.close()


async def run_worker(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The worker: Faust agents, and beside them whatever carries notices to people, unless a process of its own does."""
    from streams.rules import RulesFile
    from streams.worker import run_worker as serve

    parts = open_parts(settings)
    delivery = Delivery(settings, parts, ready) if settings.worker.sends else None

    def conduct(batch: Sequence[Signal], now: datetime) -> None:
        if parts.conductor.signals(batch, now) and delivery is not None:
            delivery.wake()

    try:
        await serve(
            settings.log,
            settings.worker,
            rules=RulesFile(settings.worker.rules),
            registry=parts.book.registry,
            series=parts.series,
            conduct=conduct,
            clock=parts.clock,
            beside=[parts.book.follow, *(delivery.loops() if delivery is not None else ())],
            stop=stop,
            ready=ready,
            looked=ready.moves("the watchdog", LOOKS_WITHIN),
        )
    finally:
        parts.close()


async def watch_itself(settings: Settings, parts: Parts, board: Board, stop: asyncio.Event) -> None:
    """The watch over the whole path, beside an API's other work; nothing where it is turned off or a recording is played."""
    own = settings.selfwatch
    if not own.every or settings.clock.origin is not None:
        return
    notify = settings.notify.model_copy(update={"channels": own.channels or settings.notify.channels})
    as_itself = {"username": own.username, "password": own.password} if own.username else {}
    around = Surroundings(
        settings.mqtt.model_copy(update=as_itself),
        settings.log,
        parts.ledger,
        parts.series,
        build_channels(notify) if own.people else {},
        parts.clock,
        settings.notify.language,
        settings.worker.sends,
    )
    own = own.model_copy(update={"shards": own.shards or settings.mqtt.shards})
    await Watch(own, around, own.name or f"{socket.gethostname()}-{settings.api.port}", board).run(stop)


async def run_api(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The API and the page."""
    import uvicorn

    from api.http.app import create_app

    parts = open_parts(settings)
    writer, board = LogWriter(settings.log), Board(stale_after=60.0 + 2 * settings.selfwatch.probe)
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
        board=board,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=settings.api.host, port=settings.api.port, log_config=None, timeout_graceful_shutdown=2
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the process has its own
    serving, asking = asyncio.create_task(server.serve()), list[asyncio.Task[None]]()
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
            port = server.servers[0].sockets[0].getsockname()[1]
            answers = follow_answers(settings.api.host, port, ready.moves("answers", ANSWERS_WITHIN), stop)
            asking.append(asyncio.create_task(answers))
        watching = asyncio.create_task(watch_itself(settings, parts, board, stop))
        asking.append(watching)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        watching.cancel()
        app.state.close_streams()
        server.should_exit = True
        await serving
    finally:
        stop.set()
        await asyncio.gather(following, *asking, return_exceptions=True)
        await writer.stop()
        parts.close()
