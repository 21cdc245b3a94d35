"""Who is told about a whistle, and in which words. Pure: for one place and one roster at one instant.

In a unit it is whoever of the people its policy names is on duty, else the nearest of its roles, else the county centre hears that the
unit has nobody: a whistle is never blown into the void.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts.commands import Skipped
from alerts.notices import CHINA, VOICE
from alerts.outcome import Why
from alerts.people.roster import Roster
from alerts.people.routing import Moment, Route, line_of, route, with_role
from alerts.whistle.whistle import Tell, To, Unit, names
from alerts.words import Words
from ingest.registry import GridLevel, Registry


def whom(tell: Tell, grid: str, registry: Registry, roster: Roster, moment: Moment) -> Route:
    """Whoever is told; `grid` is the case's. Only the first of the people is."""
    township = tell.whistle.grid or grid
    if tell.to is To.ABOVE:
        return route(registry, roster, township, above=township, moment=moment)
    county = _county(registry, township, moment)
    if tell.to is To.ABOVE_COUNTY:
        return route(registry, roster, county, above=county, moment=moment)
    centre = _centre(registry, roster, tell.whistle.county, county, moment)
    if tell.to is To.COUNTY:
        return centre
    found = _unit(registry, roster, tell.whistle.task(tell.unit).unit, grid, moment)
    return found if found.people else replace(centre, skipped=(*found.skipped, *centre.skipped))


def _county(registry: Registry, township: str, moment: Moment) -> str:
    line = line_of(registry, township, moment)
    return next((g.code for g in line if g.level is GridLevel.COUNTY), line[-1].code if line else "")


def _centre(registry: Registry, roster: Roster, role: str, county: str, moment: Moment) -> Route:
    """Who has the role at the county or above it, else the lowest staffed level from the county on."""
    found = with_role(registry, roster, role, county, moment=moment)
    if not _missing(found):
        return found
    anybody = route(registry, roster, county, moment=moment)
    return replace(anybody, skipped=(Skipped(Why.NO_ROLE, role), *anybody.skipped))


def _unit(registry: Registry, roster: Roster, unit: Unit, grid: str, moment: Moment) -> Route:
    skipped: list[Skipped] = []
    for ident in unit.people:
        person = roster.person(ident)
        if person is None:
            skipped.append(Skipped(Why.PERSON_UNKNOWN, ident))
            continue
        turns = roster.turns(person.grid, moment.now) if moment.now else ()
        seat = next((turn for turn in turns if turn.seat.id == ident and turn.on_duty), None)
        there = seat.person if seat else None if turns else person
        if there is not None and there.id not in moment.unreachable:
            return Route((there,), there.grid, tuple(skipped))
        skipped.append(Skipped(Why.UNREACHABLE if there else Why.OFF_DUTY, ident))
    for role in unit.roles:
        found = with_role(registry, roster, role, grid, moment=moment)
        if not _missing(found):
            return replace(found, skipped=(*skipped, *found.skipped))
        skipped.append(Skipped(Why.NO_ROLE, role))
    return Route((), "", tuple(skipped))


def _missing(found: Route) -> bool:
    """Whether a search for a role ended at the catcher."""
    return any(one.why == Why.NO_ROLE for one in found.skipped)


def said(words: Words, language: str, channel: str, tell: Tell, place: str) -> str:
    """The text of a notice: place, matter, unit and times. A reason that somebody gave is in it only where it is for the unit itself."""
    whistle = tell.whistle
    section = "whistle_voice" if channel == VOICE else "whistle_sms"
    values: dict[str, Any] = {
        "place": place,
        "matter": whistle.matter,
        "by": whistle.by,
        "due": _clock(whistle.deadline),
        "units": names(t.unit for t in whistle.outstanding) or words.text(language, "whistle", "nobody"),
        "count": len(whistle.tasks),
        "name_by": _clock(whistle.name_by) if whistle.name_by else "",
    }
    if whistle.lead:
        values["lead"] = whistle.task(whistle.lead).unit.name
    if tell.unit:
        task = whistle.task(tell.unit)
        values |= {"unit": task.unit.name, "attend_by": _clock(task.attend_by), "why": task.returned_why}
    return words.text(language, section, tell.what, **values)


def _clock(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%m-%d %H:%M")
