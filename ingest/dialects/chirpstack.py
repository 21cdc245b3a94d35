"""ChirpStack: the events of v4 in JSON and protobuf, and of v3 in JSON.

In both encodings zero, false and empty are left out, so that an absent number is 0. One uplink that several gateways heard is one message;
its `deduplicationId` is the key. `time` is a gateway's clock when that has satellites, else the network server's. v3 writes identifiers in
base64, the decoded object as text, and has neither a time nor a key of its own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import orjson

from ingest.dialects.claims import Reason, TimeForm, Unreadable, read_json
from ingest.dialects.lorawan_payloads import DEFAULTS, read_payload
from ingest.dialects.named_values import (
    TEXT_LENGTH,
    Origin,
    Said,
    ident,
    mapping,
    moment,
    observed,
    place,
    point_in,
    read_named,
)
from ingest.dialects.observation import Attribute, Decoding, Entry, Fit, Kind, Message, accepted, ignored
from ingest.events import Mark

_EVENTS: Final = frozenset({"up", "join", "ack", "txack", "log", "status", "location", "integration", "error", "rx"})
# What explains duplicates and counters that begin again, and what is only told: none of it is anybody's trouble.
_QUIET: Final = frozenset({"UPLINK_F_CNT_RETRANSMISSION", "UPLINK_F_CNT_RESET"})
_MESSAGES: Final[Mapping[str, str]] = {
    "up": "UplinkEvent",
    "join": "JoinEvent",
    "ack": "AckEvent",
    "txack": "TxAckEvent",
    "log": "LogEvent",
    "status": "StatusEvent",
    "location": "LocationEvent",
}


class ChirpStack:
    """One stream of ChirpStack events. `choices` are patterns of device profile names and the payload decoder for each."""

    def __init__(self, choices: Mapping[str, str] = DEFAULTS) -> None:
        self.choices = choices

    def decode(self, message: Message) -> Decoding:
        """Observations of `up`, `status` and `location`, notices of `log` errors; joins and acknowledgements are ignored."""
        event, eui = _of_topic(message.topic)
        if message.payload.lstrip(b" \t\r\n")[:1] in {b"{", b"["}:  # protobuf begins with a line feed too
            body = mapping(read_json(message.payload))
            if not body:
                raise Unreadable(Reason.BAD_JSON, "not an object")
        else:
            body = _from_protobuf(event, message.payload)
        event = event or _of_body(body)
        info = _device_info(body)
        device = _device(info, eui)
        if event in {"join", "ack", "txack"}:
            refused = event == "ack" and not body.get("acknowledged")
            return ignored(f"{event} of {device}" + (": not acknowledged by the device" if refused else ""))
        if event in {"log", "error"}:
            return _log(event, body, _origin(device, info, body))
        said, origin = self._said(event, body, info, _origin(device, info, body))
        return accepted(*observed(origin, said))

    def _said(
        self, event: str, body: Mapping[str, Any], info: Mapping[str, Any], origin: Origin
    ) -> tuple[tuple[Said, ...], Origin]:
        if event == "status":
            return _status(body), origin
        if event == "location":
            return (_location(mapping(body.get("location"))),), origin
        decoded = _object(body)
        if event == "integration" or decoded:
            found = point_in(decoded)
            said = read_named(decoded) or (Said(Kind.HEARTBEAT, ""),)
            return said, _with(origin, {}, (), found)
        data, port = _bytes(body.get("data")), body.get("fPort", 0)
        if not data:
            return (Said(Kind.HEARTBEAT, ""),), origin  # commands of the protocol only
        payload = read_payload(
            data, str(info.get("deviceProfileName", "")), port if isinstance(port, int) else 0, self.choices
        )
        return payload.said, _with(origin, payload.facts, payload.warnings, None)


def _log(event: str, body: Mapping[str, Any], origin: Origin) -> Decoding:
    level = str(body.get("level", "INFO" if event == "log" else "ERROR"))[:16]
    code = str(body.get("code") or body.get("type") or "UNKNOWN")[:60]
    text = str(body.get("description") or body.get("error") or "")[:TEXT_LENGTH]
    if level == "INFO" or code in _QUIET:
        return ignored(f"log {code} of {origin.device}: {text}"[:500])
    context = {
        f"context_{name}"[:64]: str(value)[:200] for name, value in list(mapping(body.get("context")).items())[:8]
    }
    said = Said(Kind.NOTICE, code.lower(), text, attributes={"level": level, "code": code, **context})
    return accepted(*observed(origin, (said,)))


def _of_topic(topic: str) -> tuple[str, str]:
    """The event and the device's EUI that a topic names, or empty texts: templates are configurable."""
    parts = topic.split("/")
    event = parts[-1] if parts[-1] in _EVENTS else ""
    eui = parts[parts.index("device") + 1] if "device" in parts[:-1] else ""
    return ("up" if event == "rx" else event), (eui if len(eui) == 16 else "")


