"""What people do to a whistle: blow, name, attend, report, accept, send back, close, call off. Pure.

Each gives back the whistle as it is then, the lines for the case's timeline and who is told. A repeat gives the same whistle and nothing
else; what is not possible raises `WhistleRefused` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from alerts.whistle.policy import WhistlePolicy
from alerts.whistle.whistle import (
    LONGEST,
    MOVES,
    Act,
    Blown,
    Line,
    Standing,
    Task,
    TaskState,
    Tell,
    To,
    Whistle,
    WhistleRefused,
    called,
    names,
    with_task,
)

STANDARD: Final = "standard_matter"  # these are words of `alerts.outcome.Why`
OTHER: Final = "other_matter"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a township asks for. `matter` is the key of a standard matter of the policy, or says in words what is to be done."""

    by: str
    grid: str
    matter: str
    note: str = ""
    deadline: datetime | None = None


def blow(number: int, wanted: Wanted, policy: WhistlePolicy, now: datetime) -> Blown:
    """A new whistle: a standard matter calls its units at once, any other asks the county centre to name them."""
    text = wanted.matter.strip()
    known = policy.matters.get(text)
    if not text or len(text) > LONGEST:
        raise WhistleRefused(
            f"a whistle says what is to be done in 1 to {LONGEST} characters; put the rest into the note"
        )
    attend_s, deadline_s = (known.attend_s, known.deadline_s) if known else (policy.attend_s, policy.deadline_s)
    made = Whistle(
        number=number,
        by=wanted.by,
        grid=wanted.grid,
        matter=known.name if known else text,
        standard=known is not None,
        at=now,
        deadline=_after(wanted.deadline, now) if wanted.deadline else now + timedelta(seconds=deadline_s),
        attend_s=attend_s,
        county=policy.county,
        channels=policy.channels,
        key=text if known else "",
        note=wanted.note,
        name_by=None if known else now + timedelta(seconds=policy.name_s),
    )
    detail = {"matter": made.matter, "number": number, "due": made.deadline.isoformat(), "note": wanted.note}
    line = line_of("whistled", wanted.by, STANDARD if known else OTHER, **detail)
    if known is None:
        return Blown(made, (line,), (Tell("ask", To.COUNTY, made),))
    return _call(made, called(made, known.units, now), wanted.by, line)


def name(
    whistle: Whistle,
    by: str,
    units: Sequence[str],
    policy: WhistlePolicy,
    now: datetime,
    *,
    lead: str = "",
    deadline: datetime | None = None,
) -> Blown:
    """The county centre names units, or further ones later on, and who leads. It may set the deadline once, when it names the first."""
    must_be_open(whistle)
    if not units and not (lead and whistle.tasks):
        raise WhistleRefused("name at least one unit, or who of those that were called leads")
    wanted = called(whistle, policy.units(units), now)
    if deadline is not None and deadline != whistle.deadline:
        if whistle.tasks:
            raise WhistleRefused(
                "the deadline was set when the units were called and holds for all; it cannot be moved"
            )
        wanted = replace(wanted, deadline=_after(deadline, now))
    if lead:
        wanted = replace(wanted, lead=wanted.task(lead).unit.id)
    elif not whistle.tasks:
        wanted = replace(wanted, lead=units[0])
    if wanted.tasks == whistle.tasks and wanted.lead == whistle.lead:
        return Blown(whistle)
    leads = wanted.task(wanted.lead).unit.name
    line = line_of(
        "units_named", by, units=names(t.unit for t in wanted.tasks), lead=leads, due=wanted.deadline.isoformat()
    )
    made = _call(whistle, wanted, by, line)
    if whistle.lead and wanted.lead != whistle.lead and wanted.lead in {t.unit.id for t in whistle.tasks}:
        return replace(made, tells=(*made.tells, Tell("lead", To.UNIT, wanted, wanted.lead, 1)))
    return made


def _call(before: Whistle, after: Whistle, by: str, line: Line) -> Blown:
    """Tell every unit that is called by this, the lead that it leads."""
    fresh = after.tasks[len(before.tasks) :]
    lines = (
        line_of("unit_called", by, unit=t.unit.name, lead=t.unit.id == after.lead, due=t.attend_by.isoformat())
        for t in fresh
    )
    tells = (Tell("lead" if t.unit.id == after.lead else "call", To.UNIT, after, t.unit.id) for t in fresh)
    return Blown(after, (line, *lines), tuple(tells))


def attend(whistle: Whistle, unit: str, by: str, now: datetime, *, note: str = "") -> Blown:
    """A unit reports for duty (报到). What has not left yet to call it is called back."""
    task = whistle.task(unit)
    if task.state is not TaskState.CALLED:
        return Blown(whistle)
    must_be_open(whistle)
    after = replace(task, state=_move(task, Act.ATTEND), attended_at=now, attended_by=by)
    line = line_of("unit_attended", by, unit=task.unit.name, note=note, late=task.attend_by < now)
    return _moved(whistle, after, line)


