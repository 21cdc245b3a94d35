"""Times of the day over midnight, and whom they protect from what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.hours import DAY, ZONE, Daytime, Hours, daytime
from streams.signal import Level

NIGHT = daytime("22:00-07:00")


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("says", "now", "until"),
    [
        ("the evening before", local(2, 21, 59), None),
        ("its first minute", local(2, 22), local(3, 7)),
        ("after midnight", local(3, 3), local(3, 7)),
        ("its end is not in it", local(3, 7), None),
        ("the same instant in another zone", local(2, 23).astimezone(UTC), local(3, 7)),
    ],
)
def test_a_night_lasts_until_the_morning(says: str, now: datetime, until: datetime | None) -> None:
    assert NIGHT.open_until(now) == until, says


def test_a_night_that_begins_on_monday_ends_on_tuesday_and_there_is_no_other() -> None:
    assert NIGHT.open_until(local(3, 3), (0,)) == local(3, 7), "2026-03-02 is a Monday"
    assert NIGHT.open_until(local(2, 3), (0,)) is None
    assert NIGHT.open_until(local(3, 23), (0,)) is None


@given(st.integers(0, DAY - 1), st.integers(0, DAY - 1), st.integers(0, 7 * DAY - 1), st.sets(st.integers(0, 6)))
def test_every_minute_of_a_week_is_in_exactly_when_an_occurrence_covers_it(
    start: int, end: int, minute: int, days: set[int]
) -> None:
    if start == end:
        return
    monday = local(2, 0)
    now = monday + timedelta(minutes=minute)
    covers = [
        monday + timedelta(days=day, minutes=start)
        for day in range(-1, 7)
        if day % 7 in days and 0 <= minute - day * DAY - start < (end - start) % DAY
    ]
    until = Daytime(start, end).open_until(now, tuple(days))
    assert until == (covers[0] + timedelta(minutes=(end - start) % DAY) if covers else None)


@pytest.mark.parametrize("text", ["", "22:00", "22:00-24:00", "7-9", "08:00-08:00", "22:60-07:00"])
def test_what_is_no_time_of_day_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="time of day"):
        daytime(text)


@pytest.mark.parametrize(
    ("says", "person", "level", "until"),
    [
        ("yellow waits for the morning", "p1", Level.YELLOW, local(3, 7)),
        ("blue does too", "p1", Level.BLUE, local(3, 7)),
        ("orange does not", "p1", Level.ORANGE, None),
        ("red never does", "p1", Level.RED, None),
        ("somebody with hours of their own", "late", Level.YELLOW, None),
        ("somebody without any", "always", Level.YELLOW, None),
    ],
)
def test_quiet_hours(says: str, person: str, level: Level, until: datetime | None) -> None:
    hours = Hours(NIGHT, {"late": daytime("23:30-08:00"), "always": None})
    assert hours.held_until(person, level, local(2, 23)) == until, says


@pytest.mark.parametrize(
    ("says", "said", "until"),
    [
        ("the roster says nothing: what the policy has for everybody", "", local(3, 7)),
        ("the roster's hours come first", "22:30-06:00", local(3, 6)),
        ("the roster says that there are none", "-", None),
        ("hours that are not now", "12:00-14:00", None),
    ],
)
def test_quiet_hours_of_the_roster(says: str, said: str, until: datetime | None) -> None:
    assert Hours(NIGHT).held_until("p1", Level.YELLOW, local(2, 23), said) == until, says
