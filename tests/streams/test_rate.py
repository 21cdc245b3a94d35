"""Rate of rise: fires rise fast and for long; draughts, doors and stray readings do not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from ingest.frames import FrameBuilder, Origin
from streams.detectors.registry import Detectors
from streams.rules import load_rules
from streams.signal import Signal

BASE = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
RULES = load_rules()


def rising(
    values: Iterable[float], *, every: float = 2.0, kind: str = "heat", rule: str = "temperature_rise"
) -> list[tuple[float, Signal]]:
    """(seconds, signal) of the shipped rule for a device that says `values`."""
    detectors, said = Detectors(RULES), []
    for i, value in enumerate(values):
        builder, micros = FrameBuilder(), BASE + round(i * every * 1_000_000)
        builder.add(Origin("h1", kind, "g", "t"), "temperature", 0, micros, micros, value)
        said += [(i * every, s) for s in detectors.update(builder.close()) if s.rule == rule]
    return said


def ramp(start: float, per_minute: float, rows: int, *, every: float = 2.0) -> list[float]:
    return [start + per_minute / 60 * every * i for i in range(rows)]


CALM = [21.0, 21.2, 20.9, 21.1] * 10


def test_a_growing_fire_rings_within_half_a_minute() -> None:
    said = rising(CALM + ramp(21, 20, 30))
    assert said[0][0] - len(CALM) * 2 <= 30
    assert said[0][1].active


@pytest.mark.parametrize(
    ("why", "values"),
    [
        ("a room that is heated warms slowly", CALM + ramp(21, 3, 200)),
        ("one stray reading is none", [*CALM, 80.0, *CALM]),
        ("two stray readings apart are none", [*CALM, 80.0, *CALM, 80.0, *CALM]),
        ("a stray low reading does not make the next ones a rise", [*CALM, -20.0, *CALM]),
        ("noise is none", [21 + 2 * ((i * 7919) % 3 - 1) for i in range(300)]),
        ("the door of a cold store stays under 15 degrees", [-18.0] * 30 + ramp(-18, 40, 20) + [8.0] * 30),
        ("a fall is no rise", [40.0] * 30 + ramp(40, -30, 30)),
    ],
)
def test_what_is_no_fire_does_not_ring(why: str, values: list[float]) -> None:
    assert rising(values) == [], why


def test_it_rings_once_and_is_over_two_minutes_after_the_rise_stopped() -> None:
    said = rising(CALM + ramp(21, 20, 60) + [61.0] * 200)
    assert [s.active for _, s in said] == [True, False]
    assert said[0][1].key == said[1][1].key
    top = (len(CALM) + 60) * 2
    assert 120 <= said[1][0] - top <= 180


def test_a_device_that_stops_speaking_while_it_rises_clears_nothing() -> None:
    detectors = Detectors(RULES)
    builder = FrameBuilder()
    for i, value in enumerate(CALM + ramp(21, 20, 30)):
        builder.add(Origin("h1", "heat", "g", "t"), "temperature", 0, BASE + i * 2_000_000, BASE + i * 2_000_000, value)
    assert [s.active for s in detectors.update(builder.close()) if s.rule == "temperature_rise"] == [True]
    assert detectors.due_at() is None


def test_boilers_may_heat_up() -> None:
    assert rising(CALM + ramp(21, 20, 60), kind="boiler") == []


def test_a_rate_downwards_is_the_same_turned_over() -> None:
    from streams.rules import parse_rules

    text = """[[rule]]
id = "drop"
kind = "flood"
metrics = ["pressure"]
detector = "rate"
direction = "below"
level = "yellow"
per_minute = 10
least = 5
"""
    detectors, said = Detectors(parse_rules(text)), []
    for i, value in enumerate([100.0] * 30 + ramp(100, -30, 30)):
        builder, micros = FrameBuilder(), BASE + i * 2_000_000
        builder.add(Origin("p"), "pressure", 0, micros, micros, value)
        said += detectors.update(builder.close())
    assert [s.active for s in said] == [True]
