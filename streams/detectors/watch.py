"""What one rule's detector promises to the composed `Detectors`, and how it words a signal.

Instants inside are microseconds since 1970 UTC, as in a frame. A detector answers rows with `Found`: the row that gave the signal away
and the signal, so that the composed object can put the signals of all rules in the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from ingest.events import Place, Point
from ingest.frames import Origin, from_micros
from streams.detectors.tracks import Rows
from streams.rules import Rule
from streams.signal import Level, Signal, signal_key
from streams.signal import Origin as Sense

NEVER: Final = -(2**62)
SECOND: Final = 1_000_000

Found = tuple[int, Signal]


class Timed(Protocol):
    """State with timers that can be kept and taken up again."""

    def due(self) -> int | None:
        """The earliest instant (received clock) at which it wants `on_due`."""

    def on_due(self, now: int) -> list[Signal]:
        """What has become due by `now`, earliest first."""

    def snapshot(self) -> dict[str, Any]:
        """The whole state, to be packed."""

    def restore(self, state: dict[str, Any]) -> None:
        """Become what `snapshot` described."""


class Watch(Timed, Protocol):
    """The state of one rule over many tracks."""

    def apply(self, rows: Rows) -> list[Found]:
        """Apply rows of one metric, in their order; muted rows are not among them."""


@dataclass(frozen=True, slots=True)
class Times:
    """A signal's three instants in microseconds."""

    event: int
    received: int
    raised: int


def word(
    rule: Rule, level: Level, origin: Origin, metric: str,
    *, started: int, times: Times, value: float | None, active: bool = True,
) -> Signal:  # fmt: skip
    """The signal of a rule about one device's metric.

    Its key is that of the episode that started at `started` (observed clock).
    """
    point = Point(origin.lat, origin.lon) if origin.lat is not None and origin.lon is not None else None
    return Signal(
        signal_key(rule.id, f"{origin.device}/{metric}", from_micros(started)),
        rule.kind, level, Sense.SENSOR, origin.device, rule.id,
        from_micros(times.event), from_micros(times.received), from_micros(times.raised),
        Place(origin.grid, origin.township, point, "registry" if origin.grid else "catcher"),
        active, value, rule.text or rule.id, evidence={"metric": metric},
    )  # fmt: skip


def pack_origin(origin: Origin) -> list[Any]:
    """An origin as plain values."""
    return [origin.device, origin.device_kind, origin.grid, origin.township, origin.gateway, origin.lat, origin.lon]
