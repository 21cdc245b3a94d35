"""The gateway process: MQTT in, log out, and an acknowledgement only for what the log has (law 1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects import open_dialects
from ingest.dialects.catalogue import Stream, entries
from ingest.dialects.claims import Dialect
from ingest.gateway import Gateway, Locate, Seal
from ingest.intake import Intake
from ingest.journal import LogJournal, LogStanding
from ingest.log import LogWriter, ensure_topics
from ingest.mqtt import Wire
from ingest.packer import Packer
from ingest.receipts import Shipment
from ingest.registry import Registry
from ingest.settings import GatewaySettings, LogSettings, MqttSettings
from ingest.tcp import Around, Door
from ingest.unknown import UnknownDevices

logger = logging.getLogger(__name__)

_LOOK_EVERY: Final = 2.0
_REPORT_EVERY: Final = 30.0
_PROGRESS_EVERY: Final = 1.0


@dataclass(frozen=True, slots=True)
class City:
    """What the gateway knows of its city. `registry` answers with the current one; `locate` goes by the current
    outlines; `unknown` hears of devices that are not in the registry.
    """

    registry: Callable[[], Registry]
    locate: Locate
    seal: Seal
    unknown: UnknownDevices | None = None


@dataclass(frozen=True, slots=True)
class Dialects:
    """What the MQTT wire is read with: readers by topic first, then the stream, whose decoders outlive a changed registry."""

    plain: tuple[Dialect, ...]
    stream: Stream


@dataclass(frozen=True, slots=True)
class Shape:
    """Over how many partitions of the log, and from which shards of the topics."""

    partitions: int
    shards: tuple[str, ...]


async def run_gateway(
    mqtt: MqttSettings,
    log: LogSettings,
    settings: GatewaySettings,
    *,
    registry: Callable[[], Registry],
    locate: Locate,
    seal: Seal,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    counts: GatewayCounts | None = None,
    moved: Callable[[], object] = lambda: None,
    unknown: UnknownDevices | None = None,
) -> None:
    """Runs until `stop`, then drains. `ready` is called once the first subscription stands, or the watch
    over the process that we stand by for; `moved` every second in which messages were
    acknowledged, none was in hand, or the log is known to be away.

    Raises `LogUnavailable` when the log's topics cannot be had, `ProfileError` for profiles that cannot be used.
    """
    city, counts = City(registry, locate, seal, unknown), counts or GatewayCounts()
    known = entries(settings.profiles, settings.hotlines)
    dialects = Dialects(open_dialects(settings.profiles), Stream(known))
    await ensure_topics(log)
    async with LogWriter(log, client_id=mqtt.client_id) as writer:
        packer = _packer(city, dialects, settings, counts, Shape(log.partitions, mqtt.shards))
        intake = Intake(
            packer, writer, mqtt=mqtt, partitions=log.partitions, gateway=settings, clock=clock,
            journal=LogJournal(log, writer, mqtt.client_id), place=lambda name: registry().place_of_gateway(name),
        )  # fmt: skip
        around = Around(
            lambda stream: Gateway(registry(), locate, settings, (), seal, stream), lambda: Stream(known), writer,
            log.partitions, clock, counts, unknown, lambda door: LogStanding(log, f"{mqtt.client_id} {door}"),
        )  # fmt: skip
        keeping = [
            asyncio.create_task(intake.wire.run(), name="wire"),
            asyncio.create_task(
                _follow(city, intake, dialects, settings, Shape(log.partitions, mqtt.shards)), name="registry"
            ),
            asyncio.create_task(intake.receipts.watch(), name="gaps"),
            asyncio.create_task(_report(counts), name="report"),
            *(asyncio.create_task(Door(door, around).run(), name=f"tcp {door.port}") for door in settings.tcp),
            asyncio.create_task(_announce(intake.wire, ready), name="ready"),
            asyncio.create_task(_progress(intake, writer, moved), name="progress"),
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            await _first_end(stopping, intake.failure, *keeping[:-2])
        finally:
            await intake.drain()
            await intake.wire.close()
            for task in (stopping, *keeping):
                task.cancel()
            await asyncio.gather(stopping, *keeping, return_exceptions=True)
            logger.info("stopped: %s", counts.line())


async def _first_end(*awaited: asyncio.Future[Any]) -> None:
    done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    for one in done:
        one.result()


def _packer(city: City, dialects: Dialects, settings: GatewaySettings, counts: GatewayCounts, shape: Shape) -> Packer:
    gateway = Gateway(city.registry(), city.locate, settings, dialects.plain, city.seal, dialects.stream)
    return Packer(gateway, shape.partitions, counts, shape.shards, city.unknown)


async def _follow(city: City, intake: Intake, dialects: Dialects, settings: GatewaySettings, shape: Shape) -> None:
    """A changed registry is in force within seconds, from one message to the next."""
    held = intake.packer.registry
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        if (current := city.registry()) is not held:
            held = current
            intake.packer = _packer(city, dialects, settings, intake.counts, shape)
            logger.info("registry version %s is in force: %s devices", current.version, len(current.devices))


async def _report(counts: GatewayCounts) -> None:
    while True:
        await asyncio.sleep(_REPORT_EVERY)
        logger.info("%s", counts.line())


async def _progress(
    intake: Intake, writer: LogWriter, moved: Callable[[], object], *, every: float = _PROGRESS_EVERY
) -> None:
    """Says each second that the gateway gets on or knows why it does not: a log that is away will come back."""
    first: Shipment | None = None
    while True:
        before, first = first, intake.oldest
        if first is None or first is not before or not writer.healthy:
            moved()
        await asyncio.sleep(every)


async def _announce(wire: Wire, ready: Callable[[], None] | None) -> None:
    await wire.serving.wait()
    if ready is not None:
        ready()
