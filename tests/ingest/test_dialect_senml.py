"""SenML: packs are resolved as RFC 8428 says, in JSON and in CBOR alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import cbor2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.dialects.senml import ENTRIES
from ingest.events import Point

(ENTRY,) = ENTRIES
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
S = 1772352000
LABELS = {
    "bver": -1,
    "bn": -2,
    "bt": -3,
    "bu": -4,
    "bv": -5,
    "bs": -6,
    "n": 0,
    "u": 1,
    "v": 2,
    "vs": 3,
    "vb": 4,
    "s": 5,
    "t": 6,
    "ut": 7,
    "vd": 8,
}


def take(body: Any, content_type: str = "") -> Decoding:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return decode_safely(ENTRY.open(), Message("any/topic", raw, NOW, content_type=content_type))


def in_cbor(pack: list[dict[str, Any]]) -> bytes:
    return cbor2.dumps([{LABELS.get(k, k): v for k, v in record.items()} for record in pack])


Row = tuple[str, str, Any, str, datetime | None]  # device, metric, value, unit, device_at
PACKS: list[tuple[str, list[dict[str, Any]], list[Row]]] = [
    ("one record without a time is of now", [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}],
     [("urn:dev:ow:10e2073a01080063", "temperature", 23.1, "°C", None)]),
    ("a part of a device URN is the metric", [{"n": "urn:dev:mac:0024befffe804ff1_door", "vb": True}],
     [("urn:dev:mac:0024befffe804ff1", "door", True, "", None)]),
    ("base name, unit and time hold for the records after", [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": S, "bu": "A", "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2}, {"n": "current", "t": -4, "v": 1.3}],
     [("urn:dev:ow:10e2073a0108006", "voltage", 120.1, "V", NOW), ("urn:dev:ow:10e2073a0108006", "current", 1.2, "A", NOW - timedelta(seconds=5)),
      ("urn:dev:ow:10e2073a0108006", "current", 1.3, "A", NOW - timedelta(seconds=4))]),
    ("a new base replaces the old one", [{"bn": "a/", "n": "x", "v": 1}, {"bn": "b/", "n": "x", "v": 2}, {"n": "y", "v": 3}],
     [("a", "x", 1, "", None), ("b", "x", 2, "", None), ("b", "y", 3, "", None)]),
    ("base fields alone are no record", [{"bn": "a/", "bt": S}, {"n": "x", "v": 1}], [("a", "x", 1, "", NOW)]),
    ("a time below 2^28 is counted from now", [{"n": "a/x", "t": -60, "v": 1}], [("a", "x", 1, "", NOW - timedelta(seconds=60))]),
    ("so is base time and time together", [{"bn": "a/", "bt": -10, "n": "x", "t": -5.5, "v": 1}], [("a", "x", 1, "", NOW - timedelta(seconds=15.5))]),
    ("a time with a fraction", [{"n": "a/x", "t": S + 0.5, "v": 1}], [("a", "x", 1, "", NOW + timedelta(seconds=0.5))]),
    ("a base value is added", [{"bn": "a/", "bv": 20, "n": "x", "v": 0.7}, {"n": "y", "v": -1}], [("a", "x", 20.7, "", None), ("a", "y", 19, "", None)]),
    ("and adds no noise", [{"bn": "a/", "bv": 0.1, "n": "x", "v": 0.2}], [("a", "x", 0.3, "", None)]),
    ("texts and data are no numbers", [{"n": "a/x", "vs": "开"}, {"n": "a/y", "vd": "aGk"}], [("a", "x", "开", "", None), ("a", "y", "aGk", "", None)]),
    ("a sum is a value of its own", [{"bn": "a/", "bs": 100, "n": "flow", "u": "l/s", "v": 2, "s": 5}],
     [("a", "flow", 2, "L/s", None), ("a", "flow_sum", 105, "L/s·s", None)]),
    ("a sum without a value", [{"n": "a/flow", "u": "W", "s": 5}], [("a", "flow_sum", 5, "W·s", None)]),
    ("units by their symbols", [{"bn": "a/", "n": "h", "u": "%RH", "v": 40}, {"n": "b", "u": "%EL", "v": 90}, {"n": "l", "u": "lx", "v": 7}],
     [("a", "h", 40, "%", None), ("a", "b", 90, "%", None), ("a", "l", 7, "lx", None)]),
    ("a name in one piece is the device", [{"n": "meter7", "u": "V", "v": 3}], [("meter7", "voltage", 3, "V", None)]),
    ("an older version is read", [{"bver": 5, "n": "a/x", "v": 1}], [("a", "x", 1, "", None)]),
    ("unknown fields are passed over", [{"n": "a/x", "v": 1, "colour": "red"}], [("a", "x", 1, "", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("why", "pack", "rows"), PACKS)
def test_packs_are_resolved(why: str, pack: list[dict[str, Any]], rows: list[Row]) -> None:
    for raw in (orjson.dumps(pack), in_cbor(pack)):
        decoding = take(raw)
        found = [(o.device, o.metric, o.value, o.unit, o.device_at) for o in decoding.observations]
        assert found == rows, why
        assert [type(row[2]) for row in found] == [type(row[2]) for row in rows], why


def test_a_boolean_alarm_rings_and_clears() -> None:
    (alarm,) = take([{"bn": "urn:dev:mac:0024befffe804ff1_", "n": "smoke_alarm", "vb": True, "t": S}]).observations
    assert (alarm.kind, alarm.metric, alarm.value, alarm.attributes) == (
        Kind.ALARM,
        "fire_alarm",
        True,
        {"name": "smoke_alarm"},
    )
    assert take([{"n": "a/fire_alarm", "vb": False}]).observations[0].kind is Kind.CLEAR
    assert take([{"n": "a/door", "vb": True}]).observations[0].kind is Kind.STATE
    assert take([{"n": "a/fire_alarm", "v": 1}]).observations[0].kind is Kind.TELEMETRY


def test_keys_only_for_times_that_stay() -> None:
    assert take([{"n": "a/x", "t": S, "v": 1}]).observations[0].key == f"senml:a/x:{S}"
    relative = take([{"n": "a/x", "t": -5, "ut": 60, "v": 1}]).observations[0]
    assert (relative.key, relative.attributes) == ("", {"relative_s": -5, "update_s": 60})


def test_a_clock_that_was_never_set() -> None:
    (seen,) = take([{"n": "a/x", "t": 300_000_000, "v": 1}]).observations
    assert (seen.device_at, seen.warnings) == (None, ("zero_time",))
    (far,) = take([{"n": "a/x", "t": 1e18, "v": 1}]).observations
    assert (far.device_at, far.warnings) == (None, ("bad_time",))


def test_latitude_and_longitude_place_the_device() -> None:
    pack = [
        {"bn": "car/", "n": "y", "u": "lat", "v": 31.2},
        {"n": "x", "u": "lon", "v": 121.5},
        {"n": "temp", "u": "Cel", "v": 20},
    ]
    assert {o.point for o in take(pack).observations} == {Point(31.2, 121.5)}
    pack[0]["v"] = 131.2
    assert {o.point for o in take(pack).observations} == {None}


def test_one_bad_record_is_named_and_the_rest_is_kept() -> None:
    decoding = take([{"n": "a/x", "v": "hot"}, {"n": "a/y", "v": 1}, {"n": "a/z"}])
    assert [(o.metric, o.warnings) for o in decoding.observations] == [
        ("y", ("bad_record_bad_value", "bad_record_no_value"))
    ]
    assert take([{"bn": "b/", "n": "x", "v": None}, {"n": "y", "v": 1}]).observations[0].device == "b", (
        "its base fields hold all the same"
    )


def test_a_name_against_the_rule_is_kept_with_a_warning() -> None:
    (seen,) = take([{"n": "水表/流量", "v": 1}]).observations
    assert (seen.device, seen.metric, seen.warnings) == ("水表", "流量", ("bad_name",))


@pytest.mark.parametrize(
    ("why", "body", "reason"),
    [
        ("a later version must not be read", [{"bver": 11, "n": "a", "v": 1}], "bad_value"),
        ("a field that must be understood", [{"n": "a", "v": 1, "secret_": 1}], "bad_value"),
        ("two values", [{"n": "a", "v": 1, "vb": True}], "bad_value"),
        ("no name at all", [{"v": 1}], "bad_value: none of 1 records can be read: bad_record_no_device"),
        ("a boolean is no number", [{"n": "a", "v": True}], "bad_value"),
        ("a number is no boolean", [{"n": "a", "vb": 1}], "bad_value"),
        ("a broken base forbids the pack", [{"bn": "a/", "bt": "now", "n": "x", "v": 1}, {"n": "y", "v": 1}], "bad_value"),
        ("a name that cannot be printed", [{"n": "a\u0007", "v": 1}], "bad_value"),
        ("a name without end", [{"n": "a" * 200, "v": 1}], "bad_value"),
        ("no array", {"n": "a", "v": 1}, "missing_field"),
        ("an array of numbers", [1, 2], "missing_field"),
        ("broken JSON", b'[{"n":"a"', "bad_json"),
        ("broken CBOR", b"\x81\xa2\x00", "bad_cbor"),
        ("CBOR too deep", b"\x81" * 100 + b"\x00", "too_deep"),
        ("too many records", [{"n": "a/x", "v": 1}] * 2100, "too_big"),
        ("a number that is not finite", cbor2.dumps([{0: "a", 2: float("inf")}]), "bad_value"),
        ("an integer beyond measure", cbor2.dumps([{0: "a", 2: 10**400}]), "bad_value"),
        ("a decimal that is none", cbor2.dumps([{0: "a", 2: Decimal("NaN")}]), "bad_value"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(why: str, body: Any, reason: str) -> None:
    decoding = take(body)
    assert decoding.verdict is Verdict.REJECTED, why
    assert decoding.reason.startswith(reason), why


def test_cbor_keeps_decimals_and_data() -> None:
    data, number = take(cbor2.dumps([{0: "a/x", 8: b"\x01\xff"}, {0: "a/y", 2: Decimal("25.7")}])).observations
    assert (data.value, number.value) == ("Af8", 25.7)


def test_an_empty_pack_says_nothing() -> None:
    assert take([]).verdict is Verdict.IGNORED
    assert take([{"bn": "a/"}]).verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("why", "raw", "content_type", "fit"),
    [
        ("by content type", b"?", "application/senml+json; charset=utf-8", Fit.TOPIC),
        ("CBOR by content type", b"?", "application/senml+cbor", Fit.TOPIC),
        ("JSON with a base name", b' [{"bn":"a/","n":"x","v":1}]', "", Fit.MARKED),
        ("JSON with a name", b'[{"n":"x","v" : 1}]', "", Fit.CONTENT),
        ("CBOR by its labels", in_cbor([{"bn": "a/", "n": "x", "v": 1}]), "", Fit.CONTENT),
        ("JSON of another", b'[{"name":"x","value":1}]', "", Fit.NO),
        ("an object", b'{"n":"x","v":1}', "", Fit.NO),
        ("CBOR of another", cbor2.dumps([{"temp": 1}]), "", Fit.NO),
        ("nothing", b"", "", Fit.NO),
    ],
)  # fmt: skip
def test_whose_a_message_is(why: str, raw: bytes, content_type: str, fit: Fit) -> None:
    assert ENTRY.fits(Message("any", raw, NOW, content_type=content_type)) is fit, why


numbers = st.integers(-(10**6), 10**6) | st.decimals(-1000, 1000, places=2).map(float)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), numbers, st.integers(S, S + 10**6)), min_size=1, max_size=20), numbers
)
def test_resolved_and_unresolved_packs_say_the_same(records: list[tuple[str, float, int]], base: float) -> None:
    plain = [
        {"n": f"dev/{name}", "v": float(Decimal(repr(base)) + Decimal(repr(value))), "t": at}
        for name, value, at in records
    ]
    short = [{"n": name, "v": value, "t": at - S} for name, value, at in records]
    short[0] |= {"bn": "dev/", "bt": S, "bv": base}
    said = [[(o.device, o.metric, o.value, o.device_at) for o in take(pack).observations] for pack in (plain, short)]
    assert said[0] == said[1]


LABEL = st.sampled_from([*LABELS, "x_"]) | st.integers(-7, 9)
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.lists(st.integers(), max_size=2)
)


@given(
    st.one_of(st.binary(max_size=200), st.lists(st.dictionaries(LABEL, ODD, max_size=5), max_size=5).map(cbor2.dumps))
)
def test_no_bytes_make_a_fault(raw: bytes) -> None:
    assert isinstance(ENTRY.fits(Message("", raw, NOW)), Fit)
    assert not take(raw).reason.startswith("fault")
