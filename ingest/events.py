"""The facts of the world as Tocsin keeps them: frozen, valid by construction, and the bytes they travel as.

Three clocks (law 12): `observed_at` is the device's own claim, `received_at` the gateway's clock, and `now` is always an argument.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import IntFlag, StrEnum
from typing import Any, Final

import orjson

from ingest.orders import Order, of_plain
from ingest.sequence import Numbered

SCHEMA: Final = 1
CODE_LENGTH: Final = 24
IDENT_LENGTH: Final = 128


class Mark(IntFlag):
    """What is special about an observation. Any of `Mark.MUTE` is recorded and rings nobody outside (law 13)."""

    NONE = 0
    TEST = 1
    DRILL = 2
    SIMULATED = 4
    RETAINED = 8
    HISTORICAL = 16
    LATE = 32  # older than the source's lateness when it arrived (law 10)
    ZERO_TIME = 64  # the device gave no usable time: the gateway's clock stands in
    CLOCK_SKEW = 128  # the device's clock runs ahead: the gateway's clock stands in
    UNKNOWN_DEVICE = 256  # not in the registry
    UNPLACED = 512  # no grid covers it: it goes to the catcher (law 11)

    @property
    def mutes(self) -> bool:
        """Whether an observation so marked must not ring."""
        return bool(self & MUTE)


MUTE: Final = Mark.TEST | Mark.DRILL | Mark.SIMULATED | Mark.RETAINED | Mark.HISTORICAL | Mark.LATE


class InvalidEvent(ValueError):
    """A fact that cannot be: the message names the field and what was wrong with it."""


def _aware(name: str, at: datetime) -> None:
    if at.tzinfo is None:
        raise InvalidEvent(f"{name} must carry its offset, got the naive {at.isoformat()}")


def _ident(name: str, value: str, limit: int = IDENT_LENGTH) -> None:
    if not value or len(value) > limit or not value.isprintable():
        raise InvalidEvent(f"{name} must be 1 to {limit} printable characters, got {value[:40]!r}")


@dataclass(frozen=True, slots=True)
class Point:
    """A position in WGS-84 degrees. Other datums are converted before a Point is made (`ingest.coordinates`)."""

    lat: float
    lon: float

    def __post_init__(self) -> None:
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise InvalidEvent(f"a point wants latitude -90..90 and longitude -180..180, got {self.lat}, {self.lon}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: grid and township codes (opaque strings of at most 24 characters), and the point when it is known.

    `why` says how the place was found (law 11): registry, coordinates, address or catcher. An unplaced thing has empty codes.
    """

    grid: str = ""
    township: str = ""
    point: Point | None = None
    why: str = "catcher"

    def __post_init__(self) -> None:
        for name in ("grid", "township"):
            if len(getattr(self, name)) > CODE_LENGTH:
                raise InvalidEvent(f"{name} code is longer than {CODE_LENGTH} characters: {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Reading:
    """One number from one device. Non-finite numbers cannot be."""

    device: str
    metric: str
    value: float
    observed_at: datetime
    received_at: datetime
    place: Place = Place()
    device_kind: str = ""
    gateway: str = ""
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        _ident("device", self.device)
        _ident("metric", self.metric, 64)
        if not math.isfinite(self.value):
            raise InvalidEvent(f"{self.device}/{self.metric} must be a finite number, got {self.value}")
        _aware("observed_at", self.observed_at)
        _aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A camera says it sees `label` (fire, smoke, person …) with `score` 0..1. `ident` is one per incident at the camera."""

    ident: str
    camera: str
    label: str
    score: float
    observed_at: datetime
    received_at: datetime
    place: Place = Place()
    ended: bool = False
    gateway: str = ""
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        _ident("ident", self.ident)
        _ident("camera", self.camera)
        _ident("label", self.label, 64)
        if not 0 <= self.score <= 1:
            raise InvalidEvent(f"score must be 0 to 1, got {self.score}")
        _aware("observed_at", self.observed_at)
        _aware("received_at", self.received_at)


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
    place: Place = Place()
    gateway: str = ""
    marks: Mark = Mark.NONE
    order: Order | None = None  # when it came as a work order

    def __post_init__(self) -> None:
        _ident("ident", self.ident)
        if len(self.text) > 4000:
            raise InvalidEvent(f"a call's text is at most 4000 characters, got {len(self.text)}")
        _aware("observed_at", self.observed_at)
        _aware("received_at", self.received_at)


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
    place: Place = Place()
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        _ident("ident", self.ident)
        _ident("kind", self.kind, 48)
        if self.origin not in {"patrol", "resident"}:
            raise InvalidEvent(f"a report's origin is patrol or resident, got {self.origin[:40]!r}")
        if self.origin == "patrol" and not self.reporter:
            raise InvalidEvent("a report from a patrol names who reported it")
        if len(self.text) > 4000:
            raise InvalidEvent(f"a report's text is at most 4000 characters, got {len(self.text)}")
        _aware("observed_at", self.observed_at)
        _aware("received_at", self.received_at)


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
    place: Place = Place()
    device_kind: str = ""
    gateway: str = ""
    marks: Mark = Mark.NONE

    def __post_init__(self) -> None:
        _ident("device", self.device)
        _aware("observed_at", self.observed_at)
        _aware("received_at", self.received_at)


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
    place: Place = Place()
    why: str = ""

    def __post_init__(self) -> None:
        _ident("gateway", self.gateway)
        _aware("since", self.since)
        _aware("received_at", self.received_at)


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
        _aware("at", self.at)


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
