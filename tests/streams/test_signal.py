"""Signals travel unharmed, and their keys are the same in every process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import InvalidEvent, Mark, Place, Point
from streams.signal import Level, Origin, Signal, decode, encode, signal_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)

_INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_PLACES = st.builds(
    Place,
    st.text(max_size=24),
    st.text(max_size=24),
    st.none() | st.builds(Point, st.floats(-90, 90), st.floats(-180, 180)),
    st.sampled_from(("registry", "coordinates", "catcher")),
)
_SIGNALS = st.builds(
    Signal,
    key=st.text(max_size=30),
    kind=st.sampled_from(("fire", "gas")),
    level=st.sampled_from(Level),
    origin=st.sampled_from(Origin),
    subject=st.text(max_size=20),
    rule=st.text(max_size=20),
    event_at=_INSTANTS,
    received_at=_INSTANTS,
    raised_at=_INSTANTS,
    place=_PLACES,
    active=st.booleans(),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    marks=st.sampled_from((Mark.NONE, Mark.TEST | Mark.UNPLACED)),
    evidence=st.dictionaries(st.text(max_size=5), st.integers(-5, 5), max_size=3),
)


@given(_SIGNALS)
def test_a_signal_comes_back_as_it_was(signal: Signal) -> None:
    assert decode(encode(signal)) == signal


def test_the_key_is_the_same_in_every_zone_and_process() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=8)))
    assert signal_key("r", "d", NOW) == signal_key("r", "d", elsewhere) == "d85a624176b3d212a4611be8"


def test_levels_are_ordered() -> None:
    assert sorted(Level, key=lambda level: level.rank) == [Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"place": null}', b"\xff"])
def test_what_is_no_signal_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidEvent, match="not a signal"):
        decode(raw)


def test_a_naive_instant_cannot_be() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(InvalidEvent, match="event_at"):
        Signal("k", "fire", Level.RED, Origin.SENSOR, "d", "r", naive, NOW, NOW)
