"""What the routes stand on: the parts the composition root hands to `create_app`, and how a route gets at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

import orjson
from fastapi import Depends, Request, Response

from alerts.alert import Alert, NoticeState
from alerts.commands import Command
from alerts.instructions.instructing import Instructor
from alerts.ledger.port import Ledger
from alerts.people.roster import Roster
from alerts.settings import NotifySettings
from api.pushes import Pushes
from api.reports import ReportDoor
from api.selfwatch.board import Board
from api.slips import ReportLinks, Slips
from ingest.clock import Clock
from ingest.events import Call, Point
from ingest.places import Placing
from ingest.registry import Registry
from streams.series.port import Series


class Conducting(Protocol):
    """What the API asks of `alerts.conduct.Conductor`."""

    def command(self, alert_id: str, command: Command, now: datetime) -> Alert: ...
    def bulk(self, ids: Sequence[str], command: Command, now: datetime) -> dict[str, Any]: ...
    def receipt(
        self, notice_key: str, state: NoticeState, now: datetime, *, provider_id: str = "", error: str = ""
    ) -> None: ...
    def answered(self, notice_key: str, now: datetime, digit: str) -> Alert | None: ...
    def reconsider(self, ids: Sequence[str], now: datetime, *, by: str = "tocsin") -> list[Alert]: ...
    @property
    def instructor(self) -> Instructor: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the routes need. `registry` and `roster` are asked each time, so an import shows without a restart.

    `publish_call` validates a hotline call with the dialect of the MQTT door and returns it when the log has it;
    without it calls are refused with 503. `counts` adds figures to `/metrics`; each of `checks` says "" when its part
    is well, else what is wrong. `board` has what the watch over the system itself found, `pushes`
    are the doors of platforms, `settle` finds the grid of a point at an instant, `slips` sign the pages of instructions.
    `reports` takes what patrols and residents report, `report_links` sign their pages, `reveal` opens a sealed number.
    """

    ledger: Ledger
    conductor: Conducting
    registry: Callable[[], Registry]
    roster: Callable[[], Roster]
    series: Series
    clock: Clock
    notify: NotifySettings
    publish_call: Callable[[dict[str, Any]], Awaitable[Call]] | None = None
    counts: Callable[[], Mapping[str, float]] | None = None
    checks: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    board: Board = field(default_factory=Board)
    pushes: Pushes | None = None
    settle: Callable[[Point, datetime], Placing | None] | None = None
    slips: Slips = field(default_factory=lambda: Slips(""))
    reports: ReportDoor | None = None
    report_links: ReportLinks = field(default_factory=lambda: ReportLinks(""))
    reveal: Callable[[str], str] | None = None


async def _desk(request: Request) -> Desk:  # not in a thread: there is nothing to wait for
    found: Desk = request.app.state.desk
    return found


TheDesk = Annotated[Desk, Depends(_desk)]


def answer(body: object, status: int = 200, **headers: str) -> Response:
    """A JSON response; instants are ISO 8601 with their offset."""
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
