"""What messages come to: placed, dated, marked, or rejected with a reason; and the short way makes the same rows as the long one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.counts import GatewayCounts
from ingest.dialects import open_dialects
from ingest.events import (
    Call,
    Decoded,
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
from ingest.frames import Frame, to_micros
from ingest.gateway import RAW_KEPT, Gateway
from ingest.log import record_of
from ingest.packer import Batch, Packer
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.settings import GatewaySettings
from ingest.topics import partition_of

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HERE, THERE = Point(30.5, 120.5), Point(10.0, 10.0)
REGISTRY = Registry.of(
    [Grid("t1", "东镇", GridLevel.TOWNSHIP), Grid("g1", "一格", GridLevel.GRID, "t1"), Grid("g2", "二格", GridLevel.GRID, "t1")],
    [
        Device("s1", "smoke", "gw", "g1", HERE),
        Device("free", "heat", grid="g1"),
        Device("pointed", "gas", point=HERE),
        Device("lost", "gas"),
        Device("cam", "camera", "gw", "g1"),
    ],
    1,
)  # fmt: skip


def locate(point: Point) -> Place | None:
    return Place("g2", "t1", point, "coordinates") if abs(point.lat - HERE.lat) < 1 else None


EXAMPLE = Path(__file__).parents[2] / "docs" / "profiles.example.toml"
GATEWAY = Gateway(
    REGISTRY, locate, GatewaySettings(), open_dialects(EXAMPLE), lambda n: (f"sealed({n})", "138****0000")
)


def say(topic: str, body: Any, *, retained: bool = False) -> Decoded:
    return GATEWAY.decide(topic, body if isinstance(body, bytes) else orjson.dumps(body), retained, NOW)


def one(topic: str, body: Any, **how: bool) -> Reading:
    decoded = say(topic, body, **how)
    assert decoded.events == ()
    assert len(decoded.readings) == 1
    return decoded.readings[0]


def ms(seconds: float) -> int:
    return round((NOW + timedelta(seconds=seconds)).timestamp() * 1000)


def test_a_reading_stands_where_the_registry_says() -> None:
    reading = one("tocsin/gw/s1/telemetry", {"at": ms(-1), "smoke": 0.3})
    assert reading == Reading(
        "s1", "smoke", 0.3, NOW - timedelta(seconds=1), NOW, Place("g1", "t1", HERE, "registry"), "smoke", "gw"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("why", "device", "extra", "place", "marks"),
    [
        ("an enrolled device's own grid wins over coordinates", "free", {"lat": 30.6, "lon": 120.5}, ("g1", "registry"), Mark.NONE),
        ("an enrolled point is looked up", "pointed", {}, ("g2", "coordinates"), Mark.NONE),
        ("an enrolled device without a place goes by its coordinates", "lost", {"lat": 30.5, "lon": 120.5}, ("g2", "coordinates"), Mark.NONE),
        ("an enrolled device without any place goes to the catcher", "lost", {}, ("", "catcher"), Mark.UNPLACED),
        ("an unknown device goes by its coordinates", "new", {"lat": 30.5, "lon": 120.5}, ("g2", "coordinates"), Mark.UNKNOWN_DEVICE),
        ("an unknown device outside all grids goes to the catcher", "new", {"lat": 10, "lon": 10}, ("", "catcher"), Mark.UNKNOWN_DEVICE | Mark.UNPLACED),
        ("an unknown device without coordinates goes to the catcher", "new", {}, ("", "catcher"), Mark.UNKNOWN_DEVICE | Mark.UNPLACED),
    ],
)  # fmt: skip
def test_the_right_grid_or_the_catcher(
    why: str, device: str, extra: dict[str, Any], place: tuple[str, str], marks: Mark
) -> None:
    reading = one(f"tocsin/gw/{device}/telemetry", {"at": ms(0), "x": 1} | extra)
    assert (reading.place.grid, reading.place.why) == place, why
    assert reading.marks == marks, why


def test_coordinates_keep_their_point_even_when_no_grid_covers_it() -> None:
    assert one("tocsin/gw/new/telemetry", {"x": 1, "lat": 10, "lon": 10}).place.point == THERE


def test_a_named_datum_is_converted_before_anything_looks_at_it() -> None:
    plain = one("tocsin/gw/new/telemetry", {"x": 1, "lat": 30.5, "lon": 120.5}).place.point
    shifted = one("tocsin/gw/new/telemetry", {"x": 1, "lat": 30.5, "lon": 120.5, "datum": "gcj02"}).place.point
    assert plain is not None
    assert shifted is not None
    assert 0.001 < abs(plain.lon - shifted.lon) < 0.01


@pytest.mark.parametrize(
    ("why", "body", "observed", "marks"),
    [
        ("an ISO time with an offset", {"at": "2026-03-01T15:59:59+08:00"}, -1, Mark.NONE),
        ("an ISO time in Z", {"at": "2026-03-01T07:59:59.500Z"}, -0.5, Mark.NONE),
        ("milliseconds", {"at": ms(-2)}, -2, Mark.NONE),
        ("milliseconds with a fraction", {"at": ms(-2) + 0.25}, -1.99975, Mark.NONE),
        ("no time: the gateway's clock", {}, 0, Mark.ZERO_TIME),
        ("null, empty or zero: the gateway's clock", {"at": 0}, 0, Mark.ZERO_TIME),
        ("a clock that was never set", {"at": 86_400_000}, 0, Mark.ZERO_TIME),
        ("a clock a little ahead is believed", {"at": ms(59)}, 59, Mark.NONE),
        ("a clock far ahead is not", {"at": ms(61)}, 0, Mark.CLOCK_SKEW),
        ("five minutes are not late", {"at": ms(-300)}, -300, Mark.NONE),
        ("more than five minutes are late", {"at": ms(-300.001)}, -300.001, Mark.LATE),
        ("a test is not a fire", {"at": ms(0), "test": True}, 0, Mark.TEST),
        ("test: false is nothing special", {"at": ms(0), "test": False}, 0, Mark.NONE),
        ("a drill", {"at": ms(0), "drill": 1}, 0, Mark.DRILL),
        ("simulated and historical", {"at": ms(0), "simulated": True, "historical": True}, 0, Mark.SIMULATED | Mark.HISTORICAL),
    ],
)  # fmt: skip
def test_the_three_clocks_and_the_marks(why: str, body: dict[str, Any], observed: float, marks: Mark) -> None:
    reading = one("tocsin/gw/s1/telemetry", body | {"x": 1})
    assert (reading.observed_at - NOW).total_seconds() == pytest.approx(observed, abs=1e-6), why
    assert reading.received_at == NOW
    assert reading.marks == marks, why


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", 10**18, -(10**18), "x"])
def test_a_time_at_the_edge_of_the_calendar_takes_both_ways_alike(at: object) -> None:
    message = ("tocsin/gw/s1/telemetry", orjson.dumps({"at": at, "x": 1}), False)
    readings, events, _ = packed([(b"tocsin/gw/s1/telemetry", message[1], False)] * 2)
    assert events == [*GATEWAY.decide(*message, NOW).events] * 2
    assert [key(r) for r in readings] == [key(r) for r in GATEWAY.decide(*message, NOW).readings] * 2


def test_a_retained_message_is_marked_and_an_empty_one_says_nothing() -> None:
    assert one("tocsin/gw/s1/telemetry", {"at": ms(0), "x": 1}, retained=True).marks == Mark.RETAINED
    assert say("tocsin/gw/s1/telemetry", b"", retained=True) == Decoded()


@pytest.mark.parametrize(
    ("why", "topic", "body", "reason"),
    [
        ("not JSON", "tocsin/gw/s1/telemetry", b"{", "bad_json"),
        ("not UTF-8", "tocsin/gw/s1/telemetry", b'{"a":"\xff"}', "bad_json"),
        ("empty", "tocsin/gw/s1/telemetry", b"", "bad_json"),
        ("not an object", "tocsin/gw/s1/telemetry", b"3", "bad_json"),
        ("NaN is not JSON", "tocsin/gw/s1/telemetry", b'{"x":NaN}', "bad_json"),
        ("infinite", "tocsin/gw/s1/telemetry", b'{"x":1e999}', "bad_json"),
        ("more than 64 KiB", "tocsin/gw/s1/telemetry", b" " * 65537, "too_big"),
        ("endless nesting", "tocsin/gw/s1/telemetry", b"[" * 3000, "too_deep"),
        ("no number in it", "tocsin/gw/s1/telemetry", {"at": 1, "model": "X"}, "no_value"),
        ("a number sent as a text", "tocsin/gw/s1/telemetry", {"smoke": "0.3"}, "bad_value"),
        ("a metric's name that is none", "tocsin/gw/s1/telemetry", {"": 1}, "bad_value"),
        ("values that are no object", "tocsin/gw/s1/telemetry", {"values": [1]}, "bad_value"),
        ("a mark that is no boolean", "tocsin/gw/s1/telemetry", {"x": 1, "test": "no"}, "bad_value"),
        ("a list where one device speaks", "tocsin/gw/s1/telemetry", [{"x": 1}], "bad_value"),
        ("a time in words", "tocsin/gw/s1/telemetry", {"x": 1, "at": "yesterday"}, "bad_time"),
        ("a time without an offset", "tocsin/gw/s1/telemetry", {"x": 1, "at": "2026-03-01T08:00:00"}, "bad_time"),
        ("a time beyond the calendar", "tocsin/gw/s1/telemetry", {"x": 1, "at": 10**18}, "bad_time"),
        ("a time that is before year 1 in UTC", "tocsin/gw/s1/telemetry", {"x": 1, "at": "0001-01-01T00:00:00+08:00"}, "bad_time"),
        ("a time that is after year 9999 in UTC", "tocsin/gw/s1/telemetry", {"x": 1, "at": "9999-12-31T23:59:59-08:00"}, "bad_time"),
        ("no device anywhere", "tocsin/gw/telemetry", {"x": 1}, "no_device"),
        ("topic and payload disagree about the device", "tocsin/gw/s1/telemetry", {"device": "s2", "x": 1}, "no_device"),
        ("another's device", "tocsin/other/s1/telemetry", {"x": 1}, "gateway_mismatch"),
        ("topic and payload disagree about the gateway", "tocsin/gw/s1/telemetry", {"gateway": "b", "x": 1}, "gateway_mismatch"),
        ("half a position", "tocsin/gw/new/telemetry", {"x": 1, "lat": 3}, "bad_place"),
        ("a position off the earth", "tocsin/gw/new/telemetry", {"x": 1, "lat": 93, "lon": 0}, "bad_place"),
        ("a datum nobody knows", "tocsin/gw/new/telemetry", {"x": 1, "lat": 3, "lon": 3, "datum": "moon"}, "bad_place"),
        ("an unknown last word", "tocsin/gw/s1/telemetries", {"x": 1}, "unknown_topic"),
        ("too short a topic", "tocsin/gw", {"x": 1}, "unknown_topic"),
        ("an empty gateway", "tocsin//s1/telemetry", {"x": 1}, "unknown_topic"),
        ("somebody else's topic", "home/kitchen", {"x": 1}, "unknown_topic"),
        ("a score of more than 1", "tocsin/gw/cam/sighting", {"id": "a", "label": "fire", "score": 1.5}, "bad_value"),
        ("a sighting without a score", "tocsin/gw/cam/sighting", {"id": "a", "label": "fire"}, "bad_value"),
        ("a sighting without an id", "tocsin/gw/cam/sighting", {"label": "fire", "score": 1}, "bad_value"),
        ("a call without an id", "tocsin/12345/call", {"text": "烟"}, "bad_value"),
        ("a call that is too long", "tocsin/12345/call", {"id": "1", "text": "烟" * 4001}, "bad_value"),
        ("a presence of neither kind", "tocsin/gw/presence", {"state": "away"}, "bad_value"),
    ],
)  # fmt: skip
def test_bad_input_is_data(why: str, topic: str, body: Any, reason: str) -> None:
    decoded = say(topic, body)
    assert decoded.readings == (), why
    (rejected,) = decoded.events
    assert isinstance(rejected, Rejected), why
    assert rejected.reason == reason, why
    assert rejected.topic == topic
    assert rejected.detail


def test_a_rejected_message_is_kept_whole_with_its_source() -> None:
    (rejected,) = say("tocsin/gw/s1/telemetry", b"{oops").events
    assert isinstance(rejected, Rejected)
    assert (rejected.raw, rejected.source, rejected.at) == (b"{oops", "gw", NOW)


def test_a_monster_is_cut_so_that_the_log_can_hold_it_and_says_so() -> None:
    (rejected,) = say("tocsin/gw/s1/telemetry", b"x" * 1_000_000).events
    assert isinstance(rejected, Rejected)
    assert len(rejected.raw) == RAW_KEPT
    assert "of 1000000 bytes" in rejected.detail
    assert len(record_of(rejected, 12).value) < 1_000_000


def test_the_good_part_of_a_message_is_kept_and_the_bad_part_is_rejected() -> None:
    decoded = say(
        "tocsin/gw/s1/telemetry", {"at": ms(0), "temperature": 21.5, "smoke": "0.3", "model": "X", "note": None}
    )
    assert [(r.metric, r.value) for r in decoded.readings] == [("temperature", 21.5)]
    assert [e.reason for e in decoded.events if isinstance(e, Rejected)] == ["bad_value"]


def test_in_a_list_each_entry_stands_for_itself() -> None:
    entries = [{"device": "s1", "x": 1}, {"x": 2}, {"device": "free", "values": {"y": True, "z": 2}}, 7]
    decoded = say("tocsin/gw/telemetry", entries)
    assert [(r.device, r.metric, r.value) for r in decoded.readings] == [
        ("s1", "x", 1.0),
        ("free", "y", 1.0),
        ("free", "z", 2.0),
    ]
    assert [(e.reason, e.raw) for e in decoded.events if isinstance(e, Rejected)] == [
        ("no_device", b'{"x":2}'),
        ("bad_json", b"7"),
    ]


def test_a_sighting_and_its_end() -> None:
    (seen,) = say("tocsin/gw/cam/sighting", {"id": "e1", "label": "fire", "score": 0.9, "at": ms(-1)}).events
    assert seen == Sighting(
        "e1", "cam", "fire", 0.9, NOW - timedelta(seconds=1), NOW, Place("g1", "t1", None, "registry"), gateway="gw"
    )  # fmt: skip
    (ended,) = say("tocsin/gw/cam/sighting", {"id": "e1", "label": "fire", "ended": True}).events
    assert isinstance(ended, Sighting)
    assert ended.ended


def test_a_callers_number_travels_sealed_and_masked_only() -> None:
    body = {
        "id": "42",
        "text": "着火了，打13812345678找我",
        "caller": "13800000000",
        "lat": 30.5,
        "lon": 120.5,
        "category": "火灾",
    }
    (call,) = say("tocsin/12345/call", body).events
    assert isinstance(call, Call)
    assert (call.caller, call.caller_masked) == ("sealed(13800000000)", "138****0000")
    assert call.text == "着火了，打138****5678找我"
    assert call.place.grid == "g2"
    (hidden,) = say("tocsin/12345/call", body | {"anonymous": True}).events
    assert isinstance(hidden, Call)
    assert (hidden.caller, hidden.caller_masked) == ("", "")


def test_a_rejected_call_keeps_no_number_in_the_open() -> None:
    (rejected,) = say("tocsin/12345/call", {"caller": "13800000000"}).events
    assert isinstance(rejected, Rejected)
    assert rejected.raw.startswith(b"sealed(")
    nothing = Gateway(REGISTRY, locate, GatewaySettings(), open_dialects())
    (rejected,) = nothing.decide("tocsin/12345/call", b'{"caller":"13800000000"', False, NOW).events
    assert isinstance(rejected, Rejected)
    assert rejected.raw == b""


@pytest.mark.parametrize("payload", [b"offline", b"OFFLINE\n", b'{"state":"offline"}'])
def test_presence_of_a_gateway_comes_as_words_or_as_json(payload: bytes) -> None:
    (presence,) = say("tocsin/gw/presence", payload, retained=True).events
    assert presence == Presence(
        "gw", Standing.OFFLINE, NOW, NOW, Place(), "gateway", "gw", Mark.ZERO_TIME | Mark.RETAINED
    )


def test_presence_of_a_device_stands_where_the_device_stands() -> None:
    (presence,) = say("tocsin/gw/s1/presence", {"state": "online", "at": ms(0)}).events
    assert isinstance(presence, Presence)
    assert (presence.device, presence.standing, presence.place.grid, presence.marks) == (
        "s1",
        Standing.ONLINE,
        "g1",
        Mark.NONE,
    )


# ---- the short way and the long way ------------------------------------------------------------------------------------------

values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70), st.booleans(), st.none(), st.text(max_size=5),
    st.just("0.3"), st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
times = st.one_of(
    st.none(), st.integers(-(10**19), 10**19), st.sampled_from([ms(-300), ms(-301), ms(60), ms(61), ms(0), 0, 1]),
    st.sampled_from(["2026-03-01T08:00:00Z", "2026-03-01T08:00:00", "2026-03-01T15:00:00.123456+08:00", "x", "", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"]),
    st.booleans(), st.floats(),
)  # fmt: skip
names = st.one_of(
    st.sampled_from(
        ["smoke", "temperature", "test", "drill", "device", "gateway", "values", "lat", "lon", "datum", "id", "seq"]
    ),
    st.text(max_size=4),
)
numbering = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"boot": st.sampled_from(["b1", "b2"]), "seq": st.integers(0, 99)}),
    st.fixed_dictionaries({"boot": st.sampled_from(["", 7, None, "b"]), "seq": st.sampled_from([-1, "1", True, None, 1.5, 3])}),
)  # fmt: skip
bodies = st.builds(
    lambda at, numbers, rest: ({"at": at} if at is not None else {}) | numbers | rest,
    times,
    numbering,
    st.dictionaries(names, values, max_size=5),
)
topics = st.one_of(
    st.sampled_from([
        "tocsin/gw/s1/telemetry", "tocsin/other/s1/telemetry", "tocsin/gw/new/telemetry", "tocsin/gw/lost/telemetry", "tocsin/gw/telemetry",
        "tocsin/gw/cam/sighting", "tocsin/x/call", "tocsin/gw/presence", "tocsin//s1/telemetry", "tele/x/SENSOR", "zigbee2mqtt/x", "$SYS/x",
    ]),
    st.text(max_size=30).map(lambda s: "tocsin/" + s + "/telemetry"), st.text(max_size=20),
)  # fmt: skip
payloads = st.one_of(
    bodies.map(lambda b: orjson.dumps(b, option=orjson.OPT_NON_STR_KEYS, default=str) if _dumps(b) else b"{}"),
    st.binary(max_size=60),
)


def _dumps(body: Any) -> bool:
    try:
        orjson.dumps(body)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True


def taken(
    messages: list[tuple[bytes, bytes, bool]], rows: int = 500, shards: tuple[str, ...] = ()
) -> tuple[Batch, GatewayCounts]:
    counts = GatewayCounts()
    packer, batch = Packer(GATEWAY, 12, counts, shards), Batch(rows)
    for topic, payload, retained in messages:
        packer.take(topic, payload, retained, to_micros(NOW), batch)
    return batch, counts


def packed(
    messages: list[tuple[bytes, bytes, bool]], rows: int = 500, shards: tuple[str, ...] = ()
) -> tuple[list[Reading], list[Any], GatewayCounts]:
    batch, counts = taken(messages, rows, shards)
    found = [(p, Frame.decode(raw)) for p, raw in batch.frames()]
    readings = [r for p, frame in found for r in frame.readings()]
    assert all(partition_of(r.place.township, 12) == p for p, frame in found for r in frame.readings())
    return readings, batch.events, counts


def key(reading: Reading) -> tuple[Any, ...]:
    p = reading.place
    return (
        reading.device, reading.metric, reading.value, reading.observed_at, reading.received_at, p.grid, p.township, p.point,
        reading.device_kind, reading.gateway, reading.marks,
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(topics, payloads, st.booleans()), min_size=1, max_size=4), st.integers(1, 5))
@example([("tocsin/gw/s1/telemetry", b'{"at":1772352000000,"x":1}', False)] * 2, 1)
@example([("tocsin/gw/s1/telemetry", b'{"at":1772352000000,"x":1,"test":true}', False)] * 2, 1)
@example([("tocsin/gw/s1/telemetry", b'{"at":1772352000000,"x":1,"boot":"b","seq":1}', False)] * 2, 1)
@example([("tocsin/gw/s1/telemetry", b'{"at":1772352000000,"x":1,"\\u0062oot":"b","\\u0073eq":1}', False)] * 2, 1)
@example([("tocsin/x/call", b'{"id":"1","text":"half a pair: \\ud83d"}', False)], 1)
@example([("tocsin/gw/s1/telemetry", b'{"half \\ud83d":1,"b":"\\ud83d"}', False)], 1)
def test_the_short_way_makes_the_same_rows_and_events_as_the_long_one(
    messages: list[tuple[str, bytes, bool]], rows: int
) -> None:
    messages = messages + messages  # the second time every route is remembered
    wanted = [GATEWAY.decide(t, p, r, NOW) for t, p, r in messages if _utf8(t)]
    readings, events, counts = packed([(t.encode(), p, r) for t, p, r in messages if _utf8(t)], rows)
    assert sorted(map(key, readings), key=repr) == sorted((key(r) for d in wanted for r in d.readings), key=repr)
    assert events == [e for d in wanted for e in d.events]
    numbers = taken([(t.encode(), p, r) for t, p, r in messages if _utf8(t)])[0].numbers
    assert numbers == [n for d in wanted for n in d.numbers]
    assert counts.readings == len(readings)
    assert counts.received == len(wanted)
    assert counts.rejected.total() + counts.events == len(events)
    for event in events:
        assert decode(encode(event)) == event  # everything that is kept can be written and read back


def _utf8(topic: str) -> bool:
    try:
        topic.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("_sentence", "topic", "body", "numbers"),
    [
        ("telemetry of a device", "tocsin/gw/s1/telemetry", {"x": 1, "boot": "b", "seq": 7}, [("b", 7)]),
        ("telemetry of a gateway", "tocsin/gw/telemetry", {"device": "s1", "x": 1, "boot": "b", "seq": 0}, [("b", 0)]),
        ("a sighting", "tocsin/gw/cam/sighting", {"id": "i", "label": "fire", "score": 1, "boot": "b", "seq": 7}, [("b", 7)]),
        ("a call", "tocsin/gw/call", {"id": "i", "text": "t", "boot": "b", "seq": 7}, [("b", 7)]),
        ("presence as JSON", "tocsin/gw/presence", {"state": "online", "boot": "b", "seq": 7}, [("b", 7)]),
        ("a list that is one message", "tocsin/gw/telemetry", [{"device": "s1", "x": 1, "boot": "b", "seq": 7}, {"device": "s2", "x": 1}], [("b", 7)]),
        ("a list of numbered entries", "tocsin/gw/telemetry", [{"device": "s1", "x": 1, "boot": "b", "seq": n} for n in (7, 8, 8)], [("b", 7), ("b", 8)]),
        ("what is rejected is kept, so its number counts", "tocsin/gw/s1/telemetry", {"x": "0.3", "boot": "b", "seq": 7}, [("b", 7)]),
        ("another's device is rejected and counts", "tocsin/other/s1/telemetry", {"x": 1, "boot": "b", "seq": 7}, [("b", 7)]),
        ("no number at all", "tocsin/gw/s1/telemetry", {"x": 1}, []),
        ("a number without a boot is none", "tocsin/gw/s1/telemetry", {"x": 1, "seq": 7}, []),
        ("a number of another form is none", "tocsin/gw/s1/telemetry", {"x": 1, "boot": "b", "seq": "7"}, []),
        ("the dialects of others have none", "zigbee2mqtt/lamp", {"x": 1, "boot": "b", "seq": 7}, []),
    ],
)  # fmt: skip
def test_the_number_of_a_message_is_its_gateways_by_the_topic(
    _sentence: str, topic: str, body: Any, numbers: list[tuple[str, int]]
) -> None:
    gateway = topic.split("/")[1]
    decoded = say(topic, body)
    assert decoded.numbers == tuple((gateway, boot, seq) for boot, seq in numbers)
    assert say(topic, body, retained=True).numbers == ()  # what a broker kept was counted when it was said
    for _ in range(2):
        assert taken([(topic.encode(), orjson.dumps(body), False)] * 2)[0].numbers == [*decoded.numbers] * 2


def test_a_number_of_another_form_is_told_and_the_message_kept() -> None:
    decoded = say("tocsin/gw/s1/telemetry", {"x": 1, "boot": 5, "seq": 7})
    assert [r.value for r in decoded.readings] == [1.0]
    assert [e.reason for e in decoded.events if isinstance(e, Rejected)] == ["bad_value"]


def test_topics_behind_a_shard_are_read_without_it() -> None:
    body = orjson.dumps({"at": ms(0), "x": 1, "boot": "b", "seq": 1})
    for _ in range(2):  # the long way, then the short one
        messages = [(b"east/tocsin/gw/s1/telemetry", body, False)] * 2 + [(b"west/zigbee2mqtt/s1", b'{"x":1}', False)]
        readings, events, _ = packed(messages, shards=("east", "west"))
        assert [(r.device, r.gateway) for r in readings][:2] == [("s1", "gw")] * 2
        assert events == []
        assert taken(messages, shards=("east", "west"))[0].numbers == [("gw", "b", 1)] * 2
    _, (event,), _ = packed([(b"north/tocsin/gw/s1/telemetry", body, False)], shards=("east",))
    assert (event.reason, event.topic) == ("unknown_topic", "north/tocsin/gw/s1/telemetry")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=80), st.booleans())
def test_no_bytes_make_the_gateway_raise(topic: bytes, payload: bytes, retained: bool) -> None:
    for prefix, suffix in ((b"", b""), (b"tocsin/gw/", b"/telemetry"), (b"tocsin/", b"/call")):
        packed([(prefix + topic + suffix, payload, retained)] * 2)


def test_rows_of_one_partition_stay_in_their_order_across_frames() -> None:
    messages = [(b"tocsin/gw/s1/telemetry", orjson.dumps({"at": ms(n / 1000), "x": n}), False) for n in range(50)]
    readings, _, _ = packed(messages, rows=7)
    assert [r.value for r in readings] == [float(n) for n in range(50)]


def test_a_frame_with_very_long_names_is_cut_to_fit_the_log() -> None:
    batch, packer = Batch(100_000), Packer(GATEWAY, 12, GatewayCounts())
    for n in range(200):
        names = {f"{n:03}{m:03}" + "测" * 58: m for m in range(20)}
        packer.take(f"tocsin/gw/{'设' * 120}{n}/telemetry".encode(), orjson.dumps(names), False, to_micros(NOW), batch)
    frames = batch.frames()
    assert len(frames) > 1
    assert max(len(raw) for _, raw in frames) <= 640 * 1024
    assert [r.value for _, raw in frames for r in Frame.decode(raw).readings()] == [
        float(m) for _ in range(200) for m in range(20)
    ]


def test_counts_do_not_grow_with_invented_sources() -> None:
    counts = GatewayCounts()
    for n in range(5000):
        counts.reject(f"gw{n}", "bad_json")
    assert counts.rejected.total() == 5000
    assert len(counts.rejected) <= 1001
    assert "rejected=5000" in counts.line()
