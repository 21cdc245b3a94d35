"""Recurring windows: by kind, over midnight, until a last day, and never over red life-safety."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.quiet.bell import Matcher
from alerts.quiet.hours import daytime
from alerts.quiet.hush import Hush, Quiet
from alerts.quiet.maintenance import Window, end, window
from alerts.quiet.terms import NotQuiet, Standing
from streams.signal import Level
from tests.alerts.quiet.bells import HOUR, LENGTHS, MINUTE, NOW, bell

DAY = 24 * HOUR


def nightly(**but: object) -> Window:
    asked = {
        "matcher": Matcher(kinds=("water", "fire")), "days": (0, 2), "daytime": daytime("22:00-02:00"), "by": "甲", "reason": "夜间检修",
        "from_at": NOW, "until_at": NOW + 30 * DAY, **but,
    }  # fmt: skip
    return window(asked.pop("matcher"), asked.pop("days"), asked.pop("daytime"), **asked, lengths=LENGTHS, now=NOW)


@pytest.mark.parametrize(
    ("says", "but", "why"),
    [
        ("it names no kind", {"matcher": Matcher(grids=("g1",))}, "name at least one"),
        ("it has no day", {"days": ()}, "days are"),
        ("its day does not exist", {"days": (7,)}, "days are"),
        ("nobody says why", {"reason": ""}, "say why"),
        ("it goes on for ever", {"until_at": NOW + 400 * DAY}, "the longest is"),
    ],
)
def test_a_window_cannot_be_when(says: str, but: dict, why: str) -> None:
    with pytest.raises(NotQuiet, match=why):
        nightly(**but)


@pytest.mark.parametrize(
    ("says", "after", "until"),
    [
        ("Monday afternoon, before it opens", timedelta(), None),
        ("Monday 22:00", 6 * HOUR, 10 * HOUR),
        ("Tuesday 01:59", 10 * HOUR - MINUTE, 10 * HOUR),
        ("Tuesday 02:00", 10 * HOUR, None),
        ("Tuesday 22:00 is no day of it", 30 * HOUR, None),
        ("Wednesday 23:00", 2 * DAY + 7 * HOUR, 2 * DAY + 10 * HOUR),
        ("the Monday after", 7 * DAY + 6 * HOUR, 7 * DAY + 10 * HOUR),
        ("after its last day", 35 * DAY + 6 * HOUR, None),
    ],
)
def test_a_window_returns(says: str, after: timedelta, until: timedelta | None) -> None:
    one = nightly()
    found = one.hush(bell(), NOW + after, LENGTHS)
    ends = NOW + until if until else None
    assert found == (Hush(Quiet.MAINTENANCE, one.id, ends, ends - 10 * MINUTE) if ends else None), says


@pytest.mark.parametrize(
    ("says", "one", "hushes"),
    [
        ("its kind is kept shut", bell(), True),
        ("another kind rings", bell(kind="power"), False),
        ("an orange fire is kept shut while the panel is tested", bell(kind="fire", level=Level.ORANGE), True),
        ("a red fire rings all the same", bell(kind="fire", level=Level.RED), False),
    ],
)
def test_a_window_is_about_its_kinds_and_spares_life(says: str, one: object, hushes: bool) -> None:
    assert (nightly().hush(one, NOW + 7 * HOUR, LENGTHS) is not None) is hushes, says


def test_a_window_that_is_ended_early_closes_at_once() -> None:
    ended = end(nightly(), "乙", NOW + 7 * HOUR)
    assert ended.hush(bell(), NOW + 7 * HOUR, LENGTHS) is None
    assert ended.standing(NOW + 7 * HOUR) is Standing.OVER
    assert end(ended, "丙", NOW + 8 * HOUR) == ended


def test_the_last_occurrence_is_cut_at_the_last_instant() -> None:
    one = nightly(until_at=NOW + 7 * HOUR)
    found = one.hush(bell(), NOW + 6 * HOUR, LENGTHS)
    assert found is not None
    assert found.until == NOW + 7 * HOUR
