"""Checks a whole place: files in, values to put in force and problems out (`tocsin import`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.people.duty import CHINA, Duty, DutyKind
from alerts.people.enrol_duty import check_duties
from alerts.people.enrol_people import check_people
from alerts.people.gaps import Gap, catcher_gaps, gaps
from alerts.people.roster import Person, Roster
from ingest.coordinates import Datum
from ingest.enrol import check_devices, check_grids
from ingest.places import Places
from ingest.registry import Device, Grid, Registry
from ingest.sheets import Problem, Severity, Sheet

__all__ = ["Change", "CheckedPlace", "PlaceFiles", "changes", "check_people", "check_place"]

AHEAD: Final = timedelta(days=7)  # so far duties are looked at for gaps
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class PlaceFiles:
    """The files of one import; what is not given stays as it is in the ledger."""

    grids: Sheet | None = None
    devices: Sheet | None = None
    people: Sheet | None = None
    duties: Sheet | None = None


@dataclass(frozen=True, slots=True)
class CheckedPlace:
    """What an import would put in force, and everything that is wrong with it."""

    grids: tuple[Grid, ...] = ()
    devices: tuple[Device, ...] = ()
    people: tuple[Person, ...] = ()
    problems: tuple[Problem, ...] = ()
    duties: tuple[Duty, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether it may come into force: warnings are allowed, errors are not."""
        return all(problem.severity is Severity.WARNING for problem in self.problems)


def check_place(
    files: PlaceFiles, registry: Registry, roster: Roster, datum: Datum | None = None, now: datetime | None = None
) -> CheckedPlace:
    """The place in `files` on top of what is in force. Every file is read to its end: one run shows all problems.

    `datum` stands in where a file names none. Devices and people may stand on grids of the file or of the ledger.
    With `now`, the days after it are looked at for times when nobody is on duty.
    """
    grids: dict[str, Grid] = {}
    devices: dict[str, Device] = {}
    people: dict[str, Person] = {}
    problems: list[Problem] = []
    if files.grids:
        grids, problems = check_grids(files.grids, registry, datum)
    whole = Registry.of([*registry.every_grid(), *grids.values()], registry.devices.values())
    if files.devices:
        devices, wrong = check_devices(files.devices, whole, datum)
        problems += wrong
    if files.people:
        people, wrong = check_people(files.people, whole)
        problems += wrong
    duties: dict[Duty, None] = {}
    if files.duties:
        duties, wrong = check_duties(files.duties, whole, {**roster.by_id, **people})
        problems += wrong
    if files.grids and not _failed(problems):
        problems += _moved(files.grids, whole, devices)
    if files.people and not _failed(problems):
        problems += _unanswered(files.people, whole, roster, people)
    sheet = files.duties or files.people or files.grids
    if sheet and now is not None and not _failed(problems):
        problems += _unstaffed(sheet, whole, in_force(roster, people, duties), now)
    return CheckedPlace(
        tuple(grids.values()), tuple(devices.values()), tuple(people.values()), tuple(problems), tuple(duties)
    )


def in_force(roster: Roster, people: Mapping[str, Person], duties: Iterable[Duty]) -> Roster:
    """The roster as it is once these people and duties are in force."""
    said = {(line.person, line.kind) for line in duties}
    kept = [line for line in roster.book.lines() if (line.person, line.kind) not in said]
    return Roster.of({**roster.by_id, **people}.values(), [*kept, *duties])


def _failed(problems: list[Problem]) -> bool:
    """Whether anything so far keeps the import from happening: what follows from a broken file is not worth saying."""
    return any(problem.severity is Severity.ERROR for problem in problems)


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


def _unstaffed(sheet: Sheet, whole: Registry, roster: Roster, now: datetime) -> list[Problem]:
    """Times of the next days when nobody is on duty: first of all nobody to take what no grid covers (无主兜底)."""
    found = []
    if not roster.by_id and whole.grids:
        found.append("nobody is enrolled: what happens here is told to nobody, and there is no catcher")
    found += [
        f"there is no catcher on duty {_when(gap)}: give somebody the role catcher, or another shift"
        for gap in catcher_gaps(whole, roster, now, now + AHEAD)[:1]
    ]
    some = [gap for gap in gaps(whole, roster, now, now + AHEAD) if gap.grid in whole.grids]
    if some:
        first = f"{some[0].grid} {_when(some[0])}"
        many = len({gap.grid for gap in some})
        found.append(
            f"in the next 7 days {many} grids have times with nobody on duty ({first} …): `tocsin roster gaps`"
        )
    return [Problem(sheet.name, 0, what, Severity.WARNING) for what in found]


def _when(gap: Gap) -> str:
    begin, end = (at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M") for at in (gap.begin, gap.end))
    return f"from {begin} to {end}"


def _some(codes: list[str]) -> str:
    return ", ".join(codes[:_MOST_NAMED]) + (" …" if len(codes) > _MOST_NAMED else "")


@dataclass(frozen=True, slots=True)
class Change:
    """What an import does to one kind of thing: how many are new, different, and as they were."""

    added: int
    changed: int
    same: int


def changes(checked: CheckedPlace, registry: Registry, roster: Roster) -> dict[str, Change]:
    """What putting a checked place in force would change, by `grids`, `devices`, `people` and `duties`."""
    persons = roster.by_id
    known = {(grid.code, grid.valid_from): grid for grid in registry.every_grid()}
    return {
        "grids": _change({(grid.code, grid.valid_from): grid for grid in checked.grids}, known),
        "devices": _change({device.id: device for device in checked.devices}, registry.devices),
        "people": _change({person.id: person for person in checked.people}, persons),
        "duties": _change(_by_person(checked.duties), _by_person(roster.book.lines())),
    }


def _by_person(lines: Iterable[Duty]) -> dict[tuple[str, DutyKind], frozenset[Duty]]:
    """Duties come and go together for a person and kind."""
    found: dict[tuple[str, DutyKind], set[Duty]] = {}
    for line in lines:
        found.setdefault((line.person, line.kind), set()).add(line)
    return {key: frozenset(some) for key, some in found.items()}


def _change(given: Mapping[Any, object], known: Mapping[Any, object]) -> Change:
    added = len(given.keys() - known.keys())
    same = sum(key in known and known[key] == value for key, value in given.items())
    return Change(added, len(given) - added - same, same)
