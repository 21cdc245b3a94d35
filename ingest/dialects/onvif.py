"""ONVIF events: notifications in XML (metadata stream, PullPoint, Notify) and JSON over MQTT (`<prefix>/onvif-ej/<topic>/&<source>`).

`Initialized` only says how a property stands when somebody subscribes, and never rings. `Changed`, and events that have no property, ring
or clear by the table of topics. Namespaces of topics are passed over: vendors put their own into the middle of a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from xml.etree.ElementTree import Element

from ingest.dialects.claims import Reason, Unreadable, read_json
from ingest.dialects.dating import dated
from ingest.dialects.markup import child, children, every, name_of, said, tree_of
from ingest.dialects.observation import (
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    accepted,
)
from ingest.dialects.parts import Parts
from ingest.events import IDENT_LENGTH

_MARK: Final = "/onvif-ej/"
_MOST: Final = 256  # notifications of one message
_MOST_ITEMS: Final = 32
_MOST_PARTS: Final = 16  # of a topic
_TEXT: Final = 256
_WORDS: Final = {"true": True, "active": True, "on": True, "false": False, "inactive": False, "off": False}
_DIGITS: Final = {"1": True, "0": False}
# Items of Data that say whether it is so, before any other that is a truth value.
_STATES: Final = ("state", "logicalstate", "ismotion", "isinside", "istamper", "alarmstate", "active", "value")
_PRODUCER: Final = re.compile(r"[a-z][a-z0-9+.-]*://([^/\s]+)", re.IGNORECASE)
# The end of a topic, in lower case without namespaces → kind while it is so, and metric. The longest end that fits decides.
_FIRE: Final = ("fire", "firealarm", "firedetection", "firedetected", "firedetector", "flame", "flamedetection", "flamealarm", "smoke",
                "smokealarm",
                "smokedetection", "smokedetected", "smokedetector", "smokeandfiredetection", "firesmokedetection")  # fmt: skip
_TOPICS: Final[dict[str, tuple[Kind, str]]] = {
    **dict.fromkeys(_FIRE, (Kind.ALARM, "fire_alarm")),
    "radiometry/temperaturealarm": (Kind.ALARM, "heat_alarm"),
    **dict.fromkeys(
        ("linedetector/crossed", "fielddetector/objectsinside", "loiteringdetector", "objectisloitering", "intrusiondetection"),
        (Kind.ALARM, "intrusion_alarm"),
    ),
    **dict.fromkeys(
        ("tamperdetector/tamper", "globalscenechange", "globalscenechange/imagingservice", "globalscenechange/analyticsservice",
         "videosource/tampering", "tampering"),
        (Kind.ALARM, "tamper_alarm"),
    ),
    **dict.fromkeys(("signalloss", "videoloss"), (Kind.FAULT, "video_loss")),
    "hardwarefailure/storagefailure": (Kind.FAULT, "storage_failure"),
    "hardwarefailure/fanfailure": (Kind.FAULT, "fan_failure"),
    "hardwarefailure/powersupplyfailure": (Kind.FAULT, "power_failure"),
    "hardwarefailure/temperaturecritical": (Kind.FAULT, "temperature_critical"),
    "cellmotiondetector/motion": (Kind.STATE, "motion"),
    "motionregiondetector/motion": (Kind.STATE, "motion"),
    "videosource/motionalarm": (Kind.STATE, "motion"),
    "sensor/pir": (Kind.STATE, "occupancy"),
    "trigger/digitalinput": (Kind.STATE, "digital_input"),
    "trigger/relay": (Kind.STATE, "relay"),
}  # fmt: skip

Items = dict[str, Attribute]


@dataclass(slots=True)
class _Event:
    """One notification, whichever way it came."""

    topic: tuple[str, ...]  # without namespaces
    operation: str
    time: object
    source: Items = field(default_factory=dict)
    key: Items = field(default_factory=dict)
    data: Items = field(default_factory=dict)
    producer: str = ""
    warnings: tuple[str, ...] = ()


class Onvif:
    """The decoder; it keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        json = message.payload.lstrip()[:1] == b"{" or _MARK in message.topic
        if json:
            return accepted(_observation(_from_json(message), message))
        root, warnings = tree_of(message.payload)
        notes, parts = every(root, "notificationmessage", _MOST), Parts()
        if not notes:  # a bare tt:Message has no topic, and what has none is no event
            bare = name_of(root) == "message"
            raise Unreadable(
                Reason.MISSING_FIELD, "a tt:Message without its topic" if bare else "no NotificationMessage"
            )
        for note in notes:
            parts.one(_noted, note, warnings, message)
        return parts.decoding()


