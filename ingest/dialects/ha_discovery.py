"""Home Assistant MQTT discovery as a map: retained configurations say where the states come from and what they mean.

The decoder keeps the entities it was told of, within bounds. `knows` says whether a topic is one of theirs, which only the decoder can
tell: whoever finds the dialect of a message asks it first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import orjson

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.ha_entities import Available, Entity, Way, entities, follow, place_of, same
from ingest.dialects.makers import Said, json_of, number, object_of, word_of
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

PREFIX: Final = "homeassistant"
MOST_ENTITIES: Final = 8192
_ALARMS: Final = {
    "smoke": "fire_alarm",
    "heat": "fire_alarm",
    "gas": "gas_alarm",
    "carbon_monoxide": "gas_alarm",
    "moisture": "water_alarm",
}
_FAULTS: Final = {"tamper": "tamper", "problem": "problem", "battery": "battery_low"}
_METRICS: Final = {
    "temperature": "temperature",
    "humidity": "humidity",
    "battery": "battery",
    "voltage": "voltage",
    "carbon_monoxide": "co",
    "carbon_dioxide": "co2",
    "pressure": "pressure",
    "atmospheric_pressure": "pressure",
    "illuminance": "illuminance",
    "power": "power",
    "current": "current",
    "energy": "energy",
}
_NOTED: Final = frozenset({"component", "device_class", "unique_id", "name", "off_delay"})
_NOTHING: Final = frozenset({"", "none", "unknown", "unavailable", "null"})
_MARKS: Final = (b'"state_topic"', b'"stat_t"', b'"cmps"')


def fits(message: Message) -> Fit:
    """Ours by the discovery topic, or by the keys of a configuration. States are known to the decoder alone: see `knows`."""
    if message.topic.startswith(PREFIX + "/"):
        return Fit.TOPIC
    head = message.payload[:16384]
    marked = head[:1] == b"{" and any(mark in head for mark in _MARKS)
    if message.topic.endswith("/config") and place_of(message.topic) is not None:
        return Fit.TOPIC if marked or not head else Fit.CONTENT
    return Fit.MARKED if marked and not message.topic else Fit.NO


class HomeAssistant:
    """The entities that were announced, oldest out."""

    def __init__(self) -> None:
        self._entities: dict[tuple[str, str], Entity] = {}  # by configuration topic and name in its bundle
        self._states: dict[str, dict[tuple[str, str], Entity]] = {}
        self._waits: dict[str, dict[tuple[str, str], Entity]] = {}  # by availability topic
        self._available: dict[str, bool] = {}
        self._taken: dict[tuple[str, str], tuple[str, str]] = {}  # device and metric: whose they are

    def knows(self, message: Message) -> bool:
        """Whether an announced entity speaks on this topic."""
        return message.topic in self._states or message.topic in self._waits

    def decode(self, message: Message) -> Decoding:
        topic = message.topic
        place = place_of(topic)
        if place is not None or not topic:
            return self._configured(topic, place or ("", "", ""), message)
        if self.knows(message):
            return self._heard(message)
        if topic == f"{PREFIX}/status":
            return ignored("Home Assistant about itself")
        raise Unreadable(Reason.UNKNOWN_TOPIC, "no configuration names this topic")

    def _configured(self, topic: str, place: tuple[str, str, str], message: Message) -> Decoding:
        old = [key for key in self._entities if key[0] == topic] if topic else []
        if not message.payload.strip():
            for key in old:
                self._forget(key)
            return ignored("an entity was removed" if old else "an entity that we did not know was removed")
        component, node, name = place
        body = object_of(message)
        found = list(entities(body, component, node, name))
        if "state_topic" not in body and not any(e and (e.state_topic or e.availability) for _, e in found):
            for key in old:
                self._forget(key)
            return ignored("an entity without a state")
        for key in old:
            self._forget(key)
        rows = []
        for own, entity in found:
            if entity is not None:
                rows.append(_registered(self._remember((topic, own), entity)))
        return accepted(*rows) if rows else ignored("every entity of the bundle was removed")

    def _remember(self, key: tuple[str, str], entity: Entity) -> Entity:
        while len(self._entities) >= MOST_ENTITIES:
            self._forget(next(iter(self._entities)))
        metric = _metric(entity)
        if not _is_binary(entity) and self._taken.setdefault((entity.device, metric), key) != key:
            metric = entity.name  # the device's second thermometer is not mixed with its first
        entity = replace(entity, metric=metric)
        self._entities[key] = entity
        if entity.state_topic:
            self._states.setdefault(entity.state_topic, {})[key] = entity
        for available in entity.availability:
            self._waits.setdefault(available.topic, {})[key] = entity
        return entity

    def _forget(self, key: tuple[str, str]) -> None:
        entity = self._entities.pop(key)
        if self._taken.get((entity.device, entity.metric)) == key:
            del self._taken[entity.device, entity.metric]
        for index, topics in (
            (self._states, [entity.state_topic]),
            (self._waits, [a.topic for a in entity.availability]),
        ):
            for topic in topics:
                index.get(topic, {}).pop(key, None)
                if topic in index and not index[topic]:
                    del index[topic]
                    self._available.pop(topic, None)

    def _heard(self, message: Message) -> Decoding:
        if not message.payload:
            return ignored("a retained message was deleted")
        rows: list[Observation] = []
        wrong: list[Unreadable] = []
        value = _reader(message)
        for entity in self._states.get(message.topic, {}).values():
            if not entity.readable:
                continue
            try:
                rows += _stated(entity, value(entity.way))
            except Unreadable as error:
                wrong.append(error)
        if message.topic in self._waits:
            rows += self._availability(message.topic, value)
        if not rows and wrong:
            raise wrong[-1]
        return accepted(*rows, faults=wrong) if rows else ignored("no value that we can read in it")

    def _availability(self, topic: str, value: Callable[[Way | None], object]) -> Iterator[Observation]:
        done: set[str] = set()
        for entity in self._waits[topic].values():
            own = next(a for a in entity.availability if a.topic == topic)
            try:
                up = _is_up(own, value(own.way))
            except Unreadable:
                continue
            if up is None or entity.device in done:
                continue
            done.add(entity.device)
            self._available[topic] = up
            overall = self._overall(entity, up)
            if overall is not None:
                yield Said(entity.device).that(Kind.ONLINE if overall else Kind.OFFLINE)

    def _overall(self, entity: Entity, latest: bool) -> bool | None:
        """Whether the device is there by all of its topics; None while that is not known."""
        known = [self._available.get(a.topic) for a in entity.availability]
        if entity.mode == "all":
            return False if False in known else None if None in known else True
        if entity.mode == "any":
            return True if True in known else None if None in known else False
        return latest


def _registered(entity: Entity) -> Observation:
    warnings = () if entity.readable else ("template_unsupported",)
    return Said(entity.device).that(Kind.REGISTER, entity.metric, None, entity.unit, dict(entity.noted), warnings)


def _metric(entity: Entity) -> str:
    if _is_binary(entity):
        if entity.device_class == "safety":
            return "sos_alarm" if "sos" in entity.name.lower() else "safety_alarm"
        return (
            _ALARMS.get(entity.device_class) or _FAULTS.get(entity.device_class) or entity.device_class or entity.name
        )
    if entity.device_class == "gas" and entity.unit in {"%LEL", "LEL"}:
        return "gas"
    return _METRICS.get(entity.device_class, entity.name)


def _is_binary(entity: Entity) -> bool:
    """By its component; a configuration that came without its topic is known by a class that only they have."""
    if entity.component:
        return entity.component == "binary_sensor"
    return not entity.unit and entity.device_class in {"smoke", "heat", "tamper", "problem", "safety", "moisture"}


def _reader(message: Message) -> Callable[[Way | None], object]:
    """What stands at a way into the message; its JSON is read once for all the entities that it feeds."""
    bodies: list[object] = []

    def value(way: Way | None) -> object:
        if way is None:
            return word_of(message)
        if not bodies:
            bodies.append(json_of(message))
        return follow(bodies[0], way)

    return value


def _stated(entity: Entity, value: object) -> Iterator[Observation]:
    said = Said(entity.device)
    about = {k: v for k, v in entity.noted if k in _NOTED}
    if value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING):
        return
    if _is_binary(entity):
        yield _binary(said, entity, value, about)
        return
    if entity.component == "event":
        body = _event(value)
        yield said.that(Kind.NOTICE, entity.name, body, "", about)
        return
    level = number(value) if entity.component in {"sensor", "number", ""} else None
    if level is None and entity.unit:
        raise Unreadable(Reason.BAD_VALUE, f"{entity.name} is {str(value)[:60]!r}, and it is measured in {entity.unit}")
    if level is not None and entity.device_class == "temperature":
        yield said.temperature(entity.metric, level, entity.unit or "°C", about)
    elif level is not None:
        yield said.plain(entity.metric, level, entity.unit, about)
    else:
        yield said.plain(entity.name, value, "", about)


def _event(value: object) -> str:
    """The type of an event, which Home Assistant wants as `event_type` in an object."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise Unreadable(Reason.BAD_JSON, str(error)) from error
    found = value.get("event_type") if isinstance(value, dict) else value
    return str(found)[:100]


def _binary(
    said: Said, entity: Entity, value: object, about: dict[str, str | int | float | bool | None]
) -> Observation:
    if same(value, entity.on):
        active = True
    elif same(value, entity.off):
        active = False
    else:
        raise Unreadable(Reason.BAD_VALUE, f"{entity.name} is {str(value)[:60]!r}, neither its word for on nor for off")
    metric = entity.metric
    if entity.device_class in _ALARMS or entity.device_class == "safety":
        return said.alarm(metric, active, about)
    if entity.device_class in _FAULTS:
        return said.fault(metric, active, about)
    if entity.device_class == "connectivity":
        return said.that(Kind.ONLINE if active else Kind.OFFLINE, attributes=about)
    return said.that(Kind.STATE, metric, active, "", about)


def _is_up(available: Available, value: object) -> bool | None:
    return True if same(value, available.yes) else False if same(value, available.no) else None


ENTRIES: Final = (
    Entry(
        "ha-discovery",
        "Home Assistant MQTT discovery",
        (
            "homeassistant/{component}/[{node_id}/]{object_id}/config",
            "homeassistant/device/{id}/config",
            "the topics they name",
        ),
        fits,
        HomeAssistant,
    ),
)
