"""Values of OPC UA in JSON (Part 6, 5.4): bare, as DataValue with status and times, as Variant with its type, in what nests them.

A StatusCode says by its two upper bits how far the value can be trusted. A value of bad status is often not there at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from ingest.dialects.claims import DEEPEST, Reason, TimeForm, Unreadable, instant
from ingest.dialects.observation import Attribute, Quality, Value

LONGEST_TEXT: Final = 1024
_DATA_VALUE: Final = frozenset(
    {"Value", "StatusCode", "Status", "SourceTimestamp", "SourcePicoseconds", "ServerTimestamp", "ServerPicoseconds", "UaType",
     "Dimensions"}
)  # fmt: skip
_MARKS_DATA_VALUE: Final = frozenset({"Value", "StatusCode", "SourceTimestamp", "ServerTimestamp"})
_VARIANT: Final = frozenset({"Type", "Body", "Dimensions"})
_EXTENSION: Final = frozenset({"TypeId", "Encoding", "Body", "UaTypeId", "UaEncoding", "UaBody"})
_LONG_INTEGERS: Final = frozenset(
    {8, 9, "Int64", "UInt64"}
)  # written as texts, since JSON's numbers could not hold them
_REALS: Final = frozenset({10, 11, "Float", "Double"})
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity", "INF", "-INF"})


@dataclass(frozen=True, slots=True)
class Read:
    """A field's value, how far it can be trusted, and the times of its source and its server."""

    value: Value
    quality: Quality = Quality.GOOD
    source_at: datetime | None = None
    server_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] | None = None


def is_data_value(raw: object) -> bool:
    """Whether this is a value with its status or times, and not a structure of the source's own."""
    return (
        isinstance(raw, dict)
        and bool(raw)
        and raw.keys() <= _DATA_VALUE
        and not raw.keys().isdisjoint(_MARKS_DATA_VALUE)
    )


def read(raw: object) -> Read:
    """A field in any of its forms. Raises `Unreadable` for what is nested deeper than is read."""
    if not isinstance(raw, dict) or not is_data_value(raw):
        return _variant(raw, 0)
    source_at, late = when(raw.get("SourceTimestamp"))
    server_at, wrong = when(raw.get("ServerTimestamp"))
    quality, about, odd = status(raw.get("StatusCode", raw.get("Status")))
    if raw.get("Value") is None:
        inner = Read(None, Quality.BAD, warnings=() if quality is Quality.BAD else ("null_value",))
    elif "UaType" in raw:
        inner = _variant({"Type": raw["UaType"], "Body": raw["Value"]}, 1)
    else:
        inner = _variant(raw["Value"], 1)
    return Read(
        inner.value,
        worse(quality, inner.quality),
        source_at,
        server_at,
        tuple(dict.fromkeys(inner.warnings + late + wrong + odd)),
        about,
    )


def plain(raw: object) -> Value:
    """Only the value of a field."""
    return read(raw).value


def unwrapped(raw: object) -> object:
    """The structure within Variants and ExtensionObjects."""
    for _ in range(4):
        if not isinstance(raw, dict) or "Body" not in raw or not raw.keys() <= _VARIANT | _EXTENSION:
            break
        raw = raw["Body"]
    return raw


def _variant(raw: object, depth: int) -> Read:
    if depth > DEEPEST:
        raise Unreadable(Reason.TOO_DEEP, f"values within values; {DEEPEST} levels are read")
    if raw is None:
        return Read(None, Quality.BAD, warnings=("null_value",))
    if isinstance(raw, bool | int):
        return Read(raw)
    if isinstance(raw, float):
        return Read(raw) if math.isfinite(raw) else Read(None, Quality.BAD, warnings=("not_finite",))
    if isinstance(raw, str):
        return Read(raw[:LONGEST_TEXT], warnings=("truncated",) if len(raw) > LONGEST_TEXT else ())
    if isinstance(raw, dict):
        if "Body" in raw and raw.keys() <= _VARIANT:
            return _typed(raw["Body"], raw.get("Type"), depth)
        if "Body" in raw and raw.keys() <= _EXTENSION:
            return _variant(raw["Body"], depth + 1)
        if "Text" in raw and raw.keys() <= {"Text", "Locale"}:
            return _variant(raw["Text"], depth + 1)
        if (
            "Name" in raw
            and raw.keys() <= {"Name", "Symbol", "EnumValue", "Value"}
            and isinstance(raw.get("Value"), int)
        ):
            return _variant(raw["Value"], depth + 1)
    _check_depth(raw, depth)
    text = orjson.dumps(raw).decode()  # an array or a structure: kept as it is, within bounds
    return Read(text[:LONGEST_TEXT], warnings=("truncated",) if len(text) > LONGEST_TEXT else ())


def _typed(body: object, kind: object, depth: int) -> Read:
    if isinstance(body, str) and isinstance(kind, int | str):
        if kind in _LONG_INTEGERS and _INTEGER.fullmatch(body):
            return Read(int(body))
        if kind in _REALS and body in _NOT_FINITE:
            return Read(None, Quality.BAD, warnings=("not_finite",))
    return _variant(body, depth + 1)


def _check_depth(raw: object, depth: int) -> None:
    if depth > DEEPEST:
        raise Unreadable(Reason.TOO_DEEP, f"values within values; {DEEPEST} levels are read")
    for inner in raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ():
        if isinstance(inner, dict | list):
            _check_depth(inner, depth + 1)


def status(raw: object) -> tuple[Quality, dict[str, Attribute], tuple[str, ...]]:
    """The quality in a StatusCode, as a number or as code and symbol, with its attributes. Absent means good."""
    if raw is None:
        return Quality.GOOD, {}, ()
    about: dict[str, Attribute] = {}
    code: Any = raw
    if isinstance(raw, dict):
        code, symbol = raw.get("Code", 0 if not raw else None), raw.get("Symbol")
        if isinstance(symbol, str) and symbol:
            about["status"] = symbol[:64]
            if code is None:
                known = {"G": Quality.GOOD, "U": Quality.SUSPECT, "B": Quality.BAD}.get(symbol[0])
                return known or Quality.SUSPECT, about, () if known else ("bad_status",)
    if type(code) is not int or not 0 <= code < 1 << 32:
        return Quality.SUSPECT, about, ("bad_status",)
    if code:
        about["status_code"] = code
    return (Quality.GOOD, Quality.SUSPECT, Quality.BAD, Quality.BAD)[code >> 30], about, ()


_ORDER: Final = {Quality.GOOD: 0, Quality.SUSPECT: 1, Quality.BAD: 2}


def worse(one: Quality, other: Quality) -> Quality:
    """The lower of two qualities."""
    return max(one, other, key=_ORDER.__getitem__)


def when(raw: object) -> tuple[datetime | None, tuple[str, ...]]:
    """An instant of OPC UA, or None with the warning that says why not."""
    if raw is None:
        return None, ()
    try:
        at = instant(raw, TimeForm.ISO)
    except Unreadable:
        return None, ("bad_time",)
    return at, () if at else ("zero_time",)


def judged(one: Read, quality: Quality) -> Read:
    """The same value in a message whose own status is worse."""
    return one if _ORDER[quality] <= _ORDER[one.quality] else replace(one, quality=quality)
