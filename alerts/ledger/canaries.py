"""Canaries in the ledger: kept out of every list and figure, and deleted after a while (see `alerts.canary`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select

from alerts import canary
from alerts.ledger import tables
from streams.canary import KIND

_A: Final = tables.alert.c
_AT_ONCE: Final = 500
NO_ALERT: Final[ColumnElement[bool]] = _A.kind != KIND
NO_NOTICE: Final[ColumnElement[bool]] = tables.outbox.c.channel != canary.SINK
# A canary has no place, so an index leads to them all.
_ALL: Final = (_A.township == "", _A.is_open.in_((0, 1)), _A.kind == KIND)
_OF_AN_ALERT: Final = (
    tables.timeline.c.alert, tables.outbox.c.alert, tables.signal_held.c.alert, tables.alert_subject.c.alert, _A.id,
)  # fmt: skip


def counted() -> Select[Any]:
    """How many there are, by rank and whether they are open."""
    return select(_A.rank, _A.is_open, func.count()).where(*_ALL).group_by(_A.rank, _A.is_open)


def forget(connection: Connection, before: datetime) -> int:
    """Delete canaries raised before an instant with all that was said of them; returns how many. Nothing else is ever deleted."""
    old = select(_A.id).where(*_ALL, _A.raised_at < before).limit(_AT_ONCE)
    ids = list(connection.execute(old).scalars())
    for column in _OF_AN_ALERT if ids else ():
        connection.execute(delete(column.table).where(column.in_(ids)))
    return len(ids)
