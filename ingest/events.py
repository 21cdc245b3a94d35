"""The facts of the world as Tocsin keeps them: frozen, valid by construction, and the bytes they travel as.

Three clocks (law 12): `observed_at` is the device's own claim, `received_at` the gateway's clock, and `now` is always an argument.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from ingest.marks import CODE_LENGTH, IDENT_LENGTH, MUTE, NOWHERE, InvalidEvent, Mark, Place, Point, aware, ident
from ingest.orders import Order, of_plain
from ingest.sequence import Numbered

SCHEMA: Final = 1
__all__ = [
    "CODE_LENGTH", "IDENT_LENGTH", "MUTE", "SCHEMA", "Call", "Decoded", "Event", "InvalidEvent", "Lapse", "Loss", "Mark", "Place",
    "Point", "Presence", "Reading", "Rejected", "Report", "Sighting", "Standing", "check_schema", "decode", "digest", "encode",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One number from one device. Non-finite numbers cannot be."""

    device: str
    metric: str
    value: float
    observed_at: datetime
    received_at: datetime
    place: Place = NOWHERE
    device_kind: str = ""
    gateway: str = ""
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        ident("device", self.device)
        ident("metric", self.metric, 64)
        if not math.isfinite(self.value):
            raise InvalidEvent(f"{self.device}/{self.metric} must be a finite number, got {self.value}")
        aware("observed_at", self.observed_at)
        aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A camera says it sees `label` (fire, smoke, person …) with `score` 0..1. `ident` is one per incident at the camera."""

    ident: str
    camera: str
    label: str
    score: float
    observed_at: datetime
    received_at: datetime
    place: Place = NOWHERE
    ended: bool = False
    gateway: str = ""
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        ident("ident", self.ident)
        ident("camera", self.camera)
        ident("label", self.label, 64)
        if not 0 <= self.score <= 1:
            raise InvalidEvent(f"score must be 0 to 1, got {self.score}")
        aware("observed_at", self.observed_at)
        aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True)
class Call:
    """A resident spoke to the hotline. The number travels only as `caller` (encrypted, or empty) and `caller_masked` (law 14)."""

    ident: str
    text: str
    observed_at: datetime
    received_at: datetime
    category: str = ""
    channel: str = "phone"
    address: str = ""
    caller: str = ""
    caller_masked: str = ""
    place: Place = NOWHERE
    gateway: str = ""
    marks: Mark = Mark.NONE
    order: Order | None = None  # when it came as a work order

    def __post_init__(self) -> None:
        ident("ident", self.ident)
        if len(self.text) > 4000:
            raise InvalidEvent(f"a call's text is at most 4000 characters, got {len(self.text)}")
        aware("observed_at", self.observed_at)
        aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True)
class Report:
    """Somebody saw something and reported it: a grid worker on patrol, or a resident. Number and pictures do not travel (law 14).

    `kind` is what the reporter chose, `reporter` the worker's id on the roster, and `told` how whoever reported learns the result.
    """

    ident: str
    origin: str  # patrol or resident
    kind: str
    text: str
    observed_at: datetime
    received_at: datetime
    address: str = ""
    reporter: str = ""
    told: str = ""  # notice: over the reporter's own channels; desk: somebody calls back; page: the reporter looks
    pictures: int = 0
    place: Place = NOWHERE
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        ident("ident", self.ident)
        ident("kind", self.kind, 48)
        if self.origin not in {"patrol", "resident"}:
            raise InvalidEvent(f"a report's origin is patrol or resident, got {self.origin[:40]!r}")
        if self.origin == "patrol" and not self.reporter:
            raise InvalidEvent("a report from a patrol names who reported it")
        if len(self.text) > 4000:
            raise InvalidEvent(f"a report's text is at most 4000 characters, got {len(self.text)}")
        aware("observed_at", self.observed_at)
        aware("received_at", self.received_at)


class Standing(StrEnum):
    """What a device or gateway says of its own connection."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Presence:
    """A device or a gateway came, went, or said that it is alive."""

    device: str
    standing: Standing
    observed_at: datetime
    received_at: datetime
    place: Place = NOWHERE
    device_kind: str = ""
    gateway: str = ""
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        ident("device", self.device)
        aware("observed_at", self.observed_at)
        aware("received_at", self.received_at)


