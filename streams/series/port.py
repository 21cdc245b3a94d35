"""The small interface behind which InfluxDB and the embedded tables are interchangeable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ingest.frames import Frame


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one stage of one alert took. Written once per stage; writing it again changes nothing."""

    alert: str
    stage: str  # acked, handled, closed …
    kind: str
    level: str
    grid: str
    township: str
    origin: str
    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a chart: the mean, least and greatest value of its bucket."""

    at: datetime
    mean: float
    least: float
    greatest: float
    count: int


class SeriesUnavailable(RuntimeError):
    """The store did not say yes and may later: try again, commit nothing."""


class SeriesRefused(ValueError):
    """The store said no and will again: the message holds its words. `refused` are the lines it would not take."""

    def __init__(self, message: str, refused: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.refused = tuple(refused)


class Series(Protocol):
    """Writes are synchronous and idempotent (same series and instant overwrite); returning means that the store said yes."""

    def write_frames(self, frames: Sequence[Frame]) -> int:
        """Store every row; returns how many."""

    def write_timings(self, timings: Sequence[Timing]) -> int:
        """Store stage timings; returns how many."""

    def readings(
        self, device: str, metric: str, start: datetime, stop: datetime, *, buckets: int = 300
    ) -> list[Sample]:
        """A device's metric between two instants (start included, stop not) in at most `buckets` equal buckets; empty ones are left out."""

    def timings(self, stage: str, start: datetime, stop: datetime) -> list[Timing]:
        """Every timing of a stage between two instants."""

    def count(self) -> int:
        """How many reading points are kept (for checks)."""

    def close(self) -> None:
        """Let go of connections."""
