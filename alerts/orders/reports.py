"""What the platform of a work order is told, as a notice of the outbox. Pure.

The text is JSON in our own words; whoever sends it puts them into the platform's (`alerts.channels.hotline`). It names the place and the
case, never a person, and what people wrote is in it without telephone and identity numbers (law 14).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from alerts.alert import Alert, Handling, Notice, Reason
from alerts.notices import place_name
from alerts.orders.order import Report
from alerts.outcome import WriteBack
from ingest.dialects.hotline import masked
from ingest.events import digest
from ingest.registry import Registry
from streams.signal import Level

CHANNEL: Final = "hotline"  # before the name of the platform
LONGEST: Final = 1000  # characters of a result


def channel_of(platform: str) -> str:
    """The channel over which a platform is told."""
    return f"{CHANNEL}:{platform}"


def report_notice(alert: Alert, wanted: WriteBack, registry: Registry, now: datetime) -> Notice:
    """The notice of one report. Its key is made of the order and the report's number, so that it exists once (law 3).

    It is never worse than blue: a platform's bookkeeping waits behind every bell.
    """
    key = digest("order", wanted.platform, wanted.order, wanted.number, wanted.report)
    said: dict[str, Any] = {
        "key": key, "platform": wanted.platform, "order_no": wanted.order, "seq": wanted.number, "report": wanted.report.value,
        "at": now.isoformat(), "case": alert.id, "unit": place_name(registry, alert.place.grid, ""),
        "text": masked(wanted.text or _said(alert, wanted.report))[:LONGEST], "finding": _finding(alert, wanted.report),
    }  # fmt: skip
    return Notice(
        key=key,
        alert=alert.id,
        person=wanted.order,
        name=wanted.platform,
        role=CHANNEL,
        grid="",
        channel=channel_of(wanted.platform),
        reason=Reason.ORDER,
        level=Level.BLUE,
        text=orjson.dumps(said).decode(),
        created_at=now,
        due_at=now,
        step=wanted.number,
    )


def _said(alert: Alert, report: Report) -> str:
    match report:
        case Report.HANDLED:
            return alert.work.result
        case Report.CLOSED | Report.RETURNED:
            return alert.outcome or alert.work.result
        case _:
            return ""


def _finding(alert: Alert, report: Report) -> str:
    if report not in {Report.CLOSED, Report.RETURNED}:
        return ""
    return "void" if alert.handling is Handling.VOID else alert.work.finding
