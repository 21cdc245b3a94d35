"""What the quiet rules tell an alert, as events for `alerts.lifecycle.step`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.alert import Notice, Reason
from alerts.quiet.flapping import Turn
from alerts.quiet.hush import Hush, Rehearsal


@dataclass(frozen=True, slots=True)
class Hushed:
    """The bell was about to ring step `step` of its chain for `ring`, and stays shut."""

    hush: Hush
    ring: Reason
    step: int


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The bell rings as a drill."""

    rehearsal: Rehearsal
    ring: Reason


@dataclass(frozen=True, slots=True)
class Unhushed:
    """The bell rings, and nothing keeps it shut any more."""


@dataclass(frozen=True, slots=True)
class Reconsider:
    """Whatever kept the bell shut may have changed: look again now, not only at its end."""

    by: str = "tocsin"


@dataclass(frozen=True, slots=True)
class Flapped:
    """The alert's device has begun, or has stopped, to come and go all the time; without a turn, it goes on doing so.

    `until` is when it will have calmed down.
    """

    turn: Turn | None
    key: str
    until: datetime


@dataclass(frozen=True, slots=True)
class KeptBack:
    """A notice waits for its group or for its receiver's budget, until an instant at the earliest."""

    notice: Notice
    why: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Bundled:
    """A notice travels in a message that speaks of `count` cases; `why` is the reason of that message."""

    notice: Notice
    why: str
    count: int


QuietEvent = Hushed | Rehearsed | Unhushed | Reconsider | Flapped | KeptBack | Bundled
