"""Reading back from the log, outside any consumer group: snapshots, gaps, and where topics begin and end. Touches the network."""

from __future__ import annotations

import logging
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ingest.log import Record
from ingest.settings import LogSettings
from ingest.topics import Topic
from streams.recovery import Reach

logger = logging.getLogger(__name__)

CHUNK: Final = 600_000  # well below the megabyte that a log takes as one record
_LOOK_BACK: Final = 64  # records at the end of a snapshot partition among which the newest whole snapshot is looked for
_PIECE: Final = struct.Struct("<qHH")  # serial, index, count


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the log as it was read back."""

    offset: int
    value: bytes


class Shelf:
    """What is already in the log. Every call opens what it needs and lets go of it; errors of the log come out as they are."""

    def __init__(self, log: LogSettings) -> None:
        self._log = log
        self._asking: AIOKafkaConsumer | None = None

    async def ends(self, places: Iterable[tuple[Topic, int]]) -> dict[tuple[Topic, int], int]:
        """The offset that the next record of each partition will get."""
        asking = await self._asked()
        found = await asking.end_offsets([TopicPartition(str(t), p) for t, p in places])
        return {(Topic(tp.topic), tp.partition): end for tp, end in found.items()}

    async def reach(
        self, group: str, places: Sequence[tuple[Topic, int]], since: datetime
    ) -> dict[tuple[Topic, int], Reach]:
        """Where each partition begins and ends, what the group has committed there, and where it stood at an instant."""
        partitions = [TopicPartition(str(t), p) for t, p in places]
        admin = AIOKafkaAdminClient(bootstrap_servers=self._log.brokers)
        await admin.start()
        try:
            committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
        finally:
            await admin.close()
        asking, then = await self._asked(), int(since.timestamp() * 1000)
        begin, end = await asking.beginning_offsets(partitions), await asking.end_offsets(partitions)
        stood = await asking.offsets_for_times(dict.fromkeys(partitions, then))
        return {
            (Topic(tp.topic), tp.partition): Reach(
                begin[tp],
                end[tp],
                committed[tp].offset if tp in committed else -1,
                at.offset if (at := stood.get(tp)) is not None and at.offset >= 0 else end[tp],
            )
            for tp in partitions
        }

    async def newest(self, numbers: Sequence[int]) -> Mapping[int, bytes]:
        """The newest whole snapshot of each partition that has one."""
        partitions = [TopicPartition(str(Topic.SNAPSHOTS), n) for n in numbers]
        async with self._consumer() as consumer:
            begin, end = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            filled = [tp for tp in partitions if end[tp] > begin[tp]]
            pieces: dict[int, list[bytes]] = {}
            if not filled:
                return {}
            consumer.assign(filled)
            for tp in filled:
                consumer.seek(tp, max(begin[tp], end[tp] - _LOOK_BACK))
            while any([await consumer.position(tp) < end[tp] for tp in filled]):
                for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                    pieces.setdefault(tp.partition, []).extend(r.value for r in records if r.value)
        whole = {number: joined(found) for number, found in pieces.items()}
        return {number: raw for number, raw in whole.items() if raw is not None}

    async def spans(
        self, wanted: Mapping[tuple[Topic, int], tuple[int, int]]
    ) -> AsyncIterator[tuple[Topic, int, Entry]]:
        """The records of several places, each from the first offset up to but without the second: in order within each place, mixed
        among them. Those that the log has let go of are missing, and it says so.
        """
        if not wanted:
            return
        stops = {TopicPartition(str(topic), number): stop for (topic, number), (_, stop) in wanted.items()}
        async with self._consumer() as consumer:
            begins = await consumer.beginning_offsets(list(stops))
            consumer.assign(list(stops))
            for (topic, number), (start, _) in wanted.items():
                tp = TopicPartition(str(topic), number)
                if start < begins[tp]:
                    logger.error(
                        "%s/%d: offsets %d to %d are no longer in the log: they cannot be read again",
                        topic, number, start, begins[tp] - 1,
                    )  # fmt: skip
                consumer.seek(tp, max(start, begins[tp]))
            left = [tp for tp, stop in stops.items() if await consumer.position(tp) < stop]
            while left:
                for tp, records in (await consumer.getmany(*left, timeout_ms=500, max_records=500)).items():
                    for record in records:
                        if record.offset < stops[tp]:
                            yield Topic(tp.topic), tp.partition, Entry(record.offset, record.value or b"")
                left = [tp for tp in left if await consumer.position(tp) < stops[tp]]

    async def close(self) -> None:
        """Let go of the connection."""
        if self._asking is not None:
            await self._asking.stop()
            self._asking = None

    async def _asked(self) -> AIOKafkaConsumer:
        if self._asking is None:
            asking = self._new()
            await asking.start()
            self._asking = asking
        return self._asking

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        consumer = self._new()
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()

    def _new(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._log.brokers, client_id="tocsin-shelf", enable_auto_commit=False,
            fetch_max_wait_ms=20, request_timeout_ms=15_000, max_partition_fetch_bytes=4 << 20,
        )  # fmt: skip


def pieces(number: int, raw: bytes, serial: int) -> list[Record]:
    """A snapshot as records that a log takes, in the snapshot partition of that number. `serial` tells one snapshot from the next."""
    chunks = [raw[at : at + CHUNK] for at in range(0, len(raw), CHUNK)] or [b""]
    return [
        Record(Topic.SNAPSHOTS, number, _PIECE.pack(serial, i, len(chunks)) + chunk, b"%d/%d" % (number, i))
        for i, chunk in enumerate(chunks)
    ]


def joined(found: Sequence[bytes]) -> bytes | None:
    """The newest whole snapshot among pieces in the order of the log, or None."""
    sets: dict[tuple[int, int], dict[int, bytes]] = {}
    newest: bytes | None = None
    for piece in found:
        if len(piece) < _PIECE.size:
            continue
        serial, index, count = _PIECE.unpack_from(piece)
        parts = sets.setdefault((serial, count), {})
        parts[index] = piece[_PIECE.size :]
        if len(parts) == count:
            newest = b"".join(parts[i] for i in sorted(parts))
    return newest
