"""Response times over HTTP: P50, P90 and the share in target of every stage, kept apart by what the caller asks for."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime
from typing_extensions import TypedDict

from alerts.metrics import Group, Span, response
from api.http.alerts import documented
from api.http.desk import TheDesk, answer
from api.http.problems import Problem

router = APIRouter(prefix="/api/v1/metrics", tags=["metrics"])
WINDOW: Final = timedelta(hours=24)

EXAMPLE: Final[dict[str, Any]] = {
    "span": "acknowledged", "level": "red", "kind": "fire", "grid": "", "township": "", "origin": "", "measured": 12,
    "p50": 21.4, "p90": 74.0, "within": 11, "overdue": 0, "share": 0.9167, "impossible": 0,
}  # fmt: skip


class FigureRow(TypedDict):
    """Seconds. `share` is null where there is no target; cases that are overdue and unfinished count against it."""

    span: Span
    level: str
    kind: str
    grid: str
    township: str
    origin: str
    measured: int
    p50: float | None
    p90: float | None
    within: int
    overdue: int
    share: float | None
    impossible: int


class ResponseTimes(TypedDict):
    """Figures of the alerts raised in the window, worst level first."""

    since: str
    until: str
    figures: list[FigureRow]
    targets: dict[str, dict[str, float | None]]


@router.get(
    "/response",
    summary="响应时效 · P50, P90 and share in target per stage, never a bare mean",
    responses=documented(
        ResponseTimes,
        {
            "since": "2026-05-01T00:00:00+00:00",
            "until": "2026-05-02T00:00:00+00:00",
            "figures": [EXAMPLE],
            "targets": {"red": {"told": 10, "acknowledged": 300, "handled": 3600, "closed": 86400}},
        },
    ),
)
def response_times(
    request: Request,
    desk: TheDesk,
    by: Annotated[list[Group] | None, Query(description="Kept apart by; `level` and `kind` when left out")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> Response:
    """The last 24 hours when no instants are given. Impossible orders (closed before raised) are counted, not averaged in."""
    now = desk.clock.now()
    end = until or now
    start = since or end - WINDOW
    if start >= end:
        raise Problem("bad_request", why=f"since {start.isoformat()} is not before until {end.isoformat()}")
    targets = request.app.state.targets
    found = response(desk.ledger.stage_rows(start, end), now, targets=targets, by=by or (Group.LEVEL, Group.KIND))
    return answer({
        "since": start,
        "until": end,
        "figures": [asdict(figure) for figure in found],
        "targets": {level.value: asdict(target) for level, target in targets.items()},
    })  # fmt: skip
