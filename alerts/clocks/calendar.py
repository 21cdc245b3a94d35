"""Working time as the State Council counts it: ordinary weekdays, less holidays, plus the Sundays that are worked instead (调休).

Days are those of Asia/Shanghai, which is UTC+8 all year. Which days are worked comes from `chinesecalendar`; a year that its data does
not reach is a `CalendarError` and never a guess. Pure: instants in, instants out, always aware.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from importlib.metadata import version
from itertools import accumulate
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
        return sum((closes - opens for opens, closes in _stretches(self.spans)), timedelta())


WHOLE_DAY: Final = Hours()


@lru_cache(maxsize=64)
def _stretches(spans: tuple[tuple[int, int], ...]) -> tuple[tuple[timedelta, timedelta], ...]:
    return tuple((timedelta(minutes=opens), timedelta(minutes=closes)) for opens, closes in spans)


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
    if not amount:
        return start
    local = start.astimezone(CHINA)
    day = local.date()
    left = amount + _worked_by(local, hours, assume)
    length = hours.length
    while left > length or not _counts(day, assume):
        if _counts(day, assume):
            left -= length
        day += _DAY
    for opens, closes in _stretches(hours.spans):
        if left <= closes - opens:
            break
        left -= closes - opens
    return (datetime.combine(day, time(), CHINA) + opens + left).astimezone(UTC)


def working_time(start: datetime, end: datetime, hours: Hours = WHOLE_DAY, *, assume: bool = False) -> timedelta:
    """How much working time lies between two instants; nothing when `end` is not after `start`. `assume` as in `add_working`."""
    if end <= start:
        return timedelta()
    first, last = start.astimezone(CHINA), end.astimezone(CHINA)
    whole = _days(first.date(), last.date(), assume) * hours.length
    return whole + _worked_by(last, hours, assume) - _worked_by(first, hours, assume)


def day_end(at: datetime) -> datetime:
    """The midnight with which the day of an instant ends in China."""
    return date_end(at.astimezone(CHINA).date())


def date_end(day: date) -> datetime:
    """The midnight with which a date ends in China."""
    return (datetime.combine(day, time(), CHINA) + _DAY).astimezone(UTC)


def _counts(day: date, assume: bool) -> bool:
    return (assume and not covered(day.year)) or working_day(day)


@lru_cache(maxsize=256)
def _before(year: int, assume: bool) -> tuple[int, ...]:
    """For each day of a year, and for the end of it, how many days of the year before it are worked."""
    new_year = date(year, 1, 1)
    days = (new_year + n * _DAY for n in range((date(year, 12, 31) - new_year).days + 1))
    return tuple(accumulate((_counts(day, assume) for day in days), initial=0))


def _days(first: date, last: date, assume: bool) -> int:
    """How many days are worked from `first` on and before `last`."""
    before = -_before(first.year, assume)[first.timetuple().tm_yday - 1] if first < last else 0
    whole = sum(_before(year, assume)[-1] for year in range(first.year, last.year))
    part = last.timetuple().tm_yday - 1
    return before + whole + (_before(last.year, assume)[part] if part and first < last else 0)


def _worked_by(local: datetime, hours: Hours, assume: bool) -> timedelta:
    """How much of its day has been worked at an instant; a midnight asks nothing of the day it begins."""
    passed = local - datetime.combine(local.date(), time(), CHINA)
    if not passed or not _counts(local.date(), assume):
        return timedelta()
    worked = timedelta()
    for opens, closes in _stretches(hours.spans):
        if passed > opens:
            worked += min(passed, closes) - opens
    return worked
