"""One service clock of a case, and what can be read from it. Pure: a clock and `now` in.

`due` is kept; how much of the time is used is always worked out from it, so that there are never two truths.
`alerts.clocks.movement` moves clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from alerts.clocks.calendar import CHINA, WHOLE_DAY, CalendarError, Hours, add_working, covered, day_end, working_time

NONE: Final = timedelta()
# Answers about clocks: a storm winds the same few at the same instant, once for each of its cases.
REMEMBERED: Final = 64


class ClockError(ValueError):
    """A clock that may not be moved like this. Nothing was changed. The message says why and what can be done."""


class Unit(StrEnum):
    """How a length of time is counted."""

    HOURS = "hours"
    DAYS = "days"
    WORKING_HOURS = "working_hours"
    WORKING_DAYS = "working_days"
    SAME_DAY = "same_day"  # to the midnight that ends the day, in China
    AGREED = "agreed"  # to the end of a date that people agreed on

    @property
    def working(self) -> bool:
        """Whether nights, weekends and holidays do not count."""
        return self in {Unit.WORKING_HOURS, Unit.WORKING_DAYS}


class State(StrEnum):
    """Where a clock is. Worked out from its instants."""

    WAITING = "waiting"  # its stage has not come
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Colour(StrEnum):
    """How much of the time is used, for the eye."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Stroke(StrEnum):
    """When the level above hears of a clock (督办). Each strikes once for a limit."""

    WARNING = "warning"  # before the breach
    BREACH = "breach"
    OVERDUE = "overdue"  # a multiple of the time, three by default


STROKES: Final = tuple(Stroke)  # they come in this order


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in its unit; `amount` means nothing where the unit says it all."""

    amount: float
    unit: Unit

    def after(self, start: datetime, hours: Hours = WHOLE_DAY, *, assume: bool = True) -> datetime:
        """The instant that lies so much later. A working day is as long as the office is open.

        Days of a year that the calendar does not have count as worked, so that a limit is early rather than late; without `assume`
        they raise `CalendarError`.
        """
        match self.unit:
            case Unit.HOURS:
                return start + timedelta(hours=self.amount)
            case Unit.DAYS:
                return start + timedelta(days=self.amount)
            case Unit.WORKING_HOURS:
                return add_working(start, timedelta(hours=self.amount), hours, assume=assume)
            case Unit.WORKING_DAYS:
                return add_working(start, self.amount * hours.length, hours, assume=assume)
            case _:
                return day_end(start)


@dataclass(frozen=True, slots=True)
class Pace:
    """What a policy says about all its clocks. Warning, yellow and red are fractions of the time, `overdue` a multiple of it."""

    hours: Hours = WHOLE_DAY
    warning: float = 0.75
    overdue: float = 3.0
    yellow: float = 0.75
    red: float = 1.0


ORDINARY: Final = Pace()


@dataclass(frozen=True, slots=True)
class Approval:
    """Who asks, who else allows it, and why. Raises `ClockError` where one of the three is missing or both are the same person."""

    by: str
    approved_by: str
    reason: str

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.approved_by.strip():
            raise ClockError("this needs somebody who asks and somebody who approves; name both")
        if self.by.strip().casefold() == self.approved_by.strip().casefold():
            raise ClockError(f"{self.by} cannot approve what {self.by} asks for; let somebody else approve it")
        if not self.reason.strip():
            raise ClockError("this needs a reason; say why")


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that does not count. It ends by itself at `until`, and at `ended` when somebody ends it earlier."""

    started: datetime
    until: datetime
    approval: Approval | None = None  # none: the case was finished meanwhile
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The limit was moved from `was` to `due`: extended, agreed, downgraded, or tightened because the case got worse."""

    what: str
    at: datetime
    was: datetime
    due: datetime
    approval: Approval | None = None


@dataclass(frozen=True)  # without slots, for `alerts.evolve`
class Clock:
    """One clock. It begins when stage `starts` is reached and stops at stage `stops`; `struck` are the strokes already told."""

    name: str
    starts: str
    stops: str
    target: Span
    matter: str = ""  # urgent, hard or big, where the clock has such classes
    pace: Pace = ORDINARY
    started: datetime | None = None
    due: datetime | None = None
    stopped_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    changes: tuple[Change, ...] = ()
    struck: tuple[Stroke, ...] = ()

    @property
    def state(self) -> State:
        """Waiting, running, paused or stopped."""
        if self.started is None:
            return State.WAITING
        if self.stopped_at is not None:
            return State.STOPPED
        return State.PAUSED if self.pauses and self.pauses[-1].ended is None else State.RUNNING


def used(clock: Clock, now: datetime) -> timedelta:
    """The time that counted up to `now`, in the clock's own kind of time. It stands still in a pause and after the stop."""
    if clock.started is None:
        return NONE
    until = min(now, clock.stopped_at or now)
    spent = _between(clock, clock.started, until)
    for halt in clock.pauses:
        spent -= _between(clock, halt.started, min(halt.ended or halt.until, until))
    return spent


