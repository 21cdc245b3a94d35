"""The gateway process: MQTT in, log out, and an acknowledgement only for what the log has (law 1)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects import open_dialects
from ingest.dialects.claims import Dialect
from ingest.events import Place, Rejected
from ingest.frames import to_micros
from ingest.gateway import RAW_KEPT, Gateway, Locate, Seal
from ingest.journal import Journal, LogJournal
from ingest.log import LogWriter, Record, ensure_topics, record_of
from ingest.mqtt import Wire
from ingest.packer import Batch, Packer
from ingest.receipts import Desk, Receipts, Shipment
from ingest.registry import Registry
from ingest.settings import GatewaySettings, LogSettings, MqttSettings
from ingest.topics import Topic

logger = logging.getLogger(__name__)

_DEPTH: Final = 2  # writes under way before the next batch is left to grow; the log's answer starts it
_DEEPEST: Final = 8  # the same for a batch with single events in it: alarms do not wait for a frame to fill
# While the wire keeps bringing messages, writes of readings alone are `pace` apart: one costs the log and every reader after it about
# the same whether it holds one row or a hundred. At 5,000 messages a second that halves the way of an alarm (measured on Mosquitto). It
# is not a wait for more: the first write after a pause goes at once, a full frame and an event too, and so does whatever there is once
# the wire has been quiet for this long, for then a broker with a small window may be waiting for us.
_QUIET: Final = 0.003
_DRAIN_WITHIN: Final = 5.0
_LOOK_EVERY: Final = 2.0
_REPORT_EVERY: Final = 30.0
_PROGRESS_EVERY: Final = 1.0


class Intake:
    """Between the wire and the log: gathers a batch, ships it, and acknowledges in order what the log said yes to."""

    def __init__(
        self,
        packer: Packer,
        writer: LogWriter,
        *,
        mqtt: MqttSettings,
        partitions: int,
        gateway: GatewaySettings,
        clock: Clock,
        journal: Journal | None = None,
        place: Callable[[str], Place] = lambda _: Place(),
    ) -> None:
        self.packer, self._writer, self._clock = packer, writer, clock
        self._partitions, self._rows, self._most = partitions, gateway.frame_rows, mqtt.max_unacknowledged
        self._pace = gateway.pace
        self.counts = packer.counts
        self.wire = Wire(mqtt, self, self.counts)
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.receipts = Receipts(
            Desk(self._confirm, self.wire.publish, place, self._fail), writer, journal, clock=clock, counts=self.counts,
            partitions=partitions, client_id=mqtt.client_id, grace=gateway.gap_grace,
        )  # fmt: skip
        self._batch, self._tokens = Batch(gateway.frame_rows), list[Any]()
        self._shipments: deque[Shipment] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = self._now = 0
        self._next_write = 0.0  # the loop's time before which readings alone are not written
        self._ripening: asyncio.TimerHandle | None = None
        self._closing = False

    def receive(self, topic: bytes, payload: bytes, retained: bool, redelivered: bool, token: Any) -> None:
        if not self._now:
            self._now = to_micros(self._clock.now())
        try:
            self.packer.take(topic, payload, retained, self._now, self._batch)
        except Exception as error:  # a fault of ours must not stop the others' messages: this one is kept as rejected
            logger.exception("a message on %r could not be digested and was kept as rejected", topic[:200])
            self._batch.events.append(
                Rejected(
                    "fault", payload[:RAW_KEPT], topic.decode(errors="replace")[:1024], self._clock.now(),
                    detail=repr(error)[:500],
                )
            )  # fmt: skip
            self.counts.reject("", "fault")
        if token is not None:
            self._tokens.append(token)
        if redelivered:
            self.counts.redelivered += 1
        self._held += 1
        if self._batch.full:
            self.flush()
        if self._held >= self._most:
            self.wire.pause()
            self.flush()

    def rest(self) -> None:
        self._now = 0
        self.flush()

    def connected(self, kept: bool) -> None:
        self.receipts.connected(kept)

    def broken(self) -> None:
        self._now = 0
        self.flush(self.wire.epoch - 1, now=True)

    def flush(self, epoch: int | None = None, *, now: bool = False) -> None:
        """Ships the batch, unless enough is under way already: then the log's next answer does; or unless it may still grow."""
        batch = self._batch
        deepest = _DEEPEST if batch.events else _DEPTH
        if not batch.messages or (len(self._tasks) >= deepest and not now):
            return
        if not (now or batch.events or batch.full) and self._ripens():
            return
        self._next_write = asyncio.get_running_loop().time() + self._pace
        epoch = self.wire.epoch if epoch is None else epoch
        shipment = Shipment(epoch, batch.messages, self._tokens, batch.numbers)
        records = [Record(Topic.READINGS, partition, raw) for partition, raw in batch.frames()]
        records += [record_of(event, self._partitions) for event in batch.events]
        self._batch, self._tokens = Batch(self._rows), []
        self._shipments.append(shipment)
        task = asyncio.get_running_loop().create_task(self._ship(shipment, records))
        self._tasks.add(task)
        task.add_done_callback(self._shipped)

    def _ripens(self) -> bool:
        """Whether the batch may grow for a moment more; then a timer ships it."""
        loop = asyncio.get_running_loop()
        if self._ripening is not None:
            self._ripening.cancel()
            self._ripening = None
        if self._closing or loop.time() >= self._next_write:
            return False
        self._ripening = loop.call_at(min(self._next_write, loop.time() + _QUIET), self._ripe)
        return True

    def _ripe(self) -> None:
        self._ripening, self._next_write = None, 0.0
        self.flush()

    async def _ship(self, shipment: Shipment, records: list[Record]) -> None:
        await self._writer.write(records)
        shipment.done = True

    def _shipped(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._fail(error)
            return
        while self._shipments and self._shipments[0].done:
            self.receipts.take(self._shipments.popleft())
        self.flush()

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)

    def _confirm(self, shipment: Shipment) -> None:
        """The log has these messages, and what must be kept of their numbers: the broker may forget them."""
        self._held -= shipment.messages
        if shipment.tokens and self.wire.acknowledge(shipment.epoch, shipment.tokens):
            self.counts.acknowledged += len(shipment.tokens)
        if self.wire.paused and not self._closing and self._held <= self._most // 2:
            self.wire.resume()

    @property
    def oldest(self) -> Shipment | None:
        """What has been on its way to the log, or waiting for what follows, for longest."""
        return self.receipts.oldest or (self._shipments[0] if self._shipments else None)

    async def drain(self, within: float = _DRAIN_WITHIN) -> None:
        """Reads no more, and waits until the log has what was read; what is left then comes again to our successor."""
        self._closing = True
        self.wire.pause()
        try:
            async with asyncio.timeout(within):
                while self._batch.messages or self._tasks:
                    self.flush()
                    if self._tasks:
                        await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
                    await asyncio.sleep(0)
                await self.receipts.settled()
        except TimeoutError:
            logger.warning("%s messages were not taken by the log in time and stay unacknowledged", self._held)
        for task in self._tasks:
            task.cancel()
        await self.receipts.stop()


