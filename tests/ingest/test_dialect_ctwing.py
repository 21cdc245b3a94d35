"""CTWing: what stands for nothing says nothing, smoke alarms by their table, and whatever the body hides is handed on."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.claims import Reason
from ingest.dialects.ctwing import CtWing, fits_ctwing
from ingest.dialects.enveloped import HandOn, nobody, unhidden
from ingest.dialects.observation import (
    Decoding,
    Fit,
    Kind,
    Message,
    Observation,
    Quality,
    Verdict,
    accepted,
    decode_safely,
    ignored,
    rejected,
)
from ingest.events import Mark

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
AT = datetime(2026, 11, 25, 7, 59, 58, 123000, tzinfo=UTC)


def push(payload: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "upPacketSN": -1, "upDataSN": -1, "topic": "v1/up/ad19prof", "timestamp": 1795593598123, "tenantId": "1046", "serviceId": "",
        "protocol": "lwm2m", "productId": "1501", "payload": payload, "messageType": "dataReport", "deviceType": "", "deviceId": "d-1",
        "assocAssetId": "", "IMSI": "undefined", "IMEI": "860374000000001", **more,
    }  # fmt: skip


def profile(**values: Any) -> dict[str, Any]:
    return push({"serviceId": "notification", "serviceData": values})


def decode(body: Any, hand_on: HandOn = nobody) -> Decoding:
    return decode_safely(CtWing(hand_on), Message("", body if isinstance(body, bytes) else orjson.dumps(body), NOW))


@pytest.mark.parametrize(
    ("why", "code", "kind", "metric", "value", "marks"),
    [
        ("smoke", 1, Kind.ALARM, "fire_alarm", True, Mark.NONE),
        ("silenced smoke is still smoke", 2, Kind.ALARM, "fire_alarm", True, Mark.NONE),
        ("an empty battery", 4, Kind.FAULT, "battery_low", True, Mark.NONE),
        ("a failure", 5, Kind.FAULT, "fault", True, Mark.NONE),
        ("data that make no sense", 6, Kind.FAULT, "fault", True, Mark.NONE),
        ("all is well", 7, Kind.CLEAR, "fire_alarm", False, Mark.NONE),
        ("told to be silent", 8, Kind.STATE, "silence", "once", Mark.NONE),
        ("taken down", 10, Kind.ALARM, "tamper_alarm", True, Mark.NONE),
        ("put back", 11, Kind.CLEAR, "tamper_alarm", False, Mark.NONE),
        ("online", 12, Kind.ONLINE, "", None, Mark.NONE),
        ("a simulated alarm", 14, Kind.TEST, "fire_alarm", True, Mark.TEST),
        ("a reserved code", 3, Kind.STATE, "alarm_status", 3, Mark.NONE),
        ("zero is no code of the table", 0, Kind.STATE, "alarm_status", 0, Mark.NONE),
    ],
)  # fmt: skip
def test_smoke_alarms(why: str, code: int, kind: Kind, metric: str, value: Any, marks: Mark) -> None:
    first, second = decode(profile(Alarm_Status=code, TData=-1)).observations
    assert (first.kind, first.metric, first.value, first.attributes["alarm_status"]) == (kind, metric, value, code), why
    assert (second.metric, second.value) == ("temperature", -1), "a degree below zero is a temperature, not nothing"
    assert first.marks == second.marks == marks, why


def test_the_envelope_is_the_platform_s() -> None:
    (one,) = decode(profile(Battery_Level=88, IMEI="860374000000001", Cell_ID="1")).observations
    assert (one.device, one.metric, one.value, one.unit) == ("d-1", "battery", 88, "%")
    assert (one.server_at, one.device_at) == (AT, None)
    assert one.attributes["imei"] == "860374000000001"
    assert "imsi" not in one.attributes
    assert one.attributes["service_id"] == "notification"


def test_the_key_is_made_of_what_differs_for_the_sequence_never_does() -> None:
    first, again, other, later = (
        decode(body).observations[0].key
        for body in (
            profile(Alarm_Status=1),
            profile(Alarm_Status=1),
            profile(Alarm_Status=7),
            {**profile(Alarm_Status=1), "timestamp": 1795593598124},
        )
    )
    assert first == again
    assert len({first, other, later}) == 3


@pytest.mark.parametrize(
    ("why", "values", "expected"),
    [
        ("no level is known", {"battery_value": -1, "smoke_state": 1}, [(Kind.ALARM, "fire_alarm", True)]),
        ("texts for nothing", {"x": "undefined", "y": "", "z": None, "smoke_state": 0}, [(Kind.CLEAR, "fire_alarm", False)]),
        ("gas, water, tilt and a call for help", {"gas_state": 1, "water_leak": 1, "tilt_state": 1, "sos": 1},
         [(Kind.ALARM, "gas_alarm", True), (Kind.ALARM, "water_alarm", True), (Kind.ALARM, "tilt_alarm", True), (Kind.ALARM, "sos_alarm", True)]),
        ("a low battery", {"battery_state": 1}, [(Kind.FAULT, "battery_low", True)]),
        ("a number where an alarm could be", {"smoke": 35}, [(Kind.TELEMETRY, "smoke", 35)]),
        ("its own name is kept", {"Valve_Angle": 30}, [(Kind.TELEMETRY, "Valve_Angle", 30)]),
    ],
)  # fmt: skip
def test_profiles(why: str, values: dict[str, Any], expected: list[tuple[Kind, str, Any]]) -> None:
    assert [(o.kind, o.metric, o.value) for o in decode(profile(**values)).observations] == expected, why


def test_a_number_of_no_unit_is_suspect() -> None:
    (one,) = decode(profile(smoke=35)).observations
    assert (one.quality, one.warnings) == (Quality.SUSPECT, ("unit_unknown",))


def test_a_test_among_the_values_marks_all_of_them() -> None:
    found = decode(profile(smoke_state=1, self_test=1)).observations
    assert [o.marks for o in found] == [Mark.TEST, Mark.TEST]


def test_a_value_that_is_well_does_not_end_what_the_code_says() -> None:
    found = decode(profile(Alarm_Status=1, smoke_state=0)).observations
    assert [(o.kind, o.metric) for o in found] == [(Kind.ALARM, "fire_alarm"), (Kind.STATE, "smoke_state")]


@pytest.mark.parametrize(("event", "kind"), [(1, Kind.ONLINE), (0, Kind.OFFLINE), ("1", Kind.ONLINE)])
@pytest.mark.parametrize("name", ["deviceOnlineOffline", "deviceOnlineOfflineReport"])
def test_comings_and_goings(name: str, event: int | str, kind: Kind) -> None:
    (one,) = decode(push(messageType=name, eventType=event)).observations
    assert (one.kind, one.device, one.server_at) == (kind, "d-1", AT)


@pytest.mark.parametrize(
    ("why", "event", "content", "expected"),
    [
        ("an alert that says what", 2, {"smoke_state": 1}, [(Kind.ALARM, "fire_alarm", True)]),
        ("an alert that is over", 2, {"smoke_state": 0}, [(Kind.CLEAR, "fire_alarm", False)]),
        (
            "an alert that does not say what",
            2,
            {"level": 3},
            [(Kind.ALARM, "alarm", True), (Kind.TELEMETRY, "level", 3)],
        ),
        ("a fault", 3, {}, [(Kind.FAULT, "fault", True)]),
        ("information", 1, {"level": 3}, [(Kind.TELEMETRY, "level", 3)]),
    ],
)
def test_events(why: str, event: int, content: dict[str, Any], expected: list[tuple[Kind, str, Any]]) -> None:
    found = decode(push(messageType="eventReport", eventType=event, eventContent=content, serviceId="s")).observations
    assert [(o.kind, o.metric, o.value) for o in found] == expected, why


PANEL = bytes.fromhex("4040010001010000000000000000000000000000000000000000000002" + "00" * 4 + "2323")


class Panel:
    """Knows a fire panel's frames and a station's text."""

    def __init__(self) -> None:
        self.asked: list[Message] = []

    def __call__(self, message: Message) -> Decoding | None:
        self.asked.append(message)
        if message.payload.startswith(b"@@"):
            return accepted(Observation(Kind.ALARM, "26875:1", "fire_alarm", value=True, key="own"), reply=b"x")
        if message.payload.startswith(b"##"):
            return rejected(Reason.BAD_SUM, "crc")
        return ignored("nothing") if message.payload == b"\x00\x01" else None


@pytest.mark.parametrize(
    ("why", "payload"),
    [
        ("base64", {"APPdata": base64.b64encode(PANEL).decode()}),
        ("hex in base64", {"APPdata": base64.b64encode(PANEL.hex().encode()).decode()}),
        ("hex", {"msg": PANEL.hex()}),
        ("hex in capitals as the whole payload", PANEL.hex().upper()),
    ],
)
def test_a_frame_inside_is_handed_on(why: str, payload: Any) -> None:
    panel = Panel()
    decoding = decode(push(payload), panel)
    (one,) = decoding.observations
    assert panel.asked[0].payload == PANEL, why
    assert (panel.asked[0].topic, panel.asked[0].received_at) == ("", NOW), why
    assert (one.kind, one.device, one.gateway, one.key, one.server_at) == (Kind.ALARM, "26875:1", "d-1", "own", AT), why
    assert decoding.reply is None, "no reply can go back through the platform"


def test_a_refusal_inside_is_a_refusal() -> None:
    text = "##0010QN=1;ST=21&&"
    assert decode(push({"APPdata": base64.b64encode(text.encode()).decode()}), Panel()).reason == "bad_sum: crc"
    assert decode(push({"msg": "0001"}), Panel()).verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("why", "inner", "metrics", "warnings"),
    [
        ("a map of values", b'{"temperature":5,"smoke_state":0}', ["temperature", "fire_alarm"], ()),
        ("a protocol of its own in JSON", b'{"b":[{"id":1,"v":2}],"c":27,"tm":1}', ["payload"], ("not_decoded",)),
        ("bytes of nobody's", b"\xff\x00\x01", ["payload"], ("not_decoded",)),
        ("nothing", b"", [""], ()),
    ],
)
def test_without_anybody_to_ask(why: str, inner: bytes, metrics: list[str], warnings: tuple[str, ...]) -> None:
    found = decode(push({"APPdata": base64.b64encode(inner).decode()})).observations
    assert [o.metric for o in found] == metrics, why
    assert found[0].warnings == warnings, why
    if warnings:
        assert found[0].attributes["payload_hex"] == inner.hex(), why


def test_a_long_body_is_cut_where_it_is_kept() -> None:
    (one,) = decode(push({"msg": "ff" * 5000})).observations
    assert (len(str(one.attributes["payload_hex"])), one.attributes["payload_bytes"], one.warnings) == (
        2048,
        5000,
        ("not_decoded", "truncated"),
    )


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("4040", b"@@"),
        ("QEA=", b"@@"),
        ("QEA", b"@@"),
        ('{"a":1}', b'{"a":1}'),
        ("##0123", b"##0123"),
        ("你好", "你好".encode()),
        ("", b""),
    ],
)
def test_what_texts_stand_for(text: str, raw: bytes) -> None:
    assert unhidden(text) == raw


@pytest.mark.parametrize(
    ("why", "body", "reason"),
    [
        ("no type", {**push({}), "messageType": None}, "missing_field"),
        ("no device of any name", {**push({}), "deviceId": "", "IMEI": "undefined"}, "no_device"),
        ("neither coming nor going", push(messageType="deviceOnlineOffline", eventType=[1]), "bad_value"),
        ("a truth is no coming", push(messageType="deviceOnlineOffline", eventType=True), "bad_value"),
        ("not JSON", b"{", "bad_json"),
    ],
)
def test_what_cannot_be_used(why: str, body: Any, reason: str) -> None:
    decoding = decode(body)
    assert (decoding.verdict, decoding.reason.split(":")[0]) == (Verdict.REJECTED, reason), why


def test_commands_are_ignored_and_a_zero_time_is_none() -> None:
    assert decode(push(messageType="commandResponse")).verdict is Verdict.IGNORED
    (one,) = decode({**profile(temperature=1), "timestamp": 0}).observations
    assert (one.server_at, one.warnings) == (None, ("zero_time",))


def test_a_name_that_cannot_be_costs_its_neighbours_nothing() -> None:
    found = decode(profile(**{"a\n" + "b" * 90: 1, "smoke_state": 1})).observations
    assert [(o.kind, o.warnings) for o in found] == [(Kind.TELEMETRY, ("name_changed",)), (Kind.ALARM, ())]


def test_fits() -> None:
    assert fits_ctwing(Message("", orjson.dumps(push({})), NOW)) is Fit.MARKED
    assert fits_ctwing(Message("", b'{"a":1}', NOW)) is Fit.NO


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12) | st.sampled_from(["serviceData", "APPdata", "msg", "Alarm_Status", "smoke"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from([*push(), "eventType", "eventContent"]), _JSON),
    st.sampled_from(["dataReport", "deviceOnlineOffline", "eventReport"]),
)
def test_no_field_of_any_shape_is_a_fault(changes: dict[str, Any], kind: str) -> None:
    decoding = decode({**push({}), "messageType": kind, **changes}, Panel())
    assert not decoding.reason.startswith("fault"), decoding.reason


def test_depth_is_no_fault() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"a": deep}
    assert decode(push({"serviceData": deep})).reason.split(":")[0] == "too_deep"
    raw = orjson.dumps(push({"serviceData": "@"})).replace(b'"@"', b'{"a":' * 900 + b"1" + b"}" * 900)
    assert decode(raw).reason.split(":")[0] == "too_deep"


def test_a_service_may_come_as_a_text() -> None:
    said = decode(push(orjson.dumps({"serviceId": "s", "serviceData": {"smoke_state": 1}}).decode())).observations
    assert [(o.kind, o.metric, o.value) for o in said] == [(Kind.ALARM, "fire_alarm", True)]


def test_coming_and_going_at_one_instant_are_two_messages() -> None:
    keys = {decode(push({}, messageType="deviceOnlineOfflineReport", eventType=n)).observations[0].key for n in (0, 1)}
    assert len(keys) == 2


@pytest.mark.parametrize("stamp", [1795593598, "1795593598"])
def test_a_time_in_seconds_is_read_and_named(stamp: int | str) -> None:
    (seen,) = decode(push({"serviceData": {"temperature": 20}}, timestamp=stamp)).observations
    assert (seen.server_at, seen.warnings) == (AT.replace(microsecond=0), ("time_in_seconds",))
