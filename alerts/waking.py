"""What is done to cases without anybody's word: steps and timers that fall due, what the auditor found, bells that are looked at again."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.alert import Alert
from alerts.commands import EscalationDue, Gone, Missed, TimerDue
from alerts.docket import Docket
from alerts.hushing import FLAPPING, QUIET
from alerts.identity import end_of
from alerts.timers import due


def fall_due(docket: Docket, *, ids: Sequence[str]) -> None:
    """Ring every step and do what every timer asks for whose instant has come."""
    for read in docket.tx.alerts(ids):
        docket.load([read])
        # What kept the bell shut ends first: a fire that outlasts a drill begins its chain anew and does not go on where the drill was.
        alert = docket.apply(read, TimerDue(QUIET)) if QUIET in due(read, docket.now) else read
        alert = docket.apply(alert, EscalationDue())
        for name in due(alert, docket.now):
            calmed = docket.gate.calmed(alert) if name == FLAPPING else None
            alert = docket.apply(alert, calmed or TimerDue(name))


def recall(docket: Docket, alert: Alert) -> Alert:
    """What a case that is over has not heard: which of its episodes ended meanwhile, or went on in another case."""
    if not alert.handling.over or not alert.active_keys:
        return alert
    held = docket.tx.holding([known for key in alert.active_keys for known in (key, end_of(key))])
    ours = {alert.id, *alert.work.merged}
    gone = tuple(k for k in alert.active_keys if end_of(k) in held or held.get(k, alert.id) not in ours)
    return docket.apply(alert, Gone(gone)) if gone else alert


def set_right(docket: Docket, *, ids: Sequence[str]) -> None:
    """Bells that should ring and would not."""
    for alert in docket.tx.alerts(ids):
        docket.load([alert])
        docket.apply(alert, Missed())


def look_again(docket: Docket, *, ids: Sequence[str], by: str) -> None:
    """Bells that may fall silent, or may ring, because what keeps bells shut has changed."""
    for alert in docket.tx.alerts(ids):
        docket.load([alert])
        docket.reconsider(alert, by)
