"""Between the wire and the log: what is read is gathered, written, and acknowledged in order once the log has it (law 1)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ingest.clock import Clock
from ingest.dialects.claims import Reason
from ingest.events import Place
from ingest.frames import to_micros
from ingest.journal import Journal
from ingest.log import LogWriter, Record, record_of
from ingest.mqtt import Wire
from ingest.packer import Batch, Packer
from ingest.receipts import Desk, Receipts, Shipment
from ingest.settings import GatewaySettings, MqttSettings
from ingest.topics import Topic

logger = logging.getLogger(__name__)

_DEPTH: Final = 2  # writes under way before the next batch is left to grow; the log's answer starts it
_DEEPEST: Final = 8  # the same for single events, which go ahead of the frames of their batch
# While the wire keeps bringing messages, writes of readings are `pace` apart: one costs the log and every reader after it about the same
# whether it holds one row or a hundred. At 5,000 messages a second that halves the way of an alarm (measured on Mosquitto). It is not a
# wait for more: the first write after a pause goes at once, a full frame too, and so does whatever there is once the wire has been quiet
# for this long, for then a broker with a small window may be waiting for us. Where the log takes longer to answer than the pace, it is
# busy, and fewer and fuller frames are what helps it: both times then grow with its answers, up to a bound.
_QUIET: Final = 0.003
_SLOWEST: Final = 0.25  # seconds between two writes of readings, however slow the log is
_DRAIN_WITHIN: Final = 5.0


def records_in(batch: Batch, partitions: int) -> list[Record]:
    """Everything in the batch as records of the log; it has no frames and no events afterwards."""
    events, batch.events = batch.events, []
    found = [Record(Topic.READINGS, partition, raw) for partition, raw in batch.frames()]
    return found + [record_of(event, partitions) for event in events]


class Intake:
    """Gathers a batch, ships it, and acknowledges in order what the log said yes to."""

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
        self._ahead: set[asyncio.Task[None]] = set()  # events on their way
        self._early: list[asyncio.Task[None]] = []  # those among them that belong to the batch in hand
        self._took = 0.0  # seconds that the log takes to answer, of late
        self._next_write = 0.0  # the loop's time before which readings are not written
        self._ripening: asyncio.TimerHandle | None = None
        self._closing = False

    def receive(self, topic: bytes, payload: bytes, retained: bool, redelivered: bool, token: Any) -> None:
        if not self._now:
            self._now = to_micros(self._clock.now())
        try:
            self.packer.take(topic, payload, retained, self._now, self._batch)
        except Exception as error:  # a fault of ours must not stop the others' messages: this one is kept as rejected
            logger.exception("a message on %r could not be digested and was kept as rejected", topic[:200])
            self._batch.events.append(self.packer.faulty(topic, payload, retained, self._clock.now(), error))
            self.counts.reject("", Reason.FAULT)
        while (
            self._batch.replies
        ):  # questions to senders; asked again with their next message when they do not get through
            self.wire.publish(*self._batch.replies.pop())
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
        """Ships the batch, unless enough is under way already: then the log's next answer does; or unless it may still grow.

        Its events go ahead by themselves; its messages are acknowledged when both are in the log.
        """
        batch = self._batch
        if batch.events and (now or len(self._ahead) < _DEEPEST):
            self._send_ahead()
        if not batch.messages or (len(self._tasks) >= _DEPTH and not now):
            return
        if not (now or batch.full) and self._ripens():
            return
        self._next_write = asyncio.get_running_loop().time() + self._apart()
        epoch = self.wire.epoch if epoch is None else epoch
        shipment = Shipment(epoch, batch.messages, self._tokens, batch.numbers)
        records = records_in(batch, self._partitions)
        early, self._early = self._early, []
        self._batch, self._tokens = Batch(self._rows), []
        self._shipments.append(shipment)
        task = asyncio.get_running_loop().create_task(self._ship(shipment, records, early))
        self._tasks.add(task)
        task.add_done_callback(self._shipped)

    def _send_ahead(self) -> None:
        """Writes the batch's events at once: an alarm does not wait for a frame to fill, and a frame need not be small for its sake."""
        records = [record_of(event, self._partitions) for event in self._batch.events]
        self._batch.events = []
        task = asyncio.get_running_loop().create_task(self._write(records))
        self._early.append(task)
        self._ahead.add(task)
        task.add_done_callback(self._sent_ahead)

    def _sent_ahead(self, task: asyncio.Task[None]) -> None:
        self._ahead.discard(task)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self._fail(error)
        else:
            self.flush()

    def _apart(self) -> float:
        """Seconds between two writes of readings, now."""
        return min(max(self._pace, self._took), _SLOWEST) if self._pace else 0.0

    def _ripens(self) -> bool:
        """Whether the batch may grow for a moment more; then a timer ships it."""
        loop = asyncio.get_running_loop()
        if self._ripening is not None:
            self._ripening.cancel()
            self._ripening = None
        if self._closing or loop.time() >= self._next_write:
            return False
        quiet = max(_QUIET, self._apart() / 4)
        self._ripening = loop.call_at(min(self._next_write, loop.time() + quiet), self._ripe)
        return True

    def _ripe(self) -> None:
        self._ripening, self._next_write = None, 0.0
        self.flush()

    async def _ship(self, shipment: Shipment, records: list[Record], early: list[asyncio.Task[None]]) -> None:
        await self._write(records)
        await asyncio.gather(*early)
        shipment.done = True

    async def _write(self, records: list[Record]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if records:
            await self._writer.write(records)
            self._took += (loop.time() - begun - self._took) / 4

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
                        await asyncio.wait(self._tasks | self._ahead, return_when=asyncio.FIRST_COMPLETED)
                    await asyncio.sleep(0)
                await self.receipts.settled()
        except TimeoutError:
            logger.warning("%s messages were not taken by the log in time and stay unacknowledged", self._held)
        for task in (*self._tasks, *self._ahead):
            task.cancel()
        await self.receipts.stop()
