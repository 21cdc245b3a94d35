"""GB/T 28181: what a video platform or camera says in the body of a SIP MESSAGE (`Application/MANSCDP+xml`): alarms and keepalives.

The standard demands GB2312, and most senders mean it (`markup.text_of` settles what the bytes are). An alarm is answered with a `Response`.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final
from xml.etree.ElementTree import Element

from ingest.coordinates import Datum, to_wgs84
from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.dating import CHINA, dated
from ingest.dialects.markup import child, children, every, name_of, said, tree_of
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
from ingest.events import IDENT_LENGTH, InvalidEvent, Point

_METHODS: Final = {1: "phone", 2: "device", 3: "sms", 4: "gps", 5: "video", 6: "device_fault", 7: "other"}
# Method and type → what it is. A method of several digits is any of them; the type decides among those that know it.
_TYPES: Final[dict[tuple[int, int], str]] = {
    (2, 1): "video_loss", (2, 2): "tamper", (2, 3): "disk_full", (2, 4): "heat", (2, 5): "cold",
    (5, 1): "manual", (5, 2): "motion", (5, 3): "left_object", (5, 4): "removed_object", (5, 5): "tripwire", (5, 6): "intrusion",
    (5, 7): "wrong_way", (5, 8): "loitering", (5, 9): "traffic_flow", (5, 10): "crowd", (5, 11): "abnormal_video", (5, 12): "fast_motion",
    (6, 1): "disk_error", (6, 2): "fan_error",
}  # fmt: skip
_CLASSES: Final = {"tripwire": "intrusion_alarm", "intrusion": "intrusion_alarm", "loitering": "intrusion_alarm"}
_CHINA_LON: Final = (73.0, 136.0)
_CHINA_LAT: Final = (3.0, 54.0)
_TEXT: Final = 1000
_DEVICE: Final = re.compile(r"\d{20}", re.ASCII)
_MOST_FAULTY: Final = 256


class Gb28181:
    """The decoder; it keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        root, warnings = tree_of(_body(message.payload))
        kind, command = name_of(root), said(root, "cmdtype").lower()
        if kind == "response" or (kind in {"query", "control"}):
            return ignored(f"{kind} {command[:40]}: no report")
        if kind != "notify":
            raise Unreadable(Reason.BAD_XML, f"<{kind[:40]}> is neither Notify nor Response, Query or Control")
        if not command and child(root, "alarmmethod") is not None:
            command, warnings = "alarm", (*warnings, "no_command")
        device, more = _device(said(root, "deviceid"))
        if command == "alarm":
            return _alarm(message, root, device, warnings + more)
        if command == "keepalive":
            return accepted(*_alive(root, device, warnings + more))
        return ignored(f"Notify {command[:40] or 'without CmdType'}: neither an alarm nor a keepalive")


def _body(payload: bytes) -> bytes:
    """The XML; a SIP head in front of it is passed over."""
    head = payload[:512].lstrip()
    if head.startswith((b"MESSAGE ", b"NOTIFY ", b"SIP/2.0")):
        start = re.search(rb"\r?\n\r?\n", payload)
        return payload[start.end() :] if start else payload
    return payload


def _device(ident: str) -> tuple[str, tuple[str, ...]]:
    if not ident or len(ident) > IDENT_LENGTH or not ident.isprintable():
        raise Unreadable(Reason.NO_DEVICE, "DeviceID")
    return ident, () if _DEVICE.fullmatch(ident) else ("device_id_form",)


def _alarm(message: Message, root: Element, device: str, warnings: tuple[str, ...]) -> Decoding:
    attributes: dict[str, Attribute] = {}
    if _DEVICE.fullmatch(device):
        attributes["device_type"] = device[10:13]
    info = child(root, "info")
    method = said(root, "alarmmethod")
    kind_text = said(root, "alarmtype") or said(info, "alarmtype") or _deep(root, "alarmtype")
    event = _deep(root, "eventtype")
    metric, fault, more = _class(method, kind_text)
    warnings += more
    attributes |= {"alarm_method": method[:40], "alarm_type": kind_text[:40], "event_type": event[:40]}
    names = [_METHODS[d] for d in _digits(method) if d in _METHODS]
    attributes["alarm_method_name"] = ",".join(names)
    priority = said(root, "alarmpriority")
    if priority:
        known = priority in {"1", "2", "3", "4"}
        attributes["alarm_priority"] = int(priority) if known else priority[:40]
        warnings += () if known else ("bad_priority",)
    attributes["description"] = said(root, "alarmdescription")[:_TEXT]
    point, misplaced = _point(root, info)
    at, late = dated(said(root, "alarmtime"), message.received_at, CHINA)
    serial = said(root, "sn")
    warnings += misplaced + late + (() if serial else ("no_serial",))
    return accepted(
        Observation(
            kind=Kind.FAULT if fault else Kind.ALARM,
            device=device,
            metric=metric,
            value=True,
            device_at=at,
            key=_key(device, serial, method, kind_text, said(root, "alarmtime")),
            warnings=warnings,
            attributes={k: v for k, v in attributes.items() if v != ""},
            point=point,
        ),
        reply=_response(serial, device) if serial else None,
    )


