"""A ward in hand: its state, what it said and is not in the log yet, and how far its topics go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ingest.log import LogWriter, Record
from ingest.topics import Topic
from streams.ward import Ward

FLUSH: Final = 500  # records that may be pending before their writing is waited for

Row = tuple[Topic, int, bytes]  # topic, offset, value of a record


@dataclass(slots=True)
class Held:
    """A ward in hand. The lock keeps records, timers and snapshots of one partition from meeting in the middle."""

    ward: Ward
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[Row] = field(default_factory=list)  # brought by the consumer, not applied yet
    pending: list[Record] = field(default_factory=list)  # said, but not yet in the log
    writing: asyncio.Lock = field(
        default_factory=asyncio.Lock
    )  # one write at a time, in the order in which it was said
    shipping: asyncio.Task[None] | None = None
    seen: dict[Topic, int] = field(default_factory=dict)  # the next offset that the consumer owes us
    ends: dict[Topic, int] = field(default_factory=dict)  # where the log ended at the last look
    looked_at: float = -1e9  # when that was (monotonic)
    enrolled: int | None = None  # version of the registry
    due: datetime | None = None  # when the ward wants to speak next
    changed: bool = False

    def caught_up(self, now: float, within: float = 3.0) -> bool:
        """Whether everything that was in the log a moment ago is applied: only then may a timer say that something is missing."""
        behind = (self.ward.applied.get(topic, -1) + 1 < end for topic, end in self.ends.items())
        return self.loaded.is_set() and now - self.looked_at < within and not any(behind)

    async def ship(self, writer: LogWriter) -> None:
        """Write what is pending beside what comes next; when too much is, wait for it."""
        if len(self.pending) >= FLUSH:
            await self.flush(writer)
        elif self.pending and (self.shipping is None or self.shipping.done()):
            self.shipping = asyncio.create_task(self.flush(writer))

    async def flush(self, writer: LogWriter) -> None:
        """Until nothing is pending. Only what the log has said yes to is forgotten."""
        async with self.writing:
            while self.pending:
                batch = list(self.pending)
                await writer.write(batch)
                del self.pending[: len(batch)]
