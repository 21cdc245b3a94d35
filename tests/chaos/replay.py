"""A replay of everything: consumer groups put back to offset 0, detector state forgotten; and a picture of the ledger to compare with."""

from __future__ import annotations

import asyncio
import hashlib
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError
from sqlalchemy import create_engine, text

from ingest.settings import LogSettings
from ingest.topics import Topic
from tests.chaos.logbook import GROUPS

_LEAVE_WITHIN = 30.0


def begin_anew(log: LogSettings) -> None:
    """Every group of the worker reads from the first record when it comes back. Nobody may be in the groups."""
    asyncio.run(_begin_anew(log))


async def _begin_anew(log: LogSettings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=log.brokers)
    await admin.start()
    try:
        for group, topics in GROUPS.items():
            parts = [TopicPartition(str(t), p) for t in topics for p in range(log.partitions)]
            await _commit(log, group, dict.fromkeys(parts, 0))
        snapshots = [TopicPartition(str(Topic.SNAPSHOTS), p) for p in range(log.partitions)]
        await admin.alter_configs([_deletable()])
        await asyncio.sleep(1)
        await admin.delete_records({tp: RecordsToDelete(before_offset=-1) for tp in snapshots})
        await admin.alter_configs([_deletable("compact")])
    finally:
        await admin.close()


def _deletable(policy: str = "compact,delete"):
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    return ConfigResource(ConfigResourceType.TOPIC, str(Topic.SNAPSHOTS), configs={"cleanup.policy": policy})


async def _commit(log: LogSettings, group: str, offsets: dict[TopicPartition, int]) -> None:
    deadline = time.monotonic() + _LEAVE_WITHIN
    while True:
        consumer = AIOKafkaConsumer(bootstrap_servers=log.brokers, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign(list(offsets))
            await consumer.commit(offsets)
            return
        except KafkaError:  # a member that died is still counted
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)
        finally:
            await consumer.stop()


def picture(url: str) -> dict[str, str]:
    """A digest of every row of alert, timeline and outbox, by table and key."""
    engine = create_engine(url)
    found: dict[str, str] = {}
    try:
        with engine.connect() as connection:
            for table, key in (("alert", "id"), ("timeline", "seq"), ("outbox", "key")):
                for row in connection.execute(text(f"SELECT {key} AS row_key, t.* FROM {table} t")).mappings():  # noqa: S608
                    said = repr(sorted((k, str(v)) for k, v in row.items()))
                    found[f"{table} {row['row_key']}"] = hashlib.sha256(said.encode()).hexdigest()
    finally:
        engine.dispose()
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Rows that are new, gone or different."""
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
