"""The log as the watch sees it: does it answer, has it all its copies, do its readers get on, and did a canary get in? Touches Kafka."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from api.selfwatch.canary import Stage, in_frame, in_signal
from api.selfwatch.health import CONDUCT, COPIES, DETECT, RECORD, Answer, Position, Positions, progress
from api.selfwatch.questions import WITHIN
from ingest.events import InvalidEvent, Mark
from ingest.frames import Frame
from ingest.settings import LogSettings
from ingest.topics import Topic, partition_of
from streams import signal as signals
from streams.app import GROUP

T = TypeVar("T")
GROUPS: Final[Mapping[str, tuple[str, tuple[Topic, ...]]]] = MappingProxyType({
    DETECT: (GROUP, (Topic.READINGS, Topic.SIGHTINGS, Topic.CALLS, Topic.PRESENCE)),
    CONDUCT: ("tocsin-conduct", (Topic.SIGNALS,)),
    RECORD: ("tocsin-record", (Topic.READINGS,)),
})  # fmt: skip
AWAY: Final = (KafkaError, OSError, TimeoutError, AssertionError)
_REQUEST_MS: Final = 2500  # a broker that hangs leaves time to ask another
Seen = list[tuple[int, Stage, Mark]]


class Logbook:
    """One admin client, and one consumer of the partition in which canaries meet. Made anew after an outage. Used by one event loop."""

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        number = partition_of("", settings.partitions)  # a canary has no place
        self._way = [TopicPartition(topic, number) for topic in (Topic.READINGS, Topic.SIGNALS)]
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._read_to: dict[TopicPartition, int] = {}
        self._positions: dict[str, Positions] = {}

    async def answers(self) -> dict[str, Answer]:
        """Copies, and how each group of readers does since the last look. Raises one of `AWAY` when the log does not answer."""
        copies = await _bounded(self._copies(), 2 * WITHIN)
        return {COPIES: copies, **await _bounded(self._readers(), 2 * WITHIN)}

    async def _copies(self) -> Answer:
        admin = await self._administrator()
        topics = await admin.describe_topics([str(topic) for topic in Topic])
        short = [
            f"{topic['topic']}/{p['partition']} has {len(p['isr'])} of {len(p['replicas'])}"
            for topic in topics
            for p in topic["partitions"]
            if len(p["isr"]) < len(p["replicas"])
        ]
        least = self._settings.min_insync
        closed = [
            f"{t['topic']}/{p['partition']}"
            for t in topics
            for p in t["partitions"]
            if p["leader"] < 0 or len(p["isr"]) < least
        ]
        if closed:
            raise KafkaError(f"{len(closed)} partitions take no records, {closed[0]} among them")
        return Answer(not short, f"{len(short)} partitions are short of copies: {short[0]}" if short else "")

    async def _readers(self) -> dict[str, Answer]:
        admin, reader = await self._administrator(), await self._consumer()
        answers = {}
        for name, (group, topics) in GROUPS.items():
            parts = [TopicPartition(topic, p) for topic in topics for p in range(self._settings.partitions)]
            begins, ends = await reader.beginning_offsets(parts), await reader.end_offsets(parts)
            done = await admin.list_consumer_group_offsets(group, partitions=parts)
            now = {
                f"{p.topic}/{p.partition}": Position(max(done[p].offset if p in done else -1, begins[p]), ends[p])
                for p in parts
            }
            answers[name] = progress(self._positions.get(name, {}), now, await self._members(admin, group))
            self._positions[name] = now
        return answers

    async def _members(self, admin: AIOKafkaAdminClient, group: str) -> int | None:
        if not self._settings.idempotent:  # the embedded log: it cannot tell
            return None
        [described] = await admin.describe_consumer_groups([group])
        code, _, state, _, _, members, *_ = described.groups[0]
        return None if code or "Rebalance" in state else len(members)

    async def rewind(self) -> None:
        """Look for canaries from here on: called before one is sent, when none is waited for."""
        try:
            self._read_to = await _bounded(self._to_the_end(), WITHIN)
        except AWAY:
            self.close()

    async def _to_the_end(self) -> dict[TopicPartition, int]:
        reader = await self._consumer()
        ends = dict(await reader.end_offsets(self._way))
        for part, offset in ends.items():
            reader.seek(part, offset)
        return ends

    async def seen(self) -> Seen:
        """The canaries that have come by since the last look."""
        found: Seen = []
        try:
            while records := await _bounded(self._next(), WITHIN):
                for part, some in records.items():
                    for record in some:
                        found += _canaries(part.topic, record.value)
                    self._read_to[part] = some[-1].offset + 1
        except AWAY:
            self.close()
        return found

    async def _next(self) -> Any:
        reader = await self._consumer()
        return await reader.getmany(*self._way, timeout_ms=100, max_records=500)

    async def _administrator(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(
                bootstrap_servers=self._settings.brokers,
                request_timeout_ms=_REQUEST_MS,
                client_id="tocsin-selfwatch",
            )
            try:
                await admin.start()
            except BaseException:
                with contextlib.suppress(*AWAY):
                    await admin.close()
                raise
            self._admin = admin
        return self._admin

    async def _consumer(self) -> AIOKafkaConsumer:
        if self._reader is None:
            reader = AIOKafkaConsumer(
                bootstrap_servers=self._settings.brokers, enable_auto_commit=False, auto_offset_reset="latest",
                request_timeout_ms=_REQUEST_MS, client_id="tocsin-selfwatch",
            )  # fmt: skip
            try:
                await reader.start()
            except BaseException:
                with contextlib.suppress(*AWAY):
                    await reader.stop()
                raise
            reader.assign(self._way)
            for part, offset in self._read_to.items():
                reader.seek(part, offset)
            self._reader = reader
        return self._reader

    def close(self) -> None:
        """Let go of the connections, in the background; the next look makes new ones and reads on where the last one ended."""
        admin, reader, self._admin, self._reader = self._admin, self._reader, None, None
        for end in ([admin.close()] if admin else []) + ([reader.stop()] if reader else []):
            task = asyncio.ensure_future(end)
            _ENDING.add(task)
            task.add_done_callback(_ended)


async def _bounded(question: Coroutine[Any, Any, T], within: float) -> T:
    """The answer, or `TimeoutError`. aiokafka may hold on to a cancelled call, so what takes too long is left behind, not waited for."""
    task = asyncio.ensure_future(question)
    try:
        done, _ = await asyncio.wait({task}, timeout=within)
    except BaseException:
        task.cancel()
        raise
    if not done:
        task.cancel()
        _ENDING.add(task)
        task.add_done_callback(_ended)
        raise TimeoutError(f"no answer from the log within {within:g} s")
    return task.result()


_ENDING: Final[set[asyncio.Future[Any]]] = set()  # what the event loop must not forget before it has ended


def _ended(task: asyncio.Future[Any]) -> None:
    _ENDING.discard(task)
    if not task.cancelled():
        task.exception()  # it does not matter any more


def _canaries(topic: str, value: Any) -> Iterator[tuple[int, Stage, Mark]]:
    try:
        if topic == Topic.READINGS:
            yield from ((number, Stage.LOGGED, marks) for number, marks in in_frame(Frame.decode(value)))
        elif (number := in_signal(signals.decode(value))) is not None:
            yield number, Stage.SIGNALLED, Mark.NONE
    except InvalidEvent:
        return  # not for the watch to judge
