"""Events and conditions of OPC UA (Part 9): which of them ring, which say that it is over, and which are only worth a note.

Only a condition that says by its ActiveState whether it is active rings or clears, and only when nobody suppressed, shelved or disabled
it. A broadcast of pending conditions is a snapshot. Acknowledgement is kept, and is no end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ingest.dialects.alarm_names import alarm_class, alarm_metric
from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.observation import Attribute, Kind, Observation, Value
from ingest.dialects.opcua_values import plain, status, when
from ingest.events import IDENT_LENGTH

_MOST: Final = 48
_WORDS: Final = re.compile(r"\W+")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# What keeps a condition quiet: the field and the value that does.
_QUIET: Final[tuple[tuple[str, bool], ...]] = (
    ("suppressed_state_id", True), ("out_of_service_state_id", True), ("suppressed_or_shelved", True), ("enabled_state_id", False),
)  # fmt: skip
# The states TimedShelved and OneShotShelved, by node or by word; a translated word that we do not know keeps nothing quiet.
_SHELVED: Final = re.compile(r"(?:.*\bi=)?(?:2932|2933)|timed ?shelved|one ?shot ?shelved", re.IGNORECASE)


def event(payload: object, device: str, gateway: str, server_at: datetime | None, *, pending: bool) -> Observation:
    """One event. Raises `Unreadable` when it is none."""
    if not isinstance(payload, dict):
        raise Unreadable(Reason.MISSING_FIELD, "an event without its fields")
    about = _flat(payload)
    source = about.get("source_name")
    if isinstance(source, str) and source and source.isprintable():
        named = f"{gateway}/{source}" if gateway else source
        device = named if len(named) <= IDENT_LENGTH else device
    at, wrong = when(payload_time(payload, "Time"))
    received, _ = when(payload_time(payload, "ReceiveTime"))
    quality, judged, odd = status(payload.get("Quality") if isinstance(payload.get("Quality"), int | dict) else None)
    kind, value = _judge(about, pending=pending)
    name = about.get("condition_name") or (about.get("event_type") if kind is Kind.NOTICE else None)
    metric = (
        name[:IDENT_LENGTH]
        if isinstance(name, str) and name.isprintable()
        else "event"
        if kind is Kind.NOTICE
        else "condition"
    )
    rings = alarm_class(metric)
    if rings is not None and kind is not Kind.NOTICE:
        about["alarm_class"] = rings
    if kind in {Kind.ALARM, Kind.CLEAR} or (
        kind is Kind.STATE and not _quiet(about)
    ):  # who is kept quiet rings by no name
        about["name"], metric = metric, alarm_metric(metric)
    ident = about.get("event_id")
    return Observation(
        kind,
        device,
        metric,
        value,
        gateway=gateway,
        device_at=at,
        server_at=server_at or received,
        quality=quality,
        key=f"opcua:{device}:{ident}" if isinstance(ident, str) and ident else "",
        warnings=wrong + odd,
        attributes={**about, **judged},
    )


def _judge(about: Mapping[str, Attribute], *, pending: bool) -> tuple[Kind, Value]:
    active = about.get("active_state_id")
    if not isinstance(active, bool):
        message = about.get("message")
        return (Kind.STATE if pending else Kind.NOTICE), message if isinstance(message, str) else None
    if pending or _quiet(about):
        return Kind.STATE, active
    return (Kind.ALARM if active else Kind.CLEAR), active


def _quiet(about: Mapping[str, Attribute]) -> bool:
    """Whether somebody suppressed, shelved or disabled the condition."""
    shelved = about.get("shelving_state_current_state_id", about.get("shelving_state_current_state"))
    return any(about.get(field) is value for field, value in _QUIET) or _SHELVED.fullmatch(str(shelved)) is not None


def payload_time(payload: Mapping[str, Any], name: str) -> object:
    """A time among the fields of an event."""
    return plain(payload[name]) if payload.get(name) is not None else None


def _flat(payload: Mapping[str, Any]) -> dict[str, Attribute]:
    """The fields of an event by names in snake case: `ActiveState/Id`, `ActiveState.Id` and `{"ActiveState": {"Id": …}}` are one."""
    about: dict[str, Attribute] = {}
    for name, raw in payload.items():
        inner = raw if isinstance(raw, dict) and "Id" in raw and "Body" not in raw else None
        for part, value in {f"{name}/{key}": each for key, each in inner.items()}.items() if inner else ((name, raw),):
            if value is not None and len(about) < _MOST and len(part) <= IDENT_LENGTH:
                about[snake(part)] = plain(value)
    return about


def snake(name: str) -> str:
    """A browse path in snake case."""
    return _WORDS.sub("_", _HUMPS.sub("_", name)).strip("_").lower()
