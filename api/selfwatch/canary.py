"""A canary: one synthetic alarm, its messages, and how far along the path it has come. Pure.

Each carries a number of its own as its value, so that it is known again in the log, in a signal, in an alert and in the series,
whatever the clocks on the way say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import orjson

from alerts.alert import Alert
from ingest.events import Mark
from ingest.frames import Frame
from streams.canary import KIND, METRIC
from streams.signal import Signal

TOPIC: Final = "tocsin/selfwatch/telemetry"
KEPT: Final = 12  # canaries remembered per shard
_AFTER: Final = timedelta(milliseconds=1)
# What makes a canary's way unlike an alarm's: the log is as far as it can be followed.
ODD: Final = Mark.LATE | Mark.CLOCK_SKEW


class Stage(StrEnum):
    """How far it came."""

    TAKEN = "taken"  # PUBACKed by the MQTT broker
    LOGGED = "logged"  # in the log
    SIGNALLED = "signalled"
    RAISED = "raised"  # an alert in the ledger
    SENT = "sent"  # its notice was taken over by the sink
    KEPT = "kept"  # a point in the series


@dataclass(frozen=True, slots=True)
class Canary:
    """One synthetic alarm. `stages` are instants of this process's clock, at which each stage was seen."""

    number: int
    device: str
    sent_at: datetime
    shard: str = ""
    stages: Mapping[Stage, datetime] = field(default_factory=lambda: MappingProxyType({}))
    marks: Mark = Mark.NONE

    def reached(self, stage: Stage, at: datetime, marks: Mark = Mark.NONE) -> Canary:
        """The canary, seen at a stage; the first time counts."""
        if stage in self.stages:
            return self
        return replace(self, stages=MappingProxyType({**self.stages, stage: at}), marks=self.marks | marks)

    @property
    def odd(self) -> bool:
        """Whether the gateway's clock made of it what would not ring."""
        return bool(self.marks & ODD)

    @property
    def whole(self) -> bool:
        """Whether it has come to every end of the path."""
        return all(stage in self.stages for stage in Stage)


Flock = tuple[Canary, ...]


def message(canary: Canary) -> tuple[str, bytes]:
    """Topic and payload: the alarm and, a moment later, its end."""
    rows = [
        {"device": canary.device, "at": canary.sent_at.isoformat(), METRIC: canary.number},
        {"device": canary.device, "at": (canary.sent_at + _AFTER).isoformat(), METRIC: 0},
    ]
    return (f"{canary.shard}/{TOPIC}" if canary.shard else TOPIC), orjson.dumps(rows)


def heard_by(filters: Iterable[str]) -> bool:
    """Whether a gateway with these topic filters hears canaries."""
    words = TOPIC.split("/")
    for parts in (one.split("/") for one in filters):
        plain = parts[:-1] if parts[-1] == "#" else parts
        fits = len(plain) == len(words) if parts[-1] != "#" else len(plain) <= len(words)
        if fits and all(part in {"+", word} for part, word in zip(plain, words, strict=False)):
            return True
    return False


def in_frame(frame: Frame) -> Iterator[tuple[int, Mark]]:
    """The numbers of the canaries in a frame, with their marks."""
    if METRIC not in frame.metrics:
        return
    mine = (frame.metric == frame.metrics.index(METRIC)) & (frame.value >= 1)
    for value, marks in zip(frame.value[mine].tolist(), frame.marks[mine].tolist(), strict=True):
        yield int(value), Mark(marks)


def in_signal(signal: Signal) -> int | None:
    """The number of the canary that a signal speaks of."""
    return int(signal.value) if signal.kind == KIND and signal.active and signal.value is not None else None


def in_alerts(alerts: Iterable[Alert]) -> Iterator[tuple[int, Stage]]:
    """The numbers of the canaries in the ledger, each with the stages it has reached there."""
    for alert in alerts:
        if alert.kind == KIND and alert.value is not None:
            yield int(alert.value), Stage.RAISED
            if "sent_at" in alert.stages:
                yield int(alert.value), Stage.SENT


def moved(flock: Flock, seen: Iterable[tuple[int, Stage, Mark]], at: datetime) -> Flock:
    """The flock after canaries were seen at stages."""
    by_number = {canary.number: canary for canary in flock}
    for number, stage, marks in seen:
        if number in by_number:
            by_number[number] = by_number[number].reached(stage, at, marks)
    return tuple(by_number.values())


def joined(flock: Flock, fresh: Sequence[Canary]) -> Flock:
    """The flock with new canaries, oldest first. Of too many of a shard the oldest and the newest stay: since when, and how now."""
    every = [*flock, *fresh]
    for shard in {canary.shard for canary in fresh}:
        mine = [canary for canary in every if canary.shard == shard]
        gone = {canary.number for canary in mine[1 : 1 + max(len(mine) - KEPT, 0)]}
        every = [canary for canary in every if canary.number not in gone]
    done = {
        c.shard: c.sent_at for c in every if c.whole
    }  # the newest whole one of each shard: older ones say nothing more
    return tuple(c for c in every if c.sent_at >= done.get(c.shard, c.sent_at))


def last_whole(flock: Flock) -> Canary | None:
    """The newest canary that came to every end; of several shards the one that is farthest back."""
    newest = {c.shard: c for c in flock if c.whole}
    return min(newest.values(), key=lambda c: c.sent_at, default=None)
