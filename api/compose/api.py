"""The API and the page, and the watch over the whole path beside them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
import uvicorn

from alerts.channels import build_channels
from api.compose import unknown
from api.compose.parts import Parts, open_parts, report_links_of, slips_of
from api.heartbeat import Heart, follow_answers
from api.http.app import create_app
from api.pushes import Pushes
from api.reports import ReportDoor
from api.seal import Seal
from api.selfwatch.board import Board
from api.selfwatch.watch import Surroundings, Watch
from api.settings import Settings
from ingest.dialects import open_dialects
from ingest.dialects.catalogue import Stream, entries
from ingest.events import Call, Rejected, Report
from ingest.gateway import Gateway
from ingest.journal import LogStanding
from ingest.log import LogWriter, record_of
from ingest.unknown import UnknownDevices
from streams.reports import load_report_rules

ANSWERS_WITHIN: Final = 60.0  # seconds without an answer to itself after which an API leaves to be started again
TAKES_WITHIN: Final = 10.0  # seconds for which whoever hands in a call waits for the log's yes


def publisher_of_calls(
    settings: Settings, parts: Parts, writer: LogWriter
) -> Callable[[dict[str, Any]], Awaitable[Call]]:
    """The hotline's HTTP door: a call said as JSON goes through the same dialect as over MQTT, and is taken once the log has it.

    Raises `ValueError` with the reason when it cannot be understood, and `TimeoutError` when the log does not answer: it was not taken.
    """
    dialects = open_dialects(settings.gateway.profiles)
    seal = Seal(settings.secret.get_secret_value())

    async def publish(said: dict[str, Any]) -> Call:
        gateway = Gateway(parts.book.registry(), parts.book.locate, settings.gateway, dialects, seal)
        for event in gateway.decide("tocsin/api/call", orjson.dumps(said), False, parts.clock.now()).events:
            if isinstance(event, Call):
                async with asyncio.timeout(TAKES_WITHIN):  # the writer waits for a log that is away; a caller does not
                    await writer.write([record_of(event, settings.log.partitions)])
                return event
            if isinstance(event, Rejected):
                raise ValueError(f"{event.reason}: {event.detail}")
        raise ValueError("this is not a call")

    return publish


def reports_of(settings: Settings, parts: Parts, writer: LogWriter) -> ReportDoor:
    """The door for what patrols and residents report. Raises `InvalidRules` for a file of kinds that cannot be used."""
    seal = Seal(settings.secret.get_secret_value())

    async def write(report: Report) -> None:
        async with asyncio.timeout(TAKES_WITHIN):  # as for a call: whoever reports does not wait for a log that is away
            await writer.write([record_of(report, settings.log.partitions)])

    return ReportDoor(
        parts.ledger, settings.reports, load_report_rules(settings.worker.reports),
        gateway=lambda: Gateway(parts.book.registry(), parts.book.locate, settings.gateway, (), seal),
        write=write, seal=seal, clock=parts.clock,
    )  # fmt: skip


def pushes_of(settings: Settings, parts: Parts, writer: LogWriter, strangers: UnknownDevices) -> Pushes:
    """The doors of platforms that push over HTTP. Raises `ValueError` for a dialect that does not exist or a token too short."""
    seal = Seal(settings.secret.get_secret_value())

    def gateway(stream: Stream) -> Gateway:
        return Gateway(parts.book.registry(), parts.book.locate, settings.gateway, (), seal, stream)

    known = entries(settings.gateway.profiles, settings.gateway.hotlines)
    return Pushes(
        settings.api.push, known, gateway, writer, partitions=settings.log.partitions, clock=parts.clock, unknown=strangers,
        standing=lambda door: LogStanding(settings.log, door),
    )  # fmt: skip


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


async def run(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The API and the page."""
    parts = open_parts(settings)
    writer, board = LogWriter(settings.log), Board(stale_after=60.0 + 2 * settings.selfwatch.probe)
    strangers = unknown.devices()
    pushes = pushes_of(settings, parts, writer, strangers) if settings.api.push else None
    following = asyncio.gather(parts.follow(stop), unknown.follow(strangers, parts.ledger, stop))
    app = create_app(
        ledger=parts.ledger,
        conductor=parts.conductor,
        registry=parts.book.registry,
        settle=parts.book.settle,
        roster=parts.book.roster,
        series=parts.series,
        clock=parts.clock,
        notify=settings.notify,
        publish_call=publisher_of_calls(settings, parts, writer),
        board=board,
        pushes=pushes,
        slips=slips_of(settings),
        reports=reports_of(settings, parts, writer),
        report_links=report_links_of(settings),
        reveal=Seal(settings.secret.get_secret_value()).reveal,
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
        telling = [asyncio.create_task(pushes.run())] if pushes else []
        asking += telling
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        watching.cancel()
        for task in telling:
            task.cancel()
        app.state.close_streams()
        server.should_exit = True
        await serving
    finally:
        stop.set()
        await asyncio.gather(following, *asking, return_exceptions=True)
        await writer.stop()
        parts.close()
