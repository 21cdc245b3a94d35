"""Tasmota: any order of its topic, drivers with their units, the Zigbee bridge with its raw zone bits, and its local time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.dialects.tasmota import Tasmota, fits
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def message(topic: str, body: Any) -> Message:
    return Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW)


def read(topic: str, body: Any) -> Decoding:
    return decode_safely(Tasmota(), message(topic, body))


def said(decoding: Decoding) -> list[tuple[Kind, str, Any, str]]:
    return [(o.kind, o.metric, o.value, o.unit) for o in decoding.observations]


def zigbee(**entry: Any) -> dict[str, Any]:
    return {"ZbReceived": {"0x2916": {"Device": "0x2916", **entry}}}


FAULT_BITS = [(Kind.STATE, n, False, "") for n in ("tamper", "battery_low", "trouble", "ac_status", "battery_defect")]


@pytest.mark.parametrize(
    ("why", "topic", "body", "device", "expected"),
    [
        ("a driver's values with the default units", "tele/boiler/SENSOR", {"AM2301": {"Temperature": 21.5, "Humidity": 40}, "TempUnit": "C"},
         "boiler", [(Kind.TELEMETRY, "temperature", 21.5, "°C"), (Kind.TELEMETRY, "humidity", 40, "%")]),
        ("Fahrenheit comes as Celsius", "tele/boiler/SENSOR", {"DS18B20": {"Id": "011", "Temperature": 70.7}, "TempUnit": "F"},
         "boiler", [(Kind.TELEMETRY, "temperature", 21.5, "°C")]),
        ("pressure in the unit that is said", "tele/x/SENSOR", {"BMP280": {"Pressure": 756.1}, "PressureUnit": "mmHg"}, "x", [(Kind.TELEMETRY, "pressure", 756.1, "mmHg")]),
        ("pressure without a unit is in hPa", "tele/x/SENSOR", {"BMP280": {"Pressure": 1008.1}}, "x", [(Kind.TELEMETRY, "pressure", 1008.1, "hPa")]),
        ("reversed topic", "boiler/tele/SENSOR", {"ANALOG": {"A0": 7}}, "boiler", [(Kind.TELEMETRY, "analog", 7, "")]),
        ("a topic below a word of the city's own", "tasmota/tele/boiler/SENSOR", {"ANALOG": {"Illuminance": 8}}, "boiler", [(Kind.TELEMETRY, "illuminance", 8, "lx")]),
        ("a reversed topic of two levels", "hall/boiler/tele/SENSOR", {"MQ": {"CarbonMonoxide": 3.5}}, "hall/boiler", [(Kind.TELEMETRY, "co", 3.5, "ppm")]),
        ("two thermometers do not overwrite each other", "tele/x/SENSOR", {"DS18B20-1": {"Temperature": 20}, "DS18B20-2": {"Temperature": 60}},
         "x", [(Kind.TELEMETRY, "temperature", 20, "°C"), (Kind.TELEMETRY, "DS18B20-2.Temperature", 60, "°C")]),
        ("three phases", "tele/x/SENSOR", {"ENERGY": {"Voltage": [230, 231], "Total": 1.5}},
         "x", [(Kind.TELEMETRY, "Voltage.1", 230, "V"), (Kind.TELEMETRY, "Voltage.2", 231, "V"), (Kind.TELEMETRY, "energy", 1.5, "kWh")]),
        ("a switch", "tele/door/SENSOR", {"Switch1": "ON"}, "door", [(Kind.STATE, "Switch1", "ON", "")]),
        ("the device's own state", "tele/x/STATE", {"Vcc": 3.4, "POWER": "OFF", "Wifi": {"RSSI": 80, "Signal": -60}}, "x",
         [(Kind.HEARTBEAT, "", None, ""), (Kind.STATE, "POWER", "OFF", ""), (Kind.TELEMETRY, "Vcc", 3.4, "V"), (Kind.TELEMETRY, "wifi_quality", 80, "%"), (Kind.TELEMETRY, "rssi", -60, "dBm")]),
        ("a switch that acted", "stat/x/RESULT", {"Switch1": {"Action": "ON"}}, "x", [(Kind.STATE, "Switch1", "ON", "")]),
        ("a relay in plain text", "stat/x/POWER", b"ON", "x", [(Kind.STATE, "POWER", "ON", "")]),
        ("an answer with the sensors", "stat/x/STATUS10", {"StatusSNS": {"AM2301": {"Temperature": 1.5}}}, "x", [(Kind.TELEMETRY, "temperature", 1.5, "°C")]),
        ("the last will", "tele/x/LWT", b"Offline", "x", [(Kind.OFFLINE, "", None, "")]),
        ("the birth, reversed", "x/tele/LWT", b"Online", "x", [(Kind.ONLINE, "", None, "")]),
    ],
)  # fmt: skip
def test_devices(why: str, topic: str, body: Any, device: str, expected: list[tuple[Kind, str, Any, str]]) -> None:
    decoding = read(topic, body)
    assert decoding.verdict is Verdict.ACCEPTED, (why, decoding.reason)
    assert said(decoding) == expected, why
    assert {(o.device, o.gateway) for o in decoding.observations} == {(device, "")}, why


@pytest.mark.parametrize(
    ("why", "entry", "expected"),
    [
        ("decoded values", {"Temperature": 25.72, "LinkQuality": 116}, [(Kind.TELEMETRY, "temperature", 25.72, "°C"), (Kind.TELEMETRY, "linkquality", 116, "")]),
        ("a decoded fire", {"Fire": 1}, [(Kind.ALARM, "fire_alarm", True, "")]),
        ("a decoded dry floor", {"Water": 0}, [(Kind.CLEAR, "water_alarm", False, "")]),
        ("raw zone bits, little endian: alarm 1", {"0500!00": "010000FF0000"}, [(Kind.ALARM, "zone_alarm", True, ""), *FAULT_BITS]),
        ("raw zone bits: nothing", {"0500!00": "000000FF0000"}, [(Kind.CLEAR, "zone_alarm", False, ""), *FAULT_BITS]),
        ("raw bits and the key are one alarm", {"0500!00": "010000FF0000", "Fire": 1}, [(Kind.ALARM, "fire_alarm", True, ""), *FAULT_BITS]),
        ("tamper and a low battery", {"ZoneStatusChange": 0x0C},
         [(Kind.CLEAR, "zone_alarm", False, ""), (Kind.FAULT, "tamper", True, ""), (Kind.FAULT, "battery_low", True, ""), *FAULT_BITS[2:]]),
        ("the test bit is the ninth", {"0500!00": "010100FF0000"}, [(Kind.TEST, "test", True, ""), (Kind.TEST, "zone_alarm", True, ""), *FAULT_BITS]),
        ("movement is no alarm, whatever the zone's bit", {"Occupancy": 1, "0500!00": "010000FF0000"}, [*FAULT_BITS, (Kind.STATE, "occupancy", True, "")]),
        ("occupancy is a state", {"Occupancy": 1}, [(Kind.STATE, "occupancy", True, "")]),
        ("a battery", {"BatteryPercentage": 97, "BatteryVoltage": 3.1}, [(Kind.TELEMETRY, "battery", 97, "%"), (Kind.TELEMETRY, "voltage", 3.1, "V")]),
    ],
)  # fmt: skip
def test_the_zigbee_bridge(why: str, entry: dict[str, Any], expected: list[tuple[Kind, str, Any, str]]) -> None:
    decoding = read("tele/zb/SENSOR", zigbee(**entry))
    assert said(decoding) == expected, why
    assert {(o.device, o.gateway) for o in decoding.observations} == {("0x2916", "zb")}, why


def test_a_test_of_a_zone_is_marked_and_a_cut_one_is_no_all_clear() -> None:
    rows = read("tele/zb/SENSOR", zigbee(**{"0500!00": "010100FF0000"})).observations
    assert all(o.marks == Mark.TEST and "test_bit" in o.warnings for o in rows)
    (one,) = read("tele/zb/SENSOR", zigbee(**{"0500!00": "01", "LinkQuality": 3})).observations
    assert (one.metric, one.warnings) == ("linkquality", ("truncated",))


def test_a_device_may_be_keyed_by_its_name_and_has_its_address_beside_it() -> None:
    body = {"ZbReceived": {"厨房烟感": {"Device": "0x2916", "Name": "厨房烟感", "Fire": 1, "Endpoint": 1}}}
    (one,) = read("zb/tele/SENSOR", body).observations
    assert (one.device, one.gateway) == ("厨房烟感", "zb")
    assert one.attributes == {"device": "0x2916", "name": "厨房烟感", "endpoint": 1, "key": "Fire"}


@pytest.mark.parametrize(
    ("why", "written", "at", "warnings"),
    [
        ("local time is China's", {"Time": "2026-03-01T16:00:00"}, AT, ()),
        ("with SetOption52 it has its offset", {"Time": "2026-03-01T09:00:00+01:00"}, AT, ()),
        ("seconds", {"Time": 1772352000}, AT, ()),
        ("milliseconds", {"Time": 1772352000000}, AT, ()),
        ("both", {"Time": "2026-03-01T00:00:00", "Epoch": 1772352000}, AT, ()),
        ("before the network gave the time", {"Time": "1970-01-01T00:00:09"}, None, ("zero_time",)),
        ("nonsense", {"Time": "yesterday"}, None, ("bad_time",)),
        ("none", {}, None, ()),
    ],
)
def test_time(why: str, written: dict[str, Any], at: datetime | None, warnings: tuple[str, ...]) -> None:
    (one,) = read("tele/x/SENSOR", {**written, "ANALOG": {"A0": 1}}).observations
    assert (one.device_at, one.server_at, one.warnings) == (at, None, warnings), why


def test_discovery_registers() -> None:
    (one,) = read("tasmota/discovery/DC4F22AABBCC/config", {"t": "boiler", "md": "Sonoff", "sw": "14.1"}).observations
    assert (one.kind, one.device, one.attributes) == (Kind.REGISTER, "boiler", {"model": "Sonoff", "version": "14.1"})


@pytest.mark.parametrize(
    ("why", "topic", "payload", "verdict", "reason"),
    [
        ("information at the start", "tele/x/INFO1", b"{}", Verdict.IGNORED, "start"),
        ("a command", "cmnd/x/POWER", b"ON", Verdict.IGNORED, "command"),
        ("a setting repeated", "stat/x/RESULT", {"TelePeriod": 300}, Verdict.IGNORED, "no value"),
        ("an answer about the device", "stat/x/STATUS2", {"StatusFWR": {}}, Verdict.IGNORED, "question"),
        ("an unbalanced document", "tele/x/SENSOR", b'{"Time":"2026-03-01T16:00:00","A":{"B":1}', Verdict.REJECTED, "bad_json"),
        ("no device without a topic", "", {"Time": "2026-03-01T16:00:00", "ANALOG": {"A0": 1}}, Verdict.REJECTED, "no_device"),
        ("neither word of presence", "tele/x/LWT", b"?", Verdict.REJECTED, "bad_value"),
        ("not UTF-8", "stat/x/POWER", b"\xff\xfe", Verdict.REJECTED, "bad_text"),
    ],
)  # fmt: skip
def test_what_says_nothing_or_cannot_be_used(why: str, topic: str, payload: Any, verdict: Verdict, reason: str) -> None:
    decoding = read(topic, payload)
    assert decoding.verdict is verdict, (why, decoding)
    assert reason in decoding.reason, why


@pytest.mark.parametrize(
    ("topic", "body", "fit"),
    [
        ("tele/x/SENSOR", b"", Fit.TOPIC),
        ("x/tele/LWT", b"Online", Fit.TOPIC),
        ("stat/x/FIRE", b"ON", Fit.MARKED),
        ("", zigbee(Fire=1), Fit.MARKED),
        ("", b'{"Time":"2026', Fit.CONTENT),
        ("zigbee2mqtt/x", {"smoke": True}, Fit.NO),
    ],
)
def test_fits(topic: str, body: Any, fit: Fit) -> None:
    assert fits(message(topic, body)) is fit


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8) | st.sampled_from(["ON", "01", "010000FF0000"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["ZbReceived", "Time", "Epoch", "0500!00", "ZoneStatus", "Fire", "Temperature", "TempUnit", "PressureUnit", "StatusSNS", "Wifi", "RSSI", "Id", "Switch1", "Action", "x", ""]
    ), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(
    st.sampled_from(["", "tele/x/SENSOR", "tele/x/STATE", "x/stat/RESULT", "tele/x/LWT", "stat/x/POWER", "tasmota/discovery/x/config"]),
    VALUES | st.binary(max_size=60),
)  # fmt: skip
def test_nothing_that_is_sent_is_a_fault_of_ours(topic: str, body: Any) -> None:
    sent = message(topic, body)
    assert fits(sent) in Fit
    assert not read(topic, sent.payload).reason.startswith("fault")
