"""A signal: something is out of order, or is in order again. What detectors say and `alerts` listens to."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from ingest.events import InvalidEvent, Mark, Place, Point, check_schema, digest

SCHEMA: Final = 1
VERSION: Final = "rule_version"  # in a signal's evidence: of the rule that gave it away


class Level(StrEnum):
    """The national scale. `rank` orders it: a higher rank is worse."""

    BLUE = "blue"  # 四级
    YELLOW = "yellow"  # 三级
    ORANGE = "orange"  # 二级
    RED = "red"  # 一级

    rank: int  # 0 (blue) to 3 (red)

    __hash__ = str.__hash__  # an enumeration's own is written in Python, and levels are keys everywhere


for _rank, _level in enumerate(Level):
    _level.rank = _rank


class Origin(StrEnum):
    """Which of the city's senses spoke."""

    SENSOR = "sensor"
    CAMERA = "camera"
    HOTLINE = "hotline"
    SYSTEM = "system"
    PATROL = "patrol"  # 主动巡查: a grid worker on patrol
    RESIDENT = "resident"  # 群众诉求: a resident, with a place and perhaps a picture

    @property
    def spoken(self) -> bool:
        """Whether it is a person's statement about one moment: it never clears by itself."""
        return self in _SPOKEN


_SPOKEN: Final = frozenset({Origin.HOTLINE, Origin.PATROL, Origin.RESIDENT})


@dataclass(frozen=True, slots=True)
class Signal:
    """One statement about one subject under one rule.

    `key` is deterministic (`signal_key`): the same episode gives the same key however often it is worked out (law 3). A signal with
    `active=False` carries the key of the episode it ends. `event_at` is when it happened (observed clock), `received_at` when the first
    evidence reached the gateway, `raised_at` when the detector could know (received clock of the deciding row, or the timer's instant).
    """

    key: str
    kind: str  # fire, gas, flood, tilt, sos, temperature, device_silent, gateway_silent, hotspot …
    level: Level
    origin: Origin
    subject: str  # device, camera, call or area code
    rule: str
    event_at: datetime
    received_at: datetime
    raised_at: datetime
    place: Place = field(default_factory=Place)
    active: bool = True
    value: float | None = None
    text: str = ""
    marks: Mark = Mark.NONE
    evidence: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("event_at", "received_at", "raised_at"):
            if getattr(self, name).tzinfo is None:
                raise InvalidEvent(f"a signal's {name} must carry its offset")


def signal_key(rule: str, subject: str, started_at: datetime) -> str:
    """The key of the episode of `subject` under `rule` that started at `started_at` (observed clock)."""
    return digest("signal", rule, subject, started_at.astimezone(UTC).isoformat())


def encode(signal: Signal) -> bytes:
    """The signal as bytes for the log."""
    body: dict[str, Any] = {"v": SCHEMA}
    for spec in fields(signal):
        value = getattr(signal, spec.name)
        body[spec.name] = int(value) if isinstance(value, Mark) else value
    return orjson.dumps(body)


def decode(raw: bytes) -> Signal:
    """The signal in `raw`; `InvalidEvent` when it is none, or of a later schema. Unknown fields are passed over."""
    try:
        body = orjson.loads(raw)
        check_schema(body, SCHEMA)
        known = {f.name: body[f.name] for f in fields(Signal) if f.name in body}
        place = known["place"]
        known["place"] = Place(
            place["grid"], place["township"], Point(**place["point"]) if place["point"] else None, place["why"]
        )
        for name in ("event_at", "received_at", "raised_at"):
            known[name] = datetime.fromisoformat(known[name]).astimezone(UTC)
        return Signal(
            **{
                **known,
                "level": Level(known["level"]),
                "origin": Origin(known["origin"]),
                "marks": Mark(known["marks"]),
            }
        )
    except InvalidEvent:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidEvent(f"not a signal of schema {SCHEMA}: {error!r}") from error
