"""Set and reset, holds and their timers, levels, gaps and stray rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.events import Mark
from ingest.frames import FrameBuilder, Origin
from streams.detectors.registry import Detectors
from streams.detectors.threshold import next_level
from streams.rules import Step, parse_rules
from streams.signal import Level, Signal, signal_key

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
BASE = int(START.timestamp()) * SECOND
ORIGIN = Origin("d1", "smoke", "g1", "t1", "gw", 30.5, 104.0)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Line:
    """One device on a time line of seconds."""

    def __init__(self, **keys: object) -> None:
        body = {"levels": '[{ level = "red", set = 0.5, reset = 0.3, hold = 3 }]', **keys}
        lines = "\n".join(f"{k} = {v}" for k, v in body.items())
        self.detectors = Detectors(
            parse_rules(f'[[rule]]\nid = "over"\nkind = "fire"\nmetrics = ["x"]\ndetector = "threshold"\n{lines}')
        )

    def row(
        self, observed: float, value: float, *, received: float | None = None, marks: Mark = Mark.NONE
    ) -> list[Signal]:
        builder = FrameBuilder()
        arrived = observed if received is None else received
        builder.add(ORIGIN, "x", int(marks), BASE + round(observed * SECOND), BASE + round(arrived * SECOND), value)
        return self.detectors.update(builder.close())

    def now(self, seconds: float) -> list[Signal]:
        return self.detectors.on_due(at(seconds))


ONE = '[{ level = "red", set = 0.5, reset = 0.3 }]'


def test_levels_follow_the_vector_that_kapacitor_published() -> None:
    levels = tuple(
        Step(level=level, set=s, reset=r)
        for level, s, r in ((Level.BLUE, 60, 50), (Level.YELLOW, 70, 60), (Level.ORANGE, 80, 70))
    )
    now, seen = -1, []
    for value in (61, 73, 64, 85, 62, 56, 47):
        now = next_level(now, value, levels)
        seen.append(now)
    assert seen == [0, 1, 1, 2, 0, 0, -1]


def test_a_fall_stops_at_the_mildest_level_until_that_one_is_reset_too() -> None:
    levels = (Step(level=Level.YELLOW, set=60, reset=50), Step(level=Level.RED, set=80, reset=70))
    assert next_level(1, 55, levels) == 0
    assert next_level(0, 49, levels) == -1


def test_without_a_hold_the_first_row_beyond_the_limit_rings() -> None:
    (signal,) = Line(levels=ONE).row(1, 0.5, received=1.2)
    assert (signal.event_at, signal.received_at, signal.raised_at) == (at(1), at(1.2), at(1.2))
    assert signal.key == signal_key("over", "d1/x", at(1))
    assert (signal.level, signal.subject, signal.value, signal.active) == (Level.RED, "d1", 0.5, True)
    assert (signal.place.grid, signal.place.township, signal.place.point is not None) == ("g1", "t1", True)


def test_it_clears_under_the_same_key_only_when_the_reset_is_passed() -> None:
    line = Line(levels=ONE)
    (raised,) = line.row(1, 0.6)
    assert line.row(2, 0.4) == [], "between reset and set nothing changes"
    assert line.row(3, 0.6) == [], "and it does not ring again"
    (cleared,) = line.row(4, 0.29)
    assert (cleared.key, cleared.active, cleared.event_at) == (raised.key, False, at(4))
    (again,) = line.row(5, 0.6)
    assert again.key != raised.key, "a new episode has a key of its own"


def test_a_hold_ends_on_time_without_another_row() -> None:
    line = Line()
    assert line.row(10, 0.6, received=10.02) == []
    assert line.detectors.due_at() == at(13), "travel time is not added to the hold"
    assert line.now(12.99) == []
    (signal,) = line.now(13.4)
    assert (signal.event_at, signal.raised_at, signal.value) == (at(10), at(13), 0.6)
    assert line.now(20) == []
    assert line.row(14, 0.7) == [], "a row after the end says nothing new"


def test_a_hold_ends_at_a_row_of_a_device_whose_clock_is_off() -> None:
    line = Line()
    line.row(10, 0.6, received=70)
    assert line.detectors.due_at() == at(73), "a clock that is a minute behind counts from the arrival"
    line.row(11, 0.6, received=71)
    (signal,) = line.row(13, 0.6, received=71.5)
    assert (signal.event_at, signal.raised_at) == (at(10), at(71.5)), (
        "rows that came in a bunch end the hold themselves"
    )


@pytest.mark.parametrize(
    ("why", "rows", "rings"),
    [
        ("a value that falls below set begins again", ((0, 0.6), (2, 0.4), (2.5, 0.6), (4, 0.6)), False),
        ("a value that stays rings at the first row at the end", ((0, 0.6), (1, 0.7), (3, 0.6)), True),
        ("a row from the past neither rings nor cancels", ((0, 0.6), (1, 0.6), (0.5, 0.1), (3, 0.6)), True),
        ("a repeat changes nothing", ((0, 0.6), (0, 0.6), (0, 0.6), (2.9, 0.6)), False),
    ],
)
def test_a_hold_wants_the_whole_time(why: str, rows: tuple[tuple[float, float], ...], rings: bool) -> None:
    line = Line()
    received, said = 100.0, []
    for observed, value in rows:  # they arrive together, so that only the observed clock can end the hold
        said += line.row(observed, value, received=received)
        received += 0.001
    assert bool(said) is rings, why


def test_a_device_that_fell_silent_during_its_hold_does_not_ring() -> None:
    line = Line(levels='[{ level = "red", set = 0.5, reset = 0.3, hold = 60 }]', max_gap=20)
    line.row(0, 0.6)
    assert line.now(60) == []
    assert line.detectors.due_at() is None
    line.row(100, 0.6)
    assert line.now(159) == [], "the hold began anew"
    for second in (115, 130, 145):
        line.row(second, 0.6)
    (signal,) = line.now(160)
    assert signal.event_at == at(100)


TWO = '[{ level = "yellow", set = 3, reset = 2 }, { level = "red", set = 6, reset = 5, hold = 2 }]'


def test_a_worse_level_rings_again_under_the_same_key() -> None:
    line = Line(levels=TWO)
    (yellow,) = line.row(0, 4)
    assert line.row(1, 7) == []
    (red,) = line.now(3)
    assert (red.key, red.level, red.event_at) == (yellow.key, Level.RED, at(1))
    assert line.row(4, 4) == [], "a fall says nothing"
    assert line.row(5, 7) + line.now(7) == [], "and coming back to what was said already neither"
    (cleared,) = line.row(8, 1)
    assert (cleared.key, cleared.level, cleared.active) == (yellow.key, Level.RED, False)


def test_below_is_above_turned_over() -> None:
    line = Line(direction='"below"', levels='[{ level = "blue", set = 10, reset = 20 }]')
    assert line.row(0, 15) == []
    (low,) = line.row(1, 10)
    assert (low.active, low.value) == (True, 10)
    assert line.row(2, 19) == []
    (back,) = line.row(3, 21)
    assert not back.active


def test_a_rule_that_wants_a_crossing_passes_over_what_was_always_hot() -> None:
    line = Line(levels=ONE, crossing="true")
    assert line.row(0, 0.9) == []
    assert line.row(1, 0.4) == [], "between reset and set is not yet the good side"
    assert line.row(2, 0.9) == []
    assert line.row(3, 0.2) == []
    assert [s.active for s in line.row(4, 0.9)] == [True]


@pytest.mark.parametrize("mark", [Mark.TEST, Mark.RETAINED, Mark.SIMULATED, Mark.HISTORICAL, Mark.LATE, Mark.DRILL])
def test_a_muted_row_neither_rings_nor_ends_what_rings(mark: Mark) -> None:
    line = Line(levels=ONE)
    assert line.row(0, 0.9, marks=mark) == []
    line.row(1, 0.9)
    assert line.row(2, 0.1, marks=mark) == []
    assert [s.active for s in line.row(3, 0.1)] == [False]


def test_values_nobody_can_believe_are_passed_over() -> None:
    line = Line(levels=ONE, believable="[-10, 100]")
    assert line.row(0, 1e38) == []
    assert line.row(1, 0.9) != []
    assert line.row(2, -9999) == []


def test_a_late_timer_does_not_move_the_moment_it_rang_for() -> None:
    line = Line()
    line.row(0, 0.6)
    (signal,) = line.row(500, 0.1)[:1]
    assert (signal.active, signal.raised_at) == (True, at(3)), "made up for before the row that ends it"
