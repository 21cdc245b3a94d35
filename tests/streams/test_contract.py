"""Every detector in the registry keeps the contract: cuts, repeats, restarts and muted rows change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import MUTE, Mark
from ingest.frames import Frame, FrameBuilder, Origin
from ingest.registry import Device, Grid, GridLevel, Registry
from streams.detectors.contract import Detector
from streams.detectors.pack import BrokenSnapshot
from streams.detectors.registry import DETECTORS, Detectors
from streams.rules import Rules, parse_rules
from streams.signal import Signal

SECOND = 1_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)
BASE = int(START.timestamp()) * SECOND
DEVICES = ("a", "b", "c")

# One rule per detector, tuned so that short random histories ring, clear and ring again.
SAMPLES = {
    "threshold": """
        id = "over"
        detector = "threshold"
        levels = [{ level = "yellow", set = 3, reset = 2, hold = 3 }, { level = "red", set = 6, reset = 5, hold = 1 }]
        max_gap = 8
    """,
    "rate": """
        id = "rising"
        detector = "rate"
        level = "orange"
        per_minute = 6
        least = 3
        window = 12
        clear_after = 4
    """,
    "deviation": """
        id = "odd"
        detector = "deviation"
        level = "blue"
        sigmas = 2.5
        confirm = 2
        hold = 1
        memory = 20
        warm_up = 20
    """,
    "silence": """
        id = "quiet"
        detector = "silence"
        level = "blue"
        gateway_level = "yellow"
        factor = 3
        least = 5
    """,
}


def rules(*names: str) -> Rules:
    heads = [f'[[rule]]\nkind = "fire"\nmetrics = ["{"*" if n == "silence" else "x"}"]\n{SAMPLES[n]}' for n in names]
    return parse_rules("\n".join(heads))


REGISTRY = Registry.of(
    [Grid("t", "t", GridLevel.TOWNSHIP), Grid("g", "g", GridLevel.GRID, "t")],
    [Device(d, "smoke", f"gw{d in 'bc'}", "g", interval=timedelta(seconds=2)) for d in DEVICES],
)


def detectors(*names: str) -> Detectors:
    made = Detectors(rules(*names))
    made.enrol(REGISTRY, START)
    return made


def test_there_is_a_sample_of_every_detector() -> None:
    assert set(SAMPLES) == {*DETECTORS, "silence"}


_ROW = st.tuples(
    st.sampled_from(DEVICES),
    st.integers(-3, 6),  # seconds since the row before it, observed clock: some are out of order, some repeat
    st.integers(0, 4),  # received clock moves on
    st.sampled_from((0, 1, 2, 2, 3, 4, 5, 6, 7, 12)),
    st.sampled_from((0, 0, 0, 0, 0, 0, int(Mark.UNPLACED), int(Mark.TEST), int(Mark.LATE))),
)
Row = tuple[str, int, int, float, int]


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """(device, observed, received, value, marks) with both clocks in microseconds; sometimes after a calm past."""
    calm = draw(st.sampled_from((0, 25)))
    rows: list[Row] = [(d, BASE + i * SECOND, BASE + i * SECOND, float(i % 2), 0) for i in range(calm) for d in DEVICES]
    observed = received = BASE + calm * SECOND
    for device, step, passed, value, marks in draw(st.lists(_ROW, min_size=1, max_size=40)):
        observed, received = observed + step * SECOND, received + passed * SECOND
        rows.append((device, observed, received, float(value), marks))
    return rows


def frame(rows: list[Row]) -> Frame:
    builder = FrameBuilder()
    for device, observed, received, value, marks in rows:
        builder.add(Origin(device, "smoke", "g", "t", "gw"), "x", marks, observed, received, value)
    return builder.close()


def one_by_one(made: Detectors, rows: list[Row]) -> list[Signal]:
    return [s for row in rows for s in made.update(frame([row]))]


every = pytest.mark.parametrize("name", [*SAMPLES, "all"])


def named(name: str) -> Detectors:
    return detectors(*(SAMPLES if name == "all" else [name]))


@every
@settings(max_examples=60, deadline=None)
@given(rows=histories(), data=st.data())
def test_cutting_the_rows_differently_gives_the_same_signals(name: str, rows: list[Row], data: st.DataObject) -> None:
    whole, cut, single = named(name), named(name), named(name)
    at = data.draw(st.integers(0, len(rows)))
    expected = one_by_one(single, rows)
    assert whole.update(frame(rows)) == expected
    assert cut.update(frame(rows[:at])) + cut.update(frame(rows[at:])) == expected
    assert whole.due_at() == cut.due_at() == single.due_at()
    late = START + timedelta(hours=1)
    assert whole.on_due(late) == single.on_due(late)


@every
@settings(max_examples=40, deadline=None)
@given(rows=histories(), data=st.data())
def test_a_restart_at_any_cut_changes_nothing(name: str, rows: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows)))
    steady, before = named(name), named(name)
    assert before.update(frame(rows[:at])) == steady.update(frame(rows[:at]))
    after = named(name)
    after.restore(before.snapshot())
    after.enrol(REGISTRY, START + timedelta(minutes=5))
    assert after.due_at() == steady.due_at()
    assert after.update(frame(rows[at:])) == steady.update(frame(rows[at:]))
    late = START + timedelta(hours=1)
    assert after.on_due(late) == steady.on_due(late)


@every
@settings(max_examples=40, deadline=None)
@given(rows=histories())
def test_what_a_repeat_says_was_said_before(name: str, rows: list[Row]) -> None:
    """The last row of every device again: new words only under a key and level that were heard already."""
    made = named(name)
    now = datetime.fromtimestamp(max(r[2] for r in rows) / SECOND, UTC)
    said = {(s.key, s.level, s.active) for s in (*made.update(frame(rows)), *made.on_due(now))}
    heard = [r for r in rows if not Mark(r[4]) & (MUTE | Mark.LATE)]
    last = {r[0]: r for r in heard if r[1] == max(o[1] for o in heard if o[0] == r[0])}
    again = {(s.key, s.level, s.active) for s in made.update(frame(list(last.values())))}
    assert again <= said


@pytest.mark.parametrize("name", [n for n in SAMPLES if n != "silence"])
@settings(max_examples=40, deadline=None)
@given(rows=histories(), mark=st.sampled_from(tuple(m for m in Mark if m & MUTE)))
def test_muted_rows_never_ring_and_change_nothing_that_does(name: str, rows: list[Row], mark: Mark) -> None:
    muted = [(*row[:4], int(mark)) for row in rows]
    quiet = named(name)
    assert quiet.update(frame(muted)) == []
    assert quiet.due_at() is None
    assert quiet.update(frame(rows)) == named(name).update(frame(rows))


@every
@settings(max_examples=40, deadline=None)
@given(rows=histories())
def test_a_timer_before_its_time_does_nothing(name: str, rows: list[Row]) -> None:
    made, other = named(name), named(name)
    made.update(frame(rows))
    other.update(frame(rows))
    due = made.due_at()
    if due is not None:
        assert made.on_due(due - timedelta(microseconds=1)) == []
        assert made.due_at() == due
    late = START + timedelta(hours=1)
    assert made.on_due(late) == other.on_due(late)


@every
@settings(max_examples=40, deadline=None)
@given(rows=histories())
def test_timers_end(name: str, rows: list[Row]) -> None:
    made = named(name)
    made.update(frame(rows))
    for _ in range(100):
        if (due := made.due_at()) is None:
            return
        made.on_due(due)
    pytest.fail(f"after a hundred timers there is still one at {due}")


@settings(max_examples=40, deadline=None)
@given(rows=histories(), data=st.data())
def test_a_hold_says_the_same_with_timers_and_without(rows: list[Row], data: st.DataObject) -> None:
    """A timer that nobody rang, as when the log is read again, is made up for before the device's next row."""
    rung, read = detectors("threshold"), detectors("threshold")
    said: list[Signal] = []
    for row in rows:
        while (due := rung.due_at()) is not None and due <= datetime.fromtimestamp(row[2] / SECOND, UTC):
            said += rung.on_due(due)
        said += rung.update(frame([row]))
    again = read.update(frame(rows))
    late = START + timedelta(hours=1)
    assert sorted(map(str, said + rung.on_due(late))) == sorted(map(str, again + read.on_due(late)))


def test_the_composed_object_is_a_detector() -> None:
    made: Detector = detectors("threshold")
    assert made.update(frame([])) == []


def test_unchanged_rules_keep_their_state_when_the_file_changes() -> None:
    made = detectors("threshold", "rate")
    made.update(frame([("a", BASE, BASE, 7.0, 0)]))
    other = made.under(rules("deviation", "threshold"))
    assert other.due_at() == made.due_at() == START + timedelta(seconds=1)
    assert made.under(rules("rate")).due_at() is None


@pytest.mark.parametrize("raw", [b"", b"no snapshot at all", b"TS1\n\xff\xff\xff\xff"])
def test_bytes_that_are_no_snapshot_change_nothing(raw: bytes) -> None:
    made = detectors("threshold")
    made.update(frame([("a", BASE, BASE, 7.0, 0)]))
    due = made.due_at()
    with pytest.raises(BrokenSnapshot):
        made.restore(raw)
    assert made.due_at() == due
