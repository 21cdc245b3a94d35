"""Tables as people keep them: CSV from a spreadsheet or GeoJSON from a map, as rows that know their file and line.

Bytes in, rows and problems out. UTF-8 (with or without its mark), UTF-16 with its mark and GB18030 are read;
commas, semicolons and tabs; English and Chinese headings. Nothing here knows what a grid or a person is.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

_CELL_LIMIT: Final = 64 * 1024 * 1024  # one county outline can be longer than the csv module's 128 KiB
_CODECS: Final = ("utf-8", "gb18030")


class Severity(StrEnum):
    """An error keeps a whole import from happening, a warning only wants to be read."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in which line (0: the file as a whole), and what to do about it."""

    file: str
    line: int
    what: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.what}" if self.line else f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file as it was read: its name for messages, its bytes."""

    name: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table or one feature of a map: cells by column, stripped; a column that is not there is empty."""

    file: str
    line: int
    cells: Mapping[str, str]
    geometry: Any = None  # the GeoJSON geometry, unread
    datum: str = ""  # the datum that the map as a whole names

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def error(self, what: str) -> Problem:
        return Problem(self.file, self.line, what)

    def warning(self, what: str) -> Problem:
        return Problem(self.file, self.line, what, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table: each with the other headings it is known by, compared without case, spaces and dashes."""

    names: Mapping[str, Sequence[str]]
    required: Sequence[str] = ()

    def column(self, heading: str) -> str:
        """The column that a heading means; empty when it is none of ours."""
        key = _folded(heading)
        return next((c for c, others in self.names.items() if key in map(_folded, (c, *others))), "")

    def columns(self, headings: Sequence[str]) -> list[str]:
        """The column that each heading means. A column's own name counts before any of its other names."""
        own = {c for c in self.names if _folded(c) in set(map(_folded, headings))}
        meant = [self.column(heading) for heading in headings]
        return ["" if c in own and _folded(h) != _folded(c) else c for h, c in zip(headings, meant, strict=True)]


def read_rows(sheet: Sheet, columns: Columns) -> tuple[list[Row], list[Problem]]:
    """All rows of a table or map, and what is wrong with the file itself. An unreadable file has no rows and a problem."""
    if sheet.raw.startswith(b"PK\x03\x04") or sheet.raw.startswith(b"\xd0\xcf\x11\xe0"):
        return [], [Problem(sheet.name, 0, "is a spreadsheet workbook: save it as CSV UTF-8 and import that")]
    text = _text(sheet.raw)
    if text is None:
        return [], [Problem(sheet.name, 0, "is neither UTF-8 nor GB18030 text: save it as CSV UTF-8")]
    if not text.strip():
        return [], [Problem(sheet.name, 0, "is empty")]
    if text.lstrip()[0] in "{[":
        return _features(sheet.name, text, columns)
    return _lines(sheet.name, text, columns)


def _folded(heading: str) -> str:
    return "".join(heading.split()).replace("_", "").replace("-", "").lower()


def _text(raw: bytes) -> str | None:
    codecs = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else _CODECS
    for codec in codecs:
        try:
            return raw.decode(codec).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    return None


def _lines(name: str, text: str, columns: Columns) -> tuple[list[Row], list[Problem]]:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(_CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows: list[Row] = []
    problems: list[Problem] = []
    header: list[str] = []
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header, problems = _header(name, line, cells, columns)
            elif len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                what = (
                    f"has {len(cells)} cells under {len(header)} headings: put a cell that contains a comma in quotes"
                )
                problems.append(Problem(name, line, what))
            else:
                known = {column: cell.strip() for column, cell in zip(header, cells, strict=False) if column}
                rows.append(Row(name, line, known))
    except csv.Error as error:
        problems.append(Problem(name, reader.line_num, f"is no CSV from here on: {error}"))
    if not rows and not problems:
        problems.append(Problem(name, 0, "has headings and no rows"))
    missing = any(p.severity is Severity.ERROR and p.line <= 1 for p in problems) and not set(columns.required) <= {
        *header
    }
    return ([] if missing else rows), problems


def _header(name: str, line: int, cells: Sequence[str], columns: Columns) -> tuple[list[str], list[Problem]]:
    header = columns.columns(cells)
    known = ", ".join(columns.names)
    strangers = [cell.strip() for cell, column in zip(cells, header, strict=True) if not column and cell.strip()]
    problems = [
        Problem(name, line, f"column {stranger!r} is not used; known columns: {known}", Severity.WARNING)
        for stranger in strangers
    ]
    problems += [
        Problem(name, line, f"has no column {column!r}; known columns: {known}")
        for column in columns.required
        if column not in header
    ]
    twice = sorted({column for column in header if column and header.count(column) > 1})
    problems += [Problem(name, line, f"has the column {column!r} twice: leave one of them out") for column in twice]
    return header, problems


def _features(name: str, text: str, columns: Columns) -> tuple[list[Row], list[Problem]]:
    try:
        body = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
        return [], [Problem(name, line, f"is no JSON: {error}")]
    if not isinstance(body, dict) or not isinstance(body.get("features"), list):
        return [], [
            Problem(name, 0, 'is no GeoJSON FeatureCollection: it wants {"type": "FeatureCollection", "features": […]}')
        ]
    if not body["features"]:
        return [], [Problem(name, 0, "has no features")]
    named = [key for f in body["features"] if isinstance(f, dict) for key in f.get("properties") or ()]
    lacking = set(columns.required) - set(map(columns.column, named))
    if lacking:
        there = ", ".join(dict.fromkeys(named)) or "none"
        return [], [Problem(name, 0, f"no feature has a property {c!r}; there are: {there}") for c in sorted(lacking)]
    datum = _stated_datum(body)
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, (line, feature) in enumerate(_with_lines(text), start=1):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
            problems.append(Problem(name, line, f"feature {number} has no properties"))
            continue
        given = feature["properties"]
        cells = {c: _cell(v) for c, v in zip(columns.columns(list(given)), given.values(), strict=True) if c}
        rows.append(Row(name, line, cells, feature.get("geometry"), datum))
    return rows, problems


def _stated_datum(body: Mapping[str, Any]) -> str:
    """What the collection itself says: our own `datum`, or the `crs` of GeoJSON 2008 that many tools still write."""
    crs = body.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    named = properties.get("name") if isinstance(properties, dict) else None
    return _cell(body.get("datum") or named or "")


def _cell(value: Any) -> str:
    """A property as the text a table would have: 330803.0 and {"adcode": 330803} are the code 330803, null is empty."""
    if isinstance(value, dict):
        return _cell(value.get("code", value.get("adcode", "")))
    if value is None or isinstance(value, list):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()


def _with_lines(text: str) -> Iterator[tuple[int, Any]]:
    """Each feature of a collection that was parsed before, with the line on which it starts."""
    decoder = json.JSONDecoder()
    at = text.index("{") + 1
    line, counted = 1, 0
    while True:
        key, at = decoder.raw_decode(text, _past(text, at))
        at = _past(text, at)
        if key == "features" and text[at] == "[":
            break
        _, at = decoder.raw_decode(text, at)
        at = _past(text, at)
    at = _past(text, at + 1)
    while text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        feature, end = decoder.raw_decode(text, at)
        yield line, feature
        at = _past(text, end)


def _past(text: str, at: int) -> int:
    """The next character that is not white space, a comma or a colon."""
    while text[at] in " \t\r\n,:":
        at += 1
    return at
