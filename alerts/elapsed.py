"""How long something has taken, in three bands: in time, late, too late. The one place that says when a band begins. Pure.

A band begins at an instant that is known beforehand, so whoever shows it (a page whose seconds tick) only looks which began last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.alert import Alert

DONE: Final = "handled_at"  # the stage at which a case is no longer waited for


class Band(StrEnum):
    """Each is shown with a colour, an icon and a word, never with a colour alone."""

    GREEN = "green"
    WARN = "warn"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Begins:
    """A band and the instant from which it holds."""

    band: Band
    at: datetime


def bands(since: datetime, warn: float, critical: float) -> tuple[Begins, ...]:
    """When each band begins, the earliest first, `warn` and `critical` seconds after `since`; none without thresholds."""
    if not critical:
        return ()
    late = (Begins(Band.WARN, since + timedelta(seconds=warn)),) if warn else ()
    return (Begins(Band.GREEN, since), *late, Begins(Band.CRITICAL, since + timedelta(seconds=critical)))


def band_at(some: Sequence[Begins], now: datetime) -> Band | None:
    """The band that holds at an instant; None when nothing is measured or has begun."""
    return next((begins.band for begins in reversed(some) if begins.at <= now), None)


def waited(alert: Alert) -> tuple[Begins, ...]:
    """The bands of a case that waits to be handled, from when it was raised; none once it is handled or over.

    The thresholds are those of the case's own rules. A case that is opened again goes on counting.
    """
    raised = alert.stages.get("raised_at")
    if raised is None or DONE in alert.stages or alert.handling.over:
        return ()
    return bands(raised, alert.work.rules.late, alert.work.rules.too_late)
