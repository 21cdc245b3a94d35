"""Applies records to wards: in order, without holes, each once, and together where that changes nothing.

Contiguity is checked always: the next offset must be applied + 1; a hole is re-read from the log before going on, records at or below the
applied offset are passed over. What cannot be digested goes to the dead letters, and the others go on.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from ingest.clock import Clock
from ingest.events import Rejected, encode
from ingest.frames import Frame
from ingest.log import LogWriter, Record
from ingest.topics import Topic, partition_of
from streams import signal as signals
from streams.held import FLUSH, Held
from streams.shelf import Shelf
from streams.signal import Signal

logger = logging.getLogger(__name__)

_TOGETHER: Final = 200  # records that are applied in one go
_KEPT_RAW: Final = 300_000  # bytes of an undigested record that a dead letter keeps

Entries = Sequence[tuple[int, bytes]]  # offset and value, one offset after the other


class Applier:
    """The one way in which a record changes a ward. The caller holds the ward's lock."""

    def __init__(self, shelf: Shelf, writer: LogWriter, *, partitions: int, clock: Clock) -> None:
        self._shelf, self._writer, self._partitions, self._clock = shelf, writer, partitions, clock
        self.counts = {"records": 0, "signals": 0, "undigested": 0, "reread": 0}

    async def drain(self, held: Held) -> None:
        """Apply what waits; what it gives away is on its way to the log when this returns.

        Raises what reading a hole raises (the log is away); then what waits is still there, and those of it that were applied are passed
        over the next time.
        """
        while held.waiting:
            rows = list(held.waiting)
            for topic, run in groupby(rows, key=itemgetter(0)):
                await self._run(held, topic, [(offset, raw) for _, offset, raw in run])
            del held.waiting[: len(rows)]
        await held.ship(self._writer)

    async def _run(self, held: Held, topic: Topic, entries: Entries) -> None:
        """Apply what the consumer brought of one topic, reading what it left out."""
        together: list[tuple[int, bytes]] = []
        for offset, raw in entries:
            following = together[-1][0] + 1 if together else held.ward.applied[topic] + 1
            if offset < following:
                continue
            if offset > following:
                self.apply(held, topic, together)
                together = []
                logger.warning(
                    "%s/%d: applied up to %d, but the next is %d; reading the gap",
                    topic, held.ward.number, following - 1, offset,
                )  # fmt: skip
                await self.fill(held, topic, offset)
            together.append((offset, raw))
        self.apply(held, topic, together)
        held.seen[topic] = max(held.seen.get(topic, 0), entries[-1][0] + 1)

    async def fill(self, held: Held, topic: Topic, stop: int) -> None:
        """Apply what lies between the applied offset and `stop` (not included)."""
        number = held.ward.number
        await self.fill_all({number: held}, {(topic, number): (held.ward.applied[topic] + 1, stop)})

    async def fill_all(self, wards: Mapping[int, Held], gaps: Mapping[tuple[Topic, int], tuple[int, int]]) -> None:
        """Apply what lies in the gaps of several wards: all partitions that were taken over wait for it, so it is one reading."""
        read = 0
        together: dict[tuple[Topic, int], list[tuple[int, bytes]]] = defaultdict(list)
        async for topic, number, entry in self._shelf.spans(gaps):
            some = together[topic, number]
            some.append((entry.offset, entry.value))
            read += 1
            if len(some) >= _TOGETHER:
                self.apply(wards[number], topic, together.pop((topic, number)))
                if len(wards[number].pending) >= FLUSH:
                    await wards[number].flush(self._writer)
        for (topic, number), some in together.items():
            self.apply(wards[number], topic, some)
        for (topic, number), (_, stop) in gaps.items():
            applied = wards[number].ward.applied
            applied[topic] = max(applied[topic], stop - 1)
        self.counts["reread"] += read
        if gaps:
            logger.info("%d records of partitions %s read again", read, sorted({number for _, number in gaps}))

    def apply(self, held: Held, topic: Topic, entries: Entries) -> None:
        """Apply records that follow one another and the applied offset (holes are those that the log has let go of)."""
        for at in range(0, len(entries), _TOGETHER):
            some = entries[at : at + _TOGETHER]
            self.counts["records"] += len(some)
            held.changed = True
            if topic is not Topic.READINGS or len(some) == 1 or not self._joined(held, some):
                for offset, raw in some:
                    self._one(held, topic, offset, raw)

    def _joined(self, held: Held, entries: Entries) -> bool:
        """Apply frames as one, if they can be."""
        try:
            self.queue(held, held.ward.take_frames(entries[-1][0], [Frame.decode(raw) for _, raw in entries]))
        except Exception as error:  # one of them is broken: by themselves, the others are not
            logger.warning("%d frames are taken one by one: %s: %s", len(entries), type(error).__name__, error)
            return False
        return True

    def _one(self, held: Held, topic: Topic, offset: int, raw: bytes) -> None:
        try:
            self.queue(held, held.ward.take(topic, offset, raw))
        except Exception as error:  # the same bytes would fail again: the dead letters keep them, the others go on
            logger.exception("%s/%d offset %d cannot be digested", topic, held.ward.number, offset)
            self.counts["undigested"] += 1
            reason = f"offset {offset}: {type(error).__name__}: {error}"
            held.pending.append(self.dead_letter(topic, held.ward.number, raw, reason))

    def queue(self, held: Held, spoken: Sequence[Signal]) -> None:
        """Keep what a ward said until the log has it."""
        self.counts["signals"] += len(spoken)
        for s in spoken:
            number = partition_of(s.place.township, self._partitions)
            held.pending.append(Record(Topic.SIGNALS, number, signals.encode(s), s.place.township.encode()))

    def dead_letter(self, topic: Topic, number: int, raw: bytes, reason: str) -> Record:
        """What could not be digested, as a record of the dead letters."""
        cut = f" (first {_KEPT_RAW} of {len(raw)} bytes)" if len(raw) > _KEPT_RAW else ""
        letter = Rejected("undigested", raw[:_KEPT_RAW], f"{topic}/{number}", self._clock.now(), "", reason[:500] + cut)
        return Record(Topic.DEADLETTERS, number, encode(letter))
