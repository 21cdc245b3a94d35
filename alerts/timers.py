"""What falls due by itself: instants by name on an alert, kept in the ledger and given back to the lifecycle once they have come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert

REMINDER: Final = "acknowledgement_reminder"
EXPIRY: Final = "acknowledgement_expiry"
HAND_DOWN: Final = "hand_down"  # a level that had been passed over is foreseen to have somebody again
ACKNOWLEDGED: Final = (REMINDER, EXPIRY)


def with_timer(alert: Alert, name: str, at: datetime) -> Alert:
    """The alert with a timer set, or set anew."""
    return replace(alert, timers=MappingProxyType({**alert.timers, name: at}))


def without(alert: Alert, *names: str) -> Alert:
    """The alert without some timers; the same alert when it has none of them."""
    left = {name: at for name, at in alert.timers.items() if name not in names}
    return alert if len(left) == len(alert.timers) else replace(alert, timers=MappingProxyType(left))


def due(alert: Alert, now: datetime) -> tuple[str, ...]:
    """The names of timers whose instant has come, the earliest first."""
    return tuple(sorted((n for n, at in alert.timers.items() if at <= now), key=lambda n: (alert.timers[n], n)))
