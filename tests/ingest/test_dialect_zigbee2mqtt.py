"""Zigbee2MQTT: what its bridge and its devices say, and what of it may ring."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.dialects.zigbee2mqtt import ENTRIES, Zigbee2Mqtt, fits
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def message(topic: str, body: Any, *, retained: bool = False) -> Message:
    return Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW, retained)


def read(topic: str, body: Any, decoder: Zigbee2Mqtt | None = None) -> Decoding:
    return decode_safely(decoder or Zigbee2Mqtt(), message(topic, body), ENTRIES[0].largest)


def said(decoding: Decoding) -> list[tuple[Kind, str, Any, str]]:
    return [(o.kind, o.metric, o.value, o.unit) for o in decoding.observations]


@pytest.mark.parametrize(
    ("why", "topic", "body", "device", "expected"),
    [
        ("smoke rings", "zigbee2mqtt/kitchen", {"smoke": True, "tamper": False},
         "kitchen", [(Kind.ALARM, "fire_alarm", True, ""), (Kind.STATE, "tamper", False, "")]),
        ("no smoke clears, in every publish", "zigbee2mqtt/kitchen", {"smoke": False, "linkquality": 66},
         "kitchen", [(Kind.CLEAR, "fire_alarm", False, ""), (Kind.TELEMETRY, "linkquality", 66, "")]),
        ("a name with slashes", "zigbee2mqtt/hall/2/smoke", {"smoke": True}, "hall/2/smoke", [(Kind.ALARM, "fire_alarm", True, "")]),
        ("a name with blanks", "zigbee2mqtt/厨房 烟感", {"gas": True}, "厨房 烟感", [(Kind.ALARM, "gas_alarm", True, "")]),
        ("a base topic of its own instance", "zigbee2mqtt-east/x", {"water_leak": True}, "x", [(Kind.ALARM, "water_alarm", True, "")]),
        ("a base topic below another", "city/zigbee2mqtt/x", {"sos": True}, "x", [(Kind.ALARM, "sos_alarm", True, "")]),
        ("carbon monoxide", "zigbee2mqtt/x", {"carbon_monoxide": True, "co": 41}, "x", [(Kind.ALARM, "gas_alarm", True, ""), (Kind.TELEMETRY, "co", 41, "ppm")]),
        ("faults when true", "zigbee2mqtt/x", {"battery_low": True, "device_fault": True, "trouble": True, "battery_defect": False},
         "x", [(Kind.FAULT, "battery_low", True, ""), (Kind.FAULT, "device_fault", True, ""), (Kind.FAULT, "trouble", True, ""), (Kind.STATE, "battery_defect", False, "")]),
        ("millivolts of a battery", "zigbee2mqtt/x", {"voltage": 3015, "battery": 97.5}, "x", [(Kind.TELEMETRY, "voltage", 3.015, "V"), (Kind.TELEMETRY, "battery", 97.5, "%")]),
        ("volts of a plug", "zigbee2mqtt/x", {"voltage": 231, "power": 12.5}, "x", [(Kind.TELEMETRY, "voltage", 231, "V"), (Kind.TELEMETRY, "power", 12.5, "W")]),
        ("smoke in ppm has its own metric", "zigbee2mqtt/x", {"smoke_concentration": 12, "smoke_density": 0.05}, "x",
         [(Kind.TELEMETRY, "smoke_ppm", 12, "ppm"), (Kind.TELEMETRY, "smoke_density", 0.05, "")]),
        ("gas as a number is a measurement", "zigbee2mqtt/x", {"gas": 12}, "x", [(Kind.TELEMETRY, "gas", 12, "")]),
        ("nulls of the cache are passed over", "zigbee2mqtt/x", {"temperature": None, "humidity": 40}, "x", [(Kind.TELEMETRY, "humidity", 40, "%")]),
        ("nested state", "zigbee2mqtt/x", {"color": {"x": 0.3}, "state": "ON"}, "x", [(Kind.TELEMETRY, "color.x", 0.3, ""), (Kind.STATE, "state", "ON", "")]),
        ("a panic button without a state of its own", "zigbee2mqtt/x", {"action": "emergency"}, "x", [(Kind.ALARM, "sos_alarm", True, "")]),
        ("any other button is a notice", "zigbee2mqtt/x", {"action": "single"}, "x", [(Kind.NOTICE, "action", "single", "")]),
        ("a property with a topic of its own", "zigbee2mqtt/x/smoke", b"true", "x", [(Kind.ALARM, "fire_alarm", True, "")]),
        ("a device that says its name itself", "", {"linkquality": 9, "device": {"friendlyName": "x"}}, "x", [(Kind.TELEMETRY, "linkquality", 9, "")]),
        ("a word that is no alarm word rings nothing and is kept", "zigbee2mqtt/x", {"smoke": "maybe"}, "x", [(Kind.STATE, "smoke", "maybe", "")]),
    ],
)  # fmt: skip
def test_states(why: str, topic: str, body: Any, device: str, expected: list[tuple[Kind, str, Any, str]]) -> None:
    decoding = read(topic, body)
    assert decoding.verdict is Verdict.ACCEPTED, (why, decoding.reason)
    assert said(decoding) == expected, why
    assert {o.device for o in decoding.observations} == {device}, why


def test_a_test_is_never_an_alarm() -> None:
    decoding = read("zigbee2mqtt/x", {"smoke": True, "test": True})
    assert said(decoding) == [(Kind.TEST, "fire_alarm", True, ""), (Kind.TEST, "test", True, "")]
    assert all(o.marks == Mark.TEST and o.warnings == ("test_bit",) for o in decoding.observations)


@pytest.mark.parametrize(
    ("why", "last_seen", "at", "warnings"),
    [
        ("ISO", "2026-03-01T08:00:00.000Z", AT, ()),
        ("ISO with the local offset", "2026-03-01T16:00:00+08:00", AT, ()),
        ("milliseconds", 1772352000000, AT, ()),
        ("seconds", 1772352000, AT, ()),
        ("zero", 0, None, ("zero_time",)),
        ("nonsense loses the time and not the alarm", "soon", None, ("bad_time",)),
    ],
)
def test_last_seen_is_the_bridges_clock(
    why: str, last_seen: Any, at: datetime | None, warnings: tuple[str, ...]
) -> None:
    (one,) = read("zigbee2mqtt/x", {"smoke": True, "last_seen": last_seen}).observations
    assert (one.server_at, one.device_at, one.warnings, one.kind) == (at, None, warnings, Kind.ALARM), why


@pytest.mark.parametrize(
    ("topic", "payload", "kind", "device"),
    [
        ("zigbee2mqtt/a/b/availability", b"offline", Kind.OFFLINE, "a/b"),
        ("zigbee2mqtt/x/availability", b'{"state":"online"}', Kind.ONLINE, "x"),
        ("zigbee2mqtt/bridge/state", b'{"state":"offline"}', Kind.OFFLINE, "zigbee2mqtt"),
        ("zigbee2mqtt/bridge/state", b"online", Kind.ONLINE, "zigbee2mqtt"),
        ("zigbee2mqtt/bridge/health", b"{}", Kind.HEARTBEAT, "zigbee2mqtt"),
    ],
)
def test_presence_in_both_forms(topic: str, payload: bytes, kind: Kind, device: str) -> None:
    (one,) = read(topic, payload).observations
    assert (one.kind, one.device, one.gateway) == (kind, device, "zigbee2mqtt")


@pytest.mark.parametrize(
    ("why", "topic", "payload", "verdict", "reason"),
    [
        ("the bridge's own events", "zigbee2mqtt/bridge/event", b"{", Verdict.IGNORED, "the bridge"),
        ("its log", "zigbee2mqtt/bridge/logging", b"{}", Verdict.IGNORED, "the bridge"),
        ("a command", "zigbee2mqtt/a/b/set", b"{}", Verdict.IGNORED, "a command"),
        ("a deleted retained message", "zigbee2mqtt/x", b"", Verdict.IGNORED, "deleted"),
        ("nothing in it", "zigbee2mqtt/x", {}, Verdict.IGNORED, "no value"),
        ("no device without a topic", "", {"smoke": True, "linkquality": 3}, Verdict.REJECTED, "no_device"),
        ("neither word of presence", "zigbee2mqtt/x/availability", b"maybe", Verdict.REJECTED, "bad_value"),
        ("not JSON", "zigbee2mqtt/x", b'{"smoke":tru', Verdict.REJECTED, "bad_json"),
        ("too deep", "zigbee2mqtt/x", b'{"a":' * 40 + b"1" + b"}" * 40, Verdict.REJECTED, "too_deep"),
        ("a state as big as a network", "zigbee2mqtt/x", b" " * 70_000 + b"{}", Verdict.REJECTED, "too_big"),
    ],
)  # fmt: skip
def test_what_says_nothing_or_cannot_be_used(why: str, topic: str, payload: Any, verdict: Verdict, reason: str) -> None:
    decoding = read(topic, payload)
    assert decoding.verdict is verdict, (why, decoding)
    assert reason in decoding.reason, why


EXPOSES = [
    {"type": "binary", "property": "smoke", "value_on": "ALARM_NOW", "value_off": "QUIET", "access": 1},
    {"type": "numeric", "property": "voltage", "unit": "mV", "access": 1},
    {"type": "numeric", "property": "temperature", "unit": "°F", "access": 1},
    {"type": "light", "features": [{"type": "binary", "property": "state", "value_on": "ON", "value_off": "OFF", "access": 7},
                                   {"type": "composite", "property": "color", "features": [{"type": "numeric", "property": "x", "access": 7}]}]},
]  # fmt: skip


def test_the_description_of_devices_gives_units_and_words() -> None:
    decoder = Zigbee2Mqtt()
    devices = [
        {"ieee_address": "0x01", "type": "Coordinator", "friendly_name": "Coordinator", "definition": None},
        {"ieee_address": "0x02", "type": "EndDevice", "friendly_name": "x", "definition": {"vendor": "V", "model": "M", "exposes": EXPOSES}},
    ]  # fmt: skip
    rows = read("zigbee2mqtt/bridge/devices", devices, decoder).observations
    assert {o.kind for o in rows} == {Kind.REGISTER}
    assert [(o.device, o.metric, o.unit) for o in rows] == [
        ("zigbee2mqtt", "", ""), ("x", "", ""), ("x", "smoke", ""), ("x", "voltage", "mV"), ("x", "temperature", "°F"), ("x", "state", ""), ("x", "color.x", ""),
    ]  # fmt: skip
    assert rows[1].attributes == {"ieee_address": "0x02", "vendor": "V", "model": "M", "type": "EndDevice"}
    assert rows[2].attributes == {"type": "binary", "value_on": "ALARM_NOW", "value_off": "QUIET"}
    state = read("zigbee2mqtt/x", {"smoke": "ALARM_NOW", "voltage": 900, "temperature": 68, "state": "ON"}, decoder)
    assert said(state) == [
        (Kind.ALARM, "fire_alarm", True, ""), (Kind.TELEMETRY, "voltage", 0.9, "V"), (Kind.TELEMETRY, "temperature", 20, "°C"), (Kind.STATE, "state", True, ""),
    ]  # fmt: skip


def test_a_bare_description_is_found_without_its_topic() -> None:
    assert fits(message("", EXPOSES)) is Fit.MARKED
    rows = read("", EXPOSES).observations
    assert [o.metric for o in rows] == ["smoke", "voltage", "temperature", "state", "color.x"]
    assert rows[0].warnings == ("device_not_named",)


@pytest.mark.parametrize(
    ("topic", "body", "fit"),
    [
        ("zigbee2mqtt/x", b"", Fit.TOPIC),
        ("", {"linkquality": 1}, Fit.MARKED),
        ("", {"battery_low": False, "smoke": False, "tamper": False}, Fit.CONTENT),
        ("tocsin/gw/d/telemetry", {"x": 1}, Fit.NO),
    ],
)
def test_fits(topic: str, body: Any, fit: Fit) -> None:
    assert fits(message(topic, body)) is fit


TOPICS = ("", "zigbee2mqtt/x", "zigbee2mqtt/x/availability", "zigbee2mqtt/bridge/devices", "zigbee2mqtt/bridge/state")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["state", "smoke", "test", "voltage", "last_seen", "action", "device", "gas", "temperature", "friendly_name", "definition", "exposes", "features", "property", "type", "x"]
    ), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(st.sampled_from(TOPICS), VALUES | st.binary(max_size=60))
def test_nothing_that_is_sent_is_a_fault_of_ours(topic: str, body: Any) -> None:
    sent = message(topic, body)
    assert fits(sent) in Fit
    assert not read(topic, sent.payload).reason.startswith("fault")


def test_what_a_device_exposes_is_read_under_the_bridge_s_topic_too() -> None:
    exposes = [
        {"type": "binary", "name": "smoke", "property": "smoke", "access": 1, "value_on": True, "value_off": False}
    ]
    decoding = read("zigbee2mqtt/bridge/devices", exposes)
    assert [(o.kind, o.metric, o.warnings) for o in decoding.observations] == [
        (Kind.REGISTER, "smoke", ("device_not_named",))
    ]
