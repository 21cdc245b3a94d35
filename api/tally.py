"""What the log holds, counted from the log itself: the witness for "published, kept, rejected, lost" that trusts no counter on the way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError

from ingest import events
from ingest.frames import Frame
from ingest.settings import LogSettings
from ingest.topics import Topic

GIVES_WITHIN: Final = 15.0  # seconds
EVENTS: Final = (Topic.SIGHTINGS, Topic.CALLS, Topic.PRESENCE)
# Which consumer group of the worker has to be through with which topics.
FOLLOWED: Final[dict[str, tuple[Topic, ...]]] = {
    "tocsin": (Topic.READINGS, *EVENTS),
    "tocsin-conduct": (Topic.SIGNALS,),
}


@dataclass(frozen=True, slots=True)
class Tally:
    """`kept` are distinct messages: a telemetry message is one (device, observed_at), however many metrics it held.

    `repeats` are those that came more than once.
    """

    kept: int
    rejected: int
    repeats: int
    signals: int
    rows: int


async def tally(settings: LogSettings) -> Tally:
    """Read every topic from its beginning and count. For demos, drills and tests: it reads the whole log."""
    messages: set[tuple[str, int]] = set()
    seen: dict[str, set[bytes]] = {topic: set() for topic in (*EVENTS, Topic.REJECTS, Topic.SIGNALS)}
    rows = total = 0
    async for topic, value in everything(settings, (Topic.READINGS, *seen)):
        if topic == Topic.READINGS:
            frame = Frame.decode(value)
            rows += len(frame)
            found = {
                (frame.devices[d].device, int(at))
                for d, at in zip(frame.device.tolist(), frame.observed_at.tolist(), strict=True)
            }
            total += len(found)
            messages |= found
        else:
            key = _identity(value) if topic in EVENTS else value
            total += topic in EVENTS
            seen[topic].add(key)
    kept = len(messages) + sum(len(seen[t]) for t in EVENTS)
    return Tally(kept, len(seen[Topic.REJECTS]), total - kept, len(seen[Topic.SIGNALS]), rows)


def _identity(value: bytes) -> bytes:
    """An event without the gateway's clock: the same message delivered twice is one."""
    event = events.decode(value)
    ident = getattr(event, "ident", None) or getattr(event, "device", "")
    return f"{ident}|{getattr(event, 'observed_at', '')}".encode()


async def everything(settings: LogSettings, topics: tuple[str, ...]) -> AsyncIterator[tuple[str, bytes]]:
    """Every record that the topics hold now, as (topic, value).

    Raises `KafkaTimeoutError` when the log does not give what it said it has: an embedded one that was started anew has forgotten it.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        parts = [TopicPartition(topic, p) for topic in topics for p in range(settings.partitions)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        waiting, heard = {part for part, end in ends.items() if end > 0}, time.monotonic()
        while waiting:
            for part, records in (await consumer.getmany(*waiting, timeout_ms=200)).items():
                heard = time.monotonic()
                for record in records:
                    yield part.topic, record.value
            waiting = {part for part in waiting if await consumer.position(part) < ends[part]}
            if time.monotonic() - heard > GIVES_WITHIN:
                raise KafkaTimeoutError(
                    f"{len(waiting)} partitions gave nothing for {GIVES_WITHIN:g} s; was the log started anew?"
                )
    finally:
        await consumer.stop()


async def caught_up(settings: LogSettings) -> bool:
    """Whether the worker's groups have committed everything that is in the topics they follow."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False)
    await admin.start()
    await consumer.start()
    try:
        for group, topics in FOLLOWED.items():
            parts = [TopicPartition(topic, p) for topic in topics for p in range(settings.partitions)]
            ends = await consumer.end_offsets(parts)
            done = await admin.list_consumer_group_offsets(group, partitions=parts)
            if any(end > 0 and (part not in done or done[part].offset < end) for part, end in ends.items()):
                return False
        return True
    finally:
        await consumer.stop()
        await admin.close()
