"""The one place that reads the time of day. Everything that decides is given `now`.

A clock can also run in a recording's own time: `origin` is the recorded instant at which it started and `speed` how many of its seconds
pass in one real second. A whole stack started with such a clock lives in that time, timers and escalations included, so that a replay
of last winter's fire at ten times its speed rings as the fire itself would have.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """`now()` is `origin + (real time - started) * speed`; without an origin it is the real time."""

    origin: datetime | None = None
    started: float = 0.0  # time.time() at the origin
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError(f"a clock's speed is greater than 0, got {self.speed}")
        if self.origin is not None and self.origin.tzinfo is None:
            raise ValueError("a clock's origin must carry its offset")

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        if self.origin is None:
            return datetime.now(UTC)
        return self.origin.astimezone(UTC) + timedelta(seconds=(time.time() - self.started) * self.speed)

    def wait(self, until: datetime | None, at_most: float) -> float:
        """Real seconds to sleep until an instant of this clock, between 0 and `at_most`."""
        if until is None:
            return at_most
        return min(max((until - self.now()).total_seconds() / self.speed, 0.0), at_most)