class Loss(StrEnum):
    """What may have been lost on the way."""

    GAP = "gap"  # numbers of a gateway are missing
    SESSION = "session"  # the MQTT broker had forgotten our session, and with it what it held for us
    NOISE = "noise"  # a source reconnected all the time or shouted, and is not listened to for a while


@dataclass(frozen=True, slots=True)
class Lapse:
    """Messages that should have reached us may not have, or (`over`) that is past. One episode keeps its `since`.

    `missing` are ranges of a gateway's numbers as (boot, first, last), the first few of `count` numbers in all; `why` says
    what a source did that is not listened to, whose name is then in `gateway`.
    """

    gateway: str
    loss: Loss
    since: datetime
    received_at: datetime
    over: bool = False
    missing: tuple[tuple[str, int, int], ...] = ()
    count: int = 0
    place: Place = NOWHERE
    why: str = ""

    def __post_init__(self) -> None:
        ident("gateway", self.gateway)
        aware("since", self.since)
        aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True)
class Rejected:
    """What could not be understood, kept whole so that it can be replayed after a fix (law 2).

    `retained` and `content_type` are what a decoder was told of it besides topic and time.
    """

    reason: str
    raw: bytes
    topic: str
    at: datetime
    source: str = ""
    detail: str = ""
    retained: bool = False
    content_type: str = ""

    def __post_init__(self) -> None:
        aware("at", self.at)


Event = Sighting | Call | Report | Presence | Lapse | Rejected
_KINDS: Final[dict[str, type[Any]]] = {
    c.__name__.lower(): c for c in (Sighting, Call, Report, Presence, Lapse, Rejected, Reading)
}
_TIMES: Final = frozenset({"observed_at", "received_at", "at", "since"})
_READ: Final[dict[str, Any]] = {
    "marks": Mark,
    "standing": Standing,
    "loss": Loss,
    "raw": bytes.fromhex,
    "order": of_plain,
}


def encode(event: Event | Reading) -> bytes:
    """One event as bytes for the log: JSON with its schema version and its kind."""
    body: dict[str, Any] = {"v": SCHEMA, "is": type(event).__name__.lower()}
    for spec in fields(event):
        value = getattr(event, spec.name)
        body[spec.name] = value.hex() if isinstance(value, bytes) else int(value) if isinstance(value, Mark) else value
    return orjson.dumps(body)


def decode(raw: bytes) -> Event | Reading:
    """The event in `raw`. Unknown fields are passed over; anything else wrong raises `InvalidEvent`, a later schema too.

    A later version that only adds fields keeps the number of the schema. One whose meaning changed raises it, so that what
    we cannot understand is laid aside and not misread.
    """
    try:
        body = orjson.loads(raw)
        check_schema(body, SCHEMA)
        kind = _kind_of(body["is"])
        event: Event | Reading = kind(**{f.name: _read(f.name, body[f.name]) for f in fields(kind) if f.name in body})
        return event
    except InvalidEvent:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidEvent(f"not an event of schema {SCHEMA}: {error!r}") from error


def _kind_of(name: object) -> type[Any]:
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise InvalidEvent(f"an event of the kind {str(name)[:40]!r}, which a later version may know")
    return kind


def check_schema(body: Any, known: int) -> None:
    """Raises `InvalidEvent` when a record says that it was written under a later schema than `known`."""
    version = body.get("v", 1)
    if type(version) is not int or version > known:
        raise InvalidEvent(
            f"written under schema {str(version)[:20]}, and this version reads up to {known}: "
            "finish the upgrade, then replay the dead letters"
        )


def _read(name: str, value: Any) -> Any:
    if name in _TIMES:
        return datetime.fromisoformat(value).astimezone(UTC)
    if name == "place":
        return Place(
            value["grid"], value["township"], Point(**value["point"]) if value["point"] else None, value["why"]
        )
    if name == "missing":
        return tuple((boot, first, last) for boot, first, last in value)
    return _READ[name](value) if name in _READ else value


def digest(*parts: object) -> str:
    """A short, stable key of its parts: the same parts give the same key in every process (law 3)."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Decoded:
    """All that one message from the wire turned out to be. An empty one was understood and says nothing."""

    readings: tuple[Reading, ...] = ()
    events: tuple[Event, ...] = field(default=())
    numbers: tuple[Numbered, ...] = ()
    replies: tuple[tuple[str, bytes], ...] = ()  # topic and payload of what the sender's standard makes us answer
