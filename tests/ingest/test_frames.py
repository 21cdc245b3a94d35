"""Frames: what goes in comes out, in order, and a broken one is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import frames
from ingest.events import InvalidEvent, Mark, Place, Point, Reading
from ingest.frames import Frame, FrameBuilder, Origin, from_micros, to_micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(0, 4_000_000_000_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))
places = st.builds(
    Place, st.sampled_from(["", "g1", "g2"]), st.sampled_from(["", "t1"]),
    st.none() | st.builds(Point, st.floats(-90, 90), st.floats(-180, 180)), st.just("registry"),
)  # fmt: skip
readings = st.builds(
    Reading, st.sampled_from(["a", "b", "设备"]), st.sampled_from(["x", "y"]), st.floats(allow_nan=False, allow_infinity=False),
    instants, instants, places, st.sampled_from(["", "smoke"]), st.sampled_from(["", "gw"]), st.integers(0, 1023).map(Mark),
)  # fmt: skip


@given(st.lists(readings, max_size=30))
def test_rows_survive_the_log_in_their_order(rows: list[Reading]) -> None:
    frame = Frame.decode(Frame.of(rows).encode())
    assert len(frame) == len(rows)
    assert list(frame.readings()) == rows


@given(st.lists(readings, min_size=1, max_size=10), st.data())
def test_a_row_by_itself_is_the_same_row(rows: list[Reading], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    assert list(Frame.of(rows).row(index).readings()) == [rows[index]]


@given(st.lists(st.lists(readings, min_size=1, max_size=8), min_size=1, max_size=6))
def test_frames_that_are_joined_hold_their_rows_in_order(some: list[list[Reading]]) -> None:
    joined = Frame.join([Frame.of(rows) for rows in some])
    assert list(joined.readings()) == [reading for rows in some for reading in rows]
    assert list(Frame.decode(joined.encode()).readings()) == list(joined.readings())


def test_frames_with_more_names_than_one_can_hold_are_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_METRICS", 3)
    some = [Frame.of([Reading("d", f"m{n}", 1.0, EPOCH, EPOCH)]) for n in range(4)]
    assert len(Frame.join(some[:3])) == 3
    with pytest.raises(InvalidEvent, match="4 metrics"):
        Frame.join(some)


@given(st.binary(max_size=60))
def test_broken_bytes_are_refused_and_nothing_else_happens(raw: bytes) -> None:
    with pytest.raises(InvalidEvent):
        Frame.decode(raw)


@given(st.lists(readings, min_size=1, max_size=5), st.data())
def test_a_frame_that_was_cut_off_is_refused(rows: list[Reading], data: st.DataObject) -> None:
    raw = Frame.of(rows).encode()
    with pytest.raises(InvalidEvent):
        Frame.decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


def test_a_row_that_points_past_its_names_is_refused() -> None:
    frame = Frame(
        (Origin("a"),),
        ("x",),
        *(np.array([v], t) for v, t in ((1, "<i4"), (0, "<i2"), (0, "<u2"), (0, "<i8"), (0, "<i8"), (0, "<f8"))),
    )
    with pytest.raises(InvalidEvent, match="past its name tables"):
        Frame.decode(frame.encode())


def test_a_builder_is_empty_after_it_was_closed() -> None:
    builder = FrameBuilder()
    builder.add(Origin("a"), "x", 0, 1, 2, 3.0)
    assert len(builder.close()) == 1
    assert builder.size == 0
    builder.add(Origin("b"), "y", 0, 1, 2, 3.0)
    frame = builder.close()
    assert (frame.devices, frame.metrics) == ((Origin("b"),), ("y",))


def test_a_device_that_moved_is_another_origin() -> None:
    builder = FrameBuilder()
    builder.add(Origin("a", grid="g1"), "x", 0, 1, 2, 3.0)
    builder.add(Origin("a", grid="g2"), "x", 0, 1, 2, 3.0)
    assert [o.grid for o in builder.close().devices] == ["g1", "g2"]


@given(instants)
def test_microseconds_keep_the_instant(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at
