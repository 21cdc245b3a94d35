"""Alerts over HTTP: the queue, one case with its timeline and notices, and what a person may do with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from alerts.alert import Alert, Handling
from alerts.ledger.port import Filter, Ledger
from alerts.policy import Policies
from api.http import rows
from api.http.commands import Said, Verb, command_of, obey
from api.http.desk import TheDesk, answer
from api.http.problems import Problem
from api.http.report_rows import ReportRow, of_case
from streams.signal import Level

router = APIRouter(prefix="/api/v1", tags=["alerts"])
Ident = Annotated[str, Path(description="Id of the alert", max_length=128)]
BULK_LIMIT: Final = 500

EXAMPLE: Final[dict[str, Any]] = {
    "id": "6f1c0d4be2a94f0b7c1a2e55", "kind": "fire", "level": "red", "condition": "active", "handling": "new", "over": False,
    "grid": "yz-03-07", "township": "yz-03", "grid_names": ["云泽县", "柳溪镇", "第七网格"],
    "point": {"lat": 30.1, "lon": 103.2}, "placed_by": "registry", "origins": ["sensor", "camera"],
    "subjects": ["smoke-0142", "cam-01"], "rules": ["smoke-density"], "rule_versions": ["smoke-density@3f9c01ab"],
    "count": 3, "text": "", "value": 0.31, "marks": [],
    "stages": {"event_at": "2026-05-01T08:00:00+00:00", "raised_at": "2026-05-01T08:00:01.200000+00:00"},
    "last_seen": "2026-05-01T08:00:09+00:00", "assignee": "", "step": 1, "steps": 4,
    "escalate_at": "2026-05-01T08:00:05+00:00", "quiet": None, "policy": "fire-red/1", "outcome": "", "version": 4,
    "may": ["acknowledge", "dispatch", "note"],
    "finding": "", "bounces": 0, "merged_into": "", "merged": [], "owed": [], "orders": [], "area": "", "members": [],
    "timers": {"clock:close": "2026-05-01T14:00:00.300000+00:00"},
    "clocks": [{"name": "close", "matter": "urgent", "state": "running", "started": "2026-05-01T08:00:01.200000+00:00",
                "due": "2026-05-01T16:00:00+00:00", "stopped_at": None, "fraction": 0.0003, "colour": "green",
                "next": "2026-05-01T14:00:00.300000+00:00"}],
    "elapsed": [{"band": "green", "at": "2026-05-01T08:00:01.200000+00:00"}, {"band": "warn", "at": "2026-05-01T08:30:01.200000+00:00"},
                {"band": "critical", "at": "2026-05-01T09:00:01.200000+00:00"}],
    "scene": None,
    "told": [{"person": "p-031", "name": "孙某", "role": "leader", "channel": "sms", "reason": "first",
              "state": "delivered", "at": "2026-05-01T08:00:02+00:00"}],
}  # fmt: skip


class AlertPage(TypedDict):
    """`seq` is where the live stream stands: connect with `since=seq` and nothing falls between."""

    alerts: list[rows.AlertRow]
    cursor: str
    seq: int


class AlertWhole(TypedDict):
    """One case with everything about it. `ladder` is who answers for the place, lowest level first."""

    alert: rows.AlertRow
    timeline: list[rows.EntryRow]
    notices: list[rows.NoticeRow]
    ladder: list[rows.RungRow]
    reports: list[ReportRow]
    seq: int


class BulkResult(TypedDict):
    """What became of one alert of a bulk command; `problem` is empty when it was done."""

    id: str
    done: bool
    problem: str


class BulkAnswer(TypedDict):
    """Results in the order asked."""

    results: list[BulkResult]


class AlertQuery(BaseModel):
    """Which alerts. A filter may be repeated (`level=red&level=orange`); an empty one does not filter."""

    model_config = ConfigDict(extra="forbid")

    level: list[Level] = Field([], description="red, orange, yellow, blue")
    kind: list[str] = Field([], description="fire, gas, flood …")
    handling: list[Handling] = []
    grid: list[str] = Field([], description="Grid codes")
    township: list[str] = []
    subject: str = Field("", description="Device, camera or call")
    open: bool = Field(False, description="Only cases that are not over")
    since: AwareDatetime | None = Field(None, description="Raised at or after (ISO 8601 with offset)")
    seen_from: str = Field("", max_length=24, description="A level's code: cases at and below it that reach it")
    limit: int = Field(50, ge=1, le=500)
    cursor: str = Field("", description="From the page before")
    shown: bool = Field(False, description="A person is looking: alerts nobody has seen get their shown_at")

    def filter(self) -> Filter:
        """The same question to the ledger."""
        return Filter(
            levels=tuple(level.value for level in self.level),
            kinds=tuple(self.kind),
            handlings=tuple(handling.value for handling in self.handling),
            grids=tuple(self.grid),
            townships=tuple(self.township),
            subject=self.subject,
            open_only=self.open,
            since=self.since,
        )


class Bulk(Said):
    """The same words for many alerts."""

    ids: list[str] = Field(min_length=1, max_length=BULK_LIMIT, examples=[["6f1c0d4be2a94f0b7c1a2e55"]])


def documented(model: Any, example: Any) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of a successful answer."""
    return {200: {"model": model, "content": {"application/json": {"example": example}}}}


