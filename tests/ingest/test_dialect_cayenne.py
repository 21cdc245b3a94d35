"""CayenneLPP: big-endian, several of one kind on their channels, up to the first type that is not known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.cayenne import read_cayenne
from ingest.dialects.lorawan_payloads import DECODERS, read_payload
from ingest.dialects.observation import Kind
from ingest.events import Point


@pytest.mark.parametrize(
    ("why", "text", "expected"),
    [
        ("two thermometers, one below zero", "01670110 0567FFD7", [("temperature", 27.2), ("temperature_5", -4.1)]),
        ("half percents and tenths of a hectopascal", "0268 65 0373 2776", [("humidity", 50.5), ("pressure", 1010.2)]),
        (
            "light, presence and a contact",
            "0165 0102 0266 01 0300 00",
            [("illuminance", 258), ("occupancy", True), ("digital_input", False)],
        ),
        ("an input that is a number", "0300 07", [("digital_input", 7)]),
        ("an analog value below zero", "0102 FFFF", [("analog_input", -0.01)]),
        (
            "acceleration",
            "0671 04D2 FB2E 0000",
            [("acceleration_x", 1.234), ("acceleration_y", -1.234), ("acceleration_z", 0.0)],
        ),
        ("a battery's voltage", "0174 0172", [("voltage", 3.7)]),
    ],
)
def test_types(why: str, text: str, expected: list[tuple[str, Any]]) -> None:
    said, rest = read_cayenne(bytes.fromhex(text))
    assert [(one.metric, one.value) for one in said] == expected, why
    assert rest == b"", why


def test_a_position() -> None:
    (one,), _ = read_cayenne(bytes.fromhex("0188 06765F F2960A 0003E8"))
    assert one.point == Point(42.3519, -87.9094)
    assert (one.kind, one.attributes["altitude"]) == (Kind.STATE, 10.0)


def test_what_is_not_known_ends_the_frame_and_is_kept() -> None:
    payload = read_payload(bytes.fromhex("01670110 02FA01"), "cayenne", 1)
    assert [one.metric for one in payload.said] == ["temperature"]
    assert (payload.warnings, payload.facts["rest_hex"]) == (("unknown_channel",), "02fa01")
    cut, rest = read_cayenne(bytes.fromhex("016701"))
    assert (cut, rest) == ((), b"\x01\x67\x01")


@given(st.binary(max_size=300), st.sampled_from(sorted(DECODERS)))
def test_no_bytes_stumble(raw: bytes, name: str) -> None:
    payload = read_payload(raw, "own", 1, {"own": name})
    assert payload.said
    assert set(DECODERS) == {"milesight", "cayenne_lpp"}


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(-3000, 3000)), max_size=20))
def test_what_is_written_is_read(values: list[tuple[int, int]]) -> None:
    raw = b"".join(bytes([channel, 103]) + tenths.to_bytes(2, "big", signed=True) for channel, tenths in values)
    said, rest = read_cayenne(raw)
    assert [(one.attributes["channel"], one.value) for one in said] == [
        (channel, tenths / 10) for channel, tenths in values
    ]
    assert rest == b""
