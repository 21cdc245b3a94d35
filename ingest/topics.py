"""The topics of the log, who writes them, and which partition a township's facts meet in.

Everything that may be merged or fused carries the same township, so it meets in one partition; the township is the unit of
parallelism. The partition is computed here and given to the producer, so every process agrees on it whatever client it uses.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PARTITIONS: Final = 12


class Topic(StrEnum):
    """Names on the log. `SNAPSHOTS` and `SEQUENCES` are compacted; the others are kept for days."""

    READINGS = "tocsin.readings"  # frames, written by the gateway
    SIGHTINGS = "tocsin.sightings"
    CALLS = "tocsin.calls"
    PRESENCE = "tocsin.presence"
    REJECTS = "tocsin.rejects"
    SIGNALS = "tocsin.signals"  # written by the worker
    DEADLETTERS = "tocsin.deadletters"  # what an agent could not digest, with the reason
    SNAPSHOTS = "tocsin.snapshots"  # detector state with its applied offset, one key per topic and partition
    SEQUENCES = (
        "tocsin.sequences"  # which numbers of each gateway are in the log, written by the gateway for its successor
    )


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """How a topic must exist before anything starts."""

    name: Topic
    partitions: int
    compacted: bool = False
    retention_days: int = 7


def plan(partitions: int = PARTITIONS) -> tuple[TopicPlan, ...]:
    """Every topic as it must be created."""
    return tuple(TopicPlan(topic, partitions, compacted=topic in {Topic.SNAPSHOTS, Topic.SEQUENCES}) for topic in Topic)


def partition_of(township: str, partitions: int) -> int:
    """The partition in which all facts of a township meet. Unplaced facts (empty township) meet in one as well."""
    return zlib.crc32(township.encode()) % partitions
