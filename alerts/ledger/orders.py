"""Rows of work orders: written with the case that has them, asked for by their number and by when they were linked."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select

from alerts.alert import Alert, Handling
from alerts.ledger.order_tables import hotline_order
from alerts.orders.summary import Standing, standings

_O: Final = hotline_order.c
# The case that was saved last has the order: it goes on for a merged one, and the one split off takes it back.
MOVES: Final = "ON CONFLICT (platform, number) DO UPDATE SET " + ", ".join(
    f'"{c.name}" = excluded."{c.name}"' for c in hotline_order.columns if not c.primary_key
)


def rows_of(alert: Alert) -> list[dict[str, Any]]:
    """The rows of the orders a case has; one that was merged has none any more."""
    if not alert.work.orders or alert.handling is Handling.MERGED:
        return []
    names = [c.name for c in hotline_order.columns]
    return [{name: getattr(one, name) for name in names} for one in standings(alert)]


def numbered(number: str) -> Select[Any]:
    """Ids of the cases that have an order of this number."""
    return select(_O.alert).where(_O.number == number)


def linked(since: datetime, until: datetime) -> Select[Any]:
    """The orders that were linked between two instants."""
    return select(hotline_order).where(_O.linked_at >= since, _O.linked_at < until).order_by(_O.linked_at, _O.number)


def standing_of(row: Any) -> Standing:
    """The order in a row."""
    return Standing(**{c.name: getattr(row, c.name) for c in hotline_order.columns})
