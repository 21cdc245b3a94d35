"""ThingsBoard: the MQTT API of gateways (several devices in a message) and of devices (one that is named by its connection alone).

`ts` in milliseconds is a gateway's clock when a gateway speaks, else the device's. A map without `ts` has no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ingest.dialects.claims import Reason, TimeForm, Unreadable, read_json
from ingest.dialects.named_values import (
    MOST_NAMES,
    Origin,
    Said,
    fingerprint,
    ident,
    mapping,
    moment,
    observed,
    point_in,
)
from ingest.dialects.observation import Decoding, Entry, Fit, Kind, Message, Observation, accepted, ignored
from ingest.dialects.parts import Parts
from ingest.dialects.smoke_events import read_profile

_GATEWAY: Final = "v1/gateway/"
_DEVICE: Final = "v1/devices/me/"
_NAMES: Final = (
    "device",
    "client-id",
    "client_id",
    "username",
)  # properties in which a door may tell who has connected


class ThingsBoard:
    """One stream of messages of one connection."""

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for what is no telemetry, attributes, connection or disconnection."""
        topic, body = message.topic, read_json(message.payload)
        if topic.startswith(_DEVICE):
            what = topic.removeprefix(_DEVICE)
            return _of_device(body, message, what) if what in {"telemetry", "attributes"} else ignored(what[:60])
        what = topic.removeprefix(_GATEWAY) if topic.startswith(_GATEWAY) else _what(body)
        if what in {"connect", "disconnect"}:
            device = ident(mapping(body).get("device"), "device")
            kind = Kind.ONLINE if what == "connect" else Kind.OFFLINE
            return accepted(*observed(Origin(device), (Said(kind, ""),)))
        if what not in {"telemetry", "attributes"}:
            return ignored(what[:60])
        parts = _of_gateway(mapping(body), what)
        if not (parts.found or parts.faults):
            raise Unreadable(Reason.NO_VALUE, "no device says anything")
        return parts.decoding()


def _what(body: object) -> str:
    """What a message without a topic is: telemetry has lists under its devices' names, attributes have maps."""
    values = mapping(body).values()
    if values and all(isinstance(one, list) for one in values):
        return "telemetry"
    if values and all(isinstance(one, dict) for one in values):
        return "attributes"
    raise Unreadable(Reason.UNKNOWN_TOPIC, "neither the topic nor the shape names a message of ThingsBoard")


def _of_gateway(body: Mapping[str, Any], what: str) -> Parts:
    if len(body) > MOST_NAMES:
        raise Unreadable(Reason.TOO_BIG, f"{len(body)} devices; at most {MOST_NAMES} are read of one message")
    parts = Parts()
    for name, records in body.items():
        for record in _records(records):
            parts.read(_record, record, Origin(name), what, by_gateway=True)
    return parts


def _of_device(body: object, message: Message, what: str) -> Decoding:
    name = next((message.properties[field] for field in _NAMES if message.properties.get(field)), message.peer)
    origin = Origin(ident(name, "the connection")) if name else Origin("me", warnings=("no_address",))
    parts = Parts()
    for record in _records(body):
        parts.read(_record, record, origin, what, by_gateway=False)
    if not (parts.found or parts.faults):
        raise Unreadable(Reason.NO_VALUE, "no value")
    return parts.decoding()


def _records(body: object) -> list[Any]:
    records = body if isinstance(body, list) else [body]
    if len(records) > MOST_NAMES:
        raise Unreadable(Reason.BAD_VALUE, f"telemetry is a map or a list of at most {MOST_NAMES} maps")
    return records


def _record(said_so: object, origin: Origin, what: str, *, by_gateway: bool) -> tuple[Observation, ...]:
    record = mapping(said_so)
    if not record:
        raise Unreadable(Reason.BAD_VALUE, f"telemetry is a map or a list of at most {MOST_NAMES} maps")
    ident(origin.device, "the name of a device")
    timed = isinstance(record.get("values"), dict)
    values = record["values"] if timed else record
    at, warnings = moment(record.get("ts"), TimeForm.EPOCH_MS) if timed and "ts" in record else (None, ())
    said = read_profile(values)
    if what == "attributes":  # what a device is, not what it measures: nothing in it is news
        said = tuple(
            Said(Kind.STATE, one.metric, one.value, one.unit, one.quality, one.warnings, one.attributes, one.marks)
            for one in said
        )
    where = Origin(
        origin.device,
        device_at=None if by_gateway else at,
        server_at=at if by_gateway else None,
        key=f"thingsboard:{origin.device[:64]}:{record['ts']}:{fingerprint(values)}"[:200] if at else "",
        warnings=origin.warnings + warnings,
        point=point_in(values),
    )
    return observed(where, said)


def fits_thingsboard(message: Message) -> Fit:
    """By the topic, or by what lies under the names of devices."""
    if message.topic.startswith((_GATEWAY, _DEVICE)):
        return Fit.TOPIC
    body = message.payload
    return (
        Fit.CONTENT
        if b'"ts"' in body and b'"values"' in body and body.lstrip()[:1] == b"{" and b":[" in body.replace(b" ", b"")
        else Fit.NO
    )


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        name="thingsboard",
        standard="ThingsBoard MQTT gateway and device API",
        topics=("v1/gateway/{telemetry,attributes,connect,disconnect}", "v1/devices/me/{telemetry,attributes}"),
        fits=fits_thingsboard,
        open=ThingsBoard,
    ),
)
