"""Old and new versions of the worker side by side: signals and states of the previous one are read, later ones are laid aside.

The bytes in `golden/` were written by the version before gateways' numbers were counted. They are data: they never change.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.events import InvalidEvent, Mark, Place, Point
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.topics import Topic
from streams.calls import load_keywords
from streams.detectors.pack import BrokenSnapshot
from streams.rules import Rules, parse_rules
from streams.signal import Level, Origin, Signal, decode, encode, signal_key
from streams.ward import Ward

GOLDEN = Path(__file__).with_name("golden")
AT = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)
PLACE = Place("g1", "t1", Point(30.5, 120.5), "coordinates")
SIGNAL = Signal(
    signal_key("smoke_density", "d1", AT), "fire", Level.RED, Origin.SENSOR, "d1", "smoke_density", AT, AT,
    AT + timedelta(seconds=4), PLACE, True, 0.25, "smoke_density", Mark.DRILL, {"set": 0.12},
)  # fmt: skip
RULES = parse_rules("""
[[rule]]
id = "smoke_density"
kind = "fire"
metrics = ["smoke"]
detector = "threshold"
levels = [{ level = "red", set = 0.12, reset = 0.06, hold = 600 }]

[[rule]]
id = "silence"
kind = "device_silent"
metrics = ["*"]
detector = "silence"
level = "blue"
gateway_level = "yellow"
factor = 3
least = 60
offline_after = 60

[sightings]
labels = { fire = "fire" }
""")
REGISTRY = Registry.of(
    [Grid("t1", "东镇", GridLevel.TOWNSHIP), Grid("g1", "一格", GridLevel.GRID, "t1")],
    [Device("d1", "smoke", "gw", "g1", interval=timedelta(seconds=30))],
    1,
)


def test_a_signal_of_the_previous_version_is_read() -> None:
    assert decode((GOLDEN / "signal.json").read_bytes()) == SIGNAL


def test_the_previous_version_finds_everything_it_knows_in_our_signals() -> None:
    before, now = orjson.loads((GOLDEN / "signal.json").read_bytes()), orjson.loads(encode(SIGNAL))
    assert {key: now[key] for key in before} == before


@pytest.mark.parametrize(
    ("_sentence", "change", "reason"),
    [
        ("a later schema is named", {"v": 2}, "written under schema 2"),
        ("a level that we do not know is named", {"level": "purple"}, "'purple' is not a valid Level"),
        ("an origin that we do not know is named", {"origin": "drone"}, "'drone' is not a valid Origin"),
    ],
)
def test_a_signal_that_we_cannot_understand_is_refused(_sentence: str, change: dict[str, Any], reason: str) -> None:
    raw = orjson.dumps(orjson.loads((GOLDEN / "signal.json").read_bytes()) | change)
    with pytest.raises(InvalidEvent, match=reason):
        decode(raw)


def test_what_a_later_version_adds_to_a_signal_is_passed_over() -> None:
    raw = orjson.dumps(orjson.loads((GOLDEN / "signal.json").read_bytes()) | {"confidence": 0.5})
    assert decode(raw) == SIGNAL


def ward(rules: Rules = RULES) -> Ward:
    return Ward(0, 1, rules, load_keywords())


def holds_on(state: bytes) -> None:
    """The ward goes on in the middle of its hold and of its camera's episode."""
    found = ward()
    found.restore(state)
    assert found.applied == {Topic.READINGS: 41, Topic.SIGHTINGS: 7, Topic.CALLS: 3}
    found.enrol(REGISTRY, AT)
    said = found.on_due(AT + timedelta(seconds=600))
    assert [(s.kind, s.subject, s.active) for s in said if s.active] == [
        ("device_silent", "d1", True), ("fire", "d1", True),
    ]  # fmt: skip
    assert [(s.kind, s.subject, s.raised_at) for s in said if not s.active] == [
        ("fire", "cam", AT + timedelta(seconds=300))
    ]


def test_a_wards_state_of_the_previous_version_goes_on_in_the_middle_of_a_hold() -> None:
    holds_on((GOLDEN / "ward.bin").read_bytes())


def changed(change: Callable[[dict[str, Any]], None], more: bytes = b"") -> bytes:
    raw = (GOLDEN / "ward.bin").read_bytes()
    body = zlib.decompress(raw[4:])
    (length,) = struct.unpack_from("<I", body)
    head = orjson.loads(body[4 : 4 + length])
    change(head)
    packed = orjson.dumps(head)
    return raw[:4] + zlib.compress(b"".join((struct.pack("<I", len(packed)), packed, body[4 + length :], more)), 1)


def test_the_state_of_a_later_version_goes_on_without_what_we_do_not_know() -> None:
    def later(head: dict[str, Any]) -> None:
        head["applied"]["tocsin.omens"] = 9
        head["sizes"] += [len(hot), 3]
        head["epoch"] = 4

    hot = ward().surges.snapshot()
    holds_on(changed(later, hot + b"???"))


def test_a_state_without_a_part_that_we_know_is_refused() -> None:
    with pytest.raises(BrokenSnapshot, match="2 parts instead of 4"):
        ward().restore(changed(lambda head: head["sizes"].pop()))
