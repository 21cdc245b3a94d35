"""The ledger in SQL, SQLite or PostgreSQL. Holds `port.Ledger`; the statements a page or a sender asks for are here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, func, literal, or_, select, update

from alerts.alert import Alert, Entry, Notice, NoticeState
from alerts.delivery.bundles import Lane
from alerts.ledger import bundles, canaries, given, orders, pages, place, tables, unknown, whistle
from alerts.ledger.ahead import Ahead
from alerts.ledger.bulk import Bulks
from alerts.ledger.engine import Database, plain_errors
from alerts.ledger.instructions import SqlInstructions
from alerts.ledger.migrate import migrate
from alerts.ledger.port import Filter, Page, Transaction
from alerts.ledger.quiet import SqlQuiet
from alerts.ledger.reports import SqlReports
from alerts.ledger.rows import alert_of, entry_of, notice_of
from alerts.ledger.transaction import SqlTransaction, finish
from alerts.orders.summary import Standing
from alerts.people.duty import Duty
from alerts.people.roster import Person, Roster
from ingest.registry import Device, Grid, Registry
from ingest.unknown import UnknownDevice
from streams.signal import Level

_A: Final = tables.alert.c
_O: Final = tables.outbox.c
_T: Final = tables.timeline.c
# Said once: what is asked with every page of a desk took longer to say than to answer.
_TIMELINE: Final = select(tables.timeline).where(_T.alert == bindparam("ident")).order_by(_T.seq)
_LAST_SEQ: Final = select(func.coalesce(func.max(_T.seq), 0))


class SqlLedger:
    """A ledger on one database. Every method may be called from any thread."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._bulks = Bulks(self._database.engine.dialect)
        self.instructions = SqlInstructions(self._database)
        self.quiet = SqlQuiet(self._database)
        self.reports = SqlReports(self._database)
        with plain_errors():
            migrate(self._database.engine)

    def transaction(self, *, ahead: bool = False) -> AbstractContextManager[Transaction]:
        return self._transaction(ahead and not self._database.sqlite)

    @contextmanager
    def _transaction(self, ahead: bool) -> Iterator[SqlTransaction]:
        with self._database.writing(in_order=not ahead) as connection:
            reads = Ahead(connection, self._database.take_turn) if ahead else None
            transaction = SqlTransaction(connection, self._bulks, reads)
            yield transaction
            finish(transaction)

    def alert(self, ident: str) -> Alert | None:
        found = self._rows(pages.ONE, {"ident": ident})
        return alert_of(found[0]) if found else None

    def alerts(self, idents: Sequence[str]) -> list[Alert]:
        found = {row.id: alert_of(row) for row in self._rows(pages.SOME, {"idents": list(idents)})} if idents else {}
        return [found[ident] for ident in dict.fromkeys(idents) if ident in found]

    def page(self, wanted: Filter, *, limit: int = 50, cursor: str = "") -> Page:
        rows = self._rows(pages.asked(wanted, cursor).limit(limit + 1))
        more = pages.cursor(rows[limit - 1]) if len(rows) > limit else ""
        return Page(tuple(alert_of(row) for row in rows[:limit]), more)

    def timeline(self, alert: str) -> list[Entry]:
        return [entry_of(row) for row in self._rows(_TIMELINE, {"ident": alert})]

    def entries_after(self, seq: int, *, limit: int = 500) -> list[Entry]:
        statement = select(tables.timeline).where(_T.seq > seq).order_by(_T.seq).limit(limit)
        return [entry_of(row) for row in self._rows(statement)]

    def now(self) -> datetime | None:
        if self._database.sqlite:
            return None
        found: datetime = self._rows(select(func.clock_timestamp()))[0][0]
        return found.astimezone(UTC)

    def last_seq(self) -> int:
        return int(self._rows(_LAST_SEQ)[0][0])

    def outbox(self, *, alert: str = "", states: Sequence[str] = (), limit: int = 200) -> list[Notice]:
        """Newest first, except that one alert's notices come oldest first, as they were decided."""
        statement = select(tables.outbox) if alert else select(tables.outbox).where(canaries.NO_NOTICE)
        if states:
            statement = statement.where(_O.state.in_([str(state) for state in states]))
        if alert:
            statement = statement.where(_O.alert == alert).order_by(_O.created_at, _O.step, _O.key)
        else:
            statement = statement.order_by(_O.created_at.desc(), _O.key.desc())
        return [notice_of(row) for row in self._rows(statement.limit(limit))]

    def notices_of(self, alerts: Sequence[str]) -> dict[str, list[Notice]]:
        found: dict[str, list[Notice]] = {ident: [] for ident in alerts}
        for row in self._rows(bundles.OF_ALERTS, {"idents": list(found)}) if found else ():
            found[row.alert].append(notice_of(row))
        return found

    def riders(self, carriers: Sequence[str]) -> dict[str, list[Notice]]:
        found: dict[str, list[Notice]] = {key: [] for key in carriers}
        for row in self._rows(bundles.riding(list(found))) if found else ():
            found[row.carrier].append(notice_of(row))
        return found

    def notice_by_provider_id(self, provider_id: str) -> Notice | None:
        found = self._rows(select(tables.outbox).where(_O.provider_id == provider_id).limit(1)) if provider_id else []
        return notice_of(found[0]) if found else None

    def lease_notices(
        self, now: datetime, *, limit: int, lease: timedelta, at_least: Level = Level.BLUE
    ) -> list[Notice]:
        due = or_(
            and_(_O.state == NoticeState.QUEUED.value, _O.due_at <= now),
            and_(_O.state == NoticeState.SENDING.value, or_(_O.leased_until.is_(None), _O.leased_until <= now)),
        )
        # Said again in the words of the partial index, which is in the order that is wanted.
        waiting = _O.state.in_(
            [literal(s.value, literal_execute=True) for s in (NoticeState.QUEUED, NoticeState.SENDING)]
        )
        wanted = (
            select(tables.outbox)
            .where(waiting, due, _O.rank >= at_least.rank)
            .order_by(_O.rank.desc(), _O.turn, _O.created_at, _O.key)
            .limit(limit)
        )
        if not self._rows(wanted.limit(1)):  # an idle sender asks often: it takes no writer's turn
            return []
        with self._database.writing(in_order=False) as connection:
            found = [notice_of(row) for row in connection.execute(wanted.with_for_update(skip_locked=True))]
            leased = [replace(n, state=NoticeState.SENDING, attempts=n.attempts + 1) for n in found]
            if leased:
                connection.execute(
                    update(tables.outbox)
                    .where(_O.key.in_([n.key for n in leased]))
                    .values(state=NoticeState.SENDING.value, attempts=_O.attempts + 1, leased_until=now + lease)
                )
        return leased

    def due_escalations(self, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
        asked: list[Select[Any]] = []
        for column in (_A.escalate_at, _A.timer_at):
            due = select(_A.id).where(column <= now)
            asked.append(due.where(_A.leased_until <= now).order_by(_A.leased_until).limit(limit))
            asked.append(due.where(_A.leased_until.is_(None)).order_by(column).limit(limit))
        if not any(self._rows(statement) for statement in asked):
            return []
        with self._database.writing(in_order=False) as connection:
            ids: list[str] = []
            for statement in asked:
                ids += connection.execute(statement.with_for_update(skip_locked=True)).scalars()
            ids = list(dict.fromkeys(ids))[:limit]
            connection.execute(update(tables.alert).where(_A.id.in_(ids)).values(leased_until=now + lease))
        return ids

    def due_lanes(self, now: datetime, *, limit: int) -> list[Lane]:
        rows = [row for statement in bundles.due(now, limit) for row in self._rows(statement)]
        return list(dict.fromkeys(Lane(row.person, row.channel) for row in rows))[:limit]

    def next_due(self) -> datetime | None:
        queued, sending = (select(c).order_by(c).limit(1) for c in (_O.due_at, _O.leased_until))
        asked: list[Select[Any]] = [
            queued.where(_O.state == literal("queued", literal_execute=True)),
            sending.where(_O.state == literal("sending", literal_execute=True), _O.leased_until.is_not(None)),
        ]
        for column in (_A.escalate_at, _A.timer_at):
            unheld = select(column).where(_A.leased_until.is_(None), column.is_not(None))
            held = select(_A.leased_until).where(_A.leased_until.is_not(None), column.is_not(None))
            asked += [unheld.order_by(column).limit(1), held.order_by(_A.leased_until).limit(1)]
        asked += bundles.next_due()
        with self._database.reading() as connection:
            found = [connection.execute(statement).scalar() for statement in asked]
        return min((at for at in found if at is not None), default=None)

    def registry(self) -> Registry:
        with self._database.reading() as connection:
            return place.registry(connection)

    def roster(self) -> Roster:
        with self._database.reading() as connection:
            return place.roster(connection)

    def place_version(self) -> int:
        with self._database.reading() as connection:
            return place.version(connection)

    def replace_place(
        self,
        grids: Sequence[Grid],
        devices: Sequence[Device],
        people: Sequence[Person],
        duties: Sequence[Duty] = (),
    ) -> int:
        with self._database.writing() as connection:
            return place.put(connection, grids, devices, people, duties)

    def unreachable(self, since: datetime) -> frozenset[str]:
        with self._database.reading() as connection:
            return place.unreachable(connection, since)

    def note_unknown(self, heard: Sequence[UnknownDevice]) -> None:
        if heard:
            with self._database.writing(in_order=False) as connection:
                unknown.note(connection, self._bulks, heard)

    def unknown_devices(self, limit: int = 200) -> list[UnknownDevice]:
        with self._database.reading() as connection:
            return unknown.heard(connection, limit)

    def adopt(self, device: Device) -> int:
        with self._database.writing() as connection:
            return unknown.adopt(connection, device)

    def whistled(self, limit: int = 1000) -> list[Alert]:
        return [alert_of(row) for row in self._rows(whistle.whistled(limit))]

    def given_to(self, people: Sequence[str], since: datetime) -> list[Alert]:
        return [alert_of(row) for row in self._rows(given.given_to(people, since))] if people else []

    def stage_rows(self, since: datetime, until: datetime) -> list[Alert]:
        statement = select(tables.alert).where(_A.raised_at >= since, _A.raised_at < until, canaries.NO_ALERT)
        return [alert_of(row) for row in self._rows(statement.order_by(_A.raised_at, _A.id))]

    def orders(self, since: datetime, until: datetime) -> list[Standing]:
        return [orders.standing_of(row) for row in self._rows(orders.linked(since, until))]

    def counts(self) -> dict[str, int]:
        """Keys `open.<level>`, `notices.<state>`, `alerts.open`, `alerts.total`, `entries.total`."""
        per_level = select(_A.rank, func.count()).where(_A.is_open == 1).group_by(_A.rank)
        per_state = select(_O.state, func.count()).where(canaries.NO_NOTICE).group_by(_O.state)
        with self._database.reading() as connection:
            ranks = {row[0]: row[1] for row in connection.execute(per_level)}
            states = {row[0]: row[1] for row in connection.execute(per_state)}
            total = connection.execute(select(func.count()).select_from(tables.alert)).scalar_one()
            for rank, is_open, count in connection.execute(canaries.counted()):  # cheaper than leaving them out above
                total -= count
                ranks[rank] = ranks.get(rank, 0) - count * is_open
            entries = connection.execute(select(func.coalesce(func.max(_T.seq), 0))).scalar_one()
        return {
            **{f"open.{level.value}": ranks.get(level.rank, 0) for level in Level},
            **{f"notices.{state.value}": states.get(state.value, 0) for state in NoticeState},
            "alerts.open": sum(ranks.values()),
            "alerts.total": total,
            "entries.total": entries,
        }

    def forget_canaries(self, before: datetime) -> int:
        with self._database.writing() as connection:
            return canaries.forget(connection, before)

    def close(self) -> None:
        self._database.close()

    def _rows(self, statement: Select[Any], asked: Mapping[str, Any] | None = None) -> Sequence[Any]:
        with self._database.reading() as connection:
            return connection.execute(statement, asked).all()
