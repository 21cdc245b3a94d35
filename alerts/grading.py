"""A person says that it is worse, or less bad, than was thought (升级、降级)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from alerts.alert import Alert, Entry, Reason
from alerts.commands import Grade
from alerts.escalation import ring
from alerts.moves import Move
from alerts.outcome import Cancel, NotAllowed, Outcome, Why
from alerts.policy import Policy
from alerts.spoken import begun_again, line, said
from alerts.timers import ACKNOWLEDGED, without
from alerts.transitions import after, ask
from streams.signal import Level


def grade(alert: Alert, command: Grade, now: datetime) -> Outcome:
    """A higher level rings again (law 7), whoever says so. A lower one needs another's approval, and rings nobody.

    The running chain goes on as it was when a level falls. Raises `NotAllowed` without a reason.
    """
    after(alert.id, alert.handling, command.move)
    if command.level is alert.level:
        return Outcome(alert)
    falls = command.level.rank < alert.level.rank
    ask(alert.id, alert.handling, command, approval=falls)
    if falls:
        lowered = said(alert, command, now, **{"from": alert.level})
        return replace(lowered, alert=replace(lowered.alert, level=command.level))
    if command.policy is None:
        raise NotAllowed(f"there is no policy for {alert.kind}", handling=alert.handling, move=Move.GRADE)
    return rise(alert, command.level, command.policy, line(alert, command, now, **{"from": alert.level}), now)


def rise(alert: Alert, level: Level, policy: Policy, entry: Entry, now: datetime) -> Outcome:
    """The case at a higher level, with the bell opened again: what is queued for the lower one is called back, and `entry` says why."""
    work = replace(alert.work, rules=policy.rules_at(level), taken=None)
    begun = replace(
        without(alert, *ACKNOWLEDGED), level=level, handling=after(alert.id, alert.handling, Move.WORSEN),
        stages=begun_again(alert), work=work,
    )  # fmt: skip
    return ring(begun, policy.chain(level), Reason.WORSE, now).after(entry, Cancel(Why.WORSE))