def allowed(clock: Clock) -> timedelta:
    """The time from the beginning to the limit, without the pauses that ended before it."""
    if clock.started is None or clock.due is None:
        return NONE
    span = _between(clock, clock.started, clock.due)
    for halt in clock.pauses:
        if halt.ended is not None and halt.started < clock.due:
            span -= _between(clock, halt.started, halt.ended)
    return span


def fraction(clock: Clock, now: datetime) -> float:
    """How much of the time is used: 0 before it begins, 1 at the limit, and on from there."""
    given = allowed(clock)
    return used(clock, now) / given if given else 0.0


def colour(clock: Clock, share: float) -> Colour:
    """Yellow and red by the policy's thresholds, for the fraction that is used."""
    if share >= clock.pace.red:
        return Colour.RED
    return Colour.YELLOW if share >= clock.pace.yellow else Colour.GREEN


def stroke_at(clock: Clock, stroke: Stroke) -> datetime | None:
    """The instant of a stroke, as far as is known: nothing for a clock that does not run."""
    return instant(clock, stroke) if clock.state is State.RUNNING else None


def instant(clock: Clock, stroke: Stroke) -> datetime | None:
    """Where a stroke lies if no pause is added to those that have ended."""
    if clock.due is None or clock.started is None or stroke is Stroke.BREACH:
        return clock.due
    share = clock.pace.warning if stroke is Stroke.WARNING else clock.pace.overdue
    reached = _later(clock, clock.started, allowed(clock) * share)
    return shifted(reached, clock.pauses, clock.target.unit, clock.pace.hours)


@lru_cache(maxsize=REMEMBERED)
def assumes(clock: Clock) -> CalendarError | None:
    """What is said when the calendar does not reach the clock's limit, which then was set as if every day beyond were worked."""
    if clock.started is None or clock.due is None or covered(clock.due.astimezone(CHINA).year):
        return None
    try:
        clock.target.after(clock.started, clock.pace.hours, assume=False)
    except CalendarError as error:
        return error
    return None


@lru_cache(maxsize=REMEMBERED)
def next_at(clock: Clock) -> datetime | None:
    """When something about the clock falls due next: a stroke, or the end of a pause."""
    if clock.state is State.PAUSED:
        return clock.pauses[-1].until
    for stroke in STROKES:
        if stroke not in clock.struck:
            return stroke_at(clock, stroke)
    return None


def _between(clock: Clock, begin: datetime, end: datetime) -> timedelta:
    if clock.target.unit.working:
        return working_time(begin, end, clock.pace.hours, assume=True)
    return max(end - begin, NONE)


def _later(clock: Clock, begin: datetime, amount: timedelta) -> datetime:
    working = clock.target.unit.working
    return add_working(begin, amount, clock.pace.hours, assume=True) if working else begin + amount


def shifted(at: datetime, pauses: tuple[Pause, ...], unit: Unit, hours: Hours) -> datetime:
    """An instant later by what the pauses before it took."""
    for halt in pauses:
        if halt.ended is not None and halt.started < at:
            if unit.working:
                at = add_working(at, working_time(halt.started, halt.ended, hours, assume=True), hours, assume=True)
            else:
                at += halt.ended - halt.started
    return at
