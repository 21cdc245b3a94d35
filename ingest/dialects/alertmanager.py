"""Prometheus Alertmanager: its webhook, version 4. One notice an alert; what is sent again at every repeat interval has the same key.

`endsAt` of the year 1 means that the alert still fires. Any 2xx ends Alertmanager's retries, 5xx asks for more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ingest.dialects.claims import Reason, Unreadable, read_json
from ingest.dialects.dating import dated
from ingest.dialects.observation import Attribute, Decoding, Entry, Fit, Kind, Message, Observation, ignored
from ingest.dialects.parts import Parts
from ingest.events import IDENT_LENGTH, digest

_MOST: Final = 1024  # alerts of one message
_MOST_LABELS: Final = 32
_TEXT: Final = 500
_NAME: Final = re.compile(r"[^a-z0-9_]+")
_NAMED_BY: Final = ("device", "device_id", "instance")


class Alertmanager:
    """The decoder; it keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        body = read_json(message.payload)
        alerts = body.get("alerts") if isinstance(body, Mapping) else None
        if not isinstance(body, Mapping) or not isinstance(alerts, list):
            raise Unreadable(Reason.MISSING_FIELD, "alerts")
        warnings: tuple[str, ...] = ()
        if body.get("version") != "4":
            warnings += ("version_unexpected",)
        if body.get("truncatedAlerts") not in (0, None) or len(alerts) > _MOST:
            warnings += ("truncated",)
        if not alerts:
            return ignored("a message without alerts")
        parts = Parts()
        for alert in alerts[:_MOST]:
            parts.one(_notice, alert, body, message, warnings)
        return parts.decoding()


def _notice(alert: object, body: Mapping[str, Any], message: Message, warnings: tuple[str, ...]) -> Observation:
    if not isinstance(alert, Mapping):
        raise Unreadable(Reason.BAD_VALUE, "an alert that is no object")
    labels, notes = _strings(alert.get("labels")), _strings(alert.get("annotations"))
    status = str(alert.get("status") or body.get("status"))
    if status not in {"firing", "resolved"}:
        raise Unreadable(Reason.BAD_VALUE, f"status is {status[:40]!r}, neither firing nor resolved")
    fingerprint = _text(alert.get("fingerprint"))
    if not fingerprint:  # before 0.19 there was none; the labels are what it is made of
        fingerprint = digest(*(f"{k}={v}" for k, v in sorted(labels.items())))
        warnings += ("no_fingerprint",)
    starts, ends = _text(alert.get("startsAt")), _text(alert.get("endsAt"))
    began, late = dated(starts, message.received_at)
    ended = dated(ends, message.received_at)[0] if status == "resolved" else None
    device = next((labels[n] for n in _NAMED_BY if labels.get(n)), fingerprint)
    if len(device) > IDENT_LENGTH or not device.isprintable():
        raise Unreadable(Reason.NO_DEVICE, f"{device[:40]!r} is no name")
    attributes: dict[str, Attribute] = {
        "status": status,
        "fingerprint": fingerprint[:_TEXT],
        "starts_at": starts[:64],
        "receiver": _text(body.get("receiver"))[:_TEXT],
        "group_key": _text(body.get("groupKey"))[:_TEXT],
        "generator_url": _text(alert.get("generatorURL"))[:_TEXT],
        "severity": labels.get("severity", "")[:_TEXT],
        "summary": notes.get("summary", "")[:_TEXT],
    }
    if ended is not None:
        attributes["ends_at"] = ends[:64]
    for prefix, pairs in (("label", labels), ("annotation", notes)):
        attributes |= {f"{prefix}_{_snake(k)}": v[:_TEXT] for k, v in pairs.items()}
    return Observation(
        kind=Kind.NOTICE,
        device=device,
        metric=labels.get("alertname", "alert")[:64],
        value=status == "firing",
        gateway=_gateway(body),
        server_at=ended or began,
        # a firing alert and its end are two messages of one episode
        key=f"alertmanager:{fingerprint}:{starts}:{status}"[: 2 * IDENT_LENGTH],
        warnings=warnings + late,
        attributes={k: v for k, v in attributes.items() if v != ""},
    )


def _gateway(body: Mapping[str, Any]) -> str:
    url = _text(body.get("externalURL"))
    return url if url.isprintable() and 0 < len(url) <= IDENT_LENGTH else "alertmanager"


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {k: v for k, v in list(value.items())[:_MOST_LABELS] if isinstance(v, str)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _snake(name: str) -> str:
    return _NAME.sub("_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())[:64]


def _fits(message: Message) -> Fit:
    if "alertmanager" in message.topic.lower():
        return Fit.TOPIC
    if message.properties.get("user-agent", "").startswith("Alertmanager/"):
        return Fit.TOPIC
    payload = message.payload
    if b'"alerts"' in payload and b'"startsAt"' in payload:
        return Fit.MARKED if b'"groupKey"' in payload else Fit.CONTENT
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "alertmanager", "Prometheus Alertmanager, webhook version 4", ("POST (webhook_config)",), _fits, Alertmanager
    ),
)
