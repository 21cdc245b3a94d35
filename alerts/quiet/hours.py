"""Times of the day that return, over midnight too, in the one zone of the country (UTC+8), and the quiet hours of people (免打扰).

Quiet hours delay yellow and blue notices to one person until they are over; red and orange know no hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from types import MappingProxyType
from typing import Final

from streams.signal import Level

ZONE: Final = timezone(timedelta(hours=8), "CST")
WEEK: Final = tuple(range(7))  # 0 is Monday
DAY: Final = 24 * 60  # minutes
NONE: Final = "-"  # on a roster: this person has no quiet hours, whatever everybody has
_WAIT: Final = frozenset({Level.YELLOW, Level.BLUE})


@dataclass(frozen=True, slots=True)
class Daytime:
    """From minute `start` of the day up to, and without, minute `end`; an end that is not later lies on the next day."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start < DAY and 0 <= self.end < DAY) or self.start == self.end:
            raise ValueError(
                f"a time of day runs from one minute of 0..{DAY - 1} to another, got {self.start}..{self.end}"
            )

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return timedelta(minutes=(self.end - self.start) % DAY)

    def open_until(self, now: datetime, days: tuple[int, ...] = WEEK) -> datetime | None:
        """When the occurrence that `now` lies in ends, or None. `days` are those on which it begins."""
        local = now.astimezone(ZONE)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for begins in (midnight, midnight - timedelta(days=1)):
            opens = begins + timedelta(minutes=self.start)
            if begins.weekday() in days and opens <= local < opens + self.length:
                return (opens + self.length).astimezone(now.tzinfo)
        return None


def daytime(text: str) -> Daytime:
    """`22:00-07:00` as a value. Raises `ValueError` with what was wrong."""
    parts = [part.strip().split(":") for part in text.split("-")]
    try:
        (start, end) = ((int(hour), int(minute)) for hour, minute in parts)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time of day: write it as 22:00-07:00") from error
    if not all(0 <= hour < 24 and 0 <= minute < 60 for hour, minute in (start, end)):
        raise ValueError(f"{text!r} is no time of day: hours are 0..23, minutes 0..59")
    return Daytime(start[0] * 60 + start[1], end[0] * 60 + end[1])


@cache
def hours_of(said: str) -> Daytime | None:
    """The hours that a roster says of somebody: none for `NONE`. Raises `ValueError` with what was wrong."""
    return None if said == NONE else daytime(said)


@dataclass(frozen=True, slots=True)
class Hours:
    """Quiet hours: everybody's, and those of people who have their own (None: none at all)."""

    everybody: Daytime | None = None
    people: Mapping[str, Daytime | None] = field(default_factory=lambda: MappingProxyType({}))

    def held_until(self, person: str, level: Level, now: datetime, said: str = "") -> datetime | None:
        """Until when a notice of a level waits for a person, or None when it goes at once. What the roster has `said` comes first."""
        own = hours_of(said) if said else self.people.get(person, self.everybody)
        return own.open_until(now) if own is not None and level in _WAIT else None
