"""The log as it is now: its brokers, its topics, how far each group of readers has come. Touches Kafka, changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from api.selfwatch.health import Position, Positions
from api.selfwatch.logbook import GROUPS
from ingest.settings import LogSettings
from ingest.topics import Topic

WITHIN: Final = 30.0
_REQUEST_MS: Final = 5000
_REACH: Final = 3.0
_AWAY: Final = (KafkaError, OSError, TimeoutError, AssertionError)
_PAUSE: Final = 0.5
_BETWEEN: Final = 1.0  # seconds between two looks at positions: enough for a reader that gets on to have got on


class LogAway(RuntimeError):
    """The log cannot be asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Copies:
    """One partition."""

    topic: str
    number: int
    leader: int
    replicas: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class LogView:
    """`kept` is how each topic is kept, empty where the log does not tell; `members` of a group is None where it cannot be told."""

    unreachable: tuple[str, ...]  # of the addresses in the settings
    brokers: tuple[str, ...]  # as the cluster names them
    partitions: tuple[Copies, ...]
    kept: Mapping[str, Mapping[str, str]]
    before: Mapping[str, Positions]  # of each group of readers …
    now: Mapping[str, Positions]  # … and a moment later
    members: Mapping[str, int | None]
    newest: datetime | None  # the log's own time on the newest reading
    asked_at: datetime


def view(settings: LogSettings) -> LogView:
    """Look. A cluster that has just started, or lost a broker, is given its time to settle who keeps and leads what. Raises `LogAway`."""
    unreachable = _unreachable(settings.brokers)
    try:
        return asyncio.run(asyncio.wait_for(_settled(settings, unreachable), WITHIN))
    except _AWAY as error:
        silent = f"; no answer from {', '.join(unreachable)}" if unreachable else ""
        raise LogAway(f"{settings.brokers}: {error or type(error).__name__}{silent}") from error


async def _settled(settings: LogSettings, unreachable: tuple[str, ...]) -> LogView:
    deadline = time.monotonic() + WITHIN / 2
    while True:
        try:
            return await _view(settings, unreachable)
        except _AWAY:
            if time.monotonic() > deadline or len(unreachable) == len(settings.brokers.split(",")):
                raise
        await asyncio.sleep(_PAUSE)


async def _view(settings: LogSettings, unreachable: tuple[str, ...]) -> LogView:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.brokers, request_timeout_ms=_REQUEST_MS, client_id="tocsin-doctor"
    )
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers,
        enable_auto_commit=False,
        request_timeout_ms=_REQUEST_MS,
        client_id="tocsin-doctor",
    )
    try:
        await admin.start()
        await reader.start()
        cluster = await admin.describe_cluster()
        topics = [t for t in await admin.describe_topics() if t["topic"] in set(Topic) and not t["error_code"]]
        partitions = tuple(
            Copies(t["topic"], p["partition"], p["leader"], len(p["replicas"]), len(p["isr"]))
            for t in topics
            for p in t["partitions"]
        )
        there = {t["topic"] for t in topics}
        whole = set(Topic) <= there and all(sum(p.topic == t for p in partitions) >= settings.partitions for t in Topic)
        before = await _positions(admin, reader, settings.partitions) if whole else {}
        if any(at.end > at.done for positions in before.values() for at in positions.values()):
            await asyncio.sleep(_BETWEEN)
        return LogView(
            unreachable,
            tuple(sorted(f"{b['host']}:{b['port']}" for b in cluster["brokers"])),
            partitions,
            await _kept(admin, sorted(there)) if settings.idempotent and there else {},
            before,
            await _positions(admin, reader, settings.partitions) if whole else {},
            {name: await _members(admin, group, settings) for name, (group, _) in GROUPS.items()} if whole else {},
            await _newest(reader, settings.partitions) if whole else None,
            datetime.now(UTC),
        )
    finally:
        for end in (reader.stop, admin.close):
            with contextlib.suppress(KafkaError, OSError):
                await end()


def _unreachable(addresses: str) -> tuple[str, ...]:
    found = []
    for address in (part.strip() for part in addresses.split(",")):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_REACH).close()
        except (OSError, ValueError):
            found.append(address)
    return tuple(found)


async def _kept(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, _, _, name, entries in answer.resources:
            if not code:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _positions(admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer, partitions: int) -> dict[str, Positions]:
    found: dict[str, Positions] = {}
    for name, (group, topics) in GROUPS.items():
        parts = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
        begins, ends = await reader.beginning_offsets(parts), await reader.end_offsets(parts)
        done: Mapping[Any, Any] = await admin.list_consumer_group_offsets(group, partitions=parts)
        found[name] = {
            f"{p.topic}/{p.partition}": Position(max(done[p].offset if p in done else -1, begins[p]), ends[p])
            for p in parts
        }
    return found


async def _members(admin: AIOKafkaAdminClient, group: str, settings: LogSettings) -> int | None:
    if not settings.idempotent:  # the embedded log: it cannot tell
        return None
    [described] = await admin.describe_consumer_groups([group])
    code, _, state, _, _, members, *_ = described.groups[0]
    return None if code or "Rebalance" in state else len(members)


async def _newest(reader: AIOKafkaConsumer, partitions: int) -> datetime | None:
    """The log's time on the newest reading there is."""
    parts = [TopicPartition(Topic.READINGS, p) for p in range(partitions)]
    ends, begins = await reader.end_offsets(parts), await reader.beginning_offsets(parts)
    filled = [part for part in parts if ends[part] > begins[part]]
    if not filled:
        return None
    reader.assign(filled)
    for part in filled:
        reader.seek(part, ends[part] - 1)
    newest, waiting, deadline = 0, set(filled), time.monotonic() + _REACH
    while waiting and time.monotonic() < deadline:
        for part, records in (await reader.getmany(*waiting, timeout_ms=200)).items():
            newest = max([newest, *(record.timestamp for record in records)])
            waiting.discard(part)
    return datetime.fromtimestamp(newest / 1000, UTC) if newest > 0 else None