@router.get(
    "/alerts",
    summary="警情列表 · The queue, worst and newest first",
    responses=documented(AlertPage, {"alerts": [EXAMPLE], "cursor": "", "seq": 812}),
)
def list_alerts(request: Request, desk: TheDesk, query: Annotated[AlertQuery, Query()]) -> Response:
    """One page, and the cursor of the next (empty at the end)."""
    seq = desk.ledger.last_seq()
    try:
        wanted = query.filter()
        if query.seen_from:
            policies: Policies = request.app.state.policies
            wanted = replace(wanted, seen=policies.reach.seen_from(query.seen_from, desk.registry()))
        page = desk.ledger.page(wanted, limit=query.limit, cursor=query.cursor)
    except ValueError as error:
        raise Problem("bad_request", why=str(error)) from error
    if query.shown:
        request.app.state.saw([a.id for a in page.alerts if unseen(a)])
    registry = desk.registry()
    now = desk.clock.now()
    notices = desk.ledger.notices_of([a.id for a in page.alerts])
    found = [rows.alert_row(a, registry, notices[a.id], now=now) for a in page.alerts]
    return answer({"alerts": found, "cursor": page.cursor, "seq": seq})


@router.get(
    "/alerts/{ident}",
    summary="警情详情 · One case with its timeline, notices and who answers for the place",
    responses=documented(
        AlertWhole, {"alert": EXAMPLE, "timeline": [], "notices": [], "ladder": [], "reports": [], "seq": 812}
    ),
)
def one_alert(ident: Ident, desk: TheDesk) -> Response:
    seq = desk.ledger.last_seq()
    alert = known(desk.ledger, ident)
    registry = desk.registry()
    notices = desk.ledger.outbox(alert=ident)
    return answer({
        "alert": rows.alert_row(alert, registry, notices, now=desk.clock.now()),
        "timeline": [rows.entry_row(entry) for entry in desk.ledger.timeline(ident)],
        "notices": [rows.notice_row(notice, registry) for notice in notices],
        "ladder": rows.ladder(alert, registry, desk.roster()),
        "reports": of_case(alert, desk.ledger, desk.roster()),
        "seq": seq,
    })  # fmt: skip


@router.get("/alerts/{ident}/timeline", summary="时间线 · Everything that happened to one case, oldest first")
def one_timeline(ident: Ident, desk: TheDesk) -> list[rows.EntryRow]:
    known(desk.ledger, ident)
    return [rows.entry_row(entry) for entry in desk.ledger.timeline(ident)]


@router.get("/timeline", summary="动态 · What happened to all cases after a position of the timeline")
def all_timeline(
    desk: TheDesk,
    after: Annotated[int, Query(ge=0, description="The last `seq` already known")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[rows.EntryRow]:
    return [rows.entry_row(entry) for entry in desk.ledger.entries_after(after, limit=limit)]


@router.post(
    "/alerts/bulk/{verb}",
    summary="批量处置 · The same words for up to 500 cases",
    responses=documented(BulkAnswer, {"results": [{"id": EXAMPLE["id"], "done": True, "problem": ""}]}),
)
def bulk(verb: Verb, said: Bulk, desk: TheDesk) -> Response:
    """Each alert is done or refused by itself; the answer is 200 with a result for each, in the order asked."""
    ids = list(dict.fromkeys(said.ids))
    outcome = desk.conductor.bulk(ids, command_of(verb, said), desk.clock.now())
    return answer({"results": [result_of(ident, outcome.get(ident)) for ident in ids]})


@router.post(
    "/alerts/{ident}/{verb}",
    summary="处置 · Acknowledge, dispatch, accept, arrive, handle, verify, close, false-alarm, reopen, note",
    responses=documented(rows.AlertRow, {**EXAMPLE, "handling": "acknowledged"}),
)
def act(ident: Ident, verb: Verb, said: Said, desk: TheDesk) -> Response:
    """The alert as it is afterwards. A step that is not possible now is a 409 that says why; it changes nothing."""
    alert: Alert = obey(desk, ident, verb, said)
    notices = desk.ledger.outbox(alert=ident)
    return answer(rows.alert_row(alert, desk.registry(), notices, now=desk.clock.now()))


def known(ledger: Ledger, ident: str) -> Alert:
    """The alert, or a 404."""
    alert = ledger.alert(ident)
    if alert is None:
        raise Problem("no_such_alert", id=ident)
    return alert


def unseen(alert: Alert) -> bool:
    """Whether no operator has been shown an alert that is still open."""
    return "shown_at" not in alert.stages and not alert.handling.over


def result_of(ident: str, outcome: object) -> BulkResult:
    """What became of one case of several: done, or the reason why not."""
    failed = isinstance(outcome, Exception | str) or outcome is None
    return BulkResult(id=ident, done=not failed, problem=str(outcome or "unknown alert") if failed else "")
