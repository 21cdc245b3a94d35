"""Alerts, entries and notices as they are seen over HTTP. Pure; telephone numbers leave here masked (law 14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from typing_extensions import TypedDict

from alerts.alert import Alert, Entry, Handling, Notice, NoticeState
from alerts.hushing import kept
from alerts.people.roster import Roster, masked
from alerts.transitions import allowed
from api.http.clock_rows import ClockRow, clock_rows
from api.http.dispatch_rows import BandRow, SceneRow, elapsed_rows, scene_row
from api.http.order_rows import OrderRow, order_rows
from ingest.registry import Registry


class PointRow(TypedDict):
    """WGS-84 degrees."""

    lat: float
    lon: float


class ToldRow(TypedDict):
    """Who was told, over what, and how far it got."""

    person: str
    name: str
    role: str
    channel: str
    reason: str
    state: str
    at: datetime


class CallerRow(TypedDict):
    """A caller who is owed a word about the end of the case."""

    call: str
    at: datetime


class QuietRow(TypedDict):
    """What keeps the bell shut until when: `silenced`, `maintenance`, `inhibited`, `flapping`; or `drill`, as which it rings until then.

    `id` names the silence, the window, the worse alert, the flapping device or the drill.
    """

    reason: str
    id: str
    until: datetime


class AlertRow(TypedDict):
    """One case. `grid_names` runs from the top of the tree to the grid; `told` has the newest notice per person;
    `may` are the steps that are possible now, each the last part of its address.
    """

    id: str
    kind: str
    level: str
    condition: str
    handling: str
    over: bool
    grid: str
    township: str
    grid_names: list[str]
    point: PointRow | None
    placed_by: str
    origins: list[str]
    subjects: list[str]
    rules: list[str]
    rule_versions: list[str]
    count: int
    text: str
    value: float | None
    marks: list[str]
    stages: dict[str, datetime]
    last_seen: datetime | None
    assignee: str
    step: int
    steps: int
    escalate_at: datetime | None
    quiet: QuietRow | None
    policy: str
    outcome: str
    finding: str
    bounces: int
    merged_into: str
    merged: list[str]
    owed: list[CallerRow]
    orders: list[OrderRow]
    area: str
    members: list[str]
    timers: dict[str, datetime]
    clocks: list[ClockRow]
    elapsed: list[BandRow]
    scene: SceneRow | None
    version: int
    may: list[str]
    told: list[ToldRow]


class EntryRow(TypedDict):
    """One line of the timeline. `seq` is the id of the same line on the live stream."""

    seq: int
    alert: str
    at: datetime
    what: str
    by: str
    why: str
    detail: dict[str, Any]


class NoticeRow(TypedDict):
    """One message to one person over one channel."""

    key: str
    alert: str
    person: str
    name: str
    role: str
    grid: str
    grid_name: str
    channel: str
    reason: str
    level: str
    text: str
    step: int
    state: str
    attempts: int
    error: str
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    finished_at: datetime | None
    carrier: str  # the key of the notice that speaks for it
    cases: list[str]  # the alerts that it speaks for, when there are several


class PersonRow(TypedDict):
    """Somebody on the roster; the number is masked."""

    id: str
    name: str
    role: str
    phone: str


class RungRow(TypedDict):
    """One level above (or at) an alert's grid, and who answers for it; nobody means that it is vacant."""

    code: str
    name: str
    level: str
    people: list[PersonRow]


