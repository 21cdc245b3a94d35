"""Response metrics: percentiles and shares that cannot flatter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Handling
from alerts.metrics import BY, Figure, Group, Span, percentile, response
from alerts.policy import Target
from ingest.events import Place
from streams.signal import Level
from tests.scenarios.timeline import Line

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NOW = T0 + timedelta(hours=2)
TARGETS = {Level.RED: Target(told=10, acknowledged=300, handled=3600, closed=86400)}


def alert(
    acked: float | None = None,
    *,
    level: str = "red",
    handling: Handling = Handling.ACKNOWLEDGED,
    grid: str = "g1",
    origins: tuple[str, ...] = ("sensor", "camera"),
) -> Alert:
    stages = {"event_at": T0 - timedelta(seconds=2), "raised_at": T0}
    if acked is not None:
        stages["acked_at"] = T0 + timedelta(seconds=acked)
    return Alert(
        id="a",
        identity="i",
        kind="fire",
        level=Level(level),
        place=Place(grid, "t1"),
        handling=handling,
        origins=origins,
        stages=stages,
    )


def acknowledged(alerts: Sequence[Alert], by: Sequence[Group] = BY) -> list[Figure]:
    return [f for f in response(alerts, NOW, targets=TARGETS, by=by) if f.span is Span.ACKNOWLEDGED]


def test_a_figure_has_percentiles_and_the_share_within_target() -> None:
    (figure,) = acknowledged([alert(s) for s in (10, 20, 30, 40, 50, 60, 70, 80, 400, 5000)])
    assert (figure.p50, figure.p90, figure.measured) == (50, 400, 10)
    assert (figure.within, figure.share) == (8, 0.8)
    assert (figure.level, figure.kind, figure.township, figure.grid, figure.origin) == (
        "red",
        "fire",
        "t1",
        "",
        "sensor",
    )


def test_an_order_that_cannot_be_is_counted_and_left_out() -> None:
    (figure,) = acknowledged([alert(10), alert(-5)])
    assert (figure.measured, figure.impossible, figure.p50, figure.share) == (1, 1, 10, 1.0)


def test_a_forgotten_case_counts_against_the_share() -> None:
    (figure,) = acknowledged([alert(10), alert(None, handling=Handling.NEW)])
    assert (figure.measured, figure.overdue, figure.share) == (1, 1, 0.5)


def test_a_case_that_ended_without_a_stage_is_not_overdue_for_it() -> None:
    (figure,) = acknowledged([alert(10), alert(None, handling=Handling.FALSE_ALARM)])
    assert (figure.overdue, figure.share) == (0, 1.0)


@pytest.mark.parametrize("handling", [Handling.TEST, Handling.SUPPRESSED, Handling.MERGED, Handling.VOID])
def test_tests_and_records_are_no_cases(handling: Handling) -> None:
    assert response([alert(10, handling=handling)], NOW, targets=TARGETS) == []


def test_without_a_target_there_is_no_share() -> None:
    (figure,) = acknowledged([alert(10, level="blue")])
    assert (figure.share, figure.within, figure.p50) == (None, 0, 10)


def test_groups_are_kept_apart_as_asked_worst_first() -> None:
    some = [alert(1, level="blue"), alert(2, grid="g2"), alert(3, origins=("hotline",))]
    assert [(f.level, f.grid) for f in acknowledged(some, [Group.LEVEL, Group.GRID])] == [
        ("red", "g1"),
        ("red", "g2"),
        ("blue", "g1"),
    ]
    (whole,) = acknowledged(some, [])
    assert (whole.measured, whole.level) == (3, "")


def test_how_long_sensing_took_is_measured_from_the_event() -> None:
    (figure,) = [f for f in response([alert(10)], NOW, targets=TARGETS) if f.span is Span.SENSED]
    assert (figure.p50, figure.share) == (2, None)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_was_measured_and_enough_are_below_it(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(v <= found for v in ordered) >= share * len(ordered) - 1e-6
    assert sum(v < found for v in ordered) < share * len(ordered) + 1e-6


def test_somebody_is_told_when_a_message_leaves_not_when_it_is_decided_that_one_will() -> None:
    line = Line().signal("w-1", "yellow", kind="water")
    line.at(60)
    (figure,) = [f for f in response(line.alerts(), line.now, targets=line.policies.targets) if f.span is Span.TOLD]
    assert (figure.p50, figure.within) == (30, 1), "it waited for its group, and that is within its target"
