"""The account of a drill: what happened, read from the ledger and the log, as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.alert import Alert, Entry, Notice
from alerts.ledger.port import Ledger
from alerts.metrics import Figure, response
from alerts.policy import Policies
from alerts.words import Words
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


def alert_row(alert: Alert, notices: Sequence[Notice], timeline: Sequence[Entry], told: Told) -> dict[str, Any]:
    """An alert with its stages, notices and timeline; `why` is the sentence a person reads."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "level": alert.level.value,
        "grid": alert.place.grid,
        "origins": list(alert.origins),
        "handling": alert.handling.value,
        "stages": {name: stamp(alert.stages.get(name)) for name in STAGES},
        "notices": [notice_row(n) for n in notices],
        "timeline": [
            {"at": stamp(e.at), "what": e.what, "why": told.words.explain(told.language, e)} for e in timeline
        ],
    }


def response_row(alerts: Sequence[Alert], policies: Policies, now: datetime) -> dict[str, Any]:
    """Response times over all cases per span, and the same kept apart by level, kind, township and first sense."""
    every = response(alerts, now, targets=policies.targets, by=())
    return {
        **{figure.span.value: _figure(figure) for figure in every},
        "groups": [asdict(figure) for figure in response(alerts, now, targets=policies.targets)],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "measured": figure.measured,
        "p50": figure.p50,
        "p90": figure.p90,
        "share_within_target": figure.share,
        "impossible": figure.impossible,
    }


@dataclass(frozen=True, slots=True)
class Told:
    """In which words an account is told, and by which targets it is judged."""

    words: Words
    language: str
    policies: Policies


@dataclass(frozen=True, slots=True)
class Run:
    """What the drill itself counted."""

    seed: int
    seconds_to_first_alert: float | None
    published: int
    counted: Tally


def account(ledger: Ledger, run: Run, told: Told, now: datetime) -> dict[str, Any]:
    """The whole account. `lost` is what the MQTT broker took but the log neither kept nor rejected."""
    alerts = ledger.stage_rows(now - timedelta(days=1), now + timedelta(seconds=1))
    return {
        "seed": run.seed,
        "seconds_to_first_alert": run.seconds_to_first_alert,
        "alerts": [alert_row(a, ledger.outbox(alert=a.id), ledger.timeline(a.id), told) for a in alerts],
        "messages": {
            "published": run.published,
            "kept": run.counted.kept,
            "rejected": run.counted.rejected,
            "lost": max(run.published - run.counted.kept - run.counted.rejected, 0),
        },
        "response": response_row(alerts, told.policies, now),
    }
