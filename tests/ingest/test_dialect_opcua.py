"""OPC UA PubSub JSON: frames, events, keep-alives and samples; status is quality, and a snapshot rings nobody by itself."""

from __future__ import annotations

import gzip
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Quality, Verdict, decode_safely
from ingest.dialects.opcua import ENTRIES
from ingest.dialects.opcua_wire import EXPANDED, enqueued

(ENTRY,) = ENTRIES
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
AT, EARLIER = "2026-03-01T08:00:00.1234567Z", "2026-03-01T07:59:58Z"
STAMP = NOW + timedelta(microseconds=123456)


class Host:
    def __init__(self) -> None:
        self.decoder = ENTRY.open()

    def take(self, body: Any, topic: str = "") -> Decoding:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return decode_safely(self.decoder, Message(topic, raw, NOW), ENTRY.largest)


def take(body: Any, topic: str = "") -> Decoding:
    return Host().take(body, topic)


def frame(payload: Any = None, kind: str = "ua-deltaframe", **more: Any) -> dict[str, Any]:
    message = {
        "DataSetWriterId": 1,
        "DataSetWriterName": "hall",
        "SequenceNumber": 7,
        "MessageType": kind,
        "Timestamp": AT,
        **more,
    }
    return message if payload is None else {**message, "Payload": payload}


def network(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"MessageId": "m1", "MessageType": "ua-data", "PublisherId": "plc9", "Messages": list(messages), **more}


def test_a_frame_says_who_when_and_what() -> None:
    (seen,) = take(
        network(frame({"Level": {"Value": 2.5, "SourceTimestamp": EARLIER, "ServerTimestamp": AT}}))
    ).observations
    assert (seen.kind, seen.device, seen.gateway, seen.metric, seen.value) == (
        Kind.TELEMETRY,
        "plc9/hall",
        "plc9",
        "Level",
        2.5,
    )
    assert (seen.device_at, seen.server_at, seen.quality) == (NOW - timedelta(seconds=2), STAMP, Quality.GOOD)
    assert (seen.key, seen.warnings) == (f"opcua:plc9/hall:7:{AT}", ())


GOOD, BAD, UNCERTAIN = Quality.GOOD, Quality.BAD, Quality.SUSPECT


