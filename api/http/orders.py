"""The hotline's work orders over HTTP: how many were linked and closed, per level."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from alerts.orders.summary import summary
from api.http.alerts import documented
from api.http.desk import TheDesk, answer
from api.http.order_rows import SummaryRow, summary_row
from api.http.problems import Problem

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])
WINDOW: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=400)

_COUNTY: Final[dict[str, Any]] = {"linked": 2248, "closed": 2174, "late": 31, "rate": 96.71}
_TOWNSHIP: Final[dict[str, Any]] = {"linked": 4084, "closed": 3969, "late": 58, "rate": 97.18}
EXAMPLE: Final[dict[str, Any]] = {
    "since": "2026-04-01T00:00:00+00:00", "until": "2026-05-01T00:00:00+00:00",
    "levels": {"county": _COUNTY, "township": _TOWNSHIP, "village": {"linked": 0, "closed": 0, "late": 0, "rate": None}},
    "whole": {"linked": 6332, "closed": 6143, "late": 89, "rate": 97.02},
}  # fmt: skip


@router.get(
    "/summary",
    summary="12345 办结率 · Orders linked and closed per level: county, township, village",
    responses=documented(SummaryRow, EXAMPLE),
)
def orders_summary(
    desk: TheDesk,
    since: Annotated[AwareDatetime | None, Query(description="Linked at or after; 30 days back when left out")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Linked before; now when left out")] = None,
) -> Response:
    now = desk.clock.now()
    end = until or now
    begin = since or end - WINDOW
    if not timedelta() < end - begin <= LONGEST:
        raise Problem("bad_request", why=f"since must lie before until, by {LONGEST.days} days at most")
    counts = summary(desk.ledger.orders(begin, end), desk.registry(), desk.roster(), now)
    return answer(summary_row(counts, begin, end))
