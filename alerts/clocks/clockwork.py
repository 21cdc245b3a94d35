"""The service clocks of a case: started, stopped and moved by what happens to it. Only `alerts.lifecycle` winds them (law 4).

A clock follows the stages: whoever reaches one starts or stops it, whatever the move was called. What falls due is a timer `clock:NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts.alert import Alert, Entry, Handling, Reason
from alerts.clocks import movement as clocks
from alerts.clocks.clock import Approval, Clock, ClockError, Span, State, Stroke, Unit, assumes, next_at
from alerts.clocks.commands import Agree, Extend, Pause, Resume
from alerts.clocks.policy import ClockPolicy
from alerts.commands import Event, Grade, Raised, TakeIn
from alerts.evolve import evolve
from alerts.outcome import NotAllowed, Outcome, Supervise, Why
from alerts.timers import without
from alerts.transitions import after
from alerts.triage.commands import Triage

TIMER: Final = "clock"  # the name of a timer up to its colon
_PREFIX: Final = f"{TIMER}:"
# Whoever is further has been there: a clock that waits for a signature does not go on when the work is done already.
COURSE: Final = ("dispatched_at", "accepted_at", "on_scene_at", "handled_at", "verified_at", "closed_at")
_BEYOND: Final = MappingProxyType({stage: COURSE[at:] for at, stage in enumerate(COURSE)})


def kept(before: Alert | None, outcome: Outcome, event: Event, now: datetime) -> Outcome:
    """The outcome with the case's clocks kept: begun, stopped, gone on, tightened, and their timers set."""
    alert = outcome.alert
    if alert is before:
        return outcome
    policy = event.policy if isinstance(event, Raised | Grade | TakeIn | Triage) else None
    running = alert.work.clocks
    entries: list[Entry] = []
    if policy is not None and (before is None or not alert.handling.over):
        running = _wanted(before, alert, policy.clocks, event, entries, now)
    if not running:
        return outcome
    wound = tuple(_followed(clock, before, alert, entries, now) for clock in running)
    if before is not None and wound == before.work.clocks:
        return outcome
    timed = evolve(alert, work=evolve(alert.work, clocks=wound), timers=_timers(alert.timers, wound))
    return Outcome(timed, (*outcome.entries, *entries), outcome.effects)


def struck(alert: Alert, name: str, now: datetime) -> Outcome:
    """A clock's timer has come: what it strikes goes on the timeline, and the level above hears of the gravest of it (督办)."""
    clock = _named(alert.work.clocks, name.removeprefix(_PREFIX))
    if clock is None:
        return Outcome(without(alert, name))
    rung, strokes = clocks.strike(clock, now)
    if rung == clock:
        return Outcome(without(alert, name))
    entries: list[Entry] = []
    if clock.state is State.PAUSED and rung.state is State.RUNNING:
        entries.append(_line(alert, rung, "clock_resumed", now, why=Why.PAUSE_ENDED))
    for stroke in strokes:
        why = Reason.SUPERVISE if stroke is strokes[-1] else Why.GRAVER
        entries.append(_line(alert, rung, f"clock_{stroke}", now, why=why))
    above = tuple(Supervise(rung.name, stroke, _key(rung, stroke)) for stroke in strokes[-1:])
    return Outcome(_with(alert, rung), tuple(entries), above)


def pause(alert: Alert, command: Pause, now: datetime) -> Outcome:
    """The clock stands until a time at the latest. Raises `NotAllowed`."""
    return _moved(alert, command, "clock_paused", now, lambda clock, yes: clocks.pause(clock, command.until, yes, now))


def extend(alert: Alert, command: Extend, now: datetime) -> Outcome:
    """The clock has more time. Raises `NotAllowed`."""
    span = Span(command.amount, Unit(command.unit))
    return _moved(alert, command, "clock_extended", now, lambda clock, yes: clocks.extend(clock, span, yes, now))


def agree(alert: Alert, command: Agree, now: datetime) -> Outcome:
    """The clock runs to a date that was agreed on. Raises `NotAllowed`."""
    return _moved(alert, command, "clock_agreed", now, lambda clock, yes: clocks.agree(clock, command.date, yes, now))


def resume(alert: Alert, command: Resume, now: datetime) -> Outcome:
    """The clock goes on before its pause ends by itself. Raises `NotAllowed`."""
    after(alert.id, alert.handling, command.move)
    clock = _asked(alert, command)
    try:
        going = clocks.resume(clock, now)
    except ClockError as error:
        raise _refused(alert, command, error) from error
    return Outcome(_with(alert, going), (_line(alert, going, "clock_resumed", now, by=command.by, note=command.note),))


def _moved(
    alert: Alert,
    command: Pause | Extend | Agree,
    what: str,
    now: datetime,
    move: Callable[[Clock, Approval], Clock],
) -> Outcome:
    after(alert.id, alert.handling, command.move)
    clock = _asked(alert, command)
    try:
        then = move(clock, Approval(command.by, command.approved_by, command.note))
    except ClockError as error:
        raise _refused(alert, command, error) from error
    more: dict[str, Any] = {"approved_by": command.approved_by, "note": command.note}
    more |= {"until": then.pauses[-1].until.isoformat()} if isinstance(command, Pause) else {"was": _text(clock.due)}
    return Outcome(_with(alert, then), (_line(alert, then, what, now, by=command.by, why=Why.APPROVED, **more),))


def _asked(alert: Alert, command: Pause | Resume | Extend | Agree) -> Clock:
    clock = _named(alert.work.clocks, command.clock)
    if clock is None:
        has = ", ".join(c.name for c in alert.work.clocks) or "none"
        sentence = f"{alert.id} has no clock {command.clock!r}; it has: {has}"
        raise NotAllowed(sentence, handling=alert.handling, move=command.move)
    return clock


