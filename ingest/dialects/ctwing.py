"""CTWing AEP (China Telecom): what the platform pushes over HTTP or MQTT.

The platform's `timestamp` in milliseconds is its own clock. Its sequence numbers are always -1, so that the key is made of the device,
that time and the body. `undefined`, -1 and empty texts stand for nothing. The body is a profile's `serviceData`, base64 under `APPdata`,
hex under `msg`, or a plain map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ingest.dialects.claims import Reason, TimeForm, Unreadable, read_json
from ingest.dialects.enveloped import HandOn, nobody, read_inner, unhidden
from ingest.dialects.named_values import Origin, Said, fingerprint, ident, mapping, moment, observed, point_in
from ingest.dialects.observation import Attribute, Decoding, Entry, Fit, Kind, Message, accepted, ignored
from ingest.dialects.smoke_events import read_profile
from ingest.dialects.value_names import known

_NUMBERS: Final = ("upPacketSN", "upDataSN")
_FACTS: Final[Mapping[str, str]] = {
    "IMEI": "imei",
    "deviceSn": "device_sn",
    "productId": "product_id",
    "tenantId": "tenant_id",
    "protocol": "protocol",
    "deviceType": "device_type",
    "topic": "ctwing_topic",
    "serviceId": "service_id",
}
_BYTES: Final = ("APPdata", "appData", "APPData")
_ALERT, _FAULT = 2, 3  # of eventReport's eventType; 1 is information


class CtWing:
    """One stream of pushes. `hand_on` is asked for the meaning of bodies that are not names and values."""

    def __init__(self, hand_on: HandOn = nobody) -> None:
        self.hand_on = hand_on

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for what is no push of the platform."""
        body = mapping(read_json(message.payload))
        kind = body.get("messageType")
        if not isinstance(kind, str):
            raise Unreadable(Reason.MISSING_FIELD, "messageType")
        origin = _origin(body)
        if kind.startswith("dataReport"):
            return self._data(body.get("payload"), message, origin)
        if kind.startswith("deviceOnlineOffline"):
            return accepted(*observed(origin, (_standing(body.get("eventType")),)))
        if kind.startswith("eventReport"):
            return accepted(*observed(origin, _event(body)))
        return ignored(f"{kind[:60]} of {origin.device}")

    def _data(self, payload: object, message: Message, origin: Origin) -> Decoding:
        if isinstance(payload, str):
            inner = _profile(payload)
            if not inner:
                return read_inner(unhidden(payload), message, origin, self.hand_on)
            payload = inner
        values = mapping(payload)
        for name in _BYTES:
            if isinstance(values.get(name), str):
                return read_inner(unhidden(values[name], base64_first=True), message, origin, self.hand_on)
        if set(values) == {"msg"} and isinstance(values["msg"], str):
            return read_inner(unhidden(values["msg"]), message, origin, self.hand_on)
        inner = mapping(values.get("serviceData"))
        if not inner and "serviceData" not in values:
            inner = values
        service = values.get("serviceId")
        facts: dict[str, Attribute] = (
            {"service_id": service} if isinstance(service, str | int) and known(service) else {}
        )
        return accepted(*observed(_with(origin, facts, inner), read_profile(inner) or (Said(Kind.HEARTBEAT, ""),)))


def _profile(text: str) -> Mapping[str, Any]:
    """What the platform may write as a text as well: a service with its data, or the bytes under their name."""
    if not text.lstrip().startswith("{"):
        return {}
    found = mapping(read_json(text.encode()))
    return found if any(name in found for name in ("serviceData", *_BYTES)) else {}


def _origin(body: Mapping[str, Any]) -> Origin:
    name = next((body[field] for field in ("deviceId", "IMEI", "deviceSn") if known(body.get(field))), None)
    device = ident(name, "deviceId")
    at, warnings = moment(body.get("timestamp"), TimeForm.EPOCH_MS)
    facts: dict[str, Attribute] = {
        to: body[field]
        for field, to in _FACTS.items()
        if known(body.get(field)) and isinstance(body[field], str | int | float)
    }
    content = [body.get(field) for field in ("payload", "eventContent", "eventType")]
    numbers = [str(body[field]) for field in _NUMBERS if known(body.get(field))]
    same = fingerprint(numbers, content)
    return Origin(
        device,
        server_at=at,
        key=f"ctwing:{device[:64]}:{at}:{same}"[:200],
        warnings=warnings,
        attributes=facts,
    )


def _with(origin: Origin, facts: Mapping[str, Attribute], values: Mapping[str, Any]) -> Origin:
    return Origin(
        origin.device,
        server_at=origin.server_at,
        key=origin.key,
        warnings=origin.warnings,
        attributes={**origin.attributes, **facts},
        point=point_in(values),
    )


def _standing(event: object) -> Said:
    if str(event) not in {"0", "1"}:
        raise Unreadable(Reason.BAD_VALUE, f"eventType is {str(event)[:40]!r}; 1 is online, 0 offline")
    return Said(Kind.ONLINE if str(event) == "1" else Kind.OFFLINE, "")


def _event(body: Mapping[str, Any]) -> tuple[Said, ...]:
    """What the event's content says; an alert or a fault that says nothing of the kind itself is one by its type."""
    content, level = mapping(body.get("eventContent")), body.get("eventType")
    said = read_profile(content)
    wanted = {_ALERT: Kind.ALARM, _FAULT: Kind.FAULT}.get(level) if isinstance(level, int) else None
    if wanted is None or any(one.kind in {Kind.ALARM, Kind.CLEAR, Kind.FAULT, Kind.TEST} for one in said):
        return said or (Said(Kind.HEARTBEAT, ""),)
    service = str(body.get("serviceId", ""))[:60]
    return (
        Said(wanted, "alarm" if wanted is Kind.ALARM else "fault", value=True, attributes={"event": service}),
        *said,
    )


def fits_ctwing(message: Message) -> Fit:
    """By the fields that only the platform's pushes have."""
    body = message.payload
    if b'"messageType"' in body and b'"tenantId"' in body and b'"deviceId"' in body:
        return Fit.MARKED
    return Fit.MARKED if b'"upPacketSN"' in body else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        name="ctwing",
        standard="CTWing AEP message push",
        topics=("POST push", "MQTT or MQ push"),
        fits=fits_ctwing,
        open=CtWing,
    ),
)
