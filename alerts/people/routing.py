"""Who is responsible: the lowest staffed level at or above a grid, then upwards, and the catcher where there is no grid (law 11).

A level is passed over when it is not in force, has no people, has none on duty, or none whom notices reach; each with its reason in
`skipped`, for the timeline. Rather than nobody, somebody off duty is told. Every answer is for one instant: asked again once a lower
level is staffed, it is that level again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.commands import Skipped
from alerts.outcome import Why
from alerts.people.propagation import Barred
from alerts.people.roster import Person, Roster, Standing, Turn
from ingest.registry import Grid, Registry

CATCHER: Final = "catcher"
DUTY: Final = "duty_officer"
# How those who import a roster in Chinese call them.
CALLED: Final = {
    CATCHER: frozenset({CATCHER, "兜底", "兜底人", "兜底人员", "无主兜底"}),
    DUTY: frozenset({DUTY, "值班长", "值班领导"}),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When is routed, and for what. Without `now` everybody counts as on duty and every grid as in force.

    The levels are those in force at `event_at` (the grid in which it happened), the people those of `now`. Nobody in `unreachable` (ids)
    is told while somebody else can be. A step that climbs passes over the levels in `barred`.
    """

    now: datetime | None = None
    event_at: datetime | None = None
    unreachable: frozenset[str] = frozenset()
    barred: Barred = ()


ANY: Final = Moment()


@dataclass(frozen=True, slots=True)
class Route:
    """Everybody who is told at one level, first asked first, and the code of that level. Empty when there is nobody at all."""

    people: tuple[Person, ...] = ()
    grid: str = ""
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What there is at one level: who can be told, everybody else with the reason, and why the level is passed over if it is."""

    grid: str
    people: tuple[Person, ...] = ()
    turns: tuple[Turn, ...] = ()
    unreached: tuple[Person, ...] = ()  # on duty, and yet not told
    why: Why | None = None


def look(registry: Registry, roster: Roster, code: str, moment: Moment = ANY) -> Look:
    """One level at an instant. Who is on duty and cannot be reached is told only when the level has nobody else and is not passed over."""
    now = moment.now
    if now is not None and registry.grid(code, now) is None:
        return Look(code, why=Why.NOT_IN_FORCE)
    turns = turns_of(roster, code, moment)
    on_duty = tuple(turn.person for turn in turns if turn.on_duty)
    people = tuple(p for p in on_duty if p.id not in moment.unreachable)
    unreached = tuple(p for p in on_duty if p.id in moment.unreachable)
    if people:
        return Look(code, people, turns, unreached)
    why = Why.UNREACHABLE if unreached else Why.OFF_DUTY if turns else Why.VACANT
    return Look(code, (), turns, unreached, why)


def turns_of(roster: Roster, code: str, moment: Moment) -> tuple[Turn, ...]:
    """Everybody of a level with the reason why they are on duty or not."""
    if moment.now is None:
        return tuple(Turn(person, person, Standing.ALWAYS) for person in roster.at(code))
    return roster.turns(code, moment.now)


def line_of(registry: Registry, code: str, moment: Moment = ANY) -> tuple[Grid, ...]:
    """The levels at and above a grid, lowest first: of the time of the event, else of now, else the last there were."""
    return registry.line(code, moment.event_at, moment.now)


def route(registry: Registry, roster: Roster, grid: str, *, above: str = "", moment: Moment = ANY) -> Route:
    """The lowest staffed level at or above `grid`; with `above`, the lowest staffed level strictly above that one.

    A grid that nobody knows of goes to the catcher; above the top stands the top itself.
    """
    line = line_of(registry, above or grid, moment)
    if not line:
        return _caught(registry, roster, [Skipped(Why.UNPLACED, above or grid)], moment)
    skipped: list[Skipped] = []
    barred = dict(moment.barred) if above else {}
    for level in line[1:] if above else line:
        if level.code in barred:
            skipped.append(Skipped(barred[level.code], level.code))
            continue
        seen = look(registry, roster, level.code, moment)
        if seen.why is None:
            return Route(seen.people, level.code, (*skipped, *_unreached(seen)))
        skipped.append(Skipped(seen.why, level.code))
    if any(s.what in barred for s in skipped):
        return Route(skipped=tuple(skipped))  # nobody above hears of it
    if above and (people := look(registry, roster, above, moment).people):
        return Route(people, above, (*skipped, Skipped(Why.TOP, above)))
    return _caught(registry, roster, skipped, moment)


def catcher(registry: Registry, roster: Roster, moment: Moment = ANY) -> Route:
    """Who takes what nobody else does: the role `catcher`, else the duty officers of the highest level, else everybody there.

    First among those on duty whom notices reach, then among those on duty, then among all: it is never empty while anybody is enrolled.
    """
    turns = _Turns(roster, moment)
    skipped: list[Skipped] = []
    sieves: tuple[tuple[Why, Callable[[Turn], bool]], ...] = (
        (Why.UNREACHABLE, lambda turn: turn.on_duty and turn.person.id not in moment.unreachable),
        (Why.OFF_DUTY, lambda turn: turn.on_duty),
        (Why.NOBODY, lambda _: True),
    )
    for why, fits in sieves:
        for role in (CATCHER, DUTY, ""):
            there = [turn for turn in turns.of(role) if fits(turn)]
            if there:
                return _highest(registry, there, skipped)
        skipped.append(Skipped(why, CATCHER))
    return Route(skipped=(Skipped(Why.NOBODY, CATCHER),))


class _Turns:
    """Everybody at a moment by role, worked out when it is asked for: a city has thousands and few catchers."""

    def __init__(self, roster: Roster, moment: Moment) -> None:
        self._roster = roster
        self._moment = moment
        self._known: dict[str, list[Turn]] = {}

    def of(self, role: str) -> list[Turn]:
        """The turns of a role's posts; of every post without a role."""
        if role not in self._known:
            called = CALLED.get(role)
            people = (p for p in self._roster.by_id.values() if called is None or p.role in called)
            turns = (t for code in self._codes(people) for t in turns_of(self._roster, code, self._moment))
            self._known[role] = [t for t in turns if called is None or t.seat.role in called]
        return self._known[role]

    def _codes(self, people: Iterable[Person]) -> dict[str, None]:
        return dict.fromkeys([*(p.grid for p in people), *self._roster.book.overrides])


