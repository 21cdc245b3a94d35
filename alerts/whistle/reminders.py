"""Who still owes something to a whistle, and hears so again: because somebody asks for it, or because its time has come. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import Final

from alerts.whistle.whistle import (
    BEFORE_REPORT,
    REMINDERS,
    Blown,
    Task,
    TaskState,
    Tell,
    To,
    Whistle,
    WhistleRefused,
    names,
    with_task,
)
from alerts.whistle.whistling import line_of, must_be_open

ATTENDANCE: Final = "attendance"  # these are words of `alerts.outcome.Why`
DEADLINE: Final = "deadline"
UNNAMED: Final = "unnamed"


def remind(whistle: Whistle, key: str, by: str) -> Blown:
    """Remind whoever owes something, because somebody asks for it; the same key reminds once."""
    if key in whistle.asked:
        return Blown(whistle)
    must_be_open(whistle)
    if len(whistle.asked) >= REMINDERS:
        raise WhistleRefused(f"{REMINDERS} reminders were asked for already: telephone those who have not")
    asked = replace(whistle, asked=(*whistle.asked, key))
    if not whistle.tasks:
        line = line_of("units_reminded", by, count=0)
        return Blown(asked, (line,), (Tell("ask", To.COUNTY, asked, turn=len(asked.asked)),))
    owing = [task for task in whistle.tasks if task.state in BEFORE_REPORT]
    if not owing:
        raise WhistleRefused("every unit has reported: judge the reports, there is nobody to remind")
    line = line_of("units_reminded", by, units=names(t.unit for t in owing), count=len(owing))
    made = reduce(_again, owing, Blown(asked))
    return replace(made, lines=(line,))


def _again(so_far: Blown, task: Task) -> Blown:
    after = replace(task, reminded=task.reminded + 1)
    whistle = with_task(so_far.whistle, after)
    what = "again_attend" if task.state is TaskState.CALLED else "again_report"
    return replace(
        so_far, whistle=whistle, tells=(*so_far.tells, Tell(what, To.UNIT, whistle, task.unit.id, after.reminded))
    )


def lapse(whistle: Whistle, now: datetime) -> Blown:
    """What time has brought: no units named, a unit that has not attended, the joint deadline missed.

    The level above is told of each once, and whoever owes it is reminded.
    """
    made = Blown(whistle)
    for look in (_unnamed, _late, _missed) if whistle.open else ():
        found = look(made.whistle, now)
        made = Blown(found.whistle, (*made.lines, *found.lines), (*made.tells, *found.tells))
    return made


def _unnamed(whistle: Whistle, now: datetime) -> Blown:
    if whistle.name_by is None or whistle.name_by > now or whistle.unnamed:
        return Blown(whistle)
    after = replace(whistle, unnamed=True)
    line = line_of("units_not_named", why=UNNAMED, due=whistle.name_by.isoformat())
    return Blown(after, (line,), (Tell("unnamed", To.ABOVE_COUNTY, after),))


def _late(whistle: Whistle, now: datetime) -> Blown:
    made = Blown(whistle)
    for task in (task for task in whistle.tasks if task.overdue(now) and not task.late):
        made = _again(made, replace(task, late=True))
        line = line_of("unit_late", why=ATTENDANCE, unit=task.unit.name, due=task.attend_by.isoformat())
        above = Tell("late", To.ABOVE, made.whistle, task.unit.id)
        made = replace(made, lines=(*made.lines, line), tells=(*made.tells, above))
    return made


def _missed(whistle: Whistle, now: datetime) -> Blown:
    if whistle.deadline > now or whistle.missed:
        return Blown(whistle)
    owing = [task for task in whistle.tasks if task.state in BEFORE_REPORT]
    made = reduce(_again, owing, Blown(replace(whistle, missed=True)))
    left, due = names(task.unit for task in whistle.outstanding), whistle.deadline.isoformat()
    line = line_of("whistle_missed", why=DEADLINE, units=left, due=due)
    return replace(made, lines=(line,), tells=(*made.tells, Tell("missed", To.ABOVE, made.whistle)))
