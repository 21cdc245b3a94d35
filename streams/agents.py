"""The Faust agents: `detect` (readings), `sight` (sightings), `listen` (calls) and `watch` (presence).

Each body is the same three lines under the guard; what differs is in `streams.ward`. No `take()`, no `noack()`, no concurrency, no sinks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import faust

from ingest.log import LogWriter
from ingest.topics import Topic
from streams.guard import Leave, Patience, guarded
from streams.state import Wards

AGENTS: Final = {"detect": Topic.READINGS, "sight": Topic.SIGHTINGS, "listen": Topic.CALLS, "watch": Topic.PRESENCE}


def add_agents(app: faust.App, wards: Wards, writer: LogWriter, *, patience: Patience, leave: Leave) -> None:
    """One agent per input topic, and the partitions' comings and goings."""
    for name, topic in AGENTS.items():
        source = app.topic(str(topic), key_type=bytes, value_type=bytes)
        app.agent(source, name=name)(_body(name, topic, wards, writer, patience=patience, leave=leave))

    async def assigned(_app: Any, assigned: set[Any], **_: Any) -> None:
        wards.assign(tp.partition for tp in assigned if tp.topic == Topic.READINGS)

    async def revoked(*_: Any, **__: Any) -> None:
        await wards.save_all(within=2.0)

    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)


def _body(
    name: str, topic: Topic, wards: Wards, writer: LogWriter, *, patience: Patience, leave: Leave
) -> Callable[[Any], Awaitable[None]]:
    async def agent(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            raw, number, offset = message.value or b"", message.partition, message.offset

            async def digest(raw: bytes = raw, number: int = number, offset: int = offset) -> None:
                await wards.take(topic, number, offset, raw)

            async def bury(reason: str, raw: bytes = raw, number: int = number, offset: int = offset) -> None:
                await writer.write([wards.applier.dead_letter(topic, number, raw, f"offset {offset}: {reason}")])

            await wards.ready(number)
            await guarded(digest, bury, name=name, patience=patience, leave=leave)

    return agent
