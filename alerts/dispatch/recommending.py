"""Whom to send to a case (派单建议). It recommends and never decides: somebody at the desk does.

Pure, over what the ledger has: the roster and who is on duty, the tree of grids, the cases that people have, and the scenes they were at.
Nobody is tracked: somebody's place is the scene of a case at which they arrived, said that they are well, or finished, and it counts for
a while; else it is the middle of the grid they answer for.

In order: the rested before those who rest, then the place's own grid, the grids inside it, the neighbours, and the levels above from the
lowest; among equals whoever has fewer cases, then whoever is nearer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.alert import Alert, Handling
from alerts.dispatch.policy import DispatchRules
from alerts.dispatch.recommendation import Because, Ground, Recommendation, Seen, Suggested
from alerts.people.roster import Person, Roster, Standing, Turn
from alerts.people.routing import Moment, catcher, line_of
from ingest.coordinates import metres_between
from ingest.events import Point
from ingest.places import outline
from ingest.registry import Grid, GridLevel, Registry
from streams.signal import Level

MOST: Final = 10  # people in each list
_HELD: Final = frozenset(
    {Handling.NEW, Handling.ACKNOWLEDGED, Handling.DISPATCHED, Handling.ACCEPTED, Handling.ON_SCENE}
)
_G: Final = Ground


@dataclass(frozen=True, slots=True)
class Field:
    """What is known when a recommendation is asked for. `cases` are those given to people, `refused` who gave this very case back."""

    registry: Registry
    roster: Roster
    cases: Sequence[Alert]
    refused: Collection[str]
    unreachable: Collection[str]
    rules: DispatchRules


@dataclass(frozen=True, slots=True)
class _Post:
    turn: Turn
    grid: str
    ground: Ground
    tier: int
    name: str


def recommend(alert: Alert, known: Field, now: datetime) -> Recommendation:
    """Who could go, best first, each with the reasons; and where nobody can, why not."""
    posts = list(_posts(alert, known, now))
    first: dict[str, _Post] = {}
    for post in posts:
        if post.turn.on_duty:
            first.setdefault(post.turn.person.id, post)
    where = alert.place.point or _middle(known.registry.grids.get(alert.place.grid))
    weighed = [_weigh(alert, known, post, where, index, now) for index, post in enumerate(first.values())]
    good = sorted((one for one in weighed if not one.against), key=lambda one: one.key)
    bad = [one.suggested for one in weighed if one.against]
    found = tuple(one.suggested for one in good[:MOST])
    return Recommendation(found, tuple(bad[:MOST]), () if found else _shortfall(posts, weighed))


def people_asked_of(alert: Alert, registry: Registry, roster: Roster, now: datetime) -> tuple[str, ...]:
    """The ids of everybody a recommendation looks at, to ask the ledger for their cases."""
    asked = _posts(alert, Field(registry, roster, (), (), (), DispatchRules()), now)
    return tuple(dict.fromkeys(post.turn.person.id for post in asked if post.turn.on_duty))


def _posts(alert: Alert, known: Field, now: datetime) -> Iterator[_Post]:
    """Every turn of everybody who may be asked, on duty or not: tier by tier, in asking order."""
    moment = Moment(now, alert.stages.get("event_at") if known.registry.times else None)
    line = line_of(known.registry, alert.place.grid, moment)
    if not line:
        for person in catcher(known.registry, known.roster, moment).people:
            turn = next((t for t in known.roster.turns(person.grid, now) if t.person.id == person.id), None)
            yield _Post(turn or Turn(person, person, Standing.ALWAYS), person.grid, _G.CATCHER, 0, "")
        return
    tree = known.registry.at(now)
    parts, beside = _around(tree, line[0])
    tiers = [(line[0], _G.OWN_GRID, 0), *((g, _G.PART, 1) for g in parts), *((g, _G.NEXT_GRID, 2) for g in beside)]
    tiers += [(grid, _G.ABOVE, 3 + height) for height, grid in enumerate(line[1:])]
    for grid, ground, tier in tiers:
        for turn in known.roster.turns(grid.code, now):
            yield _Post(turn, grid.code, ground, tier, grid.name)


def _around(tree: Registry, own: Grid) -> tuple[list[Grid], list[Grid]]:
    """The grids inside one, and its neighbours under the same parent; a township has no neighbours that are asked."""
    inside = [g for g in tree.grids.values() if g.code != own.code and own in tree.ancestors(g.code)[1:]]
    small = own.level.height <= GridLevel.VILLAGE.height
    beside = [
        g for g in tree.grids.values() if small and g.parent and g.parent == own.parent and g.code != own.code
    ]  # fmt: skip
    return (sorted(inside, key=_by_code) if small else []), sorted(beside, key=_by_code)


def _by_code(grid: Grid) -> str:
    return grid.code


@dataclass(frozen=True, slots=True)
class _Weighed:
    suggested: Suggested
    against: tuple[Ground, ...]
    key: tuple[bool, int, int, float, int]


def _weigh(alert: Alert, known: Field, post: _Post, where: Point | None, index: int, now: datetime) -> _Weighed:
    person = post.turn.person
    theirs = [case for case in known.cases if person.id in _whose(case) and case.id != alert.id]
    held = [case for case in theirs if case.handling in _HELD and case.assignee == person.id]
    because = [Because(post.ground, name=post.name)]
    if post.turn.standing is Standing.STANDS_IN:
        because.append(Because(_G.STANDS_IN, name=post.turn.seat.name))
    metres, place = _distance(known, person, theirs, where, now)
    because += place
    because.append(Because(_G.HAS_CASES, count=len(held)) if held else Because(_G.FREE))
    rested = _rested_for(person, theirs, known.rules, now)
    if rested is not None:
        because.append(Because(_G.RESTING, seconds=rested))
    against = tuple(_against(alert, known, post, held, theirs, metres, place))
    weighty = tuple(Because(ground, metres=metres if ground is _G.OUTSIDE else None) for ground in against)
    suggested = Suggested(person, post.grid, (*weighty, *because), metres, len(held))
    far = math.inf if metres is None else metres
    return _Weighed(suggested, against, (rested is not None, post.tier, len(held), far, index))


def _against(
    alert: Alert, known: Field, post: _Post, held: Sequence[Alert], theirs: Sequence[Alert],
    metres: float | None, place: Sequence[Because],
) -> Iterator[Ground]:  # fmt: skip
    """Every ground on which somebody is put aside."""
    person = post.turn.person
    if person.id == alert.assignee:
        yield _G.HAS_IT
    if person.id in known.refused:
        yield _G.GAVE_BACK
    if person.id in known.unreachable:
        yield _G.UNREACHABLE
    if any(case.work.scene is not None and case.work.scene.person == person.id for case in theirs):
        yield _G.AT_ANOTHER_SCENE
    if len(held) >= known.rules.busy_at:
        yield _G.BUSY
    if post.ground is _G.NEXT_GRID:  # whoever does not answer for the place must be known to be near
        if metres is None:
            yield from (b.ground for b in place if b.ground in {_G.SEEN_LONG_AGO, _G.UNKNOWN_AT})
        elif metres > known.rules.radius:
            yield _G.OUTSIDE


def _distance(
    known: Field, person: Person, theirs: Sequence[Alert], where: Point | None, now: datetime
) -> tuple[float | None, list[Because]]:
    """How far somebody is, and from what that is known."""
    seen = min(_seen(person, theirs, now), key=lambda one: one.seconds, default=None)
    fresh = seen is not None and seen.seconds <= known.rules.seen_for
    if seen is not None and fresh and where is not None:
        metres = metres_between(seen.point, where)
        return metres, [Because(_G.SEEN_AT, metres=metres, seconds=seen.seconds)]
    old = [Because(_G.SEEN_LONG_AGO, seconds=seen.seconds)] if seen is not None and not fresh else []
    middle = _middle(known.registry.grids.get(person.grid))
    if middle is None or where is None:
        return None, old or [Because(_G.UNKNOWN_AT)]
    metres = metres_between(middle, where)
    return metres, [*old, Because(_G.CENTRE_AT, metres=metres)]


def _seen(person: Person, theirs: Iterable[Alert], now: datetime) -> Iterator[Seen]:
    for case in theirs:
        point, scene = case.place.point, case.work.scene
        if point is None:
            continue
        if scene is not None and scene.person == person.id:
            yield Seen(point, (now - scene.heard_at).total_seconds())
        elif case.assignee == person.id and "on_scene_at" in case.stages:
            left = case.stages.get("handled_at") or case.stages["on_scene_at"]
            yield Seen(point, (now - left).total_seconds())


def _rested_for(person: Person, theirs: Iterable[Alert], rules: DispatchRules, now: datetime) -> float | None:
    """Seconds since somebody handled a red or an orange case; None when that is long enough ago."""
    hard = (c for c in theirs if c.assignee == person.id and c.level.rank >= Level.ORANGE.rank)
    since = min(
        ((now - c.stages["handled_at"]).total_seconds() for c in hard if "handled_at" in c.stages), default=None
    )
    return since if since is not None and since < rules.rest else None


def _whose(case: Alert) -> tuple[str, ...]:
    return (case.assignee, case.work.scene.person) if case.work.scene is not None else (case.assignee,)


def _middle(grid: Grid | None) -> Point | None:
    """A point inside a grid, about in its middle; None for one without an outline."""
    if grid is None or not grid.rings:
        return None
    inside = outline(grid.rings).representative_point()
    return Point(inside.y, inside.x)


def _shortfall(posts: Sequence[_Post], weighed: Sequence[_Weighed]) -> tuple[Because, ...]:
    """Why there is nobody: the first ground of each who was put aside, else that nobody is on duty, else that nobody answers for it."""
    counted = Counter(one.against[0] for one in weighed)
    if counted:
        return tuple(Because(ground, count=count) for ground, count in counted.most_common())
    away = {post.turn.person.id for post in posts}
    return (Because(_G.OFF_DUTY, count=len(away)),) if away else (Because(_G.VACANT),)
