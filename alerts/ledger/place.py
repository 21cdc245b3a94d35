"""The place in the ledger: grids, devices, people and their duties, and the version that grows with every import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from alerts.alert import NoticeState
from alerts.ledger import tables
from alerts.ledger.ahead import Reads
from alerts.ledger.rows import device_of, device_row, duty_of, duty_row, grid_of, grid_row, person_of, person_row
from alerts.people.duty import Duty
from alerts.people.roster import Person, Roster
from ingest.registry import Device, Grid, Registry

_ONLY: Final = 1  # the one row of `place_version`
_O: Final = tables.outbox.c
_D: Final = tables.duty.c
GAVE_UP: Final = "(tried "  # what the sender adds to its last error when it was the provider who was away
_NOT_PROVEN: Final = tuple(s.value for s in NoticeState if s not in {NoticeState.FAILED, NoticeState.CANCELLED})


def registry(connection: Connection) -> Registry:
    """Grids of every time and devices, with the version they were read at."""
    grids = [grid_of(row) for table in (tables.grid, tables.grid_time) for row in connection.execute(select(table))]
    devices = [device_of(row) for row in connection.execute(select(tables.device))]
    return Registry.of(grids, devices, version(connection))


def roster(connection: Connection) -> Roster:
    """Everybody who can be told, and their duties."""
    people = [person_of(row) for row in connection.execute(select(tables.person))]
    return Roster.of(people, [duty_of(row) for row in connection.execute(select(tables.duty))])


def version(connection: Connection) -> int:
    """How often a place was put in force; 0 in a new ledger."""
    return connection.execute(select(tables.place_version.c.version)).scalar() or 0


def knows(connection: Connection, grid: str) -> bool:
    """Whether there is a grid of that code, now or at another time."""
    asked = (select(table.c.code).where(table.c.code == grid).limit(1) for table in (tables.grid, tables.grid_time))
    return any(connection.execute(one).first() is not None for one in asked)


def put(
    connection: Connection,
    grids: Sequence[Grid],
    devices: Sequence[Device],
    people: Sequence[Person],
    duties: Sequence[Duty] = (),
) -> int:
    """Add or update everything listed; what is not listed stays. Returns the new version.

    The duties of a person and kind take the place of all that there were of that person and kind.
    """
    number = version(connection) + 1
    _upsert(connection, tables.grid, (grid_row(g) for g in grids if g.valid_from is None))
    _upsert(connection, tables.grid_time, (grid_row(g) for g in grids if g.valid_from is not None))
    _upsert(connection, tables.device, map(device_row, devices))
    _upsert(connection, tables.person, map(person_row, people))
    for person, kind in sorted({(line.person, line.kind.value) for line in duties}):
        connection.execute(delete(tables.duty).where(_D.person == person, _D.kind == kind))
    _upsert(connection, tables.duty, map(duty_row, dict.fromkeys(duties)))
    _upsert(connection, tables.place_version, [{"id": _ONLY, "version": number}])
    return number


def unreachable(connection: Reads, since: datetime) -> frozenset[str]:
    """People whom the provider could not deliver a notice made at or after an instant, where none made since has left or waits.

    A provider that is away proves nothing about anybody.
    """
    when = func.max(_O.created_at).label("at")
    failed = select(_O.person, when).where(
        _O.state == literal(NoticeState.FAILED.value, literal_execute=True),
        _O.created_at >= since,
        _O.error.not_like(f"%{GAVE_UP}%"),
    )
    found = {row.person: row.at for row in connection.execute(failed.group_by(_O.person))}
    if not found:
        return frozenset()
    later = select(_O.person, when).where(
        _O.created_at >= since, _O.state.in_(_NOT_PROVEN), _O.person.in_(sorted(found))
    )
    last = {row.person: row.at for row in connection.execute(later.group_by(_O.person))}
    return frozenset(person for person, at in found.items() if person not in last or last[person] < at)


def _upsert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    gathered = list(rows)
    if not gathered:
        return
    keys = [column.name for column in table.primary_key]
    statement = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    anew = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=anew), gathered)
