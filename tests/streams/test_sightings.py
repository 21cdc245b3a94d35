"""Cameras: sure once or likely twice, one episode per camera and kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Mark, Place, Point, Sighting
from streams.detectors.pack import BrokenSnapshot
from streams.rules import load_rules
from streams.sightings import Sightings
from streams.signal import Level, Origin, Signal

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = Place("g", "t", Point(30.5, 104.0), "registry")
RULE = load_rules().sightings


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sighting(seconds: float, score: float = 0.7, label: str = "fire", **more: object) -> Sighting:
    fields = {"ident": "i1", "camera": "cam", "place": PLACE, "received_at": at(seconds + 0.1), **more}
    return Sighting(label=label, score=score, observed_at=at(seconds), **fields)  # type: ignore[arg-type]


def seen(*events: Sighting) -> list[Signal]:
    camera = Sightings(RULE)
    return [s for event in events for s in camera.update(event)]


def test_two_likely_sightings_within_ten_seconds_ring() -> None:
    (signal,) = seen(sighting(0), sighting(4, 0.8))
    assert (signal.kind, signal.level, signal.origin, signal.subject) == ("fire", Level.ORANGE, Origin.CAMERA, "cam")
    assert (signal.event_at, signal.received_at, signal.raised_at) == (at(0), at(0.1), at(4.1))
    assert (signal.place, signal.value) == (PLACE, 0.8)


def test_one_sighting_that_is_sure_rings() -> None:
    assert len(seen(sighting(0, 0.95))) == 1


@pytest.mark.parametrize(
    ("why", "events"),
    [
        ("once is not enough", [sighting(0)]),
        ("the same picture twice is once", [sighting(0), sighting(0)]),
        ("too far apart", [sighting(0), sighting(11)]),
        ("too unlikely", [sighting(0, 0.5), sighting(1, 0.55), sighting(2, 0.59)]),
        ("another label", [sighting(0, label="person"), sighting(1, label="person")]),
        ("another camera", [sighting(0), sighting(1, camera="other")]),
        ("a drill", [sighting(0, 0.99, marks=Mark.DRILL), sighting(1, 0.99, marks=Mark.DRILL)]),
        ("an end without a beginning", [sighting(0, 0.99, ended=True)]),
    ],
)
def test_less_than_that_does_not_ring(why: str, events: list[Sighting]) -> None:
    assert seen(*events) == [], why


def test_fire_and_smoke_of_one_camera_are_one_episode() -> None:
    said = seen(sighting(0, label="smoke"), sighting(2, label="Fire", ident="i2"), sighting(3, 0.99, ident="i3"))
    assert len(said) == 1


def test_it_is_over_when_every_incident_in_it_has_ended() -> None:
    camera = Sightings(RULE)
    (raised,) = camera.update(sighting(0, 0.95))
    camera.update(sighting(1, 0.95, ident="i2"))
    assert camera.update(sighting(5, 0.1, ended=True)) == []
    (cleared,) = camera.update(sighting(6, 0.1, ident="i2", ended=True))
    assert (cleared.key, cleared.active, cleared.event_at) == (raised.key, False, at(6))
    assert camera.due_at() is None


def test_a_camera_that_says_no_end_is_believed_to_see_nothing_after_five_minutes() -> None:
    camera = Sightings(RULE)
    (raised,) = camera.update(sighting(0, 0.95))
    camera.update(sighting(100, 0.95))
    assert camera.due_at() == at(400.1)
    assert camera.on_due(at(400)) == []
    (cleared,) = camera.on_due(at(500))
    assert (cleared.key, cleared.active, cleared.raised_at) == (raised.key, False, at(400.1))


_EVENTS = st.lists(
    st.builds(
        sighting,
        st.integers(0, 1200),
        st.sampled_from((0.3, 0.6, 0.7, 0.95)),
        st.sampled_from(("fire", "smoke", "person")),
        ident=st.sampled_from(("i1", "i2")),
        camera=st.sampled_from(("cam", "other")),
        ended=st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(events=_EVENTS, data=st.data())
def test_a_restart_at_any_cut_changes_nothing(events: list[Sighting], data: st.DataObject) -> None:
    steady, before, after = Sightings(RULE), Sightings(RULE), Sightings(RULE)
    cut = data.draw(st.integers(0, len(events)))
    assert [before.update(e) for e in events[:cut]] == [steady.update(e) for e in events[:cut]]
    after.restore(before.snapshot())
    assert after.due_at() == steady.due_at()
    assert [after.update(e) for e in events[cut:]] == [steady.update(e) for e in events[cut:]]
    assert after.on_due(at(9000)) == steady.on_due(at(9000))


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    with pytest.raises(BrokenSnapshot):
        Sightings(RULE).restore(b"nothing")
