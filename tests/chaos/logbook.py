"""What the log holds, read back message by message for the history."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from api.tally import FOLLOWED
from ingest import events
from ingest.events import Call, Presence, Rejected, Sighting
from ingest.frames import Frame, to_micros
from ingest.settings import LogSettings
from ingest.topics import Topic
from tests.chaos.county import gateway_of
from tests.chaos.feed import POISON_SOURCE
from tests.chaos.history import History, runs

TOPICS: Final = (Topic.READINGS, Topic.SIGHTINGS, Topic.CALLS, Topic.PRESENCE, Topic.REJECTS, Topic.DEADLETTERS)
Presences = Mapping[tuple[str, int], int]
GROUPS: Final = {**FOLLOWED, "tocsin-record": (Topic.READINGS,)}
READING, EVENT, STORED = "reading", "event", "stored"
AT_ONCE: Final = 100_000  # messages that are kept in memory before they are written down
Found = dict[tuple[str, str], set[int]]
_REFUSED = re.compile(rb"^reading,device=([^, ]+),.*metric=uptime[, ].*value=([0-9.]+)")


class Logbook:
    """Reads on from where it stopped the last time. `presences` says which number a gateway's presence of an instant had."""

    def __init__(self, settings: LogSettings, presences: Presences) -> None:
        self._settings, self._presences = settings, presences
        self._next: dict[TopicPartition, int] = {}

    def read_into(self, history: History) -> None:
        """Write down every message that has come into the log since the last time."""
        asyncio.run(self._read(history))

    @staticmethod
    def _write(found: Found, history: History) -> None:
        for (source, where), numbers in sorted(found.items()):
            for first, last in runs(numbers):
                if where == STORED:
                    history.write("stored", source=source, first=first, last=last)
                else:
                    history.write("kept", source=source, first=first, last=last, reading=where == READING)

    async def _read(self, history: History) -> None:
        found: Found = defaultdict(set)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.brokers, enable_auto_commit=False, max_partition_fetch_bytes=4 << 20
        )
        await consumer.start()
        try:
            parts = [TopicPartition(str(t), p) for t in TOPICS for p in range(self._settings.partitions)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            for part in parts:
                consumer.seek(part, self._next.get(part, 0))
            waiting = {part for part in parts if ends[part] > self._next.get(part, 0)}
            while waiting:
                for part, records in (await consumer.getmany(*waiting, timeout_ms=500)).items():
                    for record in records:
                        self._note(part.topic, record.value or b"", found)
                if sum(map(len, found.values())) > AT_ONCE:
                    self._write(found, history)
                    found.clear()
                waiting = {part for part in waiting if await consumer.position(part) < ends[part]}
            self._write(found, history)
            for part in parts:
                self._next[part] = max(self._next.get(part, 0), ends[part])
        finally:
            await consumer.stop()

    def _note(self, topic: str, raw: bytes, found: Found) -> None:
        if topic == Topic.READINGS:
            frame = Frame.decode(raw)
            if "uptime" in frame.metrics:
                rows = np.flatnonzero(frame.metric == frame.metrics.index("uptime"))
                for i in rows.tolist():
                    found[frame.devices[frame.device[i]].gateway, READING].add(int(frame.value[i]))
            return
        event = events.decode(raw)
        if isinstance(event, Sighting | Call):
            gateway, _, seq = event.ident.rpartition(":")
            found[gateway, EVENT].add(int(seq))
        elif isinstance(event, Presence):
            seq_of = self._presences.get((event.gateway, to_micros(event.observed_at)))
            if seq_of is not None:
                found[event.gateway, EVENT].add(seq_of)
        elif isinstance(event, Rejected):
            (self._letter if topic == Topic.DEADLETTERS else self._rejected)(event, found)

    @staticmethod
    def _letter(event: Rejected, found: Found) -> None:
        """A line that the time series refused, set aside with its words."""
        if refused := _REFUSED.match(event.raw):
            found[gateway_of(refused[1].decode()), STORED].add(int(float(refused[2])))

    @staticmethod
    def _rejected(event: Rejected, found: Found) -> None:
        device = event.topic.split("/")[-2]
        if device.startswith("broken-"):
            found[POISON_SOURCE, EVENT].add(int(device.removeprefix("broken-")))
            return
        try:
            found[event.source, EVENT].add(int(json.loads(event.raw)["seq"]))
        except (ValueError, KeyError, TypeError):
            return  # nothing of ours


async def behind(settings: LogSettings) -> int:
    """How many records the worker's groups have not committed yet, all together."""
    return sum((await lags(settings)).values())


async def lags(settings: LogSettings) -> dict[str, int]:
    """The same by group."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False)
    await admin.start()
    try:
        await consumer.start()
        found: dict[str, int] = {}
        for group, topics in GROUPS.items():
            parts = [TopicPartition(str(t), p) for t in topics for p in range(settings.partitions)]
            ends = await consumer.end_offsets(parts)
            done = await admin.list_consumer_group_offsets(group, partitions=parts)
            found[group] = sum(max(0, end - max(0, done[p].offset if p in done else 0)) for p, end in ends.items())
        return found
    finally:
        await consumer.stop()
        await admin.close()
