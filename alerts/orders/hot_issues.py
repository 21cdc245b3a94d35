"""An area incident and the calls that are part of it (未诉先办): what each of them says about it. Only `alerts.lifecycle` asks.

The incident is dispatched once, for the area. Its calls stay cases of their own, with their numbers, clocks and callers; their bells are
kept shut by the policy's rule (`[[quiet.inhibit]]`, `equal = ["area"]`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Entry
from alerts.orders.events import Gains, InArea
from alerts.outcome import Outcome, Why

MEMBERS: Final = 1000  # cases that an incident names; the timeline has all of them


def in_area(alert: Alert, event: InArea, now: datetime) -> Outcome:
    """A case is one call of an area incident; one that is over stays what it was."""
    if alert.handling.over or alert.work.area == event.area:
        return Outcome(alert)
    line = Entry(alert.id, now, "in_area", why=Why.HOT_ISSUE, detail=MappingProxyType({"area": event.area}))
    return Outcome(replace(alert, work=replace(alert.work, area=event.area)), (line,))


def gains(alert: Alert, event: Gains, now: datetime) -> Outcome:
    """The other side: the incident has one more call."""
    members = alert.work.members
    if event.case in members:
        return Outcome(alert)
    line = Entry(alert.id, now, "member", why=Why.HOT_ISSUE, detail=MappingProxyType({"case": event.case}))
    if len(members) >= MEMBERS:
        return Outcome(alert, (line,))
    return Outcome(replace(alert, work=replace(alert.work, members=(*members, event.case))), (line,))
