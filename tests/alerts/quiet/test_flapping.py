"""Flapping begins once and ends once, whatever the device does, and is what the weights say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.flapping import STATES, Flap, Limits, Turn, calm_at, observe, settle
from tests.alerts.quiet.bells import NOW

LIMITS = Limits()
SECOND = timedelta(seconds=1)


def played(edges: list[tuple[float, bool]]) -> tuple[Flap, list[Turn]]:
    """Edges as (seconds since the one before, state)."""
    flap, said, at = None, [], NOW
    for seconds, active in edges:
        at += timedelta(seconds=seconds)
        flap, turn = observe(flap, active, at, LIMITS)
        said += [turn] if turn else []
    assert flap is not None
    return flap, said


def toggles(count: int, every: float = 1) -> list[tuple[float, bool]]:
    return [(every, n % 2 == 0) for n in range(count)]


@pytest.mark.parametrize(
    ("says", "states", "score"),
    [
        ("nothing ever changed", (True,) * STATES, 0.0),
        ("everything always changed", tuple(n % 2 == 0 for n in range(STATES)), 1.0),
        ("only the newest changed: it weighs 1.2", (*(False,) * 20, True), 1.2 / 20),
        ("only the oldest changed: it weighs 0.8", (False, *(True,) * 20), 0.8 / 20),
        ("what is not there yet is unchanged", (False, True), 1.2 / 20),
    ],
)
def test_the_score_is_the_weighted_share_of_changes(says: str, states: tuple[bool, ...], score: float) -> None:
    assert Flap(states, NOW).score == pytest.approx(score), says


def test_a_device_that_comes_and_goes_says_start_once_and_stop_once() -> None:
    flap, said = played(toggles(100))
    assert said == [Turn.STARTED]
    assert flap.flapping
    calm, turn = settle(flap, NOW + timedelta(hours=2), LIMITS)
    assert (calm.flapping, turn) == (False, Turn.STOPPED)
    assert settle(calm, NOW + timedelta(hours=4), LIMITS)[1] is None


@pytest.mark.parametrize(
    ("says", "edges", "started"),
    [
        ("a device that comes once", toggles(1), False),
        ("a device that comes and goes three times", toggles(6), False),
        ("eight edges weigh 9.01 of 20", toggles(8), False),
        ("nine edges weigh 10.04: more than half", toggles(9), True),
        ("a hundred edges, each an hour after the other", toggles(100, 3600), False),
    ],
)
def test_it_takes_many_edges_in_a_short_time(says: str, edges: list[tuple[float, bool]], started: bool) -> None:
    assert (Turn.STARTED in played(edges)[1]) is started, says


def test_a_state_that_is_said_again_is_no_edge() -> None:
    flap, said = played([(1.0, True)] * 50)
    assert (flap.states, said) == ((False, True), [])


def test_an_edge_from_the_past_counts_as_now() -> None:
    flap, _ = played(toggles(3))
    later, _ = observe(flap, not flap.states[-1], NOW - timedelta(days=1), LIMITS)
    assert later.at == flap.at
    assert len(later.states) == len(flap.states) + 1


edges = st.lists(
    st.tuples(st.sampled_from([1.0, 20.0, 59.0, 60.0, 61.0, 400.0, 4000.0]), st.booleans()), min_size=1, max_size=120
)


@given(edges)
def test_start_and_stop_take_turns_and_agree_with_what_is_kept(story: list[tuple[float, bool]]) -> None:
    flap, said = played(story)
    assert said == [Turn.STARTED, Turn.STOPPED] * (len(said) // 2) + [Turn.STARTED] * (len(said) % 2)
    assert flap.flapping is (len(said) % 2 == 1)
    assert len(flap.states) <= STATES
    assert 0 <= flap.score <= 1 + 1e-9
    assert not (flap.flapping and flap.score < LIMITS.low)
    assert flap.flapping or flap.score <= LIMITS.high


@given(edges, st.integers(0, 5000), st.integers(0, 5000))
def test_time_may_be_told_in_any_portions(story: list[tuple[float, bool]], first: int, then: int) -> None:
    flap, _ = played(story)
    halfway, one = settle(flap, flap.at + first * SECOND, LIMITS)
    twice, two = settle(halfway, flap.at + (first + then) * SECOND, LIMITS)
    once, turn = settle(flap, flap.at + (first + then) * SECOND, LIMITS)
    assert twice == once
    assert turn == (one or two)


@given(edges)
def test_it_calms_down_exactly_when_it_is_said_to(story: list[tuple[float, bool]]) -> None:
    flap, _ = played(story)
    at = calm_at(flap, LIMITS)
    assert at - flap.at <= STATES * LIMITS.slot
    assert not settle(flap, at, LIMITS)[0].flapping
    if flap.flapping:
        assert settle(flap, at - SECOND, LIMITS)[0].flapping
    else:
        assert at == flap.at


def test_one_that_calms_down_and_begins_again_with_the_same_edge_says_nothing() -> None:
    high = Limits(high=0.07, low=0.05)
    flap = replace(played(toggles(3))[0], flapping=True)
    again, turn = observe(flap, not flap.states[-1], flap.at + timedelta(hours=1), high)
    assert (again.flapping, turn) == (False, Turn.STOPPED), "one edge alone weighs 0.06, which is not above the limit"
    low = Limits(high=0.055, low=0.05)
    again, turn = observe(flap, not flap.states[-1], flap.at + timedelta(hours=1), low)
    assert (again.flapping, turn) == (True, None)
