"""How many of the hotline's orders were linked and closed, per level that has them. Pure; the table that a county is measured by.

An order counts for the level of whoever it was given to last; before it is given to anybody, for the level that was told last, else for
the place's own. What lies below a village counts for the village, what lies above a township for the county.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from alerts.alert import Alert, Handling
from alerts.people.roster import Roster
from ingest.registry import GridLevel, Registry

_CLOSED: Final = frozenset({Handling.CLOSED, Handling.EVALUATED, Handling.FALSE_ALARM, Handling.VOID})


class Tier(StrEnum):
    """The levels that are compared."""

    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"


@dataclass(frozen=True, slots=True)
class Standing:
    """One order and what has become of its case. `closed_at` is None while the case is open."""

    platform: str
    number: str
    alert: str
    grid: str
    assignee: str
    reached: str
    linked_at: datetime
    due_at: datetime | None = None
    closed_at: datetime | None = None
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """Orders of one level. `late` were closed after their own limit, or are open beyond it."""

    linked: int = 0
    closed: int = 0
    late: int = 0

    @property
    def rate(self) -> float | None:
        """Closed of linked in percent, with two decimals; None without an order."""
        return round(100 * self.closed / self.linked, 2) if self.linked else None

    def plus(self, closed: bool, late: bool) -> Count:
        """With one more order."""
        return Count(self.linked + 1, self.closed + closed, self.late + late)


def standings(alert: Alert) -> list[Standing]:
    """How the orders of a case stand."""
    closed_at = alert.stages.get("closed_at") if alert.handling in _CLOSED else None
    return [
        Standing(
            order.platform, order.number, alert.id, alert.place.grid, alert.assignee, alert.reached, order.at, order.due_at, closed_at,
            alert.work.finding,
        )
        for order in alert.work.orders
    ]  # fmt: skip


def summary(orders: Iterable[Standing], registry: Registry, roster: Roster, now: datetime) -> dict[Tier, Count]:
    """Every level, also those without an order."""
    counts = {tier: Count() for tier in Tier}
    for order in orders:
        tier = tier_of(order, registry, roster)
        late = order.due_at is not None and (order.closed_at or now) > order.due_at
        counts[tier] = counts[tier].plus(order.closed_at is not None, late)
    return counts


def whole(counts: dict[Tier, Count]) -> Count:
    """All levels together."""
    parts = counts.values()
    return Count(sum(c.linked for c in parts), sum(c.closed for c in parts), sum(c.late for c in parts))


def tier_of(order: Standing, registry: Registry, roster: Roster) -> Tier:
    """The level an order counts for. What no grid of ours covers is the county's."""
    person = roster.person(order.assignee) if order.assignee else None
    codes = (person.grid if person else "", order.reached, order.grid)
    grid = next((registry.grids[code] for code in codes if code in registry.grids), None)
    if grid is None or grid.level.height > GridLevel.TOWNSHIP.height:
        return Tier.COUNTY
    return Tier.TOWNSHIP if grid.level is GridLevel.TOWNSHIP else Tier.VILLAGE
