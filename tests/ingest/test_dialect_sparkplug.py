"""Sparkplug B: births explain, sequences are watched, deaths are matched, and nothing a sender writes makes a fault."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.alarm_names import alarm_class, alarm_metric
from ingest.dialects.claims import Reason
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Quality, Verdict, decode_safely
from ingest.dialects.sparkplug import ENTRIES
from ingest.dialects.sparkplug_metrics import Definition
from ingest.dialects.sparkplug_session import ASK_AGAIN, MOST_DEFINITIONS, MOST_NODES, Birth, Node, Nodes
from ingest.dialects.sparkplug_values import scalar
from ingest.dialects.sparkplug_wire import Payload, rebirth_request
from ingest.events import Mark

(ENTRY,) = ENTRIES
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
MS = 1772352000000
NBIRTH, NDATA, NDEATH = (f"spBv1.0/city/{verb}/edge1" for verb in ("NBIRTH", "NDATA", "NDEATH"))
DBIRTH, DDATA, DDEATH = (f"spBv1.0/city/{verb}/edge1/smoke7" for verb in ("DBIRTH", "DDATA", "DDEATH"))


def payload(seq: int | None = None, *metrics: dict[str, Any], at: int | None = MS) -> Any:
    made = Payload()
    if at is not None:
        made.timestamp = at
    if seq is not None:
        made.seq = seq
    for metric in metrics:
        made.metrics.add(**metric)
    return made


def bd(number: int) -> dict[str, Any]:
    return {"name": "bdSeq", "datatype": 8, "long_value": number}


def node_birth(bd_seq: int = 0, *metrics: dict[str, Any], seq: int = 0, at: int = MS) -> Any:
    rebirth = {"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": False}
    return payload(seq, bd(bd_seq), rebirth, *metrics, at=at)


SMOKE = {"name": "smoke", "alias": 1, "datatype": 9, "float_value": 0.1}
ALARM = {"name": "fire/alarm", "alias": 2, "datatype": 11, "boolean_value": False}


class Host:
    """One stream into one decoder."""

    def __init__(self) -> None:
        self.decoder, self.now = ENTRY.open(), NOW

    def take(self, topic: str, body: Any, **more: Any) -> Decoding:
        raw = body if isinstance(body, bytes) else body.SerializeToString()
        return decode_safely(self.decoder, Message(topic, raw, self.now, **more), ENTRY.largest)

    def born(self) -> Host:
        assert self.take(NBIRTH, node_birth()).verdict is Verdict.ACCEPTED
        assert self.take(DBIRTH, payload(1, SMOKE, ALARM)).verdict is Verdict.ACCEPTED
        return self


def test_a_birth_is_a_snapshot_and_never_an_alarm() -> None:
    host = Host()
    node = host.take(NBIRTH, node_birth(3, {"name": "Properties/FW", "datatype": 12, "string_value": "2.1"}))
    assert [(o.kind, o.device, o.gateway) for o in node.observations] == [
        (Kind.ONLINE, "city/edge1", "city/edge1"), (Kind.REGISTER, "city/edge1", "city/edge1"), (Kind.STATE, "city/edge1", "city/edge1"),
    ]  # fmt: skip
    assert node.observations[0].attributes == {"bd_seq": 3, "seq": 0}
    assert node.observations[1].attributes == {"metrics": 1, "fw": "2.1"}
    device = host.take(DBIRTH, payload(1, SMOKE, {**ALARM, "boolean_value": True, "timestamp": MS - 5000}))
    online, register, smoke, alarm = device.observations
    assert (online.kind, online.device, online.gateway, online.server_at, online.device_at) == (
        Kind.ONLINE,
        "city/edge1/smoke7",
        "city/edge1",
        NOW,
        None,
    )
    assert register.kind is Kind.REGISTER
    assert (smoke.kind, smoke.metric, smoke.value) == (Kind.STATE, "smoke", 0.1)
    assert (alarm.kind, alarm.metric, alarm.value, alarm.attributes["name"]) == (
        Kind.STATE,
        "fire_alarm",
        True,
        "fire/alarm",
    )
    assert alarm.device_at == NOW - timedelta(seconds=5), "a metric has a time of its own"
    assert device.reply is None


def test_data_by_alias_rings_and_clears() -> None:
    host = Host().born()
    rings = host.take(
        DDATA, payload(2, {"alias": 1, "float_value": 7.9}, {"alias": 2, "timestamp": MS + 1, "boolean_value": True})
    )
    smoke, alarm = rings.observations
    assert (smoke.kind, smoke.metric, smoke.value, smoke.device_at, smoke.server_at) == (
        Kind.TELEMETRY,
        "smoke",
        7.9,
        None,
        NOW,
    )
    assert (alarm.kind, alarm.metric, alarm.value, alarm.key) == (
        Kind.ALARM,
        "fire_alarm",
        True,
        f"sparkplug:city/edge1/smoke7:DDATA:0:2:{MS}",
    )
    assert alarm.warnings == ()
    (clear,) = host.take(DDATA, payload(3, {"alias": 2, "boolean_value": False})).observations
    assert (clear.kind, clear.metric, clear.value) == (Kind.CLEAR, "fire_alarm", False)


def test_two_alarms_of_one_class_do_not_clear_each_other() -> None:
    host = Host().born()
    host.take(DBIRTH, payload(2, ALARM, {**ALARM, "name": "hall/fire/alarm", "alias": 9}))
    (alarm,) = host.take(DDATA, payload(3, {"alias": 9, "boolean_value": False})).observations
    assert (alarm.kind, alarm.metric) == (Kind.CLEAR, "fire_alarm:hall/fire/alarm")


@pytest.mark.parametrize(
    ("why", "metric", "value", "kind", "quality", "warning"),
    [
        ("Int8 −5 extended to 32 bits", {"datatype": 1, "int_value": 4294967291}, -5, Kind.TELEMETRY, Quality.GOOD, ""),
        ("Int8 −5 in its own 8 bits", {"datatype": 1, "int_value": 251}, -5, Kind.TELEMETRY, Quality.GOOD, ""),
        ("Int8 that cannot hold 1000", {"datatype": 1, "int_value": 1000}, None, Kind.STATE, Quality.BAD, "out_of_range"),
        ("Int16 −12", {"datatype": 2, "int_value": 4294967284}, -12, Kind.TELEMETRY, Quality.GOOD, ""),
        ("Int32 −12 as two's complement", {"datatype": 3, "int_value": 4294967284}, -12, Kind.TELEMETRY, Quality.GOOD, ""),
        ("Int32 −12 in the long field", {"datatype": 3, "long_value": 4294967284}, -12, Kind.TELEMETRY, Quality.GOOD, ""),
        ("Int32 −12 extended in the long field", {"datatype": 3, "long_value": 2**64 - 12}, -12, Kind.TELEMETRY, Quality.GOOD, ""),
        ("Int64 −1", {"datatype": 4, "long_value": 2**64 - 1}, -1, Kind.TELEMETRY, Quality.GOOD, ""),
        ("UInt32 stays large", {"datatype": 7, "int_value": 4294967284}, 4294967284, Kind.TELEMETRY, Quality.GOOD, ""),
        ("UInt64 stays large", {"datatype": 8, "long_value": 2**64 - 1}, 2**64 - 1, Kind.TELEMETRY, Quality.GOOD, ""),
        ("UInt8 that cannot hold 300", {"datatype": 5, "int_value": 300}, None, Kind.STATE, Quality.BAD, "out_of_range"),
        ("a float without noise", {"datatype": 9, "float_value": 25.7}, 25.7, Kind.TELEMETRY, Quality.GOOD, ""),
        ("a float that is not a number", {"datatype": 9, "float_value": math.nan}, None, Kind.STATE, Quality.BAD, "not_finite"),
        ("a double", {"datatype": 10, "double_value": 0.1}, 0.1, Kind.TELEMETRY, Quality.GOOD, ""),
        ("a boolean", {"datatype": 11, "boolean_value": True}, True, Kind.STATE, Quality.GOOD, ""),
        ("a boolean in an integer", {"datatype": 11, "int_value": 1}, True, Kind.STATE, Quality.GOOD, "wrong_field"),
        ("a text", {"datatype": 12, "string_value": "东"}, "东", Kind.STATE, Quality.GOOD, ""),
        ("a long text", {"datatype": 14, "string_value": "x" * 2000}, "x" * 1024, Kind.STATE, Quality.GOOD, "truncated"),
        ("a DateTime", {"datatype": 13, "long_value": MS}, "2026-03-01T08:00:00+00:00", Kind.STATE, Quality.GOOD, ""),
        ("a DateTime of zero", {"datatype": 13, "long_value": 0}, None, Kind.STATE, Quality.SUSPECT, "zero_time"),
        ("a null has no value", {"datatype": 9, "is_null": True}, None, Kind.STATE, Quality.BAD, "null_value"),
        ("a metric without any value", {"datatype": 9}, None, Kind.STATE, Quality.BAD, "no_value"),
        ("a text where a number should be", {"datatype": 9, "string_value": "7"}, None, Kind.STATE, Quality.BAD, "bad_value"),
        ("an integer nobody gave a type", {"long_value": 4294967284}, 4294967284, Kind.TELEMETRY, Quality.SUSPECT, "datatype_missing"),
        ("bytes are described", {"datatype": 17, "bytes_value": b"\1\2\3"}, None, Kind.STATE, Quality.GOOD, ""),
    ],
)  # fmt: skip
def test_a_value_is_read_by_its_datatype(
    why: str, metric: dict[str, Any], value: Any, kind: Kind, quality: Quality, warning: str
) -> None:
    host = Host()
    host.take(NBIRTH, node_birth())
    (seen,) = host.take(NDATA, payload(1, {"name": "x", **metric})).observations
    assert (seen.value, seen.kind, seen.quality) == (value, kind, quality), why
    assert type(seen.value) is type(value), why
    assert seen.warnings == (("not_in_birth", warning) if warning else ("not_in_birth",)), why


@given(st.sampled_from([8, 16, 32, 64]), st.data())
def test_signed_numbers_come_back(bits: int, data: Any) -> None:
    number = data.draw(st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    datatype = {8: 1, 16: 2, 32: 3, 64: 4}[bits]
    field, container = ("int_value", 32) if bits <= 32 else ("long_value", 64)
    assert scalar(field, number % (1 << container), datatype).value == number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_is_the_same_single_afterwards(number: float) -> None:
    value = scalar("float_value", number, 9).value
    assert isinstance(value, float)
    assert struct.pack("<f", value) == struct.pack("<f", number)


def test_the_past_is_marked_and_ends_nothing() -> None:
    host = Host().born()
    (old,) = host.take(DDATA, payload(2, {"alias": 2, "boolean_value": True, "is_historical": True})).observations
    assert (old.kind, old.marks, old.warnings) == (Kind.ALARM, Mark.HISTORICAL, ("historical",))
    (over,) = host.take(DDATA, payload(3, {"alias": 2, "boolean_value": False, "is_historical": True})).observations
    assert (over.kind, over.marks) == (Kind.STATE, Mark.HISTORICAL)


def test_a_null_or_bad_alarm_neither_rings_nor_clears() -> None:
    host = Host().born()
    (null,) = host.take(DDATA, payload(2, {"alias": 2, "is_null": True})).observations
    assert (null.kind, null.value) == (Kind.STATE, None)
    body = payload(3, {"alias": 2, "boolean_value": True})
    body.metrics[0].properties.keys.append("Quality")
    body.metrics[0].properties.values.add(type=3, int_value=0)
    (bad,) = host.take(DDATA, body).observations
    assert (bad.kind, bad.quality) == (Kind.STATE, Quality.BAD)


@pytest.mark.parametrize(
    ("code", "quality"), [(192, Quality.GOOD), (0, Quality.BAD), (500, Quality.SUSPECT), (64, Quality.SUSPECT)]
)
def test_quality_and_unit_are_properties(code: int, quality: Quality) -> None:
    host = Host()
    body = node_birth(0, {"name": "t", "alias": 5, "datatype": 9, "float_value": 1.5})
    body.metrics[2].properties.keys.append("engUnit")
    body.metrics[2].properties.values.add(type=12, string_value="degC")
    host.take(NBIRTH, body)
    data = payload(1, {"alias": 5, "float_value": 2.5})
    data.metrics[0].properties.keys.append("Quality")
    data.metrics[0].properties.values.add(type=3, int_value=code)
    (seen,) = host.take(NDATA, data).observations
    assert (seen.unit, seen.quality) == ("°C", quality)


def test_times_that_say_nothing_are_none() -> None:
    host = Host().born()
    (zero,) = host.take(DDATA, payload(2, {"alias": 1, "float_value": 1.0, "timestamp": 0})).observations
    assert (zero.device_at, zero.warnings) == (None, ("zero_time",))
    (seconds,) = host.take(DDATA, payload(3, {"alias": 1, "float_value": 1.0, "timestamp": MS // 1000})).observations
    assert (seconds.device_at, seconds.warnings) == (None, ("zero_time",)), "seconds are not guessed at"
    (huge,) = host.take(DDATA, payload(4, {"alias": 1, "float_value": 1.0, "timestamp": 2**64 - 1})).observations
    assert (huge.device_at, huge.warnings) == (None, ("bad_time",))


def test_the_sequence_runs_over_node_and_devices_and_wraps() -> None:
    host = Host().born()
    for seq in range(2, 600):
        topic, body = (
            (NDATA, {"name": "x", "datatype": 9, "float_value": 1.0})
            if seq % 2
            else (DDATA, {"alias": 1, "float_value": 1.0})
        )
        decoding = host.take(topic, payload(seq % 256, body))
        assert decoding.reply is None
        assert "seq_gap" not in decoding.observations[0].warnings


def test_a_gap_asks_for_rebirth_and_keeps_the_value() -> None:
    host = Host().born()
    late = host.take(DDATA, payload(5, {"alias": 2, "boolean_value": True}))
    assert late.observations[0].kind is Kind.ALARM
    assert late.observations[0].warnings == ("seq_gap",)
    assert late.reply_topic == "spBv1.0/city/NCMD/edge1"
    asked = Payload.FromString(late.reply)
    assert [(m.name, m.datatype, m.boolean_value) for m in asked.metrics] == [("Node Control/Rebirth", 11, True)]
    assert asked.timestamp == MS
    assert not asked.HasField("seq")
    again = host.take(DDATA, payload(9, {"alias": 1, "float_value": 1.0}))
    assert (again.observations[0].warnings, again.reply) == (("seq_gap",), None), "it has just been asked"
    host.now += ASK_AGAIN
    assert host.take(DDATA, payload(20, {"alias": 1, "float_value": 1.0})).reply is not None


def test_what_comes_late_or_twice_is_no_new_gap() -> None:
    host = Host().born()
    host.take(DDATA, payload(4, {"alias": 1, "float_value": 1.0}))
    (late,) = host.take(DDATA, payload(3, {"alias": 1, "float_value": 1.0})).observations
    assert late.warnings == ("out_of_order",)
    (twice,) = host.take(DDATA, payload(4, {"alias": 1, "float_value": 1.0})).observations
    assert twice.warnings == ("duplicate",)
    (none,) = host.take(DDATA, payload(None, {"alias": 1, "float_value": 1.0})).observations
    assert none.warnings == ("seq_missing",)
    (far,) = host.take(DDATA, payload(700, {"alias": 1, "float_value": 1.0})).observations
    assert far.warnings == ("seq_out_of_range",)
    assert host.take(DDATA, payload(5, {"alias": 1, "float_value": 1.0})).observations[0].warnings == ()


@pytest.mark.parametrize(
    ("why", "before", "topic", "body"),
    [
        ("node data before any birth", lambda h: None, NDATA, payload(4, {"alias": 1, "float_value": 1.0})),
        ("device data before any birth", lambda h: None, DDATA, payload(4, {"alias": 1, "float_value": 1.0})),
        ("named data before any birth", lambda h: None, NDATA, payload(4, SMOKE)),
        ("device data after the birth of its node only", lambda h: h.take(NBIRTH, node_birth()), DDATA, payload(1, {"alias": 1, "float_value": 1.0})),
        ("data after the death of the node", lambda h: h.born().take(NDEATH, payload(None, bd(0))), DDATA, payload(2, {"alias": 1, "float_value": 1.0})),
        ("data after the death of the device", lambda h: h.born().take(DDEATH, payload(2)), DDATA, payload(3, {"alias": 1, "float_value": 1.0})),
        ("device data after a new birth of its node", lambda h: h.born().take(NBIRTH, node_birth(1)), DDATA, payload(1, {"alias": 1, "float_value": 1.0})),
        ("an alias that the birth does not know", lambda h: h.born(), DDATA, payload(2, {"alias": 77, "float_value": 1.0})),
        ("neither name nor alias", lambda h: h.born(), DDATA, payload(2, {"float_value": 1.0})),
    ],
)  # fmt: skip
def test_what_no_birth_explains_is_rejected_and_asked_for(
    why: str, before: Callable[[Host], Any], topic: str, body: Any
) -> None:
    host = Host()
    before(host)
    decoding = host.take(topic, body)
    assert decoding.verdict is Verdict.REJECTED, why
    assert decoding.reason.startswith("not_born: "), why
    assert (decoding.reply, decoding.reply_topic) == (rebirth_request(NOW), "spBv1.0/city/NCMD/edge1"), why


def test_known_aliases_are_kept_beside_an_unknown_one() -> None:
    decoding = (
        Host().born().take(DDATA, payload(2, {"alias": 77, "float_value": 1.0}, {"alias": 2, "boolean_value": True}))
    )
    (alarm,) = decoding.observations
    assert (alarm.kind, alarm.warnings) == (Kind.ALARM, ("unknown_alias",))
    assert [fault.reason for fault in decoding.faults] == [Reason.NOT_BORN]  # so that the whole of it is kept
    assert decoding.reply is not None


def test_an_alias_given_twice_stands_for_nothing() -> None:
    host = Host().born()
    birth = host.take(DBIRTH, payload(2, SMOKE, {**ALARM, "alias": 1}))
    assert "alias_twice" in birth.observations[0].warnings
    assert host.take(DDATA, payload(3, {"alias": 1, "boolean_value": True})).reason.startswith("not_born")


def test_a_device_birth_before_its_node_explains_itself_and_asks() -> None:
    host = Host()
    birth = host.take(DBIRTH, payload(1, SMOKE, ALARM))
    assert birth.observations[0].warnings == ("node_not_born",)
    assert birth.reply_topic == "spBv1.0/city/NCMD/edge1"
    (seen,) = host.take(DDATA, payload(2, {"alias": 1, "float_value": 2.0})).observations
    assert (seen.value, seen.warnings) == (2.0, ("node_not_born",))


def test_a_death_of_this_session_takes_the_devices_along() -> None:
    host = Host().born()
    dead = host.take(NDEATH, payload(None, bd(0), at=MS - 3_600_000))
    assert [(o.kind, o.device) for o in dead.observations] == [
        (Kind.OFFLINE, "city/edge1"),
        (Kind.OFFLINE, "city/edge1/smoke7"),
    ]
    assert all(o.server_at is None and o.device_at is None for o in dead.observations), (
        "a will is as old as its connection"
    )


def test_a_late_will_is_ignored() -> None:
    host = Host().born()
    host.take(NBIRTH, node_birth(1, at=MS + 1))
    late = host.take(NDEATH, payload(None, bd(0), at=None))
    assert (late.verdict, late.reason) == (Verdict.IGNORED, "a late will: bdSeq 0, and the node was born with 1")
    assert host.take(NDEATH, payload(None, bd(1), at=None)).observations[0].kind is Kind.OFFLINE


def test_a_death_before_any_birth_is_believed_unless_it_was_retained() -> None:
    seen = Host().take(NDEATH, payload(None, bd(0), at=None)).observations[0]
    assert (seen.kind, seen.warnings) == (Kind.OFFLINE, ("birth_unseen",))
    assert Host().take(NDEATH, payload(None, bd(0), at=None), retained=True).verdict is Verdict.IGNORED


def test_a_death_without_its_session_is_rejected() -> None:
    assert Host().born().take(NDEATH, payload(None)).reason.startswith("missing_field")


def test_a_birth_that_comes_twice_keeps_the_devices() -> None:
    host = Host().born()
    assert "duplicate" in host.take(NBIRTH, node_birth()).observations[0].warnings
    assert host.take(DDATA, payload(2, {"alias": 1, "float_value": 1.0})).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("why", "body", "warning"),
    [
        ("a birth that does not start at zero", node_birth(seq=7), "seq_not_zero"),
        ("a birth without bdSeq", payload(0, SMOKE), "bdseq_missing"),
        ("a birth without a number", payload(None, bd(0), SMOKE), "seq_missing"),
        ("a metric that cannot be named", node_birth(0, {"name": "a\nb", "datatype": 9, "float_value": 1.0}), "bad_name"),
    ],
)  # fmt: skip
def test_a_birth_with_a_breach_is_taken(why: str, body: Any, warning: str) -> None:
    assert warning in Host().take(NBIRTH, body).observations[0].warnings, why


def test_what_was_retained_moves_no_sequence() -> None:
    host = Host().born()
    (old,) = host.take(DDATA, payload(200, {"alias": 1, "float_value": 1.0}), retained=True).observations
    assert old.warnings == ("retained",)
    assert host.take(DDATA, payload(2, {"alias": 1, "float_value": 1.0})).observations[0].warnings == ()


@pytest.mark.parametrize(
    ("topic", "raw", "kind", "device"),
    [
        ("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1772352000000}', Kind.ONLINE, "scada"),
        ("spBv1.0/STATE/scada", b'{"online":false,"timestamp":1772352000000}', Kind.OFFLINE, "scada"),
        ("STATE/scada", b"ONLINE", Kind.ONLINE, "scada"),
        ("STATE/scada", b"OFFLINE", Kind.OFFLINE, "scada"),
    ],
)  # fmt: skip
def test_the_state_of_a_host(topic: str, raw: bytes, kind: Kind, device: str) -> None:
    (seen,) = Host().take(topic, raw, retained=True).observations
    assert (seen.kind, seen.device) == (kind, device)
    assert ENTRY.fits(Message(topic, raw, NOW)) is Fit.TOPIC


def test_an_older_state_of_a_host_is_a_late_will() -> None:
    host = Host()
    host.take("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1772352000000}')
    assert host.take("spBv1.0/STATE/scada", b'{"online":false,"timestamp":1772351000000}').verdict is Verdict.IGNORED
    assert host.take("spBv1.0/STATE/scada", b"{}").reason.startswith("missing_field")
    assert host.take("spBv1.0/STATE/scada", b'{"online":true,"timestamp":"x"}').reason.startswith("bad_time")


@pytest.mark.parametrize(
    ("why", "topic", "raw", "reason"),
    [
        ("not protobuf", NDATA, b"\xff\xff\xff", "bad_protobuf"),
        ("nothing at all", NDATA, b"", "bad_protobuf"),
        ("other protobuf", NDATA, b"\xaa\x06\x01x", "bad_protobuf"),
        ("a topic with a wildcard", "spBv1.0/ci+ty/NDATA/edge1", node_birth().SerializeToString(), "no_device"),
        ("a topic without an edge node", "spBv1.0/city/NDATA/", node_birth().SerializeToString(), "no_device"),
        ("device data without a device", "spBv1.0/city/DDATA/edge1", node_birth().SerializeToString(), "unknown_topic"),
        ("no such message", "spBv1.0/city/XDATA/edge1", node_birth().SerializeToString(), "unknown_topic"),
        ("too many metrics", NBIRTH, node_birth(0, *[{"name": f"m{i}", "datatype": 9, "float_value": 1.0} for i in range(4100)]).SerializeToString(), "too_big"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(why: str, topic: str, raw: bytes, reason: str) -> None:
    assert Host().born().take(topic, raw).reason.startswith(reason), why


def test_commands_are_understood_and_ignored() -> None:
    for topic in ("spBv1.0/city/NCMD/edge1", "spBv1.0/city/DCMD/edge1/smoke7"):
        assert Host().take(topic, rebirth_request(NOW)).verdict is Verdict.IGNORED


def test_a_bridge_may_put_a_prefix_before_the_topic() -> None:
    host = Host()
    assert ENTRY.fits(Message("site9/" + NDATA, b"", NOW)) is Fit.TOPIC
    assert host.take("site9/" + NDATA, payload(1, SMOKE)).reply_topic == "site9/spBv1.0/city/NCMD/edge1"


def table(*, rows: int, broken: bool = False) -> Any:
    body = node_birth(0)
    metric = body.metrics.add(name="table", datatype=16)
    data = metric.dataset_value
    data.columns.extend(["level", "note"])
    data.types.extend([3, 12])
    for number in range(rows):
        row = data.rows.add()
        row.elements.add(int_value=2**32 - 1 - number)
        if not broken:
            row.elements.add(string_value="x")
    return body


def test_a_data_set_is_laid_out_flat_within_bounds() -> None:
    one = Host().take(NBIRTH, table(rows=1)).observations[2:]
    assert [(o.metric, o.value) for o in one] == [("table/level", -1), ("table/note", "x")]
    two = Host().take(NBIRTH, table(rows=2)).observations[2:]
    assert [(o.metric, o.value) for o in two][2:] == [("table/1/level", -2), ("table/1/note", "x")]
    (many,) = Host().take(NBIRTH, table(rows=200)).observations[2:]
    assert (many.value, many.warnings, many.attributes["rows"]) == (None, ("truncated",), 200)
    (broken,) = Host().take(NBIRTH, table(rows=1, broken=True)).observations[2:]
    assert (broken.value, broken.quality, broken.warnings) == (None, Quality.BAD, ("length_mismatch",))


def template(depth: int) -> Any:
    body = node_birth(0)
    metric = body.metrics.add(name="pump", datatype=19)
    for _ in range(depth):
        metric.template_value.template_ref = "Pump"
        metric = metric.template_value.metrics.add(name="part", datatype=19)
    metric.template_value.metrics.add(name="flow", datatype=9, float_value=1.5)
    return body


def test_a_template_is_laid_out_flat_and_no_deeper_than_we_read() -> None:
    (flow,) = Host().take(NBIRTH, template(1)).observations[2:]
    assert (flow.metric, flow.value, flow.attributes["template"]) == ("pump/part/flow", 1.5, "Pump")
    assert Host().take(NBIRTH, template(20)).reason.startswith("too_deep")
    assert Host().take(NBIRTH, template(200)).reason.startswith("bad_protobuf")


def test_arrays_and_files() -> None:
    host = Host()
    host.take(NBIRTH, node_birth())
    body = payload(
        1,
        {"name": "a", "datatype": 23, "bytes_value": struct.pack("<3h", 1, -2, 3)},
        {"name": "b", "datatype": 25, "bytes_value": b"123"},
    )
    body.metrics.add(name="f", datatype=18, bytes_value=b"x" * 9).metadata.file_name = "log.txt"
    seen = host.take(NDATA, body).observations
    assert [(o.metric, o.value) for o in seen] == [("a/0", 1), ("a/1", -2), ("a/2", 3), ("b", None), ("f", None)]
    assert "length_mismatch" in seen[3].warnings
    assert (seen[4].attributes["bytes"], seen[4].attributes["file_name"]) == (9, "log.txt")


def test_a_text_that_is_not_utf_8_costs_only_itself() -> None:
    body = node_birth(
        0,
        {"name": "word", "alias": 3, "datatype": 12, "string_value": "abcd"},
        {"name": "wxyz", "alias": 4, "datatype": 9, "float_value": 1.5},
    )
    raw = body.SerializeToString()
    host = Host()
    seen = host.take(
        NBIRTH, raw.replace(b"abcd", "烟感".encode("gbk")).replace(b"wxyz", "温度".encode("gbk"))
    ).observations
    assert "bad_name" in seen[0].warnings
    assert [(o.metric, o.value, o.quality) for o in seen[2:]] == [("word", None, Quality.BAD)]
    assert host.take(NDATA, payload(1, {"alias": 4, "float_value": 1.0})).reason.startswith("not_born")


def test_without_a_topic_the_content_tells_the_messages_apart() -> None:
    host = Host()
    kinds = [
        host.take("", body).observations
        for body in (
            payload(None, bd(0), at=None),
            node_birth(0, {"name": "Properties/FW", "alias": 9, "datatype": 12, "string_value": "1"}),
            payload(1, SMOKE, ALARM),
            payload(2, {**SMOKE, "alias": 11}, {**ALARM, "name": "gas/alarm", "alias": 12}),
            payload(3, {"alias": 2, "boolean_value": True}),
            payload(4, {"alias": 12, "boolean_value": True}),
            payload(5, {"alias": 9, "string_value": "2"}),
            payload(6),
        )
    ]
    told = [[(o.kind, o.device.removeprefix("unknown/unknown"), o.metric) for o in seen][-1] for seen in kinds]
    assert told == [
        (Kind.OFFLINE, "", ""), (Kind.STATE, "", "Properties/FW"), (Kind.STATE, "/1", "fire_alarm"), (Kind.STATE, "/2", "gas_alarm"),
        (Kind.ALARM, "/1", "fire_alarm"), (Kind.ALARM, "/2", "gas_alarm"), (Kind.STATE, "", "Properties/FW"), (Kind.OFFLINE, "/2", ""),
    ]  # fmt: skip
    assert all("topic_unknown" in o.warnings and "seq_gap" not in o.warnings for seen in kinds for o in seen)
    assert Host().take("", payload(2, {"alias": 101, "float_value": 1.0})).reason.startswith("not_born")
    assert Host().take("", rebirth_request(NOW)).verdict is Verdict.IGNORED


def test_the_json_form_of_protobuf_is_the_same_message() -> None:
    body = node_birth(2, SMOKE)
    text = json_format.MessageToJson(body).encode()
    assert ENTRY.fits(Message("", text, NOW)) is Fit.CONTENT
    assert Host().take("", text).observations == Host().take("", body).observations
    assert Host().take("", b'{"metrics":[{"int_value":"x"}]}').reason.startswith("bad_protobuf")
    assert Host().take("", b'{"metrics":').reason.startswith("bad_json")


@pytest.mark.parametrize(
    ("why", "topic", "raw", "fit"),
    [
        ("a will without a topic", "", payload(None, bd(0), at=None).SerializeToString(), Fit.CONTENT),
        ("data without a topic", "", payload(2, {"alias": 1, "float_value": 1.0}).SerializeToString(), Fit.CONTENT),
        ("a topic of another", "zigbee2mqtt/x", payload(2, {"alias": 1}).SerializeToString(), Fit.NO),
        ("protobuf of another", "", b"\x0a\x24" + b"a" * 36, Fit.NO),
        ("a time that cannot be", "", payload(2, {"alias": 1}, at=5).SerializeToString(), Fit.NO),
        ("JSON of another", "", b'{"temperature":1}', Fit.NO),
        ("nothing", "", b"", Fit.NO),
    ],
)  # fmt: skip
def test_whose_a_message_is(why: str, topic: str, raw: bytes, fit: Fit) -> None:
    assert ENTRY.fits(Message(topic, raw, NOW)) is fit, why


def test_memory_is_bounded() -> None:
    nodes = Nodes()
    for number in range(MOST_NODES + 10):
        nodes.heard(f"n{number}")
    assert nodes.known("n0") is None
    assert nodes.known(f"n{MOST_NODES}") is not None
    birth = Birth({str(i): Definition(str(i), 9) for i in range(4000)}, {})
    for number in range(MOST_DEFINITIONS // 4000 + 5):
        node = nodes.heard(f"big{number}")
        node.born(birth, 0, 0, 0)
        nodes.grew(4000)
    assert nodes.known("big0") is None
    crowded = Node()
    for number in range(1100):
        crowded.device_born(str(number), birth)
    assert len(crowded.devices) == 1024


TOPICS = st.sampled_from([NBIRTH, NDATA, NDEATH, DBIRTH, DDATA, DDEATH, "", "spBv1.0/STATE/h", "spBv1.0/a/NCMD/b"])
WHOLE = [
    node_birth(0, SMOKE),
    payload(1, SMOKE, ALARM),
    payload(2, {"alias": 1, "float_value": 1.0}),
    template(3),
    table(rows=2),
]


@st.composite
def mutated(draw: Any) -> bytes:
    raw = bytearray(draw(st.sampled_from(WHOLE)).SerializeToString())
    for _ in range(draw(st.integers(0, 6))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw[: draw(st.integers(0, len(raw)))]) if draw(st.booleans()) else bytes(raw)


@given(st.lists(st.tuples(TOPICS, st.one_of(st.binary(max_size=200), mutated())), max_size=8))
def test_no_bytes_make_a_fault(stream: list[tuple[str, bytes]]) -> None:
    host = Host()
    for topic, raw in stream:
        assert isinstance(ENTRY.fits(Message(topic, raw, NOW)), Fit)
        decoding = host.take(topic, raw)
        assert not decoding.reason.startswith("fault"), decoding.reason
        assert replace(decoding) == decoding


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("Hall/fire/alarm", "fire_alarm"), ("SmokeAlarm", "fire_alarm"), ("烟雾报警", "fire_alarm"), ("可燃气体报警状态", "gas_alarm"),
        ("CO_alarm", "gas_alarm"), ("tilt alarm active", "tilt_alarm"), ("水浸告警", "water_alarm"), ("sos/alarm", "sos_alarm"),
        ("door/alarm", "door/alarm"), ("fire/alarm_test", None), ("alarm_enabled", None), ("fire/alarm/ack", None), ("消音报警", None),
        ("alarm_count", None), ("fire", None), ("status", None), ("", None), ("x" * 300 + "alarm", None),
    ],
)  # fmt: skip
def test_a_name_says_whether_it_is_an_alarm(name: str, metric: str | None) -> None:
    assert alarm_class(name) == metric


@pytest.mark.parametrize(
    ("sentence", "name", "metric"),
    [
        ("the class before the name", "Hall/fire/alarm", "fire_alarm:Hall/fire/alarm"),
        ("a name that is the class", "fire_alarm", "fire_alarm"),
        ("no class that we know", "door/alarm", "device_alarm:door/alarm"),
        ("no word of an alarm", "Level High", "device_alarm:Level High"),
    ],
)
def test_an_alarm_under_its_own_name(sentence: str, name: str, metric: str) -> None:
    assert alarm_metric(name) == metric, sentence


def test_long_names_are_cut_and_stay_apart() -> None:
    long = [alarm_metric("x" * 100 + f"{n}/fire/alarm") for n in range(3)]
    assert len(set(long)) == 3
    assert {len(name) for name in long} == {64}
    assert all(name.startswith("fire_alarm:xxx") for name in long)


def test_an_alarm_of_no_known_class_is_one_all_the_same() -> None:
    host = Host().born()
    host.take(DBIRTH, payload(2, {**ALARM, "name": "door/alarm"}))
    (alarm,) = host.take(DDATA, payload(3, {"alias": ALARM["alias"], "boolean_value": True})).observations
    assert (alarm.kind, alarm.metric, alarm.attributes["name"]) == (Kind.ALARM, "device_alarm:door/alarm", "door/alarm")


def test_an_alarm_that_its_birth_does_not_name_rings_by_its_class() -> None:
    undeclared = {"name": "hall/fire/alarm", "datatype": 11, "boolean_value": True}
    (alarm,) = Host().born().take(DDATA, payload(2, undeclared)).observations
    assert (alarm.kind, alarm.metric, alarm.warnings) == (
        Kind.ALARM,
        "fire_alarm:hall/fire/alarm",
        ("not_in_birth",),
    )