def _noted(note: Element, warnings: tuple[str, ...], message: Message) -> Observation:
    inner = child(child(note, "message"), "message")
    if inner is None:
        raise Unreadable(Reason.MISSING_FIELD, "a NotificationMessage without a tt:Message")
    marks = {k.rpartition("}")[2].lower(): v for k, v in inner.attrib.items()}
    event = _Event(
        topic=_path(said(note, "topic")),
        operation=marks.get("propertyoperation", ""),
        time=marks.get("utctime"),
        source=_items(child(inner, "source")),
        key=_items(child(inner, "key")),
        data=_items(child(inner, "data")),
        producer=_producer(said(child(note, "producerreference"), "address")),
        warnings=warnings,
    )
    return _observation(event, message)


def _items(group: Element | None) -> Items:
    found: Items = {}
    for item in children(group, "simpleitem") if group is not None else ():
        marks = {k.rpartition("}")[2].lower(): v for k, v in item.attrib.items()}
        if marks.get("name") and len(found) < _MOST_ITEMS:
            found[marks["name"][:64]] = marks.get("value", "")[:_TEXT]
    return found


def _from_json(message: Message) -> _Event:
    body = read_json(message.payload)
    if not isinstance(body, Mapping):
        raise Unreadable(Reason.MISSING_FIELD, "an event is {UtcTime, PropertyOperation, Source, Key, Data}")
    said_of = {str(k).lower(): v for k, v in body.items()}
    if "data" not in said_of and "source" not in said_of:
        raise Unreadable(Reason.MISSING_FIELD, "an event is {UtcTime, PropertyOperation, Source, Key, Data}")
    prefix, mark, path = message.topic.partition(_MARK)
    written = said_of.get("topic")
    topic = _path(path.partition("/&")[0] if mark else written if isinstance(written, str) else "")
    source = _flat(said_of.get("source"))
    while topic and mark and topic[-1] in {str(v) for v in source.values()}:
        topic = topic[:-1]  # some name the source in the topic without the `&`
    operation = said_of.get("propertyoperation")
    return _Event(
        topic=topic,
        operation=operation if isinstance(operation, str) else "",
        time=said_of.get("utctime"),
        source=source,
        key=_flat(said_of.get("key")),
        data=_flat(said_of.get("data")),
        producer=prefix.rpartition("/")[2] if mark else "",
    )


def _flat(group: object) -> Items:
    """Names and values, also where they come as `SimpleItem: [{Name, Value}]`."""
    if not isinstance(group, Mapping):
        return {}
    pairs: list[tuple[object, Any]] = [(k, v) for k, v in group.items() if str(k).lower() != "simpleitem"]
    listed: object = next((v for k, v in group.items() if str(k).lower() == "simpleitem"), [])
    items = listed if isinstance(listed, list) else [listed]
    pairs += [(item.get("Name"), item.get("Value")) for item in items if isinstance(item, Mapping)]
    return {
        str(k)[:64]: v[:_TEXT] if isinstance(v, str) else v
        for k, v in pairs[:_MOST_ITEMS]
        if k and (v is None or isinstance(v, str | int | float | bool))
    }


def _path(topic: str) -> tuple[str, ...]:
    """`tns1:Device/tnsaxis:Sensor/PIR` → Device, Sensor, PIR; an alias of a namespace (`tns:axis`) at the front is dropped."""
    parts = [p for p in topic[:512].split("/") if p and not p.startswith(("&", "tns:"))]
    return tuple(p.rpartition(":")[2] for p in parts[:_MOST_PARTS])


