"""Tasmota: `tele/{topic}/SENSOR`, `STATE`, `LWT`, `stat/{topic}/…`, in any order of its configurable full topic.

https://tasmota.github.io/docs/MQTT/. `Time` is local and mostly without an offset: China Standard Time is assumed then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ingest.dialects.claims import Reason, TimeForm, Unreadable
from ingest.dialects.makers import Said, flat, moment, named, number, object_of, scalar, word_of
from ingest.dialects.observation import (
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    accepted,
    ignored,
)
from ingest.dialects.tasmota_zigbee import received

_PREFIXES: Final = ("tele", "stat", "cmnd")
_SUFFIXES: Final = frozenset(
    {"SENSOR", "STATE", "LWT", "RESULT", "INFO1", "INFO2", "INFO3", "UPTIME", "MARGINS", "LOGGING", "ENERGY"}
)
_SILENT: Final = frozenset({"INFO1", "INFO2", "INFO3", "UPTIME", "MARGINS", "LOGGING", "HASS_STATE"})
_DISCOVERY: Final = "tasmota/discovery/"
# The driver's key: our metric where there is one, and its unit.
_METRICS: Final = {
    "Temperature": ("temperature", ""),
    "DewPoint": ("DewPoint", ""),
    "Humidity": ("humidity", "%"),
    "Pressure": ("pressure", ""),
    "SeaPressure": ("SeaPressure", ""),
    "Illuminance": ("illuminance", "lx"),
    "A0": ("analog", ""),
    "CarbonMonoxide": ("co", "ppm"),
    "CarbonDioxide": ("co2", "ppm"),
    "eCO2": ("eCO2", "ppm"),
    "TVOC": ("TVOC", "ppb"),
    "PM2.5": ("PM2.5", "µg/m³"),
    "PM10": ("PM10", "µg/m³"),
    "Distance": ("Distance", "cm"),
    "Voltage": ("voltage", "V"),
    "Current": ("current", "A"),
    "Power": ("power", "W"),
    "ApparentPower": ("ApparentPower", "VA"),
    "ReactivePower": ("ReactivePower", "VAr"),
    "Total": ("energy", "kWh"),
    "Today": ("Today", "kWh"),
    "Yesterday": ("Yesterday", "kWh"),
}
_TEMPERATURES: Final = frozenset({"temperature", "DewPoint"})
_ABOUT: Final = frozenset({"Time", "Epoch", "TempUnit", "PressureUnit", "SpeedUnit"})
_PRESSURES: Final = {"hPa": "hPa", "mbar": "hPa", "mmHg": "mmHg", "inHg": "inHg"}
_TIMES: Final = (TimeForm.ISO, TimeForm.NAIVE_CST)


def _place(topic: str) -> tuple[str, str, str] | None:
    """Prefix, device and suffix: `%prefix%/%topic%/`, the reverse, or either below a word of the city's own."""
    parts = topic.split("/")
    for at, part in enumerate(parts[:-1]):
        if part in _PREFIXES:
            device = "/".join(parts[at + 1 : -1]) or "/".join(parts[:at])
            return part, device, parts[-1]
    return None


def fits(message: Message) -> Fit:
    """Ours by the prefix and an upper-case suffix in the topic, or by what only Tasmota writes."""
    if message.topic.startswith(_DISCOVERY):
        return Fit.TOPIC
    place = _place(message.topic)
    if place is not None and place[1]:
        known = place[2] in _SUFFIXES or place[2].startswith(("STATUS", "POWER"))
        return Fit.TOPIC if known else Fit.MARKED if place[2].isupper() else Fit.CONTENT
    head = message.payload[:200].lstrip()
    if head.startswith(b'{"ZbReceived"'):
        return Fit.MARKED
    return Fit.CONTENT if head.startswith(b'{"Time":"') else Fit.NO


