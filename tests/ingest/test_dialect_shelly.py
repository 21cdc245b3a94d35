"""Shelly: a delta says only what it names, a full status is no event, and a test is no fire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.dialects.shelly import Shelly, fits
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AT = datetime(2026, 3, 1, 8, 0, 0, 620_000, tzinfo=UTC)
ID = "shellyplussmoke-80646fd0"
BEAT = (Kind.HEARTBEAT, "", None, "")


def message(topic: str, body: Any) -> Message:
    return Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW)


def read(topic: str, body: Any) -> Decoding:
    return decode_safely(Shelly(), message(topic, body))


def notify(method: str, ts: Any = 1772352000.62, **params: Any) -> dict[str, Any]:
    params = {k.replace("__", ":"): v for k, v in params.items()}
    return {"src": ID, "dst": f"{ID}/events", "method": method, "params": {"ts": ts, **params}}


def said(decoding: Decoding) -> list[tuple[Kind, str, Any, str]]:
    return [(o.kind, o.metric, o.value, o.unit) for o in decoding.observations]


@pytest.mark.parametrize(
    ("why", "body", "expected"),
    [
        ("an alarm", notify("NotifyStatus", smoke__0={"id": 0, "alarm": True}), [BEAT, (Kind.ALARM, "fire_alarm", True, "")]),
        ("its end", notify("NotifyStatus", smoke__0={"id": 0, "alarm": False}), [BEAT, (Kind.CLEAR, "fire_alarm", False, "")]),
        ("a delta without the alarm says nothing of it", notify("NotifyStatus", smoke__0={"id": 0, "mute": True}), [BEAT, (Kind.STATE, "mute", True, "")]),
        ("a full status is a state", notify("NotifyFullStatus", smoke__0={"id": 0, "alarm": True, "mute": False}),
         [BEAT, (Kind.STATE, "fire_alarm", True, ""), (Kind.STATE, "mute", False, "")]),
        ("water, with a cable that is off", notify("NotifyStatus", flood__0={"id": 0, "alarm": True, "errors": ["cable_unplugged"]}),
         [BEAT, (Kind.ALARM, "water_alarm", True, ""), (Kind.FAULT, "cable_unplugged", True, "")]),
        ("power, temperature, humidity", notify("NotifyStatus", devicepower__0={"id": 0, "battery": {"V": 2.9, "percent": 84}, "external": {"present": False}},
                                                temperature__0={"id": 0, "tC": 19.8, "tF": 67.6}, humidity__0={"id": 0, "rh": 42.2}),
         [BEAT, (Kind.TELEMETRY, "voltage", 2.9, "V"), (Kind.TELEMETRY, "battery", 84, "%"), (Kind.STATE, "external_power", False, ""),
          (Kind.TELEMETRY, "temperature", 19.8, "°C"), (Kind.TELEMETRY, "humidity", 42.2, "%")]),
        ("a second thermometer keeps its own name", notify("NotifyStatus", temperature__100={"id": 100, "tC": 60.1}), [BEAT, (Kind.TELEMETRY, "temperature:100.tC", 60.1, "°C")]),
        ("the machine about itself", notify("NotifyFullStatus", ble={}, mqtt={"connected": True}, wifi={"ssid": "x", "rssi": -61}), [BEAT, (Kind.TELEMETRY, "rssi", -61, "dBm")]),
        ("an event of an alarm", notify("NotifyEvent", events=[{"component": "smoke:0", "id": 0, "event": "alarm", "ts": 1772352000.62}]), [(Kind.ALARM, "fire_alarm", True, "")]),
        ("an event of its end", notify("NotifyEvent", events=[{"component": "flood:0", "event": "alarm_off"}]), [(Kind.CLEAR, "water_alarm", False, "")]),
        ("an event of a test", notify("NotifyEvent", events=[{"component": "smoke:0", "event": "alarm_test"}]), [(Kind.TEST, "fire_alarm", True, "")]),
        ("any other event is a notice", notify("NotifyEvent", events=[{"component": "input:0", "event": "single_push"}]), [(Kind.NOTICE, "event", "single_push", "")]),
    ],
)  # fmt: skip
def test_notifications(why: str, body: Any, expected: list[tuple[Kind, str, Any, str]]) -> None:
    decoding = read(f"{ID}/events/rpc", body)
    assert decoding.verdict is Verdict.ACCEPTED, (why, decoding.reason)
    assert said(decoding) == expected, why
    assert {(o.device, o.device_at) for o in decoding.observations} == {(ID, AT)}, why


def test_a_muted_alarm_says_so_and_a_test_is_marked() -> None:
    alarm = read(f"{ID}/events/rpc", notify("NotifyStatus", smoke__0={"alarm": True, "mute": True})).observations[1]
    assert (alarm.kind, alarm.warnings, alarm.attributes) == (
        Kind.ALARM,
        ("muted",),
        {"component": "smoke:0", "mute": True},
    )
    (tested,) = read("x/events/rpc", notify("NotifyEvent", events=[{"component": "smoke:0", "event": "alarm_test"}])).observations  # fmt: skip
    assert (tested.marks, tested.warnings) == (Mark.TEST, ("test_bit",))


@pytest.mark.parametrize(("ts", "warning"), [(None, "zero_time"), (0, "zero_time"), ("soon", "bad_time")])
def test_before_the_device_has_the_time(ts: Any, warning: str) -> None:
    alarm = read(f"{ID}/events/rpc", notify("NotifyStatus", ts, smoke__0={"alarm": True})).observations[1]
    assert (alarm.kind, alarm.device_at, alarm.warnings) == (Kind.ALARM, None, (warning,))


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        (f"{ID}/online", b"true", [(Kind.ONLINE, "", None, "")]),
        (f"{ID}/online", b"false", [(Kind.OFFLINE, "", None, "")]),
        (f"{ID}/status/smoke:0", b'{"id":0,"alarm":true,"mute":false}', [(Kind.ALARM, "fire_alarm", True, ""), (Kind.STATE, "mute", False, "")]),
        ("house/kitchen/status/smoke:0", b'{"id":0,"alarm":false}', [(Kind.CLEAR, "fire_alarm", False, "")]),
    ],
)  # fmt: skip
def test_the_other_topics(topic: str, payload: bytes, expected: list[Any]) -> None:
    assert said(read(topic, payload)) == expected


@pytest.mark.parametrize(
    ("why", "topic", "payload", "verdict", "reason"),
    [
        ("another's name in the payload", "shellyplussmoke-1/events/rpc", notify("NotifyStatus"), Verdict.REJECTED, "gateway_mismatch"),
        ("no device at all", "", {"method": "NotifyStatus", "params": {}}, Verdict.REJECTED, "no_device"),
        ("no params", f"{ID}/events/rpc", {"src": ID, "method": "NotifyStatus"}, Verdict.REJECTED, "missing_field"),
        ("an answer", f"{ID}/events/rpc", {"id": 1, "src": ID, "result": {}}, Verdict.IGNORED, "answer"),
        ("its log", f"{ID}/debug/log", b"x", Verdict.IGNORED, "about itself"),
        ("neither true nor false", f"{ID}/online", b"maybe", Verdict.REJECTED, "bad_value"),
        ("deleted", f"{ID}/online", b"", Verdict.IGNORED, "deleted"),
        ("not JSON", f"{ID}/events/rpc", b"{", Verdict.REJECTED, "bad_json"),
    ],
)  # fmt: skip
def test_what_says_nothing_or_cannot_be_used(why: str, topic: str, payload: Any, verdict: Verdict, reason: str) -> None:
    decoding = read(topic, payload)
    assert decoding.verdict is verdict, (why, decoding)
    assert reason in decoding.reason, why


@pytest.mark.parametrize(
    ("topic", "body", "fit"),
    [
        (f"{ID}/events/rpc", b"", Fit.TOPIC),
        ("kitchen/events/rpc", b"", Fit.TOPIC),
        ("", notify("NotifyStatus"), Fit.MARKED),
        ("kitchen/status/smoke:0", {"alarm": True}, Fit.CONTENT),
        ("kitchen/online", b"true", Fit.CONTENT),
        ("esp/status", b"online", Fit.NO),
    ],
)
def test_fits(topic: str, body: Any, fit: Fit) -> None:
    assert fits(message(topic, body)) is fit


KEYS = ["src", "method", "params", "ts", "events", "event", "component", "smoke:0", "alarm", "mute", "errors", "battery", "temperature:0", "tC", "wifi", "rssi", ""]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["NotifyStatus", "NotifyEvent", "NotifyFullStatus", "alarm", "alarm_test", "smoke:0", ID]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(
    st.sampled_from(["", f"{ID}/events/rpc", f"{ID}/online", f"{ID}/status/smoke:0"]), VALUES | st.binary(max_size=60)
)
def test_nothing_that_is_sent_is_a_fault_of_ours(topic: str, body: Any) -> None:
    sent = message(topic, body)
    assert fits(sent) in Fit
    assert not read(topic, sent.payload).reason.startswith("fault")
