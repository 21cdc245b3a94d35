"""A broker whose disk is lost begins with an empty one under its old number, and has all its copies again."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from api.doctor.logview import LogAway, LogView, view
from ingest.log import LogWriter, Record, ensure_topics
from ingest.settings import LogSettings
from ingest.topics import Topic
from tests.conftest import serving
from tests.live.servers import Kafka

pytestmark = [pytest.mark.server, pytest.mark.live]
WITHIN = 90.0
RECORDS = [Record(Topic.SIGNALS, n % 3, b"%d" % n) for n in range(300)]


def until(settings: LogSettings, what: str, so: Callable[[LogView], bool]) -> LogView:
    deadline = time.monotonic() + WITHIN
    while True:
        try:
            seen = view(settings)
            if so(seen):
                return seen
        except LogAway as error:
            what = f"{what} ({error})"
        assert time.monotonic() < deadline, f"not within {WITHIN:g} s: {what}"


async def written(settings: LogSettings) -> None:
    await ensure_topics(settings)
    async with LogWriter(settings) as writer:
        await writer.write(RECORDS)


async def kept(settings: LogSettings) -> int:
    """How many records are in the log."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(Topic.SIGNALS, n) for n in range(3)])
        return sum(ends.values())
    finally:
        await consumer.stop()


def test_a_broker_with_an_empty_disk_gets_all_its_copies_again(tmp_path: Path) -> None:
    cluster = Kafka(tmp_path, brokers=3)
    with serving(cluster):
        settings = cluster.settings(partitions=3)
        asyncio.run(written(settings))
        (named,) = re.findall(r"cluster.id=(\S+)", (tmp_path / "log0" / "meta.properties").read_text(encoding="utf-8"))
        cluster.kill(2)
        shutil.rmtree(tmp_path / "log2")
        until(settings, "the copies are missed", lambda seen: any(p.in_sync < p.replicas for p in seen.partitions))
        assert cluster._format(2, named).wait(60) == 0  # what the image does with an empty volume
        cluster.start_again(2)
        until(settings, "all copies are back", lambda seen: all(p.in_sync == 3 for p in seen.partitions))
        cluster.kill(0)  # the others, the new one among them, have everything
        until(settings, "the rest serves", lambda seen: all(p.leader > 0 and p.in_sync == 2 for p in seen.partitions))
        assert asyncio.run(kept(settings)) == len(RECORDS)
