"""When a step of a chain is rung at all: only at certain times of day, only when enough has happened lately."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Final

from alerts.alert import Alert, Step
from alerts.rules import seconds

CHINA: Final = timezone(timedelta(hours=8), "CST")  # one zone for the whole country


def enough(step: Step, alert: Alert, now: datetime) -> bool:
    """Whether more than `step.more_than` pieces of evidence came within the last `step.within` seconds."""
    if not step.more_than:
        return True
    return sum(now - at <= seconds(step.within) for at in alert.work.recent) > step.more_than


def opens_at(step: Step, now: datetime) -> datetime | None:
    """When the step's time of day begins; None when it is now, or always. A window may go over midnight; its end is not in it."""
    if step.between is None:
        return None
    begins, ends = (time.fromisoformat(text) for text in step.between)
    local = now.astimezone(CHINA)
    at = local.time()
    within = begins <= at < ends if begins < ends else at >= begins or at < ends
    if within:
        return None
    today = local.replace(hour=begins.hour, minute=begins.minute, second=0, microsecond=0)
    return (today if today > local else today + timedelta(days=1)).astimezone(now.tzinfo)
