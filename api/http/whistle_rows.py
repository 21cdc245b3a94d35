"""Whistles as they are seen over HTTP, with who still owes what. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from typing_extensions import TypedDict

from alerts.alert import Alert
from alerts.whistle.policy import WhistlePolicy
from alerts.whistle.whistle import Standing, Task, TaskState, Whistle
from ingest.registry import Registry

# What each state is waiting for: the key of `OwingRow` that names the unit.
WAITS_FOR: Final = {
    TaskState.CALLED: "attend",
    TaskState.ATTENDED: "report",
    TaskState.RETURNED: "report",
    TaskState.REPORTED: "accept",
}


class TaskRow(TypedDict):
    """One unit's part. `overdue` says that it has not attended in time, or not finished by the joint deadline."""

    unit: str
    name: str
    lead: bool
    state: str
    called_at: datetime
    attend_by: datetime
    attended_at: datetime | None
    attended_by: str
    reported_at: datetime | None
    reported_by: str
    report: str
    returns: int
    returned_why: str
    accepted_at: datetime | None
    accepted_by: str
    score: int | None
    reminded: int
    overdue: bool


class OwingRow(TypedDict):
    """Ids of the units that are waited for: to attend, to report, to have their report accepted. `name` is for the county centre."""

    name: bool
    attend: list[str]
    report: list[str]
    accept: list[str]


class WhistleRow(TypedDict):
    """One whistle. `alert` is the case; `grid_names` run from the top of the tree to its grid."""

    alert: str
    number: int
    kind: str
    level: str
    handling: str
    grid_names: list[str]
    by: str
    township: str
    matter: str
    standard: bool
    note: str
    standing: str
    at: datetime
    name_by: datetime | None
    deadline: datetime
    overdue: bool
    lead: str
    tasks: list[TaskRow]
    owing: OwingRow
    over_at: datetime | None
    over_by: str


class WhistleList(TypedDict):
    """Open whistles, those of the oldest case first. `more` says that there are more than were looked at."""

    whistles: list[WhistleRow]
    more: bool


class CaseWhistles(TypedDict):
    """Every whistle of a case, the last one last."""

    whistles: list[WhistleRow]


class DepartmentRow(TypedDict):
    """A department that can be called."""

    id: str
    name: str


class MatterRow(TypedDict):
    """A standard matter, with its departments, the lead first, and its times in seconds."""

    key: str
    name: str
    departments: list[str]
    attend_s: float
    deadline_s: float


class MattersRow(TypedDict):
    """What the policy lists, and the times of a matter that it does not, in seconds: to name units, to attend, to the joint deadline."""

    matters: list[MatterRow]
    departments: list[DepartmentRow]
    name_s: float
    attend_s: float
    deadline_s: float


def whistle_row(alert: Alert, whistle: Whistle, registry: Registry, now: datetime) -> WhistleRow:
    """A whistle of a case, as it stands at an instant."""
    return WhistleRow(
        alert=alert.id,
        number=whistle.number,
        kind=alert.kind,
        level=alert.level.value,
        handling=alert.handling.value,
        grid_names=[grid.name for grid in reversed(registry.line(alert.place.grid))],
        by=whistle.by,
        township=whistle.grid,
        matter=whistle.matter,
        standard=whistle.standard,
        note=whistle.note,
        standing=whistle.standing.value,
        at=whistle.at,
        name_by=whistle.name_by,
        deadline=whistle.deadline,
        overdue=whistle.open and whistle.deadline <= now,
        lead=whistle.lead,
        tasks=[_task_row(whistle, task, now) for task in whistle.tasks],
        owing=owing(whistle),
        over_at=whistle.over_at,
        over_by=whistle.over_by,
    )


def owing(whistle: Whistle) -> OwingRow:
    """Who has not. Nobody owes anything to a whistle that is over."""
    found = OwingRow(name=whistle.standing is Standing.BLOWN, attend=[], report=[], accept=[])
    for task in whistle.outstanding if whistle.open else ():
        match WAITS_FOR[task.state]:
            case "attend":
                found["attend"].append(task.unit.id)
            case "report":
                found["report"].append(task.unit.id)
            case _:
                found["accept"].append(task.unit.id)
    return found


def matters_row(plan: WhistlePolicy) -> MattersRow:
    """What a township may whistle for, and whom a county centre may name."""
    return MattersRow(
        matters=[
            MatterRow(
                key=m.key,
                name=m.name,
                departments=[u.id for u in m.units],
                attend_s=m.attend_s,
                deadline_s=m.deadline_s,
            )
            for m in plan.matters.values()
        ],
        departments=[DepartmentRow(id=unit.id, name=unit.name) for unit in plan.departments.values()],
        name_s=plan.name_s,
        attend_s=plan.attend_s,
        deadline_s=plan.deadline_s,
    )


def _task_row(whistle: Whistle, task: Task, now: datetime) -> TaskRow:
    unfinished = task.state is not TaskState.ACCEPTED and whistle.deadline <= now
    return TaskRow(
        unit=task.unit.id,
        name=task.unit.name,
        lead=task.unit.id == whistle.lead,
        state=task.state.value,
        called_at=task.called_at,
        attend_by=task.attend_by,
        attended_at=task.attended_at,
        attended_by=task.attended_by,
        reported_at=task.reported_at,
        reported_by=task.reported_by,
        report=task.report,
        returns=task.returns,
        returned_why=task.returned_why,
        accepted_at=task.accepted_at,
        accepted_by=task.accepted_by,
        score=task.score,
        reminded=task.reminded,
        overdue=whistle.open and (task.overdue(now) or unfinished),
    )
