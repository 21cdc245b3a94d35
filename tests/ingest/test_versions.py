"""Old and new versions side by side: what the previous version wrote is read, what we write it could read, what is later is laid aside.

The bytes in `golden/` were written by the version before gateways' numbers were counted. They are data: they never change.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.events import (
    Call,
    InvalidEvent,
    Mark,
    Place,
    Point,
    Presence,
    Reading,
    Rejected,
    Sighting,
    Standing,
    decode,
    encode,
)
from ingest.frames import Frame, FrameBuilder, Origin, to_micros

GOLDEN = Path(__file__).with_name("golden")
AT = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)
PLACE = Place("g1", "t1", Point(30.5, 120.5), "coordinates")
EVENTS: dict[str, Any] = {
    "reading": Reading("d", "x", -1.5, AT, AT, PLACE, "smoke", "gw", Mark.LATE | Mark.TEST),
    "sighting": Sighting("s", "cam", "火", 1.0, AT, AT, PLACE, ended=True, gateway="gw", marks=Mark.DRILL),
    "call": Call("c", "着火了", AT, AT, "火灾", "phone", "东街1号", "token", "138****0000", Place(), "12345"),
    "presence": Presence("d", Standing.OFFLINE, AT, AT, PLACE, "smoke", "gw", Mark.RETAINED),
    "rejected": Rejected("bad_json", b"\x00\xff{", "a/b", AT, "gw", "why"),
}
NAMES = pytest.mark.parametrize("name", EVENTS)


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


@NAMES
def test_an_event_of_the_previous_version_is_read(name: str) -> None:
    assert decode(golden(f"{name}.json")) == EVENTS[name]


@NAMES
def test_the_previous_version_finds_everything_it_knows_in_what_we_write(name: str) -> None:
    before, now = orjson.loads(golden(f"{name}.json")), orjson.loads(encode(EVENTS[name]))
    assert {key: now[key] for key in before} == before


@NAMES
def test_what_a_later_version_adds_to_an_event_is_passed_over(name: str) -> None:
    later = orjson.loads(golden(f"{name}.json")) | {"signature": "abc", "hops": [1, {"x": None}]}
    assert decode(orjson.dumps(later)) == EVENTS[name]


@pytest.mark.parametrize(
    ("_sentence", "change", "reason"),
    [
        ("a later schema is named", {"v": 2}, "written under schema 2, and this version reads up to 1"),
        ("a schema that is no number is named", {"v": "two"}, "written under schema two"),
        ("a kind of event that we do not know is named", {"is": "omen"}, "an event of the kind 'omen'"),
        ("a standing that we do not know is named", {"standing": "asleep"}, "'asleep' is not a valid Standing"),
    ],
)
def test_what_we_cannot_understand_is_refused_with_the_reason(
    _sentence: str, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidEvent, match=reason):
        decode(orjson.dumps(orjson.loads(golden("presence.json")) | change))


def test_marks_of_a_later_version_are_kept_and_do_not_mute() -> None:
    later = orjson.loads(golden("presence.json")) | {"marks": 1 << 14 | int(Mark.CLOCK_SKEW)}
    event = decode(orjson.dumps(later))
    assert isinstance(event, Presence)
    assert int(event.marks) == 1 << 14 | int(Mark.CLOCK_SKEW)
    assert not event.marks.mutes
    assert decode(encode(event)) == event


def rows() -> FrameBuilder:
    builder, micros = FrameBuilder(), to_micros(AT)
    builder.add(Origin("d1", "smoke", "g1", "t1", "gw", 30.5, 120.5), "smoke", 0, micros, micros + 5, 0.25)
    marks = int(Mark.LATE | Mark.UNKNOWN_DEVICE)
    builder.add(Origin("d2", "", "", "", "gw"), "温度", marks, micros - 10_000_000, micros + 6, -3.0)
    return builder


def test_a_frame_of_the_previous_version_is_read() -> None:
    found = list(Frame.decode(golden("frame.bin")).readings())
    assert [(r.device, r.metric, r.value, r.place.grid, r.place.township, int(r.marks)) for r in found] == [
        ("d1", "smoke", 0.25, "g1", "t1", 0), ("d2", "温度", -3.0, "", "", 288),
    ]  # fmt: skip
    assert [r.observed_at for r in found] == [AT, AT - timedelta(seconds=10)]
    assert found[0].place.point == Point(30.5, 120.5)


def test_the_previous_version_reads_our_frames_byte_for_byte() -> None:
    assert rows().close().encode() == golden("frame.bin")


def test_what_a_later_version_adds_to_a_frames_header_is_passed_over() -> None:
    raw = golden("frame.bin")
    magic, length = struct.unpack_from("<4sI", raw)
    header = orjson.dumps(orjson.loads(raw[8 : 8 + length]) | {"codec": "none", "numbers": {"gw": [1, 2]}})
    later = struct.pack("<4sI", magic, len(header)) + header + raw[8 + length :]
    assert list(Frame.decode(later).readings()) == list(Frame.decode(raw).readings())


def test_a_frame_of_a_later_schema_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidEvent, match="a frame of schema b'TF2', and this version reads b'TF1'"):
        Frame.decode(b"TF2\n" + golden("frame.bin")[4:])
