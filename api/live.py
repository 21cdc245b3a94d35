"""The live stream: one poller of the timeline serves every desk, and a desk that was away resumes where it stopped.

A message's id is the timeline's `seq`, so resuming is reading the timeline from there. A reader that cannot keep up is
let go rather than buffered without bound: it comes back with the id of the last message it had and misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from alerts.alert import Entry
from alerts.ledger.port import Ledger

log = logging.getLogger(__name__)

BATCH: Final = 200  # entries read from the timeline at once
REPLAY_LIMIT: Final = (
    5000  # entries a returning reader is told one by one; further behind, it is told to read everything anew
)
ROOM: Final = 1 << 20  # bytes that may wait for one reader


@dataclass(frozen=True, slots=True)
class Message:
    """One event as it goes over the wire, encoded once for all. `unseen` is an alert no operator has been shown yet."""

    seq: int
    wire: bytes
    unseen: str = ""


def event(name: str, data: object, *, seq: int | None = None) -> bytes:
    """One server-sent event (WHATWG HTML 9.2). JSON has no raw line break, so one data line is enough."""
    ident = b"" if seq is None else b"id: %d\n" % seq
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), ident, orjson.dumps(data))


class Reader:
    """One open stream: the messages that wait to be written to it."""

    def __init__(self, after: int, room: int = ROOM) -> None:
        self.after = after
        self.ended = False  # no more will come: it fell behind, or the server is going
        self._room = room
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()

    def offer(self, messages: Sequence[Message]) -> bool:
        """Queue what is newer than the reader's position; False when it has fallen too far behind and is let go."""
        if self.ended:
            return False
        for message in messages:
            if message.seq > self.after:
                self._waiting.append(message.wire)
                self._bytes += len(message.wire)
                self.after = message.seq
        if self._bytes > self._room:
            self.end()
            return False
        self._woken.set()
        return True

    def end(self) -> None:
        """Tell the writer to stop. What waited is dropped: the reader's last id says from where to read the timeline."""
        self.ended = True
        self._waiting.clear()
        self._bytes = 0
        self._woken.set()

    async def chunk(self, at_most: float) -> bytes:
        """Everything that waits, or nothing when `at_most` seconds pass first or the stream has ended."""
        if not self._waiting and not self.ended:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), at_most)
        self._woken.clear()
        found = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return found


class Live:
    """Reads the timeline while somebody listens and hands each entry to every reader.

    `render` turns entries into messages, one each; `shown` is told which alerts reached a desk for the first time.
    Both are called in threads.
    """

    def __init__(
        self,
        ledger: Ledger,
        render: Callable[[Sequence[Entry]], list[Message]],
        shown: Callable[[list[str]], None],
        *,
        pause: float = 0.03,
    ) -> None:
        self._ledger = ledger
        self._render = render
        self._shown = shown
        self._pause = pause
        self._readers: set[Reader] = set()
        self._unseen: dict[str, None] = {}
        self._joining = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._to_mark = asyncio.Event()
        self.seq = 0

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return len(self._readers)

    async def run(self) -> None:
        """Poll and mark until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll())
            group.create_task(self._mark())

    def saw(self, alerts: Sequence[str]) -> None:
        """Note that alerts are on an operator's screen now; recorded soon after, never in the way of the stream."""
        self._unseen.update(dict.fromkeys(alerts))
        if self._unseen:
            self._to_mark.set()

    def close(self) -> None:
        """End every stream, so that the server can stop. Readers come back by themselves."""
        for reader in self._readers:
            reader.end()

    @contextlib.asynccontextmanager
    async def reading(self, since: int | None) -> AsyncIterator[tuple[Reader, AsyncIterator[bytes]]]:
        """A reader, and what it must be told first: the entries after `since`, or `reset` when they are too many."""
        async with self._joining:
            last = await asyncio.to_thread(self._ledger.last_seq)
            if not self._readers:
                self.seq = last
            start = self.seq
            reader = Reader(max(start, since or 0) if since is None or since <= last else start)
            self._readers.add(reader)
            self._wanted.set()
        try:
            yield reader, self._before(since, start, last)
        finally:
            self._readers.discard(reader)
            if not self._readers:
                self._wanted.clear()

    async def _before(self, since: int | None, start: int, last: int) -> AsyncIterator[bytes]:
        if since is None:
            return
        if since > last or start - since > REPLAY_LIMIT:
            yield event("reset", {"seq": start}, seq=start)
            return
        while since < start:
            messages = await asyncio.to_thread(self._read, since)
            wanted = [message for message in messages if message.seq <= start]
            yield b"".join(message.wire for message in wanted)
            if len(wanted) < BATCH:
                return
            since = wanted[-1].seq

    def _read(self, after: int) -> list[Message]:
        entries = self._ledger.entries_after(after, limit=BATCH)
        return self._render(entries) if entries else []

    async def _poll(self) -> None:
        failing = False
        while True:
            await self._wanted.wait()
            asked = self.seq
            try:
                messages = await asyncio.to_thread(self._read, asked)
            except Exception as error:  # one poller serves every desk: it outlives whatever the ledger says
                if not failing:
                    log.warning(
                        "the live stream cannot read the ledger (%s); desks show when their data is old, trying again",
                        error,
                    )
                failing = True
                await asyncio.sleep(1.0)
                continue
            failing = False
            if messages and self.seq == asked:  # unless everybody left and somebody came back meanwhile
                self._hand_out(messages)
            if len(messages) < BATCH:
                await asyncio.sleep(self._pause)

    def _hand_out(self, messages: list[Message]) -> None:
        self.seq = messages[-1].seq
        for reader in tuple(self._readers):
            if not reader.offer(messages):
                log.warning("a live stream's reader fell behind and was let go; it resumes when it comes back")
                self._readers.discard(reader)
        if self._readers:
            self.saw([message.unseen for message in messages if message.unseen])

    async def _mark(self) -> None:
        while True:
            await self._to_mark.wait()
            self._to_mark.clear()
            alerts, self._unseen = list(self._unseen), {}
            for first in range(0, len(alerts), BATCH):
                try:
                    await asyncio.to_thread(self._shown, alerts[first : first + BATCH])
                except Exception as error:  # a stage that could not be noted must not end the stream
                    log.warning("could not note that alerts were shown: %s", error)
