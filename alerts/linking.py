"""One matter, two cases: merging them under the one that goes on, and splitting them again (并案, 拆案).

The case that goes on takes over what the other knows and whom it owes a word; the other keeps its own times, and follows it to its end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from alerts import evidence
from alerts.alert import Alert, Condition, Entry, Handling, Reason
from alerts.commands import Follow, LetGo, Merge, Split, TakeIn
from alerts.escalation import ring, silent
from alerts.moves import Move
from alerts.orders.order import named, put, without
from alerts.outcome import Cancel, NotAllowed, Outcome, Why
from alerts.spoken import begun_again, line, said
from alerts.transitions import TABLE, after
from alerts.whistle.case import must_be_over
from alerts.work import CALLERS, Finding


def merge(alert: Alert, command: Merge, now: datetime) -> Outcome:
    """The case goes on in another. Everybody who was told of it hears so."""
    if command.into == alert.id:
        raise NotAllowed(f"{alert.id} cannot be merged into itself", handling=alert.handling, move=Move.MERGE)
    merged = said(alert, command, now)
    work = replace(merged.alert.work, merged_into=command.into, finding=Finding.DUPLICATE.value)
    return replace(merged, alert=replace(merged.alert, work=work))


def take_in(alert: Alert, event: TakeIn, now: datetime) -> Outcome:
    """The other side: evidence, callers and level come over, and a worse level rings (law 7).

    Raises `NotAllowed` for a case that is over, while units are called to the other one, or when more callers would be owed a word than
    one case keeps.
    """
    other = event.other
    must_be_over(other, Move.MERGE)
    if alert.handling.over:
        raise NotAllowed(
            f"{alert.id} is {alert.handling}: reopen it first, or merge the other way round",
            handling=alert.handling, move=Move.MERGE,
        )  # fmt: skip
    if len(alert.work.callers) + len(other.work.callers) > CALLERS:
        raise NotAllowed(
            f"{alert.id} and {other.id} have more than {CALLERS} callers together; handle them side by side",
            handling=alert.handling, move=Move.MERGE,
        )  # fmt: skip
    grown = _with(alert, other)
    entry = _entry(alert, event.by, "took_in", now, Why.MERGED, other)
    back = alert.condition is Condition.CLEARED and grown.condition is Condition.ACTIVE
    if other.level.rank <= alert.level.rank and back and (alert.handling, Move.RETURN) in TABLE:
        again = after(alert.id, alert.handling, Move.RETURN)
        begun = replace(grown, handling=again, stages=begun_again(alert))
        return ring(begun, event.policy.chain(alert.level), Reason.REPEAT, now).after(entry)
    if other.level.rank <= alert.level.rank:
        # A chain that stopped because its own evidence had cleared looks again: what came over is still so.
        resumes = silent(grown) and not silent(alert)
        return Outcome(replace(grown, escalate_at=now) if resumes else grown, (entry,))
    begun = replace(
        grown, level=other.level, handling=after(alert.id, alert.handling, Move.WORSEN), stages=begun_again(alert),
        work=replace(grown.work, rules=event.policy.rules_at(other.level), taken=None),
    )  # fmt: skip
    worse = Entry(
        alert.id, now, "worse", why=Why.MERGED, detail=MappingProxyType({"from": alert.level, "to": other.level})
    )
    bell = ring(begun, event.policy.chain(other.level), Reason.WORSE, now)
    return bell.after(worse, Cancel(Why.WORSE)).after(entry)


def _with(alert: Alert, other: Alert) -> Alert:
    work = alert.work
    for caller in other.work.callers:
        work = (
            work if any(c.call == caller.call for c in work.callers) else replace(work, callers=(*work.callers, caller))
        )
    for order in other.work.orders:
        work = replace(work, orders=put(work.orders, order))
    return replace(
        alert,
        condition=Condition.ACTIVE if Condition.ACTIVE in {alert.condition, other.condition} else Condition.CLEARED,
        origins=_union(alert.origins, other.origins),
        subjects=_union(alert.subjects, other.subjects)[: evidence.LISTED],
        rules=_union(alert.rules, other.rules)[: evidence.LISTED],
        active_keys=_union(alert.active_keys, other.active_keys)[: evidence.FOLLOWED],
        count=alert.count + other.count,
        work=replace(work, merged=(*work.merged, other.id)),
    )


def split(alert: Alert, command: Split, now: datetime) -> Outcome:
    """A matter of its own after all: it rings for itself, and its own times still count."""
    then = after(alert.id, alert.handling, command.move)
    known = {caller.call: caller for caller in command.callers}  # some may have been told meanwhile
    callers = tuple(known.get(caller.call, caller) for caller in alert.work.callers)
    known_active = alert.active_keys if command.active is None or evidence.MORE in command.active else command.active
    keys = tuple(key for key in alert.active_keys if key in set(known_active))  # some may have ended meanwhile
    ended = bool(alert.active_keys) and not keys
    orders = tuple(named(command.orders, o.platform, o.number) or o for o in alert.work.orders)
    work = replace(
        alert.work, callers=callers, orders=orders, merged_into="", finding="", taken=None, handled_by="",
        normal_since=now if ended else alert.work.normal_since,
    )  # fmt: skip
    begun = replace(
        alert, handling=then, stages=begun_again(alert), work=work, active_keys=keys,
        condition=Condition.CLEARED if ended else alert.condition,
    )  # fmt: skip
    return ring(begun, alert.chain, Reason.REPEAT, now).after(line(alert, command, now))


def let_go(alert: Alert, event: LetGo, now: datetime) -> Outcome:
    """The other side: what came with the other case goes with it. The level stays: a fall is a person's decision."""
    other = event.other
    theirs = {caller.call for caller in other.work.callers}
    work = replace(
        alert.work,
        merged=tuple(ident for ident in alert.work.merged if ident != other.id),
        callers=tuple(caller for caller in alert.work.callers if caller.call not in theirs),
        orders=without(alert.work.orders, other.work.orders),
    )
    keys = tuple(key for key in alert.active_keys if key not in set(other.active_keys))
    left = replace(
        alert,
        condition=alert.condition if keys or not alert.active_keys else Condition.CLEARED,
        subjects=_less(alert.subjects, other.subjects),
        active_keys=keys,
        count=max(alert.count - other.count, 1),
        work=work,
    )
    return Outcome(left, (_entry(alert, event.by, "let_go", now, Why.SPLIT, other),))


def follow(alert: Alert, event: Follow, now: datetime) -> Outcome:
    """The case it was merged into is over, and so is this one with it."""
    if alert.handling is not Handling.MERGED or alert.work.merged_into != event.into.id:
        return Outcome(alert)
    detail = MappingProxyType({"into": event.into.id, "handling": event.into.handling})
    return Outcome(alert, (Entry(alert.id, now, "followed", why=Why.MERGED, detail=detail),))


def _entry(alert: Alert, by: str, what: str, now: datetime, why: Why, other: Alert) -> Entry:
    detail: dict[str, Any] = {"other": other.id, "callers": len(other.work.callers), "level": other.level}
    return Entry(alert.id, now, what, by=by, why=why, detail=MappingProxyType(detail))


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _less(some: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in some if one not in set(theirs)) or some[:1]
