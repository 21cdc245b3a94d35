"""The scalar values of Sparkplug, read by their datatype. What a datatype cannot hold is no value; nothing is guessed."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from ingest.dialects.claims import TimeForm, Unreadable, instant
from ingest.dialects.observation import Quality, Value

LONGEST_TEXT: Final = 1024

INTEGERS: Final[dict[int, tuple[int, bool]]] = {  # datatype: bits, signed
    1: (8, True), 2: (16, True), 3: (32, True), 4: (64, True), 5: (8, False), 6: (16, False), 7: (32, False), 8: (64, False),
}  # fmt: skip
FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT, UUID = 9, 10, 11, 12, 13, 14, 15
_TEXTS: Final = frozenset({STRING, TEXT, UUID})


@dataclass(frozen=True, slots=True)
class Cell:
    """A value and how far it can be trusted."""

    value: Value
    quality: Quality = Quality.GOOD
    warning: str = ""


@lru_cache(maxsize=1024)  # the metrics of a message mostly share their time
def device_time(millis: int) -> tuple[datetime | None, tuple[str, ...]]:
    """The instant of a Sparkplug timestamp, or None with the warning that says why not."""
    try:
        at = instant(millis, TimeForm.EPOCH_MS)
    except Unreadable:
        return None, ("bad_time",)
    return at, () if at else ("zero_time",)


def scalar(field: str, value: Any, datatype: int) -> Cell:
    """The value in a field of a oneof, read as its datatype."""
    if field in {"int_value", "long_value"}:
        return _from_integer(value, 32 if field == "int_value" else 64, datatype)
    if field in {"float_value", "double_value"}:
        if datatype not in {FLOAT, DOUBLE, 0}:
            return Cell(None, Quality.BAD, "bad_value")
        return real(value, FLOAT if field == "float_value" else DOUBLE)
    if field == "boolean_value":
        return Cell(bool(value)) if datatype in {BOOLEAN, 0} else Cell(None, Quality.BAD, "bad_value")
    if isinstance(value, bytes):  # protobuf's way of saying that a text is not UTF-8
        return Cell(None, Quality.BAD, "bad_text")
    if field == "string_value" and (datatype in _TEXTS or datatype == 0):
        return Cell(value[:LONGEST_TEXT], warning="truncated" if len(value) > LONGEST_TEXT else "")
    return Cell(None, Quality.BAD, "bad_value")


def _from_integer(raw: int, container: int, datatype: int) -> Cell:
    if datatype in INTEGERS:
        bits, signed = INTEGERS[datatype]
        if not signed:
            return Cell(raw) if raw < 1 << bits else Cell(None, Quality.BAD, "out_of_range")
        # sign-extended to its field, or only to its own width: both are two's complement
        wide = raw - (1 << container) if raw >> (container - 1) else raw
        if -(1 << (bits - 1)) <= wide < 1 << (bits - 1):
            return Cell(wide)
        return Cell(raw - (1 << bits)) if raw < 1 << bits else Cell(None, Quality.BAD, "out_of_range")
    if datatype == DATETIME:
        return moment(raw)
    if datatype == BOOLEAN and raw in {0, 1}:
        return Cell(bool(raw), warning="wrong_field")
    if datatype in {FLOAT, DOUBLE}:
        return Cell(raw, warning="wrong_field")
    if datatype == 0:  # nobody said whether it is signed
        return Cell(raw, Quality.SUSPECT, "datatype_missing")
    return Cell(None, Quality.BAD, "bad_value")


def moment(millis: int) -> Cell:
    """A DateTime as ISO 8601 text."""
    at, breach = device_time(millis)
    return Cell(at.isoformat()) if at else Cell(None, Quality.SUSPECT, breach[0])


def real(value: float, datatype: int) -> Cell:
    """A finite number, without the noise of single precision."""
    if not math.isfinite(value):
        return Cell(None, Quality.BAD, "not_finite")
    if datatype == FLOAT:  # the shortest decimal that is the same single-precision number
        packed = struct.pack("<f", value)
        for digits in (6, 7, 8):
            short = float(f"{value:.{digits}g}")
            if abs(short) <= 3.4028234663852886e38 and struct.pack("<f", short) == packed:
                return Cell(short)
        return Cell(float(f"{value:.9g}"))
    return Cell(value)
