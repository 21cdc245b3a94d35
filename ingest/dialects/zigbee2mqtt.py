"""Zigbee2MQTT: `zigbee2mqtt/{friendly name}` with the whole cached state, availability, and the bridge's own topics.

https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html. Every publish repeats all that is known of a device, so the same
alarm comes with every change of the link quality: it is emitted each time, and whoever takes it folds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from ingest.dialects.claims import LARGEST, Reason, TimeForm, Unreadable
from ingest.dialects.makers import (
    Said,
    flat,
    json_of,
    moment,
    named,
    number,
    scaled,
    truth,
    word_of,
)
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
from ingest.dialects.zigbee2mqtt_exposes import Exposed, exposed, is_exposes, register, registrations
from ingest.events import Mark

BASE: Final = "zigbee2mqtt"
MOST_DEVICES: Final = 4096  # whose description is remembered
LARGEST_LIST: Final = 1024 * 1024  # `bridge/devices` describes a whole network in one message

_ALARMS: Final = {
    "smoke": "fire_alarm",
    "carbon_monoxide": "gas_alarm",
    "gas": "gas_alarm",
    "water_leak": "water_alarm",
    "sos": "sos_alarm",
}
_FAULTS: Final = frozenset(
    {"tamper", "battery_low", "battery_defect", "device_fault", "trouble", "ac_status", "fault_alarm"}
)
_CALLS_FOR_HELP: Final = frozenset({"emergency", "panic", "sos"})
# The source's name: ours, and its unit when the device does not say.
_METRICS: Final = {
    "temperature": ("temperature", "°C"),
    "device_temperature": ("device_temperature", "°C"),
    "humidity": ("humidity", "%"),
    "battery": ("battery", "%"),
    "linkquality": ("linkquality", ""),
    "smoke_concentration": ("smoke_ppm", "ppm"),
    "co": ("co", "ppm"),
    "co2": ("co2", "ppm"),
    "pressure": ("pressure", "hPa"),
    "illuminance": ("illuminance", "lx"),
    "illuminance_lux": ("illuminance", "lx"),
    "power": ("power", "W"),
    "current": ("current", "A"),
    "energy": ("energy", "kWh"),
    "gas_value": ("gas_value", ""),
}
_BRIDGE_SAYS_NOTHING: Final = "the bridge about itself"
_NO_EXPOSES: Final[dict[str, Exposed]] = {}


def _place(topic: str) -> tuple[str, list[str]] | None:
    """The base topic and the segments after it; the base may stand below others and carry the name of an instance."""
    parts = topic.split("/")
    for at, part in enumerate(parts[:3]):
        if part == BASE or (at == 0 and part.startswith(BASE)):
            return "/".join(parts[: at + 1]), parts[at + 1 :]
    return None


def fits(message: Message) -> Fit:
    """Ours by topic, or by what only this bridge writes."""
    if _place(message.topic) is not None:
        return Fit.TOPIC
    head = message.payload[:4096]
    if b'"exposes"' in head and b'"ieee_address"' in head:
        return Fit.MARKED
    if head.lstrip()[:1] == b"[":
        return Fit.MARKED if b'"property"' in head and b'"access"' in head and b'"type"' in head else Fit.NO
    if b'"linkquality"' in head:
        return Fit.MARKED
    return Fit.CONTENT if b'"battery_low"' in head and b'"tamper"' in head else Fit.NO


class Zigbee2Mqtt:
    """One bridge or several; remembers what `bridge/devices` says of units and words, the oldest device out."""

    def __init__(self) -> None:
        self._exposed: dict[tuple[str, str], dict[str, Exposed]] = {}

    def decode(self, message: Message) -> Decoding:
        base, rest = _place(message.topic) or (BASE, [])
        if rest[:1] == ["bridge"]:
            return self._bridge(base, "/".join(rest[1:]), message)
        if len(rest) > 1 and rest[-1] in {"set", "get"}:
            return ignored("a command to a device")
        if len(rest) > 1 and rest[-1] == "availability":
            return _availability(base, "/".join(rest[:-1]), message)
        if not message.payload:
            return ignored("a retained message was deleted")
        body = json_of(message, LARGEST if rest else LARGEST_LIST)
        if isinstance(body, list):
            return self._list(base, body)
        if isinstance(body, dict):
            return self._state(base, "/".join(rest), body)
        if len(rest) > 1:  # `output: attribute` gives each property a topic of its own
            return self._state(base, "/".join(rest[:-1]), {rest[-1]: body})
        raise Unreadable(Reason.BAD_JSON, f"a JSON object is needed, got {type(body).__name__}")

    def _bridge(self, base: str, topic: str, message: Message) -> Decoding:
        if topic == "state":
            return _availability(base, "", message)
        if topic == "devices":
            body = json_of(message, LARGEST_LIST)
            if not isinstance(body, list):
                raise Unreadable(Reason.BAD_JSON, "bridge/devices must be a list")
            return self._list(base, body) if is_exposes(body) else self._devices(base, body)
        if topic == "health":
            return accepted(Said(base, base).that(Kind.HEARTBEAT))
        return ignored(_BRIDGE_SAYS_NOTHING)

    def _list(self, base: str, body: list[Any]) -> Decoding:
        """A list without the topic that says what it is."""
        if is_exposes(body):
            rows = registrations(base, {base: (exposed(body), {})})
            return accepted(*(replace(row, warnings=("device_not_named",)) for row in rows if row.metric))
        if any(isinstance(e, dict) and "ieee_address" in e for e in body):
            return self._devices(base, body)
        raise Unreadable(Reason.BAD_JSON, "a list that describes no devices")

    def _devices(self, base: str, body: list[Any]) -> Decoding:
        found = {device: (properties, noted) for device, properties, noted in register(base, body)}
        if not found:
            return ignored("no devices yet")
        for device, (properties, _) in found.items():
            self._exposed.pop((base, device), None)
            self._exposed[base, device] = properties
        while len(self._exposed) > MOST_DEVICES:
            self._exposed.pop(next(iter(self._exposed)))
        return accepted(*registrations(base, found))

    def _state(self, base: str, name: str, body: dict[str, Any]) -> Decoding:
        about = body.get("device")
        if not name and isinstance(about, dict):  # `include_device_information`
            name = about.get("friendlyName") or about.get("ieeeAddr") or ""
        device = named(name)
        at, warnings = moment(body.get("last_seen"), TimeForm.ISO, TimeForm.NAIVE_UTC)
        test = truth(body.get("test")) is True
        said = Said(
            device,
            base,
            server_at=at,
            warnings=(*warnings, "test_bit") if test else warnings,
            marks=Mark.TEST if test else Mark.NONE,
        )
        rows = tuple(_observed(said, body, self._exposed.get((base, device), _NO_EXPOSES)))
        return accepted(*rows) if rows else ignored("no value in it")


def _availability(base: str, name: str, message: Message) -> Decoding:
    if not message.payload:
        return ignored("a retained message was deleted")
    word: object = word_of(message)
    if message.payload.lstrip()[:1] == b"{":
        body = json_of(message)
        word = body.get("state") if isinstance(body, dict) else None
    if not isinstance(word, str) or word not in {"online", "offline"}:
        raise Unreadable(Reason.BAD_VALUE, f"{str(word)[:40]!r} is neither online nor offline")
    kind = Kind.ONLINE if word == "online" else Kind.OFFLINE
    return accepted(Said(named(name or base), base).that(kind))


def _observed(said: Said, body: dict[str, Any], exposes: dict[str, Exposed]) -> Iterator[Observation]:
    for name, raw in flat({k: v for k, v in body.items() if k not in {"last_seen", "device", "elapsed"}}):
        if raw is None or raw == "" or not name.isprintable():
            continue
        described = exposes.get(name)
        value = _meant(raw, described)
        if name == "test":
            yield said.that(Kind.TEST if value is True else Kind.STATE, "test", truth(value))
        elif name in _ALARMS and (active := truth(value)) is not None:
            yield said.alarm(_ALARMS[name], active, {"property": name})
        elif name in _FAULTS and (active := truth(value)) is not None:
            yield said.fault(name, active)
        elif name == "action":
            yield from _action(said, value)
        else:
            yield _value(said, name, value, described, body)


def _meant(value: object, described: Exposed | None) -> object:
    """A word that the device's description explains becomes the boolean it stands for."""
    if described is None or described.kind != "binary" or isinstance(value, bool):
        return value
    return True if value == described.on else False if value == described.off else value


