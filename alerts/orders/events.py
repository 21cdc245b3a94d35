"""What work orders and area incidents bring to a case, beside signals and people's commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alerts.moves import Move
from alerts.policy import Policy
from streams.signal import Signal


@dataclass(frozen=True, slots=True)
class Ordered:
    """One more state of a work order that is this case's (`alerts.orders.ordered`)."""

    move: ClassVar[Move] = Move.JOIN
    signal: Signal
    policy: Policy


@dataclass(frozen=True, slots=True)
class InArea:
    """The case is one call of an area incident, `area` (`alerts.orders.hot_issues`)."""

    move: ClassVar[Move] = Move.JOIN
    area: str


@dataclass(frozen=True, slots=True)
class Gains:
    """The area incident has one more call, `case`."""

    move: ClassVar[Move] = Move.TAKE_IN
    case: str