@pytest.mark.parametrize(
    ("why", "raw", "kind", "value", "quality", "warnings"),
    [
        ("a bare number", 5, Kind.TELEMETRY, 5, GOOD, ()),
        ("a bare text", "open", Kind.STATE, "open", GOOD, ()),
        ("a bare boolean", True, Kind.STATE, True, GOOD, ()),
        ("a null", None, Kind.STATE, None, BAD, ("null_value",)),
        ("a bad status without a value", {"StatusCode": {"Code": 2150694912, "Symbol": "BadNoCommunication"}}, Kind.STATE, None, BAD, ()),
        ("a bad status as a number, with a value", {"Value": 5, "StatusCode": 0x80000000}, Kind.TELEMETRY, 5, BAD, ()),
        ("an uncertain value", {"Value": 4, "StatusCode": {"Code": 1083179008}}, Kind.TELEMETRY, 4, UNCERTAIN, ()),
        ("a good status", {"Value": 4, "StatusCode": 0}, Kind.TELEMETRY, 4, GOOD, ()),
        ("a status by its symbol only", {"Value": 4, "StatusCode": {"Symbol": "BadNodeIdUnknown"}}, Kind.TELEMETRY, 4, BAD, ()),
        ("an empty status is good", {"Value": 4, "StatusCode": {}}, Kind.TELEMETRY, 4, GOOD, ()),
        ("a status that is none", {"Value": 4, "StatusCode": "fine"}, Kind.TELEMETRY, 4, UNCERTAIN, ("bad_status",)),
        ("a status out of range", {"Value": 4, "StatusCode": 2**40}, Kind.TELEMETRY, 4, UNCERTAIN, ("bad_status",)),
        ("good, and no value", {"SourceTimestamp": EARLIER}, Kind.STATE, None, BAD, ("null_value",)),
        ("a Variant", {"Type": 11, "Body": 2.5}, Kind.TELEMETRY, 2.5, GOOD, ()),
        ("a Variant in a DataValue", {"Value": {"Type": "Int32", "Body": -4}, "SourceTimestamp": EARLIER}, Kind.TELEMETRY, -4, GOOD, ()),
        ("a long integer travels as a text", {"Type": 8, "Body": "-9223372036854775808"}, Kind.TELEMETRY, -(2**63), GOOD, ()),
        ("a text that looks like a number stays one", "12", Kind.STATE, "12", GOOD, ()),
        ("a Double that is not a number", {"Type": "Double", "Body": "NaN"}, Kind.STATE, None, BAD, ("not_finite",)),
        ("the form of version 1.05", {"UaType": 9, "Value": "18446744073709551615"}, Kind.TELEMETRY, 2**64 - 1, GOOD, ()),
        ("a text with its language", {"Text": "水位高", "Locale": "zh"}, Kind.STATE, "水位高", GOOD, ()),
        ("a structure is kept as text", {"Name": "Step 1", "Duration": 2.0}, Kind.STATE, '{"Name":"Step 1","Duration":2.0}', GOOD, ()),
        ("an array too", [1, 2], Kind.STATE, "[1,2]", GOOD, ()),
        ("a structure within its envelope", {"TypeId": "i=1", "Encoding": "Json", "Body": {"a": 1}}, Kind.STATE, '{"a":1}', GOOD, ()),
        ("a text without end", "x" * 2000, Kind.STATE, "x" * 1024, GOOD, ("truncated",)),
        ("a time that was never set", {"Value": 1, "SourceTimestamp": "0001-01-01T00:00:00Z"}, Kind.TELEMETRY, 1, GOOD, ("zero_time",)),
        ("a time without offset is not guessed at", {"Value": 1, "SourceTimestamp": "2026-03-01T08:00:00"}, Kind.TELEMETRY, 1, GOOD, ("bad_time",)),
    ],
)  # fmt: skip
def test_a_field_in_any_form(
    why: str, raw: Any, kind: Kind, value: Any, quality: Quality, warnings: tuple[str, ...]
) -> None:
    (seen,) = take(network(frame({"x": raw}))).observations
    assert (seen.kind, seen.value, seen.quality, seen.warnings) == (kind, value, quality, warnings), why
    assert type(seen.value) is type(value), why


def test_a_bad_status_is_named_and_that_of_the_message_holds_for_its_fields() -> None:
    (seen,) = take(
        network(frame({"x": {"StatusCode": {"Code": 2150694912, "Symbol": "BadNoCommunication"}}}))
    ).observations
    assert seen.attributes == {"status": "BadNoCommunication", "status_code": 2150694912}
    (whole,) = take(network(frame({"x": 1}, Status=0x80000000))).observations
    assert (whole.value, whole.quality) == (1, Quality.BAD)


def kinds(host: Host, *messages: dict[str, Any]) -> list[Kind]:
    return [host.take(network(message)).observations[0].kind for message in messages]


def test_a_delta_rings_and_a_key_frame_only_when_it_differs() -> None:
    on, off = ({"FireAlarm": {"Value": value}} for value in (True, False))
    assert kinds(Host(), frame(on), frame(off)) == [Kind.ALARM, Kind.CLEAR]
    assert kinds(Host(), frame(on, "ua-keyframe"), frame(on, "ua-keyframe")) == [Kind.STATE, Kind.STATE], (
        "a snapshot is no event"
    )
    assert kinds(Host(), frame(off, "ua-keyframe"), frame(on, "ua-keyframe"), frame(on, "ua-keyframe"), frame(off, "ua-keyframe")) == [
        Kind.STATE, Kind.ALARM, Kind.STATE, Kind.CLEAR,
    ]  # fmt: skip
    assert kinds(Host(), frame(off, ""), frame(on, "")) == [Kind.STATE, Kind.ALARM], (
        "a frame without its type is a key frame"
    )
    bad = {"FireAlarm": {"Value": True, "StatusCode": 0x80000000}}
    assert kinds(Host(), frame(bad), frame(on)) == [Kind.STATE, Kind.ALARM], "a bad value does not ring"
    (alarm,) = take(network(frame(on))).observations
    assert (alarm.metric, alarm.value, alarm.attributes) == (
        "fire_alarm:FireAlarm",
        True,
        {"alarm_class": "fire_alarm", "name": "FireAlarm"},
    )


