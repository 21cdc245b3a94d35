"""Exact detector state over a log whose consumer commits on a clock of its own.

Per partition number one `Ward`, loaded from its newest snapshot when the partition is assigned. Records are applied in order and without
holes (`streams.applier`). What a record gave away is written to the log beside the next records, and always before a snapshot: whoever
comes after a kill begins at the snapshot, reads what follows it again, and says again, with the same keys, what may not have been written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from aiokafka.errors import KafkaError

from ingest.clock import Clock
from ingest.log import LogUnavailable, LogWriter
from ingest.registry import Registry
from ingest.topics import Topic
from streams.app import GROUP
from streams.applier import Applier
from streams.calls import Keywords
from streams.detectors.pack import BrokenSnapshot
from streams.held import Held
from streams.orders import OrderRules
from streams.recovery import Reach
from streams.reports import ReportRules
from streams.rules import Rules
from streams.shelf import Shelf, pieces
from streams.signal import Signal
from streams.ward import INPUTS, Ward

logger = logging.getLogger(__name__)

_AT_ONCE: Final = (
    2000  # rows behind a snapshot that are read at once; more come through the consumer, which reads them anyway
)
_LOOK_BACK: Final = 60.0  # seconds that a reader without a state goes back
_MOST_WAITING: Final = 2000  # records of one partition that may wait to be applied
_LONGEST_REST: Final = 0.02
_PAUSE: Final = 1.0
_BREATH: Final = (
    20  # records read again between two moments for heartbeats: who reads on for seconds loses its partitions meanwhile
)
_TRUSTED: Final = 3  # times that a state may fail to load for reasons of our own


class Wards:
    """The wards of the partitions that are assigned to this process."""

    def __init__(
        self, shelf: Shelf, writer: LogWriter, *, partitions: int, rules: Rules, keywords: Keywords, clock: Clock,
        reports: ReportRules | None = None, orders: OrderRules | None = None,
    ) -> None:  # fmt: skip
        self._shelf, self._writer, self._partitions, self._clock = shelf, writer, partitions, clock
        self.rules, self._keywords, self._reports, self._orders = rules, keywords, reports, orders
        self.held: dict[int, Held] = {}
        self.assigned = asyncio.Event()  # the consumer group has told us which partitions are ours
        self.planned: datetime | None = None  # when the timers will look next
        self.woken = asyncio.Event()  # something is due earlier than that
        self._loading: set[asyncio.Task[None]] = set()
        self._work = asyncio.Event()  # something waits to be applied
        self._applying: asyncio.Task[None] | None = None
        self.applier = Applier(shelf, writer, partitions=partitions, clock=clock)

    # -- ownership ---------------------------------------------------------------------------------------------------

    def assign(self, numbers: Iterable[int]) -> None:
        """These partitions are ours now, and no others. New ones are loaded beside; a ward that stays keeps its state."""
        self.assigned.set()
        wanted = set(numbers)
        for gone in self.held.keys() - wanted:
            del self.held[gone]
        fresh = sorted(wanted - self.held.keys())
        for number in fresh:
            self.held[number] = Held(
                Ward(number, self._partitions, self.rules, self._keywords, self._reports, self._orders)
            )
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
        reach = await self._shelf.reach(GROUP, places, self._clock.real() - timedelta(seconds=_LOOK_BACK))
        waiting = {n: held for n, held in mine.items() if not held.loaded.is_set() and self.held.get(n) is held}
        async with contextlib.AsyncExitStack() as locks:
            gaps: dict[tuple[Topic, int], tuple[int, int]] = {}
            for number, held in waiting.items():
                await locks.enter_async_context(held.lock)
                held.ward = Ward(number, self._partitions, self.rules, self._keywords, self._reports, self._orders)
                self._restore(held, snapshots.get(number))
                for topic in INPUTS:
                    if gap := self._begin(held, topic, reach[topic, number]):
                        gaps[topic, number] = gap
            await self.applier.fill_all(waiting, gaps)
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
        """One record from the consumer, to be applied at once or together with those that come meanwhile. Safe to repeat.

        A record may be committed before it is applied: whoever comes after a kill begins at the snapshot, which knows better.
        """
        held = self.held.get(number)
        if held is None:
            return  # not ours any more: whoever has the partition reads it
        await held.loaded.wait()
        held.waiting.append((topic, offset, raw))
        if len(held.waiting) >= _MOST_WAITING:
            await self._drain(held)
            return
        self._work.set()
        if self._applying is None or self._applying.done():
            self._applying = asyncio.create_task(self._apply_on())

    async def _apply_on(self) -> None:
        """Ward after ward, everything that waits. A rest as long as the round lets frames gather when there is much to do: a frame of one
        row costs a detector as much as one of a hundred.
        """
        while True:
            await self._work.wait()
            self._work.clear()
            begun = time.monotonic()
            for held in [held for held in self.held.values() if held.waiting]:
                try:
                    await self._drain(held)
                except Exception as error:  # what waits is kept and tried again; the watchdog ends a process whose trouble does not pass
                    logger.warning("partition %d waits: %s: %s", held.ward.number, type(error).__name__, error)
                    self._work.set()
                    await asyncio.sleep(_PAUSE)
            await asyncio.sleep(min(time.monotonic() - begun, _LONGEST_REST))

    async def _drain(self, held: Held) -> None:
        """Apply what waits; what it gives away is on its way to the log when this returns."""
        async with held.lock:
            if self.held.get(held.ward.number) is held:
                await self.applier.drain(held)
                self._note(held)

    async def ready(self, number: int) -> None:
        """Returns when the partition's state is here, or the partition is not ours."""
        held = self.held.get(number)
        if held is not None:
            await held.loaded.wait()

    async def catch_up(self, held: Held, topic: Topic) -> None:
        """Read the end of a topic that the consumer does not bring."""
        async with held.lock:
            await self.applier.fill(held, topic, held.ends[topic])
            await held.flush(self._writer)
            self._note(held)

    async def say(self, held: Held, said: Callable[[], list[Signal]]) -> int:
        """Let a ward speak of its own accord (a timer, a new registry); what it says is in the log when this returns."""
        async with held.lock:
            spoken = said()
            self.applier.queue(held, spoken)
            held.changed = True
            self._note(held)
            await held.ship(self._writer)
            return len(spoken)

    async def settled(self) -> None:
        """Returns when everything that was brought so far is applied, and what it gave away is in the log."""
        for held in list(self.held.values()):
            await self._drain(held)
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
        await self._writer.write(pieces(held.ward.number, raw, int(self._clock.real().timestamp() * 1e9)))
        held.changed = False
        return len(raw)

    async def save_all(self, within: float) -> None:
        """Snapshot every ward before it is given away, as far as the time reaches: what is missed is re-read by the next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                for held in list(self.held.values()):
                    if held.loaded.is_set():
                        await self._drain(held)
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
