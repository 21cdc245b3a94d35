"""Huawei Cloud IoTDA: pushed property and message reports and status changes, and the same of its predecessor (`notifyType`).

One message has two forms of time: `event_time_ms` is ISO 8601 and the platform's, a service's `event_time` is compact
(`20260912T173041Z`) and the device's. Some documents and versions put `body` beside `notify_data` and not into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ingest.dialects.claims import Reason, TimeForm, Unreadable, read_json
from ingest.dialects.enveloped import HandOn, hides_a_frame, nobody, read_inner, unhidden
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
from ingest.dialects.observation import Attribute, Decoding, Entry, Fit, Kind, Message, accepted, ignored
from ingest.dialects.parts import Parts
from ingest.dialects.smoke_events import read_profile
from ingest.dialects.value_names import known

_STANDINGS: Final[Mapping[str, Kind]] = {"ONLINE": Kind.ONLINE, "OFFLINE": Kind.OFFLINE, "ABNORMAL": Kind.OFFLINE}
_OLD: Final = ("deviceDataChanged", "deviceDatasChanged")


class IotDa:
    """One stream of pushes. `hand_on` is asked for the meaning of messages that are not names and values."""

    def __init__(self, hand_on: HandOn = nobody) -> None:
        self.hand_on = hand_on

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for what is no push of the platform."""
        whole = mapping(read_json(message.payload))
        if "notifyType" in whole:
            return self._old(whole, message)
        resource, data = whole.get("resource"), mapping(whole.get("notify_data"))
        if not isinstance(resource, str) or not data:
            raise Unreadable(Reason.MISSING_FIELD, "resource and notify_data")
        header, body = mapping(data.get("header")), mapping(data.get("body")) or mapping(whole.get("body"))
        origin = _origin(whole, header or data, body)
        if resource in {"device.property", "device.event"}:
            return self._services(body.get("services"), message, origin)
        if resource == "device.message":
            return self._message(body, message, origin)
        if resource == "device.status":
            return _status(body.get("status"), origin)
        return ignored(f"{resource[:60]} {str(whole.get('event'))[:20]} of {origin.device}")

    def _message(self, body: Mapping[str, Any], message: Message, origin: Origin) -> Decoding:
        content = body.get("content")
        if isinstance(content, dict):
            return accepted(*observed(_more(origin, {}, content), read_profile(content) or (Said(Kind.HEARTBEAT, ""),)))
        if not isinstance(content, str):
            raise Unreadable(Reason.MISSING_FIELD, "content of a message")
        return read_inner(unhidden(content), message, origin, self.hand_on)

    def _old(self, whole: Mapping[str, Any], message: Message) -> Decoding:
        origin = _origin(whole, whole, whole)
        if whole["notifyType"] not in _OLD:
            return ignored(f"{str(whole['notifyType'])[:60]} of {origin.device}")
        listed = whole.get("services", [whole.get("service")])
        services = [mapping(one) for one in listed] if isinstance(listed, list) else []
        renamed = [
            {"service_id": s.get("serviceId"), "properties": s.get("data"), "event_time": s.get("eventTime")}
            for s in services
        ]
        return self._services(renamed, message, origin)

    def _services(self, listed: object, message: Message, origin: Origin) -> Decoding:
        if not isinstance(listed, list) or not listed or len(listed) > MOST_NAMES:
            raise Unreadable(Reason.MISSING_FIELD, "services")
        parts = Parts()
        for service in listed:
            parts.take(self._service, service, message, origin)
        if not (parts.found or parts.faults):
            return accepted(*observed(origin, (Said(Kind.HEARTBEAT, ""),)))
        return parts.decoding()

    def _service(self, service: object, message: Message, origin: Origin) -> Decoding:
        """Each service has its own time, which is the device's; a wrong one costs nothing but the time.

        A device without a codec has one property, and in it the bytes of another format.
        """
        if not isinstance(service, dict):
            raise Unreadable(Reason.BAD_VALUE, "a service is a map")
        values = mapping(service.get("properties")) or mapping(service.get("paras"))
        time = service.get("event_time")
        at, warnings = moment(time, TimeForm.ISO) if known(time) else (None, ())
        facts = {
            to: service[name]
            for name, to in (("service_id", "service_id"), ("event_type", "event"))
            if isinstance(service.get(name), str)
        }
        where = replace(_more(origin, facts, values), device_at=at, warnings=origin.warnings + warnings)
        alone = next(iter(values.values())) if len(values) == 1 else None
        if isinstance(alone, str) and hides_a_frame(alone):
            return read_inner(unhidden(alone), message, where, self.hand_on)
        return accepted(*observed(where, read_profile(values)))


def _status(word: object, origin: Origin) -> Decoding:
    kind = _STANDINGS.get(str(word).upper())
    if kind is None:
        return ignored(f"status {str(word)[:20]} of {origin.device}")
    return accepted(*observed(origin, (Said(kind, "", attributes={"status": str(word)}),)))


def _origin(whole: Mapping[str, Any], header: Mapping[str, Any], body: Mapping[str, Any]) -> Origin:
    name = header.get("device_id") or header.get("deviceId") or header.get("node_id")
    device, gateway = ident(name, "device_id"), header.get("gateway_id") or header.get("gatewayId") or ""
    at, warnings = moment(whole.get("event_time_ms") or whole.get("event_time") or whole.get("timestamp"), TimeForm.ISO)
    facts: dict[str, Attribute] = {
        to: header[field]
        for field, to in (("node_id", "node_id"), ("product_id", "product_id"), ("productId", "product_id"))
        if isinstance(header.get(field), str) and known(header[field])
    }
    request = whole.get("request_id") or whole.get("requestId")
    same = fingerprint(body)
    key = f"iotda:{request[:64]}:{same}" if isinstance(request, str) and request else f"iotda:{device[:64]}:{at}:{same}"
    own = gateway if isinstance(gateway, str) and gateway and gateway != device else ""
    return Origin(
        device, ident(own, "gateway_id") if own else "", server_at=at, key=key, warnings=warnings, attributes=facts
    )


def _more(origin: Origin, facts: Mapping[str, Attribute], values: Mapping[str, Any]) -> Origin:
    return replace(origin, attributes={**origin.attributes, **facts}, point=point_in(values))


def fits_iotda(message: Message) -> Fit:
    """By the names that only its envelope has."""
    body = message.payload
    if b'"notify_data"' in body and b'"resource"' in body:
        return Fit.MARKED
    return Fit.MARKED if b'"notifyType"' in body and b'"deviceId"' in body else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        name="iotda",
        standard="Huawei Cloud IoTDA data forwarding",
        topics=("POST push", "AMQP push"),
        fits=fits_iotda,
        open=IotDa,
    ),
)
