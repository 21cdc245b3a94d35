"""The end of a case: handled, verified by readings and by another's eyes, callers told, closed, rated; and how it begins again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Condition, Entry, Handling, Reason, Step
from alerts.closing_commands import CallBack, Close, FalseAlarm, Rate, Reopen, Verify, Void
from alerts.commands import Handle
from alerts.escalation import ring
from alerts.moves import Move
from alerts.outcome import NotAllowed, Outcome, Why
from alerts.rules import seconds
from alerts.spoken import begun_again, line, said
from alerts.transitions import after, ask
from alerts.whistle.case import must_be_over
from alerts.work import Finding
from streams.signal import Origin

CONTENT_FROM: Final = 3  # of five: who gives less is not content


def handle(alert: Alert, command: Handle, now: datetime) -> Outcome:
    """The work is done, as far as whoever did it can say."""
    done = said(alert, command, now)
    work = replace(done.alert.work, handled_by=command.by, result=command.note)
    return replace(done, alert=replace(done.alert, work=work))


def verify(alert: Alert, command: Verify, now: datetime) -> Outcome:
    """Somebody else looked. Raises `NotAllowed` for the handler's own eyes, and while a sensor has not been normal for long enough."""
    after(alert.id, alert.handling, command.move)
    rules = alert.work.rules
    if rules.verify and command.by == alert.work.handled_by:
        raise _refused(alert, Move.VERIFY, f"{command.by} handled it: somebody else must verify it")
    if rules.normal_for and Origin.SENSOR.value in alert.origins and not _normal(alert, now):
        if not command.approved_by:
            raise _refused(
                alert, Move.VERIFY,
                f"its readings must have been normal for {rules.normal_for:g} s ({_readings(alert, now)}); "
                "wait, or where the sensor cannot say so any more name who approves and why",
            )  # fmt: skip
        ask(alert.id, alert.handling, replace(command, note=command.note), approval=True)
        if not command.note.strip():
            raise _refused(alert, Move.VERIFY, "an approval in place of readings needs a reason: say it in the note")
    return said(alert, command, now)


def _normal(alert: Alert, now: datetime) -> bool:
    since = alert.work.normal_since
    return (
        alert.condition is Condition.CLEARED
        and since is not None
        and now - since >= seconds(alert.work.rules.normal_for)
    )


def _readings(alert: Alert, now: datetime) -> str:
    since = alert.work.normal_since
    if alert.condition is Condition.ACTIVE or since is None:
        return "they are not"
    return f"they have been for {(now - since).total_seconds():.0f} s"


def call_back(alert: Alert, command: CallBack, now: datetime) -> Outcome:
    """A caller was told. One who is not content opens the case again one level higher, and is owed another word.

    Raises `NotAllowed` for a call that is not this case's.
    """
    if command.call not in {caller.call for caller in alert.work.callers}:
        raise _refused(
            alert, Move.CALL_BACK, f"no caller of it is called {command.call!r}; the case lists whom it owes a word"
        )
    told = said(alert, command, now)
    callers = tuple(
        replace(
            c, told_at=now if command.content else None, by=command.by, content=command.content, note=command.note,
            way=c.way if command.content else "",  # owed a word by a person from now on
        )
        if c.call == command.call else c
        for c in alert.work.callers
    )  # fmt: skip
    known = replace(told.alert, work=replace(alert.work, callers=callers))
    if command.content:
        return replace(told, alert=known)
    lifted = lift(known, now)
    return Outcome(lifted.alert, (*told.entries, *lifted.entries), (*told.effects, *lifted.effects))


def close(alert: Alert, command: Close, now: datetime) -> Outcome:
    """The case is closed. Raises `NotAllowed` while it must be verified, units are at it, or a caller is owed a word without a reason."""
    after(alert.id, alert.handling, command.move)
    must_be_over(alert, command.move)
    if alert.work.rules.verify and alert.handling is Handling.HANDLED:
        raise _refused(
            alert, Move.CLOSE, "it must be verified by somebody else than who handled it before it is closed"
        )
    owed = alert.work.owed
    if owed and not command.unreached.strip():
        raise _refused(
            alert,
            Move.CLOSE,
            f"{len(owed)} caller(s) are owed a word about it; call them back, or say why they cannot be told",
        )
    done = said(alert, command, now, **({"owed": len(owed)} if owed else {}))
    work = replace(done.alert.work, finding=command.finding.value)
    return replace(done, alert=replace(done.alert, outcome=command.outcome, work=work))


def rate(alert: Alert, command: Rate, now: datetime) -> Outcome:
    """How content the resident was. One who was not opens the case again one level higher, with its history."""
    rated = said(alert, command, now)
    if command.score >= CONTENT_FROM:
        return rated
    lifted = lift(replace(alert, stages=rated.alert.stages), now)
    return Outcome(lifted.alert, (*rated.entries, *lifted.entries), (*rated.effects, *lifted.effects))


def lift(alert: Alert, now: datetime) -> Outcome:
    """Open a case again one level higher than it was told last."""
    then = after(alert.id, alert.handling, Move.COMPLAIN)
    level = alert.reached or alert.place.grid
    detail = MappingProxyType({"above": level, "was": alert.handling})
    entry = Entry(alert.id, now, "lifted", why=Why.DISSATISFIED, detail=detail)
    work = replace(alert.work, handled_by="", taken=None, finding="")
    begun = replace(alert, handling=then, stages=begun_again(alert), outcome="", assignee="", work=work)
    return ring(begun, higher(alert.chain), Reason.ESCALATE, now, reached=level).after(entry)


def higher(chain: tuple[Step, ...]) -> tuple[Step, ...]:
    """The chain one level higher: its first step for the grid climbs, and the later ones stay with who was told then."""
    climbed = False
    steps: list[Step] = []
    for one in chain:
        steps.append(replace(one, target="all" if climbed else "up") if one.target == "grid" else one)
        climbed = climbed or one.target == "grid"
    return tuple(steps)


def false_alarm(alert: Alert, command: FalseAlarm, now: datetime) -> Outcome:
    """There was nothing."""
    return _found(said(alert, command, now), Finding.UNFOUNDED)


def void(alert: Alert, command: Void, now: datetime) -> Outcome:
    """It should not have been opened. Raises `NotAllowed` without a reason and another's approval."""
    after(alert.id, alert.handling, command.move)
    ask(alert.id, alert.handling, command)
    return said(alert, command, now)


def reopen(alert: Alert, command: Reopen, now: datetime) -> Outcome:
    """It was not over: the bell opens again, and the end is measured anew."""
    then = after(alert.id, alert.handling, command.move)
    work = replace(alert.work, handled_by="", taken=None, finding="")
    begun = replace(alert, handling=then, stages=begun_again(alert), outcome="", work=work)
    return ring(begun, alert.chain, Reason.REPEAT, now).after(line(alert, command, now))


def _found(outcome: Outcome, finding: Finding) -> Outcome:
    work = replace(outcome.alert.work, finding=finding.value)
    return replace(outcome, alert=replace(outcome.alert, work=work))


def _refused(alert: Alert, move: Move, why: str) -> NotAllowed:
    return NotAllowed(f"{alert.id}: {why}", handling=alert.handling, move=move)
