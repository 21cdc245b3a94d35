"""Working time as the State Council counts it: golden rows around the long holidays, and the algebra of adding and measuring."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.clocks.calendar import (
    CHINA,
    LAST_YEAR,
    CalendarError,
    Hours,
    add_working,
    date_end,
    day_end,
    working_day,
    working_time,
)

OFFICE = Hours.parse(("08:30-12:00", "14:00-17:30"))


def at(text: str) -> datetime:
    """An instant in China: "2026-02-13 15:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("sentence", "day", "worked"),
    [
        ("the Sunday before Spring Festival 2025 is worked", "2025-01-26", True),
        ("the Monday after it is an ordinary day", "2025-01-27", True),
        ("New Year's Eve 2025 is free", "2025-01-28", False),
        ("the last day of Spring Festival 2025", "2025-02-04", False),
        ("the day after it", "2025-02-05", True),
        ("the Saturday that pays for it", "2025-02-08", True),
        ("the Sunday after that Saturday is an ordinary Sunday", "2025-02-09", False),
        ("the Sunday before Labour Day 2025", "2025-04-27", True),
        ("the Sunday before National Day 2025", "2025-09-28", True),
        ("the last day of National Day 2025", "2025-10-08", False),
        ("the Saturday that pays for National Day 2025", "2025-10-11", True),
        ("the Sunday that pays for New Year 2026", "2026-01-04", True),
        ("the Saturday before Spring Festival 2026", "2026-02-14", True),
        ("the first day of Spring Festival 2026, a Sunday", "2026-02-15", False),
        ("the last day of Spring Festival 2026, a Monday", "2026-02-23", False),
        ("the day after it", "2026-02-24", True),
        ("the Saturday that pays for it", "2026-02-28", True),
        ("the Sunday before Mid-Autumn and National Day 2026", "2026-09-20", True),
        ("Mid-Autumn 2026, a Friday", "2026-09-25", False),
        ("the last day of National Day 2026", "2026-10-07", False),
        ("the Saturday that pays for National Day 2026", "2026-10-10", True),
        ("an ordinary Saturday", "2026-06-06", False),
        ("an ordinary Wednesday", "2026-06-10", True),
    ],
)
def test_which_days_are_worked(sentence: str, day: str, worked: bool) -> None:
    assert working_day(date.fromisoformat(day)) is worked, sentence


@pytest.mark.parametrize(
    ("sentence", "start", "days", "due"),
    [
        ("three days in an ordinary week keep the time of day", "2026-06-09 15:00", 3, "2026-06-12 15:00"),
        ("a weekend does not count", "2026-06-11 15:00", 3, "2026-06-16 15:00"),
        ("from a Saturday they end with the Wednesday", "2026-06-06 15:00", 3, "2026-06-11 00:00"),
        ("over Spring Festival 2026, with its worked Saturday before", "2026-02-13 15:00", 3, "2026-02-25 15:00"),
        ("within Spring Festival 2026 they begin after it", "2026-02-18 09:00", 1, "2026-02-25 00:00"),
        ("over Spring Festival 2025, with the worked Sunday before", "2025-01-24 10:00", 3, "2025-02-05 10:00"),
        ("the worked Saturday after it counts", "2025-02-06 10:00", 3, "2025-02-10 10:00"),
        ("over National Day 2025", "2025-09-29 12:00", 3, "2025-10-10 12:00"),
        ("the worked Sunday before National Day 2025 counts", "2025-09-27 12:00", 1, "2025-09-29 00:00"),
        ("over National Day 2026 to the worked Saturday", "2026-09-29 12:00", 4, "2026-10-10 12:00"),
        ("the worked Sunday of January 2026 counts", "2026-01-03 12:00", 1, "2026-01-05 00:00"),
        ("nothing to add is now, holiday or not", "2026-10-03 12:00", 0, "2026-10-03 12:00"),
    ],
)
def test_working_days_end_when_they_should(sentence: str, start: str, days: int, due: str) -> None:
    assert add_working(at(start), timedelta(days=days)) == at(due), sentence


@pytest.mark.parametrize(
    ("sentence", "start", "hours", "due"),
    [
        ("lunch does not count", "2026-06-09 11:00", 2, "2026-06-09 15:00"),
        ("nor does the night", "2026-06-09 17:00", 1, "2026-06-10 09:00"),
        (
            "an hour that ends with the office ends there, not the next morning",
            "2026-06-09 16:30",
            1,
            "2026-06-09 17:30",
        ),
        ("a whole day of seven hours from Friday morning", "2026-06-12 10:00", 7, "2026-06-15 10:00"),
        ("before the office opens it has not begun", "2026-06-09 06:00", 1, "2026-06-09 09:30"),
    ],
)
def test_office_hours_alone_count(sentence: str, start: str, hours: int, due: str) -> None:
    assert add_working(at(start), timedelta(hours=hours), OFFICE) == at(due), sentence


