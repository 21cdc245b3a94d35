"""The bell of an alert: how it opens and how it climbs its chain. Only `alerts.lifecycle` pulls it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Entry, Handling, Notice, Reason, Step
from alerts.outcome import Effect, Notify, Outcome, Why

RINGING: Final = frozenset({Reason.FIRST, Reason.WORSE, Reason.REPEAT, Reason.ESCALATE})


def ring(alert: Alert, chain: tuple[Step, ...], reason: Reason, now: datetime) -> Outcome:
    """Open the bell on a fresh snapshot of a chain. A step at 0 seconds rings at once."""
    stages = MappingProxyType({**alert.stages, "rung_at": now})
    step = 0
    due: datetime | None = None
    entries: tuple[Entry, ...] = ()
    effects: tuple[Effect, ...] = ()
    if not chain:
        silent = MappingProxyType({"level": alert.level})
        entries = (Entry(alert.id, now, "not_told", why=Why.POLICY_SILENT, detail=silent),)
    elif chain[0].after > 0:
        due = now + timedelta(seconds=chain[0].after)
    else:
        step = 1
        due, entries, effects = _rung(alert.id, chain, 0, Notify(reason, 0), now=now, was_due=now)
    begun = replace(alert, handling=Handling.NEW, chain=chain, step=step, reached="", stages=stages, escalate_at=due)
    return Outcome(begun, entries, effects)


def advance(alert: Alert, reason: Reason, now: datetime) -> Outcome:
    """Ring the next step of the chain and set when the one after it is due."""
    notify = Notify(reason, alert.step)
    due, entries, effects = _rung(alert.id, alert.chain, alert.step, notify, now=now, was_due=alert.escalate_at or now)
    return Outcome(replace(alert, step=alert.step + 1, escalate_at=due), entries, effects)


def _rung(
    ident: str, chain: tuple[Step, ...], index: int, notify: Notify, *, now: datetime, was_due: datetime
) -> tuple[datetime | None, tuple[Entry, ...], tuple[Effect, ...]]:
    """When the step after `index` is due, with what ringing `index` says and does.

    The chain keeps its pace when the ticker was a little late; when it was away for longer than a whole step, the chain
    goes on from now and does not ring everybody at once.
    """
    if index + 1 == len(chain):
        end = Entry(ident, now, "chain_ended", why=Why.CHAIN_ENDED, detail=MappingProxyType({"steps": len(chain)}))
        return None, (end,), (notify,)
    gap = timedelta(seconds=chain[index + 1].after - chain[index].after)
    return (was_due + gap if was_due + gap > now else now + gap), (), (notify,)


def waits_for(alert: Alert, notice: Notice, now: datetime) -> bool:
    """Whether the chain is waiting for an answer to this notice: it belongs to the step that was rung last, and the next is not due."""
    rung = alert.stages.get("rung_at")
    current = rung is not None and notice.created_at >= rung and notice.step == alert.step - 1
    return current and notice.reason in RINGING and alert.escalate_at is not None and alert.escalate_at > now
