"""Checks the people of a place, and a whole place: files in, values to put in force and problems out (`tocsin import`).

Telephone numbers never appear in a problem except masked (law 14).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerts.roster import Person, Roster, masked
from ingest.coordinates import Datum
from ingest.enrol import check_devices, check_grids, mangled
from ingest.events import IDENT_LENGTH, digest
from ingest.places import Places
from ingest.registry import Device, Grid, Registry
from ingest.sheets import Columns, Problem, Row, Severity, Sheet, read_rows

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
    },
    required=("name", "phone", "role", "grid"),
)
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164: at most fifteen digits, country code first
_ROLE_LENGTH: Final = 64
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class PlaceFiles:
    """The files of one import; what is not given stays as it is in the ledger."""

    grids: Sheet | None = None
    devices: Sheet | None = None
    people: Sheet | None = None


@dataclass(frozen=True, slots=True)
class CheckedPlace:
    """What an import would put in force, and everything that is wrong with it."""

    grids: tuple[Grid, ...] = ()
    devices: tuple[Device, ...] = ()
    people: tuple[Person, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether it may come into force: warnings are allowed, errors are not."""
        return all(problem.severity is Severity.WARNING for problem in self.problems)


def check_place(files: PlaceFiles, registry: Registry, roster: Roster, datum: Datum | None = None) -> CheckedPlace:
    """The place in `files` on top of what is in force. Every file is read to its end: one run shows all problems.

    `datum` stands in where a file names none. Devices and people may stand on grids of the file or of the ledger.
    """
    grids: dict[str, Grid] = {}
    devices: dict[str, Device] = {}
    people: dict[str, Person] = {}
    problems: list[Problem] = []
    if files.grids:
        grids, problems = check_grids(files.grids, registry, datum)
    whole = Registry({**registry.grids, **grids}, registry.devices)
    if files.devices:
        devices, wrong = check_devices(files.devices, whole, datum)
        problems += wrong
    if files.people:
        people, wrong = check_people(files.people, whole)
        problems += wrong
    if files.grids and not _failed(problems):
        problems += _moved(files.grids, whole, devices)
    if files.people and not _failed(problems):
        problems += _unanswered(files.people, whole, roster, people)
    return CheckedPlace(tuple(grids.values()), tuple(devices.values()), tuple(people.values()), tuple(problems))


def _failed(problems: list[Problem]) -> bool:
    """Whether anything so far keeps the import from happening: what follows from a broken file is not worth saying."""
    return any(problem.severity is Severity.ERROR for problem in problems)


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
    return Person(ident, row["name"], row["phone"], row["role"], row["grid"], order, channels, row["language"] or "zh")


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
    if row["language"] and row["language"] not in LANGUAGES:
        wrong.append(row.error(f"language {row['language']!r} is none of {', '.join(LANGUAGES)}"))
    return wrong


def _moved(sheet: Sheet, whole: Registry, given: Mapping[str, Device]) -> list[Problem]:
    """Devices that stay as they are although the new outlines put their coordinates into another grid."""
    places = Places(whole)
    moved = []
    for device in whole.devices.values():
        if device.point is None or device.id in given or (place := places.locate(device.point)) is None:
            continue
        if device.grid not in {grid.code for grid in whole.ancestors(place.grid)}:
            moved.append(device.id)
    if not moved:
        return []
    what = (
        f"{len(moved)} enrolled devices now have coordinates in another grid ({_some(moved)}): import the devices again"
    )
    return [Problem(sheet.name, 0, what, Severity.WARNING)]


def _unanswered(sheet: Sheet, whole: Registry, roster: Roster, people: Mapping[str, Person]) -> list[Problem]:
    """Grids for which nobody answers on any level: their alerts end at the catcher."""
    staffed = {p.grid for some in roster.people.values() for p in some if p.id not in people} | {
        p.grid for p in people.values()
    }
    alone = [code for code in whole.grids if not any(grid.code in staffed for grid in whole.ancestors(code))]
    if not alone:
        return []
    what = f"nobody answers for {len(alone)} grids on any level ({_some(alone)}): their alerts go to the catcher"
    return [Problem(sheet.name, 0, what, Severity.WARNING)]


def _some(codes: list[str]) -> str:
    return ", ".join(codes[:_MOST_NAMED]) + (" …" if len(codes) > _MOST_NAMED else "")


@dataclass(frozen=True, slots=True)
class Change:
    """What an import does to one kind of thing: how many are new, different, and as they were."""

    added: int
    changed: int
    same: int


def changes(checked: CheckedPlace, registry: Registry, roster: Roster) -> dict[str, Change]:
    """What putting a checked place in force would change, by `grids`, `devices` and `people`."""
    persons = {person.id: person for some in roster.people.values() for person in some}
    return {
        "grids": _change({grid.code: grid for grid in checked.grids}, registry.grids),
        "devices": _change({device.id: device for device in checked.devices}, registry.devices),
        "people": _change({person.id: person for person in checked.people}, persons),
    }


def _change(given: Mapping[str, object], known: Mapping[str, object]) -> Change:
    added = len(given.keys() - known.keys())
    same = sum(key in known and known[key] == value for key, value in given.items())
    return Change(added, len(given) - added - same, same)
