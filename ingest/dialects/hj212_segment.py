"""Segments of HJ 212: the head and the items between `CP=&&` and `&&`, and the parts of a split packet put together again.

Fields come in any order, also behind the items; empty ones and a `;` at the end say nothing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from ingest.dialects.claims import USABLE_FROM, Reason, Unreadable

_ITEMS: Final = re.compile(r"CP\s*=\s*&&", re.IGNORECASE)
_TIME: Final = re.compile(r"(\d{14})(\d{0,3})", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,18}(\.\d{0,18})?([eE][+-]?\d{1,2})?", re.ASCII)
_BEIJING: Final = timezone(timedelta(hours=8))
_SETS: Final = 64  # split packets that wait at one time
_PARTS: Final = 256
_LARGEST: Final = 64 * 1024  # characters of one packet put together
_PATIENCE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Section:
    """The items of one DataTime: those without a factor, and the fields of each factor, their names in lower case."""

    plain: dict[str, str] = field(default_factory=dict)
    factors: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment: its head, names in upper case, and its items as they were written."""

    head: dict[str, str]
    items: str

    @property
    def flag(self) -> int | None:
        """The number of `Flag`, None when there is none."""
        text = self.head.get("FLAG", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def parse(raw: bytes) -> Segment:
    """The segment in some bytes. Raises `Unreadable`."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as error:
            raise Unreadable(Reason.BAD_TEXT, "a segment that is neither UTF-8 nor GB 18030") from error
    begin = _ITEMS.search(text)
    if begin is None:
        raise Unreadable(Reason.BAD_FRAME, "a segment without CP=&&")
    items, ended, behind = text[begin.end() :].rpartition("&&")
    if not ended:
        raise Unreadable(Reason.BAD_FRAME, "a segment whose CP is not closed with &&")
    head: dict[str, str] = {}
    for part in f"{text[: begin.start()]};{behind}".split(";"):
        name, equals, value = part.partition("=")
        if equals:
            head.setdefault(name.strip().upper(), value.strip())
    return Segment(head, items)


def sections(items: str) -> list[Section]:
    """The items by their DataTime. One that comes again, as in the parts of a split packet, goes on where it was."""
    found: dict[str, Section] = {}
    section = Section()
    for item in items.replace("&&", ";").split(";"):
        touched: dict[str, str] = {}
        alarm = ""
        for pair in item.split(","):
            name, equals, value = pair.partition("=")
            name, value = name.strip(), value.strip()
            if not equals or not name:
                continue
            code, dash, suffix = name.rpartition("-")
            if dash and code:
                touched = section.factors.setdefault(code, {})
                touched[suffix.lower()] = value
                continue
            if name.lower() in {"datatime", "alarmtime"}:
                section = found.setdefault(value, section if not found else Section())
            alarm = value if name.lower() == "alarmtype" else alarm
            section.plain[name.lower()] = value
        if alarm and touched:
            touched["alarmtype"] = alarm
    return list(found.values()) or [section]


def number(text: str) -> float | int | None:
    """The number that a text writes, None when it writes none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return int(text) if match[1] is None and match[2] is None else float(text)


def instant_of(text: str) -> tuple[datetime | None, str]:
    """The instant of `YYYYMMDDhhmmss[zzz]` in Beijing, or None and the name of what is wrong with it."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None, "bad_time" if text else "zero_time"
    if not match[1].strip("0"):
        return None, "zero_time"
    try:
        month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
        at = datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=_BEIJING).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, "bad_time"
    at += timedelta(milliseconds=int(match[2].ljust(3, "0")))
    return (at, "") if at >= USABLE_FROM else (None, "zero_time")


@dataclass(slots=True)
class _Waiting:
    """Parts of a packet that have come."""

    count: int
    since: datetime
    parts: dict[int, str] = field(default_factory=dict)


class Parts:
    """Split packets whose parts have not all come: at most 64 at a time, the oldest goes first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, str], _Waiting] = OrderedDict()

    def take(self, key: tuple[str, str], segment: Segment, now: datetime) -> tuple[str, int, int] | None:
        """The items once all parts are there, the number of this part and of all; None for a packet that is whole by itself.

        Raises `Unreadable` for numbers that cannot be.
        """
        count, place = (segment.head.get(name, "") for name in ("PNUM", "PNO"))
        if not count or count in {"0", "1"}:
            return None
        if not (count.isascii() and count.isdigit() and place.isascii() and place.isdigit()):
            raise Unreadable(Reason.BAD_FRAME, f"the part {place[:10]!r} of {count[:10]!r}")
        parts, at = int(count[:6]), int(place[:6])
        if not 1 <= at <= parts <= _PARTS:
            raise Unreadable(Reason.BAD_FRAME, f"part {at} of {parts}; at most {_PARTS} are put together")
        waiting = self._waiting.get(key)
        if waiting is None or waiting.count != parts or not timedelta() <= now - waiting.since <= _PATIENCE:
            waiting = self._waiting[key] = _Waiting(parts, now)
        self._waiting.move_to_end(key)
        waiting.parts[at] = segment.items
        if sum(map(len, waiting.parts.values())) > _LARGEST:
            del self._waiting[key]
            raise Unreadable(Reason.TOO_BIG, f"more than {_LARGEST} characters in {parts} parts")
        if len(waiting.parts) == parts:
            del self._waiting[key]
            return ";".join(waiting.parts[n] for n in sorted(waiting.parts)), at, parts
        while len(self._waiting) > _SETS:
            self._waiting.popitem(last=False)
        return "", at, parts
