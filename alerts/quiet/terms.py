"""What silences, maintenance windows and drills have in common: how long they may be, where they stand, and when one cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class NotQuiet(ValueError):
    """A quiet rule that cannot be, or a change to one that cannot be made. Nothing was changed; the message is one sentence."""


class Standing(StrEnum):
    """Where a quiet rule stands."""

    WAITING = "waiting"  # it has not begun
    UNAPPROVED = "unapproved"  # a drill that too few have approved
    ACTIVE = "active"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long quiet may last. `life_safety` are kinds that a policy adds to fire, gas and SOS."""

    longest: timedelta = timedelta(hours=2)
    longest_approved: timedelta = timedelta(days=7)
    longest_drill: timedelta = timedelta(hours=4)
    longest_recurring: timedelta = timedelta(days=366)
    warn_before: timedelta = timedelta(minutes=10)
    life_safety: frozenset[str] = frozenset()


def named(by: str, reason: str) -> None:
    """Raises `NotQuiet` unless somebody says so, and why."""
    if not by.strip():
        raise NotQuiet("say who keeps it quiet: a name is shown wherever the bell stays shut")
    if len(reason.strip()) < 2:
        raise NotQuiet("say why it is kept quiet: whoever wonders why nobody was called reads it")


def in_order(starts_at: datetime, ends_at: datetime, now: datetime, longest: timedelta) -> None:
    """Raises `NotQuiet` unless it ends after it begins, after now, and not later than `longest` allows."""
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise NotQuiet("starts_at and ends_at must carry their offset")
    if ends_at <= max(starts_at, now):
        raise NotQuiet(f"it would end at {ends_at.isoformat()}, before it begins: choose a later end")
    if ends_at - starts_at > longest:
        raise NotQuiet(f"it would last {ends_at - starts_at}; the longest is {longest}: choose an earlier end")
