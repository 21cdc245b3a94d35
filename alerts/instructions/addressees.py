"""Whom an instruction is meant for: from levels, areas, roles and people to persons, with the reason for each one. Pure.

It is worked out against the registry and the roster as they are when the instruction is sent, and kept: who comes later is not told,
and who leaves stays on the list of those who were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alerts.outcome import Why
from alerts.people.roster import Person, Roster
from ingest.registry import Grid, GridLevel, Registry


class Unaddressable(ValueError):
    """An instruction that can be sent to nobody as it stands. Nothing was sent. The message says what to correct."""


@dataclass(frozen=True, slots=True)
class Target:
    """Some people. Each field that names something narrows, each that is empty does not; several targets add up.

    `areas` are grid codes with everything below them, `levels` those of the grid a person answers for, `people` ids.
    """

    levels: tuple[GridLevel, ...] = ()
    areas: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Because:
    """Why a person was chosen: by which target (the first is 1), and through what of it. What it did not name is empty."""

    target: int
    area: str = ""
    level: str = ""
    role: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A person who is meant, with every reason why."""

    person: Person
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """Something a target named that leads to nobody, or somebody who was left out: why, and the code or id."""

    why: Why
    what: str


@dataclass(frozen=True, slots=True)
class Addressed:
    """Everybody who is meant, the highest level first, each once; and what was named without leading to anybody."""

    people: tuple[Addressee, ...] = ()
    missed: tuple[Missed, ...] = ()


def address(registry: Registry, roster: Roster, targets: Sequence[Target], but: Sequence[str] = ()) -> Addressed:
    """Everybody whom the targets mean, without those named in `but`.

    Raises `Unaddressable` for a target that names nothing (a whole city is meant by naming it), for codes and ids that do not exist,
    and when nobody is left.
    """
    _check(registry, roster, targets, but)
    chosen: dict[str, Addressee] = {}
    missed: list[Missed] = []
    for number, target in enumerate(targets, 1):
        found = [Addressee(p, (why,)) for p in _everybody(roster) if (why := _why(registry, number, target, p))]
        missed += _missed(registry, roster, target, {a.person.id for a in found}, {a.person.grid for a in found})
        for one in found:
            before = chosen.get(one.person.id)
            chosen[one.person.id] = Addressee(one.person, (*before.because, *one.because)) if before else one
    missed += [Missed(Why.EXCLUDED, ident) for ident in dict.fromkeys(but) if chosen.pop(ident, None)]
    if not chosen:
        said = f": {', '.join(sorted({m.what for m in missed})[:10])} leads to nobody" if missed else ""
        raise Unaddressable(f"nobody is meant{said}; name other levels, areas, roles or people")
    ordered = sorted(chosen.values(), key=lambda a: _order(registry, a.person))
    return Addressed(tuple(ordered), tuple(dict.fromkeys(missed)))


def _check(registry: Registry, roster: Roster, targets: Sequence[Target], but: Sequence[str]) -> None:
    if not targets or any(target == Target() for target in targets):
        raise Unaddressable(
            "a target names nothing: give levels, areas, roles or people; everybody is meant by the highest area"
        )
    areas = sorted({code for target in targets for code in target.areas} - set(registry.grids))
    if areas:
        raise Unaddressable(f"there is no grid {areas[0]!r}: take a code from the registry")
    known = {person.id for person in _everybody(roster)}
    people = sorted({ident for target in targets for ident in target.people}.union(but) - known)
    if people:
        raise Unaddressable(f"nobody on the roster has the id {people[0]!r}: take an id from the roster")


def _why(registry: Registry, number: int, target: Target, person: Person) -> Because | None:
    """The reason for a person, or None when the target does not mean them."""
    grid = registry.grids.get(person.grid)
    level = grid.level if grid else None
    above = {g.code for g in registry.ancestors(person.grid)}
    area = next((code for code in target.areas if code in above), "")
    meant = (
        (not target.people or person.id in target.people)
        and (not target.areas or bool(area))
        and (not target.levels or level in target.levels)
        and (not target.roles or person.role in target.roles)
    )
    if not meant:
        return None
    return Because(
        number,
        area,
        level.value if target.levels and level else "",
        person.role if target.roles else "",
        person.id if target.people else "",
    )


def _missed(registry: Registry, roster: Roster, target: Target, people: set[str], grids: set[str]) -> Iterator[Missed]:
    """What the target names and does not lead to anybody: people outside it, vacant grids, areas without anybody."""
    yield from (Missed(Why.OUTSIDE, ident) for ident in target.people if ident not in people)
    if target.people:
        return
    if target.levels:
        for grid in _grids(registry, target):
            if grid.code not in grids:
                yield Missed(Why.NO_ROLE if roster.at(grid.code) else Why.VACANT, grid.code)
        return
    covered = {g.code for code in grids for g in registry.ancestors(code)}
    yield from (
        Missed(Why.NO_ROLE if target.roles else Why.VACANT, code) for code in target.areas if code not in covered
    )
    if not target.areas:
        held = {p.role for p in _everybody(roster)}
        yield from (Missed(Why.NO_ROLE, role) for role in target.roles if role not in held)


def _grids(registry: Registry, target: Target) -> Iterator[Grid]:
    """Every grid of the target's levels in its areas."""
    areas = set(target.areas)
    for grid in registry.grids.values():
        if grid.level in target.levels and (not areas or areas & {g.code for g in registry.ancestors(grid.code)}):
            yield grid


def _everybody(roster: Roster) -> Iterable[Person]:
    return (person for some in roster.people.values() for person in some)


def _order(registry: Registry, person: Person) -> tuple[int, str, int, str]:
    grid = registry.grids.get(person.grid)
    return (-grid.level.height if grid else 1, person.grid, person.order, person.id)
