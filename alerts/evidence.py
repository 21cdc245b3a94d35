"""What a signal adds to an alert: subjects, origins, level, and whether it is still so. Only `alerts.lifecycle` asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts.alert import Alert, Condition, Entry, Handling, Reason
from alerts.commands import Gone, Raised
from alerts.escalation import ring
from alerts.evolve import evolve
from alerts.orders.order import linked, named, put
from alerts.outcome import Outcome, Why
from alerts.work import NOTICE, PAGE, Work
from ingest.events import Mark, Place
from ingest.orders import Order
from streams.calls import RULE as CALL
from streams.orders import order_in
from streams.reports import RULE as REPORT
from streams.signal import VERSION, Level, Signal

LISTED: Final = 50  # subjects and rules named on an alert; the timeline has all of them
FOLLOWED: Final = 500  # signal keys that are followed until they clear
MORE: Final = "+"  # stands in `active_keys` for those beyond: such a case is not called clear by itself
_BLANK: Final = Alert("", "", "", Level.BLUE, Place())
_CHOSEN: Final = {why.value: why for why in (Why.OVERLAP, Why.NEAREST, Why.HOLE)}


def opened(event: Raised, now: datetime) -> Outcome:
    """A new alert from its first signal. A muted one is only a record: it is over from the start and rings nobody (laws 10 and 13)."""
    signal = event.signal
    stages = {"event_at": signal.event_at, "received_at": signal.received_at, "raised_at": now}
    rules, chain = event.policy.rules_at(signal.level), event.policy.chain(signal.level)
    mutes = signal.marks.mutes
    work = Work(rules=rules)
    alert = evolve(
        _BLANK,
        id=event.id,
        identity=event.identity,
        kind=signal.kind,
        level=signal.level,
        place=signal.place,
        origins=(signal.origin.value,),
        subjects=(signal.subject,),
        rules=(signal.rule,),
        text=signal.text,
        value=signal.value,
        marks=signal.marks,
        stages=MappingProxyType(stages),
        last_seen=signal.raised_at,
        active_keys=_with_key((), signal),
        policy=event.policy.name,
        work=_ruled(work, signal) if mutes else _heard(work, signal),
    )
    if mutes:  # it keeps its chain: a person may say that it is in earnest after all
        return recorded(replace(alert, handling=_muted_handling(signal.marks), chain=chain), event, now)
    began = entry(alert, event, now, "raised", {"place": signal.place.why, "grid": signal.place.grid})
    rung = ring(alert, chain, Reason.FIRST, now)
    why = _CHOSEN.get(signal.place.why)  # a place that was chosen among several, or for want of one
    if why is not None:
        rung = rung.after(replace(entry(alert, event, now, "placed", {"grid": signal.place.grid}), why=why))
    return rung.after(began)


def recorded(alert: Alert, event: Raised, now: datetime) -> Outcome:
    """A muted signal: on the timeline, and nowhere else. A person who called late is owed a word all the same."""
    why = Why.TEST if event.signal.marks.staged else Why.LATE
    line = entry(alert, event, now, "recorded", {"marks": int(event.signal.marks), "quiet": why})
    if why is Why.LATE:  # whoever called late is owed a word as well, once the case is taken in earnest
        alert = replace(alert, work=_called(alert.work, event.signal))
    return Outcome(alert, (replace(line, why=why),))


def _muted_handling(marks: Mark) -> Handling:
    return Handling.TEST if marks.staged else Handling.SUPPRESSED


def level_with(alert: Alert, event: Raised) -> Level:
    """The alert's level with one more signal: never lower, and higher when enough different senses agree."""
    origins = len({*alert.origins, event.signal.origin.value})
    candidates = [alert.level, event.signal.level, event.policy.fused(origins) or alert.level]
    return max(candidates, key=lambda level: level.rank)


def grown(alert: Alert, signal: Signal, level: Level) -> Alert:
    """The alert with a signal's evidence in it. Text and value follow the worst statement."""
    worst = signal.level.rank > alert.level.rank
    return evolve(
        alert,
        level=level,
        condition=Condition.ACTIVE,
        origins=_with(alert.origins, signal.origin.value),
        subjects=_with(alert.subjects, signal.subject),
        rules=_with(alert.rules, signal.rule),
        count=alert.count + 1,
        text=signal.text if worst and signal.text else alert.text or signal.text,
        value=signal.value if worst or alert.value is None else alert.value,
        marks=alert.marks | signal.marks,
        last_seen=max(alert.last_seen or signal.raised_at, signal.raised_at),
        active_keys=_with_key(alert.active_keys, signal),
        work=_heard(alert.work, signal),
    )


