"""The one place that reads the time of day. Everything that decides is given `now`.

A clock can also run in a recording's own time: `origin` is the recorded instant at which it starts and `speed` how many of its seconds
pass in one real second. A whole stack started with such a clock lives in that time, timers and escalations included, so that a replay
of last winter's fire at ten times its speed rings as the fire itself would have. Such a clock stands still at its origin until its
`gate`, a small file all processes of the stack look at, says when it started: no recorded time passes while the parts come up.

The real time is this machine's until the process has agreed on another's (`agree`): a city has several machines, and one whose time of day
is wrong, or jumps, must neither hold a notice back nor take fresh readings for old ones.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    """`now()` is `origin + (real time - started) * speed`; without an origin it is the real time."""

    __slots__ = ("_agreed", "_gate", "_origin", "_started", "speed")

    def __init__(self, origin: datetime | None = None, speed: float = 1.0, gate: Path | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed is greater than 0, got {speed}")
        if origin is not None and origin.tzinfo is None:
            raise ValueError("a clock's origin must carry its offset")
        self.speed = speed
        self._origin = origin.astimezone(UTC) if origin else None
        self._gate = gate
        self._started = 0.0 if gate else time.time()
        self._agreed: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        if self._origin is None:
            return self.real()
        if not self._runs():
            return self._origin
        return self._origin + timedelta(seconds=(time.time() - self._started) * self.speed)

    def real(self) -> datetime:
        """The real instant, whatever time this clock lives in: as agreed, carried on by its steady clock; else the machine's."""
        if self._agreed is None:
            return datetime.now(UTC)
        at, steady = self._agreed
        return at + timedelta(seconds=time.monotonic() - steady)

    def agree(self, at: datetime, steady: float, within: float) -> float:
        """Go by another's clock, which said `at` when the machine's steady clock stood at `steady`, give or take `within` seconds.

        Returns the seconds by which that sets this clock ahead; 0 where they agreed already and nothing was changed.
        """
        ahead = (at - (self.real() - timedelta(seconds=time.monotonic() - steady))).total_seconds()
        if self._agreed is not None and abs(ahead) <= within:
            return 0.0
        self._agreed = (at, steady)
        return ahead

    def wait(self, until: datetime | None, at_most: float) -> float:
        """Real seconds to sleep until an instant of this clock, between 0 and `at_most`."""
        if self._origin is not None and not self._runs():
            return min(at_most, 0.05)
        if until is None:
            return at_most
        return min(max((until - self.now()).total_seconds() / self.speed, 0.0), at_most)

    def open(self) -> None:
        """Let the clock run from now on, here and in every process that shares its gate."""
        if self._gate is not None and not self._runs():
            begun = self._gate.with_suffix(".opening")
            begun.write_text(repr(time.time()), encoding="ascii")
            begun.replace(self._gate)

    def _runs(self) -> bool:
        if not self._started and self._gate is not None and self._gate.exists():
            self._started = float(self._gate.read_text(encoding="ascii"))
        return bool(self._started)
