"""The right grid or its recorded fallback (law 11), over ten thousand interleavings of a city that does not hold still.

Two hundred grids and some 250 people; people come, go, fall ill and swap, telephones die, grids are given up and redrawn. Whatever
happens, whoever is told stands at the case's own grid, or at a level above it with a reason for every level in between, or is the
catcher with a reason for every level there is.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alerts.outcome import Why
from alerts.people.duty import Duty, DutyKind
from alerts.people.roster import Part, Person, Roster
from alerts.people.routing import CATCHER, Moment, Route, aim, catcher, line_of
from ingest.events import Place, Point
from ingest.places import Places
from ingest.registry import Grid, GridLevel, Registry

INTERLEAVINGS = 10_000
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIDE = 0.01  # degrees of a grid: about a kilometre
PASSED = {Why.VACANT, Why.OFF_DUTY, Why.UNREACHABLE, Why.NOT_IN_FORCE}


def square(column: int, row: int, width: float = 1.0) -> tuple[tuple[float, float], ...]:
    west, south, side = 118 + column * SIDE, 29 + row * SIDE, SIDE * width
    return ((west, south), (west + side, south), (west + side, south + side), (west, south + side), (west, south))


def tree() -> list[Grid]:
    """A city, two counties, eight townships, thirty-two villages, 200 grids in 20 columns, and forty micro-grids in them."""
    grids = [Grid("Y", "市", GridLevel.CITY), *(Grid(f"C{n}", f"县{n}", GridLevel.COUNTY, "Y") for n in range(2))]
    grids += [Grid(f"T{n}", f"镇{n}", GridLevel.TOWNSHIP, f"C{n % 2}") for n in range(8)]
    grids += [Grid(f"V{n}", f"村{n}", GridLevel.VILLAGE, f"T{n % 8}") for n in range(32)]
    for n in range(200):
        grids.append(Grid(f"G{n}", f"网格{n}", GridLevel.GRID, f"V{n % 32}", (square(n % 20, n // 20, 0.98),)))
    grids += [
        Grid(f"M{n}", f"微{n}", GridLevel.MICRO, f"G{n * 5}", (square(n * 5 % 20, n * 5 // 20, 0.3),))
        for n in range(40)
    ]
    return grids


@dataclass
class City:
    """What changes, and what was seen so far."""

    dice: random.Random
    now: datetime = START
    grids: list[Grid] = field(default_factory=tree)
    people: dict[str, Person] = field(default_factory=dict)
    duties: list[Duty] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    cases: list[tuple[Place, datetime, str]] = field(default_factory=list)  # place, when it happened, level told last

    def __post_init__(self) -> None:
        self.people["boss"] = Person("boss", "兜底", "+861000000000", CATCHER, "Y")
        for _ in range(250):
            self.comes()
        self.registry = Registry.of(self.grids, [])
        self.roster = Roster.of(self.people.values(), self.duties)
        self.places: dict[tuple[int, int], Places] = {}
        self.stale = False

    def known(self) -> None:
        if self.stale:
            self.duties = [line for line in self.duties if line.until is None or line.until > self.now]
            self.roster = Roster.of(self.people.values(), self.duties)
            self.stale = False

    def comes(self) -> None:
        self.stale = True
        ident = f"p{len(self.people)}-{self.dice.randrange(10**6)}"
        grid = self.dice.choice(self.grids).code
        role = self.dice.choice(["leader", "worker", "duty_officer"])
        part = self.dice.choice([Part.MAIN, Part.DEPUTY])
        self.people[ident] = Person(ident, ident, "+861000000001", role, grid, self.dice.randrange(3), part=part)
        if self.dice.random() < 0.5:
            start = self.dice.randrange(24) * 60
            days = tuple(sorted(self.dice.sample(range(1, 8), self.dice.randrange(1, 8))))
            self.duties.append(
                Duty(DutyKind.SHIFT, ident, days, start, (start + 60 * self.dice.randrange(1, 24)) % 1440)
            )

    def goes(self) -> None:
        self.stale = True
        ident = self.dice.choice(list(self.people))
        if ident != "boss":
            del self.people[ident]
            self.duties = [line for line in self.duties if ident not in {line.person, line.instead_of}]

    def falls_ill(self) -> None:
        self.stale = True
        who, other = self.dice.choice(list(self.people)), self.dice.choice(list(self.people))
        until = self.now + self.dice.randrange(1, 72) * HOUR
        self.duties.append(Duty(DutyKind.ABSENT, who, since=self.now, until=until))
        if who != other and self.dice.random() < 0.5:
            self.duties.append(Duty(DutyKind.STAND_IN, other, since=self.now, until=until, instead_of=who))

    def telephone(self) -> None:
        """One more is dead, or alive again; a tenth of all at most."""
        self.dead ^= {self.dice.choice(sorted(self.dead) if len(self.dead) > 25 else list(self.people))}

    def is_redrawn(self) -> None:
        number = self.dice.randrange(len(self.grids))
        old, at = self.grids[number], self.now + self.dice.randrange(0, 24) * HOUR
        if old.dated or old.level.height > GridLevel.VILLAGE.height:
            return
        self.grids[number] = replace(old, valid_to=at)
        if self.dice.random() < 0.7:
            parent = self.dice.choice([g.code for g in self.grids if g.level.height == old.level.height + 1])
            self.grids.append(replace(old, parent=parent, valid_from=at))
        self.registry = Registry.of(self.grids, [])

    def happens(self) -> None:
        """Something, somewhere: in a grid, between two of them, or outside all."""
        event_at = self.now - self.dice.choice([0, 0, 0, 1, 30]) * HOUR
        point = Point(29 + self.dice.uniform(-0.01, 0.11), 118 + self.dice.uniform(-0.01, 0.21))
        edge = sum(at <= event_at for at in self.registry.edges())
        key = (len(self.grids), edge)
        if key not in self.places:
            self.places = {**dict(list(self.places.items())[-5:]), key: Places(self.registry.at(event_at))}
        settled = self.places[key].settle(point)
        place = settled.place if settled else Place(point=point)
        assert not place.grid or self.registry.grid(place.grid, event_at) is not None
        self.cases.append((place, event_at, ""))

    def moment(self, event_at: datetime) -> Moment:
        return Moment(self.now, event_at, frozenset(self.dead))

    def rings(self) -> None:
        """A case, mostly the newest, is told once more: its grid, or one level higher."""
        number = self.dice.randrange(len(self.cases)) if self.dice.random() < 0.2 else -1
        self.known()
        place, event_at, told = self.cases[number]
        target = self.dice.choice(["grid", "up", "up"])
        moment = self.moment(event_at)
        found = aim(self.registry, self.roster, target, place.grid, told=told, moment=moment)
        above = told if target == "up" else ""
        self.is_right(place, found, above, moment)
        self.cases[number] = (place, event_at, found.grid)

    def is_right(self, place: Place, found: Route, above: str, moment: Moment) -> None:
        assert found.people, "somebody is always told"
        line = [g.code for g in line_of(self.registry, above or place.grid, moment)]
        wanted = line[1:] if above else line
        reasons = {s.what: s.why for s in found.skipped}
        if found.grid in wanted and all(code in reasons for code in wanted[: wanted.index(found.grid)]):
            passed, on_duty = wanted[: wanted.index(found.grid)], self.roster.on_duty(found.grid, self.now)
            assert {reasons[code] for code in passed} <= PASSED
            if found.grid not in reasons:
                assert [p for p in on_duty if p.id not in self.dead] == list(found.people)
                assert {p.id for p in on_duty} & self.dead == {p.id for p in on_duty} - {p.id for p in found.people}
                return
        elif found.grid == above and reasons.get(above) is Why.TOP:
            assert all(reasons[code] in PASSED for code in wanted)
            return
        caught = catcher(self.registry, self.roster, moment)
        assert (found.people, found.grid) == (caught.people, caught.grid), "else it is the catcher"
        assert all(reasons[code] in PASSED for code in wanted)
        assert wanted or reasons.get(above or place.grid) is Why.UNPLACED or line == [above]


def test_whoever_is_told_stands_at_the_grid_of_the_case_or_at_its_recorded_fallback() -> None:
    city = City(random.Random(20260302))
    for _ in range(INTERLEAVINGS):
        moves: list[Callable[[], None]] = [city.rings] * city.dice.randrange(1, 3)
        if city.dice.random() < 0.15:
            moves += [city.dice.choice([city.comes, city.goes, city.falls_ill]) for _ in range(3)]
        moves += [city.telephone] if city.dice.random() < 0.3 else []
        moves += [city.is_redrawn] if city.dice.random() < 0.003 else []
        city.happens()
        city.dice.shuffle(moves)
        for move in moves:
            move()
            city.now += timedelta(minutes=city.dice.randrange(20))
        del city.cases[:-200]
    assert len(city.registry.edges()) > 20
