"""What the gateway has done so far, in numbers that only grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_SOURCES: Final = 1000  # a flood of invented names must not fill the memory


@dataclass(slots=True)
class GatewayCounts:
    """`received` counts messages, `readings` and `events` what was kept of them, `rejected` by (source, reason).

    `acknowledged` and `redelivered` count messages of QoS 1; `lost_sessions` how often the broker had forgotten ours.
    Of messages with numbers: `ahead` left a hole, `filled` closed one, `repeated` had been kept before, `uncounted` were
    kept while the list of holes was full; `acks` are acknowledgements given to their gateways.
    """

    received: int = 0
    readings: int = 0
    events: int = 0
    acknowledged: int = 0
    redelivered: int = 0
    connections: int = 0
    lost_sessions: int = 0
    ahead: int = 0
    filled: int = 0
    repeated: int = 0
    uncounted: int = 0
    acks: int = 0
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    _sources: set[str] = field(default_factory=set)

    def reject(self, source: str, reason: str) -> None:
        """One more rejected; sources past the thousandth are counted together as "other"."""
        if source not in self._sources:
            if len(self._sources) >= _SOURCES:
                source = "other"
            self._sources.add(source)
        self.rejected[source, reason] += 1

    def line(self) -> str:
        """The counts as one line for the log, with the three worst sources."""
        worst = ", ".join(f"{source}/{reason} {n}" for (source, reason), n in self.rejected.most_common(3))
        return (
            f"received={self.received} readings={self.readings} events={self.events} "
            f"rejected={self.rejected.total()}{f' ({worst})' if worst else ''} acknowledged={self.acknowledged} "
            f"redelivered={self.redelivered} connections={self.connections} lost_sessions={self.lost_sessions} "
            f"ahead={self.ahead} filled={self.filled} repeated={self.repeated} acks={self.acks}"
        )
