"""What a replay raised: one plain record for each alert, with times in the recording's own time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from alerts.alert import Alert, Notice


def alert_line(alert: Alert, notices: Sequence[Notice], zero: datetime | None) -> dict[str, Any]:
    """One alert as `tocsin replay --json` prints it.

    `device` and `rule` are the first that spoke. With `zero`, the instant of a relative recording's second 0, event, raise and
    notices carry seconds since then as well (`event_s`, `raised_s`, `at_s`).
    """
    event_at, raised_at = alert.stages.get("event_at"), alert.stages.get("raised_at")
    line = {
        "kind": alert.kind,
        "level": alert.level.value,
        "device": alert.subjects[0] if alert.subjects else "",
        "grid": alert.place.grid,
        "event_at": _written(event_at),
        "raised_at": _written(raised_at),
        "rule": alert.rules[0] if alert.rules else "",
        "value": alert.value,
        "devices": list(alert.subjects),
        "rules": list(alert.rules),
        "count": alert.count,
        "notices": [_notice_line(n, zero) for n in sorted(notices, key=lambda n: (n.created_at, n.key))],
    }
    if zero is not None:
        line |= {"event_s": _seconds(event_at, zero), "raised_s": _seconds(raised_at, zero)}
    return line


def _notice_line(notice: Notice, zero: datetime | None) -> dict[str, Any]:
    at = notice.sent_at or notice.finished_at or notice.created_at
    line = {
        "person": notice.person,
        "role": notice.role,
        "channel": notice.channel,
        "reason": notice.reason.value,
        "at": _written(at),
        "state": notice.state.value,
    }
    return line if zero is None else {**line, "at_s": _seconds(at, zero)}


def _written(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds") if at else None


def _seconds(at: datetime | None, zero: datetime) -> float | None:
    return round((at - zero).total_seconds(), 3) if at else None
