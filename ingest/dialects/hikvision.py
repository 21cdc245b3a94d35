"""Hikvision ISAPI: what cameras and recorders push to a host (`EventNotificationAlert`) as XML, JSON or multipart with pictures.

Names are matched without namespace, of which four are about. Pictures are counted and measured, and not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

import orjson

from ingest.dialects.claims import DEEPEST, LARGEST, Reason, Unreadable
from ingest.dialects.dating import CHINA, dated
from ingest.dialects.hikvision_parts import Part, split_parts
from ingest.dialects.hikvision_tables import EVENTS, NUMBERS, PERSONAL, STATE, WORDS
from ingest.dialects.markup import every, name_of, tree_of
from ingest.dialects.observation import (
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    accepted,
    ignored,
)
from ingest.events import IDENT_LENGTH, Mark

BODY: Final = 8 * 1024 * 1024  # bytes of a push with its pictures
_TEXT: Final = 256  # characters of a word of the device's that are kept
_MOST_LEAVES: Final = 4096
_RECORDER: Final = 32  # a recorder numbers its network cameras from 33


@dataclass(slots=True)
class _Notice:
    """One `EventNotificationAlert`: the words directly in it, and all words in it, by lower-case names."""

    top: dict[str, str] = field(default_factory=dict)
    leaves: dict[str, list[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    pictures: list[int] = field(default_factory=list)

    def add(self, name: str, text: str, top: bool) -> None:
        if text:
            self.leaves.setdefault(name, []).append(text)
            if top:
                self.top.setdefault(name, text)

    def first(self, *names: str) -> str:
        return next((self.top[n] for n in names if n in self.top), "")

    def deep(self, name: str) -> str:
        return self.leaves.get(name, [""])[0]


class Hikvision:
    """The decoder; it keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        notices = list(_notices(message))
        if not notices:
            return ignored("pictures without an event")
        found = [o for notice in notices for o in _observations(notice, message)]
        if not found:
            return ignored("personal data (plates, faces) is not taken")
        return accepted(*found)


def _notices(message: Message) -> Iterator[_Notice]:
    payload = message.payload
    kind = message.content_type.lower()
    if not kind.startswith("multipart/") and payload.lstrip()[:2] != b"--":
        yield from _document(payload, ())
        return
    notices: list[_Notice] = []
    early: list[int] = []
    for part in split_parts(payload, message.content_type):
        cut = () if part.whole else ("truncated",)
        if _is_text(part):
            notices += _document(part.body, cut)
        elif notices:
            notices[-1].pictures.append(len(part.body))
            notices[-1].warnings += cut
        else:
            early.append(len(part.body))
    if notices:
        notices[0].pictures += early
    yield from notices


def _is_text(part: Part) -> bool:
    if part.content_type.startswith(("image/", "video/", "audio/")):
        return False
    return part.body.lstrip()[:1] in {b"<", b"{"} or "xml" in part.content_type or "json" in part.content_type


def _document(body: bytes, warnings: tuple[str, ...]) -> list[_Notice]:
    stripped = body.strip(b"\x00\r\n\t ")
    if len(stripped) > LARGEST:
        raise Unreadable(Reason.TOO_BIG, f"{len(stripped)} bytes of text; at most {LARGEST} are read")
    if stripped[:1] == b"{":
        return [_from_json(stripped, warnings)]
    root, found = tree_of(stripped)
    alerts = every(root, "eventnotificationalert")
    if not alerts:
        raise Unreadable(Reason.BAD_XML, f"no EventNotificationAlert in <{name_of(root)[:40]}>")
    return [_from_xml(alert, warnings + found) for alert in alerts]


def _from_xml(alert: Element, warnings: tuple[str, ...]) -> _Notice:
    notice = _Notice(warnings=warnings)
    level = [alert]
    while level:  # its depth is known to be bounded
        level = [inner for element in level for inner in element[:]]
        for element in level:
            if text := (element.text or "").strip():
                notice.leaves.setdefault(element.tag, []).append(text)
        if not notice.top:
            notice.top = {name: texts[0] for name, texts in notice.leaves.items()}
    return notice


def _from_json(body: bytes, warnings: tuple[str, ...]) -> _Notice:
    try:
        root = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(Reason.BAD_JSON, str(error)) from error
    root = root.get("EventNotificationAlert", root)
    if not isinstance(root, Mapping) or not any(str(k).lower() == "eventtype" for k in root):
        raise Unreadable(Reason.MISSING_FIELD, "eventType")
    notice = _Notice(warnings=warnings)
    level: list[tuple[str, object]] = [(str(k).lower(), v) for k, v in root.items()]
    for depth in range(DEEPEST):
        below: list[tuple[str, object]] = []
        for name, value in level[:_MOST_LEAVES]:
            if isinstance(value, Mapping):
                below += [(str(k).lower(), v) for k, v in value.items()]
            elif isinstance(value, list):
                below += [(name, v) for v in value]
            elif value is not None:
                text = str(value).lower() if isinstance(value, bool) else str(value).strip()
                notice.add(name, text, top=depth == 0)
        if not below:
            return notice
        level = below
    raise Unreadable(Reason.TOO_DEEP, f"JSON deeper than {DEEPEST} levels")


