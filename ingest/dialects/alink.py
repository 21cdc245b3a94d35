"""Alink JSON (Aliyun IoT): property and event posts of devices, packs and histories of gateways, and what the rule engine forwards.

The device stands in the topic; a post without one is read when `sys.username` (`device&product`) names it. A value is plain or has its
own time in milliseconds, which is the device's. `id` and `version` may be missing. Secrets that demonstrations put into `sys` are never
kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ingest.dialects.claims import Reason, TimeForm, Unreadable, read_json
from ingest.dialects.named_values import (
    MOST_NAMES,
    NAME_LENGTH,
    Origin,
    Said,
    ident,
    mapping,
    moment,
    observed,
    point_in,
    read_named,
)
from ingest.dialects.observation import Attribute, Decoding, Entry, Fit, Kind, Message, Observation, accepted, ignored
from ingest.dialects.parts import Parts
from ingest.dialects.smoke_events import read_profile
from ingest.dialects.value_names import plain
from ingest.events import Mark

_FIXED: Final = "/sys/"
_STATUS: Final = "/as/mqtt/status/"
_KINDS: Final[Mapping[str, Kind]] = {"alert": Kind.ALARM, "error": Kind.FAULT}


@dataclass(frozen=True, slots=True)
class _Who:
    """A device by its product and name, and the gateway it stands behind."""

    product: str
    device: str
    gateway: str = ""


class Alink:
    """One stream of posts."""

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for what is no post, or has no device."""
        body = mapping(read_json(message.payload))
        if message.topic.startswith(_STATUS) or ("status" in body and "params" not in body and "deviceName" in body):
            return _status(_who(message.topic, body), body)
        path = _path(message.topic) or _path_of(str(body.get("method", "")))
        if path.endswith("_reply") or (path and not path.startswith("thing/event/") and "items" not in body):
            return ignored(f"{path[:80]} is no report of a device")
        who = _who(message.topic, body)
        parts = Parts()
        _report(parts, path, body, who, _origin(who, body))
        if not (parts.found or parts.faults):
            return accepted(*observed(_origin(who, body), (Said(Kind.HEARTBEAT, ""),)))
        return parts.decoding()


def _report(parts: Parts, path: str, body: Mapping[str, Any], who: _Who, origin: Origin) -> None:
    params = body.get("params", body.get("items", body.get("value")))
    if path == "thing/event/property/history/post":
        if not isinstance(params, list) or len(params) > MOST_NAMES:
            raise Unreadable(Reason.MISSING_FIELD, "params of a history is a list")
        past = replace(origin, marks=Mark.HISTORICAL, warnings=(*origin.warnings, "historical"))
        for record in params:
            parts.read(_pack, record, who, past)
    elif path == "thing/event/property/pack/post":
        pack = mapping(params)
        parts.read(_pack, pack, who, origin)
        below = pack.get("subDevices")
        for one in below[:MOST_NAMES] if isinstance(below, list) else ():
            parts.read(_pack, one, who, origin)
    elif path in {"thing/event/property/post", ""} or "items" in body:
        if not isinstance(params, dict):
            raise Unreadable(Reason.MISSING_FIELD, "params")
        parts.read(_properties, params, origin)
    else:
        name = path.split("/")[2]
        parts.read(_event, name, mapping(params), str(body.get("type", "")), origin)


def _pack(record: object, who: _Who, origin: Origin) -> Iterator[Observation]:
    if not isinstance(record, dict):
        raise Unreadable(Reason.BAD_VALUE, "a record of a pack is a map")
    identity = mapping(record.get("identity"))
    if identity:
        device = ident(identity.get("deviceName"), "identity.deviceName")
        product = str(identity.get("productKey", ""))[:64]
        gateway = who.device if device != who.device else ""
        origin = replace(
            origin,
            device=device,
            gateway=gateway,
            key=f"{origin.key}:{device}" if origin.key else "",
            attributes={"product_key": product},
        )
    listed = record.get("properties")
    for values in map(mapping, listed[:MOST_NAMES]) if isinstance(listed, list) else (mapping(listed),):
        yield from _properties(values, origin)
    events = record.get("events")
    for group in map(mapping, events[:MOST_NAMES]) if isinstance(events, list) else (mapping(events),):
        for name, event in group.items():
            yield from _event(name, mapping(event), "", origin)


def _properties(values: Mapping[str, Any], origin: Origin) -> tuple[Observation, ...]:
    """Values in the order of their names; those of one time are read together, so that a test among them marks its own time only."""
    groups: dict[object, dict[str, Any]] = {}
    for name, value in values.items():
        timed = isinstance(value, dict) and "value" in value
        time = value.get("time") if timed else None
        groups.setdefault(time if isinstance(time, int | float) else None, {})[name] = (
            value["value"] if timed else value
        )
    found: list[Observation] = []
    for time, group in groups.items():
        at, warnings = moment(time, TimeForm.EPOCH_MS) if time is not None else (None, ())
        where = replace(origin, device_at=at, warnings=origin.warnings + warnings, point=_point(group))
        found += observed(where, read_profile(group))
    return tuple(found)