def _producer(address: str) -> str:
    found = _PRODUCER.match(address)
    return found[1] if found else address


def _observation(event: _Event, message: Message) -> Observation:
    device, unnamed = _device(event, message)
    at, warnings = dated(event.time, message.received_at, timedelta())
    warnings = event.warnings + unnamed + warnings
    kind, metric = _meaning(event.topic)
    state = _state(event.data)
    operation = event.operation.lower()
    if not event.topic:
        warnings += ("no_topic",)
        metric = next(iter(event.data), "event")[:64]
    if operation in {"initialized", "deleted"}:
        kind = Kind.STATE  # how it stands, or that it is gone: nothing happened
    elif operation not in {"changed", ""}:
        kind, warnings = Kind.STATE, (*warnings, "unknown_operation")
    if kind is Kind.ALARM:
        if state is None and event.operation:
            warnings += ("no_state",)
        state = state is not False  # what says no state has happened
        kind = Kind.ALARM if state else Kind.CLEAR
    value: Attribute = state if state is not None else next(iter(event.data.values()), None)
    topic = "/".join(event.topic)
    source = ",".join(f"{k}={v}" for k, v in (*event.source.items(), *event.key.items()))
    attributes: Items = {"topic": topic, "operation": event.operation}
    for group, items in (("source", event.source), ("key", event.key), ("data", event.data)):
        attributes |= {f"{group}_{_snake(k)}": v for k, v in items.items()}
    return Observation(
        kind=kind,
        device=device,
        metric=metric,
        value=None if operation == "deleted" else value,
        device_at=at,
        key=f"onvif:{device}:{topic}:{source}:{event.time}:{event.operation}"[: 3 * IDENT_LENGTH],
        warnings=warnings,
        attributes={k: v for k, v in attributes.items() if v not in {"", None} or isinstance(v, bool)},
    )


def _meaning(topic: tuple[str, ...]) -> tuple[Kind, str]:
    words = [p.lower() for p in topic]
    for size in (3, 2, 1):
        for start in range(len(words) - size, -1, -1):
            if found := _TOPICS.get("/".join(words[start : start + size])):
                return found
    return Kind.STATE, topic[-1][:64] if topic else ""


def _state(data: Items) -> bool | None:
    """Whether it is so. A bare digit counts only in an item that is named as a state: others are numbers of objects and rules."""
    named = {k.lower(): v for k, v in data.items()}
    for name in _STATES:
        found = _truth(named.get(name))
        if found is None:
            found = _DIGITS.get(str(named.get(name)).strip())
        if found is not None:
            return found
    return next((found for value in named.values() if (found := _truth(value)) is not None), None)


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else _WORDS.get(str(value).strip().lower())


def _device(event: _Event, message: Message) -> tuple[str, tuple[str, ...]]:
    """Who produced it: named in the message, in the topic's prefix, by the connection, or only by the source's token."""
    token = next((str(v) for k, v in event.source.items() if v and "token" in k.lower()), "")
    token = token or next((str(v) for v in event.source.values() if v), "")
    name = event.producer or message.peer or token
    if not name or len(name) > IDENT_LENGTH or not name.isprintable():
        raise Unreadable(Reason.NO_DEVICE, "neither a producer nor a prefix, peer or source token")
    return name, () if event.producer or message.peer else ("no_producer",)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _fits(message: Message) -> Fit:
    if _MARK in message.topic:
        return Fit.TOPIC
    head = message.payload[:8192]
    if b"NotificationMessage" in head and (b"onvif.org" in head or b"docs.oasis-open.org/wsn" in head):
        return Fit.MARKED
    if b'"UtcTime"' in head and (b'"PropertyOperation"' in head or b'"Source"' in head):
        return Fit.MARKED
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "onvif",
        "ONVIF Core, event service and event broker (Profile M)",
        ("<device>/onvif-ej/#", "POST (WS-Notification)"),
        _fits,
        Onvif,
    ),
)
