"""Which open alert a signal belongs to, so that a detector, a camera and a caller who see one fire make one case.

The answer depends on the signals alone, not on when they are worked out: the times compared are the signals' own, and ties are broken
by the oldest alert.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts.alert import Alert
from alerts.orders.order import named
from alerts.outcome import Why
from alerts.policy import Merging
from alerts.work import CALLERS
from ingest.events import Point, digest
from streams.orders import order_in, order_key
from streams.signal import Signal

_EARTH: Final = 6_371_008.8  # metres: the mean radius of WGS-84
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NONE: Final = timedelta()
_MILLISECOND: Final = timedelta(milliseconds=1)
_TOLD_APART: Final = 13  # digits: 52 bits for what is raised in one millisecond
_ORDER: Final = (Why.SAME_SUBJECT, Why.SAME_GRID, Why.NEAR)


def identity(signal: Signal, merging: Merging) -> str:
    """What an alert is of: the kind and its grid where place decides, else the kind, the device and the rule."""
    if merging.place and signal.place.grid:
        return f"{signal.kind}|{signal.place.grid}"
    return f"{signal.kind}|{signal.subject}|{signal.rule}"


def alert_id(identity: str, signal: Signal) -> str:
    """The id of the alert that `signal` opens: the same signal opens the same alert in every process (law 3).

    It begins with the milliseconds of `raised_at`, so that cases of one time lie side by side in every index that begins with the id: ids
    without an order made each case of a storm touch a page of its own in each of them. The rest tells apart what was raised together.
    """
    since = max(signal.raised_at - _EPOCH, _NONE) // _MILLISECOND
    return f"{since:011x}{digest('alert', identity, signal.key, signal.level)[:_TOLD_APART]}"


def mark(signal: Signal) -> str:
    """What was said under a signal's key: each level once, and the end once; of a work order each state of each unit once."""
    if (order := order_in(signal)) is not None:
        return f"{signal.key}/{digest(order.step)}"
    return f"{signal.key}/{signal.level}" if signal.active else end_of(signal.key)


def earlier(signal: Signal) -> tuple[str, ...]:
    """The key of the work order that the one of a signal is about (催单, 补单); nothing for any other signal."""
    order = order_in(signal)
    return (order_key(order.platform, order.about),) if order is not None and order.about else ()


def follows(signal: Signal, alert: Alert) -> bool:
    """Whether a signal is one more state of a work order of a case, or of an order about one of its orders while it is open."""
    order = order_in(signal)
    if order is None:
        return False
    return named(alert.work.orders, order.platform, order.number) is not None or not alert.handling.over


def order_keys(alert: Alert) -> tuple[str, ...]:
    """The keys under which the work orders of a case are remembered."""
    return tuple(order_key(order.platform, order.number) for order in alert.work.orders)


def end_of(key: str) -> str:
    """What is remembered once the episode of a signal's key has ended, also when its end was faster than its beginning."""
    return f"{key}/off"


def home(signal: Signal, merging: Merging, candidates: Iterable[Alert]) -> tuple[Alert, Why] | None:
    """The open alert that a signal belongs to and why, or None. Candidates of another kind or township never match."""
    fits = [(alert, why) for alert in candidates if (why := belongs(signal, merging, alert))]
    if not fits:
        return None
    return min(fits, key=lambda fit: (_ORDER.index(fit[1]), _raised(fit[0]), fit[0].id))


def belongs(signal: Signal, merging: Merging, alert: Alert) -> Why | None:
    """Why a signal belongs to an alert, or None.

    The same device under the same rule belongs while the alert is open. Another device belongs in the same grid, or within the kind's
    radius, while something about the alert is still active or its last evidence is within the window. After the cap nothing does.
    """
    if alert.handling.over or alert.kind != signal.kind or alert.place.township != signal.place.township:
        return None
    if signal.raised_at - _raised(alert) > merging.cap or len(alert.work.callers) >= CALLERS:
        return None
    if signal.subject in alert.subjects and signal.rule in alert.rules:
        return Why.SAME_SUBJECT
    if not merging.place or not _fresh(signal, merging.window, alert):
        return None
    if merging.same_grid and signal.place.grid and signal.place.grid == alert.place.grid:
        return Why.SAME_GRID
    if signal.place.point is None or alert.place.point is None:
        return None
    return Why.NEAR if metres(signal.place.point, alert.place.point) <= merging.radius else None


def _raised(alert: Alert) -> datetime:
    return alert.stages["raised_at"]


def _fresh(signal: Signal, window: timedelta, alert: Alert) -> bool:
    return bool(alert.active_keys) or signal.raised_at - (alert.last_seen or _raised(alert)) <= window


def metres(one: Point, other: Point) -> float:
    """The great-circle distance of two points (haversine)."""
    lat = math.radians(other.lat - one.lat)
    lon = math.radians(other.lon - one.lon)
    a = (
        math.sin(lat / 2) ** 2
        + math.cos(math.radians(one.lat)) * math.cos(math.radians(other.lat)) * math.sin(lon / 2) ** 2
    )
    return 2 * _EARTH * math.asin(min(1.0, math.sqrt(a)))
