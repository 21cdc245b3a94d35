"""Working time as the State Council counts it: ordinary weekdays, less holidays, plus the Sundays that are worked instead (调休).

Days are those of Asia/Shanghai, which is UTC+8 all year. Which days are worked comes from `chinesecalendar`; a year that its data does
not reach is a `CalendarError` and never a guess. Pure: instants in, instants out, always aware.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from importlib.metadata import version
from typing import Final

from chinese_calendar import is_workday  # type: ignore[import-untyped]
from chinese_calendar.constants import holidays  # type: ignore[import-untyped]

CHINA: Final = timezone(timedelta(hours=8), "CST")
FIRST_YEAR: Final[int] = min(holidays).year
LAST_YEAR: Final[int] = max(holidays).year
MIDNIGHT: Final = 24 * 60  # minutes: where a day ends
_DAY: Final = timedelta(days=1)
_SPAN: Final = re.compile(r"(\d\d:[0-5]\d)-(\d\d:[0-5]\d)")


class CalendarError(LookupError):
    """Nobody has told us yet which days of `year` are worked. The message says what to do."""

    def __init__(self, year: int) -> None:
        super().__init__(
            f"the working days of {year} are not known: chinesecalendar {version('chinesecalendar')} has "
            f"{FIRST_YEAR} to {LAST_YEAR}; install a newer one (the State Council publishes a year's days in the November before it)"
        )
        self.year = year


@dataclass(frozen=True, slots=True)
class Hours:
    """The minutes of a working day that count, as (from, to) after midnight, in order. The default is the whole day."""

    spans: tuple[tuple[int, int], ...] = ((0, MIDNIGHT),)

    def __post_init__(self) -> None:
        edges = [edge for span in self.spans for edge in span]
        if not edges or edges != sorted(set(edges)) or edges[0] < 0 or edges[-1] > MIDNIGHT:
            raise ValueError("office hours must run forward within one day and must not overlap; sort and part them")

    @classmethod
    def parse(cls, texts: tuple[str, ...]) -> Hours:
        """Hours from texts such as ("08:30-12:00", "14:00-17:30"). Raises `ValueError` with a sentence."""
        spans: list[tuple[int, int]] = []
        for text in texts:
            match = _SPAN.fullmatch(text)
            if match is None:
                raise ValueError(f"office hours are written like 08:30-12:00, got {text!r}; write them so")
            opens, closes = match[1], match[2]
            spans.append((_minutes(opens), _minutes(closes)))
        return cls(tuple(spans))

    @property
    def length(self) -> timedelta:
        """How much time one working day has."""
        return timedelta(minutes=sum(to - begin for begin, to in self.spans))


WHOLE_DAY: Final = Hours()


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def covered(year: int) -> bool:
    """Whether the working days of a year are known."""
    return FIRST_YEAR <= year <= LAST_YEAR


@lru_cache(maxsize=4096)
def working_day(day: date) -> bool:
    """Whether people work on a day, make-up workdays included. Raises `CalendarError` for a year that is not covered."""
    if not covered(day.year):
        raise CalendarError(day.year)
    return bool(is_workday(day))


def add_working(start: datetime, amount: timedelta, hours: Hours = WHOLE_DAY, *, assume: bool = False) -> datetime:
    """The first instant at which `amount` of working time has passed since `start`; `amount` must not be negative.

    So three working days from Tuesday 15:00 end on Friday 15:00, and from a Saturday at the end of Wednesday. With `assume`, every day
    of a year that is not covered counts as worked: the result is then early rather than late. Otherwise such a year raises `CalendarError`.
    """
    if amount < timedelta():
        raise ValueError(f"working time runs forward only, got {amount}; give an amount that is not negative")
    left = amount
    if not left:
        return start
    for begins, ends in _windows(start, hours, assume):
        if ends - begins >= left:
            return (begins + left).astimezone(UTC)
        left -= ends - begins
    raise AssertionError("unreachable: windows go on until the calendar ends, and that raises")


def working_time(start: datetime, end: datetime, hours: Hours = WHOLE_DAY, *, assume: bool = False) -> timedelta:
    """How much working time lies between two instants; nothing when `end` is not after `start`. `assume` as in `add_working`."""
    spent = timedelta()
    if end <= start:
        return spent
    for begins, ends in _windows(start, hours, assume, until=end):
        spent += max(min(ends, end) - begins, timedelta())
    return spent


def day_end(at: datetime) -> datetime:
    """The midnight with which the day of an instant ends in China."""
    return (_midnight(at) + _DAY).astimezone(UTC)


def date_end(day: date) -> datetime:
    """The midnight with which a date ends in China."""
    return (datetime(day.year, day.month, day.day, tzinfo=CHINA) + _DAY).astimezone(UTC)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)


def _windows(
    start: datetime, hours: Hours, assume: bool, until: datetime | None = None
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of working time after `start`, cut there, of the days that begin before `until`."""
    midnight = _midnight(start)
    while until is None or midnight < until:
        day = midnight.date()
        if (assume and not covered(day.year)) or working_day(day):
            for opens, closes in hours.spans:
                ends = midnight + timedelta(minutes=closes)
                if ends > start:
                    yield max(midnight + timedelta(minutes=opens), start), ends
        midnight += _DAY
