"""The account of a drill: what happened, read from the ledger and the log, as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.metrics import response

from alerts.alert import Alert, Entry, Notice
from alerts.ledger.port import Ledger
from api.tally import Tally

STAGES: Final = ("event_at", "received_at", "raised_at", "first_notice_at", "acked_at", "handled_at", "closed_at")


def stamp(at: datetime | None) -> str | None:
    """An instant as ISO 8601 with its offset."""
    return at.isoformat(timespec="milliseconds") if at else None


def notice_row(notice: Notice) -> dict[str, Any]:
    """A notice as a person reads it."""
    at = notice.sent_at or notice.finished_at or notice.due_at
    return {
        "person": notice.name,
        "role": notice.role,
        "grid": notice.grid,
        "channel": notice.channel,
        "reason": notice.reason.value,
        "at": stamp(at),
        "state": notice.state.value,
    }


def alert_row(alert: Alert, notices: Sequence[Notice], timeline: Sequence[Entry]) -> dict[str, Any]:
    """An alert with its stages, notices and timeline."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "level": alert.level.value,
        "grid": alert.place.grid,
        "origins": list(alert.origins),
        "handling": alert.handling.value,
        "stages": {name: stamp(alert.stages.get(name)) for name in STAGES},
        "notices": [notice_row(n) for n in notices],
        "timeline": [{"at": stamp(e.at), "what": e.what, "why": e.why} for e in timeline],
    }


def account(
    ledger: Ledger, *, seed: int, seconds_to_first_alert: float | None, published: int, counted: Tally, now: datetime
) -> dict[str, Any]:
    """The whole account. `lost` is what was published and acknowledged by the broker but is neither kept nor rejected in the log."""
    alerts = ledger.stage_rows(now - timedelta(days=1), now + timedelta(seconds=1))
    return {
        "seed": seed,
        "seconds_to_first_alert": seconds_to_first_alert,
        "alerts": [alert_row(a, ledger.outbox(alert=a.id), ledger.timeline(a.id)) for a in alerts],
        "messages": {
            "published": published,
            "kept": counted.kept,
            "rejected": counted.rejected,
            "lost": max(published - counted.kept - counted.rejected, 0),
        },
        "response": response(alerts),
    }
