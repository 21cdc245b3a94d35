"""Why this person: every level that was looked at, everybody of it with the reason, and what follows. Nothing is decided here.

It asks the same functions that routing asks, so that what is explained is what happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from alerts.alert import Step
from alerts.outcome import Why
from alerts.people.duty import CHINA
from alerts.people.roster import Person, Roster, Turn
from alerts.people.routing import Moment, Route, aim, line_of, look, route
from alerts.words import Words
from ingest.places import Placing
from ingest.registry import Grid, Registry


@dataclass(frozen=True, slots=True)
class Seen:
    """One level: everybody of it, whether it is the one that is told, and why it was passed over if it was."""

    grid: Grid
    turns: tuple[Turn, ...]
    unreached: tuple[Person, ...]
    told: bool
    why: Why | None


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a chain: when, whom it means, and who that is."""

    step: Step
    found: Route


@dataclass(frozen=True, slots=True)
class Explained:
    """One route with its reasons. `placing` is how a point became a grid; without a grid there are no levels."""

    moment: Moment
    grid: str
    placing: Placing | None
    levels: tuple[Seen, ...]
    found: Route

    @property
    def caught(self) -> bool:
        """Whether it fell to the catcher."""
        return not any(level.told for level in self.levels)


def explain(registry: Registry, roster: Roster, grid: str, moment: Moment, placing: Placing | None = None) -> Explained:
    """The route of a grid at a moment, with every level up to the one that is told."""
    found = route(registry, roster, grid, moment=moment)
    levels: list[Seen] = []
    for level in line_of(registry, grid, moment):
        seen = look(registry, roster, level.code, moment)
        levels.append(Seen(level, seen.turns, seen.unreached, seen.why is None, seen.why))
        if seen.why is None:
            break
    return Explained(moment, grid, placing, tuple(levels), found)


def chain(registry: Registry, roster: Roster, grid: str, moment: Moment, steps: Sequence[Step]) -> tuple[Rung, ...]:
    """Whom each step of a chain would mean if nobody answered, each at its own instant."""
    told = ""
    rungs: list[Rung] = []
    for step in steps:
        at = moment.now + timedelta(seconds=step.after) if moment.now else None
        found = aim(registry, roster, step.target, grid, told=told, moment=replace(moment, now=at))
        told = found.grid or told
        people = found.people if step.target == "all" else found.people[:1]
        rungs.append(Rung(step, replace(found, people=people)))
    return tuple(rungs)


def sentences(
    seen: Explained, rungs: Sequence[Rung], words: Words, language: str, barred: Sequence[tuple[Grid, Why]] = ()
) -> list[str]:
    """The explanation in words, one sentence a line."""

    def say(key: str, **values: object) -> str:
        return words.text(language, "route", key, **values)

    def why(code: str) -> str:
        return words.text(language, "why", code)

    at = seen.moment.now.astimezone(CHINA).strftime("%Y-%m-%d %H:%M") if seen.moment.now else ""
    said = [say("at", time=at, grid=seen.grid or say("no_grid"))]
    if seen.placing is not None:
        others = say("join").join(seen.placing.others)
        key = "placed_among" if others else "placed"
        reason = words.text(language, "route", f"by_{seen.placing.place.why}", metres=round(seen.placing.metres, 1))
        said.append(say(key, grid=seen.grid, why=reason, others=others))
    elif not seen.levels:
        said.append(why(Why.UNPLACED))
    for level in seen.levels:
        named = {"name": level.grid.name, "code": level.grid.code}
        said.append(say("told", **named) if level.told else say("passed", **named, why=why(level.why or "")))
        said += [f"  {_person(turn, level, seen.found, words, language)}" for turn in level.turns]
    if seen.caught:
        rest = (s for s in seen.found.skipped[len(seen.levels) :] if s.why is not Why.UNPLACED)
        said += [say("skipped", what=s.what, why=why(s.why)) for s in rest]
        said.append(say("caught", people=_names(seen.found, say("join")), grid=seen.found.grid))
    said += [say("barred", name=grid.name, code=grid.code, why=why(code)) for grid, code in barred]
    for rung in rungs:
        people = _names(rung.found, say("join")) or say("nobody")
        said.append(
            say("step", after=round(rung.step.after), target=rung.step.target, people=people, grid=rung.found.grid)
        )
    return said


def standing(turn: Turn, unreached: Sequence[Person]) -> str:
    """The key of what is said of somebody of a level."""
    return "unreachable" if turn.person in unreached else turn.standing.value


def _person(turn: Turn, level: Seen, found: Route, words: Words, language: str) -> str:
    key = standing(turn, level.unreached)
    reason = words.text(language, "route", key, seat=turn.seat.name)
    first = level.told and found.people[:1] == (turn.person,) and turn.on_duty
    mark = words.text(language, "route", "first" if first else "other")
    role = words.text(language, "route", f"part_{turn.seat.part}", role=turn.seat.role)
    return words.text(language, "route", "person", mark=mark, name=turn.person.name, role=role, why=reason)


def _names(found: Route, join: str) -> str:
    return join.join(person.name for person in found.people)
