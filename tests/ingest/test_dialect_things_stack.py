"""The Things Stack: uplinks with and without a decoded payload, simulated ones that ring nobody, and the rest that is only told."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.dialects.things_stack import ThingsStack, fits_things_stack
from ingest.events import Mark, Point

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
IDS = {"device_id": "well-7", "application_ids": {"application_id": "wells"}, "dev_eui": "24E124136B00000A"}
NAMES = ["as:up:01", "gs:conn:02", "gs:uplink:09", "gs:uplink:03", "ns:uplink:04"]


def message(kind: str, part: Any, **more: Any) -> dict[str, Any]:
    return {
        "end_device_ids": IDS,
        "correlation_ids": NAMES,
        "received_at": "2026-11-25T07:59:59.5Z",
        kind: part,
        **more,
    }


def up(**more: Any) -> dict[str, Any]:
    heard = [
        {"gateway_ids": {"gateway_id": "far"}, "rssi": -120, "snr": -9, "time": "1980-01-06T00:00:00Z"},
        {"gateway_ids": {"gateway_id": "near"}, "rssi": -60, "snr": 8.2},
    ]
    return {
        "session_key_id": "AX==",
        "f_cnt": 4,
        "rx_metadata": heard,
        "received_at": "2026-11-25T07:59:58.123456789Z",
        **more,
    }


def decode(body: Any, topic: str = "") -> Decoding:
    return decode_safely(ThingsStack(), Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW))


def test_an_uplink_with_a_decoded_payload() -> None:
    first, second = decode(
        message("uplink_message", up(decoded_payload={"temperature": 4.5, "smoke": True}))
    ).observations
    assert (first.kind, first.metric, first.value, first.unit) == (Kind.TELEMETRY, "temperature", 4.5, "°C")
    assert (second.kind, second.metric, second.value) == (Kind.ALARM, "fire_alarm", True)
    assert (first.device, first.gateway) == ("well-7", "near")
    assert first.server_at == datetime(2026, 11, 25, 7, 59, 58, 123456, tzinfo=UTC), (
        "never a gateway's clock, which may be wrong"
    )
    assert first.key == "tts:gs:uplink:03:4"
    assert (first.attributes["dev_eui"], first.attributes["gateways"], first.attributes["rssi"]) == (
        "24E124136B00000A",
        2,
        -60,
    )


def test_a_simulated_uplink_rings_nobody() -> None:
    found = decode(message("uplink_message", up(decoded_payload={"smoke": True}), simulated=True)).observations
    assert [(o.kind, o.marks, o.warnings) for o in found] == [(Kind.ALARM, Mark.SIMULATED, ("simulated",))]


@pytest.mark.parametrize(
    ("why", "more", "metrics"),
    [
        ("port 85 is Milesight's", {"f_port": 85, "frm_payload": base64.b64encode(b"\x01\x75\x50").decode()}, ["battery"]),
        ("the model is named", {"version_ids": {"brand_id": "milesight-iot", "model_id": "em300-sld"}, "frm_payload": base64.b64encode(b"\x05\x00\x01").decode()}, ["water_alarm"]),
        ("no port is port 0, and nobody knows the bytes", {"frm_payload": "gkHe"}, ["payload"]),
        ("no bytes at all", {}, [""]),
        ("a payload that was decoded to nothing", {"decoded_payload": {}, "frm_payload": "gkHe"}, ["payload"]),
    ],
)  # fmt: skip
def test_bytes(why: str, more: dict[str, Any], metrics: list[str]) -> None:
    assert [o.metric for o in decode(message("uplink_message", up(**more))).observations] == metrics, why


def test_positions_go_by_trust() -> None:
    where = {"user": {"latitude": 1, "longitude": 2}, "frm-payload": {"latitude": 30.5, "longitude": 114.3}}
    (one,) = decode(message("uplink_message", up(locations=where))).observations
    assert one.point == Point(30.5, 114.3)
    (one,) = decode(message("uplink_message", up(locations={"user": {"latitude": 0, "longitude": 0}}))).observations
    assert one.point is None


@pytest.mark.parametrize(
    "kind", ["join_accept", "downlink_queued", "downlink_sent", "downlink_ack", "downlink_nack", "downlink_failed"]
)
def test_what_is_only_told(kind: str) -> None:
    decoding = decode(message(kind, {"received_at": "2026-11-25T07:59:58Z"}))
    assert (decoding.verdict, decoding.observations) == (Verdict.IGNORED, ())
    assert "well-7" in decoding.reason


def test_service_data_and_solved_locations() -> None:
    (one,) = decode(message("service_data", {"service": "geo", "data": {"battery": 4}})).observations
    assert (one.metric, one.value, one.attributes["service"]) == ("battery", 4, "geo")
    (one,) = decode(
        message(
            "location_solved", {"service": "geo", "location": {"latitude": 30.5, "longitude": 114.3, "accuracy": 12}}
        )
    ).observations
    assert (one.kind, one.point, one.attributes["accuracy"]) == (Kind.STATE, Point(30.5, 114.3), 12)


@pytest.mark.parametrize(
    ("why", "body", "topic", "reason"),
    [
        ("a comma is missing, as in the vendor's own document", b'{"end_device_ids":{} "x":1}', "", "bad_json"),
        ("no device", {"end_device_ids": {}, "uplink_message": {}}, "", "no_device"),
        ("another device's topic", message("uplink_message", up()), "v3/wells@t/devices/well-8/up", "gateway_mismatch"),
        ("nothing we know", {"end_device_ids": IDS}, "", "missing_field"),
        ("not base64", message("uplink_message", up(frm_payload="*")), "", "bad_value"),
        (
            "a position on no earth",
            message("location_solved", {"location": {"latitude": 91, "longitude": 1}}),
            "",
            "bad_place",
        ),
    ],
)
def test_what_cannot_be_used(why: str, body: Any, topic: str, reason: str) -> None:
    decoding = decode(body, topic)
    assert (decoding.verdict, decoding.reason.split(":")[0]) == (Verdict.REJECTED, reason), why


def test_without_correlations_the_session_and_its_counter_are_the_key() -> None:
    body = {**message("uplink_message", up(f_cnt=0)), "correlation_ids": None}
    assert decode(body).observations[0].key == "tts:well-7:AX==:0"


@pytest.mark.parametrize(
    ("topic", "payload", "fit"),
    [
        ("v3/app@tenant/devices/d/up", b"", Fit.TOPIC),
        ("v3/app/devices/d/down/ack", b"", Fit.TOPIC),
        ("", b'{"end_device_ids":{}}', Fit.MARKED),
        ("v3/app/devices", b"{}", Fit.NO),
    ],
)
def test_fits(topic: str, payload: bytes, fit: Fit) -> None:
    assert fits_things_stack(Message(topic, payload, NOW)) is fit


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
    st.sampled_from(["uplink_message", "service_data", "location_solved"]),
    st.dictionaries(st.sampled_from([*up(), "decoded_payload", "frm_payload", "f_port", "locations", "version_ids", "location", "data", "service"]), _JSON),
    st.dictionaries(st.sampled_from(["end_device_ids", "correlation_ids", "received_at", "simulated"]), _JSON),
)  # fmt: skip
def test_no_field_of_any_shape_is_a_fault(kind: str, part: dict[str, Any], more: dict[str, Any]) -> None:
    decoding = decode({**message(kind, {**up(), **part}), **more})
    assert not decoding.reason.startswith("fault"), decoding.reason


@given(st.binary(max_size=200))
def test_no_bytes_are_a_fault(raw: bytes) -> None:
    assert not decode(raw).reason.startswith("fault")
