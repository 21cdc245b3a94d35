"""The Things Stack v3: the messages of its MQTT server and webhooks.

Zero, false and empty are left out. `simulated` uplinks never ring. The key is the gateway server's correlation identifier of the uplink
with its counter; of several, when several gateways heard it, the first in order.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from ingest.dialects.claims import Reason, TimeForm, Unreadable, read_json
from ingest.dialects.lorawan_payloads import DEFAULTS, read_payload
from ingest.dialects.named_values import (
    Origin,
    Said,
    ident,
    kept,
    mapping,
    moment,
    observed,
    place,
    point_in,
    read_named,
)
from ingest.dialects.observation import Attribute, Decoding, Entry, Fit, Kind, Message, accepted, ignored
from ingest.events import Mark, Point

# The field that a message has besides the common ones, and what is said of it when it is not read.
_QUIET: Final[Mapping[str, str]] = {
    "join_accept": "join",
    "downlink_queued": "downlink queued",
    "downlink_sent": "downlink sent",
    "downlink_ack": "downlink acknowledged",
    "downlink_nack": "downlink not acknowledged",
    "downlink_failed": "downlink failed",
    "downlink_queue_invalidated": "downlink queue invalidated",
}
_LAST: Final = frozenset({"up", "join", "queued", "sent", "ack", "nack", "failed", "data", "solved"})
_BY_TRUST: Final = ("frm-payload", "gps", "user")  # names under which an uplink carries its device's position


class ThingsStack:
    """One stream of messages. `choices` are patterns of model and device names and the payload decoder for each."""

    def __init__(self, choices: Mapping[str, str] = DEFAULTS) -> None:
        self.choices = choices

    def decode(self, message: Message) -> Decoding:
        """Observations of uplinks, service data and solved locations; joins and downlink events are ignored."""
        body = mapping(read_json(message.payload))
        ids = mapping(body.get("end_device_ids"))
        device = ident(ids.get("device_id"), "end_device_ids.device_id")
        _same(message.topic, device)
        for name, what in _QUIET.items():
            if name in body:
                return ignored(f"{what} of {device}")
        marks = Mark.SIMULATED if body.get("simulated") is True else Mark.NONE
        for name, read in (
            ("uplink_message", self._uplink),
            ("service_data", _service),
            ("location_solved", _location),
        ):
            part = body.get(name)
            if isinstance(part, dict):
                said, origin = read(part, _origin(device, ids, body, part))
                found = Origin(
                    origin.device,
                    origin.gateway,
                    server_at=origin.server_at,
                    key=origin.key,
                    warnings=origin.warnings + (("simulated",) if marks else ()),
                    attributes=origin.attributes,
                    marks=marks,
                    point=origin.point,
                )
                return accepted(*observed(found, said))
        raise Unreadable(
            Reason.MISSING_FIELD, "none of uplink_message, join_accept, downlink_…, service_data, location_solved"
        )

    def _uplink(self, up: Mapping[str, Any], origin: Origin) -> tuple[tuple[Said, ...], Origin]:
        decoded = mapping(up.get("decoded_payload"))
        if decoded:
            said = read_named(decoded) or (Said(Kind.HEARTBEAT, ""),)
            return said, _more(origin, point=point_in(decoded) or origin.point)
        data = _bytes(up.get("frm_payload"))
        if not data:
            return (Said(Kind.HEARTBEAT, ""),), origin
        versions, port = mapping(up.get("version_ids")), up.get("f_port", 0)
        names = (str(versions.get("brand_id", "")), str(versions.get("model_id", "")), origin.device)
        payload = read_payload(data, " ".join(names).strip(), port if isinstance(port, int) else 0, self.choices)
        return payload.said, _more(origin, payload.facts, payload.warnings)


def _same(topic: str, device: str) -> None:
    parts = topic.split("/")
    if len(parts) >= 5 and parts[0] == "v3" and parts[2] == "devices" and parts[3] != device:
        raise Unreadable(Reason.GATEWAY_MISMATCH, f"the topic is of {parts[3][:60]}, the message of {device}")


def _origin(device: str, ids: Mapping[str, Any], body: Mapping[str, Any], part: Mapping[str, Any]) -> Origin:
    listed = part.get("rx_metadata")
    heard = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    best = max(heard, key=lambda one: value if isinstance(value := one.get("rssi"), int | float) else -999, default={})
    # The network server's clock: a gateway's own, in `rx_metadata[].time`, may be wrong by years.
    at, warnings = moment(part.get("received_at") or body.get("received_at"), TimeForm.ISO)
    gateway = mapping(best.get("gateway_ids")).get("gateway_id")
    facts: dict[str, Attribute] = {
        "dev_eui": ids.get("dev_eui"),
        "application": mapping(ids.get("application_ids")).get("application_id"),
        "gateways": len(heard) or None,
        "rssi": best.get("rssi", 0) if heard else None,
        "snr": best.get("snr", 0) if heard else None,
        "f_port": part.get("f_port"),
        "f_cnt": part.get("f_cnt", 0) if heard or "frm_payload" in part else None,
    }
    return Origin(
        device,
        gateway if isinstance(gateway, str) and gateway.isprintable() and len(gateway) <= 128 else "",
        server_at=at,
        key=_key(device, body, part),
        warnings=warnings + (("decoded_payload_warnings",) if part.get("decoded_payload_warnings") else ()),
        attributes={name: value for name, value in facts.items() if isinstance(value, str | int | float)},
        point=_registered(mapping(part.get("locations"))),
    )


def _key(device: str, body: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    listed = body.get("correlation_ids")
    names = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    for start in ("gs:uplink:", "as:up:"):
        found = sorted(one for one in names if one.startswith(start))
        if found:
            return f"tts:{found[0][:80]}:{str(part.get('f_cnt', 0))[:16]}"
    session = str(part.get("session_key_id", ""))[:32]
    return f"tts:{device}:{session}:{str(part.get('f_cnt', 0))[:16]}" if session else ""


def _registered(locations: Mapping[str, Any]) -> Point | None:
    for name in (*_BY_TRUST, *(one for one in locations if one not in _BY_TRUST)):
        where = mapping(locations.get(name))
        found = place(where.get("latitude", 0), where.get("longitude", 0))
        if found is not None:
            return found
    return None


def _service(part: Mapping[str, Any], origin: Origin) -> tuple[tuple[Said, ...], Origin]:
    """Data of an application package, such as a geolocation service."""
    data = mapping(part.get("data"))
    said = read_named(data) if data else ()
    service = str(part.get("service", ""))[:64]
    return said or (kept("service_data", repr(part.get("data"))[:1024].encode(), "not_decoded"),), _more(
        origin, {"service": service}
    )


def _location(part: Mapping[str, Any], origin: Origin) -> tuple[tuple[Said, ...], Origin]:
    where = mapping(part.get("location"))
    point = place(where.get("latitude", 0), where.get("longitude", 0))
    if point is None:
        raise Unreadable(
            Reason.BAD_PLACE, f"latitude {where.get('latitude')}, longitude {where.get('longitude')}"[:200]
        )
    facts = {"service": part.get("service"), "accuracy": where.get("accuracy"), "location_source": where.get("source")}
    kept_facts = {name: value for name, value in facts.items() if isinstance(value, str | int | float)}
    return (Said(Kind.STATE, "location", None, attributes=kept_facts, point=point),), origin


def _more(
    origin: Origin,
    attributes: Mapping[str, Attribute] | None = None,
    warnings: tuple[str, ...] = (),
    point: Point | None = None,
) -> Origin:
    return Origin(
        origin.device,
        origin.gateway,
        server_at=origin.server_at,
        key=origin.key,
        warnings=origin.warnings + warnings,
        attributes={**origin.attributes, **(attributes or {})},
        point=point or origin.point,
    )


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError) as error:
        raise Unreadable(Reason.BAD_VALUE, f"frm_payload {str(text)[:40]!r} is not base64") from error


def fits_things_stack(message: Message) -> Fit:
    """By the topic or the field that every message has."""
    parts = message.topic.split("/")
    if parts[0] == "v3" and len(parts) >= 5 and parts[2] == "devices" and parts[-1] in _LAST:
        return Fit.TOPIC
    return Fit.MARKED if b'"end_device_ids"' in message.payload else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        name="things_stack",
        standard="The Things Stack v3 application server data formats",
        topics=("v3/{app}[@{tenant}]/devices/{device}/{up,join,down/…,service/data,location/solved}", "POST webhook"),
        fits=fits_things_stack,
        open=ThingsStack,
    ),
)
