"""Huawei IoTDA: two forms of time in one message, and a body that may stand beside its envelope."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.enveloped import HandOn, nobody
from ingest.dialects.iotda import IotDa, fits_iotda
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, accepted, decode_safely
from ingest.events import Mark, Point

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
HEADER = {"device_id": "p_node", "node_id": "node", "product_id": "p", "gateway_id": "gw"}


def push(resource: str = "device.property", body: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "resource": resource, "event": "report", "event_time": "20261125T075958Z", "event_time_ms": "2026-11-25T07:59:58.632Z",
        "notify_data": {"header": HEADER, "body": body}, **more,
    }  # fmt: skip


def service(time: Any = "20261125T075957Z", **values: Any) -> dict[str, Any]:
    return {"services": [{"service_id": "S", "properties": values, "event_time": time}]}


def decode(body: Any, hand_on: HandOn = nobody) -> Decoding:
    return decode_safely(IotDa(hand_on), Message("", body if isinstance(body, bytes) else orjson.dumps(body), NOW))


def test_properties_have_the_device_s_time_and_the_platform_s() -> None:
    first, second = decode(push(body=service(temperature=5, smoke_state=1))).observations
    assert (first.kind, first.metric, first.value, first.device, first.gateway) == (
        Kind.TELEMETRY,
        "temperature",
        5,
        "p_node",
        "gw",
    )
    assert first.device_at == datetime(2026, 11, 25, 7, 59, 57, tzinfo=UTC)
    assert first.server_at == datetime(2026, 11, 25, 7, 59, 58, 632000, tzinfo=UTC)
    assert (second.kind, second.metric, first.attributes["service_id"], first.attributes["node_id"]) == (
        Kind.ALARM,
        "fire_alarm",
        "S",
        "node",
    )


@pytest.mark.parametrize(
    ("why", "time", "at", "warnings"),
    [
        ("no time of the device", None, None, ()),
        ("one in the other form", "2026-11-25T07:59:57Z", datetime(2026, 11, 25, 7, 59, 57, tzinfo=UTC), ()),
        ("one that is none", "soon", None, ("bad_time",)),
        ("a clock never set", "19700101T000012Z", None, ("zero_time",)),
    ],
)
def test_times(why: str, time: Any, at: datetime | None, warnings: tuple[str, ...]) -> None:
    (one,) = decode(push(body=service(time, temperature=5))).observations
    assert (one.device_at, one.warnings) == (at, warnings), why


def test_every_service_has_its_own_time_and_one_key() -> None:
    body = {
        "services": [
            service("20261125T075901Z", a=1)["services"][0],
            service("20261125T075902Z", a=2, latitude=30.5, longitude=114.3)["services"][0],
        ]
    }
    found = decode(push(body=body)).observations
    assert [o.device_at.second for o in found if o.metric == "a" and o.device_at] == [1, 2]
    assert found[1].point == Point(30.5, 114.3)
    assert len({o.key for o in found}) == 1
    assert decode(push(body=service(a=1), request_id="r1")).observations[0].key.startswith("iotda:r1:")


def test_a_smoke_alarm_s_test() -> None:
    found = decode(push(body=service(Alarm_Status=14, TData=20))).observations
    assert [(o.kind, o.marks) for o in found] == [(Kind.TEST, Mark.TEST), (Kind.TELEMETRY, Mark.TEST)]


@pytest.mark.parametrize(
    ("word", "kind"), [("ONLINE", Kind.ONLINE), ("offline", Kind.OFFLINE), ("ABNORMAL", Kind.OFFLINE)]
)
@pytest.mark.parametrize("beside", [True, False])
def test_status(word: str, kind: Kind, beside: bool) -> None:
    body = {"status": word}
    whole = push("device.status", None if beside else body)
    if beside:  # as the vendor's document has it
        whole["body"] = body
    (one,) = decode(whole).observations
    assert (one.kind, one.device) == (kind, "p_node")


def test_a_message_s_content_is_read_or_handed_on() -> None:
    assert [o.metric for o in decode(push("device.message", {"topic": "t", "content": {"co2": 5}})).observations] == [
        "co2"
    ]
    assert [o.metric for o in decode(push("device.message", {"content": '{"co2":5}'})).observations] == ["co2"]

    def panel(message: Message) -> Decoding | None:
        return (
            accepted(Observation(Kind.ALARM, "panel", "fire_alarm", value=True))
            if message.payload == b"@@\x01"
            else None
        )

    (one,) = decode(push("device.message", {"content": "QEAB"}), panel).observations
    assert (one.device, one.gateway) == ("panel", "p_node")


@pytest.mark.parametrize("resource", ["device.message.status", "device.command.status", "device"])
def test_what_is_only_told(resource: str) -> None:
    assert decode(push(resource, {"status": "DELIVERED"})).verdict is Verdict.IGNORED


def test_a_frozen_device_is_neither_here_nor_gone() -> None:
    assert decode(push("device.status", {"status": "FROZEN"})).verdict is Verdict.IGNORED


def test_the_predecessor_s_pushes() -> None:
    body = {
        "notifyType": "deviceDataChanged",
        "deviceId": "d",
        "gatewayId": "d",
        "requestId": "r",
        "service": {"serviceId": "S", "data": {"temperature": 4}, "eventTime": "20261125T075957Z"},
    }
    (one,) = decode(body).observations
    assert (one.device, one.gateway, one.metric, one.value, one.device_at) == (
        "d",
        "",
        "temperature",
        4,
        datetime(2026, 11, 25, 7, 59, 57, tzinfo=UTC),
    )
    assert decode({"notifyType": "deviceAdded", "deviceId": "d"}).verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("why", "body", "reason"),
    [
        ("no resource", {"notify_data": {"header": HEADER}}, "missing_field"),
        ("no device", {**push(body=service(a=1)), "notify_data": {"header": {}, "body": service(a=1)}}, "no_device"),
        ("no services", push(body={"services": {}}), "missing_field"),
        ("no content", push("device.message", {"topic": "t"}), "missing_field"),
        ("not JSON", b"[", "bad_json"),
    ],
)
def test_what_cannot_be_used(why: str, body: Any, reason: str) -> None:
    decoding = decode(body)
    assert (decoding.verdict, decoding.reason.split(":")[0]) == (Verdict.REJECTED, reason), why


def test_fits() -> None:
    assert fits_iotda(Message("", orjson.dumps(push()), NOW)) is Fit.MARKED
    assert fits_iotda(Message("", b'{"resource":1}', NOW)) is Fit.NO


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12) | st.sampled_from(["services", "properties", "status", "content", "event_time"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    _JSON,
    st.sampled_from(["device.property", "device.message", "device.status", "device.event"]),
    st.dictionaries(st.sampled_from([*push(), "notifyType", "service", "deviceId"]), _JSON),
)
def test_no_field_of_any_shape_is_a_fault(body: Any, resource: str, changes: dict[str, Any]) -> None:
    for whole in (push(resource, body), {**push(resource, body), **changes}):
        decoding = decode(whole)
        assert not decoding.reason.startswith("fault"), decoding.reason


def test_the_one_property_of_a_device_without_a_codec_is_handed_on() -> None:
    asked: list[bytes] = []

    def somebody(message: Message) -> Decoding:
        asked.append(message.payload)
        return accepted(Observation(Kind.ALARM, "panel", "fire_alarm", True))

    frame = b"@@" + bytes(40)
    for text in (base64.b64encode(frame).decode(), frame.hex()):
        (seen,) = decode(push(body=service(data=text)), somebody).observations
        assert (seen.kind, seen.device, seen.gateway) == (Kind.ALARM, "panel", "p_node")
    assert asked == [frame, frame]
    (kept,) = decode(push(body=service(data="a word that is long enough to be something else")), somebody).observations
    assert (kept.kind, kept.metric) == (Kind.STATE, "data")
