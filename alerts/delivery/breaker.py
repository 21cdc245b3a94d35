"""Whether a provider in trouble should be left alone for a while. Pure: instants in, answers out."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

FAULTS: Final = 5  # this many …
WITHIN: Final = timedelta(seconds=30)  # … within this open the breaker
PROBE_EVERY: Final = timedelta(seconds=10)  # then one try in this long finds out whether it is well again


class Breaker:
    """Opens after `FAULTS` faults within `WITHIN`; one success closes it. While it is open another way is taken at once."""

    def __init__(self) -> None:
        self._faults: deque[datetime] = deque(maxlen=FAULTS)
        self._probed: datetime | None = None  # the last try since it opened; None while it is closed

    @property
    def tripped(self) -> bool:
        """Whether it is open: the provider is in trouble, and waiting for it is no plan."""
        return self._probed is not None

    def allows(self, now: datetime) -> bool:
        """Whether to try now. An open breaker lets one try through every `PROBE_EVERY`."""
        if self._probed is None:
            return True
        if now - self._probed < PROBE_EVERY:
            return False
        self._probed = now
        return True

    def well(self) -> None:
        """The provider answered."""
        self._faults.clear()
        self._probed = None

    def fault(self, now: datetime) -> None:
        """The provider was in trouble."""
        self._faults.append(now)
        if len(self._faults) == FAULTS and now - self._faults[0] <= WITHIN:
            self._probed = now
