"""One read-write transaction of the ledger.

What is saved is gathered and written in a few large statements, at the end or before a reading that would need it: a
storm is a few dozen statements, not hundreds of thousands. Writers come one after another (SQLite by its nature,
PostgreSQL by an advisory lock), so a version once read in one's turn cannot change under us, and the timeline's numbers
become visible in their order. What is read ahead of the turn is looked at again in it (`alerts.ledger.ahead`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, select

from alerts.alert import Alert, Entry, Notice, NoticeState
from alerts.evolve import evolve
from alerts.ledger import pages, place, tables
from alerts.ledger.ahead import Ahead, Reads
from alerts.ledger.among import among
from alerts.ledger.bulk import ROW_KEY, Bulks
from alerts.ledger.bundles import SqlBundles
from alerts.ledger.instructions import SqlInstructionWriter
from alerts.ledger.order_tables import hotline_order
from alerts.ledger.orders import MOVES, rows_of
from alerts.ledger.port import Conflict
from alerts.ledger.quiet import SqlQuietWriter
from alerts.ledger.rows import alert_of, alert_row, cells_around, entry_row, notice_of, notice_row
from ingest.events import Place

_CHUNK: Final = 5000  # values in one IN list: SQLite takes 32,766 in a statement
_ALERT: Final = tables.alert.c
_OUTBOX: Final = tables.outbox.c
_VERSIONS: Final = select(_ALERT.id, _ALERT.version).where(among(_ALERT.id, "idents"))
_OPEN: Final = select(tables.alert).where(
    _ALERT.is_open == 1,
    _ALERT.kind.in_(bindparam("kinds", expanding=True)),
    _ALERT.township.in_(bindparam("townships", expanding=True)),
)
# `+ 0` keeps an index that begins with `is_open` out of it: PostgreSQL without statistics takes that for the narrower one.
_NAMED: Final = select(tables.alert).where(_ALERT.is_open + 0 == 1, among(_ALERT.identity, "identities"))
_HELD: Final = select(tables.signal_held).where(among(tables.signal_held.c.key, "keys"))
_NOTICE: Final = select(tables.outbox).where(_OUTBOX.key == bindparam("ident")).with_for_update()
_NOTICES: Final = (
    select(tables.outbox)
    .where(_OUTBOX.alert == bindparam("ident"))
    .order_by(_OUTBOX.created_at, _OUTBOX.step, _OUTBOX.key)
    .with_for_update()
)
_KNOWN: Final = select(_OUTBOX.key).where(among(_OUTBOX.key, "keys"))


class SqlTransaction:
    """Holds `port.Transaction`. Made and ended by `SqlLedger.transaction`."""

    def __init__(self, connection: Connection, bulks: Bulks, ahead: Ahead | None = None) -> None:
        self._connection = connection
        self._ahead = ahead
        self._reads: Reads = ahead or connection  # for what locks nothing
        self._bulks = bulks
        self._seen: dict[str, Alert] = {}  # as they are now, with what this transaction has done to them
        self._new: dict[str, Alert] = {}
        self._changed: dict[str, Alert] = {}
        self._subjects: list[dict[str, str]] = []
        self._held: dict[str, str] = {}
        self._entries: list[dict[str, Any]] = []
        self._queued: dict[str, Notice] = {}
        self._orders: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def _writing(self) -> Connection:
        """The connection, with the turn to write: also for questions that lock what they find."""
        if self._ahead is not None:
            self._ahead.take_turn()
        return self._connection

    def alert(self, ident: str) -> Alert | None:
        if ident not in self._seen:
            row = self._reads.execute(pages.ONE, {"ident": ident}).first()
            if row is None:
                return None
            self._seen[ident] = alert_of(row)
        return self._seen[ident]

    def open_alerts(
        self,
        *,
        townships: Sequence[str],
        kinds: Sequence[str],
        near: Sequence[Place] = (),
        since: datetime | None = None,
    ) -> list[Alert]:
        self._flush()
        wanted = {"townships": list(set(townships)), "kinds": list(set(kinds))}
        found: dict[str, Alert] = {}
        for clause in _nearness(near):
            statement = _OPEN if clause is None else _OPEN.where(clause)
            statement = statement if since is None else statement.where(_ALERT.last_seen >= since)
            for row in self._reads.execute(statement, wanted):
                if row.id not in found:
                    found[row.id] = self._seen.get(row.id) or alert_of(row)
        self._seen.update(found)
        return [found[ident] for ident in sorted(found)]

    def alerts(self, idents: Sequence[str]) -> list[Alert]:
        if missing := [ident for ident in idents if ident not in self._seen]:
            for row in self._reads.execute(pages.SOME, {"idents": missing}):
                self._seen[row.id] = alert_of(row)
        return [self._seen[ident] for ident in dict.fromkeys(idents) if ident in self._seen]

    def open_with(self, identities: Sequence[str]) -> list[Alert]:
        self._flush()
        wanted = list(dict.fromkeys(identities))
        rows = self._reads.execute(_NAMED, {"identities": wanted}) if wanted else ()
        found = [self._seen.get(row.id) or alert_of(row) for row in rows]
        self._seen.update({alert.id: alert for alert in found})
        return sorted(found, key=lambda alert: alert.id)

    def holding(self, signal_keys: Sequence[str]) -> dict[str, str]:
        found = {key: self._held[key] for key in signal_keys if key in self._held}
        if keys := sorted(key for key in signal_keys if key not in found):  # neighbours lie on the same pages
            found.update({row.key: row.alert for row in self._reads.execute(_HELD, {"keys": keys})})
        return found

    def hold(self, keys: Mapping[str, str]) -> None:
        self._held.update(keys)

    def notices(self, alert: str) -> list[Notice]:
        if any(notice.alert == alert for notice in self._queued.values()):
            self._flush()
        return [notice_of(row) for row in self._writing.execute(_NOTICES, {"ident": alert})]

    def notice(self, key: str) -> Notice | None:
        if key in self._queued:
            return self._queued[key]
        row = self._writing.execute(_NOTICE, {"ident": key}).first()
        return None if row is None else notice_of(row)

    def unreachable(self, since: datetime) -> frozenset[str]:
        return place.unreachable(self._reads, since)

    def save(self, alert: Alert, entries: Sequence[Entry]) -> Alert:
        return self.save_all([(alert, entries)])[0]

    def save_all(self, changes: Sequence[tuple[Alert, Sequence[Entry]]]) -> list[Alert]:
        versions = {ident: seen.version for alert, _ in changes if (seen := self._seen.get(ident := alert.id))}
        if idents := [alert.id for alert, _ in changes if alert.id not in versions]:
            versions.update({row.id: row.version for row in self._reads.execute(_VERSIONS, {"idents": idents})})
        for alert, _ in changes:
            if (held := versions.get(alert.id, 0)) != alert.version:
                raise Conflict(
                    f"alert {alert.id} has version {held} in the ledger, not {alert.version}: "
                    "somebody changed it meanwhile; read it again and decide again"
                )
        return [self._gather(alert, entries) for alert, entries in changes]

    def _gather(self, alert: Alert, entries: Sequence[Entry]) -> Alert:
        before = self._seen.get(alert.id)
        saved = evolve(alert, version=alert.version + 1)
        self._seen[alert.id] = saved
        (self._new if alert.version == 0 or alert.id in self._new else self._changed)[alert.id] = saved
        known = before.subjects if before else ()
        self._subjects += [{"subject": s, "alert": alert.id} for s in alert.subjects if s not in known]
        self._orders |= {(row["platform"], row["number"]): row for row in rows_of(saved)}
        self.append(entries)
        return saved

    def queue(self, notices: Sequence[Notice]) -> int:
        fresh: dict[str, Notice] = {}
        for notice in notices:
            if notice.key not in self._queued:
                fresh.setdefault(notice.key, notice)
        if fresh:
            for known in self._reads.execute(_KNOWN, {"keys": list(fresh)}).scalars():
                del fresh[known]
        self._queued.update(fresh)
        return len(fresh)

    def update(self, *notices: Notice) -> None:
        self._queued.update({n.key: n for n in notices if n.key in self._queued})
        written = [n for n in notices if n.key not in self._queued]
        # A lease belongs to a notice that is on its way: in any other state nobody holds it.
        for keep, leased in (((), False), (("leased_until",), True)):
            rows = [_by_key(notice_row(n), "key") for n in written if (n.state is NoticeState.SENDING) is leased]
            self._bulks.change(tables.outbox, "key", *keep).run(self._writing, rows)

    def append(self, entries: Sequence[Entry]) -> None:
        self._entries += [entry_row(entry) for entry in entries]

    @property
    def quiet(self) -> SqlQuietWriter:
        return SqlQuietWriter(self._reads, lambda: self._writing, self._bulks)

    @property
    def bundles(self) -> SqlBundles:
        self._flush()
        return SqlBundles(self._reads, lambda: self._writing, self._bulks)

    @property
    def instructions(self) -> SqlInstructionWriter:
        self._flush()
        return SqlInstructionWriter(self._writing, self._bulks)

    def _flush(self) -> None:
        """Write what was gathered; afterwards the database knows all that this transaction has said."""
        gathered = (
            self._new, self._changed, self._subjects, self._held, self._entries, self._queued, self._orders,
        )  # fmt: skip
        if not any(gathered):
            return
        bulks = self._bulks
        ready = (  # before the turn to write: the rest is the server's work
            bulks.insert(tables.alert).ready([alert_row(alert) for alert in self._new.values()]),
            bulks.change(tables.alert, "id").ready([_by_key(alert_row(a), "id") for a in self._changed.values()]),
            bulks.insert_unless_known(tables.alert_subject).ready(self._subjects),
            bulks.insert_unless_known(tables.signal_held).ready(
                [{"key": key, "alert": alert} for key, alert in self._held.items()]
            ),
            bulks.insert(tables.timeline).ready(self._entries),
            bulks.insert_unless_known(tables.outbox).ready([notice_row(n) for n in self._queued.values()]),
            bulks.merge(hotline_order, MOVES).ready(list(self._orders.values())),
        )
        connection = self._writing
        for write in ready:
            write(connection)
        for some in gathered:
            some.clear()


def finish(transaction: SqlTransaction) -> None:
    """Write what a transaction has gathered, before its commit."""
    transaction._flush()  # noqa: SLF001  # the other half of the same thing


def _by_key(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {**row, ROW_KEY: row[key]}


def _nearness(near: Sequence[Place]) -> list[ColumnElement[bool] | None]:
    """The conditions that together find what is near some places, each with an index of its own; None is everywhere."""
    if not near:
        return [None]
    grids = sorted({place.grid for place in near})
    cells = sorted({cell for place in near if place.point for cell in cells_around(place.point)})
    by_grid: list[ColumnElement[bool] | None] = [
        _ALERT.grid.in_(grids[i : i + _CHUNK]) for i in range(0, len(grids), _CHUNK)
    ]
    return by_grid + [_ALERT.cell.in_(cells[i : i + _CHUNK]) for i in range(0, len(cells), _CHUNK)]
