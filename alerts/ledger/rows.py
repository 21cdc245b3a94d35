"""Values to rows and back. Nothing is decided here; what goes in comes out equal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from orjson import Fragment

from alerts.alert import Alert, Condition, Entry, Handling, Notice, NoticeState, Reason, Step
from alerts.ledger.tables import EPOCH
from alerts.ledger.tables import alert as alert_table
from alerts.people.duty import Duty, DutyKind
from alerts.people.roster import Part, Person
from alerts.work import of_plain, to_json
from ingest.events import Mark, Place, Point, digest
from ingest.registry import Device, Grid, GridLevel
from streams.signal import Level

_CELLS: Final = 100  # to a degree: about 1.1 km of latitude
_AROUND: Final = 36_000  # cells around the earth
_ALERT_COLUMNS: Final = tuple(column.name for column in alert_table.columns)
_NOTICE_FIELDS: Final = tuple(f.name for f in fields(Notice))


def cell(point: Point) -> int:
    """The number of the hundredth-of-a-degree cell a point stands in."""
    return _number(math.floor(point.lat * _CELLS), math.floor(point.lon * _CELLS))


def cells_around(point: Point) -> list[int]:
    """A point's own cell and its eight neighbours: all within 500 m is in them, up to 60 degrees of latitude."""
    row, column = math.floor(point.lat * _CELLS), math.floor(point.lon * _CELLS)
    return [_number(row + north, column + east) for north in (-1, 0, 1) for east in (-1, 0, 1)]


def _number(row: int, column: int) -> int:
    return row * _AROUND + column % _AROUND


def alert_row(alert: Alert) -> dict[str, Any]:
    """The row of an alert."""
    place, point = alert.place, alert.place.point
    return {
        "id": alert.id,
        "identity": alert.identity,
        "kind": alert.kind,
        "level": alert.level.value,
        "rank": alert.level.rank,
        "is_open": 0 if alert.handling.over else 1,
        "grid": place.grid,
        "township": place.township,
        "lat": point.lat if point else None,
        "lon": point.lon if point else None,
        "cell": cell(point) if point else None,
        "place_why": place.why,
        "condition": alert.condition.value,
        "handling": alert.handling.value,
        "origins": alert.origins,
        "subjects": alert.subjects,
        "rules": alert.rules,
        "signals": alert.count,
        "text": alert.text,
        "value": alert.value,
        "marks": int(alert.marks),
        "stages": dict(alert.stages),
        "raised_at": alert.stages.get("raised_at") or alert.last_seen or EPOCH,
        "last_seen": alert.last_seen,
        "assignee": alert.assignee,
        "chain": [_step_row(step) for step in alert.chain],
        "step": alert.step,
        "escalate_at": alert.escalate_at,
        "leased_until": None,  # whoever saves an alert has done what it was leased for
        "reached": alert.reached,
        "active_keys": alert.active_keys,
        "policy": alert.policy,
        "outcome": alert.outcome,
        "timers": dict(alert.timers),
        "timer_at": min(alert.timers.values(), default=None),
        "work": Fragment(to_json(alert.work)),
        "whistling": int(alert.work.whistle is not None),
        "at_scene": alert.work.scene.person if alert.work.scene is not None else "",
        "version": alert.version,
    }


def alert_of(row: Sequence[Any]) -> Alert:
    """The alert in a row that has the table's columns in their order: forty look-ups by name took longer than all the rest."""
    at = dict(zip(_ALERT_COLUMNS, row, strict=True))
    return Alert(
        id=at["id"],
        identity=at["identity"],
        kind=at["kind"],
        level=Level(at["level"]),
        place=Place(at["grid"], at["township"], _point(at["lat"], at["lon"]), at["place_why"]),
        condition=Condition(at["condition"]),
        handling=Handling(at["handling"]),
        origins=tuple(at["origins"]),
        subjects=tuple(at["subjects"]),
        rules=tuple(at["rules"]),
        count=at["signals"],
        text=at["text"],
        value=at["value"],
        marks=Mark(at["marks"]),
        stages=_instants(at["stages"]),
        last_seen=at["last_seen"],
        assignee=at["assignee"],
        chain=tuple(_step(step) for step in at["chain"]),
        step=at["step"],
        escalate_at=at["escalate_at"],
        reached=at["reached"],
        active_keys=tuple(at["active_keys"]),
        policy=at["policy"],
        outcome=at["outcome"],
        timers=_instants(at["timers"]),
        work=of_plain(at["work"]),
        version=at["version"],
    )


