"""What every fact is made of: its marks, its place, and what an instant and a name must be. `ingest.events` has the facts themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import Final

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
        return bool(self._value_ & _MUTE)

    @property
    def staged(self) -> bool:
        """Whether somebody made it on purpose: a test, a drill or a simulation."""
        return bool(self._value_ & _STAGED)


MUTE: Final = Mark.TEST | Mark.DRILL | Mark.SIMULATED | Mark.RETAINED | Mark.HISTORICAL | Mark.LATE
# As numbers: joining two flags takes ten times as long, and every signal is asked several times.
_MUTE: Final = int(MUTE)
_STAGED: Final = int(Mark.TEST | Mark.DRILL | Mark.SIMULATED)


class InvalidEvent(ValueError):
    """A fact that cannot be: the message names the field and what was wrong with it."""


def aware(name: str, at: datetime) -> None:
    """Raises `InvalidEvent` for an instant without its offset."""
    if at.tzinfo is None:
        raise InvalidEvent(f"{name} must carry its offset, got the naive {at.isoformat()}")


def ident(name: str, value: str, limit: int = IDENT_LENGTH) -> None:
    """Raises `InvalidEvent` for a name that is empty, too long or cannot be shown."""
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


NOWHERE: Final = Place()
