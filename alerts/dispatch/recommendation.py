"""Whom to send, as a value: people in their order with the reasons for it, those who were put aside, and why there is nobody if so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from alerts.people.roster import Person
from ingest.events import Point


class Ground(StrEnum):
    """Why somebody is recommended, put aside, or why there is nobody. The desk has words for each in both languages."""

    OWN_GRID = "own_grid"
    PART = "part"  # of a grid that lies inside the place's
    NEXT_GRID = "next_grid"  # of another grid of the same parent
    ABOVE = "above"  # of a level above the place
    CATCHER = "catcher"  # no grid is known: whoever catches what has no owner
    STANDS_IN = "stands_in"
    SEEN_AT = "seen_at"  # said to be at the scene of a case lately: metres from there, and how long ago
    CENTRE_AT = "centre_at"  # metres from the middle of their own grid: nothing better is known
    SEEN_LONG_AGO = "seen_long_ago"  # where they were said to be is too old to count
    UNKNOWN_AT = "unknown_at"  # nothing is known of where they are
    FREE = "free"
    HAS_CASES = "has_cases"
    RESTING = "resting"  # handled a red or an orange case a moment ago
    BUSY = "busy"  # has as many cases as the policy allows, or more
    AT_ANOTHER_SCENE = "at_another_scene"
    GAVE_BACK = "gave_back"  # this very case
    UNREACHABLE = "unreachable"  # no notice could be delivered lately
    OUTSIDE = "outside"  # farther than the radius of the policy
    HAS_IT = "has_it"  # it is given to them already
    OFF_DUTY = "off_duty"
    VACANT = "vacant"  # nobody answers for the place or for any level above it


@dataclass(frozen=True, slots=True)
class Because:
    """One ground, with what it measures: metres, seconds, a number of cases, or a name."""

    ground: Ground
    metres: float | None = None
    seconds: float | None = None
    count: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Suggested:
    """Somebody on duty for `grid`, with every reason for their place in the list, the weightiest first."""

    person: Person
    grid: str
    because: tuple[Because, ...]
    metres: float | None = None
    cases: int = 0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`people` best first; `aside` on duty and not recommended.

    `shortfall` only where there is nobody: each ground with how many it holds for.
    """

    people: tuple[Suggested, ...] = ()
    aside: tuple[Suggested, ...] = ()
    shortfall: tuple[Because, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """Where somebody said they were, or whoever has their case did: at its scene."""

    point: Point
    seconds: float  # ago