def _step_row(step: Step) -> list[Any]:
    """A step as a list; what most steps do not have comes last and only where there is some, as earlier builds wrote it."""
    plain = [step.after, step.target, step.channels]
    more = [step.confirm_all, step.more_than, step.within, step.between]
    return [*plain, *more] if any(more) else plain


def _step(row: list[Any]) -> Step:
    after, target, channels, *more = row
    if not more:
        return Step(after, target, tuple(channels))
    confirm_all, more_than, within, between = more
    return Step(after, target, tuple(channels), confirm_all, more_than, within, tuple(between) if between else None)


def entry_row(entry: Entry) -> dict[str, Any]:
    """The row of a timeline entry, without its `seq`."""
    return {
        "alert": entry.alert,
        "at": entry.at,
        "what": entry.what,
        "by": entry.by,
        "why": entry.why,
        "detail": dict(entry.detail),
    }


def entry_of(row: Any) -> Entry:
    """The timeline entry in a row."""
    return Entry(row.alert, row.at, row.what, row.by, row.why, MappingProxyType(row.detail), row.seq)


def notice_row(notice: Notice) -> dict[str, Any]:
    """The row of a notice."""
    row = {name: getattr(notice, name) for name in _NOTICE_FIELDS}
    return {
        **row,
        "reason": notice.reason.value,
        "level": notice.level.value,
        "rank": notice.level.rank,
        "state": notice.state.value,
        "leased_until": None,
    }


def notice_of(row: Any) -> Notice:
    """The notice in a row."""
    found = {name: getattr(row, name) for name in _NOTICE_FIELDS}
    found.update(reason=Reason(row.reason), level=Level(row.level), state=NoticeState(row.state))
    return Notice(**found)


def grid_row(grid: Grid) -> dict[str, Any]:
    """The row of a grid."""
    begins = {} if grid.valid_from is None else {"valid_from": grid.valid_from}
    return {
        **begins,
        "code": grid.code,
        "name": grid.name,
        "level": grid.level.value,
        "parent": grid.parent,
        "rings": grid.rings,
        "valid_to": grid.valid_to,
    }


def grid_of(row: Any) -> Grid:
    """The grid in a row of either table of grids."""
    rings = tuple(tuple((lon, lat) for lon, lat in ring) for ring in row.rings)
    begins = getattr(row, "valid_from", None)
    return Grid(row.code, row.name, GridLevel(row.level), row.parent, rings, begins, row.valid_to)


def device_row(device: Device) -> dict[str, Any]:
    """The row of a device."""
    return {
        "id": device.id,
        "kind": device.kind,
        "gateway": device.gateway,
        "grid": device.grid,
        "lat": device.point.lat if device.point else None,
        "lon": device.point.lon if device.point else None,
        "interval_s": device.interval.total_seconds() if device.interval is not None else None,
        "name": device.name,
    }


def device_of(row: Any) -> Device:
    """The device in a row."""
    interval = None if row.interval_s is None else timedelta(seconds=row.interval_s)
    return Device(row.id, row.kind, row.gateway, row.grid, _point(row.lat, row.lon), interval, row.name)


def person_row(person: Person) -> dict[str, Any]:
    """The row of a person."""
    return {f.name: getattr(person, f.name) for f in fields(Person)} | {"part": person.part.value}


def person_of(row: Any) -> Person:
    """The person in a row."""
    found = row._mapping  # noqa: SLF001  # the public name of a row's columns, `order` among them
    plain = {f.name: found[f.name] for f in fields(Person) if f.name not in {"channels", "part"}}
    return Person(**plain, channels=tuple(row.channels), part=Part(row.part))


def duty_row(line: Duty) -> dict[str, Any]:
    """The row of a line of the duty book. Its id is made of all that it says: the same line is one row."""
    said = {f.name: getattr(line, f.name) for f in fields(Duty)} | {"kind": line.kind.value}
    return {"id": digest("duty", *(str(value) for value in said.values())), **said}


def duty_of(row: Any) -> Duty:
    """The line of the duty book in a row."""
    found = row._mapping  # noqa: SLF001  # as above
    plain = {f.name: found[f.name] for f in fields(Duty) if f.name not in {"kind", "days"}}
    return Duty(kind=DutyKind(row.kind), days=tuple(row.days), **plain)


def _point(lat: float | None, lon: float | None) -> Point | None:
    return None if lat is None or lon is None else Point(lat, lon)


def _instants(plain: dict[str, str]) -> MappingProxyType[str, datetime]:
    return MappingProxyType({name: _instant(at) for name, at in plain.items()})


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
