"""Checks people before they come into force: rows in, values and problems out.

Telephone numbers never appear in a problem except masked (law 14).
"""

from __future__ import annotations

import re
from typing import Final

from alerts.people.roster import Part, Person, masked
from alerts.quiet.hours import NONE, hours_of
from ingest.enrol import mangled
from ingest.events import IDENT_LENGTH, digest
from ingest.registry import Registry
from ingest.sheets import Columns, Problem, Row, Sheet, read_rows

CHANNELS: Final = ("sms", "voice", "log")
LANGUAGES: Final = ("zh", "en")
PEOPLE_COLUMNS: Final = Columns(
    {
        "id": ("person", "person_id", "工号"),
        "name": ("姓名",),
        "phone": ("telephone", "mobile", "tel", "电话", "手机", "手机号", "联系电话"),
        "role": ("角色", "职务", "岗位"),
        "grid": ("grid_code", "网格", "网格编码", "所属网格"),
        "order": ("顺序", "次序", "排序"),
        "channels": ("channel", "通知方式"),
        "language": ("lang", "语言"),
        "part": ("主副", "主副岗", "AB角", "A/B角"),
        "quiet": ("quiet_hours", "免打扰", "免打扰时段"),
    },
    required=("name", "phone", "role", "grid"),
)
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164: at most fifteen digits, country code first
_ROLE_LENGTH: Final = 64
_PARTS: Final = {
    **dict.fromkeys(("", "a", "main", "主", "主岗", "a角", "a岗"), Part.MAIN),
    **dict.fromkeys(("b", "deputy", "副", "副岗", "b角", "b岗"), Part.DEPUTY),
}


def check_people(sheet: Sheet, registry: Registry) -> tuple[dict[str, Person], list[Problem]]:
    """The people of a file. One without an id gets it from name, role and grid, so that a new number is a change."""
    rows, problems = read_rows(sheet, PEOPLE_COLUMNS)
    found: dict[str, Person] = {}
    seen: dict[str, Row] = {}
    for row in rows:
        wrong = _person_problems(row, registry)
        problems += wrong
        ident = row["id"] or f"p-{digest(row['name'], row['role'], row['grid'])[:12]}"
        first = seen.setdefault(ident, row)
        if first is not row:
            stands = f"stands in line {first.line} already"
            what = (
                f"id {row['id']!r} {stands}"
                if row["id"]
                else f"{row['name']} ({row['role']}, {row['grid']}) {stands}: give both an id"
            )
            problems.append(row.error(what))
        elif not wrong:
            found[ident] = _person(ident, row)
    return found, problems


def _person(ident: str, row: Row) -> Person:
    channels, order = tuple(_channels(row)), int(row["order"] or 0)
    language, part = row["language"] or "zh", _PARTS[row["part"].lower()]
    quiet = row["quiet"]
    return Person(ident, row["name"], row["phone"], row["role"], row["grid"], order, channels, language, part, quiet)


def _channels(row: Row) -> list[str]:
    return [word.lower() for word in re.split(r"[\s;|,/+、]+", row["channels"]) if word]


def _person_problems(row: Row, registry: Registry) -> list[Problem]:
    wrong = []
    for column, limit in (("name", IDENT_LENGTH), ("role", _ROLE_LENGTH), ("id", IDENT_LENGTH)):
        if (not row[column] and column != "id") or len(row[column]) > limit or not row[column].isprintable():
            wrong.append(row.error(f"{column} {row[column][:40]!r} is not 1 to {limit} printable characters"))
    if mangled(row["phone"]):
        wrong.append(row.error("phone was a longer number before a spreadsheet changed it: format the column as text"))
    elif not _E164.fullmatch(row["phone"]):
        shown = repr(masked(row["phone"])) if row["phone"] else "is empty and"
        wrong.append(row.error(f"phone {shown} is not E.164: write + and the country code, digits only, such as +86…"))
    if row["grid"] not in registry.grids:
        said = (
            f"grid {row['grid']!r} is neither in the grids file nor known"
            if row["grid"]
            else "has no grid to answer for"
        )
        wrong.append(row.error(said))
    if row["order"] and not re.fullmatch(r"\d{1,6}", row["order"], re.ASCII):
        wrong.append(row.error(f"order {row['order']!r} is not a whole number: 0 is asked first"))
    wrong += [
        row.error(f"channel {word!r} is none of {', '.join(CHANNELS)}")
        for word in _channels(row)
        if word not in CHANNELS
    ]
    if row["part"].lower() not in _PARTS:
        wrong.append(row.error(f"part {row['part']!r} is none of a, b (主岗, 副岗)"))
    try:
        hours_of(row["quiet"] or NONE)
    except ValueError as error:
        wrong.append(row.error(f"quiet {error}, or - for somebody who has none"))
    if row["language"] and row["language"] not in LANGUAGES:
        wrong.append(row.error(f"language {row['language']!r} is none of {', '.join(LANGUAGES)}"))
    return wrong