def _key(*parts: str) -> str:
    return ("gb28181:" + ":".join(parts))[: 2 * IDENT_LENGTH]


def _class(method: str, kind: str) -> tuple[str, bool, tuple[str, ...]]:
    """The metric of an alarm, whether it says that the device is out of order, and warnings."""
    digits = _digits(method)
    fault = digits == [6]
    number = int(kind) if kind.isdecimal() and len(kind) < 4 else None
    if number is None:
        plain = (
            "device_fault" if fault else f"{_METHODS.get(digits[0], 'other')}_alarm" if len(digits) == 1 else "alarm"
        )
        return plain, fault, ("vendor_type",) if kind or not digits else ()
    for digit in digits:
        if name := _TYPES.get((digit, number)):
            fault = digit == 6
            return _CLASSES.get(name) or (name if fault else f"{name}_alarm"), fault, ()
    return "device_fault" if fault else "alarm", fault, ("vendor_type",)


def _digits(method: str) -> list[int]:
    """`12` is method 1 or 2; some write `1/2`."""
    return list(dict.fromkeys(int(c) for c in method[:16] if c in "1234567"))


def _deep(root: Element, name: str) -> str:
    return next((text for e in every(root, name) if (text := (e.text or "").strip())), "")


def _point(root: Element, info: Element | None) -> tuple[Point | None, tuple[str, ...]]:
    """The position in WGS-84, as the standard says. 0/0 and what lies outside China is none, and the alarm is kept."""
    texts = said(root, "longitude") or said(info, "longitude"), said(root, "latitude") or said(info, "latitude")
    if texts == ("", ""):
        return None, ()
    try:
        lon, lat = float(texts[0]), float(texts[1])
        inside = _CHINA_LON[0] <= lon <= _CHINA_LON[1] and _CHINA_LAT[0] <= lat <= _CHINA_LAT[1]
        return (to_wgs84(lat, lon, Datum.WGS84), ()) if inside else (None, ("bad_position",))
    except (ValueError, InvalidEvent):
        return None, ("bad_position",)


def _alive(root: Element, device: str, warnings: tuple[str, ...]) -> list[Observation]:
    """A heartbeat, and a fault for every device that it lists as out of order."""
    status = said(root, "status")
    attributes: dict[str, Attribute] = {"status": status[:40]} if status else {}
    if status.upper() not in {"", "OK", "ON"}:
        warnings += ("status_not_ok",)
    found = [Observation(Kind.HEARTBEAT, device, "heartbeat", True, warnings=warnings, attributes=attributes)]
    info = child(root, "info")
    for element in children(info, "deviceid")[:_MOST_FAULTY] if info is not None else []:
        ident = (element.text or "").strip()
        if ident:
            faulty, more = _device(ident)
            found.append(Observation(Kind.FAULT, faulty, "device_fault", True, gateway=device, warnings=more))
    return found


def _response(serial: str, device: str) -> bytes:
    """What the standard makes us answer to an alarm, beside the 200 OK of SIP."""
    lines = (
        '<?xml version="1.0" encoding="GB2312"?>',
        "<Response>",
        "<CmdType>Alarm</CmdType>",
        f"<SN>{escape(serial[:64])}</SN>",
        f"<DeviceID>{escape(device)}</DeviceID>",
        "<Result>OK</Result>",
        "</Response>",
        "",
    )
    return "\r\n".join(lines).encode("gb18030")


def _fits(message: Message) -> Fit:
    if "manscdp" in message.content_type.lower() or "gb28181" in message.topic.lower():
        return Fit.TOPIC
    head = message.payload[:4096]
    if b"<Notify" not in head and b"<Response" not in head:
        return Fit.NO
    if b"<AlarmMethod" in head or b"<CmdType" in head:
        return Fit.MARKED
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry("gb28181", "GB/T 28181, MANSCDP Notify", ("SIP MESSAGE (Application/MANSCDP+xml)",), _fits, Gb28181),
)