def _observations(notice: _Notice, message: Message) -> list[Observation]:
    said = notice.first("eventtype")
    if not said:
        raise Unreadable(Reason.MISSING_FIELD, "eventType")
    types = [said]
    if said.lower() == "duration":  # a wrapper around what goes on
        types = list(dict.fromkeys(t for t in notice.leaves.get("relationevent", [])[:8] if t)) or [said]
    at, warnings = dated(notice.first("datetime"), message.received_at, CHINA)
    naive = at is not None and not _has_offset(notice.first("datetime"))
    late = notice.first("isdataretransmission") == "true"
    warnings = (
        *notice.warnings,
        *warnings,
        *(("naive_time",) if naive else ()),
        *(("historical",) if late else ()),
    )
    marks = Mark.HISTORICAL if late else Mark.NONE
    wrapped = types != [said]
    return [
        _observation(notice, message, kind, wrapped, (at, warnings, marks))
        for kind in types
        if kind.lower() not in PERSONAL
    ]


def _observation(
    notice: _Notice,
    message: Message,
    event: str,
    wrapped: bool,
    stamp: tuple[datetime | None, tuple[str, ...], Mark],
) -> Observation:
    at, warnings, marks = stamp
    active, more = _active(notice)
    warnings += more
    speaker = _speaker(notice, message)
    channel, device, gateway = _channel(notice), speaker, ""
    if isinstance(channel, int) and channel > _RECORDER:
        device, gateway = f"{speaker}/{channel - _RECORDER}", speaker
    kinds, metric = EVENTS.get(event.lower(), (STATE, event[:64]))
    kind = kinds[0] if active else kinds[1]
    if event.lower() == "videoloss" and not active:
        kind, metric = Kind.HEARTBEAT, "heartbeat"
    elif event.lower() not in EVENTS:
        warnings += ("vendor_type",)
    attributes = _attributes(notice, event, channel)
    attributes["event_state"] = "active" if active else "inactive"
    if wrapped:
        attributes["duration"] = True
    count = attributes.get("active_post_count", "")
    key = f"hikvision:{speaker}:{'' if channel is None else channel}:{event}:{notice.first('datetime')}:{count}"
    return Observation(
        kind=kind, device=_ident(device), metric=metric, value=True if kind is Kind.HEARTBEAT else active, gateway=gateway,
        device_at=at, key=key[:IDENT_LENGTH * 2], warnings=warnings, attributes=attributes, marks=marks,
    )  # fmt: skip


def _active(notice: _Notice) -> tuple[bool, tuple[str, ...]]:
    state = notice.first("eventstate").lower()
    if state in {"active", "inactive"}:
        return state == "active", ()
    if not state:
        return True, ("no_state",)  # what is pushed without a state is happening
    raise Unreadable(Reason.BAD_VALUE, f"eventState is {state[:40]!r}, neither active nor inactive")


def _speaker(notice: _Notice, message: Message) -> str:
    """Who pushes: its hardware address, else its serial number, else its network address, else whom we hear."""
    serial = notice.deep("serialnumber") or notice.deep("deviceserial") or notice.deep("deviceserialno")
    return _ident(notice.first("macaddress") or serial or notice.first("deviceid", "ipaddress") or message.peer)


def _ident(text: str) -> str:
    if not text or len(text) > IDENT_LENGTH or not text.isprintable():
        raise Unreadable(Reason.NO_DEVICE, "neither macAddress, serialNumber nor ipAddress")
    return text


def _channel(notice: _Notice) -> Attribute:
    text = notice.first("channelid", "dynchannelid", "videochannelid")
    return _number(text) if text else None


def _attributes(notice: _Notice, event: str, channel: Attribute) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {"event_type": event[:_TEXT]}
    if channel is not None:
        found["channel"] = channel
        if isinstance(channel, int) and channel > _RECORDER:
            found["nvr_channel"] = channel - _RECORDER
    if count := notice.first("activepostcount"):
        found["active_post_count"] = _number(count)
    found |= {name: notice.deep(key)[:_TEXT] for key, name in WORDS.items() if key in notice.leaves}
    found |= {name: _number(notice.deep(key)) for key, name in NUMBERS.items() if key in notice.leaves}
    if found.get("target_distance") == -1:
        del found["target_distance"]  # unknown
    heats = [h for text in notice.leaves.get("firemaxtemperature", []) if isinstance(h := _number(text), int | float)]
    if heats:
        found |= {"fire_max_temperature": max(heats), "fire_regions": len(heats)}
    if event.lower() == "tmpa":
        found["pre_alarm"] = True
    if regions := len(notice.leaves.get("regionid", ())):
        found["regions"] = regions
    if notice.pictures:
        found |= {"image_count": len(notice.pictures), "image_bytes": sum(notice.pictures)}
    return found


def _number(text: str) -> int | float | str:
    """The number in a text, else the text."""
    try:
        return int(text) if text.lstrip("+-").isdecimal() and len(text) < 16 else _finite(text)
    except ValueError:
        return text[:_TEXT]


def _finite(text: str) -> float | str:
    number = float(text)
    return number if abs(number) < 1e15 else text[:_TEXT]


def _has_offset(text: str) -> bool:
    tail = text.strip()[-6:]
    return tail[-1:] in {"Z", "z"} or "+" in tail or "-" in tail


def _fits(message: Message) -> Fit:
    if "hikvision" in message.topic.lower():
        return Fit.TOPIC
    head = message.payload[:8192]
    if b"EventNotificationAlert" in head or (b'"eventType"' in head and b'"eventState"' in head):
        return Fit.MARKED
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "hikvision",
        "Hikvision ISAPI, EventNotificationAlert",
        ("POST (HTTP host notification)", "GET /ISAPI/Event/notification/alertStream"),
        _fits,
        Hikvision,
        BODY,
    ),
)
