"""A poster to print: the code of a place's page, where it is, and what to do in an emergency. For the desk; the page itself is public."""

from __future__ import annotations

from html import escape
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from alerts.notices import place_name
from alerts.words import load_words
from api.http.desk import TheDesk
from api.http.problems import Problem, language_of
from api.http.reports import DATUM, point_of
from api.qr import svg
from api.slips import Spot

router = APIRouter(prefix="/api/v1", tags=["reports"])
_SECTION: Final = "report_poster"


@router.get(
    "/reports/posters/{grid}",
    summary="上报海报 · A poster to print, with the QR code of a place's page",
    response_class=Response,
)
def poster(
    grid: Annotated[str, Path(max_length=24)],
    request: Request,
    desk: TheDesk,
    lat: Annotated[float | None, Query(ge=-90, le=90, description="Where it will hang")] = None,
    lon: Annotated[float | None, Query(ge=-180, le=180)] = None,
    datum: Annotated[str, Query(pattern=DATUM)] = "wgs84",
    name: Annotated[
        str, Query(max_length=60, description="What the place is called; the grid's name when left out")
    ] = "",
) -> Response:
    links, registry = desk.report_links, desk.registry()
    if links.missing:
        raise Problem("no_report_links", missing=links.missing)
    if grid not in registry.grids:
        raise Problem("invalid", why=f"there is no grid {grid!r}")
    address = links.place(Spot(grid, point_of(lat, lon, datum)))
    try:
        code = svg(address)
    except ValueError as error:
        raise Problem("invalid", why=str(error)) from error
    words, language = load_words(), language_of(request)

    def say(key: str) -> str:
        return escape(words.text(language, _SECTION, key))

    place = escape(name or place_name(registry, grid, grid))
    page = (
        f'<!doctype html>\n<html lang="{"en" if language == "en" else "zh-CN"}">\n<head>\n<meta charset="utf-8">\n'
        f'<title>{place}</title>\n<link rel="stylesheet" href="/poster.css">\n</head>\n<body>\n<main>\n<h1>{say("title")}</h1>\n'
        f'<p>{say("what")}</p>\n<figure>{code}</figure>\n<h2>{place}</h2>\n<p class="urgent">{say("urgent")}</p>\n'
        f'<p class="address">{escape(address)}</p>\n</main>\n</body>\n</html>\n'
    )
    return Response(page, 200, {"cache-control": "no-store"}, media_type="text/html")
