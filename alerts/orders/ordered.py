"""What a work order does to the case it is about, and what the case's progress says to the order's platform. Only `alerts.lifecycle` asks.

Reports follow from how the case stands, not from who did what: an order that is linked late, by a merge or because it came last, hears at
once what the others have heard. Each is numbered within its order, so that the same one is the same however often it is decided (law 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts.alert import Alert, Entry, Handling
from alerts.clocks import clockwork
from alerts.clocks import movement as clocks
from alerts.clocks.clock import State
from alerts.closing import reopen
from alerts.closing_commands import Reopen
from alerts.commands import Event, GiveBack, Raised
from alerts.joining import joined
from alerts.moves import Move
from alerts.orders.events import Ordered
from alerts.orders.order import Linked, Report, due, moved, named, put
from alerts.outcome import Outcome, Why, WriteBack
from alerts.transitions import TABLE
from alerts.work import Finding
from streams.orders import order_in
from streams.signal import Origin

_H = Handling
_SILENT: Final = frozenset({_H.MERGED, _H.TEST, _H.SUPPRESSED})  # cases that speak for no order
_UNDERTAKEN: Final = frozenset({_H.ACCEPTED, _H.ON_SCENE, _H.HANDLED, _H.VERIFIED, _H.CLOSED, _H.EVALUATED})
_DONE: Final = frozenset({_H.HANDLED, _H.VERIFIED, _H.CLOSED, _H.EVALUATED})
_OVER: Final = frozenset({_H.CLOSED, _H.EVALUATED, _H.FALSE_ALARM, _H.VOID})
_ENDS: Final = frozenset({Report.HANDLED, Report.CLOSED, Report.RETURNED})
_UNDONE: Final = _ENDS | {Report.ACCEPTED}
# An order of which this is said after its case was closed is to be done again; what a unit merely echoes is not.
_AGAIN: Final = frozenset(
    {"reopened", "returned", "dispatched", "pending_dispatch", "pending_receipt", "added", "supervised"}
)


def heard(alert: Alert, event: Ordered, now: datetime) -> Outcome:
    """One more state of an order of the case: kept where it is news, recorded where it is late. An order about one of its orders joins.

    One that is to be done again after the case was closed opens it again; one that has become more urgent makes it worse (law 7). That its
    platform ended an order closes no case.
    """
    order = order_in(event.signal)
    known = named(alert.work.orders, order.platform, order.number) if order else None
    if order is None:
        return Outcome(alert)
    if known is None:
        goes_on = event.signal.active and not alert.handling.over
        return joined(alert, Raised(event.signal, event.policy, why=Why.SAME_ORDER), now) if goes_on else Outcome(alert)
    then, news = moved(known, order)
    said = {"order": order.number, "platform": order.platform, "unit": order.unit, "state": order.state}
    detail = MappingProxyType({**said, "at": order.at.isoformat() if order.at else ""})
    line = Entry(alert.id, now, "order_moved", by=order.platform, why="" if news else Why.LATE, detail=detail)
    after = alert if then == known else _with(alert, then)
    if not news:
        return Outcome(after, (line,))
    again = order.state in _AGAIN and (order.at or now) > alert.stages.get("closed_at", now)
    if again and (alert.handling, Move.REOPEN) in TABLE:
        return reopen(after, Reopen(order.platform, order.number), now).after(line)
    if event.signal.active and not alert.handling.over and event.signal.level.rank > alert.level.rank:
        return joined(after, Raised(event.signal, event.policy, why=Why.SAME_EPISODE), now).after(line)
    return Outcome(after, (line,))


def kept(before: Alert | None, outcome: Outcome, event: Event, now: datetime) -> Outcome:
    """The outcome with the limits of the case's orders in its clocks, and with what their platforms are to hear."""
    alert = outcome.alert
    if alert is before or not alert.work.orders or alert.handling in _SILENT:
        return outcome
    return _reported(before, _limited(before, outcome, now), event, now)


