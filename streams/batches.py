"""`conduct` and `record`: a consumer group of their own each, whole batches in a thread, committed only after the yes.

They are no Faust agents because a ledger and a time series want hundreds of rows per transaction, and Faust's `take()` commits a batch that
failed. What cannot be digested is found by halving the batch and goes to the dead letters; a store that is away is waited for, and the
watchdog ends a process whose store neither takes nor refuses.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from ingest.events import InvalidEvent
from ingest.log import LogWriter, Record
from ingest.settings import LogSettings
from ingest.topics import Topic
from streams.settings import WorkerSettings

logger = logging.getLogger(__name__)

# What the same rows would bring about again. Everything else is the store's trouble, and the rows wait for it to pass.
FINAL: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
_LOT: Final = 64 * 1024  # bytes that a patient reader waits for


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with the records of one topic. `handle` runs in a thread, may be repeated, and returns when the rows are safe."""

    topic: Topic
    group: str
    decode: Callable[[bytes], Any]
    handle: Callable[[list[Any]], object]
    most: int = 500
    patient: bool = False  # rows may take half a second more to come, in larger lots
    lost: Callable[[BaseException], Sequence[str]] = lambda error: ()  # noqa: ARG005  what a refusal that kept the rest would not take


class Batches(ConsumerRebalanceListener):
    """One consumer group over one topic. `joined` is set when partitions were first assigned."""

    def __init__(
        self, work: Work, log: LogSettings, worker: WorkerSettings, *, writer: LogWriter, bury: Callable[..., Record]
    ) -> None:
        self._work, self._log, self._worker, self._writer, self._bury = work, log, worker, writer, bury
        self.joined = asyncio.Event()
        self.done = 0
        self._refusals = 0  # times that the store could not be had
        self._positions: dict[str, tuple[int, int]] = {}

    def positions(self) -> dict[str, tuple[int, int]]:
        """How far this got, and how much is known to be there, for the watchdog.

        Of all partitions together: they are drained one after the other, so in a backlog one of them may wait long without anything
        being wrong. A store that says no gets on as well: leaving would not bring it back, and would take the detectors along.
        """
        waiting = sum(max(0, end - following) for following, end in self._positions.values())
        moved = self.done + self._refusals
        return {str(self._work.topic): (moved, moved + waiting)}

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        self._positions.clear()

    def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        self.joined.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Read, hand over, commit, until `stop`."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._log.brokers, client_id=self._work.group, group_id=self._work.group,
            enable_auto_commit=False, auto_offset_reset="earliest",
            **self._questions(),
            session_timeout_ms=int(self._worker.session_timeout * 1000), heartbeat_interval_ms=int(self._worker.heartbeat * 1000),
            rebalance_timeout_ms=20_000, max_poll_interval_ms=300_000,
        )  # fmt: skip
        consumer.subscribe([str(self._work.topic)], listener=self)
        await consumer.start()
        try:
            while not stop.is_set():
                found = await consumer.getmany(timeout_ms=200, max_records=self._work.most)
                if found:
                    await self._batch(consumer, found, stop)
        finally:
            await consumer.stop()

    def _questions(self) -> dict[str, int]:
        """How the log is asked for rows. Kafka answers the moment there is one, so a reader in no hurry asks for many or half a second."""
        if not self._work.patient:
            return {"fetch_max_wait_ms": self._log.fetch_wait_ms}
        if self._log.idempotent:
            return {"fetch_max_wait_ms": 500, "fetch_min_bytes": _LOT}
        return {"fetch_max_wait_ms": 200}

    async def _batch(self, consumer: Any, found: dict[TopicPartition, list[Any]], stop: asyncio.Event) -> None:
        for tp, records in found.items():
            self._positions[str(tp.partition)] = (records[0].offset, records[-1].offset + 1)
        rows = [(tp, record) for tp, records in found.items() for record in records]
        items: list[tuple[Any, TopicPartition, bytes]] = []
        for tp, record in rows:
            raw = record.value or b""
            try:
                items.append((self._work.decode(raw), tp, raw))
            except InvalidEvent as error:
                await self._dead(tp, raw, f"offset {record.offset}: {error}")
        if not await self._hand_over(items, stop):
            return  # stopping: the batch is not committed and comes again
        try:
            await consumer.commit({tp: records[-1].offset + 1 for tp, records in found.items()})
        except KafkaError as error:
            logger.warning("%s: the batch is done but not committed (%r); it comes again", self._work.group, error)
        for tp, records in found.items():
            end = consumer.highwater(tp) if tp in consumer.assignment() else None
            self._positions[str(tp.partition)] = (records[-1].offset + 1, end or records[-1].offset + 1)
        self.done += len(rows)

    async def _hand_over(self, items: list[tuple[Any, TopicPartition, bytes]], stop: asyncio.Event) -> bool:
        """Whether all rows are safe or buried; False only when stopped while the store is away."""
        pause = 0.2
        while items:
            try:
                await asyncio.to_thread(self._work.handle, [item for item, _, _ in items])
                return True
            except FINAL as error:
                return await self._isolate(items, error, stop)
            except Exception as error:  # the store's trouble, whatever its library calls it: rows wait, nothing is lost
                self._refusals += 1
                logger.warning("%s: %d rows wait: %s: %s", self._work.group, len(items), type(error).__name__, error)
            try:
                await asyncio.wait_for(stop.wait(), pause * random.uniform(0.5, 1.0))
                return False
            except TimeoutError:
                pause = min(pause * 2, 5.0)
        return True

    async def _isolate(
        self, items: list[tuple[Any, TopicPartition, bytes]], error: BaseException, stop: asyncio.Event
    ) -> bool:
        """Rows that will never be taken: halve until they stand alone, and bury those."""
        lost = self._work.lost(error)
        if lost:
            for line in lost:
                await self._dead(items[0][1], line.encode(), str(error))
            return True
        if len(items) == 1:
            logger.error("%s: a row cannot be digested: %s: %s", self._work.group, type(error).__name__, error)
            await self._dead(items[0][1], items[0][2], f"{type(error).__name__}: {error}")
            return True
        half = len(items) // 2
        return await self._hand_over(items[:half], stop) and await self._hand_over(items[half:], stop)

    async def _dead(self, tp: TopicPartition, raw: bytes, reason: str) -> None:
        await self._writer.write([self._bury(self._work.topic, tp.partition, raw, reason)])
