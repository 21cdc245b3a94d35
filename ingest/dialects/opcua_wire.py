"""What lies around OPC UA's messages: gzip, and the wrapper of a cloud hub with its own time. Bounded."""

from __future__ import annotations

import binascii
import re
import zlib
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import orjson

from ingest.dialects.claims import LARGEST, Reason, Unreadable
from ingest.dialects.opcua_values import when

EXPANDED: Final = 4 * LARGEST  # what a compressed message may grow to; a hub takes no more either
_WRAPPED: Final = frozenset(
    {
        "body",
        "enqueuedtime",
        "enqueuedtimeutc",
        "properties",
        "systemproperties",
        "applicationproperties",
        "annotations",
    }
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JS_DATE: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT([+-])(\d{2})(\d{2})\b.{0,80}", re.ASCII
)


def load(raw: bytes) -> object:
    """The JSON in a payload, which may be compressed with gzip, within bounds. Raises `Unreadable`."""
    if raw[:2] == b"\x1f\x8b":
        try:
            stream = zlib.decompressobj(31)
            raw = stream.decompress(raw, EXPANDED + 1)
        except zlib.error as error:
            raise Unreadable(Reason.BAD_FRAME, f"not gzip: {error}") from error
        if len(raw) > EXPANDED:
            raise Unreadable(Reason.TOO_BIG, f"expands to more than {EXPANDED} bytes")
        if not stream.eof:
            raise Unreadable(Reason.BAD_LENGTH, "gzip that ends too early")
    if len(raw) > EXPANDED:
        raise Unreadable(Reason.TOO_BIG, f"{len(raw)} bytes; at most {EXPANDED} are read")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        deep = "depth" in str(error) or "recursion" in str(error).lower()
        raise Unreadable(Reason.TOO_DEEP if deep else Reason.BAD_JSON, str(error)) from error


def unwrap(body: object) -> tuple[object, datetime | None]:
    """What a cloud hub wrapped, and when it took it. Its body is JSON, or JSON in base64."""
    if not isinstance(body, dict) or not {name.lower() for name in body} <= _WRAPPED:
        return body, None
    lowered = {name.lower(): value for name, value in body.items()}
    if "body" not in lowered:
        return body, None
    inner, at = lowered["body"], enqueued(lowered.get("enqueuedtime", lowered.get("enqueuedtimeutc")))
    if isinstance(inner, str):
        try:
            inner = load(b64decode(inner, validate=True))
        except (binascii.Error, ValueError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(Reason.BAD_VALUE, "the body is neither JSON nor base64") from error
    return inner, at


def enqueued(raw: object) -> datetime | None:
    """When a cloud hub took the message: ISO 8601, or as JavaScript writes a date. None for anything else."""
    if not isinstance(raw, str):
        return None
    found = _JS_DATE.fullmatch(raw)
    if found is None or found[1] not in _MONTHS:
        return when(raw)[0]
    year, month, day, hour, minute, second = (
        int(found[3]),
        _MONTHS.index(found[1]) + 1,
        *map(int, found.group(2, 4, 5, 6)),
    )
    offset = timedelta(hours=int(found[8]), minutes=int(found[9])) * (1 if found[7] == "+" else -1)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
