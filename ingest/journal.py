"""What a process leaves in the log to whoever goes on in its place: accounts of numbered messages, and sources that a door keeps out.
Touches the network.

One partition holds what one client id wrote. Most records say what changed; every now and then the whole is written, so that reading
back from the end finds everything after a short way. Keys are used again and again, for the topic is compacted. An episode of a source
that is kept out has a key of its own, which is forgotten when it is over.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Protocol

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ingest.accounts import Book, holds_whole
from ingest.log import LogWriter, Record
from ingest.quarantine import Episode
from ingest.settings import LogSettings
from ingest.topics import Topic, partition_of

_WHOLE_AFTER: Final = 1000  # records of changes
_WHOLE_WITHIN: Final = 60.0  # seconds, when something changed
_LOOK_BACK: Final = 2 * _WHOLE_AFTER


class Journal(Protocol):
    """Where accounts survive us."""

    async def write(self, book: Book) -> None:
        """Returns when what changed in the book is kept."""
        ...

    async def read(self) -> Sequence[bytes]:
        """What was kept, oldest first, as far back as it matters. Raises what the log raises."""
        ...


class LogJournal:
    """The journal of one client id in the log."""

    def __init__(self, settings: LogSettings, writer: LogWriter, client_id: str) -> None:
        self._settings, self._writer, self._owner = settings, writer, client_id.encode() + b"\x00"
        self._partition = partition_of(client_id, settings.partitions)
        self._changes = _WHOLE_AFTER
        self._whole_at = 0.0

    async def write(self, book: Book) -> None:
        now = time.monotonic()
        if self._changes >= _WHOLE_AFTER or now - self._whole_at > _WHOLE_WITHIN:
            self._changes, self._whole_at = 0, now
            bodies = book.whole(time.time_ns())
            keys = [b"%swhole/%d" % (self._owner, i) for i in range(len(bodies))]
        else:
            self._changes += 1
            bodies, keys = [book.changes()], [b"%s%d" % (self._owner, self._changes)]
        await self._writer.write(
            [Record(Topic.SEQUENCES, self._partition, body, key) for body, key in zip(bodies, keys, strict=True)]
        )

    async def read(self) -> Sequence[bytes]:
        tp = TopicPartition(str(Topic.SEQUENCES), self._partition)
        self._changes = _WHOLE_AFTER  # whoever reads goes on in another's place: what follows begins with a whole
        async with _reading(self._settings) as consumer:
            begin, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            consumer.assign([tp])
            back = _LOOK_BACK
            while True:
                start = max(begin, end - back)
                found = await self._span(consumer, tp, start, end)
                if start == begin or holds_whole(found):
                    return found
                back *= 8

    async def _span(self, consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int) -> list[bytes]:
        return [value for at, _, value in await _of(self._owner, consumer, tp, start, end) if value and at < end]


class Standing(Protocol):
    """Where the episodes of a door survive us."""

    def record(self, episode: Episode) -> Record:
        """What is to be written of an episode that began, or is over."""
        ...

    async def read(self) -> list[Episode]:
        """Those that began and were never over, oldest first. Raises `OSError` while the log is away."""
        ...


class LogStanding:
    """The episodes of one door in the log. No client id begins as its keys do."""

    def __init__(self, settings: LogSettings, door: str) -> None:
        self._settings, self._owner = settings, b"\x00out\x00" + door.encode() + b"\x00"
        self._partition = partition_of(door, settings.partitions)

    def record(self, episode: Episode) -> Record:
        key = self._owner + f"{episode.source}\x00{episode.since.isoformat()}".encode()
        body = orjson.dumps({"source": episode.source, "why": episode.why, "since": episode.since})
        return Record(Topic.SEQUENCES, self._partition, None if episode.over else body, key)

    async def read(self) -> list[Episode]:
        tp = TopicPartition(str(Topic.SEQUENCES), self._partition)
        try:
            async with _reading(self._settings) as consumer:
                begin, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
                consumer.assign([tp])
                # with what came meanwhile: the embedded log names the first of the last records written together as its end
                last = {key: value for _, key, value in await _of(self._owner, consumer, tp, begin, end)}
        except KafkaError as error:
            raise ConnectionError(f"the log at {self._settings.brokers} cannot be read: {error!r}") from error
        said = [orjson.loads(value) for value in last.values() if value]
        found = [Episode(one["source"], one["why"], datetime.fromisoformat(one["since"])) for one in said]
        return sorted(found, key=lambda episode: episode.since)


@asynccontextmanager
async def _reading(settings: LogSettings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers, client_id="tocsin-journal", enable_auto_commit=False,
        fetch_max_wait_ms=20, request_timeout_ms=15_000, max_partition_fetch_bytes=4 << 20,
    )  # fmt: skip
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _of(
    owner: bytes, consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int
) -> list[tuple[int, bytes, bytes | None]]:
    """Offsets, keys and values from `start` until `end` at least, of whoever's keys begin so."""
    found: list[tuple[int, bytes, bytes | None]] = []
    consumer.seek(tp, start)
    while await consumer.position(tp) < end:
        records = (await consumer.getmany(tp, timeout_ms=500)).get(tp, [])
        found += [(r.offset, r.key, r.value) for r in records if (r.key or b"").startswith(owner)]
    return found
