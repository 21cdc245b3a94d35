"""Progress, not liveness: there is work, and nobody moves.

A consumer of this library can stop silently while everything looks alive, so the only thing believed is an applied offset that grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Position = tuple[int, int]  # next offset to be applied, end of the log
_LEAST_LOOKS: Final = 3  # a process that slept (a laptop's lid, SIGSTOP) gets a chance to move before it is judged


@dataclass(slots=True)
class Watchdog:
    """Tells which partitions stand still although there is work for longer than `limit` seconds."""

    limit: float
    _still: dict[str, tuple[int, float, int]] = field(default_factory=dict)  # name -> (next, since, looks)

    def look(self, positions: Mapping[str, Position], now: float) -> list[str]:
        """One look at `now` (monotonic seconds). Partitions that are not in `positions` any more are forgotten."""
        stalled = []
        for gone in self._still.keys() - positions.keys():
            del self._still[gone]
        for name, (following, end) in positions.items():
            known = self._still.get(name)
            if following >= end:
                self._still.pop(name, None)
            elif known is None or known[0] != following:
                self._still[name] = (following, now, 1)
            else:
                _, since, looks = known
                self._still[name] = (following, since, looks + 1)
                if now - since > self.limit and looks + 1 >= _LEAST_LOOKS:
                    stalled.append(name)
        return sorted(stalled)
