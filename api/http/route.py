"""Why this person: the route of a grid or a point at an instant, with every level and everybody of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from alerts.conduct import UNREACHED
from alerts.people.routing import Moment
from alerts.policy import Policies
from alerts.words import load_words
from api.explained import Question, answered, point_of
from api.http.desk import Desk, TheDesk, answer
from api.http.problems import Problem, language_of
from ingest.events import InvalidEvent, Point
from ingest.places import Places, Placing
from streams.signal import Level

router = APIRouter(prefix="/api/v1", tags=["roster"])


@router.get("/route", summary="派给谁 · Whom a place finds at an instant, and why")
def route(
    request: Request,
    desk: TheDesk,
    grid: Annotated[str, Query(max_length=24, description="A grid's code")] = "",
    at: Annotated[str, Query(max_length=80, description="LAT,LON[,DATUM] instead of a grid")] = "",
    time: Annotated[AwareDatetime | None, Query(description="An instant; now when left out")] = None,
    kind: Annotated[str, Query(max_length=64, description="Go through the chain of this kind as well")] = "",
    level: Annotated[Level, Query(description="The level of that chain")] = Level.RED,
) -> Response:
    """`text` explains it in the language asked for; `levels` has everybody of every level up to the one that is told."""
    if bool(grid) == bool(at):
        raise Problem("bad_request", why="say either grid=CODE or at=LAT,LON[,DATUM]")
    now = time or desk.clock.now()
    try:
        point = point_of(at) if at else None
    except InvalidEvent as error:
        raise Problem("bad_request", why=str(error)) from error
    policies: Policies = request.app.state.policies
    steps = policies.policy(kind).chain(level) if kind else ()
    question = Question(_moment(desk, now), grid, point, steps, level, policies.reach)
    registry, roster = desk.registry(), desk.roster()

    def settled(wanted: Point, when: datetime) -> Placing | None:
        return desk.settle(wanted, when) if desk.settle else Places(registry.at(when)).settle(wanted)

    return answer(answered(question, registry, roster, settled, load_words(), language_of(request)))


def _moment(desk: Desk, now: datetime) -> Moment:
    return Moment(now, now, desk.ledger.unreachable(now - UNREACHED))
