"""Checks the grids and devices of a place before they come into force: rows in, values and problems out.

A row with an error does not keep the others from being checked, so that one run shows all that is wrong; what comes back
is fit to be used only when no problem is an error. What is in force counts as known: devices can come without the grids.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ingest.columns import DEVICE_COLUMNS, GRID_COLUMNS, LEVELS
from ingest.coordinates import Datum, to_wgs84
from ingest.dates import instant_of
from ingest.events import CODE_LENGTH, IDENT_LENGTH, InvalidEvent, Point
from ingest.outlines import BadOutline, Outline, datum_of, read_outline
from ingest.places import Places
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.sheets import Problem, Row, Severity, Sheet, read_rows
from ingest.tree import tree_problems

_LONGEST_INTERVAL: Final = 366 * 86400
_SHIFTED: Final = (Datum.WGS84, Datum.GCJ02, Datum.BD09)
_SPREADSHEET_NUMBER: Final = re.compile(r"^\d+(\.\d+)?[eE]\+\d+$")


def mangled(text: str) -> bool:
    """Whether a spreadsheet has turned a code or a telephone number into something like 3.30803E+14, digits lost."""
    return bool(_SPREADSHEET_NUMBER.match(text))


def check_grids(sheet: Sheet, known: Registry, datum: Datum | None) -> tuple[dict[str, Grid], list[Problem]]:
    """The grids of a file, and all that is wrong with them and with the tree they make together with the known ones.

    The key is the code; of a code that stands there for several times, the code and its beginning.
    `datum` stands in where the file names none. GeoJSON without any is WGS-84 (RFC 7946 §4), with a warning.
    """
    rows, problems = read_rows(sheet, GRID_COLUMNS)
    found: dict[str, tuple[Grid, Row]] = {}
    seen: dict[str, Row] = {}
    undated: list[Row] = []
    kept: list[str] = []
    for row in rows:
        grid, wrong = _grid(row, datum, undated)
        problems += wrong
        key = row["code"] + (f" @ {grid.valid_from.isoformat()}" if grid and grid.valid_from else "")
        first = seen.setdefault(key, row)
        if row["code"] and first is not row:
            problems.append(row.error(f"grid {row['code']!r} stands in line {first.line} already"))
        elif grid is not None:
            found[grid.code if grid.code not in found else key] = (_with_known_outline(grid, known, kept), row)
    if undated:
        what = f"{len(undated)} outlines name no datum and count as WGS-84 (RFC 7946): say --datum if they are another"
        problems.append(undated[0].warning(what))
    if kept:
        what = f"{len(kept)} grids come without an outline and keep the one in force ({kept[0]} …)"
        problems.append(Problem(sheet.name, 0, what, Severity.WARNING))
    problems += tree_problems(found, known, {row["code"] for row in rows})
    return {key: grid for key, (grid, _) in found.items()}, problems


def _grid(row: Row, datum: Datum | None, undated: list[Row]) -> tuple[Grid | None, list[Problem]]:
    wrong = _code_problems(row, "code")
    level = LEVELS.get(row["level"].lower().replace("/", ""))
    if level is None:
        wrong.append(row.error(f"level {row['level']!r} is none of {', '.join(GridLevel)}"))
    if not row["name"]:
        wrong.append(row.error("has no name"))
    if row["parent"] and row["parent"] == row["code"]:
        wrong.append(row.error(f"grid {row['code']!r} is its own parent"))
    outline = Outline(())
    begins, ends, unread = _times(row)
    wrong += unread
    try:
        outline = _outline(row, datum, undated)
    except (BadOutline, InvalidEvent) as error:
        wrong.append(row.error(f"grid {row['code']!r}: {error}"))
    if outline.mended:
        wrong.append(row.warning(f"grid {row['code']!r}: its outline was not clean and was mended ({outline.mended})"))
    if level is None or unread or _code_problems(row, "code"):
        return None, wrong
    return Grid(row["code"], row["name"], level, row["parent"], outline.rings, begins, ends), wrong


def _times(row: Row) -> tuple[datetime | None, datetime | None, list[Problem]]:
    try:
        begins, ends = instant_of(row["valid_from"]), instant_of(row["valid_to"])
    except InvalidEvent as error:
        return None, None, [row.error(f"grid {row['code']!r}: {error}")]
    if begins is not None and ends is not None and ends <= begins:
        return None, None, [row.error(f"grid {row['code']!r} ends before it begins")]
    return begins, ends, []


def _with_known_outline(grid: Grid, known: Registry, kept: list[str]) -> Grid:
    """Codes and outlines often come in two files: a row without an outline does not take away the one in force."""
    before = known.grids.get(grid.code)
    if grid.rings or before is None or not before.rings:
        return grid
    kept.append(grid.code)
    return replace(grid, rings=before.rings)


def _outline(row: Row, datum: Datum | None, undated: list[Row]) -> Outline:
    given = row.geometry if row.geometry is not None else row["polygon"]
    if not given:
        return Outline(())
    named = row["datum"] or row.datum or (datum_of(given) if isinstance(given, str) else "")
    if named:
        return read_outline(given, Datum.named(named))
    if datum is None and row.geometry is None:
        raise BadOutline(
            "its outline names no datum: fill the column datum (wgs84, cgcs2000, gcj02 or bd09) or say --datum"
        )
    if datum is None:
        undated.append(row)
    return read_outline(given, datum or Datum.WGS84)


def _code_problems(row: Row, column: str) -> list[Problem]:
    code = row[column]
    if not code:
        return [row.error(f"has no {column}")]
    if len(code) > CODE_LENGTH or not code.isprintable():
        return [row.error(f"{column} {code[:40]!r} is not 1 to {CODE_LENGTH} printable characters")]
    if mangled(code):
        return [
            row.error(
                f"{column} {code!r} was a longer number before a spreadsheet changed it: format the column as text"
            )
        ]
    return []


def check_devices(sheet: Sheet, registry: Registry, datum: Datum | None) -> tuple[dict[str, Device], list[Problem]]:
    """The devices of a file on the grids of `registry`. One without a grid gets the grid that covers its coordinates."""
    rows, problems = read_rows(sheet, DEVICE_COLUMNS)
    places = Places(registry)
    found: dict[str, Device] = {}
    seen: dict[str, Row] = {}
    for row in rows:
        device, wrong = _device(row, registry, places, datum)
        problems += wrong
        first = seen.setdefault(row["id"], row)
        if row["id"] and first is not row:
            problems.append(row.error(f"device {row['id']!r} stands in line {first.line} already"))
        elif device is not None:
            found[device.id] = device
    return found, problems


def check_device(
    cells: Mapping[str, str], registry: Registry, datum: Datum | None
) -> tuple[Device | None, list[Problem]]:
    """One device, said by its columns as a file would have it (`ingest.columns`); None when something is wrong."""
    return _device(Row("", 0, cells), registry, Places(registry), datum)


def _device(row: Row, registry: Registry, places: Places, datum: Datum | None) -> tuple[Device | None, list[Problem]]:
    wrong = []
    for column, needed in (("id", True), ("kind", True), ("gateway", False)):
        if (needed and not row[column]) or len(row[column]) > IDENT_LENGTH or not row[column].isprintable():
            wrong.append(row.error(f"{column} {row[column][:40]!r} is not 1 to {IDENT_LENGTH} printable characters"))
    if mangled(row["id"]):
        wrong.append(
            row.error(
                f"id {row['id']!r} was a longer number before a spreadsheet changed it: format the column as text"
            )
        )
    if row["grid"] and row["grid"] not in registry.grids:
        wrong.append(row.error(f"grid {row['grid']!r} is neither in the grids file nor known"))
    interval, point = None, None
    try:
        interval = _interval(row["interval_s"])
        point = _point(row, datum)
    except InvalidEvent as error:
        wrong.append(row.error(str(error)))
    if not row["grid"] and not row["lat"] and not row["lon"]:
        wrong.append(row.error("has neither a grid nor coordinates: one of them says where it stands"))
    if wrong:
        return None, wrong
    grid = row["grid"]
    if point is not None:
        grid, doubts = _stands(row, point, registry, places)
        wrong += doubts
    return Device(row["id"], row["kind"], row["gateway"], grid, point, interval, row["name"]), wrong


def _interval(text: str) -> timedelta | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST_INTERVAL:
        raise InvalidEvent(f"interval_s {text!r} is not a number of seconds above 0 and at most {_LONGEST_INTERVAL}")
    return timedelta(seconds=seconds)


def _point(row: Row, datum: Datum | None) -> Point | None:
    if not row["lat"] and not row["lon"]:
        return None
    try:
        lat, lon = float(row["lat"]), float(row["lon"])
    except ValueError as error:
        raise InvalidEvent(f"lat {row['lat']!r} and lon {row['lon']!r} are not both numbers of degrees") from error
    if abs(lat) > 90 and abs(lon) <= 90:
        raise InvalidEvent(f"lat {lat} is beyond 90 degrees: lat and lon look swapped")
    if lat == 0 and lon == 0:
        raise InvalidEvent("lat 0, lon 0 is what a receiver without a fix says: leave both empty and name the grid")
    if not row["datum"] and datum is None:
        raise InvalidEvent(
            "its coordinates name no datum: fill the column datum (wgs84, cgcs2000, gcj02 or bd09) or say --datum"
        )
    return to_wgs84(lat, lon, Datum.named(row["datum"]) if row["datum"] else datum or Datum.WGS84)


def _stands(row: Row, point: Point, registry: Registry, places: Places) -> tuple[str, list[Problem]]:
    """The grid of a device that has coordinates: the stated one wins, and a disagreement is worth a warning."""
    covering = places.covering(point)
    stated = row["grid"]
    if not stated:
        if covering:
            return covering[0], []
        return "", [row.warning(f"device {row['id']!r}: no grid covers its coordinates, its alerts go to the catcher")]
    above = {grid.code for code in covering for grid in registry.ancestors(code)}
    below = {grid.code for grid in registry.ancestors(stated)}
    outside = places.metres_outside(stated, point)
    if stated in above or (outside is None and (not covering or covering[0] in below)):
        return stated, []
    there = f"in {covering[0]!r}" if covering else "in no grid"
    away = (
        f" and {outside:.0f} m outside the stated {stated!r}"
        if outside is not None
        else f", not in the stated {stated!r}"
    )
    meant = next((d for d in _SHIFTED if stated in places.covering(_reread(row, d))), None)
    hint = f" (read as {meant} they would be inside it)" if meant else ""
    return stated, [
        row.warning(f"device {row['id']!r}: its coordinates lie {there}{away}{hint}; the stated grid is kept")
    ]


def _reread(row: Row, datum: Datum) -> Point:
    return to_wgs84(float(row["lat"]), float(row["lon"]), datum)