def _heard(work: Work, signal: Signal) -> Work:
    order = order_in(signal)
    if order is not None and _new(work, order):
        work = replace(work, orders=put(work.orders, linked(order, signal.raised_at)))
    return _called(_ruled(work, signal), signal).heard(signal.raised_at)


def _ruled(work: Work, signal: Signal) -> Work:
    version = signal.evidence.get(VERSION)
    return work.ruled(f"{signal.rule}@{version}") if version else work


def _new(work: Work, order: Order) -> bool:
    return named(work.orders, order.platform, order.number) is None


def _called(work: Work, signal: Signal) -> Work:
    """Whoever calls about a case is owed a word about its end, also when somebody else called before."""
    order = order_in(signal)
    if order is not None and order.secret:
        return work
    if signal.rule == REPORT:
        way = signal.evidence.get("told", "")
        person = signal.evidence.get("reporter", "")
        return work.called(signal.subject, signal.raised_at, way=way if way in {NOTICE, PAGE} else "", person=person)
    return work.called(signal.subject, signal.raised_at) if signal.rule == CALL else work


def cleared(alert: Alert, signal: Signal, now: datetime) -> Outcome:
    """One episode is over. The condition clears with the last of them; the case stays open (a fall does not ring)."""
    if signal.key not in alert.active_keys:
        return Outcome(alert)
    left = tuple(key for key in alert.active_keys if key != signal.key)
    condition = Condition.ACTIVE if left else Condition.CLEARED
    what = "still_active" if left else "cleared"
    detail = MappingProxyType(
        {"subject": signal.subject, "rule": signal.rule, "left": len(left), "event_at": signal.event_at.isoformat()}
    )
    line = Entry(alert.id, now, what, why=Why.RETURNED_TO_NORMAL, detail=detail)
    work = alert.work if left else replace(alert.work, normal_since=now)
    return Outcome(replace(alert, active_keys=left, condition=condition, work=work), (line,))


def gone(alert: Alert, event: Gone, now: datetime) -> Outcome:
    """Episodes whose end was not heard by this case, because it was over then, are over for it as well."""
    left = tuple(key for key in alert.active_keys if key not in set(event.keys))
    condition, what = (Condition.ACTIVE, "still_active") if left else (Condition.CLEARED, "cleared")
    detail = MappingProxyType({"ended": len(event.keys), "left": len(left)})
    work = alert.work if left else replace(alert.work, normal_since=now)
    line = Entry(alert.id, now, what, why=Why.RETURNED_TO_NORMAL, detail=detail)
    return Outcome(replace(alert, active_keys=left, condition=condition, work=work), (line,))


def entry(alert: Alert, event: Raised, now: datetime, what: str, more: Mapping[str, Any]) -> Entry:
    """The line on the timeline for a signal."""
    signal = event.signal
    detail: dict[str, Any] = {
        "signal": signal.key,
        "subject": signal.subject,
        "origin": signal.origin.value,
        "rule": signal.rule,
        "level": signal.level.value,
        "event_at": signal.event_at.isoformat(),
    }
    if signal.value is not None:
        detail["value"] = signal.value
    if version := signal.evidence.get(VERSION):
        detail[VERSION] = version
    return Entry(alert.id, now, what, why=event.why, detail=MappingProxyType({**detail, **more}))


def reach(stages: Mapping[str, datetime], now: datetime, *names: str) -> Mapping[str, datetime]:
    """The stages with `names` reached at `now`; a stage keeps the first time it was reached."""
    new = {name: now for name in names if name and name not in stages}
    return MappingProxyType({**stages, **new}) if new else stages


def _with(some: tuple[str, ...], one: str) -> tuple[str, ...]:
    return some if one in some or len(some) >= LISTED else (*some, one)


def _with_key(keys: tuple[str, ...], signal: Signal) -> tuple[str, ...]:
    """A call is a statement about one moment: it never clears, so the condition does not wait for it."""
    if signal.origin.spoken or signal.key in keys:
        return keys
    if len(keys) >= FOLLOWED:
        return keys if MORE in keys else (*keys, MORE)
    return (*keys, signal.key)
