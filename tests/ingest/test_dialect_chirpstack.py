"""ChirpStack in both versions and encodings: what proto3 leaves out is zero, joins say nothing, bytes without a codec are kept."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.chirpstack import ChirpStack, fits_chirpstack
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Quality, Verdict, decode_safely
from ingest.events import Mark, Point

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
EUI = "24e124136b00000a"
AT = datetime(2026, 11, 25, 7, 59, 58, 123456, tzinfo=UTC)
INFO = {
    "applicationId": "a1",
    "applicationName": "wells",
    "deviceProfileName": "EM300-SLD",
    "deviceName": "cellar 4",
    "devEui": EUI,
}
HEARD = [
    {"gatewayId": "0016c001f1000001", "rssi": -110, "snr": -3.5},
    {"gatewayId": "0016c001f1000002", "rssi": -71},
]


def up(**more: Any) -> dict[str, Any]:
    return {
        "deduplicationId": "7c0f1f50-1111-4222-8333-444455556666",
        "time": "2026-11-25T07:59:58.123456789+00:00",
        "deviceInfo": INFO,
        "devAddr": "00189440",
        "rxInfo": HEARD,
        **more,
    }


def b64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def decode(body: Any, topic: str = "", **settings: Any) -> Decoding:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    return decode_safely(ChirpStack(**settings), Message(topic, payload, NOW))


def topic(event: str, eui: str = EUI) -> str:
    return f"application/a1/device/{eui}/event/{event}"


def test_an_uplink_with_a_codec() -> None:
    decoding = decode(
        up(fPort=85, fCnt=7, data="AQ==", object={"temperature": 21.5, "leakage_status": "leak", "battery": 90})
    )
    assert [(o.kind, o.metric, o.value, o.unit) for o in decoding.observations] == [
        (Kind.TELEMETRY, "temperature", 21.5, "°C"),
        (Kind.ALARM, "water_alarm", True, ""),
        (Kind.TELEMETRY, "battery", 90, "%"),
    ]
    first = decoding.observations[0]
    assert (first.device, first.gateway, first.server_at, first.device_at) == (EUI, "0016c001f1000002", AT, None)
    assert first.key == "chirpstack:7c0f1f50-1111-4222-8333-444455556666"
    assert first.attributes["device_name"] == "cellar 4"
    assert (
        first.attributes["gateways"],
        first.attributes["rssi"],
        first.attributes["snr"],
        first.attributes["f_cnt"],
    ) == (2, -71, 0, 7)


def test_an_uplink_without_a_codec_is_read_by_its_profile() -> None:
    found = decode(up(fPort=2, data=b64("017550050001"))).observations
    assert [(o.kind, o.metric, o.value) for o in found] == [
        (Kind.TELEMETRY, "battery", 80),
        (Kind.ALARM, "water_alarm", True),
    ]


@pytest.mark.parametrize(
    ("why", "profile", "port", "choices", "metrics"),
    [
        ("port 85 is Milesight's", "anything", 85, None, ["battery"]),
        ("nobody knows the bytes", "anything", 1, None, ["payload"]),
        ("a name chooses Cayenne", "Cayenne sensors", 1, None, ["payload"]),
        ("configuration chooses", "Own thing", 1, {"own *": "milesight"}, ["battery"]),
        ("a decoder that does not exist reads nothing", "Own thing", 1, {"own *": "none"}, ["payload"]),
    ],
)
def test_which_decoder_reads_is_configuration(
    why: str, profile: str, port: int, choices: dict[str, str] | None, metrics: list[str]
) -> None:
    body = up(fPort=port, data=b64("017550"), deviceInfo={**INFO, "deviceProfileName": profile})
    found = decode(body, **({"choices": choices} if choices else {})).observations
    assert [o.metric for o in found] == metrics, why


def test_bytes_without_a_codec_are_kept() -> None:
    (one,) = decode(up(fPort=1, data=b64("a1b2"), deviceInfo={**INFO, "deviceProfileName": "x"})).observations
    assert (one.kind, one.value, one.quality, one.warnings) == (Kind.STATE, None, Quality.BAD, ("no_codec",))
    assert one.attributes["payload_hex"] == "a1b2"


def test_a_test_seen_by_the_codec_marks_the_whole_message() -> None:
    found = decode(
        up(data="AQ==", object={"event": "testing alarm with normal battery", "temperature": 28})
    ).observations
    assert [(o.kind, o.marks) for o in found] == [(Kind.TEST, Mark.TEST), (Kind.TELEMETRY, Mark.TEST)]


def test_history_out_of_a_codec_is_historical() -> None:
    (one,) = decode(
        up(data="AQ==", object={"history": [{"timestamp": 1764000000, "leakage_status": "leak"}]})
    ).observations
    assert (one.kind, one.marks, one.device_at) == (Kind.ALARM, Mark.HISTORICAL, datetime(2025, 11, 24, 16, tzinfo=UTC))


def test_a_position_out_of_a_codec_is_the_device_s() -> None:
    found = decode(up(data="AQ==", object={"latitude": 30.5, "longitude": 114.3, "battery": 5})).observations
    assert {o.point for o in found} == {Point(30.5, 114.3)}


def test_an_uplink_of_commands_only_is_a_heartbeat() -> None:
    (one,) = decode(up()).observations
    assert one.kind is Kind.HEARTBEAT


@pytest.mark.parametrize(
    ("why", "event", "body", "reason"),
    [
        ("a join", "join", {"deviceInfo": INFO, "devAddr": "00189440", "deduplicationId": "x"}, "join of"),
        ("a join without a topic", "", {"deviceInfo": INFO, "devAddr": "00189440", "deduplicationId": "x"}, "join of"),
        ("an acknowledgement", "ack", {"deviceInfo": INFO, "queueItemId": "q", "acknowledged": True}, "ack of"),
        ("a refusal has its false left out", "ack", {"deviceInfo": INFO, "queueItemId": "q"}, "not acknowledged"),
        ("sent by a gateway", "txack", {"deviceInfo": INFO, "downlinkId": 4}, "txack of"),
        ("a repeated uplink", "log", {"deviceInfo": INFO, "level": "WARNING", "code": "UPLINK_F_CNT_RETRANSMISSION"}, "UPLINK_F_CNT_RETRANSMISSION"),
        ("a counter that began again", "log", {"deviceInfo": INFO, "level": "WARNING", "code": "UPLINK_F_CNT_RESET"}, "UPLINK_F_CNT_RESET"),
        ("information has its level left out", "log", {"deviceInfo": INFO, "code": "OTAA", "description": "x"}, "log OTAA"),
    ],
)  # fmt: skip
def test_what_says_nothing_that_is_kept(why: str, event: str, body: dict[str, Any], reason: str) -> None:
    decoding = decode(body, topic(event) if event else "")
    assert (decoding.verdict, reason in decoding.reason) == (Verdict.IGNORED, True), (why, decoding)


def test_an_error_in_the_log_is_a_notice_with_its_code() -> None:
    (one,) = decode(
        {"time": up()["time"], "deviceInfo": INFO, "level": "ERROR", "code": "UPLINK_MIC", "description": "wrong keys"}
    ).observations
    assert (one.kind, one.metric, one.value, one.attributes["code"]) == (
        Kind.NOTICE,
        "uplink_mic",
        "wrong keys",
        "UPLINK_MIC",
    )


@pytest.mark.parametrize(
    ("why", "body", "battery"),
    [
        ("a level", {"batteryLevel": 72.5}, 72.5),
        ("an empty battery has its zero left out", {"margin": 5}, 0),
        ("no level is known", {"margin": 5, "batteryLevelUnavailable": True}, None),
        ("there is mains", {"margin": 5, "externalPowerSource": True}, None),
    ],
)
def test_status(why: str, body: dict[str, Any], battery: float | None) -> None:
    found = decode({"deviceInfo": INFO, **body}, topic("status")).observations
    assert {o.metric: o.value for o in found}.get("battery") == battery, why
    assert found[0].value == body.get("margin", 0), why


def test_location() -> None:
    (one,) = decode(
        {"deviceInfo": INFO, "location": {"latitude": 30.5, "longitude": 114.3, "source": "GEO_RESOLVER_TDOA"}}
    ).observations
    assert (one.kind, one.metric, one.point) == (Kind.STATE, "location", Point(30.5, 114.3))
    assert decode({"deviceInfo": INFO, "location": {}}, topic("location")).reason.startswith("bad_place")


def test_integration() -> None:
    (one,) = decode({"deviceInfo": INFO, "integrationName": "x", "eventType": "y", "object": {"co2": 500}}).observations
    assert (one.metric, one.value) == ("co2", 500)


def test_version_3_has_base64_names_text_objects_and_no_time_of_its_own() -> None:
    body = {
        "applicationID": "1", "applicationName": "wells", "deviceName": "cellar", "deviceProfileName": "x",
        "devEUI": base64.b64encode(bytes.fromhex(EUI)).decode(), "devAddr": "AQIDBA==", "fCnt": 3, "fPort": 2, "data": "AQ==",
        "rxInfo": [{"gatewayID": base64.b64encode(bytes.fromhex("0016c001f1000001")).decode(), "time": "2026-11-25T07:59:58.123456Z", "rssi": -50, "loRaSNR": 7}],
        "objectJSON": '{"temperature": 3}',
    }  # fmt: skip
    (one,) = decode(body, topic("up")).observations
    assert (one.device, one.gateway, one.metric, one.value, one.server_at) == (
        EUI,
        "0016c001f1000001",
        "temperature",
        3,
        AT,
    )
    assert one.key == f"chirpstack:{EUI}:AQIDBA==:3"
    assert decode({**body, "objectJSON": "{"}).reason.startswith("bad_json")
    (error,) = decode({"devEUI": EUI, "applicationID": "1", "type": "UPLINK_MIC", "error": "wrong"}).observations
    assert (error.kind, error.metric) == (Kind.NOTICE, "uplink_mic")


@pytest.mark.parametrize(
    ("why", "body", "where", "reason"),
    [
        ("another device's topic", up(data="AQ=="), topic("up", "24e124136b00000b"), "gateway_mismatch"),
        ("no device", {**up(), "deviceInfo": {"applicationId": "a"}}, "", "no_device"),
        ("not base64", up(data="*"), "", "bad_value"),
        ("no event", {"deviceInfo": INFO}, "", "unknown_topic"),
        ("a level that is none", {"deviceInfo": INFO, "batteryLevel": 900}, topic("status"), "bad_value"),
        ("not an object", b" []", "", "bad_json"),
        ("cut off", b'{"deviceInfo"', "", "bad_json"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(why: str, body: Any, where: str, reason: str) -> None:
    decoding = decode(body, where)
    assert (decoding.verdict, decoding.reason.split(":")[0]) == (Verdict.REJECTED, reason), why


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "", None])
def test_a_time_that_is_none(time: str | None) -> None:
    (one,) = decode(up(time=time, rxInfo=[])).observations
    assert (one.server_at, one.warnings) == (None, ("zero_time",))


def test_a_time_that_cannot_be_read_costs_nothing_else() -> None:
    (one,) = decode(up(time="soon")).observations
    assert (one.server_at, one.warnings) == (None, ("bad_time",))


def protobuf(event: str, body: dict[str, Any]) -> bytes:
    from chirpstack_api import integration
    from google.protobuf.json_format import ParseDict

    name = {
        "up": "UplinkEvent",
        "join": "JoinEvent",
        "status": "StatusEvent",
        "log": "LogEvent",
        "ack": "AckEvent",
        "location": "LocationEvent",
    }[event]
    return ParseDict(body, getattr(integration, name)()).SerializeToString()


@pytest.mark.parametrize(
    ("event", "body"),
    [
        (
            "up",
            up(fPort=85, fCnt=7, data="AQ==", object={"temperature": 21.5, "leakage_status": "leak", "battery": 90}),
        ),
        ("up", up(fPort=2, data=b64("017550050001"))),
        ("join", {"deviceInfo": INFO, "devAddr": "00189440", "deduplicationId": "x"}),
        ("ack", {"deviceInfo": INFO, "queueItemId": "q"}),
        ("status", {"deviceInfo": INFO, "margin": 5, "batteryLevel": 72.5}),
        ("log", {"deviceInfo": INFO, "level": "ERROR", "code": "UPLINK_MIC", "description": "wrong keys"}),
        ("location", {"deviceInfo": INFO, "location": {"latitude": 30.5, "longitude": 114.25}}),
    ],
)
def test_protobuf_says_the_same_as_json(event: str, body: dict[str, Any]) -> None:
    binary, text = decode(protobuf(event, body), topic(event)), decode(body, topic(event))
    by_metric = [sorted(one.observations, key=lambda o: o.metric) for one in (binary, text)]  # maps have no order
    assert (binary.verdict, binary.reason, by_metric[0]) == (text.verdict, text.reason, by_metric[1])


def test_protobuf_without_a_topic_is_an_uplink_or_nothing() -> None:
    body = up(fPort=2, data=b64("017550050001"))
    assert decode(protobuf("up", body)) == decode(body)
    assert fits_chirpstack(Message("", protobuf("up", body), NOW)) is Fit.MARKED
    assert decode(
        protobuf("join", {"deviceInfo": INFO, "devAddr": "00189440", "deduplicationId": "x"})
    ).reason.startswith("unknown_topic")


@pytest.mark.parametrize(
    ("where", "payload", "fit"),
    [
        (topic("up"), b"", Fit.TOPIC),
        ("lora/1/event/up", json.dumps(up()).encode(), Fit.MARKED),
        ("", b'{"devEUI":"x","applicationID":"1"}', Fit.MARKED),
        ("zigbee2mqtt/device", b"{}", Fit.NO),
    ],
)
def test_fits(where: str, payload: bytes, fit: Fit) -> None:
    assert fits_chirpstack(Message(where, payload, NOW)) is fit


_EVENT = st.sampled_from(["up", "join", "ack", "txack", "log", "status", "location", "integration", "error"])


@given(st.binary(max_size=200), _EVENT)
def test_no_bytes_are_a_fault(raw: bytes, event: str) -> None:
    assert not decode(raw, topic(event)).reason.startswith("fault")


@given(st.data(), _EVENT)
def test_no_change_of_bytes_is_a_fault(data: st.DataObject, event: str) -> None:
    good = bytearray(protobuf("up", up(fPort=2, data=b64("017550050001"), object={"a": [1, {"b": None}], "c": 1e300})))
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    assert not decode(bytes(good), topic(event)).reason.startswith("fault")


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [*up(), "object", "objectJSON", "data", "fPort", "fCnt", "level", "code", "location", "context", "devEUI"]
        ),
        _JSON,
    ),
    _EVENT,
)
def test_no_field_of_any_shape_is_a_fault(changes: dict[str, Any], event: str) -> None:
    decoding = decode({**up(), **changes}, topic(event))
    assert not decoding.reason.startswith("fault"), decoding.reason


@pytest.mark.parametrize("name", ["roof", "0016c001f153a14", "", None, 7])
def test_an_odd_name_of_the_gateway_refuses_no_alarm(name: Any) -> None:
    (seen,) = decode(up(object={"smoke": True}, rxInfo=[{"gatewayId": name, "rssi": -40}])).observations
    assert (seen.kind, seen.metric, seen.gateway) == (Kind.ALARM, "fire_alarm", "")
