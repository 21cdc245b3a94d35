"""CloudEvents 1.0: structured and batched JSON, and binary mode over MQTT 5 (user properties) and HTTP (`ce-` headers).

An event is a notice, never an alarm: what its type means is not ours to guess. Data that is nothing but named numbers is telemetry as
well. The source and id together say what is the same event again.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

import orjson

from ingest.dialects.claims import LARGEST, Reason, TimeForm, Unreadable, instant, read_json
from ingest.dialects.observation import Attribute, Decoding, Entry, Fit, Kind, Message, Observation
from ingest.dialects.parts import Parts
from ingest.events import IDENT_LENGTH

REQUIRED: Final = ("specversion", "id", "source", "type")
_MOST_EVENTS: Final = 256  # of a batch
_MOST_FIELDS: Final = 256  # of data that is telemetry
_MOST_EXTENSIONS: Final = 32
_LONGEST_TEXT: Final = 1024
_KEPT_APART: Final = frozenset({"specversion", "id", "source", "type", "time", "data", "data_base64"})
# What may stand beside the numbers without being one of them: who, when, and in what.
_BESIDE: Final = frozenset(
    {"time", "timestamp", "ts", "t", "datetime", "device", "deviceid", "device_id", "id", "name", "sensor", "sensorid", "sensor_id",
     "unit", "units"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its context attributes with their names in lower case, and its data as bytes or as decoded JSON."""

    attributes: Mapping[str, Any]
    data: Any
    warnings: tuple[str, ...] = ()


