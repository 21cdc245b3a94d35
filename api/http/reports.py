"""Reports of grid workers and residents over HTTP: taken once the log has them (law 1), and shown to the desk with their pictures."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from alerts.alert import Alert
from alerts.commands import Note
from alerts.reports import MOST_PICTURES, Filed
from alerts.words import load_words
from api.http.desk import Desk, TheDesk, answer
from api.http.problems import Problem
from api.http.report_rows import ReportRow, of_case, report_row
from api.reports import API, ReportDoor, Sent, TooMany
from api.slips import Spot
from ingest.coordinates import Datum, to_wgs84
from ingest.dialects.native import MARKS
from ingest.events import InvalidEvent, Mark, Point
from ingest.reports import Said
from streams.signal import Origin

router = APIRouter(prefix="/api/v1", tags=["reports"])
Number = Annotated[str, Path(pattern=r"^R-[0-9a-f]{16}$")]
WORDS_LIMIT: Final = 64 * 1024  # bytes of everything that is not a picture
DATUM: Final = "^(wgs84|gcj02|bd09|cgcs2000)$"
_EXTENSION: Final = {"image/jpeg": "jpg", "image/png": "png"}
_PICTURE: Final = {
    "content-security-policy": "default-src 'none'; sandbox", "cache-control": "private, max-age=3600", "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}  # fmt: skip


class ReportIn(BaseModel):
    """What somebody reports. The same in a form (`multipart/form-data`), with pictures as files of the name `pictures`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{
                "id": "patrol-20260501-0817", "origin": "patrol", "reporter": "g-0817", "kind": "manhole", "text": "东街路口井盖缺失",
                "lat": 30.1, "lon": 103.2, "at": "2026-05-01T16:00:05+08:00",
            }],
        },
    )  # fmt: skip

    id: str = Field(
        min_length=1, max_length=128, description="Its own number where it comes from: sending it twice is one report"
    )
    origin: Literal["patrol", "resident"]
    kind: str = Field(max_length=48, description="One of `GET /api/v1/reports/kinds`")
    text: str = Field("", max_length=2000)
    reporter: str = Field("", max_length=128, description="patrol: the grid worker's id on the roster")
    phone: str = Field(
        "", max_length=32, pattern=r"^(\+?[\d -]{5,31})?$", description="resident: to be called back; sealed on arrival"
    )
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    datum: str = Field("wgs84", pattern=DATUM)
    accuracy: float = Field(0.0, ge=0, description="Metres; a position coarser than 300 m does not place a report")
    grid: str = Field("", max_length=24, description="A grid chosen in place of a position")
    address: str = Field("", max_length=400)
    at: AwareDatetime | None = Field(None, description="When it was seen; now, when left out")
    test: bool = False
    drill: bool = False
    simulated: bool = False
    pictures: list[Base64Bytes] = Field([], max_length=MOST_PICTURES, description="JPEG or PNG, in base64")


class Reveal(BaseModel):
    """Who asks for a number, and why: both go on the timeline."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(min_length=1, max_length=64)
    reason: str = Field(min_length=1, max_length=200)


class LinkFor(BaseModel):
    """Whose page: a grid worker's (`person`), or a place's (`grid`, and its point where it is known)."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field("", max_length=128)
    grid: str = Field("", max_length=24)
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    datum: str = Field("wgs84", pattern=DATUM)


_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": ReportIn.model_json_schema(ref_template="#/components/schemas/{model}")}
            for kind in ("application/json", "multipart/form-data")
        },
    }
}


@router.post(
    "/reports",
    status_code=202,
    openapi_extra=_BODY,
    summary="上报 · Report what a patrol found or a resident saw; 202 means that the log has it",
)
async def take_report(request: Request, desk: TheDesk) -> Response:
    door = door_of(desk)
    said, files = await _read(request, door)
    if said.origin == Origin.PATROL.value and desk.roster().person(said.reporter) is None:
        raise Problem(
            "invalid",
            why=f"reporter {said.reporter!r} is nobody on the roster; a patrol's report names who reported it",
        )
    filed = await taken(door, Sent(_said(said), (*said.pictures, *files), said.phone))
    return answer(row_of(filed), 202)


