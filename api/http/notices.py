"""The outbox over HTTP: who was told what, over which channel, and how far it got."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from alerts.alert import NoticeState
from api.http import rows
from api.http.desk import TheDesk

router = APIRouter(prefix="/api/v1", tags=["notices"])


@router.get("/notices", summary="发件箱 · Notices, newest first; failed ones carry the provider's words")
def list_notices(
    desk: TheDesk,
    alert: Annotated[str, Query(max_length=128)] = "",
    state: Annotated[list[NoticeState] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[rows.NoticeRow]:
    registry = desk.registry()
    states = tuple(one.value for one in state or ())
    found = desk.ledger.outbox(alert=alert, states=states, limit=limit)
    newest = sorted(found, key=lambda n: (n.created_at, n.key), reverse=True)
    return [rows.notice_row(notice, registry) for notice in newest]
