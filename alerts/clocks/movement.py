"""How a service clock may be moved: started, stopped, paused, extended, agreed, downgraded, tightened. A clock in, a clock out.

A clock is not set back: a return, a reassignment or a reopening leaves what was used used. A breach is not undone: once the time is
over, nobody pauses or extends. Whatever gives time needs an `Approval`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from alerts.clocks.calendar import CHINA, date_end
from alerts.clocks.clock import (
    REMEMBERED,
    Approval,
    Change,
    Clock,
    ClockError,
    Pause,
    Span,
    State,
    Stroke,
    Unit,
    instant,
    shifted,
    stroke_at,
)
from alerts.evolve import evolve

FURTHEST: Final = timedelta(days=1100)  # until when a clock may stand, or run to an agreed date


@lru_cache(maxsize=REMEMBERED)
def start(clock: Clock, now: datetime) -> Clock:
    """The clock begins to run; one that has begun already keeps its beginning."""
    if clock.started is not None:
        return clock
    return evolve(clock, started=now, due=clock.target.after(now, clock.pace.hours))


def stop(clock: Clock, now: datetime) -> Clock:
    """Its stage was reached, or the case is over. An open pause ends with it. A clock that never began, or has stopped, stays as it is."""
    if clock.state in {State.WAITING, State.STOPPED}:
        return clock
    return replace(_resumed(clock, now), stopped_at=now)


def go_on(clock: Clock, now: datetime) -> Clock:
    """The case was reopened: the time since it stopped does not count, and what was used stays used."""
    if clock.stopped_at is None:
        return clock
    halted = Pause(clock.stopped_at, now)
    return _resumed(replace(clock, stopped_at=None, pauses=(*clock.pauses, halted)), now)


def pause(clock: Clock, until: datetime, approval: Approval, now: datetime) -> Clock:
    """From now on time does not count (缓办), until `until` at the latest: a pause without an end would lose a case."""
    _must_run(clock, now)
    if until <= now:
        raise ClockError(f"a pause ends after it begins, got {until.isoformat()}; choose a later time")
    _near(until, now)
    return replace(clock, pauses=(*clock.pauses, Pause(now, until, approval)))


def resume(clock: Clock, now: datetime) -> Clock:
    """Time counts again; the limit moves by exactly the time that did not count."""
    if clock.state is not State.PAUSED:
        raise ClockError(f"the clock {clock.name} is not paused, it is {clock.state}; there is nothing to resume")
    return _resumed(clock, now)


def extend(clock: Clock, by: Span, approval: Approval, now: datetime) -> Clock:
    """The limit lies later by so much (延期)."""
    due = _must_run(clock, now, or_pause=True)
    if not by.amount > 0 or by.unit in {Unit.SAME_DAY, Unit.AGREED}:
        raise ClockError("an extension is a length of time that is more than nothing; give hours, days or working days")
    later = by.after(due, clock.pace.hours)
    _near(later, now)
    return _limited(clock, "extended", later, approval, now)


def agree(clock: Clock, day: date, approval: Approval, now: datetime) -> Clock:
    """The limit is the end of an agreed date, in China: the matter is a big one."""
    due = _must_run(clock, now)
    today = now.astimezone(CHINA).date()
    if day < today:
        raise ClockError(f"{day.isoformat()} is over; agree on a date that is not")
    if day - today > FURTHEST:
        raise ClockError(f"{day.isoformat()} is more than {FURTHEST.days} days away; agree on an earlier one")
    agreed = date_end(day)
    target = replace(clock, target=Span(0.0, Unit.AGREED), matter="big")
    return _limited(target, "agreed", agreed, approval, now) if agreed != due else clock


def downgrade(clock: Clock, target: Span, matter: str, approval: Approval, now: datetime) -> Clock:
    """The matter is less urgent than it was taken for: the limit is what it would have been from the beginning, never earlier than now."""
    due = _must_run(clock, now)
    later = shifted(target.after(clock.started or now, clock.pace.hours), clock.pauses, target.unit, clock.pace.hours)
    if later <= due:
        raise ClockError(
            f"{clock.name} as {matter} would be due {later.isoformat()}, no later than it is; leave it as it is"
        )
    return _limited(replace(clock, target=target, matter=matter), "downgraded", later, approval, now)


def tighten(clock: Clock, target: Span, matter: str, now: datetime) -> Clock:
    """The case got worse: from now on the shorter time holds where it ends earlier. It needs nobody's approval and ends a pause."""
    if clock.started is None:
        return replace(clock, target=target, matter=matter)
    if clock.state is State.STOPPED or clock.due is None:
        return clock
    going = _resumed(clock, now)
    due = target.after(now, clock.pace.hours)
    if going.due is None or due >= going.due:
        return replace(going, matter=matter)
    return _limited(replace(going, target=target, matter=matter), "tightened", due, None, now)