def test_keep_alive_metadata_and_status() -> None:
    (alive,) = take(network(frame(kind="ua-keepalive"))).observations
    assert (alive.kind, alive.device, alive.server_at) == (Kind.HEARTBEAT, "plc9/hall", STAMP)
    assert take({"MessageType": "ua-metadata", "PublisherId": "plc9", "MetaData": {}}).verdict is Verdict.IGNORED
    assert take({"MessageType": "ua-connection", "PublisherId": "plc9"}).verdict is Verdict.IGNORED
    assert take(network(frame({}))).verdict is Verdict.IGNORED
    for said, kind, at in (
        (2, Kind.ONLINE, STAMP),
        ("Operational", Kind.ONLINE, STAMP),
        (0, Kind.OFFLINE, None),
        (3, Kind.OFFLINE, None),
        (4, Kind.STATE, STAMP),
    ):
        (seen,) = take(
            {"MessageType": "ua-status", "PublisherId": "plc9", "Timestamp": AT, "Status": said}
        ).observations
        assert (seen.kind, seen.device, seen.server_at) == (kind, "plc9", at)
    assert take({"MessageType": "ua-status", "PublisherId": "plc9"}).reason.startswith("missing_field")


CONDITION = {
    "EventId": "AAEC", "EventType": "i=10637", "SourceName": "EastTank", "ConditionName": "Level High Alarm", "Severity": 800, "Time": EARLIER,
    "ReceiveTime": AT, "Message": {"Text": "too high"}, "ActiveState/Id": True, "AckedState/Id": False, "Retain": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("why", "change", "kind"),
    [
        ("an active condition rings", {}, Kind.ALARM),
        ("an inactive one is over", {"ActiveState/Id": False}, Kind.CLEAR),
        ("acknowledged is not over", {"AckedState/Id": True}, Kind.ALARM),
        ("suppressed", {"SuppressedState/Id": True}, Kind.STATE),
        ("suppressed or shelved", {"SuppressedOrShelved": True}, Kind.STATE),
        ("shelved by node", {"ShelvingState/CurrentState/Id": "i=2933"}, Kind.STATE),
        ("unshelved by node", {"ShelvingState/CurrentState/Id": "i=2930"}, Kind.ALARM),
        ("shelved by word", {"ShelvingState/CurrentState": "TimedShelved"}, Kind.STATE),
        ("a word that we do not know keeps nothing quiet", {"ShelvingState/CurrentState": "未搁置"}, Kind.ALARM),
        ("disabled", {"EnabledState/Id": False}, Kind.STATE),
        ("enabled", {"EnabledState/Id": True}, Kind.ALARM),
        ("with dots for slashes", {"ActiveState/Id": None, "ActiveState.Id": False}, Kind.CLEAR),
        ("nested", {"ActiveState/Id": None, "ActiveState": {"Id": False}}, Kind.CLEAR),
        ("as Variants", {"ActiveState/Id": {"Type": "Boolean", "Body": False}}, Kind.CLEAR),
        ("without its state it is a notice", {"ActiveState/Id": None}, Kind.NOTICE),
        ("a state in words is not guessed at", {"ActiveState/Id": None, "ActiveState": "Active"}, Kind.NOTICE),
    ],
)  # fmt: skip
def test_a_condition_rings_by_its_active_state(why: str, change: dict[str, Any], kind: Kind) -> None:
    (seen,) = take(network(frame({**CONDITION, **change}, "ua-event"))).observations
    name = "device_alarm:Level High Alarm" if kind in {Kind.ALARM, Kind.CLEAR} else "Level High Alarm"
    assert (seen.kind, seen.device, seen.gateway, seen.metric) == (kind, "plc9/EastTank", "plc9", name), why
    assert (seen.device_at, seen.server_at, seen.key) == (
        NOW - timedelta(seconds=2),
        STAMP,
        "opcua:plc9/EastTank:AAEC",
    ), why
    assert (seen.attributes["severity"], seen.attributes["message"]) == (800, "too high"), why


