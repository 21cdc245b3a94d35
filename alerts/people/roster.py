"""Who is responsible for which grid, who of them is on duty at an instant, and in which order they are asked.

Telephone numbers are E.164 and are shown only masked (law 14); a number leaves this value only in the sender.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.people.duty import Duty, DutyBook

AHEAD: Final = timedelta(days=8)  # how far a next turn is looked for: a week and a shift over its end


class Part(StrEnum):
    """The A and the B of a post (A 角、B 角): the deputy is asked when the main one is not on duty, and after them."""

    MAIN = "a"
    DEPUTY = "b"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a telephone. Inside a grid the main ones are asked before their deputies, and then the lowest `order` first."""

    id: str
    name: str
    phone: str
    role: str
    grid: str
    order: int = 0
    channels: tuple[str, ...] = ()  # the person's own order of channels; empty means the chain's
    language: str = "zh"
    part: Part = Part.MAIN
    quiet: str = ""  # times of day in which yellow and blue wait, such as 22:00-07:00; "-" is none; empty leaves it to the policy

    def __repr__(self) -> str:
        return f"Person({self.id!r}, {self.role!r}, {self.grid!r}, phone={masked(self.phone)!r})"


def masked(phone: str) -> str:
    """A telephone number with all but its country code's start and its last two digits hidden."""
    return phone if len(phone) < 5 else f"{phone[:3]}{'*' * (len(phone) - 5)}{phone[-2:]}"


class Standing(StrEnum):
    """Why somebody is on duty or not."""

    ALWAYS = "always"  # has no shifts
    ON_SHIFT = "on_shift"
    STANDS_IN = "stands_in"
    OVERRIDE = "override"
    OFF_DUTY = "off_duty"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody of a grid at an instant: on duty in `seat`, the place of whoever holds the post, or not, and why."""

    person: Person
    seat: Person
    standing: Standing

    @property
    def on_duty(self) -> bool:
        return self.standing not in {Standing.OFF_DUTY, Standing.ABSENT}


@dataclass(frozen=True, slots=True)
class Roster:
    """People by the grid they answer for, in the order they are asked, and the book of their duties. Made by `of`."""

    people: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)
    book: DutyBook = field(default_factory=DutyBook)
    by_id: Mapping[str, Person] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Iterable[Person], duties: Iterable[Duty] = ()) -> Roster:
        by_grid: dict[str, list[Person]] = {}
        by_id: dict[str, Person] = {}
        for person in people:
            by_grid.setdefault(person.grid, []).append(person)
            by_id[person.id] = person
        ordered = {grid: tuple(sorted(some, key=_asked_first)) for grid, some in by_grid.items()}
        return cls(ordered, DutyBook.of(duties), by_id)

    def at(self, grid: str) -> tuple[Person, ...]:
        """Everybody who answers for a grid, on duty or not, first asked first; empty when it is vacant."""
        return self.people.get(grid, ())

    def on_duty(self, grid: str, now: datetime) -> tuple[Person, ...]:
        """Who is on duty for a grid at an instant, first asked first."""
        return tuple(turn.person for turn in self.turns(grid, now) if turn.on_duty)

    def turns(self, grid: str, now: datetime) -> tuple[Turn, ...]:
        """Everybody of a grid at an instant, each with the reason: those on duty in asking order, each person once, then the others.

        Whoever stands in is asked where the one they stand in for would be.
        """
        named = [line for line in self.book.overrides.get(grid, ()) if line.counts(now)]
        seats = [self.by_id[line.person] for line in named if line.person in self.by_id] if named else self.at(grid)
        found: dict[str, Turn] = {}
        for seat in sorted(seats, key=_asked_first):
            turn = self._turn(seat, now, overriding=bool(named))
            known = found.get(turn.person.id)
            if known is None or (turn.on_duty and not known.on_duty):
                found.pop(turn.person.id, None)  # the order is that of the seats
                found[turn.person.id] = turn
            if turn.person is not seat:
                found.setdefault(seat.id, Turn(seat, seat, Standing.ABSENT))
        if named:
            rest = (p for p in self.at(grid) if p.id not in found)
            found |= {p.id: Turn(p, p, Standing.OFF_DUTY) for p in rest}
        return (*(t for t in found.values() if t.on_duty), *(t for t in found.values() if not t.on_duty))

    def next_turn(self, grid: str, now: datetime) -> datetime | None:
        """When somebody of a grid is on duty next, after an instant at which nobody is; None when that is not foreseen."""
        later = sorted(at for at in self.edges(grid, now, now + AHEAD) if at > now)
        return next((at for at in later if self.on_duty(grid, at)), None)

    def edges(self, grid: str, begin: datetime, end: datetime) -> set[datetime]:
        """The instants in [begin, end) at which it may change who is on duty for a grid."""
        found: set[datetime] = set()
        pending = [p.id for p in self.at(grid)]
        for line in self.book.overrides.get(grid, ()):
            found |= line.edges(begin, end)
            pending.append(line.person)
        seen: set[str] = set()
        while pending:
            person = pending.pop()
            if person in seen:
                continue
            seen.add(person)
            for line in self.book.about(person):
                found |= line.edges(begin, end)
                if line.instead_of:
                    pending.append(line.person)
        return found

    def person(self, ident: str) -> Person | None:
        """The person with an id."""
        return self.by_id.get(ident)

    def _turn(self, seat: Person, now: datetime, *, overriding: bool) -> Turn:
        shifts = seat.id in self.book.shifts
        if not overriding and not self.book.on_shift(seat.id, now):
            return Turn(seat, seat, Standing.OFF_DUTY)
        other = self._stand_in(seat.id, now, frozenset({seat.id}))
        if other is not None:
            return Turn(other, seat, Standing.STANDS_IN)
        if self.book.away(seat.id, now):
            return Turn(seat, seat, Standing.ABSENT)
        standing = Standing.OVERRIDE if overriding else Standing.ON_SHIFT if shifts else Standing.ALWAYS
        return Turn(seat, seat, standing)

    def _stand_in(self, person: str, now: datetime, seen: frozenset[str]) -> Person | None:
        """Who stands in for a person: of several the first who is there, or has somebody there in turn."""
        for line in self.book.stand_ins.get(person, ()):
            found = self.by_id.get(line.person)
            if found is None or found.id in seen or not line.counts(now):
                continue
            further = self._stand_in(found.id, now, seen | {found.id}) if self.book.away(found.id, now) else found
            if further is not None:
                return further
        return None


def _asked_first(person: Person) -> tuple[Part, int, str]:
    return person.part, person.order, person.id
