"""Which alerts are asked for, the worst and newest first, and where the next page begins. Statements only; nothing is executed here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, literal, or_, select, tuple_
from sqlalchemy.sql import false

from alerts.ledger import canaries, orders, tables
from alerts.ledger.among import among, listed
from alerts.ledger.port import BadCursor, Filter
from alerts.ledger.tables import EPOCH, Instant, microseconds
from streams.signal import Level

_A: Final = tables.alert.c
ONE: Final = select(tables.alert).where(_A.id == bindparam("ident"))
SOME: Final = select(tables.alert).where(among(_A.id, "idents"))


def asked(wanted: Filter, cursor: str = "") -> Select[Any]:
    """The rows of what is wanted, after a cursor. Raises `BadCursor`."""
    statement = select(tables.alert).where(*_conditions(wanted))
    if cursor:
        statement = statement.where(_after(cursor))
    return statement.order_by(_A.rank.desc(), _A.raised_at.desc(), _A.id.desc())


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.open_only:
        found.append(_A.is_open == 1)
    if wanted.levels:
        found.append(_A.rank.in_([Level(level).rank for level in wanted.levels]))
    for column, values in (
        (_A.kind, wanted.kinds),
        (_A.handling, wanted.handlings),
        (_A.grid, wanted.grids),
        (_A.township, wanted.townships),
    ):
        if values:
            found.append(column.in_([str(value) for value in values]))
    if wanted.subject:
        named = select(tables.alert_subject.c.alert).where(tables.alert_subject.c.subject == wanted.subject)
        found.append(listed(_A.id, named.union(orders.numbered(wanted.subject))))
    if not wanted.kinds:
        found.append(canaries.NO_ALERT)
    if wanted.since is not None:
        found.append(_A.raised_at >= wanted.since)
    if wanted.seen is not None:
        found.append(or_(false(), *(_seen(n, *some) for n, some in enumerate(wanted.seen))))
    return found


def _seen(number: int, levels: tuple[str, ...], grids: tuple[str, ...]) -> ColumnElement[bool]:
    """Cases of some levels in some grids. The codes stand in the statement: a county has more than it may have parameters."""
    codes: BindParameter[str] = bindparam(f"seen_{number}", grids, expanding=True, literal_execute=True)
    return and_(_A.rank.in_([Level(level).rank for level in levels]), _A.grid.in_(codes))


def cursor(row: Any) -> str:
    """Where a page ends, for whoever asks for the next."""
    return f"{row.rank}.{microseconds(row.raised_at)}.{row.id}"


def _after(cursor: str) -> ColumnElement[bool]:
    try:
        rank, raised_at, ident = cursor.split(".", 2)
        raised = EPOCH + timedelta(microseconds=int(raised_at))
        here = tuple_(literal(int(rank)), literal(raised, Instant), literal(ident))
    except (ValueError, OverflowError) as error:
        raise BadCursor(f"{cursor[:80]!r} is no cursor of a page of alerts: ask for the first page again") from error
    return tuple_(_A.rank, _A.raised_at, _A.id) < here