def _action(said: Said, value: object) -> Iterator[Observation]:
    if isinstance(value, str) and value.lower() in _CALLS_FOR_HELP:
        yield said.alarm("sos_alarm", active=True, attributes={"property": "action", "action": value})
    else:
        yield said.that(Kind.NOTICE, "action", value if isinstance(value, str | int) else str(value)[:100])


def _value(said: Said, name: str, value: object, described: Exposed | None, body: dict[str, Any]) -> Observation:
    if name in _ALARMS and not (isinstance(value, int | float) and not isinstance(value, bool)):
        return said.that(Kind.STATE, name, str(value)[:100], warnings=("alarm_word_unknown",))
    unit = described.unit if described is not None else ""
    if name == "voltage" and (volts := number(value)) is not None:
        return _voltage(said, volts, unit, body)
    metric, usual = _METRICS.get(name, (name, ""))
    if name in {"gas", "gas_value"} and unit == "%LEL":
        metric = "gas"
    if metric in {"temperature", "device_temperature"} and isinstance(value, int | float):
        return said.temperature(metric, value, unit or usual)
    return said.plain(metric, value, unit or usual)


def _voltage(said: Said, value: float, unit: str, body: dict[str, Any]) -> Observation:
    """Millivolts of a battery or volts of the mains: as described, else by what stands beside it."""
    if not unit:
        unit = "V" if body.keys() & {"power", "current", "energy"} else "mV" if value >= 1000 else ""
    if unit == "mV":
        return said.that(Kind.TELEMETRY, "voltage", scaled(value, "0.001"), "V")
    return said.that(Kind.TELEMETRY, "voltage", value, unit, warnings=() if unit else ("unit_unknown",))


ENTRIES: Final = (
    Entry(
        "zigbee2mqtt",
        "Zigbee2MQTT 1.x and 2.x, MQTT topics and messages",
        ("zigbee2mqtt/{friendly_name}", "zigbee2mqtt/{friendly_name}/availability", "zigbee2mqtt/bridge/#"),
        fits,
        Zigbee2Mqtt,
        largest=LARGEST_LIST,
    ),
)
