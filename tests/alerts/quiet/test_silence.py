"""Silences: mandatory words, bounded lengths, approval by somebody else, and life-safety that is never matched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.bell import LIFE_SAFETY, Matcher
from alerts.quiet.hush import Hush, Quiet
from alerts.quiet.silence import approve, end, preview, silence
from alerts.quiet.terms import NotQuiet, Standing
from streams.signal import Level
from tests.alerts.quiet.bells import HOUR, LENGTHS, MINUTE, NOW, bell, silenced

WATER = Matcher(kinds=("water",))


@pytest.mark.parametrize(
    ("says", "but", "why"),
    [
        ("nobody says so", {"by": " "}, "say who"),
        ("nobody says why", {"reason": "-"}, "say why"),
        ("it is about everything", {"matcher": Matcher()}, "what it is about"),
        ("it ends before it begins", {"starts_at": NOW + HOUR, "ends_at": NOW + HOUR}, "later end"),
        ("it is over already", {"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, "later end"),
        ("it lasts longer than anybody may make it", {"ends_at": NOW + timedelta(days=8)}, "the longest is"),
        ("its end has no offset", {"ends_at": datetime(2026, 3, 2, 18)}, "offset"),  # noqa: DTZ001
    ],
)
def test_a_silence_cannot_be_when(says: str, but: dict, why: str) -> None:
    asked = {"matcher": WATER, "by": "甲", "reason": "清洗水箱", "starts_at": NOW, "ends_at": NOW + HOUR, **but}
    with pytest.raises(NotQuiet, match=why):
        silence(asked.pop("matcher"), **asked, lengths=LENGTHS, now=NOW)


def test_the_same_words_make_the_same_silence() -> None:
    assert silenced().id == silenced().id
    assert silenced().id != silenced(hours=2).id


@pytest.mark.parametrize(
    ("says", "after", "standing", "hushes"),
    [
        ("before it begins", -MINUTE, Standing.WAITING, False),
        ("when it begins", timedelta(), Standing.ACTIVE, True),
        ("just before its end", HOUR - MINUTE, Standing.ACTIVE, True),
        ("at its end", HOUR, Standing.OVER, False),
    ],
)
def test_a_silence_counts_from_its_start_up_to_its_end(
    says: str, after: timedelta, standing: Standing, hushes: bool
) -> None:
    one = silenced()
    assert one.standing(NOW + after, LENGTHS) is standing, says
    assert (one.hush(bell(), NOW + after, LENGTHS) is not None) is hushes, says


def test_a_hush_says_why_until_when_and_when_to_warn() -> None:
    one = silenced()
    assert one.hush(bell(), NOW, LENGTHS) == Hush(Quiet.SILENCED, one.id, NOW + HOUR, NOW + HOUR - 10 * MINUTE)


def test_a_long_one_counts_two_hours_until_somebody_else_approves_it() -> None:
    long = silenced(hours=24)
    assert long.needs_approval(LENGTHS)
    assert long.until(LENGTHS) == NOW + 2 * HOUR
    with pytest.raises(NotQuiet, match="other than 甲"):
        approve(long, "甲", NOW, LENGTHS)
    whole = approve(long, "主任", NOW + HOUR, LENGTHS)
    assert (whole.until(LENGTHS), whole.approved_by, whole.approved_at) == (NOW + 24 * HOUR, "主任", NOW + HOUR)
    assert approve(whole, "局长", NOW, LENGTHS) == whole, "one approval is enough"
    with pytest.raises(NotQuiet, match="is over"):
        approve(long, "主任", NOW + 2 * HOUR, LENGTHS)
    assert silenced(hours=2).until(LENGTHS) == NOW + 2 * HOUR, "two hours need nobody"


def test_one_that_is_ended_early_is_over_at_once_and_stays_so() -> None:
    ended = end(silenced(), "乙", NOW + MINUTE, LENGTHS)
    assert ended.standing(NOW + MINUTE, LENGTHS) is Standing.OVER
    assert ended.hush(bell(), NOW + MINUTE, LENGTHS) is None
    assert end(ended, "丙", NOW + 2 * MINUTE, LENGTHS) == ended
    with pytest.raises(NotQuiet, match="who ends it"):
        end(silenced(), "", NOW, LENGTHS)


@given(
    st.sampled_from(sorted(LIFE_SAFETY)),
    st.sampled_from([Matcher(kinds=tuple(LIFE_SAFETY)), Matcher(grids=("c",)), Matcher(levels=tuple(Level))]),
    st.integers(0, 59),
)
def test_no_silence_keeps_red_life_safety_shut(kind: str, matcher: Matcher, minute: int) -> None:
    red = bell(kind=kind, level=Level.RED)
    one = silenced(matcher)
    assert matcher.matches(red)
    assert one.hush(red, NOW + minute * MINUTE, LENGTHS) is None
    assert one.hush(replace(red, level=Level.ORANGE), NOW + minute * MINUTE, LENGTHS) is not None


def test_a_preview_says_what_is_kept_shut_and_what_rings_all_the_same() -> None:
    bells = [bell("a1"), bell("a2", kind="fire", level=Level.RED), bell("a3", grid="g4", within=frozenset({"g4"}))]
    found = preview(Matcher(grids=("t1",)), bells, LENGTHS)
    assert (found.held, found.spared, found.looked) == (("a1",), ("a2",), 3)
