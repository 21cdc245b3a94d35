"""What a message claims, before the gateway has placed and dated it. Every dialect speaks in these; none of them
knows the registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

from ingest.events import Mark, Point, Standing
from ingest.orders import Order
from ingest.sequence import Numbered

LARGEST: Final = 64 * 1024
DEEPEST: Final = 32  # levels of nesting that are read


class Reason(StrEnum):
    """Why something was rejected (law 2)."""

    BAD_JSON = "bad_json"
    TOO_BIG = "too_big"
    TOO_DEEP = "too_deep"
    NO_DEVICE = "no_device"
    NO_VALUE = "no_value"
    BAD_VALUE = "bad_value"
    BAD_TIME = "bad_time"
    BAD_PLACE = "bad_place"
    UNKNOWN_TOPIC = "unknown_topic"
    GATEWAY_MISMATCH = "gateway_mismatch"
    BAD_LENGTH = "bad_length"
    BAD_SUM = "bad_sum"  # a checksum, CRC or parity that does not fit
    BAD_FRAME = "bad_frame"  # binary or line format that is not as its standard says
    BAD_XML = "bad_xml"
    BAD_TEXT = "bad_text"  # bytes that are not in the encoding they claim
    BAD_PROTOBUF = "bad_protobuf"
    BAD_CBOR = "bad_cbor"
    BAD_SIGNATURE = "bad_signature"
    ENCRYPTED = "encrypted"  # and we have no key
    NOT_BORN = "not_born"  # data before the birth that explains it
    MISSING_FIELD = "missing_field"
    FAULT = "fault"  # ours


class Unreadable(ValueError):
    """A message, or one entry of it, that cannot be understood."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers from one device. `at` is None when the device gave no time that can be used."""

    device: str
    values: tuple[tuple[str, float], ...]
    gateway: str = ""
    at: datetime | None = None
    point: Point | None = None
    marks: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Seen:
    """A camera's claim."""

    camera: str
    ident: str
    label: str
    score: float
    gateway: str = ""
    at: datetime | None = None
    point: Point | None = None
    ended: bool = False
    marks: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Spoken:
    """A resident's call. `caller` is still the plain number: the gateway seals it before anything else sees it."""

    ident: str
    text: str
    gateway: str = ""
    at: datetime | None = None
    point: Point | None = None
    category: str = ""
    channel: str = "phone"
    address: str = ""
    caller: str = ""
    marks: Mark = Mark.NONE
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Stood:
    """A device or gateway came or went."""

    device: str
    standing: Standing
    gateway: str = ""
    at: datetime | None = None
    marks: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Fault:
    """Part of a message that was no good while the rest was kept."""

    reason: Reason
    detail: str
    raw: bytes | None = None  # the part itself; None means the whole message


Claim = Measured | Seen | Spoken | Stood | Fault | Numbered


class Dialect(Protocol):
    """One way of speaking. Pure: the same topic and bytes always make the same claims."""

    def source(self, topic: str) -> str | None:
        """Who speaks on this topic, or None when the topic is not of this dialect."""
        ...

    def read(self, topic: str, payload: bytes) -> tuple[Claim, ...]:
        """The claims in the payload. Raises `Unreadable` when nothing of it can be used."""
        ...


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHINA: Final = timedelta(hours=8)
USABLE_FROM: Final = datetime(2000, 1, 1, tzinfo=UTC)  # an earlier claim comes from a clock that was never set


class TimeForm(StrEnum):
    """How a source writes instants. Naive forms say by themselves which offset is meant."""

    ISO = "iso"
    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"
    NAIVE_UTC = "naive_utc"
    NAIVE_CST = "naive_cst"  # China Standard Time, UTC+8 without daylight saving
    NONE = "none"


def instant(value: object, *forms: TimeForm) -> datetime | None:
    """The instant in the first form that fits, or None for a time that says nothing (absent, empty, zero, before 2000).

    Raises `Unreadable` when a time is given that no form can read: it is not guessed.
    """
    if value is None or (isinstance(value, str | int | float) and value in {"", 0}) or TimeForm.NONE in forms:
        return None
    for form in forms:
        found = _instant(value, form)
        if found is not None:
            return found if found >= USABLE_FROM else None
    raise Unreadable(Reason.BAD_TIME, f"{str(value)[:60]!r} is not a time as {' or '.join(forms)}")


def _instant(value: object, form: TimeForm) -> datetime | None:
    try:
        if form in {TimeForm.EPOCH_S, TimeForm.EPOCH_MS}:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return None
            micros = value * (1000 if form is TimeForm.EPOCH_MS else 1_000_000)
            return _EPOCH + timedelta(microseconds=int(micros))
        if not isinstance(value, str):
            return None
        found = datetime.fromisoformat(value)
        if form is TimeForm.ISO:
            return found.astimezone(UTC) if found.tzinfo is not None else None
        if found.tzinfo is not None:
            return None
        return found.replace(tzinfo=UTC) - (_CHINA if form is TimeForm.NAIVE_CST else timedelta())
    except (ValueError, OverflowError):
        return None


def read_json(payload: bytes, largest: int = LARGEST) -> Any:
    """The JSON in a payload of at most 64 KiB, or `largest` bytes, and at most 32 levels. Raises `Unreadable`."""
    if len(payload) > largest:
        raise Unreadable(Reason.TOO_BIG, f"{len(payload)} bytes; at most {largest} are read")
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        deep = "depth" in str(error) or "recursion" in str(error).lower()
        raise Unreadable(Reason.TOO_DEEP if deep else Reason.BAD_JSON, str(error)) from error
    # As many brackets as levels are allowed cannot be deeper than that: the walk is for the few others.
    if payload.count(b"{") + payload.count(b"[") > DEEPEST and _depth(body) > DEEPEST:
        raise Unreadable(Reason.TOO_DEEP, f"more than {DEEPEST} levels")
    return body


def _depth(body: object) -> int:
    deepest, level = 0, [body]
    while level:
        deepest += 1
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += [v for v in value.values() if isinstance(v, dict | list)]
            elif isinstance(value, list):
                inner += [v for v in value if isinstance(v, dict | list)]
        level = inner
    return deepest
