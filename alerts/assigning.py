"""Giving work to somebody, and giving it back (派单, 退单, 改派). Clocks are never reset by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Entry, Reason
from alerts.answering import held
from alerts.commands import Dispatch, GiveBack
from alerts.moves import Move
from alerts.outcome import Cancel, Effect, NotAllowed, NotifyAbove, NotifyPerson, Outcome, Why
from alerts.rules import seconds
from alerts.spoken import said
from alerts.timers import ACKNOWLEDGED, without
from alerts.transitions import after, ask

BOUNCES: Final = 2  # given back so often, the level above assigns it for good


def dispatch(alert: Alert, command: Dispatch, now: datetime) -> Outcome:
    """It is given to somebody, who is told. Nothing is given twice to the same person.

    After it was given back twice, what the level above says is binding: it cannot be given back again.
    """
    if command.to in {"", alert.assignee} and after(alert.id, alert.handling, command.move) is alert.handling:
        return Outcome(alert)
    given = said(alert, command, now)
    moved = replace(without(given.alert, *ACKNOWLEDGED), assignee=command.to or alert.assignee)
    moved = replace(moved, work=replace(moved.work, binding=bool(moved.work.arbiter)))
    moved = (
        replace(moved, stages=MappingProxyType({**moved.stages, "dispatched_at": now})) if alert.work.bounces else moved
    )
    passed_on = bool(alert.assignee) and alert.assignee != moved.assignee
    reason = Reason.REASSIGNED if passed_on else Reason.INSTRUCTION
    told = _no_longer(alert) if passed_on else ()
    return replace(given, alert=moved, effects=(*given.effects, *told, NotifyPerson(moved.assignee, reason)))


def _no_longer(alert: Alert) -> tuple[Effect, ...]:
    """What has not left yet for whoever had it is called back: it is not theirs any more."""
    return (Cancel(Reason.REASSIGNED, alert.assignee),) if alert.assignee else ()


def give_back(alert: Alert, command: GiveBack, now: datetime) -> Outcome:
    """It is not theirs to do. Back at the desk it waits for a dispatch like any acknowledged case, and rings again when none comes.

    The second time it goes to the level above. Raises `NotAllowed` without a reason, too late, or when the assignment is binding.
    """
    after(alert.id, alert.handling, command.move)
    ask(alert.id, alert.handling, command)
    within = alert.work.rules.return_within
    if alert.work.binding:
        raise _refused(alert, "the level above assigned it for good after it had been given back twice; ask that level")
    if within and now - alert.stages.get("dispatched_at", now) > seconds(within):
        raise _refused(
            alert, f"work can be given back for {within:g} s after it was dispatched; ask for another dispatch"
        )
    bounces = alert.work.bounces + 1
    level = alert.reached or alert.place.grid
    arbitrated = bounces >= BOUNCES
    returned = said(alert, command, now, bounces=bounces, was=alert.assignee)
    work = replace(alert.work, bounces=bounces, arbiter=level if arbitrated else "", taken=None)
    back = held(replace(returned.alert, assignee="", work=work), now)
    entries: tuple[Entry, ...] = returned.entries
    effects: tuple[Effect, ...] = (*returned.effects, *_no_longer(alert))
    if arbitrated:
        entries += (
            Entry(alert.id, now, "arbitration", why=Why.ARBITRATION, detail=MappingProxyType({"above": level})),
        )
        effects += (NotifyAbove(level, Reason.REASSIGNED),)
    return Outcome(back, entries, effects)


def _refused(alert: Alert, why: str) -> NotAllowed:
    return NotAllowed(f"{alert.id}: {why}", handling=alert.handling, move=Move.GIVE_BACK)
