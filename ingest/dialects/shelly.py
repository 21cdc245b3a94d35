"""Shelly, second generation and later: RPC notifications, `online`, and status by component.

https://shelly-api-docs.shelly.cloud/gen2/General/Notifications. `NotifyStatus` is a delta: what it does not name has not changed and says
nothing. `NotifyFullStatus` is a snapshot at connecting: a state, never an event. `ts` is null until the device has the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.makers import Said, flat, moment, named, number, object_of, scalar, truth, word_of
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
from ingest.events import Mark

_ALARMS: Final = {"smoke": "fire_alarm", "flood": "water_alarm", "gas": "gas_alarm", "co": "gas_alarm"}
_EVENTS: Final = {
    "alarm": True,
    "alarm_on": True,
    "alarm_off": False,
    "alarm_clear": False,
}
_TESTS: Final = frozenset({"alarm_test", "test", "self_test"})
# Component and path: our metric, and its unit.
_METRICS: Final = {
    "temperature.tC": ("temperature", "°C"),
    "humidity.rh": ("humidity", "%"),
    "illuminance.lux": ("illuminance", "lx"),
    "devicepower.battery.percent": ("battery", "%"),
    "devicepower.battery.V": ("voltage", "V"),
    "devicepower.external.present": ("external_power", ""),
    "voltmeter.voltage": ("voltage", "V"),
    "switch.output": ("output", ""),
    "switch.apower": ("power", "W"),
    "switch.voltage": ("voltage", "V"),
    "switch.current": ("current", "A"),
    "switch.aenergy.total": ("energy", "Wh"),
    "switch.temperature.tC": ("device_temperature", "°C"),
    "pm1.apower": ("power", "W"),
    "pm1.voltage": ("voltage", "V"),
    "pm1.current": ("current", "A"),
    "pm1.aenergy.total": ("energy", "Wh"),
    "wifi.rssi": ("rssi", "dBm"),
}
# The same value in another scale, or what belongs to the machine and not to its surroundings.
_PASSED_OVER: Final = frozenset(
    {
        "temperature.tF",
        "switch.temperature.tF",
        "switch.aenergy.by_minute",
        "switch.aenergy.minute_ts",
        "pm1.aenergy.minute_ts",
    }
)
_OF_THE_MACHINE: Final = frozenset(
    {"ble", "cloud", "mqtt", "ws", "sys", "ht_ui", "plugs_ui", "wifi", "eth", "modbus", "ota", "ts"}
)
_OVER: Final = "/events/rpc"


def _component(topic: str) -> tuple[str, str] | None:
    """Device and component of `{id}/status/{component}`."""
    device, middle, component = topic.rpartition("/status/")
    return (device, component) if middle and ":" in component and "/" not in component else None


def fits(message: Message) -> Fit:
    """Ours by the topics of the RPC channel, or by the method that the content names."""
    topic = message.topic
    if topic.endswith(_OVER) or (topic.startswith("shelly") and "/" in topic):
        return Fit.TOPIC
    head = message.payload[:2000]
    if b'"method"' in head and b'"Notify' in head and b'"src"' in head:
        return Fit.MARKED
    if _component(topic) is not None and message.payload[:1] == b"{":
        return Fit.CONTENT
    return Fit.CONTENT if topic.endswith("/online") and message.payload in {b"true", b"false"} else Fit.NO


class Shelly:
    """Keeps nothing between messages: a delta says only what it names."""

    def decode(self, message: Message) -> Decoding:
        topic = message.topic
        if topic.endswith("/online"):
            return _online(topic.removesuffix("/online"), message)
        if not message.payload:
            return ignored("a retained message was deleted")
        status = _component(topic)
        if status is not None:
            said = Said(named(status[0]))
            rows = tuple(_of_component(said, status[1], object_of(message), snapshot=False))
            return accepted(*rows) if rows else ignored("no value in it")
        if topic and not topic.endswith(_OVER):
            return ignored("a command, an answer, or the device about itself")
        return _notification(topic.removesuffix(_OVER), object_of(message))


def _online(device: str, message: Message) -> Decoding:
    if not message.payload:
        return ignored("a retained message was deleted")
    up = truth(word_of(message))
    if up is None:
        raise Unreadable(Reason.BAD_VALUE, f"{word_of(message)[:40]!r} is neither true nor false")
    return accepted(Said(named(device)).that(Kind.ONLINE if up else Kind.OFFLINE))


def _notification(prefix: str, body: dict[str, Any]) -> Decoding:
    device = named(body.get("src") or prefix)
    if prefix.startswith("shelly") and prefix != device:
        raise Unreadable(Reason.GATEWAY_MISMATCH, f"the topic says {prefix[:60]} and the payload says {device[:60]}")
    method, params = body.get("method"), body.get("params")
    if not isinstance(method, str):
        return ignored("an answer to a question")
    if not isinstance(params, dict):
        raise Unreadable(Reason.MISSING_FIELD, f"{method[:40]} without params")
    at, warnings = moment(params.get("ts"))
    said = Said(device, "", at, warnings=("zero_time",) if params.get("ts") is None else warnings)
    if method == "NotifyEvent":
        rows = tuple(_events(said, params.get("events")))
    elif method in {"NotifyStatus", "NotifyFullStatus"}:
        rows = tuple(_status(said, params, snapshot=method == "NotifyFullStatus"))
    else:
        return ignored(f"{method[:60]} is for others")
    return accepted(*rows) if rows else ignored("no value in it")


def _status(said: Said, params: Mapping[str, Any], *, snapshot: bool) -> Iterator[Observation]:
    yield said.that(Kind.HEARTBEAT)
    for component, values in params.items():
        if isinstance(values, dict) and component.isprintable():
            yield from _of_component(said, component, values, snapshot=snapshot)


def _of_component(said: Said, component: str, values: Mapping[str, Any], *, snapshot: bool) -> Iterator[Observation]:
    kind, _, ordinal = component.partition(":")
    about: dict[str, str | bool] = {"component": component[:64]}
    alarm, muted = truth(values.get("alarm")), truth(values.get("mute"))
    if alarm is not None:
        metric = _ALARMS.get(kind, f"{kind}_alarm")
        if muted is not None:
            about = {**about, "mute": muted}
        warnings = ("muted",) if alarm and muted else ()
        if snapshot:
            yield said.that(Kind.STATE, metric, alarm, "", about, ("snapshot", *warnings))
        else:
            yield said.alarm(metric, alarm, about, warnings)
    if muted is not None:
        yield said.that(Kind.STATE, "mute", muted, "", {"component": component[:64]})
    errors = values.get("errors")
    for error in errors[:16] if isinstance(errors, list) else ():
        yield said.fault(str(error)[:64], active=True, attributes=about)
    if kind in _OF_THE_MACHINE and kind != "wifi":
        return
    for path, value in flat({k: v for k, v in values.items() if k not in {"id", "alarm", "mute", "errors", "source"}}):
        yield from _value(said, f"{kind}.{path}", value, component if ordinal not in {"", "0"} else "", about)


def _value(said: Said, path: str, value: object, other: str, about: Mapping[str, str | bool]) -> Iterator[Observation]:
    """One value; a second component of the same kind keeps its own name, so that the two are not mixed."""
    if value is None or path in _PASSED_OVER or not path.isprintable():
        return
    metric, unit = _METRICS.get(path, (path, ""))
    if path.startswith("wifi.") and path not in _METRICS:
        return
    if other:
        metric = f"{other}.{path.partition('.')[2]}"
    yield said.plain(metric, value, unit, about)


def _events(said: Said, events: object) -> Iterator[Observation]:
    """What happened at the device, each with its own time where it has one."""
    for event in events[:64] if isinstance(events, list) else ():
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            continue
        at, warnings = moment(event.get("ts"))
        one = replace(said, device_at=at, warnings=warnings) if event.get("ts") is not None else said
        component = str(scalar(event.get("component")) or "")
        kind, name = component.partition(":")[0], event["event"]
        about = {"component": component[:64], "event": name[:64]}
        metric = _ALARMS.get(kind, f"{kind}_alarm")[:64]
        if name in _EVENTS and kind:
            yield one.alarm(metric, _EVENTS[name], about)
        elif name in _TESTS:
            one = replace(one, marks=Mark.TEST, warnings=(*one.warnings, "test_bit"))
            yield one.that(Kind.TEST, metric if kind else "test", value=True, attributes=about)
        elif number(name) is None:
            yield one.that(Kind.NOTICE, "event", name[:100], "", about)


ENTRIES: Final = (
    Entry(
        "shelly",
        "Shelly Gen2+ RPC notifications over MQTT",
        ("{id}/events/rpc", "{id}/online", "{id}/status/{component}:{n}"),
        fits,
        Shelly,
    ),
)