def alert_row(alert: Alert, registry: Registry, notices: Iterable[Notice] = (), *, now: datetime) -> AlertRow:
    """An alert for a list, with its service clocks as they stand at `now`."""
    point = alert.place.point
    return AlertRow(
        id=alert.id,
        kind=alert.kind,
        level=alert.level.value,
        condition=alert.condition.value,
        handling=alert.handling.value,
        over=alert.handling.over,
        grid=alert.place.grid,
        township=alert.place.township,
        grid_names=[grid.name for grid in reversed(registry.ancestors(alert.place.grid))],
        point=PointRow(lat=point.lat, lon=point.lon) if point else None,
        placed_by=alert.place.why,
        origins=list(alert.origins),
        subjects=list(alert.subjects),
        rules=list(alert.rules),
        rule_versions=list(alert.work.versions),
        count=alert.count,
        text=alert.text,
        value=alert.value,
        marks=[mark.name.lower() for mark in alert.marks if mark.name],
        stages=dict(alert.stages),
        last_seen=alert.last_seen,
        assignee=alert.assignee,
        step=alert.step,
        steps=len(alert.chain),
        escalate_at=alert.escalate_at,
        quiet=quiet_row(alert),
        policy=alert.policy,
        outcome=alert.outcome,
        finding=alert.work.finding,
        bounces=alert.work.bounces,
        merged_into=alert.work.merged_into,
        merged=list(alert.work.merged),
        owed=[CallerRow(call=c.call, at=c.at) for c in alert.work.owed],
        orders=order_rows(alert),
        area=alert.work.area,
        members=list(alert.work.members),
        timers=dict(alert.timers),
        clocks=clock_rows(alert, now),
        elapsed=elapsed_rows(alert),
        scene=scene_row(alert),
        version=alert.version,
        may=[*_may(alert.handling), *(["check-in"] if alert.work.scene else [])],
        told=told(notices),
    )


@cache
def _may(handling: Handling) -> tuple[str, ...]:
    return tuple(move.value.replace("_", "-") for move in allowed(handling))


def quiet_row(alert: Alert) -> QuietRow | None:
    """What keeps an alert's bell shut just now."""
    held = kept(alert) if not alert.handling.over else None
    return QuietRow(reason=held.why, id=held.id, until=held.until) if held is not None else None


def told(notices: Iterable[Notice]) -> list[ToldRow]:
    """The newest notice of each person, in the order they were first told. A cancelled one yields to one that went."""
    newest: dict[str, Notice] = {}
    for notice in sorted(notices, key=lambda n: (n.created_at, n.key)):
        before = newest.get(notice.person)
        if before is None or notice.state is not NoticeState.CANCELLED or before.state is NoticeState.CANCELLED:
            newest[notice.person] = notice
    return [
        ToldRow(
            person=n.person,
            name=n.name,
            role=n.role,
            channel=n.channel,
            reason=n.reason.value,
            state=n.state.value,
            at=_moved_at(n),
        )
        for n in newest.values()
    ]


def _moved_at(notice: Notice) -> datetime:
    return notice.finished_at or notice.delivered_at or notice.sent_at or notice.created_at


def entry_row(entry: Entry) -> EntryRow:
    """A line of the timeline."""
    return EntryRow(
        seq=entry.seq,
        alert=entry.alert,
        at=entry.at,
        what=entry.what,
        by=entry.by,
        why=entry.why,
        detail=dict(entry.detail),
    )


def notice_row(notice: Notice, registry: Registry, riders: Sequence[Notice] = ()) -> NoticeRow:
    """A notice, with the cases of those that travel in it; the number it goes to is not part of it."""
    grid = registry.grids.get(notice.grid)
    return NoticeRow(
        key=notice.key,
        alert=notice.alert,
        person=notice.person,
        name=notice.name,
        role=notice.role,
        grid=notice.grid,
        grid_name=grid.name if grid else "",
        channel=notice.channel,
        reason=notice.reason.value,
        level=notice.level.value,
        text=notice.text,
        step=notice.step,
        state=notice.state.value,
        attempts=notice.attempts,
        error=notice.error,
        created_at=notice.created_at,
        due_at=notice.due_at,
        sent_at=notice.sent_at,
        delivered_at=notice.delivered_at,
        finished_at=notice.finished_at,
        carrier=notice.carrier,
        cases=list(dict.fromkeys(rider.alert for rider in riders)),
    )


def ladder(alert: Alert, registry: Registry, roster: Roster) -> list[RungRow]:
    """The levels an alert climbs, lowest first, with who answers for each."""
    return [
        RungRow(
            code=grid.code,
            name=grid.name,
            level=grid.level.value,
            people=[PersonRow(id=p.id, name=p.name, role=p.role, phone=masked(p.phone)) for p in roster.at(grid.code)],
        )
        for grid in registry.ancestors(alert.place.grid)
    ]
