"""The whistle (吹哨报到) as a value: a township calls departments together for one case. Pure.

A standard matter goes straight to the departments of the policy; any other goes to the county centre, which names them. Every unit has a
task of its own, side by side with the others, with one of them in the lead and one deadline for all. The whistle is over when the
report of every unit is accepted. What is said again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

LONGEST: Final = 100  # characters of a matter: units read it in a text
REMINDERS: Final = 50  # that people may ask for on one whistle
UNITS: Final = 30  # of one whistle


class WhistleRefused(ValueError):
    """Something that cannot be done to the whistle as it stands. Nothing was changed. The message says why and what to do instead."""


class TaskState(StrEnum):
    """How far a unit has come."""

    CALLED = "called"
    ATTENDED = "attended"  # 报到
    REPORTED = "reported"
    RETURNED = "returned"  # its report was sent back
    ACCEPTED = "accepted"


class Act(StrEnum):
    """What can happen to a task."""

    ATTEND = "attend"
    REPORT = "report"
    ACCEPT = "accept"
    SEND_BACK = "send_back"


_T = TaskState
# Where an act leads. What has no row changes nothing: it is a repeat, or it is refused with a reason.
MOVES: Final[Mapping[tuple[TaskState, Act], TaskState]] = MappingProxyType({
    (_T.CALLED, Act.ATTEND): _T.ATTENDED,
    (_T.ATTENDED, Act.REPORT): _T.REPORTED,
    (_T.RETURNED, Act.REPORT): _T.REPORTED,
    (_T.REPORTED, Act.REPORT): _T.REPORTED,  # a later report takes the place of one that nobody has judged yet
    (_T.REPORTED, Act.ACCEPT): _T.ACCEPTED,
    (_T.REPORTED, Act.SEND_BACK): _T.RETURNED,
})  # fmt: skip
BEFORE_REPORT: Final = frozenset({_T.CALLED, _T.ATTENDED, _T.RETURNED})


class Standing(StrEnum):
    """How far the whole whistle has come."""

    BLOWN = "blown"  # the county centre has to name the units
    CALLED = "called"  # the units are called
    DONE = "done"
    CALLED_OFF = "called_off"


@dataclass(frozen=True, slots=True)
class Unit:
    """A department as the policy had it: who is asked there, people by id before roles."""

    id: str
    name: str
    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One unit's part. `late` and the whistle's `missed` and `unnamed` say that the level above was told."""

    unit: Unit
    called_at: datetime
    attend_by: datetime
    state: TaskState = TaskState.CALLED
    attended_at: datetime | None = None
    attended_by: str = ""
    reported_at: datetime | None = None
    reported_by: str = ""
    report: str = ""
    returns: int = 0
    returned_why: str = ""
    accepted_at: datetime | None = None
    accepted_by: str = ""
    score: int | None = None  # 1 to 5, where whoever accepted gave one
    late: bool = False
    reminded: int = 0

    def overdue(self, now: datetime) -> bool:
        """Whether the unit has not attended in time."""
        return self.state is TaskState.CALLED and self.attend_by <= now


@dataclass(frozen=True, slots=True)
class Whistle:
    """One whistle of a case. `grid` is the township that whistled, `matter` what is to be done, in words that the units read."""

    number: int  # of the case, from 1
    by: str
    grid: str
    matter: str
    standard: bool
    at: datetime
    deadline: datetime  # of all units together
    attend_s: float
    county: str  # the role of the county centre
    channels: tuple[str, ...]
    key: str = ""  # of a standard matter
    note: str = ""
    name_by: datetime | None = None  # when the county centre should have named units
    lead: str = ""  # the unit that leads
    tasks: tuple[Task, ...] = ()
    standing: Standing = Standing.BLOWN
    over_at: datetime | None = None
    over_by: str = ""
    missed: bool = False
    unnamed: bool = False
    asked: tuple[str, ...] = ()  # keys of reminders that people asked for

    @property
    def open(self) -> bool:
        """Whether somebody still owes something."""
        return self.standing in {Standing.BLOWN, Standing.CALLED}

    @property
    def outstanding(self) -> tuple[Task, ...]:
        """The tasks whose reports are not accepted."""
        return tuple(task for task in self.tasks if task.state is not TaskState.ACCEPTED)

    def task(self, unit: str) -> Task:
        """A unit's part. Raises `WhistleRefused`, which names the units there are."""
        for task in self.tasks:
            if task.unit.id == unit:
                return task
        raise WhistleRefused(f"{unit!r} was not called; the units are {_names(self.tasks) or 'not named yet'}")

    def number_of(self, unit: str) -> int:
        """A unit's place among the tasks, from 1: what its notices carry."""
        return [task.unit.id for task in self.tasks].index(unit) + 1


class To(StrEnum):
    """Who is told something about a whistle."""

    UNIT = "unit"  # whoever is on duty there
    COUNTY = "county"
    ABOVE = "above"  # the level above the township
    ABOVE_COUNTY = "above_county"


@dataclass(frozen=True, slots=True)
class Tell:
    """Somebody is to be told: `what` are words of `whistle_sms`, `turn` tells one time from the next."""

    what: str
    to: To
    whistle: Whistle
    unit: str = ""
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """What goes on the case's timeline. `why` is a code of `alerts.outcome.Why`."""

    what: str
    by: str = "tocsin"
    why: str = ""
    detail: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Blown:
    """What came of it. `answered` are the numbers of units whose notices that have not left yet are called back; 0 is everybody's."""

    whistle: Whistle
    lines: tuple[Line, ...] = ()
    tells: tuple[Tell, ...] = ()
    answered: tuple[int, ...] = ()


def names(units: Iterable[Unit]) -> str:
    """Units as they are listed in a line or a text."""
    return "、".join(unit.name for unit in units)


def _names(tasks: Iterable[Task]) -> str:
    return ", ".join(task.unit.id for task in tasks)


def with_task(whistle: Whistle, task: Task) -> Whistle:
    """The whistle with one task as it is now."""
    return replace(whistle, tasks=tuple(task if t.unit.id == task.unit.id else t for t in whistle.tasks))


def called(whistle: Whistle, units: Iterable[Unit], now: datetime) -> Whistle:
    """The whistle with a task for each of the units that has none; the first of all leads unless somebody does."""
    known = {task.unit.id for task in whistle.tasks}
    attend_by = now + timedelta(seconds=whistle.attend_s)
    fresh = tuple(Task(unit, now, attend_by) for unit in units if unit.id not in known)
    tasks = (*whistle.tasks, *fresh)
    if len(tasks) > UNITS:
        raise WhistleRefused(f"one whistle calls at most {UNITS} units; an instruction reaches more of them")
    return replace(whistle, tasks=tasks, lead=whistle.lead or tasks[0].unit.id, standing=Standing.CALLED, name_by=None)


def next_due(whistle: Whistle) -> datetime | None:
    """When `lapse` has something to say next, unless people are quicker."""
    if not whistle.open:
        return None
    times = [t.attend_by for t in whistle.tasks if t.state is TaskState.CALLED and not t.late]
    times += [] if whistle.missed else [whistle.deadline]
    times += [whistle.name_by] if whistle.name_by and not whistle.unnamed else []
    return min(times, default=None)
