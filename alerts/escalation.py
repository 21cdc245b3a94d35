"""The bell of an alert: how it opens and how it climbs its chain. Only `alerts.lifecycle` pulls it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Entry, Handling, Notice, Reason, Step
from alerts.outcome import Notify, Outcome, Why

RINGING: Final = frozenset({Reason.FIRST, Reason.WORSE, Reason.REPEAT, Reason.ESCALATE})


def ring(alert: Alert, chain: tuple[Step, ...], reason: Reason, now: datetime) -> Outcome:
    """Open the bell on a fresh snapshot of a chain. A step at 0 seconds rings at once."""
    stages = MappingProxyType({**alert.stages, "rung_at": now})
    begun = replace(alert, handling=Handling.NEW, chain=chain, step=0, reached="", stages=stages, escalate_at=None)
    if not chain:
        return Outcome(
            begun,
            (Entry(alert.id, now, "not_told", why=Why.POLICY_SILENT, detail=MappingProxyType({"level": alert.level})),),
        )
    if chain[0].after > 0:
        return Outcome(replace(begun, escalate_at=now + timedelta(seconds=chain[0].after)))
    return advance(begun, reason, now)


def advance(alert: Alert, reason: Reason, now: datetime) -> Outcome:
    """Ring the next step of the chain and set when the one after it is due.

    The chain keeps its pace when the ticker was a little late; when it was away for longer than a whole step, the chain goes on from now
    and does not ring everybody at once.
    """
    this, upcoming = alert.chain[alert.step], alert.chain[alert.step + 1 : alert.step + 2]
    effects = (Notify(reason, alert.step),)
    if not upcoming:
        end = Entry(
            alert.id, now, "chain_ended", why=Why.CHAIN_ENDED, detail=MappingProxyType({"steps": len(alert.chain)})
        )
        return Outcome(replace(alert, step=alert.step + 1, escalate_at=None), (end,), effects)
    gap = timedelta(seconds=upcoming[0].after - this.after)
    due = (alert.escalate_at or now) + gap
    return Outcome(replace(alert, step=alert.step + 1, escalate_at=due if due > now else now + gap), (), effects)


def waits_for(alert: Alert, notice: Notice, now: datetime) -> bool:
    """Whether the chain is waiting for an answer to this notice: it belongs to the step that was rung last, and the next is not due."""
    rung = alert.stages.get("rung_at")
    current = rung is not None and notice.created_at >= rung and notice.step == alert.step - 1
    return current and notice.reason in RINGING and alert.escalate_at is not None and alert.escalate_at > now
