"""Who is responsible: the lowest staffed level at or above a grid, then upwards, and the catcher where there is no grid (law 11).

Every level that was passed over is in `skipped`, with its reason, for the timeline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from alerts.commands import Skipped
from alerts.outcome import Why
from alerts.roster import Person, Roster
from ingest.registry import Grid, Registry

CATCHER: Final = "catcher"
DUTY: Final = "duty_officer"


@dataclass(frozen=True, slots=True)
class Route:
    """Everybody who answers at one level, first asked first, and the code of that level. Empty when there is nobody at all."""

    people: tuple[Person, ...] = ()
    grid: str = ""
    skipped: tuple[Skipped, ...] = ()


def route(registry: Registry, roster: Roster, grid: str, *, above: str = "") -> Route:
    """The lowest staffed level at or above `grid`; with `above`, the lowest staffed level strictly above that one.

    Vacant levels are skipped. A grid that nobody knows of goes to the catcher; above the top stands the top itself.
    """
    line = registry.ancestors(above or grid)
    if not line:
        caught = catcher(registry, roster)
        return Route(caught.people, caught.grid, (Skipped(Why.UNPLACED, above or grid), *caught.skipped))
    skipped: list[Skipped] = []
    for level in line[1:] if above else line:
        if people := roster.at(level.code):
            return Route(people, level.code, tuple(skipped))
        skipped.append(Skipped(Why.VACANT, level.code))
    if above and (people := roster.at(above)):
        return Route(people, above, (*skipped, Skipped(Why.TOP, above)))
    caught = catcher(registry, roster)
    return Route(caught.people, caught.grid, (*skipped, *caught.skipped))


def catcher(registry: Registry, roster: Roster) -> Route:
    """Who takes what nobody else does: the role `catcher`, else the duty officers of the highest level, else everybody there."""
    for role in (CATCHER, DUTY):
        people = tuple(p for some in roster.people.values() for p in some if p.role == role)
        if people:
            return _highest(registry, people)
    people = tuple(p for some in roster.people.values() for p in some)
    return _highest(registry, people) if people else Route(skipped=(Skipped(Why.NOBODY, CATCHER),))


def with_role(registry: Registry, roster: Roster, role: str, grid: str, *, above: str = "") -> Route:
    """The nearest people of a role above the level that was told last, else at or above the grid, else the catcher."""
    reached = {g.code for g in registry.ancestors(above)[1:]}
    line = [g.code for g in registry.ancestors(grid)]
    for code in [*(c for c in line if c in reached), *(c for c in line if c not in reached)]:
        people = tuple(p for p in roster.at(code) if p.role == role)
        if people:
            return Route(people, code)
    caught = catcher(registry, roster)
    return Route(caught.people, caught.grid, (Skipped(Why.NO_ROLE, role), *caught.skipped))


def _highest(registry: Registry, people: Iterable[Person]) -> Route:
    def height(person: Person) -> int:
        grid: Grid | None = registry.grids.get(person.grid)
        return grid.level.height if grid else -1

    ranked = sorted(people, key=lambda p: (-height(p), p.grid, p.order, p.id))
    return Route(tuple(p for p in ranked if p.grid == ranked[0].grid), ranked[0].grid)