def _limited(before: Alert | None, outcome: Outcome, now: datetime) -> Outcome:
    """The clock of the closing runs to the earliest limit of the orders.

    Where the case is about orders alone, that limit takes the place of the policy's; where something else spoke as well, or people have
    moved the clock, it may only be earlier.
    """
    alert = outcome.alert
    wanted = due(alert.work.orders)
    fresh = before is None or before.work.orders != alert.work.orders or before.origins != alert.origins
    if wanted is None or not fresh:
        return outcome
    entries: list[Entry] = []
    wound = []
    for clock in alert.work.clocks:
        closing = clock.stops == "closed_at" and clock.state is State.RUNNING
        alone = alert.origins == (Origin.HOTLINE.value,) and not any(change.approval for change in clock.changes)
        then = clock
        if closing:
            then = clocks.bound(clock, wanted, now) if alone else clocks.hasten(clock, wanted, now)
        if then is not clock:
            was = clock.due.isoformat() if clock.due else ""
            detail = MappingProxyType({"clock": clock.name, "due": wanted.isoformat(), "was": was})
            entries.append(Entry(alert.id, now, "clock_moved", why=Why.ORDER_LIMIT, detail=detail))
        wound.append(then)
    if not entries:
        return outcome
    return Outcome(clockwork.wound(alert, tuple(wound)), (*outcome.entries, *entries), outcome.effects)


def _reported(before: Alert | None, outcome: Outcome, event: Event, now: datetime) -> Outcome:
    alert, entries, effects = outcome.alert, list(outcome.entries), list(outcome.effects)
    bounced = before is not None and alert.work.bounces > before.work.bounces
    for order in alert.work.orders:
        if order.ended:
            continue
        reports = list(_due(alert, order, bounced=bounced))
        for report in reports:
            order = _after(order, report, bounced=bounced)  # noqa: PLW2901  the same order, further
            text = event.note if isinstance(event, GiveBack) else ""
            made = WriteBack(order.platform, order.number, report, order.sent, text)
            detail = MappingProxyType(
                {"order": order.number, "platform": order.platform, "report": report, "number": order.sent}
            )
            entries.append(Entry(alert.id, now, "order_report", detail=detail))
            effects.append(made)
        alert = _with(alert, order) if reports else alert
    return Outcome(alert, tuple(entries), tuple(effects)) if alert is not outcome.alert else outcome


def _due(alert: Alert, order: Linked, *, bounced: bool) -> Iterator[Report]:
    """What is to be reported of an order by now, in its order."""
    stands = reached(alert)
    holds = set(order.told)
    if bounced:
        yield Report.RETURNED
        holds -= {Report.ACCEPTED}
    elif not alert.handling.over and holds & _ENDS - set(stands):
        yield Report.REOPENED
        holds -= _UNDONE
    yield from (report for report in stands if report not in holds)


def _after(order: Linked, report: Report, *, bounced: bool) -> Linked:
    """The order once a report is made. What begins again is neither done nor accepted; what one unit gives back another may accept."""
    if report is Report.REOPENED:
        told: tuple[Report, ...] = tuple(r for r in order.told if r not in _UNDONE)
    elif bounced and report is Report.RETURNED:
        told = tuple(r for r in order.told if r is not Report.ACCEPTED)
    else:
        told = (*order.told, report)
    return replace(order, told=told, sent=order.sent + 1)


def reached(alert: Alert) -> tuple[Report, ...]:
    """What holds of a case by how it stands, in the order in which it is reported. A case that was not ours was only given back."""
    if alert.handling in _OVER and alert.work.finding == Finding.NOT_RESPONSIBLE:
        return (Report.RETURNED,)
    found = {
        Report.ACCEPTED: alert.handling in _UNDERTAKEN,
        Report.CONTACTED: "contacted_at" in alert.stages,
        Report.HANDLED: alert.handling in _DONE,
        Report.CLOSED: alert.handling in _OVER,
    }
    return tuple(report for report, holds in found.items() if holds)


def _with(alert: Alert, order: Linked) -> Alert:
    work: Any = replace(alert.work, orders=put(alert.work.orders, order))
    return replace(alert, work=work)
