"""CAP 1.2 out: a warning of ours as the XML that any CAP reader takes. Values in, text out.

`write` refuses what the standard does not allow instead of sending it: identifiers with spaces or commas, times without an offset, polygons
that do not close. Offsets are always digits; UTC is `-00:00`, as the standard wants it, never `Z`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Final

from ingest.events import InvalidEvent, Point

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
_WORDS: Final[dict[str, frozenset[str]]] = {
    "status": frozenset({"Actual", "Exercise", "System", "Test", "Draft"}),
    "msg_type": frozenset({"Alert", "Update", "Cancel", "Ack", "Error"}),
    "scope": frozenset({"Public", "Restricted", "Private"}),
    "urgency": frozenset({"Immediate", "Expected", "Future", "Past", "Unknown"}),
    "severity": frozenset({"Extreme", "Severe", "Moderate", "Minor", "Unknown"}),
    "certainty": frozenset({"Observed", "Likely", "Possible", "Unlikely", "Unknown"}),
}
_CATEGORIES: Final = frozenset(
    {"Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"}
)
_NAME: Final = re.compile(r"[^\s,<&]{1,256}")
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # in no XML 1.0 document

Ring = tuple[tuple[float, float], ...]  # (latitude, longitude) in WGS-84, the last the same as the first
Pairs = tuple[tuple[str, str], ...]


class InvalidCap(ValueError):
    """A warning that CAP does not allow: the message names the field."""


@dataclass(frozen=True, slots=True)
class CapArea:
    """One area: its name, and any of polygons, circles (latitude, longitude, kilometres) and codes (name, value)."""

    name: str
    polygons: tuple[Ring, ...] = ()
    circles: tuple[tuple[float, float, float], ...] = ()
    codes: Pairs = ()


@dataclass(frozen=True, slots=True)
class CapAlert:
    """A warning with one `info`. `references` are (sender, identifier, sent) of the warnings that this one updates or cancels."""

    identifier: str
    sender: str
    sent: datetime
    event: str
    headline: str = ""
    description: str = ""
    instruction: str = ""
    status: str = "Actual"
    msg_type: str = "Alert"
    scope: str = "Public"
    restriction: str = ""
    addresses: tuple[str, ...] = ()
    references: tuple[tuple[str, str, datetime], ...] = ()
    language: str = "zh-CN"
    categories: tuple[str, ...] = ("Safety",)
    urgency: str = "Unknown"
    severity: str = "Unknown"
    certainty: str = "Unknown"
    event_codes: Pairs = ()
    effective: datetime | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str = ""
    web: str = ""
    parameters: Pairs = ()
    areas: tuple[CapArea, ...] = ()


def write(alert: CapAlert) -> str:
    """The warning as a CAP 1.2 document, its elements in the order of the schema. Raises `InvalidCap`."""
    _check(alert)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<alert xmlns="{NAMESPACE}">']
    lines += [
        _tag("identifier", alert.identifier),
        _tag("sender", alert.sender),
        _tag("sent", cap_time(alert.sent)),
        _tag("status", alert.status),
        _tag("msgType", alert.msg_type),
        _tag("scope", alert.scope),
        _tag("restriction", alert.restriction),
        _tag("addresses", " ".join(f'"{a}"' if " " in a else a for a in alert.addresses)),
        _tag("references", " ".join(f"{s},{i},{cap_time(at)}" for s, i, at in alert.references)),
        "<info>",
        *_info(alert),
        "</info>",
        "</alert>",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def cap_time(at: datetime) -> str:
    """An instant as CAP writes it, to the second and with its own offset. Raises `InvalidCap` for a naive one."""
    offset = at.utcoffset()
    if offset is None:
        raise InvalidCap(f"a time needs its offset, got {at.isoformat()}")
    minutes = round(offset / timedelta(minutes=1))
    hours, rest = divmod(abs(minutes), 60)
    return f"{at.replace(tzinfo=None, microsecond=0).isoformat()}{'+' if minutes > 0 else '-'}{hours:02}:{rest:02}"


def _info(alert: CapAlert) -> Iterator[str]:
    yield _tag("language", alert.language)
    yield from (_tag("category", c) for c in alert.categories)
    for name in ("event", "urgency", "severity", "certainty"):
        yield _tag(name, getattr(alert, name))
    yield from (_pair("eventCode", *pair) for pair in alert.event_codes)
    for name, at in (("effective", alert.effective), ("onset", alert.onset), ("expires", alert.expires)):
        yield _tag(name, "" if at is None else cap_time(at))
    for name, text in (
        ("senderName", alert.sender_name), ("headline", alert.headline), ("description", alert.description),
        ("instruction", alert.instruction), ("web", alert.web),
    ):  # fmt: skip
        yield _tag(name, text)
    yield from (_pair("parameter", *pair) for pair in alert.parameters)
    for area in alert.areas:
        yield "<area>"
        yield f"<areaDesc>{_written(area.name)}</areaDesc>"
        yield from (
            _tag("polygon", " ".join(f"{_degrees(lat)},{_degrees(lon)}" for lat, lon in p)) for p in area.polygons
        )
        yield from (_tag("circle", f"{_degrees(lat)},{_degrees(lon)} {_degrees(km)}") for lat, lon, km in area.circles)
        yield from (_pair("geocode", *pair) for pair in area.codes)
        yield "</area>"


def _tag(name: str, text: str) -> str:
    """The element, or nothing where there is nothing to say."""
    return f"<{name}>{_written(text)}</{name}>" if text else ""


def _pair(name: str, key: str, value: str) -> str:
    return f"<{name}><valueName>{_written(key)}</valueName><value>{_written(value)}</value></{name}>"


def _written(text: str) -> str:
    return escape(_UNWRITABLE.sub("", text), quote=False)


def _degrees(number: float) -> str:
    """A number to seven places (a centimetre), never with an exponent."""
    return f"{number:.7f}".rstrip("0").rstrip(".")


def _check(alert: CapAlert) -> None:
    for name, text in (
        ("identifier", alert.identifier),
        ("sender", alert.sender),
        *((f"reference {i}", i) for r in alert.references for i in r[:2]),
    ):
        if not _NAME.fullmatch(text):
            raise InvalidCap(f"{name} must be without spaces, commas, < and &, got {text[:40]!r}")
    for field, words in _WORDS.items():
        if getattr(alert, field) not in words:
            raise InvalidCap(f"{field} must be one of {', '.join(sorted(words))}, got {getattr(alert, field)[:40]!r}")
    if not alert.categories or not _CATEGORIES.issuperset(alert.categories):
        raise InvalidCap(f"categories must be some of {', '.join(sorted(_CATEGORIES))}")
    if not _UNWRITABLE.sub("", alert.event).strip():
        raise InvalidCap("event must say what it is")
    if alert.scope == "Restricted" and not alert.restriction:
        raise InvalidCap("a restricted warning needs its restriction")
    if alert.scope == "Private" and not alert.addresses:
        raise InvalidCap("a private warning needs its addresses")
    if alert.msg_type in {"Update", "Cancel"} and not alert.references:
        raise InvalidCap(f"{alert.msg_type} needs references to what it changes")
    for area in alert.areas:
        _check_area(area)


def _check_area(area: CapArea) -> None:
    if not area.name.strip():
        raise InvalidCap("an area needs its name")
    try:
        for lat, lon in (p for ring in area.polygons for p in ring):
            Point(lat, lon)
        for lat, lon, km in area.circles:
            Point(lat, lon)
            if not 0 <= km < 20_100:
                raise InvalidCap(f"a radius is 0 to half the way around the earth, got {km}")
    except InvalidEvent as error:
        raise InvalidCap(str(error)) from error
    if any(len(ring) < 4 or ring[0] != ring[-1] for ring in area.polygons):
        raise InvalidCap("a polygon has at least four points, the last the same as the first")