def with_role(
    registry: Registry, roster: Roster, role: str, grid: str, *, above: str = "", moment: Moment = ANY
) -> Route:
    """The nearest people of a role above the level that was told last, else at or above the grid, else the catcher."""
    reached = {g.code for g in line_of(registry, above, moment)[1:]} if above else set()
    line = [g.code for g in line_of(registry, grid, moment)]
    called = CALLED.get(role, frozenset({role}))
    skipped: list[Skipped] = []
    barred = dict(moment.barred)
    for code in [*(c for c in line if c in reached), *(c for c in line if c not in reached)]:
        if code in barred:
            skipped.append(Skipped(barred[code], code))
            continue
        seats = [turn for turn in turns_of(roster, code, moment) if turn.seat.role in called]
        there = tuple(turn.person for turn in seats if turn.on_duty)
        people = tuple(p for p in there if p.id not in moment.unreachable)
        if people:
            return Route(people, code, tuple(skipped))
        if seats:
            skipped.append(Skipped(Why.UNREACHABLE if there else Why.OFF_DUTY, code))
    if any(s.what in barred for s in skipped):
        return Route(skipped=tuple(skipped))
    return _caught(registry, roster, [*skipped, Skipped(Why.NO_ROLE, role)], moment)


def aim(registry: Registry, roster: Roster, target: str, grid: str, *, told: str = "", moment: Moment = ANY) -> Route:
    """Whom a step of a chain means: `target` is `grid`, `up`, `all` or a role, `told` the level that was told last."""
    if target == "grid" or (target in {"up", "all"} and not told):
        return route(registry, roster, grid, moment=moment)
    if target == "up":
        return route(registry, roster, grid, above=told, moment=moment)
    if target == "all":
        return route(registry, roster, told, moment=moment)
    return with_role(registry, roster, target, grid, above=told, moment=moment)


def next_staffed(registry: Registry, roster: Roster, levels: Iterable[str], moment: Moment) -> datetime | None:
    """When one of these levels has somebody to tell, as far as that is foreseen: now, when one has."""
    if moment.now is None:
        return None
    found: list[datetime] = []
    for code in levels:
        seen = look(registry, roster, code, moment)
        if seen.why is None:
            return moment.now
        if seen.why is Why.OFF_DUTY and (at := roster.next_turn(code, moment.now)) is not None:
            found.append(at)
    return min(found, default=None)


def _unreached(seen: Look) -> tuple[Skipped, ...]:
    return tuple(Skipped(Why.UNREACHABLE, person.id) for person in seen.unreached)


def _caught(registry: Registry, roster: Roster, skipped: list[Skipped], moment: Moment) -> Route:
    caught = catcher(registry, roster, moment)
    return Route(caught.people, caught.grid, (*skipped, *caught.skipped))


def _highest(registry: Registry, turns: Iterable[Turn], skipped: list[Skipped]) -> Route:
    def height(turn: Turn) -> int:
        grid = registry.grids.get(turn.seat.grid)
        return grid.level.height if grid else -1

    ranked = sorted(turns, key=lambda t: (-height(t), t.seat.grid, t.seat.part, t.seat.order, t.seat.id))
    first = ranked[0].seat.grid
    people = dict.fromkeys(turn.person.id for turn in ranked if turn.seat.grid == first)
    by_id = {turn.person.id: turn.person for turn in ranked}
    return Route(tuple(by_id[ident] for ident in people), first, tuple(skipped))
