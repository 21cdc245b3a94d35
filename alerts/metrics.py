"""Response metrics, as the county report prints them: P50, P90 and the share within target, and never a bare mean.

Everything is worked out from the instants on the alerts. What cannot be (handled before it was raised) is counted as impossible and left
out of the figures. A case that has not reached a stage although its target is past counts against the share, so that forgotten cases
do not make the figures better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Handling
from alerts.policy import Target
from ingest.events import Mark
from streams.signal import Level


class Span(StrEnum):
    """What is measured: from the instant it happened to the instant it was raised, and from then on to each stage."""

    SENSED = "sensed"
    TOLD = "told"
    ACKNOWLEDGED = "acknowledged"
    ON_SCENE = "on_scene"
    HANDLED = "handled"
    CLOSED = "closed"


class Group(StrEnum):
    """What figures may be kept apart by. `origin` is the sense that spoke first."""

    LEVEL = "level"
    KIND = "kind"
    GRID = "grid"
    TOWNSHIP = "township"
    ORIGIN = "origin"


# Somebody is told when a message is handed over, not when it is decided that one goes: it may wait for its group or a budget.
_ENDS: Final[Mapping[Span, tuple[str, str]]] = MappingProxyType({
    Span.SENSED: ("event_at", "raised_at"),
    Span.TOLD: ("raised_at", "sent_at"),
    Span.ACKNOWLEDGED: ("raised_at", "acked_at"),
    Span.ON_SCENE: ("raised_at", "on_scene_at"),
    Span.HANDLED: ("raised_at", "handled_at"),
    Span.CLOSED: ("raised_at", "closed_at"),
})  # fmt: skip
_NOT_CASES: Final = frozenset({Handling.TEST, Handling.SUPPRESSED, Handling.MERGED, Handling.VOID})
BY: Final = (Group.LEVEL, Group.KIND, Group.TOWNSHIP, Group.ORIGIN)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. Seconds; a group that was not kept apart is empty. `share` is None where there is no target or nothing to measure."""

    span: Span
    level: str
    kind: str
    grid: str
    township: str
    origin: str
    measured: int
    p50: float | None
    p90: float | None
    within: int
    overdue: int
    share: float | None
    impossible: int


def response(
    alerts: Iterable[Alert], now: datetime, *, targets: Mapping[Level, Target], by: Sequence[Group] = BY
) -> list[Figure]:
    """The figures of every group and span, worst level first. Tests, drills, records, merged and void cases are no cases."""
    groups: dict[tuple[str, ...], list[Alert]] = {}
    for alert in alerts:
        if alert.handling not in _NOT_CASES and not alert.marks & Mark.DRILL:
            groups.setdefault(tuple(_value(alert, group) if group in by else "" for group in Group), []).append(alert)
    ranks = {level.value: level.rank for level in Level}
    order = sorted(groups, key=lambda key: (-ranks.get(key[0], -1), *key))
    return [f for key in order for span in Span if (f := _figure(span, key, groups[key], now, targets))]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was really measured, not one between two. `ordered` is sorted and not empty."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _value(alert: Alert, group: Group) -> str:
    values = {
        Group.LEVEL: alert.level.value,
        Group.KIND: alert.kind,
        Group.GRID: alert.place.grid,
        Group.TOWNSHIP: alert.place.township,
        Group.ORIGIN: alert.origins[0] if alert.origins else "",
    }
    return values[group]


def _figure(
    span: Span, key: tuple[str, ...], alerts: list[Alert], now: datetime, targets: Mapping[Level, Target]
) -> Figure | None:
    seconds: list[float] = []
    within = overdue = impossible = due = 0
    start, end = _ENDS[span]
    for alert in alerts:
        began, ended = alert.stages.get(start), alert.stages.get(end)
        limit = _limit(targets, alert.level, span)
        if began is None:
            continue
        if ended is None:
            late = limit is not None and not alert.handling.over and (now - began).total_seconds() > limit
            overdue, due = overdue + late, due + late
            continue
        took = (ended - began).total_seconds()
        if took < 0:
            impossible += 1
            continue
        seconds.append(took)
        if limit is not None:
            within, due = within + (took <= limit), due + 1
    if not (seconds or overdue or impossible):
        return None
    seconds.sort()
    p50, p90 = (percentile(seconds, 0.5), percentile(seconds, 0.9)) if seconds else (None, None)
    level, kind, grid, township, origin = key
    share = within / due if due else None
    return Figure(span, level, kind, grid, township, origin, len(seconds), p50, p90, within, overdue, share, impossible)


def _limit(targets: Mapping[Level, Target], level: Level, span: Span) -> float | None:
    target = targets.get(level)
    limits = {
        Span.TOLD: target.told,
        Span.ACKNOWLEDGED: target.acknowledged,
        Span.HANDLED: target.handled,
        Span.CLOSED: target.closed,
    } if target else {}  # fmt: skip
    return limits.get(span)
