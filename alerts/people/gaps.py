"""When nobody is on duty: "nobody on duty 02:00–04:00 in grid G on Tuesday", and who is told instead. Pure; times are instants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerts.people.roster import Person, Roster
from alerts.people.routing import CALLED, CATCHER, DUTY, Moment, route
from ingest.registry import Registry


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody of `grid` is on duty in [begin, end). `instead` is who is told at its beginning, of the level `climbs_to`.

    It is `open` when it goes on beyond what was looked at. `grid` is `catcher` where nobody is there to take what no grid covers.
    """

    grid: str
    begin: datetime
    end: datetime
    climbs_to: str = ""
    instead: tuple[Person, ...] = ()
    open: bool = False


def gaps(registry: Registry, roster: Roster, begin: datetime, end: datetime) -> tuple[Gap, ...]:
    """Every gap of a grid that has people, in force in that time, by grid and then by time; the catcher's own come first.

    A grid without any people is no gap but vacant: that never changes by itself (`vacant`).
    """
    found = list(catcher_gaps(registry, roster, begin, end))
    for code in sorted({*roster.people, *roster.book.overrides} & {g.code for g in registry.every_grid()}):
        dates = {at for at in registry.edges() if begin < at < end} if code in registry.times else set()
        instants = sorted({*_instants(roster, [code], begin, end), *dates})
        empty = [at for at in instants if registry.grid(code, at) is not None and not roster.on_duty(code, at)]
        found += [_gap(registry, roster, code, a, b, last=end) for a, b in _runs(empty, instants, end)]
    return tuple(found)


def vacant(registry: Registry, roster: Roster, now: datetime) -> tuple[str, ...]:
    """Grids in force at an instant for which nobody is enrolled: their cases climb always."""
    return tuple(sorted(code for code in registry.at(now).grids if not roster.at(code)))


def catcher_gaps(registry: Registry, roster: Roster, begin: datetime, end: datetime) -> tuple[Gap, ...]:
    """When none of those meant to take what no grid covers is on duty: the role `catcher`, else the duty officers, else everybody."""
    people = catchers(roster)
    grids = sorted({person.grid for person in people} | set(roster.book.overrides))
    instants = _instants(roster, grids, begin, end)
    roles = {person.role for person in people}
    empty = [at for at in instants if not any(_on_duty(roster, code, roles, at) for code in grids)]
    return tuple(
        _gap(registry, roster, "", start, stop, last=end) for start, stop in _runs(empty, instants, end) if roster.by_id
    )


def catchers(roster: Roster) -> tuple[Person, ...]:
    """Those who are meant to take what no grid covers: the role `catcher`, else the duty officers, else everybody."""
    for role in (CATCHER, DUTY):
        found = tuple(person for person in roster.by_id.values() if person.role in CALLED[role])
        if found:
            return found
    return tuple(roster.by_id.values())


def _on_duty(roster: Roster, code: str, roles: set[str], at: datetime) -> bool:
    return any(turn.on_duty and turn.seat.role in roles for turn in roster.turns(code, at))


def _gap(registry: Registry, roster: Roster, code: str, begin: datetime, end: datetime, *, last: datetime) -> Gap:
    found = route(registry, roster, code, moment=Moment(begin))
    return Gap(code or CATCHER, begin, end, found.grid, found.people[:1], end == last)


def _instants(roster: Roster, grids: Iterable[str], begin: datetime, end: datetime) -> list[datetime]:
    """The beginning, and every instant after it at which it may change who is on duty."""
    return sorted({begin}.union(*(roster.edges(code, begin, end) for code in grids)))


def _runs(empty: list[datetime], instants: list[datetime], end: datetime) -> list[tuple[datetime, datetime]]:
    """The stretches that begin at an instant of `empty` and last to the next one that is not."""
    there = set(empty)
    found: list[tuple[datetime, datetime]] = []
    start: datetime | None = None
    for at in instants:
        if at in there and start is None:
            start = at
        elif at not in there and start is not None:
            found.append((start, at))
            start = None
    return [*found, (start, end)] if start is not None else found
