"""What people say about a service clock. Whatever gives time names who else approved it, and says why in `note`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar

from alerts.moves import Move

CLOSE = "close"  # the clock that is meant where none is named


@dataclass(frozen=True, slots=True)
class Pause:
    """Time does not count (缓办) until `until` at the latest."""

    move: ClassVar[Move] = Move.PAUSE
    by: str
    until: dt.datetime
    note: str = ""
    approved_by: str = ""
    clock: str = CLOSE


@dataclass(frozen=True, slots=True)
class Resume:
    """Time counts again before the pause ends by itself."""

    move: ClassVar[Move] = Move.RESUME
    by: str
    note: str = ""
    clock: str = CLOSE


@dataclass(frozen=True, slots=True)
class Extend:
    """More time (延期): so many `hours`, `days`, `working_hours` or `working_days`."""

    move: ClassVar[Move] = Move.EXTEND
    by: str
    amount: float
    unit: str = "hours"
    note: str = ""
    approved_by: str = ""
    clock: str = CLOSE


@dataclass(frozen=True, slots=True)
class Agree:
    """It is done by the end of a date, China's, that was agreed on (约定日期)."""

    move: ClassVar[Move] = Move.AGREE
    by: str
    date: dt.date
    note: str = ""
    approved_by: str = ""
    clock: str = CLOSE
