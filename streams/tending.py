"""What happens beside the records: timers on time, snapshots, a look at the log's end, rules and registry that changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ingest.clock import Clock
from ingest.registry import Registry
from streams.guard import LEAVE_STALLED, Leave
from streams.held import Held
from streams.rules import InvalidRules, RulesFile
from streams.settings import WorkerSettings
from streams.shelf import Shelf
from streams.state import Wards
from streams.ward import INPUTS
from streams.watchdog import Watchdog

logger = logging.getLogger(__name__)

_LOOK_EVERY: Final = 1.0
_TAIL_AFTER: Final = 3  # looks at an end that the consumer does not bring nearer
_SNAPSHOT_RATE: Final = 200_000  # bytes a second that snapshots may put into the log


class Tending:
    """The loops of a worker. Each runs until `stop` and survives a log that is away."""

    def __init__(
        self,
        wards: Wards,
        shelf: Shelf,
        *,
        clock: Clock,
        worker: WorkerSettings,
        leave: Leave,
        looked: Callable[[], object] = lambda: None,
    ) -> None:
        self._wards, self._shelf, self._clock, self._worker, self._leave = wards, shelf, clock, worker, leave
        self._watchdog = Watchdog(worker.stall_limit)
        self._looked = looked  # called before every look at the log's end: who calls no more has a watchdog that sleeps
        self._still: dict[tuple[int, str], tuple[int, int]] = {}

    async def timers(self, stop: asyncio.Event) -> None:
        """Call `on_due` when it is due: a hold that ends between two rows rings on time."""
        wards = self._wards
        while not stop.is_set():
            wards.woken.clear()
            late = False
            for held in list(wards.held.values()):
                if held.due is None or self._clock.wait(held.due, 1.0) > 0:
                    continue
                if held.caught_up(time.monotonic()):
                    await wards.say(held, lambda held=held: held.ward.on_due(self._clock.now()))  # type: ignore[misc]
                else:
                    late = True  # the rows that decide it are on their way
            wards.planned = min((held.due for held in wards.held.values() if held.due is not None), default=None)
            pause = 0.005 if late else max(self._clock.wait(wards.planned, 1.0), 0.001)
            await _either(wards.woken, pause)

    async def snapshots(self, stop: asyncio.Event) -> None:
        """Snapshot what changed, every few seconds, never more than the log should bear."""
        while not stop.is_set():
            written = 0
            for held in list(self._wards.held.values()):
                written += await self._wards.save(held)
            await _either(stop, max(self._worker.snapshot_every, written / _SNAPSHOT_RATE))

    async def ends(self, stop: asyncio.Event, others: Callable[[], Mapping[str, tuple[int, int]]]) -> None:
        """Look where the log ends: for the timers, for a tail that the consumer passed over, and for the watchdog."""
        while not stop.is_set():
            self._looked()
            mine = {number: held for number, held in self._wards.held.items() if held.loaded.is_set()}
            if mine:
                ends = await asyncio.wait_for(self._shelf.ends([(t, n) for n in mine for t in INPUTS]), 10)
                for (topic, number), end in ends.items():
                    mine[number].ends[topic] = end
                for held in mine.values():
                    held.looked_at = time.monotonic()
                await self._tails(mine)
            self._watch(mine, others())
            await _either(stop, _LOOK_EVERY)

    async def _tails(self, mine: Mapping[int, Held]) -> None:
        """A tail that the consumer does not bring, and a log that is shorter than what was applied: believed when they stay so."""
        for number, held in mine.items():
            for topic in INPUTS:
                following, end = held.ward.applied[topic] + 1, held.ends[topic]
                known, looks = self._still.get((number, topic), (-1, 0))
                looks = looks + 1 if following != end and known == following else 0
                self._still[number, topic] = (following, looks)
                if looks < _TAIL_AFTER:
                    continue
                if following > end:
                    await self._wards.replaced(held, topic)
                    continue
                logger.warning(
                    "%s/%d: the consumer does not bring offsets %d to %d; reading them",
                    topic,
                    number,
                    following,
                    end - 1,
                )
                await self._wards.catch_up(held, topic)

    def _watch(self, mine: Mapping[int, Held], others: Mapping[str, tuple[int, int]]) -> None:
        positions = dict(others)
        for number, held in mine.items():
            positions |= {f"{topic}/{number}": (held.seen.get(topic, 0), end) for topic, end in held.ends.items()}
        stalled = self._watchdog.look(positions, time.monotonic())
        if stalled:
            names = ", ".join(stalled[:5])
            logger.critical(
                "no progress for %g s although there is work in %s; leaving to be started again",
                self._worker.stall_limit,
                names,
            )
            self._leave(LEAVE_STALLED)

    async def changes(self, stop: asyncio.Event, rules: RulesFile, registry: Callable[[], Registry]) -> None:
        """Take up rules and devices that changed."""
        while not stop.is_set():
            try:
                fresh = await asyncio.to_thread(rules.changed)
            except InvalidRules as error:
                logger.error("the rules changed and cannot be used; the old ones stay in force:\n%s", error)
                fresh = None
            if fresh is not None:
                await self._wards.under(fresh)
                logger.info("rules read again: %d in force", len(fresh.rule))
            now = registry()
            for held in list(self._wards.held.values()):
                if held.enrolled != now.version and held.caught_up(time.monotonic()):
                    await self._wards.enrol(held, now)
            await _either(stop, 1.0)


async def tended(name: str, loop: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run a loop and start it again when it fails; the watchdog ends a worker whose failure does not pass."""
    while not stop.is_set():
        try:
            await loop()
        except Exception:  # a log that is away for a while must not end timers and snapshots for good
            logger.exception("%s failed; starting again", name)
            await _either(stop, 1.0)


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, or so long."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
