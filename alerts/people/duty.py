"""When people are on duty: weekly shifts, leave, stand-ins and overrides, in China's time. Values and questions about instants.

Who has no shift is always on duty. A shift belongs to the day on which it begins and may run over midnight. Somebody who stands in
for another is on duty whenever the other would be. An override names everybody who is on duty in a grid for a while, whatever the
shifts say. Leave counts before everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

CHINA: Final = timezone(timedelta(hours=8), "CST")  # one zone for the whole country, without summer time
DAY: Final = timedelta(days=1)
MINUTES: Final = 1440  # of a day
EVERY_DAY: Final = (1, 2, 3, 4, 5, 6, 7)


class DutyKind(StrEnum):
    """What a line of the duty book says."""

    SHIFT = "shift"  # a weekly shift of a person
    ABSENT = "absent"  # leave
    STAND_IN = "stand_in"  # a person takes another's place; two of them are a swap
    OVERRIDE = "override"  # who is on duty in a grid, and nobody else


@dataclass(frozen=True, slots=True)
class Duty:
    """One line of the duty book. It counts from `since` until just before `until`; None leaves that side open.

    `days` are ISO weekdays (1 is Monday) on which a shift begins, `start` and `end` its minutes of the day; an `end` that is not after
    `start` is on the next day. `instead_of` is whose place a stand-in takes, `grid` where an override holds.
    """

    kind: DutyKind
    person: str
    days: tuple[int, ...] = EVERY_DAY
    start: int = 0
    end: int = MINUTES
    since: datetime | None = None
    until: datetime | None = None
    instead_of: str = ""
    grid: str = ""

    def counts(self, now: datetime) -> bool:
        """Whether the line is in force at an instant."""
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)

    def covers(self, now: datetime) -> bool:
        """Whether a shift, once in force, runs at an instant."""
        today = midnight(now)
        return self.counts(now) and any(self._runs(day, now) for day in (today, today - DAY))

    @property
    def length(self) -> timedelta:
        """How long a shift is: more than nothing, at most a day."""
        return timedelta(minutes=(self.end - self.start - 1) % MINUTES + 1)

    def edges(self, begin: datetime, end: datetime) -> set[datetime]:
        """The instants in [begin, end) at which what the line says may change."""
        found = {at for at in (self.since, self.until) if at is not None}
        if self.kind is DutyKind.SHIFT:
            day = midnight(begin) - DAY
            while day < end:
                if day.isoweekday() in self.days:
                    start = day + timedelta(minutes=self.start)
                    found |= {start, start + self.length}
                day += DAY
        return {at.astimezone(UTC) for at in found if begin <= at < end}

    def _runs(self, day: datetime, now: datetime) -> bool:
        start = day + timedelta(minutes=self.start)
        return day.isoweekday() in self.days and start <= now < start + self.length


def midnight(now: datetime) -> datetime:
    """The beginning of the day in China."""
    return now.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class DutyBook:
    """Every line, found by whom or where it is about."""

    shifts: Mapping[str, tuple[Duty, ...]] = field(default_factory=dict)  # by person
    leave: Mapping[str, tuple[Duty, ...]] = field(default_factory=dict)  # by person
    stand_ins: Mapping[str, tuple[Duty, ...]] = field(default_factory=dict)  # by whose place is taken
    overrides: Mapping[str, tuple[Duty, ...]] = field(default_factory=dict)  # by grid

    @classmethod
    def of(cls, lines: Iterable[Duty]) -> DutyBook:
        """The same lines in any order make the same book."""
        by_kind: dict[DutyKind, dict[str, list[Duty]]] = {kind: {} for kind in DutyKind}
        for line in sorted(set(lines), key=_order):
            key = {DutyKind.STAND_IN: line.instead_of, DutyKind.OVERRIDE: line.grid}.get(line.kind, line.person)
            by_kind[line.kind].setdefault(key, []).append(line)
        kept = ({key: tuple(some) for key, some in by_kind[kind].items()} for kind in DutyKind)
        return cls(*kept)

    def lines(self) -> tuple[Duty, ...]:
        """Every line."""
        books = (self.shifts, self.leave, self.stand_ins, self.overrides)
        return tuple(line for book in books for some in book.values() for line in some)

    def on_shift(self, person: str, now: datetime) -> bool:
        """Whether a person's shifts say so; without any, always."""
        shifts = self.shifts.get(person)
        return not shifts or any(shift.covers(now) for shift in shifts)

    def away(self, person: str, now: datetime) -> bool:
        """Whether a person is on leave."""
        return any(line.counts(now) for line in self.leave.get(person, ()))

    def about(self, person: str) -> tuple[Duty, ...]:
        """Every line that may change whether a person, or whoever stands in for them, is on duty."""
        own = (*self.shifts.get(person, ()), *self.leave.get(person, ()))
        return (*own, *self.stand_ins.get(person, ()))


def _order(line: Duty) -> tuple[object, ...]:
    since = line.since.timestamp() if line.since else 0.0
    until = line.until.timestamp() if line.until else 0.0
    return line.kind, line.person, line.instead_of, line.grid, since, until, line.days, line.start, line.end