@dataclass(frozen=True, slots=True)
class City:
    """What the gateway knows of its city. `registry` answers with the current one; `locate` goes by the current
    outlines.
    """

    registry: Callable[[], Registry]
    locate: Locate
    seal: Seal


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
) -> None:
    """Runs until `stop`, then drains. `ready` is called once the first subscription stands, or the watch
    over the process that we stand by for; `moved` every second in which messages were
    acknowledged, none was in hand, or the log is known to be away.

    Raises `LogUnavailable` when the log's topics cannot be had, `ProfileError` for profiles that cannot be used.
    """
    city, dialects, counts = City(registry, locate, seal), open_dialects(settings.profiles), counts or GatewayCounts()
    await ensure_topics(log)
    async with LogWriter(log, client_id=mqtt.client_id) as writer:
        packer = _packer(city, dialects, settings, counts, Shape(log.partitions, mqtt.shards))
        intake = Intake(
            packer, writer, mqtt=mqtt, partitions=log.partitions, gateway=settings, clock=clock,
            journal=LogJournal(log, writer, mqtt.client_id), place=lambda name: registry().place_of_gateway(name),
        )  # fmt: skip
        keeping = [
            asyncio.create_task(intake.wire.run(), name="wire"),
            asyncio.create_task(
                _follow(city, intake, dialects, settings, Shape(log.partitions, mqtt.shards)), name="registry"
            ),
            asyncio.create_task(intake.receipts.watch(), name="gaps"),
            asyncio.create_task(_report(counts), name="report"),
            asyncio.create_task(_announce(intake.wire, ready), name="ready"),
            asyncio.create_task(_progress(intake, writer, moved), name="progress"),
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            await _first_end(stopping, intake.failure, *keeping[:4])
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


def _packer(
    city: City, dialects: tuple[Dialect, ...], settings: GatewaySettings, counts: GatewayCounts, shape: Shape
) -> Packer:
    gateway = Gateway(city.registry(), city.locate, settings, dialects, city.seal)
    return Packer(gateway, shape.partitions, counts, shape.shards)


async def _follow(
    city: City, intake: Intake, dialects: tuple[Dialect, ...], settings: GatewaySettings, shape: Shape
) -> None:
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
