"""OPC UA PubSub in JSON (Part 14), as OPC Publisher and others send it, with its legacy samples and a cloud hub's wrapper.

A key frame is a snapshot: a boolean alarm in it rings only when an earlier message said otherwise. A delta frame is a change. Metadata is
understood and ignored, a keep-alive is a heartbeat, a condition with its ActiveState is an alarm or its end, any other event a notice.
"""

from __future__ import annotations

import re
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ingest.dialects.alarm_names import alarm_class, alarm_metric
from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.observation import (
    MOST,
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    Quality,
    accepted,
    ignored,
)
from ingest.dialects.opcua_events import event
from ingest.dialects.opcua_values import Read, is_data_value, judged, read, status, unwrapped, when
from ingest.dialects.opcua_wire import EXPANDED, load, unwrap
from ingest.events import IDENT_LENGTH

_MOST_ALARMS: Final = 10_000
_SNAPSHOTS: Final = frozenset({"", "ua-keyframe"})
_EVENTS: Final = frozenset({"ua-event", "ua-condition"})
_FRAMES: Final = frozenset({"ua-keyframe", "ua-deltaframe", "ua-keepalive"}) | _EVENTS
_STATES: Final[dict[Any, Kind]] = {
    2: Kind.ONLINE, "Operational": Kind.ONLINE, 0: Kind.OFFLINE, 1: Kind.OFFLINE, 3: Kind.OFFLINE, "Disabled": Kind.OFFLINE,
    "Paused": Kind.OFFLINE, "Error": Kind.OFFLINE,
}  # fmt: skip
_NODE: Final = re.compile(r"(?:.*;)?[isgb]=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who published a message and when a hub between took it."""

    publisher: str
    hub_at: datetime | None = None
    message: str = ""  # its MessageId


class OpcUa:
    """One stream of publishers. Remembers only how boolean alarms stood, within bounds."""

    def __init__(self) -> None:
        self._alarms: OrderedDict[tuple[str, str], bool] = OrderedDict()

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for what is no message of OPC UA, or when nothing of a batch can be used."""
        publisher, body = _publisher_of(message.topic), load(message.payload)
        found: list[Observation] = []
        faults: list[Unreadable] = []
        for wrapped in (
            body if isinstance(body, list) else [body]
        ):  # a hub may hand over several of its messages at once
            try:
                inner, hub_at = unwrap(wrapped)
            except Unreadable as fault:
                faults.append(fault)
                continue
            for each in inner if isinstance(inner, list) else [inner]:
                try:
                    found.extend(self._network(each, Origin(publisher, hub_at)))
                except Unreadable as fault:
                    faults.append(fault)
                if len(found) > MOST:
                    raise Unreadable(Reason.TOO_BIG, f"more than {MOST} values in one message")
        if faults and not found:
            raise faults[0]
        if not found:
            return ignored("metadata, or a frame without a value")
        if faults:  # part of a batch: what can be read is kept, and says that something is missing
            found = [replace(one, warnings=(*one.warnings, "bad_message")) for one in found]
        return accepted(*found, faults=faults)

    def _network(self, body: object, origin: Origin) -> Iterator[Observation]:
        if not isinstance(body, dict):
            raise Unreadable(Reason.MISSING_FIELD, "a network message is an object")
        kind = _type(body)
        origin = replace(
            origin, publisher=_name(body.get("PublisherId")) or origin.publisher, message=_name(body.get("MessageId"))
        )
        if kind in _FRAMES or (kind == "" and "Payload" in body):
            yield from self._data_set(body, origin)
        elif kind == "ua-data" or (kind == "" and "Messages" in body):
            messages = body.get("Messages")
            for each in messages if isinstance(messages, list) else [messages]:
                if not isinstance(each, dict):
                    raise Unreadable(Reason.MISSING_FIELD, "a data set message is an object")
                yield from self._data_set(each, origin)
        elif kind == "ua-status":
            yield _presence(body, origin)
        elif kind == "" and "NodeId" in body and "Value" in body:
            yield from self._sample(body, origin)
        elif kind == "" and any(map(is_data_value, body.values())):
            yield from self._fields(body, _checked(origin.publisher), origin, {}, snapshot=True)
        elif not kind.startswith("ua-"):
            raise Unreadable(Reason.MISSING_FIELD, f"no message type of OPC UA PubSub: {kind[:40]!r}")

    def _data_set(self, body: Mapping[str, Any], origin: Origin) -> Iterator[Observation]:
        writer = _name(body.get("DataSetWriterName")) or _name(body.get("DataSetWriterId"))
        device = _checked("/".join(part for part in (origin.publisher, writer) if part))
        kind = _type(body)
        if kind == "ua-keepalive":
            at, wrong = when(body.get("Timestamp"))
            key = _key(device, body, origin)
            yield Observation(
                Kind.HEARTBEAT, device, gateway=origin.publisher, server_at=at or origin.hub_at, key=key, warnings=wrong
            )
            return
        payload = unwrapped(body.get("Payload"))
        if kind in _EVENTS:
            for each in payload if isinstance(payload, list) else [payload]:
                yield event(
                    each,
                    device,
                    origin.publisher,
                    when(body.get("Timestamp"))[0] or origin.hub_at,
                    pending=kind == "ua-condition",
                )
            return
        if kind not in _FRAMES and kind != "":
            raise Unreadable(Reason.MISSING_FIELD, f"no data set message of OPC UA PubSub: {kind[:40]!r}")
        if not isinstance(payload, dict):
            raise Unreadable(Reason.MISSING_FIELD, "a frame without its fields")
        yield from self._fields(payload, device, origin, body, snapshot=kind in _SNAPSHOTS)

    def _sample(self, body: Mapping[str, Any], origin: Origin) -> Iterator[Observation]:
        """The legacy mode of OPC Publisher: one monitored item, a change or an event."""
        more = body.get("ExtensionFields")
        more = more if isinstance(more, dict) else {}
        publisher = (
            _name(more.get("PublisherId"))
            or _name(body.get("ApplicationUri"))
            or _name(body.get("EndpointUrl"))
            or origin.publisher
        )
        device = _checked("/".join(part for part in (publisher, _name(more.get("DataSetWriterId"))) if part))
        origin = replace(origin, publisher=publisher)
        value = unwrapped(body["Value"])
        if isinstance(value, dict) and "EventId" in value:
            at = when(body.get("Timestamp"))[0] or origin.hub_at
            yield event(
                value, device, publisher, at, pending=str(body.get("DisplayName")).lower().startswith("pendingalarm")
            )
            return
        node = _name(body["NodeId"])
        found = _NODE.fullmatch(node)
        name = _name(body.get("DisplayName")) or (found[1] if found else node)
        yield from self._fields({name: body["Value"]}, device, origin, body, snapshot=False)

    def _fields(
        self, fields: Mapping[str, Any], device: str, origin: Origin, header: Mapping[str, Any], *, snapshot: bool
    ) -> Iterator[Observation]:
        at, wrong = when(header.get("Timestamp"))
        whole, about, odd = status(header.get("Status"))
        key = _key(device, header, origin)
        for name, raw in fields.items():
            if not 0 < len(name) <= 2 * IDENT_LENGTH or not name.isprintable():
                raise Unreadable(Reason.BAD_VALUE, f"a field without a name that can be kept: {name[:40]!r}")
            one = judged(read(raw), whole)
            attributes: dict[str, Attribute] = {**about, **(one.attributes or {})}
            rings = alarm_class(name) if isinstance(one.value, bool) else None
            if rings is not None:
                attributes |= {"alarm_class": rings, "name": name}
            kind = self._rings(device, name, one, snapshot=snapshot) if rings is not None else _kind(one)
            yield Observation(
                kind,
                device,
                alarm_metric(name) if rings is not None else name,
                one.value,
                gateway=origin.publisher,
                device_at=one.source_at,
                server_at=at or one.server_at or origin.hub_at,
                quality=one.quality,
                key=key,
                warnings=tuple(dict.fromkeys(wrong + odd + one.warnings)),
                attributes=attributes,
            )

    def _rings(self, device: str, name: str, one: Read, *, snapshot: bool) -> Kind:
        if one.quality is Quality.BAD or not isinstance(one.value, bool):
            return Kind.STATE  # what its own source calls bad neither rings nor clears
        before = self._alarms.pop((device, name), None)
        self._alarms[device, name] = one.value
        if len(self._alarms) > _MOST_ALARMS:
            self._alarms.popitem(last=False)
        if snapshot and (before is None or before is one.value):
            return Kind.STATE
        return Kind.ALARM if one.value else Kind.CLEAR


def _type(body: Mapping[str, Any]) -> str:
    kind = body.get("MessageType", "")
    if not isinstance(kind, str):
        raise Unreadable(Reason.MISSING_FIELD, "a message type is a text")
    return kind


def _kind(one: Read) -> Kind:
    return Kind.TELEMETRY if isinstance(one.value, int | float) and not isinstance(one.value, bool) else Kind.STATE


def _publisher_of(topic: str) -> str:
    """`{prefix}/json/{type}/{publisher}/…` names it (Part 14, 7.3.4.7.3); any other topic is itself where the messages come from."""
    parts = topic.split("/")
    if "json" in parts[:-2]:
        return _name(parts[parts.index("json") + 2])
    return topic if len(topic) <= IDENT_LENGTH else ""


def _presence(body: Mapping[str, Any], origin: Origin) -> Observation:
    device = _checked(origin.publisher)
    said = body.get("Status")
    kind = _STATES.get(said, Kind.STATE) if isinstance(said, int | str) and not isinstance(said, bool) else None
    if kind is None:
        raise Unreadable(Reason.MISSING_FIELD, "a status without its state")
    at, wrong = when(body.get("Timestamp"))
    if kind is Kind.OFFLINE:
        at = None  # the will was written when the publisher connected
    return Observation(
        kind, device, "status", said if isinstance(said, int) else str(said)[:64], gateway=device, server_at=at,
        key=_key(device, body, origin), warnings=wrong,
    )  # fmt: skip


def _key(device: str, header: Mapping[str, Any], origin: Origin) -> str:
    number, at = header.get("SequenceNumber"), header.get("Timestamp")
    number = number if type(number) is int else origin.message
    if number == "" and not isinstance(at, str):
        return ""
    return f"opcua:{device}:{number}:{at[:40] if isinstance(at, str) else ''}"


def _name(raw: object) -> str:
    """An identifier, which is a text or a number; empty for anything else."""
    return raw if isinstance(raw, str) else str(raw) if type(raw) is int else ""


def _checked(device: str) -> str:
    if not 0 < len(device) <= IDENT_LENGTH or not device.isprintable():
        raise Unreadable(Reason.NO_DEVICE, f"no publisher or writer that can be kept: {device[:80]!r}")
    return device


def fits(message: Message) -> Fit:
    """By the standard's topics; else by the message types and headers in the JSON."""
    raw = message.payload
    if message.topic.startswith("opcua/json/"):
        return Fit.TOPIC
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = zlib.decompressobj(31).decompress(raw, 4096)
        except zlib.error:
            return Fit.NO
    elif raw[:1] not in {b"{", b"["} and not raw[:1].isspace():
        return Fit.NO
    if b'"ua-' in raw and b'"MessageType"' in raw:
        return Fit.MARKED
    sample = b'"NodeId"' in raw and b'"Value"' in raw and (b'"EndpointUrl"' in raw or b'"SourceTimestamp"' in raw)
    frame = b'"DataSetWriterId"' in raw and b'"Payload"' in raw
    return Fit.CONTENT if sample or frame or b'"SourceTimestamp"' in raw else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "opcua",
        "OPC UA Part 14 (PubSub), JSON of Part 6",
        ("opcua/json/{data|status|metadata}/{publisher}/…", "any topic"),
        fits,
        OpcUa,
        largest=EXPANDED,
    ),
)