def test_a_broadcast_of_pending_conditions_is_a_snapshot() -> None:
    (seen,) = take(network(frame(CONDITION, "ua-condition"))).observations
    assert (seen.kind, seen.value) == (Kind.STATE, True)
    two = take(network(frame([CONDITION, CONDITION], "ua-condition"))).observations
    assert len(two) == 2


def test_a_plain_event_is_a_notice_in_its_words() -> None:
    body = {
        "EventId": {"Type": "ByteString", "Body": "AA=="},
        "Message": {"Type": "LocalizedText", "Body": {"Text": "started", "Locale": "en"}},
        "http://x/#CycleId": "5",
    }
    (seen,) = take({**network(frame(body, "ua-event", DataSetWriterName=None, DataSetWriterId="EVENTS"))}).observations
    assert (seen.kind, seen.device, seen.metric, seen.value, seen.key) == (
        Kind.NOTICE,
        "plc9/EVENTS",
        "event",
        "started",
        "opcua:plc9/EVENTS:AA==",
    )
    assert seen.attributes["http_x_cycle_id"] == "5"


SAMPLE = {
    "NodeId": "nsu=http://example.org/;s=StepUp", "EndpointUrl": "opc.tcp://plc:4840/", "ApplicationUri": "urn:plc",
    "Timestamp": AT, "Value": {"Value": 7, "SourceTimestamp": EARLIER}, "SequenceNumber": 12, "ExtensionFields": {"PublisherId": "pub1", "DataSetWriterId": "1000"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("why", "change", "device", "metric"),
    [
        ("a monitored item", {}, "pub1/1000", "StepUp"),
        ("by its display name", {"DisplayName": "Level"}, "pub1/1000", "Level"),
        ("an older sender without more", {"ExtensionFields": None, "ApplicationUri": None}, "opc.tcp://plc:4840/", "StepUp"),
        ("a numeric node", {"NodeId": "ns=2;i=77"}, "pub1/1000", "77"),
    ],
)  # fmt: skip
def test_samples_of_the_legacy_mode(why: str, change: dict[str, Any], device: str, metric: str) -> None:
    (seen,) = take({"body": {**SAMPLE, **change}}).observations
    assert (seen.device, seen.metric, seen.value, seen.device_at, seen.server_at) == (
        device,
        metric,
        7,
        NOW - timedelta(seconds=2),
        STAMP,
    ), why


def test_events_of_the_legacy_mode() -> None:
    inner = {"TypeId": "x", "Encoding": "Json", "Body": CONDITION}
    (seen,) = take(
        {"body": {**SAMPLE, "DisplayName": "Events", "Value": {"Type": "ExtensionObject", "Body": inner}}}
    ).observations
    assert (seen.kind, seen.device) == (Kind.ALARM, "pub1/EastTank")
    (pending,) = take({"body": {**SAMPLE, "DisplayName": "PendingAlarms", "Value": CONDITION}}).observations
    assert pending.kind is Kind.STATE


def test_a_hub_wraps_and_adds_its_own_time() -> None:
    message = network(frame({"x": 1}, Timestamp=None))
    wrapped = {
        "body": [message, message],
        "enqueuedTime": "Sun Mar 01 2026 16:00:05 GMT+0800 (China Standard Time)",
        "properties": {"$$ContentEncoding": "utf-8"},
    }
    assert [o.server_at for o in take(wrapped).observations] == [NOW + timedelta(seconds=5)] * 2
    routed = {
        "EnqueuedTimeUtc": "2026-03-01T08:00:05Z",
        "Properties": {},
        "SystemProperties": {},
        "Body": b64encode(orjson.dumps(message)).decode(),
    }
    assert take(routed).observations[0].server_at == NOW + timedelta(seconds=5)
    assert take({"body": "not base64!"}).reason.startswith("bad_value")
    assert take({"body": "AAAA"}).reason.startswith("bad_json")


@pytest.mark.parametrize(
    "text",
    [
        "Sun Mar 01 2026 25:00:05 GMT+0800",
        "Sun Mär 01 2026 16:00:05 GMT+0800",
        "now",
        5,
        None,
        "Sun Feb 31 2026 16:00:05 GMT+0800 (x)",
    ],
)
def test_a_hub_s_time_that_is_none(text: Any) -> None:
    assert enqueued(text) is None


@pytest.mark.parametrize(
    ("why", "body", "topic", "device"),
    [
        ("by publisher and writer", network(frame({"x": 1})), "any", "plc9/hall"),
        ("a writer by number", network(frame({"x": 1}, DataSetWriterName=None)), "", "plc9/1"),
        ("a publisher by number", network(frame({"x": 1}), PublisherId=44), "", "44/hall"),
        ("one message instead of a list", {**network(), "Messages": frame({"x": 1})}, "", "plc9/hall"),
        ("without a network header", frame({"x": 1}), "site/line3", "site/line3/hall"),
        ("without any topic", frame({"x": 1}), "", "hall"),
        ("by the standard's topic", frame({"x": 1}), "opcua/json/data/plc9/group/hall", "plc9/hall"),
        ("without message types", {"PublisherId": "plc9", "Messages": [{"DataSetWriterId": 3, "Payload": {"x": 1}}]}, "", "plc9/3"),
        ("fields alone", {"x": {"Value": 1, "SourceTimestamp": AT}}, "site/line3", "site/line3"),
    ],
)  # fmt: skip
def test_who_speaks(why: str, body: Any, topic: str, device: str) -> None:
    (seen,) = take(body, topic).observations
    assert (seen.device, seen.metric, seen.value) == (device, "x", 1), why


def test_part_of_a_batch_is_kept_and_says_so() -> None:
    (seen,) = take([network(frame({"x": 1})), {"MessageType": "other"}]).observations
    assert (seen.value, seen.warnings) == (1, ("bad_message",))


def test_gzip_is_read_and_bounded() -> None:
    raw = orjson.dumps(network(frame({"x": 1})))
    assert take(gzip.compress(raw)).observations == take(raw).observations
    assert ENTRY.fits(Message("", gzip.compress(raw), NOW)) is Fit.MARKED
    assert take(gzip.compress(b" " * (EXPANDED + 1))).reason.startswith("too_big")
    assert take(gzip.compress(raw)[:-12]).reason.startswith("bad_length")
    assert take(b"\x1f\x8bxxxx").reason.startswith("bad_frame")
    assert ENTRY.fits(Message("", b"\x1f\x8bxxxx", NOW)) is Fit.NO


def nested(depth: int) -> bytes:
    return orjson.dumps(network(frame({"x": 0}))).replace(b'"x":0', b'"x":' + b"[" * depth + b"]" * depth)


@pytest.mark.parametrize(
    ("why", "body", "reason"),
    [
        ("broken JSON", b'{"body": {', "bad_json"),
        ("two objects in a row", orjson.dumps(network(frame({"x": 1}))) * 2, "bad_json"),
        ("nested without end", nested(60), "too_deep"),
        ("nested beyond any parser", nested(3000), "too_deep"),
        ("variants without end", orjson.dumps(network(frame({"x": 0}))).replace(b'"x":0', b'"x":' + b'{"Type":1,"Body":' * 60 + b"1" + b"}" * 60), "too_deep"),
        ("no object", [1], "missing_field"),
        ("a type of another", {"MessageType": "up"}, "missing_field"),
        ("a message of another", network({"MessageType": "up", "DataSetWriterId": 1}), "missing_field"),
        ("a frame without fields", network(frame()), "missing_field"),
        ("messages that are none", network(5), "missing_field"),
        ("an event that is none", network(frame(5, "ua-event")), "missing_field"),
        ("nobody speaks", {"Messages": [{"Payload": {"x": 1}}]}, "no_device"),
        ("a name without end", network(frame({"x": 1}), PublisherId="p" * 200), "no_device"),
        ("a field that cannot be named", network(frame({"a\nb": 1})), "bad_value"),
        ("too many fields", network(frame({str(i): i for i in range(5000)})), "too_big"),
        ("too many bytes", b" " * (EXPANDED + 1), "too_big"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(why: str, body: Any, reason: str) -> None:
    decoding = take(body)
    assert decoding.verdict is Verdict.REJECTED, why
    assert decoding.reason.startswith(reason), why


@pytest.mark.parametrize(
    ("why", "topic", "raw", "fit"),
    [
        ("by topic", "opcua/json/data/p", b"?", Fit.TOPIC),
        ("by message type", "x", orjson.dumps(network(frame({"x": 1}))), Fit.MARKED),
        ("a sample", "x", orjson.dumps(SAMPLE), Fit.CONTENT),
        ("a frame alone", "x", orjson.dumps({"DataSetWriterId": 1, "Payload": {}}), Fit.CONTENT),
        ("JSON of another", "x", b'{"MessageType":"up"}', Fit.NO),
        ("nothing", "", b"", Fit.NO),
        ("binary", "", b"\x00\x01", Fit.NO),
    ],
)  # fmt: skip
def test_whose_a_message_is(why: str, topic: str, raw: bytes, fit: Fit) -> None:
    assert ENTRY.fits(Message(topic, raw, NOW)) is fit, why


KEYS = st.sampled_from(
    ["body", "MessageType", "PublisherId", "Messages", "Payload", "Value", "Body", "Type", "StatusCode", "Code", "Symbol", "Timestamp",
     "SourceTimestamp", "NodeId", "DataSetWriterId", "Status", "EventId", "ActiveState", "Id", "ExtensionFields", "DisplayName", "Quality", "Time"]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(max_size=6)
    | st.sampled_from(["ua-data", "ua-event", "ua-keyframe", "ua-deltaframe", "ua-status", "ua-keepalive", AT])
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@given(
    st.one_of(
        JSON,
        st.builds(network, st.builds(frame, JSON, st.sampled_from(["ua-event", "ua-deltaframe", "ua-condition", ""]))),
    ),
    st.booleans(),
)
def test_no_json_makes_a_fault(body: Any, packed: bool) -> None:
    raw = orjson.dumps(body)
    raw = gzip.compress(raw, 1) if packed else raw
    assert isinstance(ENTRY.fits(Message("", raw, NOW)), Fit)
    assert not take(raw).reason.startswith("fault"), take(raw).reason


@given(st.binary(max_size=64), st.sampled_from([b"", b"\x1f\x8b\x08\x00\x00\x00\x00\x00", b"{", b"[{"]))
def test_no_bytes_make_a_fault(tail: bytes, head: bytes) -> None:
    assert isinstance(ENTRY.fits(Message("", head + tail, NOW)), Fit)
    assert not take(head + tail).reason.startswith("fault")


@pytest.mark.parametrize(
    ("sentence", "change", "metric"),
    [
        ("what somebody suppressed rings by no name", {"SuppressedState/Id": True}, "Hall Fire Alarm"),
        ("nor what is shelved", {"SuppressedOrShelved": True}, "Hall Fire Alarm"),
        ("an active one rings by its class", {}, "fire_alarm:Hall Fire Alarm"),
    ],
)
def test_a_condition_s_class_stands_before_its_name(sentence: str, change: dict[str, Any], metric: str) -> None:
    condition = {**CONDITION, "ConditionName": "Hall Fire Alarm", **change}
    (seen,) = take(network(frame(condition, "ua-event"))).observations
    assert (seen.metric, seen.attributes["alarm_class"]) == (metric, "fire_alarm"), sentence


def test_a_long_name_does_not_cost_an_alarm_its_ring() -> None:
    name = "Building 7, second floor, corridor to the east stairs, detector line 12 fire alarm"
    (seen,) = take(network(frame({name: True}, "ua-deltaframe"))).observations
    assert (seen.kind, seen.metric[:11], len(seen.metric), seen.attributes["name"]) == (
        Kind.ALARM,
        "fire_alarm:",
        64,
        name,
    )


def test_several_messages_of_a_hub_at_once_are_each_read_and_dated() -> None:
    hub = [
        {"body": network(frame({"x": n})), "enqueuedTime": f"2026-03-01T07:59:0{n}Z", "properties": {}} for n in (1, 2)
    ]
    decoding = take([*hub, {"body": "§", "enqueuedTime": None, "properties": {}}])
    assert [seen.value for seen in decoding.observations] == [1, 2]
    assert [fault.reason for fault in decoding.faults] == ["bad_value"]
