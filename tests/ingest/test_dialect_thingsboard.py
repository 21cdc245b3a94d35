"""ThingsBoard: a gateway's message speaks of several devices, a device's of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.dialects.thingsboard import ThingsBoard, fits_thingsboard

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
AT = datetime(2026, 11, 25, 7, 59, 58, 123000, tzinfo=UTC)
MS = 1795593598123
GATEWAY, DEVICE = "v1/gateway/telemetry", "v1/devices/me/telemetry"


def decode(body: Any, topic: str = GATEWAY, **more: Any) -> Decoding:
    return decode_safely(
        ThingsBoard(), Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW, **more)
    )


BODY = {
    "Device A": [
        {"ts": MS, "values": {"temperature": 42, "smoke": True}},
        {"ts": MS + 1000, "values": {"temperature": 43}},
    ],
    "Device B": [{"temperature": 1}],
}


@pytest.mark.parametrize("topic", [GATEWAY, ""])
def test_a_gateway_s_telemetry(topic: str) -> None:
    found = decode(BODY, topic).observations
    assert [(o.device, o.kind, o.metric, o.value) for o in found] == [
        ("Device A", Kind.TELEMETRY, "temperature", 42), ("Device A", Kind.ALARM, "fire_alarm", True),
        ("Device A", Kind.TELEMETRY, "temperature", 43), ("Device B", Kind.TELEMETRY, "temperature", 1),
    ]  # fmt: skip
    assert (found[0].server_at, found[0].device_at) == (AT, None), "the clock is the gateway's"
    assert (found[3].server_at, found[3].key) == (None, "")
    assert len({o.key for o in found}) == 3


@pytest.mark.parametrize(
    ("why", "body", "expected"),
    [
        ("a map", {"temperature": 5}, [("temperature", 5, None)]),
        ("a map with its time", {"ts": MS, "values": {"temperature": 5}}, [("temperature", 5, AT)]),
        ("several", [{"ts": MS, "values": {"a": 5}}, {"b": 6}], [("a", 5, AT), ("b", 6, None)]),
        ("a time that is none", {"ts": 0, "values": {"a": 5}}, [("a", 5, None)]),
        ("a value that is called ts", {"ts": 5}, [("ts", 5, None)]),
    ],
)
def test_a_device_s_telemetry(why: str, body: Any, expected: list[tuple[str, Any, Any]]) -> None:
    found = decode(body, DEVICE, properties={"username": "dev-9"}).observations
    assert [(o.metric, o.value, o.device_at) for o in found] == expected, why
    assert all((o.device, o.server_at) == ("dev-9", None) for o in found), why


def test_a_device_that_only_its_connection_knows() -> None:
    (one,) = decode({"a": 1}, DEVICE).observations
    assert (one.device, one.warnings) == ("me", ("no_address",))
    assert decode({"a": 1}, DEVICE, peer="10.1.2.3:5000").observations[0].device == "10.1.2.3:5000"


def test_attributes_are_states_and_no_news() -> None:
    (one,) = decode({"Device A": {"smoke": True}}, "v1/gateway/attributes").observations
    assert (one.kind, one.metric, one.value) == (Kind.STATE, "fire_alarm", True)
    (one,) = decode({"firmware": "1.2"}, "v1/devices/me/attributes").observations
    assert (one.kind, one.metric, one.value) == (Kind.STATE, "firmware", "1.2")


@pytest.mark.parametrize(("what", "kind"), [("connect", Kind.ONLINE), ("disconnect", Kind.OFFLINE)])
def test_comings_and_goings(what: str, kind: Kind) -> None:
    (one,) = decode({"device": "Device A", "type": "x"}, f"v1/gateway/{what}").observations
    assert (one.kind, one.device) == (kind, "Device A")


@pytest.mark.parametrize(
    "topic", ["v1/gateway/rpc", "v1/gateway/claim", "v1/devices/me/rpc/response/1", "v1/gateway/attributes/request"]
)
def test_what_says_nothing(topic: str) -> None:
    assert decode({"device": "d"}, topic).verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("why", "body", "topic", "reason"),
    [
        ("no device", {}, GATEWAY, "no_value"),
        ("a name that is none", {"a\n": [{"b": 1}]}, GATEWAY, "no_device"),
        ("no list of maps", {"a": [1]}, GATEWAY, "bad_value"),
        ("nobody connects", {"type": "x"}, "v1/gateway/connect", "no_device"),
        ("neither topic nor shape", {"a": 1}, "", "unknown_topic"),
        ("nothing", [], DEVICE, "no_value"),
        ("not JSON", b"{", GATEWAY, "bad_json"),
    ],
)
def test_what_cannot_be_used(why: str, body: Any, topic: str, reason: str) -> None:
    decoding = decode(body, topic)
    assert (decoding.verdict, decoding.reason.split(":")[0]) == (Verdict.REJECTED, reason), why


@pytest.mark.parametrize(
    ("topic", "payload", "fit"),
    [
        (GATEWAY, b"", Fit.TOPIC),
        (DEVICE, b"", Fit.TOPIC),
        ("", orjson.dumps(BODY), Fit.CONTENT),
        ("", b'{"ts":1,"values":{}}', Fit.NO),
        ("v1/x", b"{}", Fit.NO),
    ],
)
def test_fits(topic: str, payload: bytes, fit: Fit) -> None:
    assert fits_thingsboard(Message(topic, payload, NOW)) is fit


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=12) | st.sampled_from(["ts", "values", "device", "history", "test"]), inner, max_size=4
        )
    ),
    max_leaves=14,
)


@given(_JSON, st.sampled_from([GATEWAY, DEVICE, "v1/gateway/attributes", "v1/gateway/connect", ""]))
def test_no_message_of_any_shape_is_a_fault(body: Any, topic: str) -> None:
    decoding = decode(body, topic)
    assert not decoding.reason.startswith("fault"), decoding.reason