def door_of(desk: Desk) -> ReportDoor:
    """The door, where it is open."""
    if desk.reports is None:
        raise Problem("no_reports")
    return desk.reports


async def taken(door: ReportDoor, sent: Sent) -> Filed:
    """What was taken. Raises `Problem` for whatever was not."""
    try:
        return await door.take(sent)
    except ValueError as error:
        raise Problem("invalid", why=str(error)) from error
    except TooMany as error:
        raise Problem("report_too_many", why=str(error)) from error
    except (OSError, RuntimeError) as error:  # whatever the log's client raises, it was not taken
        raise Problem("log_away", why=str(error) or type(error).__name__) from error


def row_of(filed: Filed) -> dict[str, Any]:
    """What is answered to whoever reports: the number, and where it was placed."""
    report = filed.report
    return {
        "id": filed.id, "grid": report.place.grid, "township": report.place.township, "placed_by": report.place.why, "told": report.told,
        "phone": filed.caller_masked, "pictures": report.pictures, "received_at": report.received_at,
    }  # fmt: skip


@router.get("/reports/kinds", summary="上报类别 · What can be reported, and how bad it is without a word")
def kinds(desk: TheDesk) -> list[dict[str, Any]]:
    return [{"kind": one.kind, "level": one.level.value, "by": list(one.by)} for one in door_of(desk).rules.kind]


@router.get("/reports", summary="警情的上报 · The reports of one case, oldest first")
def list_reports(desk: TheDesk, alert: Annotated[str, Query(max_length=64)]) -> list[ReportRow]:
    known = desk.ledger.alert(alert)
    if known is None:
        raise Problem("no_such_alert", id=alert)
    return of_case(known, desk.ledger, desk.roster())


@router.get("/reports/{number}", summary="上报 · One report, and the case it belongs to by now")
def one_report(number: Number, desk: TheDesk) -> ReportRow:
    filed = known_report(desk, number)
    case = desk.ledger.reports.case_of(filed)
    return report_row(filed, desk.roster(), case.id if case else "")


@router.get("/reports/{number}/pictures/{index}", summary="上报图片 · One of its pictures", response_class=Response)
def picture(number: Number, index: Annotated[int, Path(ge=1, le=MOST_PICTURES)], desk: TheDesk) -> Response:
    known_report(desk, number)
    found = desk.ledger.reports.picture(number, index)
    if found is None or found.type not in _EXTENSION:
        raise Problem("no_such_report", id=f"{number}/{index}")
    name = f'inline; filename="{number}-{index}.{_EXTENSION[found.type]}"'
    return Response(found.data, 200, {**_PICTURE, "content-disposition": name}, media_type=found.type)


@router.post(
    "/reports/{number}/reveal", summary="查看电话 · The number to call back; who asked, and why, goes on the timeline"
)
def reveal(number: Number, asked: Reveal, desk: TheDesk) -> Response:
    filed = known_report(desk, number)
    case = desk.ledger.reports.case_of(filed)
    if not filed.caller or desk.reveal is None or case is None:
        raise Problem(
            "report_has_no_number", why=f"{number}: " + ("it has no case yet." if filed.caller else "none was left.")
        )
    try:
        phone = desk.reveal(filed.caller)
    except ValueError as error:
        raise Problem("report_has_no_number", why=str(error)) from error
    said = load_words().text(desk.notify.language, "report", "revealed", number=number, reason=asked.reason)
    desk.conductor.command(case.id, Note(asked.by, said), desk.clock.now())
    shown = answer({"id": number, "phone": phone})
    shown.headers["cache-control"] = "no-store"
    return shown


