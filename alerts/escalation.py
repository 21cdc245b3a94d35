"""The bell of an alert: how it opens and how it climbs its chain. Only `alerts.lifecycle` pulls it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Condition, Entry, Handling, Notice, Reason, Step
from alerts.conditions import enough, opens_at
from alerts.evolve import evolve
from alerts.outcome import Effect, Notify, Outcome, Why
from streams.signal import Level

RINGING: Final = frozenset({Reason.FIRST, Reason.WORSE, Reason.REPEAT, Reason.ESCALATE})


def ring(alert: Alert, chain: tuple[Step, ...], reason: Reason, now: datetime, *, reached: str = "") -> Outcome:
    """Open the bell on a fresh snapshot of a chain. A step at 0 seconds rings at once.

    `reached` is the level from which a first step may climb; without it, the chain begins at the alert's own grid.
    """
    stages = MappingProxyType({**alert.stages, "rung_at": now})
    step = 0
    next_at: datetime | None = None
    entries: tuple[Entry, ...] = ()
    effects: tuple[Effect, ...] = ()
    if not chain:
        silent = MappingProxyType({"level": alert.level})
        entries = (Entry(alert.id, now, "not_told", why=Why.POLICY_SILENT, detail=silent),)
    elif chain[0].after > 0:
        next_at = now + timedelta(seconds=chain[0].after)
    else:
        step = 1
        next_at, effects = _rung(chain, 0, Notify(reason, 0), now=now, was_due=now)
    work = alert.work
    if work.awaited or work.confirmed or work.paused:
        work = replace(work, awaited=(), confirmed=(), paused=False)
    begun = evolve(
        alert,
        handling=Handling.NEW,
        chain=chain,
        step=step,
        reached=reached,
        stages=stages,
        escalate_at=next_at,
        work=work,
    )
    return Outcome(begun, entries, effects)


def due(alert: Alert, now: datetime) -> Outcome:
    """The next step, when its time has come and its condition holds.

    A case below orange that has returned to normal climbs no further; neither does one that somebody has answered.
    """
    if alert.escalate_at is None or now < alert.escalate_at:
        return Outcome(alert)
    if alert.handling is not Handling.NEW:
        return _stopped(alert, now, "not_escalated", Why.ACKNOWLEDGED)
    if alert.condition is Condition.CLEARED and alert.level.rank < Level.ORANGE.rank:
        return _stopped(alert, now, "not_escalated", Why.RETURNED_TO_NORMAL)
    step = alert.chain[alert.step]
    if not enough(step, alert, now):
        paused = replace(alert, work=replace(alert.work, paused=True))
        return _stopped(paused, now, "paused", Why.CONDITION)
    if (opens := opens_at(step, now)) is not None:
        detail = MappingProxyType({"step": alert.step, "until": opens.isoformat()})
        return Outcome(
            replace(alert, escalate_at=opens), (Entry(alert.id, now, "waits", why=Why.HOURS, detail=detail),)
        )
    return advance(alert, Reason.REPEAT if step.target in {"grid", "all"} else Reason.ESCALATE, now)


def missed(alert: Alert, now: datetime) -> Outcome:
    """The auditor found a bell that should ring and would not: its next step is due now. Nothing when that is not so any more."""
    if not silent(alert):
        return Outcome(alert)
    detail = MappingProxyType({"step": alert.step, "steps": len(alert.chain)})
    return Outcome(replace(alert, escalate_at=now), (Entry(alert.id, now, "missed", why=Why.MISSED, detail=detail),))


def silent(alert: Alert) -> bool:
    """Whether an unanswered case has steps left and none of them will be rung by itself."""
    rings = alert.handling is Handling.NEW and alert.step < len(alert.chain)
    waits = alert.work.paused or alert.work.hush is not None
    excused = waits or (alert.condition is Condition.CLEARED and alert.level.rank < Level.ORANGE.rank)
    return rings and alert.escalate_at is None and not excused


def _stopped(alert: Alert, now: datetime, what: str, why: Why) -> Outcome:
    return Outcome(replace(alert, escalate_at=None), (Entry(alert.id, now, what, why=why),))


def advance(alert: Alert, reason: Reason, now: datetime) -> Outcome:
    """Ring the next step of the chain and set when the one after it is due."""
    notify = Notify(reason, alert.step)
    was_due = alert.escalate_at or now
    next_at, effects = _rung(alert.chain, alert.step, notify, now=now, was_due=was_due)
    return Outcome(replace(alert, step=alert.step + 1, escalate_at=next_at), (), effects)


def ended(alert: Alert, reason: Reason, step: int, now: datetime) -> tuple[Entry, ...]:
    """The line that the chain has ended, once its last step was really rung: one that something keeps shut still stands in front of it."""
    if reason not in RINGING or step + 1 != len(alert.chain):
        return ()
    detail = MappingProxyType({"steps": len(alert.chain)})
    return (Entry(alert.id, now, "chain_ended", why=Why.CHAIN_ENDED, detail=detail),)


def _rung(
    chain: tuple[Step, ...], index: int, notify: Notify, *, now: datetime, was_due: datetime
) -> tuple[datetime | None, tuple[Effect, ...]]:
    """When the step after `index` is due, with what ringing `index` does.

    The chain keeps its pace when the ticker was a little late; when it was away for longer than a whole step, the chain
    goes on from now and does not ring everybody at once.
    """
    if index + 1 == len(chain):
        return None, (notify,)
    gap = timedelta(seconds=chain[index + 1].after - chain[index].after)
    return (was_due + gap if was_due + gap > now else now + gap), (notify,)


def waits_for(alert: Alert, notice: Notice, now: datetime) -> bool:
    """Whether the chain is waiting for an answer to this notice: it belongs to the step that was rung last, and the next is not due."""
    rung = alert.stages.get("rung_at")
    current = rung is not None and notice.created_at >= rung and notice.step == alert.step - 1
    return current and notice.reason in RINGING and alert.escalate_at is not None and alert.escalate_at > now