def test_days_are_those_of_china_whatever_zone_an_instant_is_in() -> None:
    late = datetime(2026, 6, 5, 17, 0, tzinfo=UTC)  # Saturday 01:00 in China
    assert working_time(late, late + timedelta(hours=10)) == timedelta()
    assert day_end(late) == at("2026-06-07 00:00")
    assert date_end(date(2026, 6, 5)) == at("2026-06-06 00:00")


def test_a_year_that_is_not_covered_is_named_with_what_to_do() -> None:
    beyond = LAST_YEAR + 1
    with pytest.raises(
        CalendarError, match=rf"the working days of {beyond} are not known.*install a newer one"
    ) as refused:
        working_day(date(beyond, 3, 4))
    assert refused.value.year == beyond
    with pytest.raises(CalendarError, match=str(beyond)):
        add_working(at(f"{LAST_YEAR}-12-30 12:00"), timedelta(days=9))
    with pytest.raises(CalendarError, match="1999"):
        working_time(at("1999-05-01 00:00"), at("1999-05-03 00:00"))


def test_the_last_covered_day_needs_nothing_of_the_year_after() -> None:
    last = at(f"{LAST_YEAR}-12-31 09:00")
    working_time(last, at(f"{LAST_YEAR}-12-31 23:00"), OFFICE)
    assert add_working(at(f"{LAST_YEAR}-12-31 00:00"), timedelta()) == at(f"{LAST_YEAR}-12-31 00:00")


def test_where_it_is_asked_for_days_beyond_the_calendar_count_as_worked_so_that_a_limit_is_early() -> None:
    start = at(f"{LAST_YEAR}-12-31 00:00")
    assumed = add_working(start, timedelta(days=30), assume=True)
    assert assumed <= start + timedelta(days=31)
    assert working_time(start, assumed, assume=True) == timedelta(days=30)


@pytest.mark.parametrize(
    ("sentence", "texts"),
    [
        ("none at all", ()),
        ("not a time", ("morning",)),
        ("an hour with ninety minutes", ("08:00-09:90",)),
        ("backwards", ("17:00-09:00",)),
        ("overlapping", ("08:00-12:00", "11:00-17:00")),
        ("out of order", ("14:00-17:00", "08:00-12:00")),
        ("beyond midnight", ("08:00-25:00",)),
    ],
)
def test_office_hours_that_cannot_be_are_refused(sentence: str, texts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="office hours"):
        Hours.parse(texts)


FIRST = datetime(2024, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 1000 * 24 * 3600).map(
    lambda s: FIRST + timedelta(seconds=s)
)  # until the end of September 2026
AMOUNTS = st.integers(0, 20 * 24 * 3600).map(lambda s: timedelta(seconds=s))
HOURS = st.sampled_from([Hours(), OFFICE])


@given(INSTANTS, st.integers(0, 20 * 7 * 3600).map(lambda s: timedelta(seconds=s)), HOURS)
def test_what_is_added_is_what_is_measured_and_nothing_ends_before_it_is_used(
    start: datetime, amount: timedelta, hours: Hours
) -> None:
    due = add_working(start, amount, hours)
    assert due >= start
    assert working_time(start, due, hours) == amount
    if amount:
        assert working_time(start, due - timedelta(seconds=1), hours) < amount


@given(INSTANTS, st.lists(st.integers(0, 5 * 7 * 3600), min_size=2, max_size=2), HOURS)
def test_adding_in_two_parts_is_adding_at_once(start: datetime, parts: list[int], hours: Hours) -> None:
    one, two = (timedelta(seconds=s) for s in parts)
    assert add_working(add_working(start, one, hours), two, hours) == add_working(start, one + two, hours)


@given(INSTANTS, AMOUNTS, AMOUNTS, HOURS)
def test_working_time_adds_up_and_is_never_more_than_time(
    start: datetime, one: timedelta, two: timedelta, hours: Hours
) -> None:
    middle, end = start + one, start + one + two
    whole = working_time(start, end, hours)
    assert working_time(start, middle, hours) + working_time(middle, end, hours) == whole
    assert timedelta() <= whole <= end - start
    assert working_time(end, start, hours) == timedelta()
