"""A case and its whistles: what is said about a whistle changes the case's work, its timeline and its timer. Only `alerts.lifecycle` asks.

A case has one open whistle at most; while it has one the case cannot be closed or merged, and when the case ends in another way its
whistle is called off with it. A whistle does not answer the bell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts.alert import Alert, Entry
from alerts.moves import Move
from alerts.outcome import Cancel, NotAllowed, Outcome, Why
from alerts.timers import with_timer, without
from alerts.transitions import after
from alerts.whistle.commands import (
    AcceptReport,
    Attend,
    Blow,
    CallOff,
    NameUnits,
    RemindUnits,
    Report,
    SendBack,
    WhistleCommand,
)
from alerts.whistle.reminders import lapse, remind
from alerts.whistle.whistle import Blown, Standing, Whistle, WhistleRefused, names, next_due
from alerts.whistle.whistling import Wanted, accept, attend, blow, call_off, name, report, send_back

TIMER: Final = "whistle"
KEPT: Final = 20  # whistles of one case

_Did = Callable[[Whistle, Any, datetime], Blown]
_DOES: Final[Mapping[type, _Did]] = MappingProxyType({
    NameUnits: lambda w, c, now: name(w, c.by, c.units, c.plan, now, lead=c.lead, deadline=c.deadline),
    Attend: lambda w, c, now: attend(w, c.unit, c.by, now, note=c.note),
    Report: lambda w, c, now: report(w, c.unit, c.by, c.text, now),
    AcceptReport: lambda w, c, now: accept(w, c.unit, c.by, now, score=c.score, note=c.note),
    SendBack: lambda w, c, _: send_back(w, c.unit, c.by, c.note),
    RemindUnits: lambda w, c, _: remind(w, c.key, c.by),
    CallOff: lambda w, c, now: call_off(w, c.by, c.note, now),
})  # fmt: skip
COMMANDS: Final = (Blow, *_DOES)


def obey(alert: Alert, command: WhistleCommand, now: datetime) -> Outcome:
    """What a person says about the case's last whistle, or a new one. Raises `NotAllowed`; a repeat changes nothing."""
    last = alert.work.whistles[-1] if alert.work.whistles else None
    try:
        said = _blown(alert, last, command, now) if isinstance(command, Blow) else _done(alert, last, command, now)
    except WhistleRefused as error:
        after(alert.id, alert.handling, command.move)
        raise NotAllowed(f"{alert.id}: {error}", handling=alert.handling, move=Move.WHISTLE) from error
    if said.alert is not alert:  # a repeat is one whatever has become of the case
        after(alert.id, alert.handling, command.move)
    return said


def _done(alert: Alert, last: Whistle | None, command: WhistleCommand, now: datetime) -> Outcome:
    if last is None:
        raise WhistleRefused("nobody has whistled for it; blow the whistle first")
    return _with(alert, _DOES[type(command)](last, command, now), now)


def _blown(alert: Alert, last: Whistle | None, command: Blow, now: datetime) -> Outcome:
    if last is not None and last.open:
        if (last.by, last.key or last.matter) == (command.by, command.matter.strip()):
            return Outcome(alert)
        raise WhistleRefused(
            f"a whistle is open already ({last.matter}); name further units in it, or call it off first"
        )
    if len(alert.work.whistles) >= KEPT:
        raise WhistleRefused(f"{KEPT} whistles were blown for it already; open a case of its own for what is left")
    grid = alert.place.township or alert.place.grid
    wanted = Wanted(command.by, grid, command.matter, command.note, command.deadline)
    return _with(alert, blow(len(alert.work.whistles) + 1, wanted, command.plan, now), now)


def due(alert: Alert, _name: str, now: datetime) -> Outcome:
    """The time of the open whistle has come."""
    found = alert.work.whistle
    return _with(alert, lapse(found, now), now) if found is not None else Outcome(without(alert, TIMER))


def ended(alert: Alert, by: str, now: datetime) -> tuple[Alert, tuple[Entry, ...]]:
    """The case is over, and its open whistle with it. Whoever was told hears of it with everybody else who was."""
    found = alert.work.whistle
    if found is None:
        return alert, ()
    over = replace(found, standing=Standing.CALLED_OFF, over_at=now, over_by=by)
    entry = Entry(alert.id, now, "whistle_called_off", by=by, why=Why.OVER)
    return _kept(alert, over), (entry,)


def must_be_over(alert: Alert, move: Move) -> None:
    """Raises `NotAllowed` while a whistle of the case is open: its units are still at it."""
    found = alert.work.whistle
    if found is None:
        return
    owing = names(task.unit for task in found.outstanding) or "the county centre, which has to name units"
    raise NotAllowed(
        f"{alert.id}: a whistle of it is open and waits for {owing}; have every report accepted, or call the whistle off",
        handling=alert.handling, move=move,
    )  # fmt: skip


def _with(alert: Alert, blown: Blown, now: datetime) -> Outcome:
    """The case with its whistle as it is now; what has not left is called back before anybody is told anew."""
    if alert.work.whistles and blown.whistle == alert.work.whistles[-1]:
        at = next_due(blown.whistle)
        return Outcome(_timed(alert, at) if alert.timers.get(TIMER) != at else alert)
    entries = tuple(Entry(alert.id, now, line.what, line.by, line.why, line.detail) for line in blown.lines)
    recalled = tuple(Cancel(Why.WHISTLE_ANSWERED, unit=number) for number in blown.answered)
    return Outcome(_kept(alert, blown.whistle), entries, (*recalled, *blown.tells))


def _kept(alert: Alert, whistle: Whistle) -> Alert:
    others = tuple(one for one in alert.work.whistles if one.number != whistle.number)
    after_it = replace(alert, work=replace(alert.work, whistles=(*others, whistle)))
    return _timed(after_it, next_due(whistle))


def _timed(alert: Alert, at: datetime | None) -> Alert:
    return without(alert, TIMER) if at is None else with_timer(alert, TIMER, at)
