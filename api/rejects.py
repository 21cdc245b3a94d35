"""What was rejected, read from the log and written back as what it is understood to be now. Touches the log, decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ingest.counts import GatewayCounts
from ingest.events import InvalidEvent, Rejected, decode
from ingest.frames import to_micros
from ingest.intake import records_in
from ingest.log import LogWriter, Record
from ingest.packer import Batch, Packer
from ingest.second_look import Fate, Finding, Kept, SecondLook, Wanted
from ingest.settings import LogSettings
from ingest.topics import Topic
from streams import letters
from streams.letters import Letter

_AWAY: Final = (KafkaError, OSError, TimeoutError)
_STILL: Final = 30.0  # seconds without a record where there is one, after which the log counts as away
_ABSENT: Final = 2.0  # the same where there may be none
_SLACK: Final = timedelta(minutes=10)  # by which the log's clock and the gateways' may differ
_TOGETHER: Final = 200  # messages of one write
_WITHIN: Final = 60.0
_FETCH: Final = 4 << 20
Looked = TypeVar("Looked", Finding, Letter)


class LogAway(RuntimeError):
    """The log cannot be read or written; the message says why and what to do."""


class Rejects:
    """The rejected messages in a topic of the log: those that the gateways refused, or the workers' dead letters.

    `unreadable` counts records that are no rejected message.
    """

    def __init__(self, settings: LogSettings, topic: Topic = Topic.REJECTS) -> None:
        self._settings, self._topic = settings, topic
        self.unreadable = 0

    async def wanted(self, wanted: Wanted) -> AsyncGenerator[Kept]:
        """Those that are asked for and in the log now, partition by partition; one source's in their order."""
        async with self._reading() as consumer:
            for number in range(self._settings.partitions):
                tp = TopicPartition(self._topic, number)
                begin, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
                start = max(begin, await self._first(consumer, tp, wanted.since, end))
                async for kept in self._span(consumer, tp, start, end):
                    if wanted.fits(kept.rejected):
                        yield kept

    async def named(self, places: Collection[tuple[int, int]]) -> AsyncGenerator[Kept]:
        """Those at these places, in their order; a place where there is nothing is passed over."""
        async with self._reading() as consumer:
            for number, offset in dict.fromkeys(places):
                if number >= self._settings.partitions:
                    continue
                tp = TopicPartition(self._topic, number)
                if offset < (await consumer.beginning_offsets([tp]))[tp]:
                    continue
                async with contextlib.aclosing(self._span(consumer, tp, offset, offset + 1, missing=True)) as span:
                    async for kept in span:
                        if kept.offset == offset:
                            yield kept

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[Any]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.brokers, client_id="tocsin-rejects", enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=20, request_timeout_ms=15_000, max_partition_fetch_bytes=_FETCH,
        )  # fmt: skip
        try:
            await consumer.start()
            yield consumer
        except _AWAY as error:
            raise LogAway(
                f"the log at {self._settings.brokers} cannot be read: {error or type(error).__name__}; is it running, is "
                "log.brokers right, and are its topics there (`tocsin migrate`)?"
            ) from error
        finally:
            await consumer.stop()

    async def _first(self, consumer: Any, tp: TopicPartition, since: datetime | None, end: int) -> int:
        """Where to begin: a log that dates its records need not be read from its beginning."""
        if since is None or not self._settings.idempotent:  # the embedded log cannot be asked for a time
            return 0
        found = (await consumer.offsets_for_times({tp: max(0, round((since - _SLACK).timestamp() * 1000))}))[tp]
        return end if found is None else int(found.offset)

    async def _span(
        self, consumer: Any, tp: TopicPartition, start: int, end: int, *, missing: bool = False
    ) -> AsyncGenerator[Kept]:
        """From `start` until `end` at least. `end` is the least there is: the embedded log names the first of the last records written
        together. With `missing` there may be nothing, which ends it.
        """
        if start >= end:
            return
        consumer.assign([tp])
        consumer.seek(tp, start)
        loop = asyncio.get_running_loop()
        moved, patience = loop.time(), _ABSENT if missing else _STILL
        while (at := await consumer.position(tp)) < end:
            for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, []):
                if record.offset >= start and (kept := self._kept(tp.partition, record)) is not None:
                    yield kept
            if await consumer.position(tp) > at:
                moved = loop.time()
            elif loop.time() - moved > patience:
                if missing:
                    return
                raise TimeoutError(f"{tp.topic} gave nothing after offset {at} for {patience:g} s")

    def _kept(self, number: int, record: Any) -> Kept | None:
        try:
            event = decode(record.value or b"")
        except InvalidEvent:
            event = None
        if isinstance(event, Rejected):
            return Kept(number, record.offset, event)
        self.unreadable += 1
        return None


