"""The hotline's work orders that a case is about, and how each stands with its units and with us. Values; `alerts.orders.ordered` decides.

An order stays one thing through merging and splitting: it goes to the case that goes on, with what was reported of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from ingest.orders import ENDED, Order

UNITS: Final = 32  # of one order whose states are kept


class Report(StrEnum):
    """What the platform hears of an order (回写)."""

    ACCEPTED = "accepted"  # 签收
    CONTACTED = "contacted"  # 已联系
    HANDLED = "handled"  # 办结, with the result
    CLOSED = "closed"  # 结案, with what it turned out to be
    RETURNED = "returned"  # 退单: given back with a reason, or found not to be ours
    REOPENED = "reopened"  # 重办: what was reported as done is not


@dataclass(frozen=True, slots=True)
class Stand:
    """How an order stands with one unit, by its platform, since when."""

    unit: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Linked:
    """One order of a case. `told` are the reports that hold, `sent` how many were made in all: the number of the last one."""

    platform: str
    number: str
    at: datetime  # when it was linked
    title: str = ""
    category: str = ""
    urgency: str = ""
    due_at: datetime | None = None
    secret: bool = False
    heard_at: datetime | None = None  # the instant of its latest state
    stands: tuple[Stand, ...] = ()
    told: tuple[Report, ...] = ()
    sent: int = 0

    @property
    def ended(self) -> bool:
        """Whether its platform has ended it: nothing is reported of it any more, unless it begins again."""
        return bool(self.stands) and max(self.stands, key=lambda stand: stand.at).state in ENDED


def linked(order: Order, now: datetime) -> Linked:
    """An order that becomes a case's."""
    fresh = Linked(order.platform, order.number, now, order.title, order.category, order.urgency, secret=order.secret)
    return moved(fresh, order)[0]


def moved(known: Linked, order: Order) -> tuple[Linked, bool]:
    """The order with one more of its states, and whether that is news: of one unit the later state holds, in whatever order they come."""
    at = order.at or known.at
    before = next((stand for stand in known.stands if stand.unit == order.unit), None)
    latest = known.heard_at is None or at >= known.heard_at
    due_at = order.due_at if latest and order.due_at is not None else known.due_at or order.due_at
    urgency = order.urgency if latest and order.urgency else known.urgency
    after = replace(known, due_at=due_at, urgency=urgency, heard_at=at if latest else known.heard_at)
    if before is not None and at < before.at:
        return after, False
    if before is not None and at == before.at and before.state == order.state:
        return after, after != known
    others = tuple(stand for stand in known.stands if stand.unit != order.unit)[-UNITS + 1 :]
    return replace(after, stands=(*others, Stand(order.unit, order.state, at))), True


def named(orders: Iterable[Linked], platform: str, number: str) -> Linked | None:
    """The order of a platform and a number."""
    return next((one for one in orders if (one.platform, one.number) == (platform, number)), None)


def put(orders: tuple[Linked, ...], order: Linked) -> tuple[Linked, ...]:
    """With an order in the place of what it was, or as the last one."""
    if named(orders, order.platform, order.number) is None:
        return (*orders, order)
    return tuple(order if (o.platform, o.number) == (order.platform, order.number) else o for o in orders)


def without(orders: tuple[Linked, ...], theirs: Iterable[Linked]) -> tuple[Linked, ...]:
    """Without those of another case."""
    names = {(one.platform, one.number) for one in theirs}
    return tuple(one for one in orders if (one.platform, one.number) not in names)


def due(orders: Iterable[Linked]) -> datetime | None:
    """The earliest limit of those that are not over by their platform."""
    return min((one.due_at for one in orders if one.due_at is not None and not one.ended), default=None)
