"""Grouping (合并通知): when a group of alerts is told to its receiver again, and why.

`needs_update` is the decision table of Alertmanager's `DedupStage.needsUpdate` (0.34), branch by branch: what was sent last time against
what is so now. The first telling waits, so that siblings and inhibitors can arrive; a group that came and went within the wait is never
mentioned. What was sent is written down only once it was. A key is the route, the labels and the receiver, told apart however they are
written, so that two groups never share one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.alert import Alert
from ingest.events import digest

_JSON: Final = json.JSONEncoder(ensure_ascii=False)


class Told(StrEnum):
    """Why a group is told, or that it is not. It stands on the notice; the same words stand in `alerts.outcome.Why`."""

    NOTHING = "group_unchanged"
    FIRST = "group_first"
    NEW_ALERTS = "group_new"
    ALL_RESOLVED = "group_all_resolved"
    SOME_RESOLVED = "group_some_resolved"
    REPEAT = "group_repeat"


class By(StrEnum):
    """What alerts of one group have in common, beside level and receiver."""

    GRID = "grid"
    TOWNSHIP = "township"
    KIND = "kind"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a new group waits, how often it is looked at, and after which time it is told again although nothing changed.

    `repeat` is rounded up to whole intervals, because a group is looked at no more often; zero never repeats.
    """

    wait: timedelta
    interval: timedelta = timedelta(minutes=5)
    repeat: timedelta = timedelta(hours=4)
    by: tuple[By, ...] = (By.GRID, By.KIND)

    @property
    def rounded(self) -> timedelta:
        """The time after which it is told again."""
        return -(-self.repeat // self.interval) * self.interval


@dataclass(frozen=True, slots=True)
class Log:
    """What was sent last: written only after it was. The names are ids of alerts."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that are told together to one person over one channel. `flush_at` is when it is looked at next.

    `carrier` is the key of a notice that is on its way: nothing else is decided until it is known what became of it.
    """

    key: str
    person: str
    channel: str
    level: str
    flush_at: datetime
    log: Log | None = None
    repeat_at: datetime | None = None
    carrier: str = ""

    @property
    def lasts(self) -> bool:
        """Whether its receiver has been told of something that is not over: the wait of a new group is past."""
        return self.log is not None and bool(self.log.firing)


@dataclass(frozen=True, slots=True)
class Now:
    """What is so now of a group's alerts, by id. `answered` are open, and somebody has them: nobody is told of them again."""

    firing: frozenset[str] = field(default_factory=frozenset)
    resolved: frozenset[str] = field(default_factory=frozenset)
    answered: frozenset[str] = field(default_factory=frozenset)

    def without(self, taken: frozenset[str]) -> Now:
        """The same once somebody has taken some of them: a message does not speak of these any more."""
        return replace(self, firing=self.firing - taken, answered=self.answered | (self.firing & taken))


def needs_update(
    log: Log | None, firing: frozenset[str], resolved: frozenset[str], now: datetime, *, repeat: timedelta, send_resolved: bool = True
) -> Told:  # fmt: skip
    """Why a group is told at `now`, or `NOTHING`."""
    if log is None:
        return Told.FIRST if firing else Told.NOTHING
    if not firing <= log.firing:
        return Told.NEW_ALERTS if log.firing else Told.FIRST
    if not firing:
        return Told.ALL_RESOLVED if log.firing else Told.NOTHING
    if send_resolved and not resolved <= log.resolved:
        return Told.SOME_RESOLVED
    return Told.REPEAT if repeat and now - log.at >= repeat else Told.NOTHING


def look(group: Group, so: Now, now: datetime, timing: Timing) -> Told:
    """Why a group is told at `now`, or `NOTHING`.

    What has silently left it since (somebody else was told that it is over, its level changed) is as if it had never been told. What
    somebody has answered is still there, and is no reason to say it again.
    """
    log, answered = group.log, frozenset[str]()
    if log is not None:
        answered = so.answered & log.firing
        log = replace(log, firing=log.firing & (so.firing | so.resolved | answered))
    told = needs_update(log, so.firing | answered, so.resolved, now, repeat=timing.rounded)
    return Told.NOTHING if told is Told.REPEAT and not so.firing else told


def group_key(route: Sequence[str], labels: Mapping[str, str], receiver: Sequence[str]) -> str:
    """The key of a group. Written as JSON, which no value can imitate, so different groups have different keys."""
    return digest("group", _JSON.encode([list(route), sorted(labels.items()), list(receiver)]))


def labels(alert: Alert, by: Sequence[By]) -> dict[str, str]:
    """What an alert has in common with the others of its group."""
    said = {By.GRID: alert.place.grid, By.TOWNSHIP: alert.place.township, By.KIND: alert.kind}
    return {label.value: said[label] for label in by}


def opens_at(group: Group | None, raised_at: datetime, now: datetime, timing: Timing) -> datetime:
    """When one more alert is told. A new group waits, counted from when the alert was raised: late already, it is told now.

    A group whose receiver was told before is looked at once in each interval.
    """
    if group is None or not group.lasts:
        return max(raised_at + timing.wait, now)
    return max(group.flush_at, now)


def sent(group: Group, so: Now, now: datetime, timing: Timing) -> Group:
    """The group after its receiver was told: what was sent last, and when it is looked at next."""
    told = so.firing | (so.answered & group.log.firing if group.log else frozenset())
    repeats = bool(told) and bool(timing.repeat)
    return replace(
        group,
        carrier="",
        log=Log(told, so.resolved, now),
        flush_at=now + timing.interval,
        repeat_at=now + timing.rounded if repeats else None,
    )
