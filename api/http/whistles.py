"""The whistle (吹哨报到) over HTTP: a township blows it, the county centre names units, each unit attends and reports, somebody judges.

Everything may be sent again until it is answered: what has happened already changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alerts.alert import Alert
from alerts.conduct import UnknownAlert
from alerts.outcome import NotAllowed
from alerts.whistle import commands
from alerts.whistle.whistle import LONGEST, UNITS
from api.http import whistle_rows as rows
from api.http.desk import Desk, TheDesk, answer
from api.http.problems import Problem

router = APIRouter(prefix="/api/v1/whistles", tags=["whistles"])
MOST = 1000  # open whistles that one list looks at
Ident = Annotated[str, Path(description="Id of the case", max_length=64)]
Unit = Annotated[str, Path(description="Id of the department", max_length=64)]
By = Annotated[str, Field(min_length=1, max_length=64, description="Who acts: shown on the timeline")]
_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Note = Annotated[str, Field(max_length=500)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: By


class Blown(_Said):
    """A township whistles. Units read the matter: it is no place for personal data."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"by": "清溪镇", "matter": "street_stalls", "note": "夜市外溢，堵塞消防通道"}]},
    )

    matter: str = Field(
        min_length=1, max_length=LONGEST, description="The key of a standard matter, else what is to be done in words"
    )
    note: _Note = ""
    deadline: AwareDatetime | None = Field(None, description="For all units; as the policy says when left out")


class Named(_Said):
    """The county centre names units, or further ones."""

    units: list[_Id] = Field([], max_length=UNITS, description="Ids of departments")
    lead: str = Field("", max_length=64, description="Who leads; the first named when left out")
    deadline: AwareDatetime | None = Field(
        None, description="Only with the first units of a matter that is not standard"
    )


class Attended(_Said):
    """A unit is there."""

    note: _Note = ""


class Reported(_Said):
    """What a unit has done."""

    text: str = Field(min_length=1, max_length=2000)


class Accepted(_Said):
    """A report is good."""

    score: int | None = Field(None, ge=1, le=5)
    note: _Note = ""


class Asked(_Said):
    """Who asks for a reminder."""


class Refused(_Said):
    """Why a report is sent back, or a whistle called off. Units read it."""

    note: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("", summary="吹哨台账 · Open whistles, with who has not attended, reported or been judged")
def list_whistles(
    desk: TheDesk,
    owing: Annotated[
        Literal["name", "attend", "report", "accept"] | None, Query(description="Only where somebody owes this")
    ] = None,
    unit: Annotated[str, Query(max_length=64, description="Only those this department owes something to")] = "",
    overdue: Annotated[bool, Query(description="Only where somebody is late")] = False,
) -> rows.WhistleList:
    found = desk.ledger.whistled(MOST + 1)
    listed = [row for alert in found[:MOST] for row in _rows(desk, alert)[-1:]]
    wanted = [row for row in listed if _wanted(row, owing or "", unit, overdue=overdue)]
    return rows.WhistleList(whistles=wanted, more=len(found) > MOST)


@router.get("/matters", summary="标准事项 · The standard matters and the departments of the policy")
def matters(request: Request) -> rows.MattersRow:
    return rows.matters_row(request.app.state.whistles)


@router.get("/{ident}", summary="一件警情的吹哨 · Every whistle of a case, the last one last")
def of_case(ident: Ident, desk: TheDesk) -> rows.CaseWhistles:
    alert = desk.ledger.alert(ident)
    if alert is None:
        raise Problem("no_such_alert", id=ident)
    return rows.CaseWhistles(whistles=_rows(desk, alert))


@router.post("/{ident}", status_code=201, summary="吹哨 · Blow the whistle; 200 when it was blown already")
def blow(ident: Ident, said: Blown, desk: TheDesk) -> Response:
    before = desk.ledger.alert(ident)
    made = _said(desk, ident, commands.Blow(said.by, said.matter, said.note, said.deadline))
    known = before is not None and len(before.work.whistles) == made["number"]
    return answer(made, 200 if known else 201, location=f"{router.prefix}/{ident}")


@router.post("/{ident}/units", summary="指定单位 · Name units, and who leads")
def name(ident: Ident, said: Named, desk: TheDesk) -> rows.WhistleRow:
    return _said(desk, ident, commands.NameUnits(said.by, tuple(said.units), said.lead, said.deadline))


@router.post("/{ident}/units/{unit}/attend", summary="报到 · A unit reports for duty")
def attend(ident: Ident, unit: Unit, said: Attended, desk: TheDesk) -> rows.WhistleRow:
    return _said(desk, ident, commands.Attend(said.by, unit, said.note))


@router.post("/{ident}/units/{unit}/report", summary="回报 · A unit says what it has done")
def report(ident: Ident, unit: Unit, said: Reported, desk: TheDesk) -> rows.WhistleRow:
    return _said(desk, ident, commands.Report(said.by, unit, said.text))


@router.post("/{ident}/units/{unit}/accept", summary="认可回报 · Somebody else than who wrote it accepts")
def accept(ident: Ident, unit: Unit, said: Accepted, desk: TheDesk) -> rows.WhistleRow:
    return _said(desk, ident, commands.AcceptReport(said.by, unit, said.score, said.note))


@router.post("/{ident}/units/{unit}/send-back", summary="退回回报 · Send a report back, with the reason")
def send_back(ident: Ident, unit: Unit, said: Refused, desk: TheDesk) -> rows.WhistleRow:
    return _said(desk, ident, commands.SendBack(said.by, unit, said.note))


@router.post("/{ident}/remind", summary="催办 · Remind every unit that owes something")
def remind(
    ident: Ident,
    said: Asked,
    desk: TheDesk,
    idempotency_key: Annotated[
        str,
        Header(alias="Idempotency-Key", max_length=128, description="Makes it happen once: repeat it until answered"),
    ] = "",
) -> rows.WhistleRow:
    if not idempotency_key.strip():
        raise Problem("key_missing")
    return _said(desk, ident, commands.RemindUnits(said.by, idempotency_key.strip()))


@router.post("/{ident}/call-off", summary="取消吹哨 · Call it off, with the reason")
def call_off(ident: Ident, said: Refused, desk: TheDesk) -> rows.WhistleRow:
    return _said(desk, ident, commands.CallOff(said.by, said.note))


def _said(desk: Desk, ident: str, command: commands.WhistleCommand) -> rows.WhistleRow:
    """Do it; the whistle as it is now. What is not possible is a 409 and changes nothing."""
    try:
        alert = desk.conductor.command(ident, command, desk.clock.now())
    except UnknownAlert as error:
        raise Problem("no_such_alert", id=ident) from error
    except NotAllowed as error:
        raise Problem("not_allowed", why=str(error)) from error
    return _rows(desk, alert)[-1]


def _rows(desk: Desk, alert: Alert) -> list[rows.WhistleRow]:
    registry, now = desk.registry(), desk.clock.now()
    return [rows.whistle_row(alert, whistle, registry, now) for whistle in alert.work.whistles]


def _wanted(row: rows.WhistleRow, owing: str, unit: str, *, overdue: bool) -> bool:
    waits = row["owing"]
    units = {"attend": waits["attend"], "report": waits["report"], "accept": waits["accept"]}
    owes = [who for what, some in units.items() if owing in {"", what} for who in some]
    fits = not owing or bool(owes) or (owing == "name" and waits["name"])
    late = row["overdue"] or any(task["overdue"] for task in row["tasks"])
    return fits and (not unit or unit in owes) and (not overdue or late)