class CloudEvents:
    """Events stand by themselves: nothing is remembered."""

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for what is no event, or lacks an attribute that every event has."""
        events, parts = _events(message), Parts()
        if not events:
            raise Unreadable(Reason.MISSING_FIELD, "a batch without any event")
        for event in events:
            parts.read(_observations, event)
        return parts.decoding()


def _events(message: Message) -> list[Any]:
    """The events of a message, those of a batch as they came."""
    kind = message.content_type.partition(";")[0].strip().lower()
    if not kind.startswith("application/cloudevents"):
        bound = _bound(message.properties)
        if bound:
            return [_binary(bound, message.payload, kind)]
    elif not kind.removeprefix("application/cloudevents").removeprefix("-batch").startswith("+json") and "+" in kind:
        raise Unreadable(Reason.BAD_VALUE, f"events are read in JSON, not as {kind[:60]}")
    body = read_json(message.payload)
    if isinstance(body, list):
        if len(body) > _MOST_EVENTS:
            raise Unreadable(Reason.TOO_BIG, f"{len(body)} events in a batch; at most {_MOST_EVENTS} are read")
        return body
    return [body]


def _bound(properties: Mapping[str, str]) -> dict[str, Any]:
    """The context attributes of binary mode, or nothing."""
    if "ce-specversion" in properties:  # HTTP: with a prefix and percent-encoded
        return {name[3:]: unquote(value) for name, value in properties.items() if name.startswith("ce-")}
    if all(name in properties for name in REQUIRED):  # MQTT 5: as they are
        return dict(properties)
    return {}


def _binary(attributes: dict[str, Any], payload: bytes, kind: str) -> Event:
    _check(attributes)
    if kind:
        attributes["datacontenttype"] = kind
    if payload and (kind.endswith("json") or (not kind and payload[:1] in b"{[")):
        return Event(attributes, read_json(payload))
    if kind.startswith("text/"):
        return Event(attributes, payload.decode("utf-8", "replace"))
    return Event(attributes, payload or None)


def _structured(body: object) -> Event:
    if not isinstance(body, dict):
        raise Unreadable(Reason.MISSING_FIELD, "an event is an object")
    _check(body)
    if "data" in body and "data_base64" in body:
        raise Unreadable(Reason.BAD_VALUE, "data and data_base64 together")
    if "data_base64" not in body:
        return Event(body, body.get("data"))
    try:
        data: Any = b64decode(body["data_base64"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Unreadable(Reason.BAD_VALUE, "data_base64 is not base64") from error
    if str(body.get("datacontenttype", "")).partition(";")[0].strip().lower().endswith("json") and len(data) <= LARGEST:
        try:
            data = orjson.loads(data)
        except orjson.JSONDecodeError:
            return Event(body, data, ("bad_data",))  # the event itself is whole
    return Event(body, data)


def _check(attributes: Mapping[str, Any]) -> None:
    for name in REQUIRED:
        value = attributes.get(name)
        if not isinstance(value, str) or not value:
            raise Unreadable(Reason.MISSING_FIELD, f"an event has a {name}")
        if len(value) > 4 * IDENT_LENGTH or not value.isprintable():
            raise Unreadable(
                Reason.BAD_VALUE, f"the {name} is no printable text of at most {4 * IDENT_LENGTH} characters"
            )


def _observations(said: object) -> list[Observation]:
    event = said if isinstance(said, Event) else _structured(said)
    attributes, warnings = event.attributes, event.warnings
    source, subject = attributes["source"], attributes.get("subject") or ""
    device = subject if isinstance(subject, str) and subject else source
    if max(len(device), len(source)) > IDENT_LENGTH or not device.isprintable():
        raise Unreadable(Reason.NO_DEVICE, f"no source or subject that can be kept: {device[:60]!r}")
    if attributes["specversion"] != "1.0":
        warnings += ("version_unexpected",)
    at, breach = _time(attributes.get("time"))
    warnings += breach
    # the clock is the source's: the device's own when it speaks for itself
    device_at, server_at = (None, at) if device != source else (at, None)
    key = f"cloudevents:{source}:{attributes['id']}"
    about = _about(attributes, warnings)
    value = event.data[:_LONGEST_TEXT] if isinstance(event.data, str) else None
    if isinstance(event.data, bytes):
        about["bytes"] = len(event.data)
    kind = attributes["type"][:IDENT_LENGTH]
    found = [
        Observation(
            Kind.NOTICE,
            device,
            kind,
            value,
            "",
            source,
            device_at,
            server_at,
            key=key,
            warnings=warnings,
            attributes=about,
        )
    ]
    for name, number in _numbers(event.data):
        as_state = isinstance(number, bool)
        found.append(
            Observation(
                Kind.STATE if as_state else Kind.TELEMETRY, device, name, number, "", source, device_at, server_at, key=key,
                warnings=warnings, attributes={"type": kind},
            )
        )  # fmt: skip
    return found


def _time(text: object) -> tuple[datetime | None, tuple[str, ...]]:
    if text is None:
        return None, ()
    try:
        at = instant(text, TimeForm.ISO)
    except Unreadable:
        return None, ("bad_time",)  # a time is optional: the event counts without it
    return at, () if at else ("zero_time",)


def _about(attributes: Mapping[str, Any], warnings: tuple[str, ...]) -> dict[str, Attribute]:
    """The context of the event: its id, type and source, the optional attributes and the extensions, bounded."""
    about: dict[str, Attribute] = {"id": attributes["id"], "type": attributes["type"], "source": attributes["source"]}
    for name, value in attributes.items():
        if name in _KEPT_APART or len(about) >= _MOST_EXTENSIONS or len(name) > 64:
            continue
        if isinstance(value, str):
            about[name] = value[:_LONGEST_TEXT]
        elif isinstance(value, bool | int):
            about[name] = value
    if "version_unexpected" in warnings:
        about["specversion"] = attributes["specversion"]
    return about


def _numbers(data: object) -> list[tuple[str, float | bool]]:
    """The fields of data that is flat and nothing but numbers, or nothing."""
    if not isinstance(data, dict) or len(data) > _MOST_FIELDS:
        return []
    found: list[tuple[str, float | bool]] = []
    for name, value in data.items():
        if name.lower() in _BESIDE:
            if isinstance(value, dict | list):
                return []
        elif (
            not isinstance(value, int | float)
            or not math.isfinite(value)
            or not 0 < len(name) <= 64
            or not name.isprintable()
        ):
            return []
        else:
            found.append((name, value))
    return found if any(not isinstance(value, bool) for _, value in found) else []


def fits(message: Message) -> Fit:
    """By content type or the properties of binary mode; else by the attribute that every event has."""
    if message.content_type.lower().startswith("application/cloudevents") or _bound(message.properties):
        return Fit.TOPIC
    head = message.payload[:1]
    if (
        (head in {b"{", b"["} or head.isspace())
        and b'"specversion"' in message.payload
        and b'"source"' in message.payload
    ):
        return Fit.MARKED
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "cloudevents",
        "CloudEvents 1.0.2 with its JSON format, MQTT and HTTP bindings",
        (
            "any topic",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "MQTT 5 user properties",
            "HTTP ce- headers",
        ),
        fits,
        CloudEvents,
    ),
)
