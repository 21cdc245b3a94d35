"""Work orders as they are seen over HTTP. Pure."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from alerts.alert import Alert
from alerts.orders.summary import Count, Tier, whole


class StandRow(TypedDict):
    """How an order stands with one unit, by its platform."""

    unit: str
    state: str
    at: datetime


class OrderRow(TypedDict):
    """One of the hotline's orders that a case is about. `told` are the reports that hold, in the order in which they were made."""

    platform: str
    number: str
    title: str
    category: str
    urgency: str
    secret: bool
    linked_at: datetime
    due_at: datetime | None
    stands: list[StandRow]
    told: list[str]


class CountRow(TypedDict):
    """Orders of one level. `rate` is closed of linked in percent, null without an order."""

    linked: int
    closed: int
    late: int
    rate: float | None


class SummaryRow(TypedDict):
    """Orders that were linked in the window, by the level that has them."""

    since: datetime
    until: datetime
    levels: dict[str, CountRow]
    whole: CountRow


def order_rows(alert: Alert) -> list[OrderRow]:
    """The orders of a case, the first one linked first."""
    return [
        OrderRow(
            platform=one.platform,
            number=one.number,
            title=one.title,
            category=one.category,
            urgency=one.urgency,
            secret=one.secret,
            linked_at=one.at,
            due_at=one.due_at,
            stands=[StandRow(unit=s.unit, state=s.state, at=s.at) for s in one.stands],
            told=[report.value for report in one.told],
        )
        for one in alert.work.orders
    ]


def summary_row(counts: dict[Tier, Count], since: datetime, until: datetime) -> SummaryRow:
    """The table, county first."""
    return SummaryRow(
        since=since,
        until=until,
        levels={tier.value: _row(counts[tier]) for tier in Tier},
        whole=_row(whole(counts)),
    )


def _row(count: Count) -> CountRow:
    return CountRow(linked=count.linked, closed=count.closed, late=count.late, rate=count.rate)