class Tasmota:
    """Keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        if message.topic.startswith(_DISCOVERY):
            return _discovery(message)
        prefix, device, suffix = _place(message.topic) or ("tele", "", "SENSOR")
        if prefix == "cmnd":
            return ignored("a command to a device")
        if suffix in _SILENT:
            return ignored("the device about its start and its network")
        if not message.payload:
            return ignored("a retained message was deleted")
        if suffix == "LWT":
            return _presence(named(device), message)
        if message.payload.lstrip()[:1] not in {b"{", b"["} and suffix not in {"SENSOR", "STATE", "RESULT"}:
            return accepted(Said(named(device)).plain(suffix, word_of(message)))
        return _read(device, suffix, object_of(message))


def _presence(device: str, message: Message) -> Decoding:
    word = word_of(message)
    if word.lower() not in {"online", "offline"}:
        raise Unreadable(Reason.BAD_VALUE, f"{word[:40]!r} is neither Online nor Offline")
    return accepted(Said(device).that(Kind.ONLINE if word.lower() == "online" else Kind.OFFLINE))


def _discovery(message: Message) -> Decoding:
    """`tasmota/discovery/{mac}/config`: the device about itself, and so a registration."""
    if not message.payload or not message.topic.endswith("/config"):
        return ignored("nothing of a device in it")
    body = object_of(message)
    names = {"dn": "name", "md": "model", "sw": "version", "mac": "mac", "ft": "full_topic", "hn": "host"}
    noted = {ours: scalar(body[key]) for key, ours in names.items() if body.get(key) is not None}
    return accepted(Said(named(body.get("t"))).that(Kind.REGISTER, attributes=noted))


def _read(device: str, suffix: str, body: dict[str, Any]) -> Decoding:
    if isinstance(body.get("StatusSNS"), dict):  # the answer to `Status 8` or `Status 10`
        suffix, body = "SENSOR", body["StatusSNS"]
    at, warnings = moment(body.get("Epoch", body.get("Time")), *_TIMES)
    zigbee = body.get("ZbReceived")
    if isinstance(zigbee, dict):
        rows = tuple(received(Said("", device, at, warnings=warnings), zigbee))
        return accepted(*rows) if rows else ignored("no value in it")
    if suffix.startswith("STATUS"):
        return ignored("an answer to a question about the device")
    said = Said(named(device), "", at, warnings=warnings)
    rows = tuple({"STATE": _state, "RESULT": _result}.get(suffix, _sensors)(said, body))
    return accepted(*rows) if rows else ignored("no value in it")


def _state(said: Said, body: Mapping[str, Any]) -> Iterator[Observation]:
    """The device's own state: that it is alive, its relays, its supply and its radio."""
    yield said.that(Kind.HEARTBEAT)
    for name, value in body.items():
        if name.startswith("POWER") and isinstance(value, str):
            yield said.that(Kind.STATE, name, value[:20])
    if (volts := number(body.get("Vcc"))) is not None:
        yield said.that(Kind.TELEMETRY, "Vcc", volts, "V")
    radio = body.get("Wifi")
    if isinstance(radio, dict):
        for key, metric, unit in (("RSSI", "wifi_quality", "%"), ("Signal", "rssi", "dBm")):
            if (level := number(radio.get(key))) is not None:
                yield said.that(Kind.TELEMETRY, metric, level, unit)


def _result(said: Said, body: Mapping[str, Any]) -> Iterator[Observation]:
    """What a command or a switch did. Answers that only repeat settings say nothing."""
    for name, value in body.items():
        did = value.get("Action") if isinstance(value, dict) else value
        if not isinstance(did, str):
            continue
        if name.startswith(("POWER", "Switch")):
            yield said.that(Kind.STATE, name, did[:40])
        elif name.startswith("Button"):
            yield said.that(Kind.NOTICE, name, did[:40])


def _sensors(said: Said, body: Mapping[str, Any]) -> Iterator[Observation]:
    units = {"temperature": f"°{str(body.get('TempUnit', 'C'))[:1]}", "pressure": _pressure(body.get("PressureUnit"))}
    used: set[str] = set()
    for driver, readings in body.items():
        if driver in _ABOUT or not driver.isprintable():
            continue
        if not isinstance(readings, dict):
            if readings is not None:
                yield said.plain(driver, readings)
            continue
        about = {"driver": driver[:100]}
        if isinstance(readings.get("Id"), str):
            about["id"] = readings["Id"][:100]
        for key, value in flat(readings):
            if key == "Id" or value is None or not key.isprintable():
                continue
            phase = _METRICS.get(key.partition(".")[0], ("", ""))  # `Voltage.2` is the second of three
            metric, unit = _METRICS.get(key, (key, phase[1]))
            temperature = metric in _TEMPERATURES
            if metric in used:  # a second driver of the same kind keeps its own names
                metric = f"{driver}.{key}"
            used.add(metric)
            level = number(value)
            if temperature and level is not None:
                yield said.temperature(metric, level, units["temperature"], about)
            else:
                unit = units["pressure"] if key in {"Pressure", "SeaPressure"} else unit
                yield said.plain(metric, value, unit, about)


def _pressure(unit: object) -> str:
    return _PRESSURES.get(unit, unit[:16]) if isinstance(unit, str) else "hPa"


ENTRIES: Final = (
    Entry(
        "tasmota",
        "Tasmota 9 to 15, MQTT, sensors and Zigbee",
        (
            "tele/{topic}/SENSOR",
            "tele/{topic}/STATE",
            "tele/{topic}/LWT",
            "stat/{topic}/#",
            "{topic}/tele/#",
            "tasmota/discovery/#",
        ),
        fits,
        Tasmota,
    ),
)
