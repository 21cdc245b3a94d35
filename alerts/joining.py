"""More evidence for a case that is open: it joins quietly, makes it worse, or brings it back. `evidence` says what it adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts import evidence
from alerts.alert import Alert, Condition, Handling, Reason
from alerts.commands import Raised
from alerts.escalation import ring
from alerts.moves import Move
from alerts.outcome import Cancel, Outcome, Why
from alerts.spoken import begun_again
from alerts.timers import ACKNOWLEDGED, without
from alerts.transitions import TABLE, after


def joined(alert: Alert, event: Raised, now: datetime) -> Outcome:
    """What one more signal makes of an alert. A muted one is only recorded (laws 10 and 13)."""
    if event.signal.marks.mutes:
        return evidence.recorded(alert, event, now)
    level = evidence.level_with(alert, event)
    back = alert.condition is Condition.CLEARED
    grown = evidence.grown(alert, event.signal, level)
    if level.rank > alert.level.rank:
        return _worse(alert, grown, event, now)
    if back and (alert.handling, Move.RETURN) in TABLE:
        then = after(alert.id, alert.handling, Move.RETURN)
        begun = replace(grown, handling=then, stages=begun_again(grown))
        bell = ring(begun, event.policy.chain(level), Reason.REPEAT, now)
        return bell.after(evidence.entry(alert, event, now, "returned", {}))
    after(alert.id, alert.handling, Move.JOIN)
    if alert.handling is not Handling.NEW:
        return Outcome(grown, (evidence.entry(alert, event, now, "joined", {"quiet": Why.ACKNOWLEDGED}),))
    # It rings already. A chain that paused, because it had cleared or because too little happened, looks again.
    resumes = (back or alert.work.paused) and alert.escalate_at is None and alert.step < len(alert.chain)
    grown = replace(grown, escalate_at=now if resumes else alert.escalate_at, work=replace(grown.work, paused=False))
    return Outcome(grown, (evidence.entry(alert, event, now, "joined", {"quiet": Why.ALREADY_RINGING}),))


def _worse(alert: Alert, grown: Alert, event: Raised, now: datetime) -> Outcome:
    then = after(alert.id, alert.handling, Move.WORSEN)
    fused = grown.level.rank > event.signal.level.rank
    detail: dict[str, Any] = {"from": alert.level, "to": grown.level, "was": alert.handling}
    detail |= {"rule": Why.FUSED, "origins": grown.origins} if fused else {"rule": event.signal.rule}
    work = replace(grown.work, rules=event.policy.rules_at(grown.level), taken=None)
    begun = replace(without(grown, *ACKNOWLEDGED), handling=then, stages=begun_again(grown), work=work)
    bell = ring(begun, event.policy.chain(grown.level), Reason.WORSE, now)
    return bell.after(evidence.entry(alert, event, now, "worse", detail), Cancel(Why.WORSE))
