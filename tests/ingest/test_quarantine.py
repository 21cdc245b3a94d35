"""A source that reconnects all the time or shouts is kept out for a while, told of once, and nobody else notices."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.quarantine import Episode, Limits, Quarantine

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_fifteen_connections_in_a_minute_are_borne_and_the_sixteenth_is_not() -> None:
    door = Quarantine(Limits())
    assert all(door.connects("panel", NOW + n * SECOND) for n in range(15))
    assert not door.told()
    assert not door.connects("panel", NOW + 15 * SECOND)
    assert door.connects("another", NOW + 15 * SECOND)
    assert not door.says("panel", NOW + 16 * SECOND)
    assert not door.connects("panel", NOW + 300 * SECOND)
    assert door.told() == [("panel", "16 connections within 60 s")]
    assert door.told() == []
    assert door.connects("panel", NOW + 315 * SECOND)


def test_a_slow_reconnector_is_never_put_out() -> None:
    door = Quarantine(Limits())
    assert all(door.connects("panel", NOW + 4 * n * SECOND) for n in range(500))


def shouts(door: Quarantine, name: str, at: datetime) -> None:
    while door.says(name, at):
        pass


def test_an_episode_begins_once_and_ends_a_minute_after_its_source_was_let_in_again() -> None:
    door = Quarantine(Limits())
    shouts(door, "panel", NOW)
    begun = Episode("panel", "more than 50 messages a second", NOW)
    assert door.episodes(NOW) == [begun]
    assert door.episodes(NOW + 359 * SECOND) == []
    assert door.says("panel", NOW + 359 * SECOND)
    assert door.episodes(NOW + 360 * SECOND) == [replace(begun, over=True)]
    assert door.episodes(NOW + 999 * SECOND) == []


def test_who_is_put_out_again_within_that_minute_is_still_the_same_trouble() -> None:
    door, found = Quarantine(Limits()), list[Episode]()
    for at in (NOW, NOW + 301 * SECOND, NOW + 602 * SECOND):
        shouts(door, "panel", at)
        found += door.episodes(at)
    assert [(e.since, e.over) for e in found] == [(NOW, False)]
    assert [(e.since, e.over) for e in door.episodes(NOW + 962 * SECOND)] == [(NOW, True)]
    shouts(door, "panel", NOW + 963 * SECOND)
    assert [(e.since, e.over) for e in door.episodes(NOW + 963 * SECOND)] == [(NOW + 963 * SECOND, False)]


def test_a_door_that_ends_ends_what_it_has_told_and_nothing_else() -> None:
    door = Quarantine(Limits())
    shouts(door, "told", NOW)
    assert len(door.episodes(NOW)) == 1
    shouts(door, "untold", NOW)
    assert [(e.source, e.over) for e in door.forget()] == [("told", True)]
    assert door.episodes(NOW + 999 * SECOND) == []


def test_episodes_that_stand_at_once_are_bounded() -> None:
    door = Quarantine(Limits(burst=1))
    for n in range(150):
        shouts(door, f"s{n}", NOW)
    assert len(door.episodes(NOW)) == 100
    assert len(door.told()) == 150


@pytest.mark.parametrize(
    ("why", "gaps", "heard"),
    [
        ("a burst is borne", [0.0] * 20, 20),
        ("and what goes beyond it is not", [0.0] * 25, 20),
        ("at the rate it may go on for ever", [0.1] * 300, 300),
        ("at twice the rate the bucket runs dry", [0.05] * 300, 39),
    ],
)
def test_messages(why: str, gaps: list[float], heard: int) -> None:
    door, at, found = Quarantine(Limits(rate=10, burst=20)), NOW, 0
    for gap in gaps:
        at += timedelta(seconds=gap)
        found += door.says("loud", at)
    assert found == heard, why


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3), st.booleans()), max_size=200))
def test_what_one_source_does_changes_nothing_for_another(deeds: list[tuple[str, float, bool]]) -> None:
    limits = Limits(connects=3, rate=1, burst=3)
    together, alone, at = Quarantine(limits), Quarantine(limits), NOW
    for name, gap, connects in deeds:
        at += timedelta(seconds=gap)
        answer = (together.connects if connects else together.says)(name, at)
        if name == "a":
            assert answer == (alone.connects if connects else alone.says)(name, at)


def test_the_memory_is_bounded() -> None:
    door = Quarantine(Limits())
    for n in range(10_050):
        door.connects(f"s{n}", NOW)
    assert len(door._sources) == 10_000


LEFT = Episode("left", "shouted", NOW)


def test_an_episode_that_was_taken_over_ends_when_it_would_have() -> None:
    door = Quarantine(Limits())
    door.adopt([LEFT])
    assert door.connects("left", NOW + 10 * SECOND), "whoever was kept out by a process that is gone may come in"
    assert door.episodes(NOW + 359 * SECOND) == []
    assert door.episodes(NOW + 360 * SECOND) == [replace(LEFT, over=True)]


def test_whoever_is_put_out_anew_goes_on_with_the_episode_that_was_taken_over() -> None:
    door = Quarantine(Limits())
    door.adopt([LEFT])
    shouts(door, "left", NOW + 100 * SECOND)
    assert door.episodes(NOW + 459 * SECOND) == []
    assert door.episodes(NOW + 500 * SECOND) == [replace(LEFT, over=True)]


def test_what_was_taken_over_is_ended_with_the_rest_and_takes_nothing_from_what_stands() -> None:
    door = Quarantine(Limits())
    shouts(door, "left", NOW + SECOND)
    (mine,) = door.episodes(NOW + SECOND)
    door.adopt([LEFT, replace(LEFT, source="other")])
    assert door.forget() == [replace(mine, over=True), replace(LEFT, source="other", over=True)]
