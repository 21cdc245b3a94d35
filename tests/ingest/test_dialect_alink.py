"""Alink: values with and without their own time, events that are alarms by name or level, gateways that speak for others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.alink import Alink, fits_alink
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.events import Mark, Point

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
AT = datetime(2026, 11, 25, 7, 59, 58, 123000, tzinfo=UTC)
MS = 1795593598123
POST = "/sys/prod1/dev1/thing/event/property/post"


def post(params: Any, **more: Any) -> dict[str, Any]:
    return {"id": "77", "version": "1.0", "method": "thing.event.property.post", "params": params, **more}


def decode(body: Any, topic: str = POST) -> Decoding:
    return decode_safely(Alink(), Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW))


@pytest.mark.parametrize(
    ("why", "params", "expected"),
    [
        ("plain values", {"temperature": 25.5, "SmokeSensorState": 1}, [(Kind.TELEMETRY, "temperature", 25.5, None), (Kind.ALARM, "fire_alarm", True, None)]),
        ("values with their time", {"temperature": {"value": 25.5, "time": MS}}, [(Kind.TELEMETRY, "temperature", 25.5, AT)]),
        ("both in one message", {"a": 1, "b": {"value": 2, "time": MS}}, [(Kind.TELEMETRY, "a", 1, None), (Kind.TELEMETRY, "b", 2, AT)]),
        ("a structure", {"a": {"b": {"c": True}}}, [(Kind.STATE, "a.b.c", True, None)]),
        ("nothing", {}, [(Kind.HEARTBEAT, "", None, None)]),
    ],
)  # fmt: skip
def test_properties(why: str, params: Any, expected: list[tuple[Kind, str, Any, Any]]) -> None:
    assert [(o.kind, o.metric, o.value, o.device_at) for o in decode(post(params)).observations] == expected, why


def test_who_and_the_key() -> None:
    (one,) = decode(post({"a": 1})).observations
    assert (one.device, one.gateway, one.key, one.attributes["product_key"], one.warnings) == (
        "dev1",
        "",
        "alink:prod1:dev1:77",
        "prod1",
        (),
    )


@pytest.mark.parametrize(
    ("why", "body", "key", "warnings"),
    [
        ("firmware that leaves out id and version", {"params": {"a": 1}}, "", ()),
        ("a version of its own", post({"a": 1}, version="1.0.0"), "alink:prod1:dev1:77", ("version_unexpected",)),
        ("a number for an id", post({"a": 1}, id=5), "alink:prod1:dev1:5", ()),
    ],
)
def test_what_may_be_missing(why: str, body: Any, key: str, warnings: tuple[str, ...]) -> None:
    (one,) = decode(body).observations
    assert (one.key, one.warnings) == (key, warnings), why


def test_without_a_topic_the_user_name_tells_and_no_secret_is_kept() -> None:
    body = post({"a": 1}, sys={"ack": 0, "username": "dev1&prod1", "deviceSecret": "s3cret"})
    (one,) = decode(body, "").observations
    assert (one.device, one.attributes["product_key"]) == ("dev1", "prod1")
    assert "s3cret" not in repr(one)


@pytest.mark.parametrize(
    ("why", "name", "params", "level", "expected"),
    [
        ("its name is an alarm's", "SmokeAlarm", {"value": {"density": 3}, "time": MS}, "", [(Kind.ALARM, "fire_alarm", True), (Kind.TELEMETRY, "density", 3)]),
        ("its level is", "Overload", {"value": {}}, "alert", [(Kind.ALARM, "Overload", True)]),
        ("a fault by level", "Overload", {}, "error", [(Kind.FAULT, "Overload", True)]),
        ("only told", "Rebooted", {"value": {"n": 1}}, "info", [(Kind.NOTICE, "Rebooted", True), (Kind.TELEMETRY, "n", 1)]),
        ("its content says it is over", "SmokeAlarm", {"value": {"smoke_state": 0}}, "", [(Kind.CLEAR, "fire_alarm", False)]),
        ("a test", "SelfTest", {"value": {"n": 1}}, "", [(Kind.TEST, "test", True), (Kind.TELEMETRY, "n", 1)]),
    ],
)  # fmt: skip
def test_events(why: str, name: str, params: Any, level: str, expected: list[tuple[Kind, str, Any]]) -> None:
    body = {"id": "1", "method": f"thing.event.{name}.post", "params": params, **({"type": level} if level else {})}
    found = decode(body, f"/sys/prod1/dev1/thing/event/{name}/post").observations
    assert [(o.kind, o.metric, o.value) for o in found] == expected, why
    assert all(o.marks == (Mark.TEST if "Test" in name else Mark.NONE) for o in found), why
    assert found[0].device_at == (AT if "time" in params else None), why


def test_a_pack_speaks_for_others() -> None:
    params = {
        "properties": {"a": {"value": 1, "time": MS}},
        "events": {"Overload": {"value": {"x": 1}, "time": MS}},
        "subDevices": [
            {
                "identity": {"productKey": "p2", "deviceName": "sub"},
                "properties": {"smoke_state": {"value": 1, "time": MS}},
                "events": {},
            }
        ],
    }
    body = {"id": "1", "params": params, "method": "thing.event.property.pack.post"}
    found = decode(body, "/sys/prod1/gw1/thing/event/property/pack/post").observations
    assert [(o.device, o.gateway, o.kind, o.metric) for o in found] == [
        ("gw1", "", Kind.TELEMETRY, "a"), ("gw1", "", Kind.NOTICE, "Overload"), ("gw1", "", Kind.TELEMETRY, "x"), ("sub", "gw1", Kind.ALARM, "fire_alarm"),
    ]  # fmt: skip
    assert found[-1].key != found[0].key


def test_history_is_no_news() -> None:
    params = [
        {
            "identity": {"productKey": "p2", "deviceName": "sub"},
            "properties": [{"smoke_state": {"value": 1, "time": MS}}],
            "events": [],
        }
    ]
    body = {"id": "1", "params": params, "method": "thing.event.property.history.post"}
    (one,) = decode(body, "/sys/prod1/gw1/thing/event/property/history/post").observations
    assert (one.kind, one.device, one.marks, one.device_at) == (Kind.ALARM, "sub", Mark.HISTORICAL, AT)


def test_what_the_rule_engine_forwards() -> None:
    body = {
        "iotId": "x",
        "productKey": "prod1",
        "deviceName": "dev1",
        "gmtCreate": MS,
        "items": {"temperature": {"value": 5, "time": MS}},
    }
    (one,) = decode(body, "").observations
    assert (one.device, one.metric, one.value, one.server_at, one.device_at) == ("dev1", "temperature", 5, AT, AT)


def test_status() -> None:
    body = {
        "status": "offline",
        "productKey": "prod1",
        "deviceName": "dev1",
        "time": "2026-11-25 15:59:58.123",
        "utcTime": "2026-11-25T07:59:58.123Z",
    }
    (one,) = decode(body, "/as/mqtt/status/prod1/dev1").observations
    assert (one.kind, one.device, one.server_at) == (Kind.OFFLINE, "dev1", AT)
    (one,) = decode({**body, "utcTime": None, "status": "online"}, "/as/mqtt/status/prod1/dev1").observations
    assert (one.kind, one.server_at) == (Kind.ONLINE, AT)


def test_positions() -> None:
    where = {"Longitude": 114.3, "Latitude": 30.5, "Altitude": 1, "CoordinateSystem": 1}
    assert decode(post({"GeoLocation": where})).observations[0].point == Point(30.5, 114.3)
    assert decode(post({"GeoLocation": {**where, "CoordinateSystem": 2}})).observations[0].point is None, (
        "another datum is not WGS-84"
    )


@pytest.mark.parametrize(
    ("why", "body", "topic", "reason"),
    [
        ("no device", post({"a": 1}), "", "no_device"),
        ("no values", post([1]), POST, "missing_field"),
        ("another device's topic", post({"a": 1}, deviceName="dev2"), POST, "gateway_mismatch"),
        ("no standing", {"status": "x"}, "/as/mqtt/status/p/d", "bad_value"),
        ("not JSON", b"{", POST, "bad_json"),
    ],
)
def test_what_cannot_be_used(why: str, body: Any, topic: str, reason: str) -> None:
    decoding = decode(body, topic)
    assert (decoding.verdict, decoding.reason.split(":")[0]) == (Verdict.REJECTED, reason), why


@pytest.mark.parametrize("topic", ["/sys/p/d/thing/service/property/set", "/sys/p/d/thing/event/property/post_reply"])
def test_what_is_no_report(topic: str) -> None:
    assert decode({"id": "1", "params": {"a": 1}}, topic).verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("topic", "payload", "fit"),
    [
        (POST, b"", Fit.TOPIC),
        ("/as/mqtt/status/p/d", b"", Fit.TOPIC),
        ("", orjson.dumps(post({})), Fit.MARKED),
        ("/a/b", b"{}", Fit.NO),
    ],
)
def test_fits(topic: str, payload: bytes, fit: Fit) -> None:
    assert fits_alink(Message(topic, payload, NOW)) is fit


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=12) | st.sampled_from(["value", "time", "identity", "properties", "events", "subDevices", "GeoLocation", "history"]), inner, max_size=4),
    max_leaves=14,
)  # fmt: skip
_TOPICS = [
    POST,
    "/sys/p/d/thing/event/property/pack/post",
    "/sys/p/d/thing/event/property/history/post",
    "/sys/p/d/thing/event/IMEI/post",
    "/sys/p/d/thing/event/history/post",
    "/as/mqtt/status/p/d",
    "/sys/p/d",
    "",
]


@given(
    _JSON,
    st.sampled_from(_TOPICS),
    st.dictionaries(
        st.sampled_from(
            ["id", "version", "method", "sys", "items", "type", "deviceName", "gmtCreate", "status", "time"]
        ),
        _JSON,
    ),
)
def test_no_field_of_any_shape_is_a_fault(params: Any, topic: str, changes: dict[str, Any]) -> None:
    decoding = decode({**post(params), **changes}, topic)
    assert not decoding.reason.startswith("fault"), decoding.reason
