"""A bell that stays shut: what is said about it, when it is looked at again, and what happens then. Only `alerts.lifecycle` asks.

Whether it stays shut was decided by `alerts.quiet.verdict` before it would have rung. The alert is open and visible all the while.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Condition, Entry, Handling, Reason
from alerts.escalation import advance, ring
from alerts.outcome import Cancel, Outcome, Why
from alerts.quiet.events import Flapped, Hushed, Reconsider, Rehearsed, Unhushed
from alerts.quiet.flapping import Turn
from alerts.quiet.hush import DRILL, Kept, Quiet
from alerts.timers import with_timer, without
from ingest.events import Mark

QUIET: Final = "quiet"
WARNING: Final = "quiet_warning"
FLAPPING: Final = "flapping"
_PLANNED: Final = frozenset({Quiet.SILENCED.value, Quiet.MAINTENANCE.value})  # somebody chose their end


def kept(alert: Alert) -> Kept | None:
    """What keeps an alert's bell shut, or rings it as a drill, just now."""
    return alert.work.hush if QUIET in alert.timers else None


def hushed(alert: Alert, event: Hushed, now: datetime) -> Outcome:
    """The bell stays shut until `event.hush.until`, and the chain waits at the step that would have been rung.

    The timeline says why and until when, once: being looked at again with the same answer says nothing.
    """
    hush, before = event.hush, kept(alert)
    keeps = Kept(hush.reason.value, hush.id, hush.until, event.ring.value)
    again = before is not None and (before.why, before.id) == (keeps.why, keeps.id)
    after = replace(alert, escalate_at=None, step=event.step, work=replace(alert.work, hush=keeps))
    after = with_timer(without(after, WARNING), QUIET, hush.until)
    if hush.warn_at is not None and hush.warn_at > now:
        after = with_timer(after, WARNING, hush.warn_at)
    if again and before is not None and (before.until == hush.until or keeps.why not in _PLANNED):
        return Outcome(after)
    detail = MappingProxyType(_said(keeps) | {"step": event.step})
    entry = Entry(alert.id, now, "hushed", why=hush.reason, detail=detail)
    waiting = "first_notice_at" in alert.stages  # what was queued while it still rang
    return Outcome(after, (entry,), (Cancel(hush.reason),) if waiting else ())


def rehearsed(alert: Alert, event: Rehearsed, now: datetime) -> Outcome:
    """The bell rings as a drill; when the drill ends, what is still open is looked at again."""
    drill, before = event.rehearsal, kept(alert)
    keeps = Kept(DRILL, drill.id, drill.until, event.ring.value, drill.people)
    marked = replace(alert, marks=alert.marks | Mark.DRILL, work=replace(alert.work, hush=keeps))
    after = with_timer(without(marked, WARNING), QUIET, drill.until)
    if before is not None and (before.why, before.id) == (DRILL, drill.id):
        return Outcome(after)
    detail = MappingProxyType(_said(keeps) | {"name": drill.name})
    return Outcome(after, (Entry(alert.id, now, "rehearsed", why=Why.DRILL, detail=detail),))


def unhushed(alert: Alert, _: Unhushed, now: datetime) -> Outcome:
    """The bell rings, for real. Where something kept it shut until now, the timeline says that this is over."""
    before, after = kept(alert), _real(alert)
    if before is None:
        return Outcome(after)
    detail = MappingProxyType({"id": before.id})
    return Outcome(after, (Entry(alert.id, now, "quiet_over", why=before.why, detail=detail),))


def over(alert: Alert, _: str, now: datetime) -> Outcome:
    """The end of what kept the bell shut. Still so and still unanswered: it rings now. Back to normal meanwhile: it does not.

    What was answered or returned to normal in a drill stays one.
    """
    before = alert.work.hush
    drilled = before is not None and before.why == DRILL
    freed = without(alert, QUIET) if drilled else _free(alert)
    if before is None or alert.handling is not Handling.NEW:
        return Outcome(freed)
    if alert.condition is Condition.CLEARED:
        detail = MappingProxyType({"id": before.id})
        stays = Entry(alert.id, now, "stays_quiet", why=Why.RETURNED_TO_NORMAL, detail=detail)
        return Outcome(replace(freed, escalate_at=None), (stays,))
    if drilled:
        ended = Entry(alert.id, now, "quiet_over", why=Why.DRILL, detail=MappingProxyType({"id": before.id}))
        return ring(_real(alert), alert.chain, Reason.FIRST, now).after(ended)
    if alert.step >= len(alert.chain):
        return Outcome(_free(alert))
    stages = MappingProxyType({**alert.stages, "rung_at": now}) if alert.step == 0 else alert.stages
    return advance(replace(alert, escalate_at=now, stages=stages), Reason(before.ring), now)


def reconsidered(alert: Alert, _: Reconsider, now: datetime) -> Outcome:
    """Look again at a bell that is kept shut: what did that may have been ended."""
    return over(alert, QUIET, now) if kept(alert) is not None else Outcome(alert)


def warned(alert: Alert, name: str, now: datetime) -> Outcome:
    """What keeps the bell shut ends soon, and it will ring then."""
    before = kept(alert)
    after = without(alert, name)
    if before is None or alert.handling is not Handling.NEW or alert.condition is Condition.CLEARED:
        return Outcome(after)
    return Outcome(
        after, (Entry(alert.id, now, "quiet_ends_soon", why=before.why, detail=MappingProxyType(_said(before))),)
    )


def flapped(alert: Alert, event: Flapped, now: datetime) -> Outcome:
    """Its device has begun, or has stopped, to come and go all the time: the timeline says so, once each."""
    ends = event.turn is Turn.STOPPED or alert.handling.over
    after = without(alert, FLAPPING) if ends else with_timer(alert, FLAPPING, event.until)
    if event.turn is None:
        return Outcome(after)
    detail = {"device": event.key} | ({} if ends else {"until": event.until.isoformat()})
    return Outcome(after, (Entry(alert.id, now, event.turn, why=Why.FLAPPING, detail=MappingProxyType(detail)),))


def _free(alert: Alert) -> Alert:
    freed = without(alert, QUIET, WARNING)
    return freed if freed.work.hush is None else replace(freed, work=replace(freed.work, hush=None))


def _real(alert: Alert) -> Alert:
    """What rings for real is no drill any more."""
    drilled = alert.work.hush is not None and alert.work.hush.why == DRILL
    return _free(replace(alert, marks=alert.marks & ~Mark.DRILL) if drilled else alert)


def _said(keeps: Kept) -> dict[str, str]:
    return {"id": keeps.id, "until": keeps.until.isoformat()}
