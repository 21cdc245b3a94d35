"""The synthetic alarm by which the system watches itself: what it is called on its way. `api.selfwatch` sends it and looks for it.

It travels like any alarm (wire, log, detector, ledger, outbox, series) and reaches nobody: see `alerts.canary`.
"""

from __future__ import annotations

from typing import Final

KIND: Final = "canary"  # of its signals and alerts, and the id of its rule
METRIC: Final = "tocsin_canary"  # a number of its own each time, then 0: the alarm, and its end
