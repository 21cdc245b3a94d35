"""Exact detector state over a log whose consumer commits on a clock of its own.

Per partition number one `Ward`, loaded from its newest snapshot when the partition is assigned. Contiguity is checked always: the next
offset must be applied + 1; a hole is re-read from the log before going on, rows at or below the applied offset are passed over. What a
record gave away is written to the log beside the next records, and always before a snapshot: whoever comes after a kill begins at the
snapshot, reads what follows it again, and says again, with the same keys, what may not have been written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from aiokafka.errors import KafkaError

from ingest.clock import Clock
from ingest.events import Rejected, encode
from ingest.log import LogUnavailable, LogWriter, Record
from ingest.registry import Registry
from ingest.topics import Topic, partition_of
from streams import signal as signals
from streams.app import GROUP
from streams.calls import Keywords
from streams.detectors.pack import BrokenSnapshot
from streams.held import FLUSH, Held
from streams.recovery import Reach
from streams.rules import Rules
from streams.shelf import Shelf, pieces
from streams.signal import Signal
from streams.ward import INPUTS, Ward

logger = logging.getLogger(__name__)

_AT_ONCE: Final = (
    2000  # rows behind a snapshot that are read at once; more come through the consumer, which reads them anyway
)
_LOOK_BACK: Final = 60.0  # seconds that a reader without a state goes back
_KEPT_RAW: Final = 300_000  # bytes of an undigested record that a dead letter keeps
_BREATH: Final = (
    20  # records read again between two moments for heartbeats: who reads on for seconds loses its partitions meanwhile
)
_TRUSTED: Final = 3  # times that a state may fail to load for reasons of our own


class Wards:
    """The wards of the partitions that are assigned to this process."""

    def __init__(
        self, shelf: Shelf, writer: LogWriter, *, partitions: int, rules: Rules, keywords: Keywords, clock: Clock
    ) -> None:
        self._shelf, self._writer, self._partitions, self._clock = shelf, writer, partitions, clock
        self.rules, self._keywords = rules, keywords
        self.held: dict[int, Held] = {}
        self.assigned = asyncio.Event()  # the consumer group has told us which partitions are ours
        self.planned: datetime | None = None  # when the timers will look next
        self.woken = asyncio.Event()  # something is due earlier than that
        self._loading: set[asyncio.Task[None]] = set()
        self.counts = {"records": 0, "signals": 0, "undigested": 0, "reread": 0}

    # -- ownership ---------------------------------------------------------------------------------------------------

    def assign(self, numbers: Iterable[int]) -> None:
        """These partitions are ours now, and no others. New ones are loaded beside; a ward that stays keeps its state."""
        self.assigned.set()
        wanted = set(numbers)
        for gone in self.held.keys() - wanted:
            del self.held[gone]
        fresh = sorted(wanted - self.held.keys())
        for number in fresh:
            self.held[number] = Held(Ward(number, self._partitions, self.rules, self._keywords))
        if fresh:
            mine = {number: self.held[number] for number in fresh}
            task = asyncio.create_task(self._load(mine))
            self._loading.add(task)
            task.add_done_callback(self._loading.discard)

    async def _load(self, mine: dict[int, Held]) -> None:
        """Load until it worked: the log may be away just now, and without the state nothing may be judged.

        A state that our own code cannot go on from, several times over, is left behind: a hold that starts anew is a lesser evil than a
        township whose alarms stand still.
        """
        pause, failures = 0.2, 0
        while any(self.held.get(number) is held for number, held in mine.items()):
            try:
                await self._load_once(mine, trusted=failures < _TRUSTED)
                break
            except (KafkaError, LogUnavailable, OSError, TimeoutError) as error:
                logger.warning("the state of partitions %s waits for the log: %r", sorted(mine), error)
            except (
                Exception
            ):  # whatever it is, a ward without its state must not go on; not being ready ends the process
                failures += 1
                logger.exception("the state of partitions %s could not be loaded; trying again", sorted(mine))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _load_once(self, mine: dict[int, Held], *, trusted: bool) -> None:
        started, places = time.monotonic(), [(topic, number) for number in mine for topic in INPUTS]
        snapshots = await self._shelf.newest(list(mine)) if trusted else {}
        if not trusted:
            logger.error("the state of partitions %s is left behind; starting fresh, a minute back", sorted(mine))
        reach = await self._shelf.reach(GROUP, places, _LOOK_BACK)
        waiting = {n: held for n, held in mine.items() if not held.loaded.is_set() and self.held.get(n) is held}
        async with contextlib.AsyncExitStack() as locks:
            gaps: dict[tuple[Topic, int], tuple[int, int]] = {}
            for number, held in waiting.items():
                await locks.enter_async_context(held.lock)
                held.ward = Ward(number, self._partitions, self.rules, self._keywords)
                self._restore(held, snapshots.get(number))
                for topic in INPUTS:
                    if gap := self._begin(held, topic, reach[topic, number]):
                        gaps[topic, number] = gap
            await self._fill_all(waiting, gaps)
            await asyncio.gather(*(self._open(held, known=number in snapshots) for number, held in waiting.items()))
        self.woken.set()
        took = 1000 * (time.monotonic() - started)
        logger.info("partitions %s loaded in %.0f ms, %d with a snapshot", sorted(mine), took, len(snapshots))

    def _begin(self, held: Held, topic: Topic, reach: Reach) -> tuple[int, int] | None:
        """From where this topic is read on, and the little that is missing up to its end: from, and up to but without."""
        applied = held.ward.applied.setdefault(topic, reach.fresh)
        if reach.shorter(applied):
            self._begin_anew(held, topic, reach.end)
        held.seen[topic] = reach.owed
        following = held.ward.applied[topic] + 1
        return (following, reach.end) if following < reach.end <= following + _AT_ONCE else None

    async def _fill_all(self, wards: Mapping[int, Held], gaps: Mapping[tuple[Topic, int], tuple[int, int]]) -> None:
        """Apply what lies in the gaps of several wards: all partitions that were taken over wait for it, so it is one reading."""
        read = 0
        async for topic, number, entry in self._shelf.spans(gaps):
            held = wards[number]
            self._apply(held, topic, entry.offset, entry.value)
            read += 1
            if len(held.pending) >= FLUSH:
                await held.flush(self._writer)
            elif read % _BREATH == 0:
                await asyncio.sleep(0)
        for (topic, number), (_, stop) in gaps.items():
            applied = wards[number].ward.applied
            applied[topic] = max(applied[topic], stop - 1)
        self.counts["reread"] += read
        logger.info("%d records of partitions %s read again", read, sorted(wards))

    async def _open(self, held: Held, *, known: bool) -> None:
        """The ward is what it was: records may come. Its lock is held."""
        await held.flush(self._writer)
        if not known:
            await self._save(held)  # so that a crash before the first snapshot leaves no hole either
        self._note(held)
        held.loaded.set()

    def _begin_anew(self, held: Held, topic: Topic, end: int) -> None:
        """The log is not the one that the state was made from: its records were never seen, whatever their offsets say."""
        logger.error(
            "%s/%d ends at %d although offset %d was applied: it was replaced or cut off; reading what it holds",
            topic, held.ward.number, end, held.ward.applied[topic],
        )  # fmt: skip
        held.ward.applied[topic] = -1
        held.seen[topic], held.changed = 0, True

    async def replaced(self, held: Held, topic: Topic) -> None:
        """Begin anew with a topic that ends before what was applied."""
        async with held.lock:
            self._begin_anew(held, topic, held.ends[topic])

    def _restore(self, held: Held, raw: bytes | None) -> None:
        if raw is None:
            return
        try:
            held.ward.restore(raw)
        except BrokenSnapshot:
            logger.exception(
                "partition %d: its snapshot cannot be used; starting fresh, a minute back", held.ward.number
            )

    # -- records -----------------------------------------------------------------------------------------------------

    async def take(self, topic: Topic, number: int, offset: int, raw: bytes) -> None:
        """One record from the consumer. Returns when it is applied and what it gave away is on its way; safe to repeat.

        An alarm's way to the log and back takes longer than many records do: waiting for each would hold up those behind it.
        """
        held = self.held.get(number)
        if held is None:
            return  # not ours any more: whoever has the partition reads it
        await held.loaded.wait()
        async with held.lock:
            if self.held.get(number) is not held:
                return
            following = held.ward.applied[topic] + 1
            if offset > following:
                logger.warning(
                    "%s/%d: applied up to %d, but the next is %d; reading the gap", topic, number, following - 1, offset
                )
                await self._fill(held, topic, offset)
            if offset > held.ward.applied[topic]:
                self._apply(held, topic, offset, raw)
            await held.ship(self._writer)
            held.seen[topic] = max(held.seen.get(topic, 0), offset + 1)
            self._note(held)

    async def ready(self, number: int) -> None:
        """Returns when the partition's state is here, or the partition is not ours."""
        held = self.held.get(number)
        if held is not None:
            await held.loaded.wait()

    async def catch_up(self, held: Held, topic: Topic) -> None:
        """Read the end of a topic that the consumer does not bring."""
        async with held.lock:
            await self._fill(held, topic, held.ends[topic])
            await held.flush(self._writer)
            self._note(held)

    async def say(self, held: Held, said: Callable[[], list[Signal]]) -> int:
        """Let a ward speak of its own accord (a timer, a new registry); what it says is in the log when this returns."""
        async with held.lock:
            spoken = said()
            self._queue(held, spoken)
            held.changed = True
            self._note(held)
            await held.ship(self._writer)
            return len(spoken)

    async def _fill(self, held: Held, topic: Topic, stop: int) -> None:
        """Apply what lies between the applied offset and `stop` (not included)."""
        number, following, read = held.ward.number, held.ward.applied[topic] + 1, 0
        async for entry in self._shelf.span(topic, number, following, stop):
            self._apply(held, topic, entry.offset, entry.value)
            read += 1
            if len(held.pending) >= FLUSH:
                await held.flush(self._writer)
            elif read % _BREATH == 0:
                await asyncio.sleep(0)
        held.ward.applied[topic] = max(held.ward.applied[topic], stop - 1)
        self.counts["reread"] += read
        logger.info("%s/%d: %d records from offset %d on read again", topic, number, read, following)

    def _apply(self, held: Held, topic: Topic, offset: int, raw: bytes) -> None:
        self.counts["records"] += 1
        held.changed = True
        try:
            self._queue(held, held.ward.take(topic, offset, raw))
        except Exception as error:  # the same bytes would fail again: the dead letters keep them, the others go on
            logger.exception("%s/%d offset %d cannot be digested", topic, held.ward.number, offset)
            self.counts["undigested"] += 1
            held.pending.append(
                self.dead_letter(topic, held.ward.number, raw, f"offset {offset}: {type(error).__name__}: {error}")
            )

    def _queue(self, held: Held, spoken: list[Signal]) -> None:
        self.counts["signals"] += len(spoken)
        for s in spoken:
            number = partition_of(s.place.township, self._partitions)
            held.pending.append(Record(Topic.SIGNALS, number, signals.encode(s), s.place.township.encode()))

    def dead_letter(self, topic: Topic, number: int, raw: bytes, reason: str) -> Record:
        """What could not be digested, as a record of the dead letters."""
        cut = f" (first {_KEPT_RAW} of {len(raw)} bytes)" if len(raw) > _KEPT_RAW else ""
        letter = Rejected("undigested", raw[:_KEPT_RAW], f"{topic}/{number}", self._clock.now(), "", reason[:500] + cut)
        return Record(Topic.DEADLETTERS, number, encode(letter))

    async def settled(self) -> None:
        """Returns when all that was said so far is in the log."""
        for held in list(self.held.values()):
            await held.flush(self._writer)

    def _note(self, held: Held) -> None:
        """Keep when the ward wants to speak, and wake the timers when that is earlier than they think."""
        held.due = held.ward.due_at()
        if held.due is not None and (self.planned is None or held.due < self.planned):
            self.woken.set()

    # -- snapshots ---------------------------------------------------------------------------------------------------

    async def save(self, held: Held) -> int:
        """Snapshot a ward that changed; returns the bytes written."""
        if not held.loaded.is_set() or not held.changed:
            return 0
        async with held.lock:
            await held.flush(self._writer)
            return await self._save(held)

    async def _save(self, held: Held) -> int:
        raw = await asyncio.to_thread(held.ward.snapshot)
        await self._writer.write(pieces(held.ward.number, raw, time.time_ns()))
        held.changed = False
        return len(raw)

    async def save_all(self, within: float) -> None:
        """Snapshot every ward before it is given away, as far as the time reaches: what is missed is re-read by the next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                for held in list(self.held.values()):
                    await self.save(held)

    async def under(self, rules: Rules) -> None:
        """Go on under other rules."""
        self.rules = rules
        for held in list(self.held.values()):
            async with held.lock:
                held.ward.under(rules)
                held.changed, held.enrolled = True, None
                self._note(held)

    async def enrol(self, held: Held, registry: Registry) -> None:
        """Tell a ward who should speak."""
        await self.say(held, lambda: held.ward.enrol(registry, self._clock.now()))
        held.enrolled = registry.version
