"""Statements for many rows at once, prepared a single time.

SQLAlchemy works the parameters of each row out anew, which was a fifth of a storm; here a row goes straight to the driver, through the
same type conversions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

ROW_KEY: Final = "row_key"  # the name under which the key of a changed row travels
_Conversion = Callable[[Any], Any] | None


class Bulk:
    """One statement of one table in one dialect."""

    def __init__(self, statement: Any, columns: Mapping[str, Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=[name for name in columns if name != ROW_KEY])
        self._sql = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup
        conversions = {name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in columns.items()}
        self._conversions: list[tuple[str, _Conversion]] = [
            (name, conversions[name]) for name in self._order or list(conversions)
        ]

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for every row; nothing happens without one."""
        if not rows:
            return
        if self._order is not None:
            connection.exec_driver_sql(self._sql, [tuple(self._values(row)) for row in rows])
        else:
            names = [name for name, _ in self._conversions]
            connection.exec_driver_sql(self._sql, [dict(zip(names, self._values(row), strict=True)) for row in rows])

    def _values(self, row: Mapping[str, Any]) -> list[Any]:
        return [row[name] if convert is None else convert(row[name]) for name, convert in self._conversions]


class Bulks:
    """The statements of a ledger, in the dialect of its database; each is prepared when it is first used."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._made: dict[tuple[str, str], Bulk] = {}

    def insert(self, table: Table) -> Bulk:
        """New rows, without the keys that the database gives."""
        return self._prepared("insert", table, table.insert, _given(table))

    def insert_unless_known(self, table: Table) -> Bulk:
        """New rows; a row whose key exists is passed over."""
        kind = postgresql if self._dialect.name == "postgresql" else sqlite
        return self._prepared("keep", table, lambda: kind.insert(table).on_conflict_do_nothing(), _given(table))

    def change(self, table: Table, key: str, *keep: str) -> Bulk:
        """Every column of rows that exist, but for the key and those to `keep`. The key travels as `ROW_KEY`."""
        columns = {c.name: c.type for c in table.columns if c.name not in {key, *keep}}
        values = {name: bindparam(name, type_=kind) for name, kind in columns.items()}
        return self._prepared(
            "/".join(("change", *keep)),
            table,
            lambda: update(table).where(table.c[key] == bindparam(ROW_KEY)).values(values),
            {**columns, ROW_KEY: table.c[key].type},
        )

    def _prepared(self, name: str, table: Table, make: Callable[[], Any], columns: Mapping[str, Any]) -> Bulk:
        if (name, table.name) not in self._made:
            self._made[name, table.name] = Bulk(make(), columns, self._dialect)
        return self._made[name, table.name]


def _given(table: Table) -> dict[str, Any]:
    return {c.name: c.type for c in table.columns if c.autoincrement is not True}
