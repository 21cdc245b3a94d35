"""The place in the ledger: grids, devices and people, and the version that grows with every import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from alerts.ledger import tables
from alerts.ledger.rows import device_of, device_row, grid_of, grid_row, person_of, person_row
from alerts.roster import Person, Roster
from ingest.registry import Device, Grid, Registry

_ONLY: Final = 1  # the one row of `place_version`


def registry(connection: Connection) -> Registry:
    """Grids and devices, with the version they were read at."""
    grids = [grid_of(row) for row in connection.execute(select(tables.grid))]
    devices = [device_of(row) for row in connection.execute(select(tables.device))]
    return Registry.of(grids, devices, version(connection))


def roster(connection: Connection) -> Roster:
    """Everybody who can be told."""
    return Roster.of(person_of(row) for row in connection.execute(select(tables.person)))


def version(connection: Connection) -> int:
    """How often a place was put in force; 0 in a new ledger."""
    return connection.execute(select(tables.place_version.c.version)).scalar() or 0


def put(connection: Connection, grids: Sequence[Grid], devices: Sequence[Device], people: Sequence[Person]) -> int:
    """Add or update everything listed; what is not listed stays. Returns the new version."""
    number = version(connection) + 1
    _upsert(connection, tables.grid, map(grid_row, grids))
    _upsert(connection, tables.device, map(device_row, devices))
    _upsert(connection, tables.person, map(person_row, people))
    _upsert(connection, tables.place_version, [{"id": _ONLY, "version": number}])
    return number


def _upsert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    gathered = list(rows)
    if not gathered:
        return
    keys = [column.name for column in table.primary_key]
    statement = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    anew = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=anew), gathered)
