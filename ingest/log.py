"""Writing to the log (Apache Kafka or the embedded broker). Touches the network; decides nothing about what is
written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from ingest.events import Call, Event, Lapse, Presence, Rejected, Report, Sighting, encode
from ingest.settings import LogSettings
from ingest.topics import Topic, TopicPlan, partition_of, plan

logger = logging.getLogger(__name__)

_TOPIC_EXISTS: Final = 36
_TOPIC_OF: Final[dict[type[Any], Topic]] = {
    Sighting: Topic.SIGHTINGS,
    Call: Topic.CALLS,
    Report: Topic.CALLS,  # what people say meets in one topic
    Presence: Topic.PRESENCE,
    Lapse: Topic.PRESENCE,
    Rejected: Topic.REJECTS,
}
_LONGEST_PAUSE: Final = 5.0
_PATIENCE: Final = 10.0  # seconds without an answer after which a write that goes on waiting is said to fail
_AWAY: Final = (KafkaError, OSError)


class LogUnavailable(RuntimeError):
    """The log cannot be reached, or its topics are not as they must be."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry for the log. The partition is explicit: every process agrees on it (`ingest.topics.partition_of`)."""

    topic: str
    partition: int
    value: bytes | None  # None: in a compacted topic the key is forgotten
    key: bytes | None = None


def record_of(event: Event, partitions: int) -> Record:
    """The record of a single event: its own topic, the partition of its township, keyed by the township.

    What was rejected has no place; it goes by its source, so that one noisy gateway stays in one partition.
    """
    meets = event.source if isinstance(event, Rejected) else event.place.township
    return Record(_TOPIC_OF[type(event)], partition_of(meets, partitions), encode(event), meets.encode())


async def ensure_topics(settings: LogSettings, *, within: float = 60.0) -> None:
    """Every topic exists as `ingest.topics.plan` wants it when this returns; safe to repeat and to run in several
    processes at once.

    Waits up to `within` seconds for the log to answer. Raises `LogUnavailable` when it does not, and when a topic
    stands there with fewer or more partitions than the settings say: townships would then meet in different
    partitions.
    """
    deadline, wanted = time.monotonic() + within, plan(settings.partitions)
    while True:
        try:
            return await _ensure(settings, wanted)
        except _AWAY as error:
            if time.monotonic() > deadline:
                raise LogUnavailable(
                    f"the log at {settings.brokers} did not answer within {within:g} s: {error!r}; "
                    "is it running, and is log.brokers right?"
                ) from error
        await asyncio.sleep(0.2)


async def _ensure(settings: LogSettings, wanted: Sequence[TopicPlan]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers, request_timeout_ms=15_000)
    try:
        await admin.start()
        there = await _partition_counts(admin)
        missing = [_new_topic(p, settings) for p in wanted if p.name not in there]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, *_ in answer.topic_errors:
                if code not in {0, _TOPIC_EXISTS}:
                    raise for_code(code)(f"the log did not create {name}")
            there = await _partition_counts(admin)
        if absent := [str(p.name) for p in wanted if p.name not in there]:
            raise for_code(3)(f"not there yet: {', '.join(absent)}")  # created elsewhere this instant: tried again
        for p in wanted:
            if there[p.name] != p.partitions:
                raise LogUnavailable(
                    f"topic {p.name} has {there[p.name]} partitions and log.partitions says {p.partitions}; "
                    f"set log.partitions = {there[p.name]}, or move to new topics while nothing is in flight"
                )
    finally:
        with contextlib.suppress(*_AWAY):
            await admin.close()


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    return {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics() if not t["error_code"]}


def configs_of(p: TopicPlan, settings: LogSettings) -> dict[str, str]:
    """How the log is to keep a topic."""
    if p.compacted:
        configs = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
    else:
        configs = {"cleanup.policy": "delete", "retention.ms": str(settings.retention_days * 86_400_000)}
    # The broker dates records: a device's clock that is years off would otherwise be refused, or would keep a segment for ever. The
    # device's own time travels inside.
    return configs | {"message.timestamp.type": "LogAppendTime", "min.insync.replicas": str(settings.min_insync)}


def _new_topic(p: TopicPlan, settings: LogSettings) -> NewTopic:
    return NewTopic(str(p.name), p.partitions, settings.replication, topic_configs=configs_of(p, settings))


class LogWriter:
    """Writes records and waits for the log's yes (`acks=all`). Used by one event loop.

    `write` returns only when the log has every record. While the log is away it tries for ever, saying so once;
    give it a time limit (`asyncio.timeout`) where waiting for ever is wrong. Writes go out in order while the log
    is well; a repeated write may come twice or behind a later one. `healthy` tells whether the last attempt
    succeeded.
    """

    def __init__(self, settings: LogSettings, *, client_id: str = "tocsin") -> None:
        self._settings, self._client_id = settings, client_id
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._mending = asyncio.Lock()
        self.healthy = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connects now rather than at the first write. A log that is away is no error: `write` will wait for it."""
        try:
            await self._started()
        except _AWAY as error:
            await self._failed(error)

    async def write(self, records: Sequence[Record]) -> None:
        """Returns when the log has all of them; never raises for a log that is away."""
        if not records:
            return
        if self._mending.locked():  # somebody is already knocking: wait in line behind
            async with self._mending:
                pass
        rest = await self._attempt(records)
        if not rest:
            return
        async with self._mending:
            pause = 0.1
            while rest := await self._attempt(rest):
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _attempt(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records that the log did not take.

        An idempotent producer knows no time limit: it tries for ever, to write and even to start, and says nothing.
        """
        loop = asyncio.get_running_loop()
        silence = loop.call_later(_PATIENCE, self._say_away, f"no answer within {_PATIENCE:g} s, still trying")
        try:
            return await self._write_once(records)
        finally:
            silence.cancel()

    async def _write_once(self, records: Sequence[Record]) -> Sequence[Record]:
        try:
            producer = await self._started()
            futures = [await producer.send(r.topic, r.value, key=r.key, partition=r.partition) for r in records]
        except (*_AWAY, AssertionError) as error:  # aiokafka asserts that the partition is there: topics may be coming
            await self._failed(error)
            return records
        answers = await asyncio.gather(*futures, return_exceptions=True)
        wrong = [(r, a) for r, a in zip(records, answers, strict=True) if isinstance(a, BaseException)]
        if wrong:
            await self._failed(wrong[0][1])
        elif not self.healthy:
            self.healthy = True
            logger.warning("the log at %s takes records again", self._settings.brokers)
        return [r for r, _ in wrong]

    async def _failed(self, error: BaseException) -> None:
        if not isinstance(error, (*_AWAY, AssertionError)):
            raise error
        self._say_away(repr(error))
        if not getattr(error, "retriable", False):  # a fenced or closed producer never heals: make a new one
            await self.stop()

    def _say_away(self, why: str) -> None:
        if self.healthy:
            self.healthy = False
            where = self._settings.brokers
            logger.error("the log at %s takes no records (%s); nothing is acknowledged until it does", where, why)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._settings.brokers, client_id=self._client_id, acks="all", linger_ms=0,
                    enable_idempotence=self._settings.idempotent, max_batch_size=786_432, request_timeout_ms=10_000,
                )  # fmt: skip
                try:
                    await producer.start()
                except BaseException:
                    with contextlib.suppress(*_AWAY):
                        await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def stop(self) -> None:
        """Lets go of the connection; a later write makes a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(*_AWAY, asyncio.TimeoutError):
                await asyncio.wait_for(producer.stop(), 5)
