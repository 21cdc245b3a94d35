"""The auditor: does every unanswered case have a next step, and is none of them late? Nothing else looks for a bell that fell silent.

Every started escalation must have a valid next instant (Grafana OnCall's `check_escalation_finished`). A step that is late means nobody
climbs: whoever should is away, or stuck.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.alert import Alert, Handling
from alerts.escalation import silent

LATE: Final = timedelta(
    seconds=30
)  # a step is rung within half a second; this leaves room for a process that is started again


class Trouble(StrEnum):
    """What is wrong with a case's bell."""

    MISSING = "missing"  # steps are left, and none of them will be rung by itself
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Found:
    """One case whose bell is in trouble."""

    alert: str
    trouble: Trouble
    due: datetime | None = None


def audit(alerts: Iterable[Alert], now: datetime) -> list[Found]:
    """Every case of these whose next step is missing or overdue."""
    found: list[Found] = []
    for alert in alerts:
        if silent(alert):
            found.append(Found(alert.id, Trouble.MISSING))
        elif alert.handling is Handling.NEW and alert.escalate_at is not None and now - alert.escalate_at > LATE:
            found.append(Found(alert.id, Trouble.OVERDUE, alert.escalate_at))
    return found
