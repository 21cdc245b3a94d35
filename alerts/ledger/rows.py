"""Values to rows and back. Nothing is decided here; what goes in comes out equal."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from alerts.alert import Alert, Condition, Entry, Handling, Notice, NoticeState, Reason, Step
from alerts.ledger.tables import EPOCH
from alerts.roster import Person
from ingest.events import Mark, Place, Point
from ingest.registry import Device, Grid, GridLevel
from streams.signal import Level

_CELLS: Final = 100  # to a degree: about 1.1 km of latitude
_AROUND: Final = 36_000  # cells around the earth
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
        "chain": [(step.after, step.target, step.channels) for step in alert.chain],
        "step": alert.step,
        "escalate_at": alert.escalate_at,
        "leased_until": None,  # whoever saves an alert has done what it was leased for
        "reached": alert.reached,
        "active_keys": alert.active_keys,
        "policy": alert.policy,
        "outcome": alert.outcome,
        "version": alert.version,
    }


def alert_of(row: Any) -> Alert:
    """The alert in a row."""
    return Alert(
        id=row.id,
        identity=row.identity,
        kind=row.kind,
        level=Level(row.level),
        place=Place(row.grid, row.township, _point(row), row.place_why),
        condition=Condition(row.condition),
        handling=Handling(row.handling),
        origins=tuple(row.origins),
        subjects=tuple(row.subjects),
        rules=tuple(row.rules),
        count=row.signals,
        text=row.text,
        value=row.value,
        marks=Mark(row.marks),
        stages=MappingProxyType({name: _instant(at) for name, at in row.stages.items()}),
        last_seen=row.last_seen,
        assignee=row.assignee,
        chain=tuple(Step(after, target, tuple(channels)) for after, target, channels in row.chain),
        step=row.step,
        escalate_at=row.escalate_at,
        reached=row.reached,
        active_keys=tuple(row.active_keys),
        policy=row.policy,
        outcome=row.outcome,
        version=row.version,
    )


def entry_row(entry: Entry) -> dict[str, Any]:
    """The row of a timeline entry, without its `seq`."""
    return {
        "alert": entry.alert,
        "at": entry.at,
        "what": entry.what,
        "by": entry.by,
        "why": entry.why,
        "detail": entry.detail,
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
    return {"code": grid.code, "name": grid.name, "level": grid.level.value, "parent": grid.parent, "rings": grid.rings}


def grid_of(row: Any) -> Grid:
    """The grid in a row."""
    rings = tuple(tuple((lon, lat) for lon, lat in ring) for ring in row.rings)
    return Grid(row.code, row.name, GridLevel(row.level), row.parent, rings)


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
    return Device(row.id, row.kind, row.gateway, row.grid, _point(row), interval, row.name)


def person_row(person: Person) -> dict[str, Any]:
    """The row of a person."""
    return {f.name: getattr(person, f.name) for f in fields(Person)}


def person_of(row: Any) -> Person:
    """The person in a row."""
    found = row._mapping  # noqa: SLF001  # the public name of a row's columns, `order` among them
    return Person(
        **{f.name: found[f.name] for f in fields(Person) if f.name != "channels"}, channels=tuple(row.channels)
    )


def _point(row: Any) -> Point | None:
    return None if row.lat is None else Point(row.lat, row.lon)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
