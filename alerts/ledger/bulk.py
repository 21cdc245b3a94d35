"""Statements for many rows at once, prepared a single time.

SQLAlchemy works the parameters of each row out anew, which was a fifth of a storm on SQLite; here a row goes straight to the driver,
through the same type conversions. To PostgreSQL all rows travel as one JSON value in one statement: a message for each row took longer
than the rows themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, cast

from sqlalchemy import JSON, Connection, Dialect, Table, bindparam, update
from sqlalchemy.dialects import sqlite

from alerts.ledger.tables import Instant, as_json, microseconds

ROW_KEY: Final = "row_key"  # the name under which the key of a changed row travels
Row = Mapping[str, Any]
_Conversion = Callable[[Any], Any] | None


class Bulk(ABC):
    """One statement of one table."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute it for every row; nothing happens without one."""
        self.ready(rows)(connection)

    def ready(self, rows: Sequence[Row]) -> Callable[[Connection], None]:
        """What executes it for every row. All that can be done before is done here: others may be waiting for their turn to write."""
        if not rows:
            return lambda _: None
        values = self._ready(rows)

        def write(connection: Connection) -> None:
            connection.exec_driver_sql(self._sql, values)

        return write

    @abstractmethod
    def _ready(self, rows: Sequence[Row]) -> Any:
        """The rows as the driver takes them."""


class Bulks:
    """The statements of a ledger, in the dialect of its database; each is prepared when it is first used."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._made: dict[tuple[str, str], Bulk] = {}

    def insert(self, table: Table) -> Bulk:
        """New rows, without the keys that the database gives."""
        if self._postgresql:
            return self._kept("insert", table, lambda: _Recordset(_inserting(table), _given(table)))
        return self._kept("insert", table, lambda: _Rows(table.insert(), _given(table), self._dialect))

    def insert_unless_known(self, table: Table) -> Bulk:
        """New rows; a row whose key exists is passed over."""
        if self._postgresql:
            return self._kept(
                "keep", table, lambda: _Recordset(f"{_inserting(table)} ON CONFLICT DO NOTHING", _given(table))
            )
        return self._kept(
            "keep", table, lambda: _Rows(sqlite.insert(table).on_conflict_do_nothing(), _given(table), self._dialect)
        )

    def merge(self, table: Table, otherwise: str) -> Bulk:
        """New rows; where the key exists, `otherwise` (`ON CONFLICT …`, in words that both databases know) says what becomes of it."""
        if self._postgresql:
            return self._kept("merge", table, lambda: _Recordset(f"{_inserting(table)} {otherwise}", _given(table)))
        return self._kept("merge", table, lambda: _Rows(table.insert(), _given(table), self._dialect, otherwise))

    def change(self, table: Table, key: str, *keep: str) -> Bulk:
        """Every column of rows that exist, but for the key and those to `keep`. The key travels as `ROW_KEY`."""
        return self._kept("/".join(("change", *keep)), table, lambda: self._changing(table, key, keep))

    def _changing(self, table: Table, key: str, keep: Sequence[str]) -> Bulk:
        columns = {c.name: c.type for c in table.columns if c.name not in {key, *keep}}
        if self._postgresql:
            assignments = ", ".join(f'"{column}" = given."{column}"' for column in columns)
            which = f'"{table.name}"."{key}" = given."{key}"'
            sql = f'UPDATE "{table.name}" SET {assignments} FROM {_given_rows(table)} WHERE {which}'  # noqa: S608
            return _Recordset(sql, {**columns, key: table.c[key].type})
        values = {column: bindparam(column, type_=kind) for column, kind in columns.items()}
        statement = update(table).where(table.c[key] == bindparam(ROW_KEY)).values(values)
        return _Rows(statement, {**columns, ROW_KEY: table.c[key].type}, self._dialect)

    @property
    def _postgresql(self) -> bool:
        return self._dialect.name == "postgresql"

    def _kept(self, name: str, table: Table, make: Callable[[], Bulk]) -> Bulk:
        if (name, table.name) not in self._made:
            self._made[name, table.name] = make()
        return self._made[name, table.name]


class _Rows(Bulk):
    """Row by row inside the driver, for a database in this process."""

    def __init__(self, statement: Any, columns: Mapping[str, Any], dialect: Dialect, and_then: str = "") -> None:
        compiled = statement.compile(dialect=dialect, column_keys=[name for name in columns if name != ROW_KEY])
        super().__init__(f"{compiled} {and_then}")
        order: Iterable[str] = compiled.positiontup
        names = list(order)
        self._pick = itemgetter(*names)
        converted = ((at, _conversion(columns[name], dialect)) for at, name in enumerate(names))
        self._conversions = [(at, convert) for at, convert in converted if convert is not None]

    def _ready(self, rows: Sequence[Row]) -> list[Any]:
        return list(map(self._values if self._conversions else self._pick, rows))

    def _values(self, row: Row) -> tuple[Any, ...]:
        values = list(self._pick(row))
        for at, convert in self._conversions:
            values[at] = convert(values[at])
        return tuple(values)


class _Recordset(Bulk):
    """All rows as one JSON value, which the server takes apart by the table's own types."""

    def __init__(self, sql: str, columns: Mapping[str, Any]) -> None:
        super().__init__(sql)
        self._plain = [name for name, kind in columns.items() if not isinstance(kind, Instant)]
        self._instants = [name for name, kind in columns.items() if isinstance(kind, Instant)]

    def _ready(self, rows: Sequence[Row]) -> tuple[str]:
        return (as_json([self._record(row) for row in rows]),)

    def _record(self, row: Row) -> dict[str, Any]:
        record = {name: row[name] for name in self._plain}
        for name in self._instants:
            record[name] = microseconds(row[name])
        return record


def _conversion(kind: Any, dialect: Dialect) -> _Conversion:
    """What makes a value ready for the driver; for the two kinds we have most of, without the layers in between."""
    if isinstance(kind, Instant):
        return microseconds
    if isinstance(kind, JSON):
        return as_json
    return cast("_Conversion", kind.dialect_impl(dialect).bind_processor(dialect))


def _given(table: Table) -> dict[str, Any]:
    return {c.name: c.type for c in table.columns if c.autoincrement is not True}


def _given_rows(table: Table) -> str:
    return f'json_populate_recordset(NULL::"{table.name}", %s::json) AS given'


def _inserting(table: Table) -> str:
    columns = ", ".join(f'"{name}"' for name in _given(table))
    return f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} FROM {_given_rows(table)}'  # noqa: S608  # names of our own tables