def report(whistle: Whistle, unit: str, by: str, text: str, now: datetime) -> Blown:
    """A unit says what it has done. A later report takes the place of one that nobody has judged yet."""
    task = whistle.task(unit)
    text = text.strip()
    if not text:
        raise WhistleRefused("a report says in words what was done")
    if task.report == text and task.state in {TaskState.REPORTED, TaskState.ACCEPTED}:
        return Blown(whistle)
    must_be_open(whistle)
    if task.report == text:
        raise WhistleRefused(
            f"this report of {task.unit.name} was sent back ({task.returned_why}); say what was done since"
        )
    after = replace(task, state=_move(task, Act.REPORT), reported_at=now, reported_by=by, report=text)
    return _moved(whistle, after, line_of("unit_reported", by, unit=task.unit.name, text=text))


def accept(whistle: Whistle, unit: str, by: str, now: datetime, *, score: int | None = None, note: str = "") -> Blown:
    """A unit's report is good, as somebody else than who wrote it says. With the last one the whistle is over, and the county is told."""
    task = whistle.task(unit)
    if task.state is TaskState.ACCEPTED:
        return Blown(whistle)
    must_be_open(whistle)
    state = _move(task, Act.ACCEPT)
    _judged(task, by)
    after = replace(task, state=state, accepted_at=now, accepted_by=by, score=score)
    done = _moved(whistle, after, line_of("report_accepted", by, unit=task.unit.name, score=score, note=note))
    if done.whistle.outstanding:
        return done
    over = close(done.whistle, by, now)
    return replace(over, lines=(*done.lines, *over.lines))


def send_back(whistle: Whistle, unit: str, by: str, why: str) -> Blown:
    """A unit's report is not good enough, with the reason; the unit is told, and the deadline stays."""
    task = whistle.task(unit)
    if task.state is TaskState.RETURNED:
        return Blown(whistle)
    must_be_open(whistle)
    if not why.strip():
        raise WhistleRefused("sending a report back needs a reason: say it in the note")
    state = _move(task, Act.SEND_BACK)
    _judged(task, by)
    after = replace(task, state=state, returns=task.returns + 1, returned_why=why.strip())
    sent = _moved(
        whistle, after, line_of("report_sent_back", by, unit=task.unit.name, note=why.strip(), turn=after.returns)
    )
    return replace(sent, tells=(Tell("returned", To.UNIT, sent.whistle, unit, after.returns),))


def close(whistle: Whistle, by: str, now: datetime) -> Blown:
    """The whistle is over and the county is told. Raises `WhistleRefused` while a report is not accepted."""
    if whistle.standing is Standing.DONE:
        return Blown(whistle)
    must_be_open(whistle)
    if not whistle.tasks or whistle.outstanding:
        left = names(t.unit for t in whistle.outstanding) or "the county centre, which has named no unit"
        raise WhistleRefused(f"it is over when every unit's report is accepted; still waited for: {left}")
    after = replace(whistle, standing=Standing.DONE, over_at=now, over_by=by)
    line = line_of("whistle_over", by, count=len(after.tasks), late=whistle.deadline < now)
    return Blown(after, (line,), (Tell("over", To.COUNTY, after),), (0,))


def call_off(whistle: Whistle, by: str, why: str, now: datetime) -> Blown:
    """It is not needed any more, with the reason: what has not left is called back, and every unit still at it is told."""
    if not whistle.open:
        if whistle.standing is Standing.CALLED_OFF:
            return Blown(whistle)
        raise WhistleRefused("it is over: every report was accepted")
    if not why.strip():
        raise WhistleRefused("calling a whistle off needs a reason: say it in the note")
    after = replace(whistle, standing=Standing.CALLED_OFF, over_at=now, over_by=by)
    tells = [Tell("called_off", To.UNIT, after, task.unit.id) for task in whistle.outstanding]
    tells += [] if whistle.tasks else [Tell("called_off", To.COUNTY, after)]
    return Blown(after, (line_of("whistle_called_off", by, note=why.strip()),), tuple(tells), (0,))


def _moved(whistle: Whistle, task: Task, line: Line) -> Blown:
    return Blown(with_task(whistle, task), (line,), (), (whistle.number_of(task.unit.id),))


def _move(task: Task, act: Act) -> TaskState:
    then = MOVES.get((task.state, act))
    if then is None:
        choices = ", ".join(a.value.replace("_", " ") for state, a in MOVES if state is task.state) or "nothing more"
        raise WhistleRefused(
            f"{task.unit.name} is {task.state}, so it cannot {act.value.replace('_', ' ')}; from here: {choices}"
        )
    return then


def _judged(task: Task, by: str) -> None:
    if by == task.reported_by:
        raise WhistleRefused(f"{by} wrote the report of {task.unit.name}: somebody else must judge it")


def must_be_open(whistle: Whistle) -> None:
    """Raises `WhistleRefused` for one that is over."""
    if not whistle.open:
        said = "was called off" if whistle.standing is Standing.CALLED_OFF else "is over: every report was accepted"
        raise WhistleRefused(f"whistle {whistle.number} {said}; blow another if units are needed again")


def _after(deadline: datetime, now: datetime) -> datetime:
    if deadline <= now:
        raise WhistleRefused(f"the deadline {deadline.isoformat()} has passed; give one that is still to come")
    return deadline


def line_of(what: str, by: str = "tocsin", why: str = "", **detail: Any) -> Line:
    """A line of the timeline; what says nothing is left out."""
    said = {key: value for key, value in detail.items() if value not in {"", None}}
    return Line(what, by, why, MappingProxyType(said))
