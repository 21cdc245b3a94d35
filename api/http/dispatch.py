"""Before somebody is sent: whom one could send, and the questions that say how bad it is. Neither decides; a person does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from alerts.alert import Alert
from alerts.conduct import UNREACHED, UnknownAlert
from alerts.dispatch.recommending import Field as Known
from alerts.dispatch.recommending import people_asked_of, recommend
from alerts.outcome import NotAllowed
from alerts.policy import Policies
from alerts.triage.commands import Triage
from alerts.triage.policy import QUESTIONS
from api.http import dispatch_rows, rows
from api.http.desk import Desk, TheDesk, answer
from api.http.problems import Problem

router = APIRouter(prefix="/api/v1/alerts/{ident}", tags=["dispatch"])
LATELY: Final = timedelta(
    hours=24
)  # cases of this age that are over still say where somebody was and whether they rest
Ident = Annotated[str, Path(description="Id of the alert", max_length=128)]
_Id = Annotated[str, Field(min_length=1, max_length=32)]


class Answered(BaseModel):
    """Answers by the ids of their questions. What is left out was not answered."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"by": "值班员01", "answers": {"inside": "yes", "seen": "flames"}}]},
    )

    by: str = Field(min_length=1, max_length=64, description="Who asks: shown on the timeline")
    answers: dict[_Id, _Id] = Field(min_length=1, max_length=QUESTIONS)
    note: str = Field("", max_length=2000, description="A remark; no personal data")


@router.get(
    "/recommendation", summary="派单建议 · Whom one could send, best first, with the reasons; or why there is nobody"
)
def recommendation(ident: Ident, request: Request, desk: TheDesk) -> dispatch_rows.RecommendationRow:
    alert, registry, now = _known(desk, ident), desk.registry(), desk.clock.now()
    policies: Policies = request.app.state.policies
    roster = desk.roster()
    people = people_asked_of(alert, registry, roster, now)
    known = Known(
        registry,
        roster,
        desk.ledger.given_to(people, now - LATELY),
        _refused(desk, ident),
        desk.ledger.unreachable(now - UNREACHED),
        policies.dispatch,
    )
    return dispatch_rows.recommendation_row(recommend(alert, known, now), registry)


@router.get("/questions", summary="研判问询 · What to ask about a case, and what was answered last")
def questions(ident: Ident, request: Request, desk: TheDesk) -> dispatch_rows.QuestionsRow:
    alert = _known(desk, ident)
    policies: Policies = request.app.state.policies
    return dispatch_rows.questions_row(alert, policies.triage.of(alert.kind))


@router.post("/triage", summary="记录研判 · The answers: they go on the timeline and may make it worse, never less bad")
def triage(ident: Ident, said: Answered, desk: TheDesk) -> Response:
    """The alert as it is afterwards. An answer that fits no question is a 409 that says what there is, and changes nothing."""
    now: datetime = desk.clock.now()
    try:
        alert = desk.conductor.command(ident, Triage(said.by, said.answers, said.note), now)
    except UnknownAlert as error:
        raise Problem("no_such_alert", id=ident) from error
    except NotAllowed as error:
        raise Problem("not_allowed", why=str(error)) from error
    row: Any = rows.alert_row(alert, desk.registry(), desk.ledger.outbox(alert=ident), now=now)
    return answer(row)


def _known(desk: Desk, ident: str) -> Alert:
    alert = desk.ledger.alert(ident)
    if alert is None:
        raise Problem("no_such_alert", id=ident)
    return alert


def _refused(desk: Desk, ident: str) -> frozenset[str]:
    """Who gave this very case back, as its timeline has it."""
    return frozenset(str(e.detail.get("was", "")) for e in desk.ledger.timeline(ident) if e.what == "given_back")