def _refused(alert: Alert, command: Pause | Resume | Extend | Agree, error: ClockError) -> NotAllowed:
    return NotAllowed(f"{alert.id}: {error}", handling=alert.handling, move=command.move)


def _wanted(
    before: Alert | None, alert: Alert, policy: ClockPolicy, event: Event, entries: list[Entry], now: datetime
) -> tuple[Clock, ...]:
    """The clocks of the case with those that it has come to need; a change of level moves the ones it has."""
    if before is None:  # a test never has clocks; what came late waits for a person to take it in earnest
        return () if alert.handling is Handling.TEST else policy.clocks(alert.kind, alert.level, alert.origins)
    if alert.level is before.level and alert.origins == before.origins and not isinstance(event, TakeIn):
        return alert.work.clocks
    wanted = {clock.name: clock for clock in policy.clocks(alert.kind, alert.level, alert.origins)}
    had = [_graded(before, alert, c, wanted.pop(c.name, None), event, entries, now) for c in alert.work.clocks]
    return tuple(_joined(alert, clock, event, entries, now) for clock in (*had, *wanted.values()))


def _joined(alert: Alert, clock: Clock, event: Event, entries: list[Entry], now: datetime) -> Clock:
    """Merging gives no time: what was promised earlier in the other case is promised in the one that goes on."""
    theirs = _named(event.other.work.clocks, clock.name) if isinstance(event, TakeIn) else None
    if theirs is None or theirs.due is None or theirs.stopped_at is not None:
        return clock
    if clock.started is None:
        return theirs
    then = clocks.hasten(clock, theirs.due, now)
    if then is not clock:
        entries.append(_line(alert, then, "clock_moved", now, why=Why.MERGED, was=_text(clock.due)))
    return then


def _graded(
    before: Alert, alert: Alert, clock: Clock, wanted: Clock | None, event: Event, entries: list[Entry], now: datetime
) -> Clock:
    """A rise takes time away and asks nobody; a fall gives time by the approval that came with it, where there is still time to give."""
    same = wanted is None or (wanted.target == clock.target and wanted.matter == clock.matter)
    if wanted is None or same or alert.level is before.level:
        return clock
    if alert.level.rank > before.level.rank:
        then = clocks.tighten(clock, wanted.target, wanted.matter, now)
        why = Why.WORSE
    elif isinstance(event, Grade):
        why = Why.APPROVED
        try:
            yes = Approval(event.by, event.approved_by, event.note)
            then = clocks.downgrade(clock, wanted.target, wanted.matter, yes, now)
        except ClockError:
            return clock
    else:
        return clock
    if then.due != clock.due:
        entries.append(_line(alert, then, "clock_moved", now, why=why, was=_text(clock.due)))
    return then


def _followed(clock: Clock, before: Alert | None, alert: Alert, entries: list[Entry], now: datetime) -> Clock:
    """The clock after what happened: its stages start and stop it, and the end of the case stops it whatever stage it waits for."""
    over = alert.handling.over or reached(alert, clock.stops)
    if over:
        return clocks.stop(clock, now)
    if clock.state is State.WAITING and clock.starts in alert.stages:
        begun = clocks.start(clock, now)
        if (beyond := assumes(begun)) is not None:
            entries.append(_line(alert, begun, "clock_early", now, why=Why.CALENDAR, year=beyond.year))
        return begun
    if clock.state is State.STOPPED:
        split = before is not None and before.handling is Handling.MERGED
        return replace(clock, stopped_at=None) if split else clocks.go_on(clock, now)
    return clock


def timer_of(clock: Clock) -> str:
    """The name of a clock's timer."""
    return f"{TIMER}:{clock.name}"


def reached(alert: Alert, stage: str) -> bool:
    """Whether a stage, or one that lies beyond it in the course of a case, has been reached."""
    return not alert.stages.keys().isdisjoint(_BEYOND.get(stage, (stage,)))


def _timers(timers: Mapping[str, datetime], wound: Iterable[Clock]) -> Mapping[str, datetime]:
    """The timers with those that the clocks ask for, and no others of theirs."""
    others = {name: at for name, at in timers.items() if not name.startswith(_PREFIX)} if timers else {}
    ours = {timer_of(clock): at for clock in wound if (at := next_at(clock)) is not None}
    return MappingProxyType({**others, **ours})


def wound(alert: Alert, some: tuple[Clock, ...]) -> Alert:
    """The case with these clocks, and the timers that they ask for."""
    return replace(alert, work=replace(alert.work, clocks=some), timers=_timers(alert.timers, some))


def _key(clock: Clock, stroke: Stroke) -> str:
    """What tells this stroke of this limit from any other: the same one is the same notice, however often it is decided (law 3)."""
    return f"{timer_of(clock)}/{stroke}/{_text(clock.due)}"


def _line(
    alert: Alert, clock: Clock, what: str, now: datetime, *, by: str = "tocsin", why: str = "", **more: Any
) -> Entry:
    said = {"clock": clock.name, "due": _text(clock.due), **{key: value for key, value in more.items() if value}}
    return Entry(alert.id, now, what, by=by, why=why, detail=MappingProxyType(said))


def _with(alert: Alert, clock: Clock) -> Alert:
    rest = tuple(clock if c.name == clock.name else c for c in alert.work.clocks)
    return replace(alert, work=replace(alert.work, clocks=rest))


def _named(some: Iterable[Clock], name: str) -> Clock | None:
    return next((clock for clock in some if clock.name == name), None)


def _text(at: datetime | None) -> str:
    return at.isoformat() if at else ""
