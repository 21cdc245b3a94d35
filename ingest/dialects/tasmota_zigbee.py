"""Tasmota as a Zigbee bridge: `ZbReceived`, by short address or name, with decoded keys or the raw IAS zone command.

https://tasmota.github.io/docs/Zigbee/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ingest.dialects.makers import IAS_TEST, Said, flat, ias_zone, named, number, scalar, truth
from ingest.dialects.observation import Attribute, Kind, Observation
from ingest.events import Mark

MOST_DEVICES: Final = 256  # of one message
# Keys that Tasmota derives from the zone's type.
_ALARMS: Final = {
    "Fire": "fire_alarm",
    "Smoke": "fire_alarm",
    "Water": "water_alarm",
    "CO": "gas_alarm",
    "Gas": "gas_alarm",
    "Panic": "sos_alarm",
    "PersonalAlarm": "sos_alarm",
    "GlassBreak": "intrusion_alarm",
}
_METRICS: Final = {
    "Temperature": ("temperature", "°C"),
    "Humidity": ("humidity", "%"),
    "Pressure": ("pressure", "hPa"),
    "BatteryPercentage": ("battery", "%"),
    "BatteryVoltage": ("voltage", "V"),
    "LinkQuality": ("linkquality", ""),
}
_STATES: Final = {"Occupancy": "occupancy", "Contact": "contact"}
_QUIET: Final = frozenset({"Occupancy", "Contact", "Movement", "Motion", "Vibration"})
_FAULTS: Final = {"Tamper": "tamper", "BatteryLow": "battery_low", "Trouble": "trouble"}
_ABOUT: Final = frozenset({"Device", "Name", "IEEEAddr", "Endpoint", "Group", "ModelId", "Manufacturer", "ZoneType"})
_RAW: Final = "0500!00"  # cluster IAS Zone, command Zone Status Change Notification
_STATUS: Final = ("ZoneStatusChange", "ZoneStatus")


def received(said: Said, body: Mapping[str, Any]) -> Iterator[Observation]:
    """What a `ZbReceived` says of its devices; the bridge is their gateway. Raises `Unreadable` for an unusable name."""
    for key, entry in list(body.items())[:MOST_DEVICES]:
        if not isinstance(entry, dict):
            continue
        about = {_snake(k): scalar(entry[k]) for k in _ABOUT & entry.keys()}
        one = replace(said, device=named(key))
        yield from _entry(one, entry, dict(sorted(about.items())))


def _snake(name: str) -> str:
    return {"IEEEAddr": "ieee_address", "ModelId": "model", "ZoneType": "zone_type"}.get(name, name.lower())


def _entry(said: Said, entry: Mapping[str, Any], about: Mapping[str, Attribute]) -> Iterator[Observation]:
    status, warnings = _status(entry)
    said = replace(said, warnings=said.warnings + warnings)
    classes = [metric for key, metric in _ALARMS.items() if truth(entry.get(key)) is not None]
    if status is not None:
        # The zone's bits and the key derived from them are one statement: it is made once, under the class of the key.
        # Beside a key of movement or of a door the first bit means just that, and nothing is wrong.
        for one in ias_zone(said, status, classes[0] if classes else "zone_alarm"):
            if classes or one.metric != "zone_alarm" or not _QUIET & entry.keys():
                yield replace(one, attributes={**about, **one.attributes})
        if status & IAS_TEST:
            said = replace(said, marks=said.marks | Mark.TEST)
    for key, value in flat({k: v for k, v in entry.items() if k not in _ABOUT and k != _RAW and k not in _STATUS}):
        if value is None or not key or not key.isprintable():
            continue
        yes = truth(value)
        if key in _ALARMS and yes is not None:
            if status is None:
                yield said.alarm(_ALARMS[key], yes, {**about, "key": key})
        elif key in _FAULTS and yes is not None:
            yield said.fault(_FAULTS[key], yes, about)
        elif key in _STATES:
            yield said.that(Kind.STATE, _STATES[key], yes if yes is not None else scalar(value), "", about)
        else:
            metric, unit = _METRICS.get(key, (key, ""))
            yield said.plain(metric, value, unit, about)


def _status(entry: Mapping[str, Any]) -> tuple[int | None, tuple[str, ...]]:
    """The 16 bits of the zone: decoded by the firmware, or the first two bytes of the raw command, little endian."""
    for key in _STATUS:
        value = number(entry.get(key))
        if isinstance(value, int) and 0 <= value <= 0xFFFF:
            return value, ()
    raw = entry.get(_RAW)
    if raw is None:
        return None, ()
    try:
        octets = bytes.fromhex(raw) if isinstance(raw, str) else b""
    except ValueError:
        octets = b""
    if len(octets) < 2:
        return None, ("truncated",)
    return int.from_bytes(octets[:2], "little"), () if len(octets) == 6 else ("length_mismatch",)
