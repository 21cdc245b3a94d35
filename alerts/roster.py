"""Who is responsible for which grid, and in which order they are asked.

Telephone numbers are E.164 and are shown only masked (law 14); a number leaves this value only in the sender.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a telephone. `order` breaks ties inside a grid: the lowest is asked first."""

    id: str
    name: str
    phone: str
    role: str
    grid: str
    order: int = 0
    channels: tuple[str, ...] = ()  # the person's own order of channels; empty means the chain's
    language: str = "zh"

    def __repr__(self) -> str:
        return f"Person({self.id!r}, {self.role!r}, {self.grid!r}, phone={masked(self.phone)!r})"


def masked(phone: str) -> str:
    """A telephone number with all but its country code's start and its last two digits hidden."""
    return phone if len(phone) < 5 else f"{phone[:3]}{'*' * (len(phone) - 5)}{phone[-2:]}"


@dataclass(frozen=True, slots=True)
class Roster:
    """People by the grid they answer for, in the order they are asked."""

    people: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Iterable[Person]) -> Roster:
        by_grid: dict[str, list[Person]] = {}
        for person in people:
            by_grid.setdefault(person.grid, []).append(person)
        return cls({grid: tuple(sorted(some, key=lambda p: (p.order, p.id))) for grid, some in by_grid.items()})

    def at(self, grid: str) -> tuple[Person, ...]:
        """Everybody who answers for a grid, first asked first; empty when it is vacant."""
        return self.people.get(grid, ())

    def person(self, ident: str) -> Person | None:
        """The person with an id."""
        return next((p for some in self.people.values() for p in some if p.id == ident), None)