@dataclass(slots=True)
class Outcome:
    """What a replay came to. `readings`, `events` and `late` count what is understood now, written or (in a dry run) not."""

    messages: int = 0
    readings: int = 0
    events: int = 0
    late: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)

    def add(self, finding: Finding | Letter) -> None:
        self.messages += 1
        self.readings += finding.readings
        self.events += finding.events
        self.late += finding.late
        self.fates[finding.fate] += 1

    def line(self) -> Mapping[str, Any]:
        return {
            "messages": self.messages, "readings": self.readings, "events": self.events, "late": self.late,
            "fates": {str(fate): n for fate, n in self.fates.items()},
        }  # fmt: skip


async def replay(
    found: AsyncGenerator[Kept], look: SecondLook, settings: LogSettings, *, now: Callable[[], datetime],
    tell: Callable[[Finding], None], dry_run: bool,
) -> Outcome:  # fmt: skip
    """Look at each again and write what it is now; `tell` hears of a message once the log has what became of it.

    Nothing is rejected a second time. Raises `LogAway`; to replay again is safe.
    """
    return await _replayed(
        found, lambda kept: looked(look, kept, now()), lambda some: records_of(some, look, settings.partitions), settings, tell,
        dry_run=dry_run,
    )  # fmt: skip


async def resend(
    found: AsyncGenerator[Kept], settings: LogSettings, *, now: Callable[[], datetime], late_after: timedelta,
    tell: Callable[[Letter], None], dry_run: bool,
) -> Outcome:  # fmt: skip
    """The same for dead letters: each goes back to where it stood when a worker could not digest it."""
    return await _replayed(
        found, lambda kept: letters.look(kept, settings.partitions, now(), late_after),
        lambda some: [Record(to.topic, to.partition, to.value, to.key) for one in some if (to := one.entry)], settings, tell,
        dry_run=dry_run,
    )  # fmt: skip


async def _replayed(
    found: AsyncGenerator[Kept], decide: Callable[[Kept], Looked], pack: Callable[[list[Looked]], list[Record]], settings: LogSettings,
    tell: Callable[[Looked], None], *, dry_run: bool,
) -> Outcome:  # fmt: skip
    outcome = Outcome()
    waiting: list[Looked] = []
    async with contextlib.AsyncExitStack() as stack:
        writer = None if dry_run else await stack.enter_async_context(LogWriter(settings, client_id="tocsin-rejects"))
        async with contextlib.aclosing(found) as kept_ones:
            async for kept in kept_ones:
                waiting.append(decide(kept))
                if len(waiting) >= _TOGETHER:
                    await _written(pack(waiting), settings, writer)
                    waiting = _told(waiting, outcome, tell)
        await _written(pack(waiting), settings, writer)
        _told(waiting, outcome, tell)
    return outcome


def looked(look: SecondLook, kept: Kept, now: datetime) -> Finding:
    """What it comes to; never raises."""
    try:
        return look.look(kept, now)
    except Exception as error:  # a fault of ours, perhaps the one it was rejected for: it stays, the others go on
        return Finding(kept, Fate.REJECTED, f"fault: {error!r}"[:500])


def _told(findings: list[Looked], outcome: Outcome, tell: Callable[[Looked], None]) -> list[Looked]:
    for finding in findings:
        outcome.add(finding)
        tell(finding)
    return []


async def _written(records: list[Record], settings: LogSettings, writer: LogWriter | None) -> None:
    if writer is None or not records:
        return
    try:
        async with asyncio.timeout(_WITHIN):
            await writer.write(records)
    except TimeoutError as error:
        raise LogAway(
            f"the log at {settings.brokers} took nothing for {_WITHIN:g} s; what was not told may be missing: replay again when it is back"
        ) from error


def records_of(findings: list[Finding], look: SecondLook, partitions: int) -> list[Record]:
    """What is to be written, packed as the gateway packs it."""
    batch, packer = Batch(500), Packer(look.gateway, partitions, GatewayCounts())
    for finding in findings:
        packer.put(finding.decoded, to_micros(finding.kept.rejected.at), batch)
    return records_in(batch, partitions)
