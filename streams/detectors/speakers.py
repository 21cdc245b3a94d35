"""What is known of each one who should speak: when it last did, and how long it may be silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.detectors.tracks import grown
from streams.detectors.watch import NEVER

FAR: Final = -NEVER


@dataclass(slots=True)
class Speakers:
    """Devices or gateways, by number."""

    heard: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # last sign of life
    since: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # expected from then on
    limit: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # silence allowed; FAR when any is
    gone: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # when word of its going counts
    rang: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # start of the outage that rang

    def reach(self, size: int) -> None:
        for name, fill in (("heard", NEVER), ("since", NEVER), ("limit", FAR), ("gone", FAR), ("rang", NEVER)):
            setattr(self, name, grown(getattr(self, name), size, fill))

    def state(self) -> dict[str, Any]:
        return {"heard": self.heard, "since": self.since, "limit": self.limit, "gone": self.gone, "rang": self.rang}

    def turn(self, number: int, *, active: bool) -> int:
        """Note that an outage rang, or that it is over; answers since when it lasted."""
        start = int(self.rang[number] if self.rang[number] != NEVER else max(self.heard[number], self.since[number]))
        self.rang[number] = start if active else NEVER
        return start

    def from_when(self) -> NDArray[np.int64]:
        """The instants their silence counts from."""
        return np.maximum(self.heard, self.since)

    def due(self) -> NDArray[np.int64]:
        """When each one's silence rings, whatever else is known; FAR when it rang already or may be silent."""
        start = self.from_when()
        due = np.where((self.limit < FAR) & (start > NEVER), start + np.where(self.limit < FAR, self.limit, 0), FAR)
        return np.where(self.rang != NEVER, FAR, np.minimum(due, self.gone))