def hasten(clock: Clock, due: datetime, now: datetime) -> Clock:
    """The same was promised for an earlier time elsewhere: that holds. A time that is over already was told of there."""
    going = _resumed(clock, now)
    if going.state is not State.RUNNING or going.due is None or not now < due < going.due:
        return clock
    return _limited(going, "hastened", due, None, now)


def bound(clock: Clock, due: datetime, now: datetime) -> Clock:
    """The matter came with a limit of its own: that holds, be it earlier or later. One that was over when it came has used all its time."""
    if clock.state is not State.RUNNING or clock.due is None or clock.started is None or clock.due == due:
        return clock
    if due <= clock.started:
        clock = replace(clock, started=due - (clock.due - clock.started))
    return _limited(clock, "ordered", due, None, now)


def strike(clock: Clock, now: datetime) -> tuple[Clock, tuple[Stroke, ...]]:
    """What has fallen due by `now`, each once, the gravest last; a pause that has run out ends at its own instant."""
    if clock.state is State.PAUSED and clock.pauses[-1].until <= now:
        clock = _resumed(clock, clock.pauses[-1].until)
    fallen = tuple(s for s in Stroke if s not in clock.struck and (at := stroke_at(clock, s)) is not None and at <= now)
    return (replace(clock, struck=(*clock.struck, *fallen)) if fallen else clock), fallen


def _near(at: datetime, now: datetime) -> None:
    if at - now > FURTHEST:
        raise ClockError(f"{at.isoformat()} is more than {FURTHEST.days} days away; choose an earlier one")


def _must_run(clock: Clock, now: datetime, *, or_pause: bool = False) -> datetime:
    if clock.due is None or clock.state not in {State.RUNNING, *((State.PAUSED,) if or_pause else ())}:
        raise ClockError(f"the clock {clock.name} is {clock.state}; only one that runs can be moved")
    if clock.state is State.RUNNING and now >= clock.due:
        raise ClockError(f"the clock {clock.name} ran out at {clock.due.isoformat()}; a breach is not undone")
    return clock.due


def _resumed(clock: Clock, now: datetime) -> Clock:
    """The open pause ends at `now`, its own end at the latest; a limit that was over before it stays where it was."""
    if not clock.pauses or clock.pauses[-1].ended is not None:
        return clock
    *before, halt = clock.pauses
    ended = replace(halt, ended=max(halt.started, min(now, halt.until)))
    due = shifted(clock.due, (ended,), clock.target.unit, clock.pace.hours) if clock.due else None
    return replace(clock, pauses=(*before, ended), due=due)


def _limited(clock: Clock, what: str, due: datetime, approval: Approval | None, now: datetime) -> Clock:
    """A limit was moved. A warning that still lies ahead is given again, because it is a warning of another limit."""
    change = Change(what, now, clock.due or due, due, approval)
    moved = replace(clock, due=due, changes=(*clock.changes, change))
    again = instant(moved, Stroke.WARNING)
    ahead = again is not None and again > now
    return replace(moved, struck=tuple(s for s in moved.struck if not (ahead and s is Stroke.WARNING)))
