"""Reports in SQL. Holds `alerts.reports.Reports`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, insert, select, tuple_, update

from alerts.alert import Alert
from alerts.ledger import report_tables as own
from alerts.ledger import tables
from alerts.ledger.engine import Database
from alerts.ledger.port import Conflict
from alerts.ledger.rows import alert_of
from alerts.reports import Filed, Picture, Room
from ingest.events import InvalidEvent, Report, decode, encode

_R: Final = own.report.c
_P: Final = own.report_picture.c
_LEAVING: Final = 50  # pictures that make room in one go
_MERGES: Final = 20  # cases that may have gone on in one another


class SqlReports:
    """Reports on one database. Every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def file(self, filed: Filed, pictures: Sequence[Picture], room: Room) -> Filed:
        if (known := self.get(filed.id)) is not None:
            return known
        at = filed.report.received_at
        try:
            with self._database.writing(in_order=False) as connection:
                connection.execute(insert(own.report).values(_row(filed)))
                for number, one in enumerate(pictures, start=1):
                    row = {"number": number, "at": at, "size": len(one.data), "type": one.type, "data": one.data}
                    connection.execute(insert(own.report_picture).values(report=filed.id, **row))
                if pictures:
                    _make_room(connection, at, room)
        except Conflict:  # the same report, sent twice at once
            known = self.get(filed.id)
            if known is None:
                raise
            return known
        return filed

    def logged(self, ident: str) -> None:
        with self._database.writing(in_order=False) as connection:
            connection.execute(update(own.report).where(_R.id == ident).values(logged=1))

    def get(self, ident: str) -> Filed | None:
        rows = self._rows(select(own.report).where(_R.id == ident))
        return _filed(rows[0]) if rows else None

    def some(self, idents: Sequence[str]) -> list[Filed]:
        wanted = select(own.report).where(_R.id.in_(list(idents)))
        return [_filed(row) for row in self._rows(wanted.order_by(_R.received_at, _R.id))] if idents else []

    def sent(self, source: str, since: datetime) -> int:
        counted = select(func.count()).select_from(own.report).where(_R.source == source, _R.received_at >= since)
        return int(self._rows(counted)[0][0])

    def last(self, reporter: str, limit: int = 10) -> list[Filed]:
        wanted = select(own.report).where(_R.reporter == reporter, _R.logged == 1)
        return [_filed(row) for row in self._rows(wanted.order_by(_R.received_at.desc(), _R.id).limit(limit))]

    def case_of(self, filed: Filed) -> Alert | None:
        held = tables.signal_held.c
        with self._database.reading() as connection:
            ident = connection.execute(select(held.alert).where(held.key == filed.signal)).scalar()
            found: Alert | None = None
            for _ in range(_MERGES):
                row = connection.execute(select(tables.alert).where(tables.alert.c.id == ident)).first()
                if row is None:
                    break
                found = alert_of(row)
                if not found.work.merged_into:
                    break
                ident = found.work.merged_into
            return found

    def picture(self, ident: str, number: int) -> Picture | None:
        wanted = select(_P.type, _P.data).where(_P.report == ident, _P.number == number)
        rows = self._rows(wanted)
        return Picture(rows[0].type, bytes(rows[0].data)) if rows else None

    def _rows(self, statement: Select[Any]) -> Sequence[Any]:
        with self._database.reading() as connection:
            return connection.execute(statement).all()


def _make_room(connection: Connection, now: datetime, room: Room) -> None:
    """Pictures that are too old leave, and of too many the oldest."""
    connection.execute(delete(own.report_picture).where(_P.at < now - room.kept))
    over = int(connection.execute(select(func.coalesce(func.sum(_P.size), 0))).scalar() or 0) - room.total
    while over > 0:
        oldest = select(_P.report, _P.number, _P.size).order_by(_P.at, _P.report, _P.number).limit(_LEAVING)
        leaving = []
        for row in connection.execute(oldest):
            if over <= 0:
                break
            leaving.append((row.report, row.number))
            over -= row.size
        connection.execute(delete(own.report_picture).where(tuple_(_P.report, _P.number).in_(leaving)))


def _row(filed: Filed) -> dict[str, Any]:
    return {
        "id": filed.id,
        "source": filed.source,
        "reporter": filed.report.reporter,
        "received_at": filed.report.received_at,
        "event": encode(filed.report).decode(),
        "caller": filed.caller,
        "caller_masked": filed.caller_masked,
        "logged": int(filed.logged),
    }


def _filed(row: Any) -> Filed:
    report = decode(row.event.encode())
    if not isinstance(report, Report):
        raise InvalidEvent(f"the report {row.id} in the ledger is a {type(report).__name__.lower()}")
    return Filed(report, row.source, row.caller, row.caller_masked, bool(row.logged))
