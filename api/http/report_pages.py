"""Pages to report on, behind signed addresses: a grid worker's, bound to the person and ending by itself, and a place's, on a poster.

There is no sign-in, and looking says nothing. The same form sent twice is one report; a report's own page needs its number, which nobody
guesses, under the address.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from alerts.notices import place_name
from alerts.reports import MOST_PICTURES
from alerts.words import Words, load_words
from api.http.desk import Desk, TheDesk
from api.http.problems import Problem, language_of
from api.http.report_html import Page, Pen
from api.http.reports import WORDS_LIMIT, bounded, form_of, taken_up
from api.reports import MEGABYTE, BadPicture, Sent, TooMany
from api.slips import PATROL, PLACE, Spot
from ingest.events import Point
from ingest.registry import Registry
from ingest.reports import Said
from streams.signal import Origin

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Path(max_length=128)]
_WORDS: Final[Words] = load_words()
_PATROL: Final = PATROL + "{person}/{until}/{signature}"
_PLACE: Final = PLACE + "{grid}/{at}/{signature}"
_PLACES: Final = 200  # grids of one worker to choose from
_KEY: Final = (16, 64)  # characters of a form's own number
_HEADERS: Final = {
    "cache-control": "no-store", "x-robots-tag": "noindex",
    # Not no-referrer: a browser would then send the form from the origin `null`, which is refused as another site's.
    "referrer-policy": "same-origin",
    "content-security-policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "permissions-policy": "geolocation=(self)",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that somebody may open: who reports from where, and what its reports are filed under."""

    pen: Pen
    source: str
    reporter: str = ""
    spot: Spot | None = None


@router.get(_PATROL)
def patrol(person: Text, until: Text, signature: Text, request: Request, desk: TheDesk) -> Response:
    return _form(desk, _of_person(desk, person, until, signature, request), request)


@router.post(_PATROL)
async def patrol_reports(person: Text, until: Text, signature: Text, request: Request, desk: TheDesk) -> Response:
    return await _report(desk, _of_person(desk, person, until, signature, request), request)


@router.get(_PATROL + "/{number}")
def patrol_receipt(
    person: Text, until: Text, signature: Text, number: Text, request: Request, desk: TheDesk
) -> Response:
    return _receipt(desk, _of_person(desk, person, until, signature, request), number, request)


@router.get(_PLACE)
def place(grid: Text, at: Text, signature: Text, request: Request, desk: TheDesk) -> Response:
    return _form(desk, _of_place(desk, grid, at, signature, request), request)


@router.post(_PLACE)
async def place_reports(grid: Text, at: Text, signature: Text, request: Request, desk: TheDesk) -> Response:
    return await _report(desk, _of_place(desk, grid, at, signature, request), request)


@router.get(_PLACE + "/{number}")
def place_receipt(grid: Text, at: Text, signature: Text, number: Text, request: Request, desk: TheDesk) -> Response:
    return _receipt(desk, _of_place(desk, grid, at, signature, request), number, request)


def _of_person(desk: Desk, person: str, until: str, signature: str, request: Request) -> Opened | None:
    known = desk.roster().person(person)
    if known is None or not desk.report_links.is_patrol(person, until, signature, desk.clock.now()):
        return None
    registry = desk.registry()
    address = f"{PATROL}{quote(person, safe='')}/{until}/{signature}"
    language = request.query_params.get("lang") or known.language or desk.notify.language
    page = Page(Origin.PATROL, address, language, known.name, places=_below(registry, known.grid))
    return Opened(Pen(_WORDS, page), f"patrol/{person}", person)


def _of_place(desk: Desk, grid: str, at: str, signature: str, request: Request) -> Opened | None:
    registry = desk.registry()
    if grid not in registry.grids or not desk.report_links.is_place(grid, at, signature):
        return None
    address = f"{PLACE}{quote(grid, safe='')}/{at}/{signature}"
    language = request.query_params.get("lang") or language_of(request)
    page = Page(Origin.RESIDENT, address, language, here=place_name(registry, grid, grid))
    return Opened(Pen(_WORDS, page), f"place/{grid}/{at}", spot=Spot.read(grid, at))


def _below(registry: Registry, grid: str) -> tuple[tuple[str, str], ...]:
    """A worker's own grid and those in it, to choose from."""
    if grid not in registry.grids:
        return ()
    lower = [
        code for code in registry.grids if code != grid and any(g.code == grid for g in registry.ancestors(code)[1:])
    ]
    return tuple((code, place_name(registry, code, code)) for code in (grid, *sorted(lower)[: _PLACES - 1]))


