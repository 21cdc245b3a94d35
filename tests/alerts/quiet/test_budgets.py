"""How many messages somebody is sent: the card of windows, numbers that have a budget of their own, and whose turn it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.budgets import DAY, REMEMBERED, Budget, Let, concerning, free_at, turn, with_one_more
from tests.alerts.quiet.bells import HOUR, MINUTE, NOW
from tests.alerts.quiet.held_line import CARD


def before(*minutes_ago: float, words: str = "") -> tuple[Let, ...]:
    return tuple(Let(NOW - m * MINUTE, words) for m in sorted(minutes_ago, reverse=True))


@pytest.mark.parametrize(
    ("says", "ago", "waits"),
    [
        ("nothing was sent", (), 0),
        ("one was sent this minute", (0.5,), 0.5),
        ("one was sent a minute ago", (1,), 0),
        ("five were sent within a quarter of an hour", (14, 8, 6, 4, 2), 1),
        ("four were", (14, 6, 4, 2), 0),
        ("eleven within the hour", (59, 55, 50, 45, 40, 35, 30, 25, 20, 16, 15), 1),
        ("twenty-one within three hours", tuple(179 - 8 * n for n in range(21)), 1),
        ("more than fit, when red went all the same", (3, 2.5, 2, 1.9, 1.8, 1.7, 1.6), 13),
    ],
)
def test_the_card(says: str, ago: tuple[float, ...], waits: float) -> None:
    assert free_at([CARD], before(*ago), NOW) == NOW + waits * MINUTE, says


@pytest.mark.parametrize(
    ("says", "budget", "words", "free"),
    [
        ("the same words were sent twice today", Budget("sms", identical=2), "x", NOW - 60 * MINUTE + DAY),
        ("other words were", Budget("sms", identical=2), "y", NOW),
        ("one that is put together has words of its own", Budget("sms", identical=2), "", NOW),
        ("three times are allowed", Budget("sms", identical=3), "x", NOW),
    ],
)
def test_the_same_words(says: str, budget: Budget, words: str, free: object) -> None:
    assert free_at([budget], before(60, 30, words="x"), NOW, words) == free, says


def test_a_number_has_the_budgets_of_its_channel_and_its_prefix() -> None:
    china, calls = Budget("sms", ((DAY, 4),), "+86"), Budget("voice", ((HOUR, 7),))
    assert concerning([CARD, china, calls], "sms", "+8613800000000") == (CARD, china)
    assert concerning([CARD, china, calls], "sms", "+4915100000000") == (CARD,)
    assert concerning([CARD, china, calls], "voice", "") == (calls,)


@pytest.mark.parametrize(
    ("says", "ago", "first", "place"),
    [
        ("the first alert to somebody goes before all", (), True, 0),
        ("whoever was sent nothing comes before the rest", (), False, 1),
        ("what was sent long ago is forgotten", (181,), True, 0),
        ("the rest", (60,), True, 2),
    ],
)
def test_whose_turn_it_is(says: str, ago: tuple[float, ...], first: bool, place: int) -> None:
    assert turn(before(*ago), NOW, first=first) == place, says


def test_no_more_is_remembered_than_is_asked_for() -> None:
    lets: tuple[Let, ...] = ()
    for n in range(200):
        lets = with_one_more(lets, Let(NOW + n * MINUTE, ""))
    assert len(lets) == REMEMBERED
    assert with_one_more(before(1500), Let(NOW, "")) == (Let(NOW, ""),)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_window_ever_has_more_than_its_budget_and_nobody_waits_longer_than_needed(gaps: list[float]) -> None:
    lets, now = (), NOW
    for gap in gaps:
        now += gap * MINUTE
        at = free_at([CARD], lets, now)
        if at > now:
            assert free_at([CARD], lets, at - timedelta(microseconds=1)) > at - timedelta(microseconds=1)
            assert free_at([CARD], lets, at) == at
            now = at
        lets = with_one_more(lets, Let(now, ""))
        for within, most in CARD.most:
            assert sum(let.at > now - within for let in lets) <= most