def _point(values: Mapping[str, Any]) -> Any:
    """Aliyun's standard property for a position, in WGS-84 when it says 1 or nothing."""
    where = mapping(values.get("GeoLocation") or values.get("geoLocation"))
    if where and where.get("CoordinateSystem", where.get("coordinateSystem", 1)) == 1:
        return point_in({plain(name): value for name, value in where.items()})
    return point_in(values)


def _event(name: str, params: Mapping[str, Any], level: str, origin: Origin) -> tuple[Observation, ...]:
    """An event is an alarm when its name or its level says so; everything in it is read as well."""
    if not name.isprintable() or not 1 <= len(name) <= NAME_LENGTH:
        raise Unreadable(Reason.BAD_VALUE, f"{name[:40]!r} is no name of an event")
    values = (
        mapping(params["value"])
        if isinstance(params.get("value"), dict)
        else {k: v for k, v in params.items() if k != "time"}
    )
    at, warnings = moment(params.get("time"), TimeForm.EPOCH_MS) if "time" in params else (None, ())
    said = read_profile(values)
    if not any(one.kind in {Kind.ALARM, Kind.CLEAR, Kind.FAULT, Kind.TEST} for one in said):
        named = read_named({name: True})[0]
        kind = named.kind if named.kind is not Kind.STATE else _KINDS.get(level, Kind.NOTICE)
        metric = named.metric if named.kind is not Kind.STATE else name
        marks = Mark.TEST if kind is Kind.TEST else Mark.NONE
        said = (Said(kind, metric, value=True, attributes={"event": name}), *said)
        said = tuple(replace(one, marks=one.marks | marks) for one in said)
    where = replace(origin, device_at=at, warnings=origin.warnings + warnings, point=point_in(values))
    return observed(where, said)


def _path(topic: str) -> str:
    """What stands behind product and device in a topic."""
    parts = topic.split("/")
    return "/".join(parts[4:]) if topic.startswith(_FIXED) and len(parts) > 4 else ""


def _path_of(method: str) -> str:
    return method.replace(".", "/")


def _who(topic: str, body: Mapping[str, Any]) -> _Who:
    parts = topic.split("/")
    if topic.startswith(_STATUS) and len(parts) >= 6:
        product, device = parts[4], parts[5]
    elif topic.startswith("/") and len(parts) > 4:
        product, device = parts[2], parts[3]
    elif "deviceName" in body:
        product, device = str(body.get("productKey", "")), body["deviceName"]
    else:
        device, _, product = str(mapping(body.get("sys")).get("username", "")).partition("&")
    if isinstance(body.get("deviceName"), str) and body["deviceName"] != device and topic.startswith(_FIXED):
        raise Unreadable(
            Reason.GATEWAY_MISMATCH, f"the topic is of {str(device)[:60]}, the message of {body['deviceName'][:60]}"
        )
    return _Who(product[:64], ident(device, "deviceName"))


def _origin(who: _Who, body: Mapping[str, Any]) -> Origin:
    number = body.get("id") or body.get("requestId")
    at, warnings = moment(body["gmtCreate"], TimeForm.EPOCH_MS) if "gmtCreate" in body else (None, ())
    version = body.get("version")
    odd = ("version_unexpected",) if version is not None and version != "1.0" else ()
    attributes: dict[str, Attribute] = {"product_key": who.product} if who.product.isprintable() and who.product else {}
    named = isinstance(number, str | int) and number not in {"", 0}
    key = f"alink:{who.product}:{who.device}:{str(number)[:64]}"[:200] if named else ""
    return Origin(who.device, who.gateway, server_at=at, key=key, warnings=warnings + odd, attributes=attributes)


def _status(who: _Who, body: Mapping[str, Any]) -> Decoding:
    word = str(body.get("status", "")).lower()
    kind = {"online": Kind.ONLINE, "offline": Kind.OFFLINE}.get(word)
    if kind is None:
        raise Unreadable(Reason.BAD_VALUE, f"status is {word[:40]!r}, neither online nor offline")
    utc = body.get("utcTime")
    at, warnings = moment(utc, TimeForm.ISO) if utc else moment(body.get("time"), TimeForm.NAIVE_CST)
    origin = replace(
        _origin(who, {}), server_at=at, warnings=warnings, key=f"alink:{who.product}:{who.device}:{word}:{at}"[:200]
    )
    return accepted(*observed(origin, (Said(kind, ""),)))


def fits_alink(message: Message) -> Fit:
    """By the topic, or by the method that every post has."""
    topic = message.topic
    if (topic.startswith(_FIXED) and "/thing/" in topic) or topic.startswith(_STATUS):
        return Fit.TOPIC
    body = message.payload
    if b'"thing.event.' in body:
        return Fit.MARKED
    return Fit.MARKED if b'"iotId"' in body and b'"productKey"' in body else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        name="alink",
        standard="Aliyun IoT Alink JSON 1.0",
        topics=("/sys/{product}/{device}/thing/event/{property|event}/post", "/as/mqtt/status/{product}/{device}"),
        fits=fits_alink,
        open=Alink,
    ),
)
