"""The outbox over HTTP: who was told what, over which channel, and how far it got; and an answer to a message of several cases."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from alerts.alert import NoticeState
from alerts.commands import Acknowledge
from alerts.delivery.letting_go import speaks_for_others
from api.http import rows
from api.http.alerts import BulkAnswer, result_of
from api.http.desk import TheDesk
from api.http.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["notices"])


class Answered(BaseModel):
    """Who answers a message."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(min_length=1, max_length=64, description="Who acts: shown on the timelines")
    note: str = Field("", max_length=2000)


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
    riders = desk.ledger.riders([n.key for n in newest if speaks_for_others(n)])
    return [rows.notice_row(notice, registry, riders.get(notice.key, ())) for notice in newest]


@router.post(
    "/notices/{key}/acknowledge", summary="合并通知接警 · Take every case that a message of several speaks for"
)
def acknowledge(key: Annotated[str, Path(max_length=64)], said: Answered, desk: TheDesk) -> BulkAnswer:
    """For whoever answers such a message in another way than by pressing a key. Each case is taken, or it says why not."""
    cases = [rider.alert for rider in desk.ledger.riders([key])[key]]
    if not cases:
        raise Problem("no_such_thing", what=f"message {key} of several cases")
    command = Acknowledge(said.by, via="desk", note=said.note)
    done = desk.conductor.bulk(list(dict.fromkeys(cases)), command, desk.clock.now())
    return BulkAnswer(results=[result_of(ident, outcome) for ident, outcome in done.items()])
