"""Keys among many: they all travel as one JSON value, so that a question about thousands has one parameter and one text.

A parameter for each key made SQLAlchemy write the statement anew every time, a twentieth of a storm; and SQLite takes 32,766 at most.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Listed(FunctionElement[str]):
    """The texts in a JSON array, as rows."""

    type = Text()
    inherit_cache = True


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column of texts is one of those in the parameter `name`, a list of `str`."""
    return column.op("IN", is_comparison=True, return_type=Boolean())(_Listed(bindparam(name, type_=JSON())))


@compiles(_Listed, "sqlite")
def _in_sqlite(element: _Listed, compiler: Any, **how: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **how)}))"  # noqa: S608  # the name of a parameter


@compiles(_Listed, "postgresql")
def _in_postgresql(element: _Listed, compiler: Any, **how: Any) -> str:
    return f"(SELECT json_array_elements_text({compiler.process(element.clauses, **how)}))"
