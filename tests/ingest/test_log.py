"""The log writer against every log: what it says is written can be read back, and an absent log only makes it wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.events import Call, Event, Place, Presence, Rejected, Sighting, Standing, decode
from ingest.log import LogUnavailable, LogWriter, Record, ensure_topics, record_of
from ingest.settings import LogSettings
from ingest.topics import Topic, partition_of
from tests.conftest import Log

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


async def read(settings: LogSettings, topic: str, partition: int, start: int, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False)
    await consumer.start()
    try:
        where = TopicPartition(topic, partition)
        consumer.assign([where])
        consumer.seek(where, start)
        return [(await asyncio.wait_for(consumer.getone(), 10)).value for _ in range(count)]
    finally:
        await consumer.stop()


async def end(settings: LogSettings, topic: str, partition: int) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers)
    await consumer.start()
    try:
        where = TopicPartition(topic, partition)
        return int((await consumer.end_offsets([where]))[where])
    finally:
        await consumer.stop()


def test_topics_are_made_once_and_a_second_run_changes_nothing(log_settings: LogSettings) -> None:
    async def run() -> None:
        await asyncio.gather(ensure_topics(log_settings), ensure_topics(log_settings))
        await ensure_topics(log_settings)

    asyncio.run(run())


def test_other_partition_counts_are_refused_with_what_to_do(log_settings: LogSettings) -> None:
    async def run() -> None:
        await ensure_topics(log_settings)
        with pytest.raises(LogUnavailable, match=r"set log\.partitions = 12"):
            await ensure_topics(log_settings.model_copy(update={"partitions": 5}))

    asyncio.run(run())


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1 did not answer"):
        asyncio.run(ensure_topics(LogSettings(brokers="127.0.0.1:1"), within=0.1))


def test_written_means_readable_in_order_and_in_the_given_partition(log_settings: LogSettings) -> None:
    async def run() -> None:
        await ensure_topics(log_settings)
        start = await end(log_settings, Topic.SIGNALS, 3)
        async with LogWriter(log_settings) as writer:
            for n in range(5):
                await writer.write([Record(Topic.SIGNALS, 3, f"{n}-{i}".encode()) for i in range(4)])
            assert writer.healthy
        found = await read(log_settings, Topic.SIGNALS, 3, start, 20)
        assert found == [f"{n}-{i}".encode() for n in range(5) for i in range(4)]

    asyncio.run(run())


def test_a_writer_waits_for_a_log_that_comes_later(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        await ensure_topics(log.settings)
        await asyncio.to_thread(log.go_away)
        back = False
        try:
            async with LogWriter(log.settings) as writer:
                waiting = asyncio.create_task(writer.write([Record(Topic.SIGNALS, 5, b"kept")]))
                while writer.healthy and not waiting.done():
                    await asyncio.sleep(0.01)
                assert not waiting.done()
                back = await asyncio.to_thread(log.come_back)
                await asyncio.wait_for(waiting, 60)
        finally:
            if not back:
                await asyncio.to_thread(log.come_back)
        assert await read(log.settings, Topic.SIGNALS, 5, 0, 1) == [b"kept"]

    asyncio.run(asyncio.wait_for(run(), 180))
    said = [r.getMessage() for r in caplog.records if r.name == "ingest.log"]
    assert len(said) == 2  # once when it went away, once when it came back
    assert "takes no records" in said[0]
    assert "takes records again" in said[1]


def test_every_event_goes_to_its_own_topic_in_its_townships_partition() -> None:
    place = Place("g1", "t1")
    events: dict[Topic, Event] = {
        Topic.SIGHTINGS: Sighting("s", "cam", "fire", 0.9, AT, AT, place),
        Topic.CALLS: Call("c", "smoke", AT, AT, place=place),
        Topic.PRESENCE: Presence("d", Standing.ONLINE, AT, AT, place),
    }
    for topic, event in events.items():
        record = record_of(event, 12)
        assert (record.topic, record.partition, record.key) == (topic, partition_of("t1", 12), b"t1")
        assert decode(record.value) == event


def test_rejects_of_one_source_meet_in_one_partition() -> None:
    records = [record_of(Rejected("bad_json", b"{", f"x/{n}", AT, source="gw-7"), 12) for n in range(5)]
    assert {r.partition for r in records} == {partition_of("gw-7", 12)}
    assert {r.topic for r in records} == {Topic.REJECTS}
