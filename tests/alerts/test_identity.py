"""What belongs together."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Handling
from alerts.candidates import Candidates
from alerts.identity import alert_id, belongs, home, identity, metres
from alerts.outcome import Why
from alerts.policy import Merging
from ingest.events import Place, Point
from streams.signal import Level, Origin, Signal

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BY_PLACE = Merging(place=True, radius=250)
BY_DEVICE = Merging()
HERE = Point(30.5, 112.4)
NORTH_249 = Point(30.5 + math.degrees(249 / 6_371_008.8), 112.4)
NORTH_251 = Point(30.5 + math.degrees(251 / 6_371_008.8), 112.4)


def alert(**but: object) -> Alert:
    made = Alert(
        id="a1",
        identity="fire|g1",
        kind="fire",
        level=Level.RED,
        place=Place("g1", "t1", HERE),
        subjects=("s1",),
        rules=("smoke",),
        stages={"raised_at": T0},
        last_seen=T0,
    )
    return replace(made, **but)


def signal(**but: object) -> Signal:
    made = Signal(
        key="k",
        kind="fire",
        level=Level.RED,
        origin=Origin.CAMERA,
        subject="cam",
        rule="sighting",
        event_at=T0 + MINUTE,
        received_at=T0 + MINUTE,
        raised_at=T0 + MINUTE,
        place=Place("g1", "t1"),
    )
    return replace(made, **but)


@pytest.mark.parametrize(
    ("sentence", "of_signal", "of_alert", "merging", "why"),
    [
        ("another sense in the same grid", {}, {}, BY_PLACE, Why.SAME_GRID),
        ("another grid, no point", {"place": Place("g2", "t1")}, {}, BY_PLACE, None),
        ("another grid, 249 m away", {"place": Place("g2", "t1", NORTH_249)}, {}, BY_PLACE, Why.NEAR),
        ("another grid, 251 m away", {"place": Place("g2", "t1", NORTH_251)}, {}, BY_PLACE, None),
        ("another township, however near", {"place": Place("g2", "t2", HERE)}, {}, BY_PLACE, None),
        ("another kind", {"kind": "gas"}, {}, BY_PLACE, None),
        (
            "two things without a place are not in the same place",
            {"place": Place()},
            {"place": Place()},
            BY_PLACE,
            None,
        ),
        ("14 minutes after the last evidence", {"raised_at": T0 + 14 * MINUTE}, {}, BY_PLACE, Why.SAME_GRID),
        ("16 minutes after the last evidence", {"raised_at": T0 + 16 * MINUTE}, {}, BY_PLACE, None),
        ("the window rolls", {"raised_at": T0 + 30 * MINUTE}, {"last_seen": T0 + 20 * MINUTE}, BY_PLACE, Why.SAME_GRID),
        (
            "hours later while it is active",
            {"raised_at": T0 + 300 * MINUTE},
            {"active_keys": ("x",)},
            BY_PLACE,
            Why.SAME_GRID,
        ),
        ("after a day not even then", {"raised_at": T0 + 1500 * MINUTE}, {"active_keys": ("x",)}, BY_PLACE, None),
        ("a case that is over", {}, {"handling": Handling.CLOSED}, BY_PLACE, None),
        ("the same grid where place does not decide", {}, {}, BY_DEVICE, None),
        ("the same device under the same rule", {"subject": "s1", "rule": "smoke"}, {}, BY_DEVICE, Why.SAME_SUBJECT),
        ("the same device under another rule", {"subject": "s1", "rule": "heat"}, {}, BY_DEVICE, None),
        (
            "the same device, hours later",
            {"subject": "s1", "rule": "smoke", "raised_at": T0 + 300 * MINUTE},
            {},
            BY_DEVICE,
            Why.SAME_SUBJECT,
        ),
        (
            "the same device, a day later",
            {"subject": "s1", "rule": "smoke", "raised_at": T0 + 1500 * MINUTE},
            {},
            BY_DEVICE,
            None,
        ),
    ],
)
def test_what_belongs_to_an_open_alert(
    sentence: str, of_signal: dict[str, object], of_alert: dict[str, object], merging: Merging, why: Why | None
) -> None:
    assert belongs(signal(**of_signal), merging, alert(**of_alert)) is why, sentence


def test_the_best_reason_wins_and_the_oldest_among_equals() -> None:
    near = alert(id="near", place=Place("g2", "t1", NORTH_249))
    old = alert(id="old", stages={"raised_at": T0 - MINUTE}, last_seen=T0)
    young = alert(id="young")
    found = home(signal(place=Place("g1", "t1", HERE)), BY_PLACE, [young, near, old])
    assert found is not None
    assert (found[0].id, found[1]) == ("old", Why.SAME_GRID)


def test_the_same_signal_opens_the_same_alert_everywhere() -> None:
    what = identity(signal(), BY_PLACE)
    assert what == "fire|g1"
    assert identity(signal(), BY_DEVICE) == identity(signal(place=Place()), BY_PLACE) == "fire|cam|sighting"
    assert alert_id(what, signal()) == alert_id(what, signal(value=3.0))
    assert alert_id(what, signal()) != alert_id(what, signal(key="other"))


@pytest.mark.parametrize(
    ("sentence", "one", "other", "distance"),
    [
        ("one degree of latitude", Point(30, 112), Point(31, 112), 111_195),
        ("a degree of longitude at 60 degrees is half of one at the equator", Point(60, 10), Point(60, 11), 55_597),
        ("across the date line", Point(0, 179.5), Point(0, -179.5), 111_195),
        ("nowhere", HERE, HERE, 0),
    ],
)
def test_distances_are_those_of_the_globe(sentence: str, one: Point, other: Point, distance: float) -> None:
    assert metres(one, other) == pytest.approx(distance, abs=10), sentence


points = st.builds(Point, st.floats(30.4, 30.42), st.floats(112.4, 112.42))


@given(st.lists(points, max_size=12), points)
def test_the_index_finds_what_a_look_at_everything_finds(alerts: list[Point], where: Point) -> None:
    known = [
        alert(id=f"a{i}", identity=f"fire|g{i}", place=Place(f"g{i}", "t1", p), subjects=(f"s{i}",))
        for i, p in enumerate(alerts)
    ]
    index = Candidates()
    for one in known:
        index.put(one)
    asked = signal(place=Place("elsewhere", "t1", where))
    assert index.home(asked, "fire|elsewhere", BY_PLACE) == home(asked, BY_PLACE, known)


def test_the_index_follows_what_an_alert_becomes() -> None:
    index = Candidates()
    index.put(alert())
    index.put(alert(subjects=("s1", "cam"), rules=("smoke", "sighting")))
    found = index.home(signal(), "x", BY_DEVICE)
    assert found is not None
    assert found[1] is Why.SAME_SUBJECT
    index.put(alert(handling=Handling.CLOSED))
    assert index.home(signal(), "fire|g1", BY_PLACE) is None
