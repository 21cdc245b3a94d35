"""Dahua: the event stream of a camera or recorder (`eventManager.cgi?action=attach`), as chunks of text blocks.

A block is `Code=X;action=Start|Stop|Pulse;index=0;data={JSON}` or `Heartbeat`. The JSON holds semicolons and line breaks and may be cut
by a chunk or by the boundary of a part, so the head is found by an expression and the rest read as JSON from where it begins. What is not
yet whole waits for the next chunk. Blocks carry no time of their own: `data.UTC` is the device's, and often local time called UTC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ingest.dialects.claims import LARGEST, Reason, Unreadable
from ingest.dialects.dating import dated_epoch
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
from ingest.events import IDENT_LENGTH

_STREAMS: Final = 256  # streams whose unfinished block is kept
_MOST: Final = 512  # blocks of one chunk
_MOST_ITEMS: Final = 32
_DEEPEST: Final = 32
_LONGEST_HEAD: Final = 512  # characters of a head, or of the headers of a part
_TEXT: Final = 256
_PART: Final = re.compile(
    r"(?:\r?\n)?--[^\r\n-][^\r\n]{0,69}\r?\n(?:[ \t]*\r?\n)?(?:[A-Za-z][A-Za-z-]{0,40}[ \t]*:[^\r\n]*\r?\n)+[ \t]*\r?\n"
)
_HEAD: Final = re.compile(
    r"Code=([^;\r\n]{1,64});\s*action=([A-Za-z]{1,16});\s*index=(-?\d{1,6})(;\s*data=[ \t]*)?|\bHeartbeat\b"
)
_DATA_TO_COME: Final = re.compile(r"(;\s{0,8}(d(a(t(a)?)?)?)?)?[ \t]{0,8}")
_JSON: Final = json.JSONDecoder(strict=False)

_ALARM: Final = Kind.ALARM
_EVENTS: Final[dict[str, tuple[Kind, str]]] = {
    **dict.fromkeys(("FireWarning", "FireWarningInfo", "FireDetection", "SmokeDetection"), (_ALARM, "fire_alarm")),
    "HeatImagingTemper": (_ALARM, "heat_alarm"),
    **dict.fromkeys(
        ("CrossLineDetection", "CrossRegionDetection", "WanderDetection", "PasteDetection"), (_ALARM, "intrusion_alarm")
    ),
    **dict.fromkeys(("VideoBlind", "SceneChange", "VideoUnFocus"), (_ALARM, "tamper_alarm")),
    "AlarmLocal": (_ALARM, "io_alarm"),
    "VideoLoss": (Kind.FAULT, "video_loss"),
    "StorageNotExist": (Kind.FAULT, "storage_missing"),
    "StorageFailure": (Kind.FAULT, "storage_failure"),
    "StorageLowSpace": (Kind.FAULT, "disk_full"),
    "VideoMotion": (Kind.STATE, "motion"),
    "VideoMotionInfo": (Kind.STATE, "motion"),
    "SmartMotionHuman": (Kind.STATE, "motion"),
    "SmartMotionVehicle": (Kind.STATE, "motion"),
}  # fmt: skip
_PERSONAL: Final = frozenset(
    {"FaceDetection", "FaceRecognition", "FaceAnalysis", "TrafficJunction", "TrafficSnapshot", "AccessControl"}
)
_ACTIONS: Final = {"start": True, "stop": False, "pulse": True}


@dataclass(frozen=True, slots=True)
class _Block:
    """One event, or a heartbeat where `code` is empty. `data` is None where there is none or it could not be read."""

    code: str = ""
    action: str = ""
    index: int = 0
    data: Any = None
    warnings: tuple[str, ...] = ()


class Dahua:
    """The decoder of any number of streams, told apart by peer and topic; it keeps at most 64 KiB of each for what is unfinished."""

    def __init__(self) -> None:
        self._rest: dict[tuple[str, str], str] = {}

    def decode(self, message: Message) -> Decoding:
        # one character a byte, so that a chunk may end within a Chinese character; words are read as UTF-8 or GB18030 later
        stream = message.peer, message.topic
        before = self._rest.pop(stream, "")
        text = before + message.payload.decode("latin-1")
        blocks, rest = _blocks(_PART.sub("", text), len(text) > LARGEST, stream != ("", ""))
        if rest:
            self._rest[stream] = rest[-LARGEST:]
            if len(self._rest) > _STREAMS:
                del self._rest[next(iter(self._rest))]
        if not blocks:
            if rest or not text.strip():
                return ignored("part of a block; the rest is waited for" if rest else "an empty chunk")
            raise Unreadable(Reason.BAD_FRAME, "neither Code=…;action=…;index=… nor Heartbeat")
        found = [_observation(b, message) for b in blocks if b.code not in _PERSONAL]
        return accepted(*found) if found else ignored("personal data (faces, plates) is not taken")


def _blocks(text: str, full: bool, streamed: bool) -> tuple[list[_Block], str]:
    """The whole blocks of a text, and what may yet become one. A full buffer is not waited for, nor what may follow the end of a file."""
    blocks: list[_Block] = []
    at = 0
    while len(blocks) < _MOST and (head := _HEAD.search(text, at)):
        at = head.end()
        if head[1] is None:
            blocks.append(_Block())
            continue
        data: Any = None
        warnings: tuple[str, ...] = ()
        if head[4]:
            try:
                data, at = _read(text, at)
            except ValueError as error:
                if not full and _unfinished(error, text):
                    return blocks, text[head.start() :]
                warnings = ("bad_data",)
        elif streamed and not full and _DATA_TO_COME.fullmatch(text, at):
            return blocks, text[head.start() :]  # its data may still come
        blocks.append(_Block(head[1], head[2].lower(), int(head[3]), data, warnings))
    return blocks, "" if full else _begun(text[at:])


def _begun(tail: str) -> str:
    """The end of a text when it may be the beginning of a head, or of a part whose headers are not all there yet."""
    tail = tail[-_LONGEST_HEAD:]
    part = 0 if tail.startswith("--") else tail.rfind("\n--")
    if part >= 0:
        return tail[part:]
    line = tail[tail.rfind("\n") + 1 :]
    if (head := line.rfind("Code=")) >= 0:
        return line[head:]
    starts = (word[:n] for word in ("Code=", "Heartbeat", "--") for n in range(len(word) - 1, 0, -1))
    return next((start for start in starts if line.endswith(start)), "")


def _read(text: str, at: int) -> tuple[Any, int]:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    try:
        data, end = _JSON.raw_decode(text, at)
    except RecursionError as error:
        raise Unreadable(Reason.TOO_DEEP, "data deeper than can be read") from error
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            v
            for one in level
            for v in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return data, end
    raise Unreadable(Reason.TOO_DEEP, f"data deeper than {_DEEPEST} levels")


def _unfinished(error: ValueError, text: str) -> bool:
    """Whether JSON only broke off at the end of what has come."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.pos >= len(text.rstrip()) - 5 or error.msg.startswith("Unterminated string")


