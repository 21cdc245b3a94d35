"""A route explained, as the API and the command line answer it: asked for by grid or by coordinates. Telephone numbers are not in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from alerts.alert import Step
from alerts.people.explain import Explained, Rung, chain, explain, sentences, standing
from alerts.people.propagation import Reach
from alerts.people.roster import Person, Roster
from alerts.people.routing import Moment, line_of
from alerts.words import Words
from ingest.coordinates import Datum, to_wgs84
from ingest.events import InvalidEvent, Point
from ingest.places import Placing
from ingest.registry import Registry
from streams.signal import Level

Settle = Callable[[Point, datetime], Placing | None]


@dataclass(frozen=True, slots=True)
class Question:
    """Whom a grid, or a WGS-84 point, finds at a moment; `steps` are the chain to go through as well."""

    moment: Moment
    grid: str = ""
    point: Point | None = None
    steps: tuple[Step, ...] = ()
    level: Level = Level.RED
    reach: Reach = field(default_factory=Reach)


def point_of(text: str) -> Point:
    """The point of `LAT,LON[,DATUM]`. Raises `InvalidEvent` with what was wrong."""
    lat, _, rest = text.partition(",")
    lon, _, datum = rest.partition(",")
    try:
        return to_wgs84(float(lat), float(lon), Datum.named(datum.strip() or Datum.WGS84))
    except ValueError as error:
        raise InvalidEvent(f"{text[:60]!r} is no LAT,LON[,DATUM], such as 29.105,119.105,gcj02: {error}") from error


def answered(
    question: Question, registry: Registry, roster: Roster, settle: Settle, words: Words, language: str
) -> dict[str, Any]:
    """The whole answer as JSON values, its sentences in `text`."""
    moment, grid, placing = question.moment, question.grid, None
    if question.point is not None and moment.event_at is not None:
        placing = settle(question.point, moment.event_at)
        grid = placing.place.grid if placing else ""
    seen = explain(registry, roster, grid, moment, placing)
    line = line_of(registry, grid, moment)
    barred = dict(question.reach.barred(question.level, line))
    rungs = chain(registry, roster, grid, replace(moment, barred=tuple(barred.items())), question.steps)
    unheard = [(one, barred[one.code]) for one in line if one.code in barred]
    return {
        "at": moment.now,
        "grid": grid,
        "placed": _placed(placing),
        "levels": _levels(seen),
        "told": [_person(p) for p in seen.found.people],
        "told_grid": seen.found.grid,
        "caught": seen.caught,
        "skipped": [{"what": s.what, "why": s.why} for s in seen.found.skipped],
        "steps": [_step(rung) for rung in rungs],
        "barred": [{"code": one.code, "level": one.level.value, "why": why} for one, why in unheard],
        "text": sentences(seen, rungs, words, language, unheard),
    }


def _placed(placing: Placing | None) -> dict[str, Any] | None:
    if placing is None:
        return None
    return {"why": placing.place.why, "others": list(placing.others), "metres": round(placing.metres, 1)}


def _levels(seen: Explained) -> list[dict[str, Any]]:
    return [
        {
            "code": level.grid.code,
            "name": level.grid.name,
            "level": level.grid.level.value,
            "told": level.told,
            "why": level.why or "",
            "people": [
                {**_person(t.person), "standing": standing(t, level.unreached), "seat": t.seat.id, "on_duty": t.on_duty}
                for t in level.turns
            ],
        }
        for level in seen.levels
    ]


def _step(rung: Rung) -> dict[str, Any]:
    return {
        "after": rung.step.after,
        "target": rung.step.target,
        "channels": list(rung.step.channels),
        "told": [_person(p) for p in rung.found.people],
        "told_grid": rung.found.grid,
        "skipped": [{"what": s.what, "why": s.why} for s in rung.found.skipped],
    }


def _person(person: Person) -> dict[str, Any]:
    return {"id": person.id, "name": person.name, "role": person.role, "grid": person.grid, "part": person.part.value}
