"""A source that reconnects all the time or shouts is kept out for a while, told of once, and nobody else notices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.quarantine import Limits, Quarantine

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
