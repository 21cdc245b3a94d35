"""Facts are valid by construction, and travel without loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import (
    MUTE,
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
    digest,
    encode,
)

AT = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)
PLACE = Place("g1", "t1", Point(30.5, 120.5), "coordinates")
EVENTS = [
    Reading("d", "x", -1.5, AT, AT, PLACE, "smoke", "gw", Mark.LATE | Mark.TEST),
    Sighting("s", "cam", "火", 1.0, AT, AT, PLACE, ended=True, gateway="gw", marks=Mark.DRILL),
    Call("c", "着火了", AT, AT, "火灾", "phone", "东街1号", "token", "138****0000", Place(), "12345"),
    Presence("d", Standing.OFFLINE, AT, AT, PLACE, "smoke", "gw", Mark.RETAINED),
    Rejected("bad_json", b"\x00\xff{", "a/b", AT, "gw", "why"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_an_event_travels_without_loss(event: Any) -> None:
    assert decode(encode(event)) == event


def test_an_event_of_another_offset_is_the_same_instant() -> None:
    china = AT.astimezone(timezone(timedelta(hours=8)))
    event = Presence("d", Standing.ONLINE, china, china)
    assert decode(encode(event)) == Presence("d", Standing.ONLINE, AT, AT)


def test_fields_of_a_later_version_are_passed_over() -> None:
    body = orjson.loads(encode(EVENTS[0])) | {"colour": "red"}
    assert decode(orjson.dumps(body)) == EVENTS[0]


@given(st.binary(max_size=80))
def test_bytes_that_are_no_event_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode(raw)


@pytest.mark.parametrize(
    ("why", "make"),
    [
        ("a naive time", lambda: Reading("d", "x", 1, AT.replace(tzinfo=None), AT)),
        ("no number", lambda: Reading("d", "x", float("nan"), AT, AT)),
        ("no device", lambda: Reading("", "x", 1, AT, AT)),
        ("a device of control characters", lambda: Reading("a\nb", "x", 1, AT, AT)),
        ("a metric that is too long", lambda: Reading("d", "x" * 65, 1, AT, AT)),
        ("a score of more than 1", lambda: Sighting("s", "c", "fire", 1.1, AT, AT)),
        ("a text that is too long", lambda: Call("c", "x" * 4001, AT, AT)),
        ("a latitude beyond the pole", lambda: Point(90.1, 0)),
        ("a code that is too long", lambda: Place("g" * 25)),
        ("a rejection without an offset", lambda: Rejected("r", b"", "t", AT.replace(tzinfo=None))),
    ],
)
def test_what_cannot_be_is_not_made(why: str, make: Any) -> None:
    with pytest.raises(InvalidEvent):
        make()


@pytest.mark.parametrize("mark", list(Mark))
def test_exactly_the_marks_of_the_law_mute(mark: Mark) -> None:
    silent = {Mark.TEST, Mark.DRILL, Mark.SIMULATED, Mark.RETAINED, Mark.HISTORICAL, Mark.LATE}
    assert mark.mutes == (mark in silent)
    assert (mark | Mark.UNPLACED).mutes == (mark in silent)
    assert not Mark.NONE.mutes
    assert bool(MUTE & mark) == mark.mutes


def test_a_digest_depends_on_every_part_and_on_where_parts_end() -> None:
    assert digest("a", "b") == digest("a", "b")
    assert len({digest("a", "b"), digest("ab", ""), digest("b", "a"), digest("a", "b", "")}) == 4
