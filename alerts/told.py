"""What routing and receipts say about a case: who is being told, and what became of each notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts import evidence, timers
from alerts.alert import AFTERWARDS, Alert, Entry, Handling, Notice, NoticeState, Reason
from alerts.commands import Delivered, Told
from alerts.escalation import RINGING, ended, waits_for
from alerts.outcome import HandDown, Outcome, TellToldPeople, Why
from alerts.quiet.events import Bundled, KeptBack

# What has arrived was sent, also when only that is heard of.
_STAGES_OF: Final = MappingProxyType(
    {NoticeState.SENT: ("sent_at",), NoticeState.DELIVERED: ("sent_at", "delivered_at")}
)
_REACHED: Final = frozenset({NoticeState.SENT, NoticeState.DELIVERED, NoticeState.ANSWERED})
# Beside the bell: it is not rung by these.
_ASIDE: Final = frozenset({
    Reason.SUPERVISE, Reason.WHISTLE, Reason.REPORTED, Reason.ORDER, Reason.CHECK_IN, Reason.NO_WORD, Reason.WORD,
})  # fmt: skip
_NO_CLIMB: Final = AFTERWARDS | _ASIDE | {Reason.INSTRUCTION, Reason.REASSIGNED}


def told(alert: Alert, event: Told, now: datetime) -> Outcome:
    """Who is being told, and who was passed over and why. Where a step waits for everybody's answer, they are awaited from now on."""
    skipped = tuple(
        Entry(alert.id, now, "skipped", why=s.why, detail=MappingProxyType({"what": s.what})) for s in event.skipped
    )
    about: dict[str, Any] = {"reason": event.reason, "step": event.step}
    if not event.told:
        entry = Entry(alert.id, now, "not_told", why=event.why or Why.NOBODY, detail=MappingProxyType(about))
        return Outcome(_passing(alert, event), (*skipped, entry, *ended(alert, event.reason, event.step, now)))
    about |= {"grid": event.grid, "told": event.told}
    entry = Entry(alert.id, now, "told", why=event.why or event.reason, detail=MappingProxyType(about))
    reached = alert.reached if event.reason in _NO_CLIMB else event.grid or alert.reached
    stages = alert.stages if event.reason in _ASIDE else evidence.reach(alert.stages, now, "first_notice_at")
    after = replace(alert, stages=stages, reached=reached)
    rings = event.reason in RINGING and 0 <= event.step < len(alert.chain)
    if rings and alert.chain[event.step].confirm_all:
        asked = dict.fromkeys((*alert.work.awaited, *(person for person, _ in event.told)))
        awaited = tuple(person for person in asked if person not in alert.work.confirmed)
        after = replace(after, work=replace(alert.work, awaited=awaited))
    return Outcome(_passing(after, event), (*skipped, entry, *ended(alert, event.reason, event.step, now)))


def _passing(alert: Alert, event: Told) -> Alert:
    """Remembers which levels were passed over, and when to look at them again."""
    if event.passed is None:
        return alert
    after = timers.without(alert, timers.HAND_DOWN)
    if event.passed != alert.work.passed:
        after = replace(after, work=replace(after.work, passed=event.passed))
    return after if event.staffed_at is None else timers.with_timer(after, timers.HAND_DOWN, event.staffed_at)


def staffed_again(alert: Alert) -> Outcome:
    """A level that was passed over has somebody again: while the bell rings, the case is handed back down to it."""
    after = timers.without(alert, timers.HAND_DOWN)
    ringing = alert.handling is Handling.NEW and alert.work.passed
    return Outcome(after, (), (HandDown(),) if ringing else ())


def kept_back(alert: Alert, event: KeptBack, now: datetime) -> Outcome:
    """A notice is held: until when, and why."""
    about = _about(event.notice) | {"until": event.until.isoformat()}
    return Outcome(alert, (Entry(alert.id, now, "held", why=event.why, detail=MappingProxyType(about)),))


def bundled(alert: Alert, event: Bundled, now: datetime) -> Outcome:
    """A notice is told with others: in which message, and why that goes now."""
    about = _about(event.notice) | {"count": event.count, "carrier": event.notice.carrier}
    return Outcome(alert, (Entry(alert.id, now, "bundled", why=event.why, detail=MappingProxyType(about)),))


def _about(notice: Notice) -> dict[str, Any]:
    return {"notice": notice.key, "person": notice.person, "channel": notice.channel, "reason": notice.reason}


def delivered(alert: Alert, event: Delivered, now: datetime) -> Outcome:
    """A notice moved. When nobody of the step can be reached any more, the next step is not waited for."""
    notice = event.notice
    detail = _about(notice) | ({"error": event.error} if event.error else {})
    entries = [Entry(alert.id, now, event.state, why=event.why, detail=MappingProxyType(detail))]
    stages = () if notice.reason in AFTERWARDS else _STAGES_OF.get(event.state, ())
    fresh = [stage for stage in stages if stage not in alert.stages]
    after = replace(alert, stages=evidence.reach(alert.stages, now, *fresh)) if fresh else alert
    if event.state is NoticeState.FAILED and event.hopeless and waits_for(alert, notice, now):
        after = replace(after, escalate_at=now)
        hurried = MappingProxyType({"step": notice.step})
        entries.append(Entry(alert.id, now, "hurried", why=Why.UNREACHABLE, detail=hurried))
    late = alert.handling.over and event.state in _REACHED and notice.reason not in AFTERWARDS
    return Outcome(after, tuple(entries), (TellToldPeople(alert.handling, notice.key),) if late else ())