def _observation(block: _Block, message: Message) -> Observation:
    channel = block.index + 1  # the stream counts from 0, people and labels from 1
    name = message.peer or _named(message.topic)
    warnings = block.warnings if name else (*block.warnings, "unnamed_device")
    name = name or "dahua"
    if len(name) > IDENT_LENGTH - 8 or not name.isprintable():
        raise Unreadable(Reason.NO_DEVICE, f"{name[:40]!r} is no name")
    if not block.code:
        return Observation(Kind.HEARTBEAT, name, "heartbeat", True, warnings=warnings)
    data = block.data if isinstance(block.data, Mapping) else {}
    at, more = dated_epoch(_utc(data), message.received_at)
    kind, metric = _EVENTS.get(block.code, (Kind.STATE, _words(block.code)[:64]))
    if block.code not in _EVENTS:
        warnings += ("vendor_type",)
    active = _ACTIONS.get(block.action)
    if active is None:
        kind, warnings = Kind.STATE, (*warnings, "unknown_action")
    elif kind is Kind.ALARM and not active:
        kind = Kind.CLEAR
    stamp = data.get("UTC")
    attributes: dict[str, Attribute] = {
        "code": _words(block.code), "action": block.action, "index": block.index, "channel": channel
    }  # fmt: skip
    return Observation(
        kind=kind,
        device=f"{name}/{channel}",
        metric=metric,
        value=block.action if active is None else active,
        gateway=name,
        device_at=at,
        key=f"dahua:{name}:{block.index}:{block.code}:{block.action}:{stamp}:{data.get('UTCMS', '')}"[: 2 * IDENT_LENGTH] if stamp else "",
        warnings=warnings + more,
        attributes=attributes | _attributes(data),
    )  # fmt: skip


def _named(topic: str) -> str:
    """What follows `dahua` in a topic or path: there whoever reads the stream may say whose it is."""
    parts = topic.split("/")
    return next((after for before, after in pairwise(parts) if before.lower() == "dahua"), "")


def _utc(data: Mapping[str, Any]) -> object:
    seconds, millis = data.get("UTC"), data.get("UTCMS")
    if isinstance(seconds, int) and isinstance(millis, int) and 0 <= millis < 1000 and not isinstance(seconds, bool):
        return seconds + millis / 1000 if abs(seconds) < 1e12 else seconds
    return seconds


def _attributes(data: Mapping[str, Any]) -> dict[str, Attribute]:
    """The scalars directly in the data, apart from what names people and plates."""
    found: dict[str, Attribute] = {}
    for name, value in data.items():
        key = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", _words(name)).lower()[:64]
        if len(found) == _MOST_ITEMS or any(word in key for word in ("face", "plate", "user", "card", "person_name")):
            continue
        if isinstance(value, str):
            found[f"data_{key}"] = _words(value)[:_TEXT]
        elif isinstance(value, bool | int | float) and abs(value) < 1e15:
            found[f"data_{key}"] = value
    return found


def _words(text: str) -> str:
    """Text that came as one character a byte; what was escaped in the JSON is whole already."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return text
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return text


def _fits(message: Message) -> Fit:
    if "dahua" in message.topic.lower() or "eventManager.cgi" in message.topic:
        return Fit.TOPIC
    head = message.payload[:8192]
    if b"Code=" in head and b";action=" in head and b";index=" in head:
        return Fit.MARKED
    if head.startswith(b"--") and b"Heartbeat" in head and b"text/plain" in head:
        return Fit.CONTENT
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry("dahua", "Dahua HTTP API, eventManager.cgi", ("GET /cgi-bin/eventManager.cgi?action=attach",), _fits, Dahua),
)
