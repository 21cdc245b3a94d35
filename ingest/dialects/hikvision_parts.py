"""Multipart bodies as Hikvision devices push them, which no strict MIME reader takes.

There may be a blank line between the boundary and the headers, no headers at all, a boundary that is not the announced one, and
no end mark. A `Content-Length` is believed when a boundary or the end of the body follows; pictures may hold any bytes, the
boundary's too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ingest.dialects.claims import Reason, Unreadable

MOST_PARTS: Final = 64
_MOST_HEADERS: Final = 32
_LONGEST_LINE: Final = 1024
_ANNOUNCED: Final = re.compile(r"boundary\s*=\s*\"?([^\";,\s]{1,70})", re.IGNORECASE)
_SEEN: Final = re.compile(rb"(?:\A|\n)(--[^\s-][^\r\n]{0,69}?)[ \t]{0,16}\r?\n")
_HEADER: Final = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,63})[ \t]*:[ \t]*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its type in lower case, its bytes, and whether there are as many of them as it said."""

    content_type: str
    body: bytes
    whole: bool = True


def split_parts(payload: bytes, content_type: str = "") -> tuple[Part, ...]:
    """The parts of a body, at most 64. Raises `Unreadable` when no boundary is found."""
    mark = _boundary(payload, content_type)
    parts: list[Part] = []
    at = payload.find(mark)
    for _ in range(MOST_PARTS):  # empty ones count as well: a body may be nothing but boundaries
        if at < 0:
            break
        at += len(mark)
        if payload.startswith(b"--", at):
            break
        kind, length, at = _headers(payload, at)
        body, whole, at = _body(payload, at, length, mark)
        if body or not whole:
            parts.append(Part(kind, body, whole))
    return tuple(parts)


def _boundary(payload: bytes, content_type: str) -> bytes:
    announced = _ANNOUNCED.search(content_type)
    if announced:
        name = announced[1].encode("utf-8", "replace")
        for mark in (b"--" + name, name):  # some announce the boundary with its dashes
            if payload.startswith(mark) or b"\n" + mark in payload:
                return mark
    seen = _SEEN.search(payload)
    if seen is None:
        raise Unreadable(Reason.BAD_FRAME, "multipart without a boundary")
    return seen[1]


def _headers(payload: bytes, at: int) -> tuple[str, int | None, int]:
    """The type and length that the headers from `at` say, and where the body begins."""
    kind, length, named = "", None, False
    for _ in range(_MOST_HEADERS):
        end = payload.find(b"\n", at, at + _LONGEST_LINE)
        line = payload[at:end].strip() if end >= 0 else b""
        if end >= 0 and not line:
            at = end + 1
            if named:
                break
            continue  # the rest of the boundary's line, or a blank line that should not be there
        found = _HEADER.fullmatch(line)
        if end < 0 or found is None:
            break
        at, named = end + 1, True
        name, value = found[1].lower(), found[2]
        if name == b"content-type":
            kind = value.decode("latin-1").lower()
        elif name == b"content-length" and value.isdigit() and len(value) < 10:
            length = int(value)
    return kind, length, at


def _body(payload: bytes, at: int, length: int | None, mark: bytes) -> tuple[bytes, bool, int]:
    """The bytes from `at`, whether they are all there, and where the next boundary is (-1 for none)."""
    if length is not None and at + length <= len(payload):
        after = payload[at + length : at + length + 8 + len(mark)].lstrip(b"\r\n")
        if not after or after.startswith(mark):
            return payload[at : at + length], True, payload.find(mark, at + length)
    following = payload.find(b"\n" + mark, max(at - 1, 0))
    body = payload[at:following] if following >= 0 else payload[at:]
    if following >= 0:
        body = body.removesuffix(b"\r")
        following += 1
    return body, length is None or len(body) == length, following
