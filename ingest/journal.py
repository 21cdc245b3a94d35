"""The accounts of numbered messages in the log: written by a gateway process, read by whoever goes on in its place. Touches the network.

One partition holds what one client id wrote. Most records say what changed; every now and then the whole is written, so that reading
back from the end finds everything after a short way. Keys are used again and again, for the topic is compacted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.accounts import Book, holds_whole
from ingest.log import LogWriter, Record
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
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.brokers, client_id="tocsin-journal", enable_auto_commit=False,
            fetch_max_wait_ms=20, request_timeout_ms=15_000, max_partition_fetch_bytes=4 << 20,
        )  # fmt: skip
        try:
            await consumer.start()
            begin, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            consumer.assign([tp])
            back = _LOOK_BACK
            while True:
                start = max(begin, end - back)
                found = await self._span(consumer, tp, start, end)
                if start == begin or holds_whole(found):
                    return found
                back *= 8
        finally:
            await consumer.stop()

    async def _span(self, consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int) -> list[bytes]:
        found: list[bytes] = []
        consumer.seek(tp, start)
        while await consumer.position(tp) < end:
            records = (await consumer.getmany(tp, timeout_ms=500)).get(tp, [])
            mine = (r for r in records if r.offset < end and (r.key or b"").startswith(self._owner))
            found += [r.value for r in mine if r.value]
        return found