def _of_body(body: Mapping[str, Any]) -> str:
    """The event by what only it has. An acknowledgement that was refused has nothing but the identifier of what it refuses."""
    for event, names in (
        ("log", ("level", "code")),
        ("error", ("error",)),
        ("status", ("margin", "batteryLevel", "batteryLevelUnavailable", "externalPowerSource")),
        ("location", ("location",)),
        ("integration", ("integrationName", "eventType")),
        ("txack", ("downlinkId", "gatewayId")),
        ("ack", ("acknowledged", "queueItemId")),
        ("up", ("data", "rxInfo", "txInfo", "object", "objectJSON", "fPort", "fCnt", "dr")),
        ("join", ("devAddr",)),
    ):
        if any(name in body for name in names):
            return event
    raise Unreadable(Reason.UNKNOWN_TOPIC, "neither the topic nor the fields name an event")


def _device_info(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """v4's `deviceInfo`, or the same of v3, which has it at the top."""
    info = mapping(body.get("deviceInfo"))
    if info:
        return info
    eui = body.get("devEUI")
    if isinstance(eui, str) and len(eui) != 16:
        eui = _bytes(eui).hex()
    return {
        "devEui": eui,
        "deviceName": body.get("deviceName"),
        "deviceProfileName": body.get("deviceProfileName", ""),
        "applicationId": body.get("applicationID"),
        "applicationName": body.get("applicationName"),
    }


def _device(info: Mapping[str, Any], eui: str) -> str:
    device = ident(info.get("devEui") or eui, "devEui")
    if eui and device.lower() != eui.lower():
        raise Unreadable(Reason.GATEWAY_MISMATCH, f"the topic is of {eui}, the message of {device}")
    return device


def _origin(device: str, info: Mapping[str, Any], body: Mapping[str, Any]) -> Origin:
    heard = (
        [mapping(one) for one in body.get("rxInfo") or () if isinstance(one, dict)]
        if isinstance(body.get("rxInfo"), list)
        else []
    )
    best = max(heard, key=lambda one: _number(one.get("rssi"), -999), default={})
    at, warnings = moment(body.get("time") or best.get("time") or body.get("publishedAt"), TimeForm.ISO)
    facts: dict[str, Attribute] = {
        "device_name": _text(info.get("deviceName")),
        "device_profile": _text(info.get("deviceProfileName")),
        "application": _text(info.get("applicationName")),
        "gateways": len(heard) or None,
        "rssi": best.get("rssi", 0) if heard else None,
        "snr": best.get("snr", best.get("loRaSNR", 0)) if heard else None,
        "f_cnt": body.get("fCnt", 0) if heard or "data" in body else None,
        "f_port": body.get("fPort"),
    }
    attributes = {name: value for name, value in facts.items() if isinstance(value, str | int | float) and value != ""}
    dedup = body.get("deduplicationId")
    if isinstance(dedup, str) and dedup:
        key = f"chirpstack:{dedup[:64]}"
    else:
        key = (
            f"chirpstack:{device}:{str(body.get('devAddr', ''))[:16]}:{str(body.get('fCnt', 0))[:16]}"
            if "data" in body
            else ""
        )
    return Origin(device, _gateway(best), server_at=at, key=key, warnings=warnings, attributes=attributes)


def _gateway(heard: Mapping[str, Any]) -> str:
    """Of several gateways the one that heard best. v3 has it in base64."""
    name = heard.get("gatewayId") or heard.get("gatewayID")
    if not isinstance(name, str):
        return ""
    if len(name) != 16:
        try:
            name = _bytes(name).hex()
        except Unreadable:
            return ""  # who carried it is not what it says: an odd name there refuses no alarm
    return name if len(name) == 16 and name.isalnum() else ""


def _with(origin: Origin, attributes: Mapping[str, Attribute], warnings: tuple[str, ...], point: Any) -> Origin:
    return Origin(
        origin.device,
        origin.gateway,
        server_at=origin.server_at,
        key=origin.key,
        warnings=origin.warnings + warnings,
        attributes={**origin.attributes, **attributes},
        marks=Mark.NONE,
        point=point,
    )


def _object(body: Mapping[str, Any]) -> Mapping[str, Any]:
    text = body.get("objectJSON")
    if isinstance(text, str) and text:
        try:
            return mapping(orjson.loads(text))
        except orjson.JSONDecodeError as error:
            raise Unreadable(Reason.BAD_JSON, f"objectJSON: {error}") from error
    return mapping(body.get("object"))


def _status(body: Mapping[str, Any]) -> tuple[Said, ...]:
    """A battery that is absent is empty, unless it is said to be unknown or the device to have mains."""
    said = [Said(Kind.TELEMETRY, "link_margin", body.get("margin", 0), "dB")]
    powered = bool(body.get("externalPowerSource"))
    if not powered and not body.get("batteryLevelUnavailable"):
        level = body.get("batteryLevel", 0)
        if not isinstance(level, int | float) or not 0 <= level <= 100:
            raise Unreadable(Reason.BAD_VALUE, f"batteryLevel is {str(level)[:40]}, no percentage")
        said.append(Said(Kind.TELEMETRY, "battery", level, "%"))
    return (*said, Said(Kind.STATE, "external_power", powered))


def _location(where: Mapping[str, Any]) -> Said:
    point = place(where.get("latitude", 0), where.get("longitude", 0))
    if point is None:
        raise Unreadable(
            Reason.BAD_PLACE, f"latitude {where.get('latitude')}, longitude {where.get('longitude')}"[:200]
        )
    facts = {
        "altitude": where.get("altitude"),
        "accuracy": where.get("accuracy"),
        "location_source": where.get("source"),
    }
    return Said(
        Kind.STATE,
        "location",
        None,
        attributes={n: v for n, v in facts.items() if isinstance(v, str | int | float)},
        point=point,
    )


def _from_protobuf(event: str, payload: bytes) -> Mapping[str, Any]:
    """The same fields as the JSON has. Without a topic only an uplink is recognised: the events share their numbers."""
    from chirpstack_api import integration  # slow to import, and only needed for protobuf
    from google.protobuf.json_format import Error as JsonError
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError

    name = _MESSAGES.get(event or "up")
    if name is None:
        raise Unreadable(Reason.UNKNOWN_TOPIC, f"no protobuf message of the event {event!r} is known")
    found = getattr(integration, name)()
    try:
        found.ParseFromString(payload)
        body: dict[str, Any] = MessageToDict(found)
    except (DecodeError, JsonError, ValueError, RecursionError) as error:
        raise Unreadable(Reason.BAD_PROTOBUF, f"{name}: {error}"[:200]) from error
    if not event and "rxInfo" not in body:
        raise Unreadable(Reason.UNKNOWN_TOPIC, "protobuf without a topic, and no uplink")
    return body


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError) as error:
        raise Unreadable(Reason.BAD_VALUE, f"{str(text)[:40]!r} is not base64") from error


def _number(value: object, other: float) -> float:
    return value if isinstance(value, int | float) else other


def _text(value: object) -> str:
    return value[:128] if isinstance(value, str) else ""


def fits_chirpstack(message: Message) -> Fit:
    """By the topic, the fields of either version, or the UUID that a v4 protobuf event begins with."""
    parts = message.topic.split("/")
    if len(parts) >= 4 and parts[-2] == "event" and parts[-1] in _EVENTS and "device" in parts:
        return Fit.TOPIC
    head = message.payload
    if b'"deviceInfo"' in head and b'"devEui"' in head:
        return Fit.MARKED
    if b'"devEUI"' in head and b'"applicationID"' in head:
        return Fit.MARKED
    return Fit.MARKED if head[:2] == b"\x0a\x24" and head[10:11] == head[15:16] == b"-" else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        name="chirpstack",
        standard="ChirpStack v4 integration events (JSON, protobuf), v3 JSON",
        topics=("application/{id}/device/{eui}/event/{up,join,ack,txack,log,status,location,integration}",),
        fits=fits_chirpstack,
        open=ChirpStack,
    ),
)