def _form(
    desk: Desk, opened: Opened | None, request: Request, *, key: str = "", wrong: str = "", status: int = 200
) -> Response:
    if opened is None or desk.reports is None:
        return _gone(desk, request)
    pen, ledger = opened.pen, desk.ledger.reports
    own = [(filed, ledger.case_of(filed)) for filed in ledger.last(opened.reporter)] if opened.reporter else []
    kinds = [one.kind for one in desk.reports.kinds(pen.page.origin.value)]
    said = pen.say(wrong, mb=desk.reports.picture_bytes // MEGABYTE) if wrong else ""
    body = pen.form(kinds, key or secrets.token_urlsafe(18), own, wrong=said)
    return _html(pen.whole(body, script=True), status)


async def _report(desk: Desk, opened: Opened | None, request: Request) -> Response:
    if opened is None or desk.reports is None:
        return _gone(desk, request)
    door, pen, key = desk.reports, opened.pen, ""
    try:
        bounded(request, WORDS_LIMIT + MOST_PICTURES * door.picture_bytes)
        words, files = await form_of(request, door)
        key = words.get("key", "")
        address = request.client.host if request.client else ""
        filed = await door.take(Sent(_said(opened, words), files, words.get("phone", "")[:32].strip(), address))
    except BadPicture:
        return await _again(desk, opened, request, key, "wrong_picture", 422)
    except (ValueError, HTTPException):  # a form with more fields or files than it has is none of ours
        return await _again(desk, opened, request, key, "wrong_form", 422)
    except TooMany:
        return await _again(desk, opened, request, key, "wrong_many", 429)
    except Problem:  # too long to be read
        return await _again(desk, opened, request, key, "wrong_picture", 413)
    except (OSError, RuntimeError):  # the log said no, or nothing: it was not taken
        return await _again(desk, opened, request, key, "wrong_log", 503)
    return RedirectResponse(f"{pen.page.address}/{filed.id}?lang={pen.page.language}", 303, _HEADERS)


async def _again(desk: Desk, opened: Opened, request: Request, key: str, wrong: str, status: int) -> Response:
    return await run_in_threadpool(_form, desk, opened, request, key=key, wrong=wrong, status=status)


def _said(opened: Opened, words: dict[str, str]) -> Said:
    key = words.get("key", "")
    if not _KEY[0] <= len(key) <= _KEY[1]:
        raise ValueError("the form has no number of its own: open the page again")
    page, spot = opened.pen.page, opened.spot
    chosen = spot.grid if spot else words.get("grid", "")
    if not spot and chosen and chosen not in dict(page.places):
        raise ValueError("that place is not one of the list")
    accuracy = float(words.get("accuracy") or 0)
    return Said(
        opened.source, key, page.origin.value, words.get("kind", ""), words.get("text", "")[:2000].strip(), opened.reporter,
        point=_point(words), accuracy=accuracy, grid=chosen, here=spot.point if spot else None,
        address=words.get("address", "")[:400].strip(),
    )  # fmt: skip


def _point(words: dict[str, str]) -> Point | None:
    """The telephone's position: browsers give WGS-84 (W3C Geolocation)."""
    lat, lon = words.get("lat", ""), words.get("lon", "")
    return Point(float(lat), float(lon)) if lat and lon else None


def _receipt(desk: Desk, opened: Opened | None, number: str, request: Request) -> Response:
    if opened is None:
        return _gone(desk, request)
    filed = desk.ledger.reports.get(number)
    case = desk.ledger.reports.case_of(filed) if filed is not None else None
    # A new link of the same worker or place shows the old reports as well.
    if filed is None or filed.source != opened.source or not taken_up(filed, case):
        return _html(opened.pen.whole(f"<p>{opened.pen.say('lost')}</p>"), 404)
    return _html(opened.pen.whole(opened.pen.receipt(filed, case), script=True), 200)


def _gone(desk: Desk, request: Request) -> Response:
    language = "en" if language_of(request) == "en" else desk.notify.language
    pen = Pen(_WORDS, Page(Origin.RESIDENT, "", language))
    return _html(pen.whole(f"<p>{pen.say('gone')}</p>"), 404)


def _html(page: str, status: int) -> Response:
    return Response(page, status, _HEADERS, media_type="text/html")