@router.post("/reports/links", summary="上报链接 · The address of a grid worker's page, or of a place's poster")
def link(wanted: LinkFor, desk: TheDesk) -> Response:
    links, now = desk.report_links, desk.clock.now()
    if links.missing:
        raise Problem("no_report_links", missing=links.missing)
    if bool(wanted.person) == bool(wanted.grid):
        raise Problem("invalid", why="name either a person or a grid")
    if wanted.person:
        if desk.roster().person(wanted.person) is None:
            raise Problem("invalid", why=f"{wanted.person!r} is nobody on the roster")
        return answer({"link": links.patrol(wanted.person, now)})
    if wanted.grid not in desk.registry().grids:
        raise Problem("invalid", why=f"there is no grid {wanted.grid!r}")
    return answer({"link": links.place(Spot(wanted.grid, point_of(wanted.lat, wanted.lon, wanted.datum)))})


def taken_up(filed: Filed, case: Alert | None) -> bool:
    """Whether the log has a report: it said so, or there is a case of it."""
    return filed.logged or case is not None


def known_report(desk: Desk, number: str) -> Filed:
    """A report that was taken, or a 404."""
    filed = desk.ledger.reports.get(number)
    if filed is None or not taken_up(filed, desk.ledger.reports.case_of(filed)):
        raise Problem("no_such_report", id=number)
    return filed


async def _read(request: Request, door: ReportDoor) -> tuple[ReportIn, tuple[bytes, ...]]:
    """What was sent, as JSON or as a form."""
    most = WORDS_LIMIT + MOST_PICTURES * door.picture_bytes * 4 // 3  # base64 takes four bytes for three
    bounded(request, most)
    try:
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            words, files = await form_of(request, door)
            return ReportIn.model_validate({name: value for name, value in words.items() if value != ""}), files
        return await run_in_threadpool(ReportIn.model_validate_json, await request.body()), ()
    except ValidationError as error:
        wrong = [{"pointer": "/" + "/".join(map(str, e["loc"])), "why": e["msg"]} for e in error.errors()]
        raise Problem("invalid", why="; ".join(f"{w['pointer']}: {w['why']}" for w in wrong)) from error
    except orjson.JSONDecodeError as error:
        raise Problem("invalid", why=f"not JSON: {error}") from error


def bounded(request: Request, most: int) -> None:
    """Refuses a body that is too long, or does not say how long it is, before it is read."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > most:
        raise Problem("report_too_big", most=most)


async def form_of(request: Request, door: ReportDoor) -> tuple[dict[str, str], tuple[bytes, ...]]:
    """The words and the pictures of a form. Empty files are those of a field that was left empty."""
    async with request.form(max_fields=30, max_files=MOST_PICTURES, max_part_size=WORDS_LIMIT) as form:
        words = {name: value for name, value in form.items() if isinstance(value, str)}
        found = [value for name, value in form.multi_items() if name == "pictures" and isinstance(value, UploadFile)]
        files = [await value.read(door.picture_bytes + 1) for value in found]
    return words, tuple(data for data in files if data)


def _said(report: ReportIn) -> Said:
    marks = Mark.NONE
    for name, mark in MARKS.items():
        marks |= mark if getattr(report, name, False) else Mark.NONE
    return Said(
        API, report.id, report.origin, report.kind, report.text, report.reporter, "", report.at,
        point_of(report.lat, report.lon, report.datum), report.accuracy, report.grid, None, report.address, 0, marks,
    )  # fmt: skip


def point_of(lat: float | None, lon: float | None, datum: str) -> Point | None:
    """A position in WGS-84, or None where none is said. Raises `Problem`."""
    if lat is None and lon is None:
        return None
    if lat is None or lon is None:
        raise Problem("invalid", why="lat and lon belong together")
    try:
        return to_wgs84(lat, lon, Datum.named(datum))
    except InvalidEvent as error:
        raise Problem("invalid", why=str(error)) from error
