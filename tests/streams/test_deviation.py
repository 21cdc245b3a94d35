"""Robust deviation: judged by the device's own past, slow to be surprised."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from ingest.frames import FrameBuilder, Origin
from streams.detectors.registry import Detectors
from streams.rules import load_rules
from streams.signal import Level, Signal

BASE = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
RULES = load_rules()


def said_of(values: Iterable[float], *, metric: str = "turbidity", every: int = 10) -> list[tuple[int, Signal]]:
    """(row, signal) of the shipped rules for a device that says `values` every ten seconds."""
    detectors, builder = Detectors(RULES), FrameBuilder()
    values = list(values)
    said: list[tuple[int, Signal]] = []
    for i, value in enumerate(values):
        micros = BASE + i * every * 1_000_000
        builder.add(Origin("w1", "water", "g", "t"), metric, 0, micros, micros, value)
        said += [(i, s) for s in detectors.update(builder.close())]
    return said


def noise(rows: int, *, middle: float = 5.0, spread: float = 0.2) -> list[float]:
    luck = random.Random(7)
    return [luck.gauss(middle, spread) for _ in range(rows)]


def test_a_lasting_change_rings_once_softly_and_is_learned() -> None:
    said = said_of(noise(600) + noise(3000, middle=9))
    assert [s.active for _, s in said] == [True, False]
    row, signal = said[0]
    assert 600 <= row <= 620
    assert (signal.level, signal.kind, signal.rule) == (Level.BLUE, "deviation", "unusual")
    assert signal.evidence["usual"] == pytest.approx(5, abs=1)


@pytest.mark.parametrize(
    ("why", "values"),
    [
        ("noise is usual", noise(3000)),
        ("one spike is none", [*noise(500), 500.0, *noise(500)]),
        ("nine spikes in a row are not yet enough", [*noise(500), *[500.0] * 9, *noise(500)]),
        ("spikes on both sides are no lasting change", [*noise(500), *[500.0, -500.0] * 30, *noise(500)]),
        ("a device is not judged before it is known", [*noise(100), *noise(100, middle=50)]),
        ("a flag that was never up has no known noise", [0.0] * 1000 + [1.0] * 100),
        ("a value that hardly ever moves neither", [400.0] * 1000 + [440.0] * 100),
        ("a drift is followed", [v + i / 200 for i, v in enumerate(noise(3000))]),
    ],
)
def test_what_is_usual_does_not_ring(why: str, values: list[float]) -> None:
    assert said_of(values) == [], why


def test_a_metric_that_has_a_rule_of_its_own_is_left_to_it() -> None:
    assert said_of(noise(600) + noise(300, middle=9), metric="gas") == []
