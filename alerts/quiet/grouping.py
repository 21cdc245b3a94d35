"""Grouping (合并通知): when a group of alerts is told to its receiver again, and why.

`needs_update` is the decision table of Alertmanager's `DedupStage.needsUpdate` (0.34), branch by branch: what was sent last time against
what is so now. The first telling waits, so that siblings and inhibitors can arrive; a group that came and went within the wait is never
mentioned. A key is the route, the labels and the receiver, each with its length, so that two groups never share one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Told(StrEnum):
    """Why a group is told, or that it is not. It stands on the notice."""

    NOTHING = "nothing"
    FIRST = "first_notification"
    NEW_ALERTS = "new_alerts_in_group"
    ALL_RESOLVED = "all_alerts_resolved"
    SOME_RESOLVED = "new_resolved_alerts"
    REPEAT = "repeat_interval_elapsed"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a new group waits, how often it is looked at, and after which time it is told again although nothing changed."""

    wait: timedelta
    interval: timedelta = timedelta(minutes=5)
    repeat: timedelta = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Log:
    """What was sent last: written only after it was."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that are told together. `flush_at` is when it is looked at next."""

    key: str
    flush_at: datetime
    firing: frozenset[str] = frozenset()
    resolved: frozenset[str] = frozenset()
    log: Log | None = None


def needs_update(
    log: Log | None, firing: frozenset[str], resolved: frozenset[str], now: datetime, *, repeat: timedelta, send_resolved: bool
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
    return Told.REPEAT if log.at < now - repeat else Told.NOTHING


def group_key(route: Sequence[str], labels: Mapping[str, str], receiver: str) -> str:
    """The key of a group. Written as JSON, which no value can imitate, so different groups have different keys."""
    parts = json.dumps([list(route), sorted(labels.items()), receiver], ensure_ascii=False)
    return hashlib.blake2b(parts.encode(), digest_size=12).hexdigest()


def join(group: Group | None, key: str, alert: str, *, raised_at: datetime, now: datetime, timing: Timing) -> Group:
    """The group with one more firing alert. A new group waits from when the alert was raised: late, it is looked at now."""
    if group is None:
        group = Group(key, max(raised_at + timing.wait, now))
    return replace(group, firing=group.firing | {alert}, resolved=group.resolved - {alert})


def resolve(group: Group, alert: str) -> Group:
    """The group with one alert over. One that was never told of is forgotten."""
    if alert not in group.firing:
        return group
    known = group.log is not None and alert in group.log.firing
    resolved = group.resolved | {alert} if known else group.resolved
    return replace(group, firing=group.firing - {alert}, resolved=resolved)


def flush(group: Group, now: datetime, timing: Timing, *, send_resolved: bool = True) -> tuple[Group, Told]:
    """Look at a group whose time has come: what it is now, and why it is to be told. Before its time nothing happens."""
    if now < group.flush_at:
        return group, Told.NOTHING
    told = needs_update(
        group.log, group.firing, group.resolved, now, repeat=timing.repeat, send_resolved=send_resolved
    )  # fmt: skip
    after = replace(group, flush_at=now + timing.interval, resolved=frozenset())
    return (after if told is Told.NOTHING else replace(after, log=Log(group.firing, group.resolved, now))), told
