"""Answering the bell: who takes a case, who else has to, how a slip is undone, and how long an answer lasts that nothing follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Entry, Handling, Notice, Reason
from alerts.commands import Acknowledge, Undo
from alerts.dispatch.scene_commands import CheckIn
from alerts.escalation import advance, ring
from alerts.moves import Move
from alerts.outcome import Cancel, NotAllowed, Outcome, Why
from alerts.rules import seconds
from alerts.spoken import line, said
from alerts.timers import ACKNOWLEDGED, EXPIRY, REMINDER, with_timer, without
from alerts.transitions import after
from alerts.work import Taken

_ONLY_TELLS: Final = frozenset({Reason.WHISTLE, Reason.NO_WORD, Reason.WORD})


def acknowledge(alert: Alert, command: Acknowledge, now: datetime) -> Outcome:
    """Somebody has it. Where everybody of a step must answer, the bell rings on for those who have not.

    An operator's word at the desk is enough for all. A second answer changes nothing.
    """
    then = after(alert.id, alert.handling, command.move)
    if then is alert.handling:
        return Outcome(alert)
    if alert.work.awaited and command.person in alert.work.confirmed:
        return Outcome(alert)
    if command.person in alert.work.awaited and len(alert.work.awaited) > 1:
        return _confirm(alert, command, now)
    answered = said(alert, command, now)
    rung = max(alert.step - 1, 0)
    work = replace(alert.work, taken=Taken(command.by, now, rung), awaited=(), paused=False)
    return replace(answered, alert=_lasting(replace(answered.alert, work=work), now))


def _confirm(alert: Alert, command: Acknowledge, now: datetime) -> Outcome:
    left = tuple(person for person in alert.work.awaited if person != command.person)
    work = replace(alert.work, awaited=left, confirmed=(*alert.work.confirmed, command.person))
    entry = Entry(
        alert.id, now, "confirmed", by=command.by, why=Why.AWAITED, detail=MappingProxyType({"left": len(left)})
    )
    return Outcome(replace(alert, work=work), (entry,), (Cancel(Why.CONFIRMED, command.person),))


def _lasting(alert: Alert, now: datetime) -> Alert:
    rules = alert.work.rules
    for name, after_s in ((REMINDER, rules.remind), (EXPIRY, rules.expire)):
        alert = with_timer(alert, name, now + seconds(after_s)) if after_s else alert
    return alert


def held(alert: Alert, now: datetime) -> Alert:
    """The same rule for a case that came back to the desk: it waits for a dispatch no longer than an acknowledged one."""
    return _lasting(alert, now)


def pressed(alert: Alert, notice: Notice) -> Acknowledge | CheckIn | None:
    """What pressing 1 at a call says: I have it, or I am well; nothing where a call only tells something or the case is over."""
    if alert.handling.over or notice.reason in _ONLY_TELLS:
        return None
    if notice.reason is Reason.CHECK_IN:
        return CheckIn(notice.name, via=notice.channel) if alert.work.scene is not None else None
    return Acknowledge(notice.name, via=notice.channel, person=notice.person)


def undo(alert: Alert, command: Undo, now: datetime) -> Outcome:
    """A slip: the bell goes on at the step at which it was silenced. Raises `NotAllowed` when it is too late, or was another's."""
    then = after(alert.id, alert.handling, command.move)
    taken, within = alert.work.taken, alert.work.rules.undo
    if taken is None or taken.by != command.by:
        raise _refused(alert, f"it was not {command.by} who acknowledged it; ask {taken.by if taken else 'the desk'}")
    if now - taken.at > seconds(within):
        raise _refused(
            alert, f"an acknowledgement can be undone for {within:g} s; dispatch it or give a reason to reopen"
        )
    open_again = replace(
        without(alert, *ACKNOWLEDGED),
        handling=then,
        stages=MappingProxyType(
            {name: at for name, at in alert.stages.items() if name != "acked_at"} | {"rung_at": now}
        ),
        step=taken.step,
        work=replace(alert.work, taken=None),
    )
    return _resumed(open_again, now).after(line(alert, command, now))


def _resumed(alert: Alert, now: datetime) -> Outcome:
    if not alert.chain:
        return Outcome(alert)
    return advance(replace(alert, escalate_at=now), Reason.REPEAT, now)


def _refused(alert: Alert, why: str) -> NotAllowed:
    return NotAllowed(f"{alert.id}: {why}", handling=alert.handling, move=Move.UNDO)


def reminded(alert: Alert, now: datetime) -> Outcome:
    """Nothing has followed an acknowledgement for a while: the desk is told."""
    taken = alert.work.taken
    detail = MappingProxyType({"taken_by": taken.by if taken else "", "expires_at": _iso(alert.timers.get(EXPIRY))})
    return Outcome(
        without(alert, REMINDER), (Entry(alert.id, now, "nothing_followed", why=Why.ACKNOWLEDGED, detail=detail),)
    )


def expired(alert: Alert, now: datetime) -> Outcome:
    """Nothing followed an acknowledgement: it holds no more, and the bell opens again from the first step."""
    alert = without(alert, *ACKNOWLEDGED)
    if alert.handling is not Handling.ACKNOWLEDGED:
        return Outcome(alert)
    taken = alert.work.taken
    entry = Entry(
        alert.id, now, "expired", why=Why.EXPIRED, detail=MappingProxyType({"taken_by": taken.by if taken else ""})
    )
    open_again = replace(
        alert, handling=after(alert.id, alert.handling, Move.EXPIRE), work=replace(alert.work, taken=None)
    )
    return ring(open_again, alert.chain, Reason.REPEAT, now).after(entry)


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""
