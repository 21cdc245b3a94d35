"""Keys among many: they all travel as one JSON value, so that a question about thousands has one parameter and one text.

A parameter for each key made SQLAlchemy write the statement anew every time, a twentieth of a storm; and SQLite takes 32,766 at most.
"""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy import JSON, Boolean, ColumnElement, SelectBase, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Is(FunctionElement[bool]):
    """Something that is so or not."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:  # noqa: ARG002
        """Itself: where a database has no booleans SQLAlchemy would compare it with 1, and no index helps with that."""
        return self


class _Among(_Is):
    """Whether the first of its two parts is one of the texts in the second, a JSON array."""

    inherit_cache = True


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column of texts is one of those in the parameter `name`, a list of `str`."""
    return _Among(column, bindparam(name, type_=JSON()))


class _Listed(_Is):
    """Whether the first of its two parts is one of the values of the second, a question of its own."""

    inherit_cache = True


def listed(column: ColumnElement[Any], wanted: SelectBase) -> ColumnElement[bool]:
    """Whether a column is one of the few values that `wanted` finds."""
    return _Listed(column, wanted.scalar_subquery())


@compiles(_Among, "sqlite")
def _in_sqlite(element: _Among, compiler: Any, **how: Any) -> str:
    column, keys = (compiler.process(part, **how) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608  # the names of a column and a parameter


@compiles(_Listed, "sqlite")
def _listed_in_sqlite(element: _Listed, compiler: Any, **how: Any) -> str:
    column, values = (compiler.process(part, **how) for part in element.clauses)
    return f"{column} IN {values}"


@compiles(_Listed, "postgresql")
def _listed_in_postgresql(element: _Listed, compiler: Any, **how: Any) -> str:
    column, values = (compiler.process(part, **how) for part in element.clauses)
    return f"{column} = ANY (ARRAY{values})"


@compiles(_Among, "postgresql")
def _in_postgresql(element: _Among, compiler: Any, **how: Any) -> str:
    """An array is looked up by index, whatever the server knows of the table: joined with rows, a fresh table was read whole."""
    column, keys = (compiler.process(part, **how) for part in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text({keys})))"
