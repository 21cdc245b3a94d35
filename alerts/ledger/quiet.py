"""When not to ring, in the ledger: silences, windows and drills as they are now, what was done to them, and devices that come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, insert, or_, select

from alerts.alert import Alert
from alerts.ledger import quiet_tables, tables
from alerts.ledger.ahead import Reads
from alerts.ledger.among import among
from alerts.ledger.bulk import Bulks
from alerts.ledger.engine import Database
from alerts.ledger.rows import alert_of
from alerts.quiet.bell import Matcher
from alerts.quiet.book import Change, QuietBook, QuietRule
from alerts.quiet.drill import Drill
from alerts.quiet.flapping import Flap
from alerts.quiet.hours import Daytime
from alerts.quiet.maintenance import Window
from alerts.quiet.silence import Silence
from streams.signal import Level

WORST: Final = 20  # open alerts of one place that are looked at, the worst first
_A: Final = tables.alert.c
_TABLES: Final[dict[type, Table]] = {
    Silence: quiet_tables.silence,
    Window: quiet_tables.maintenance,
    Drill: quiet_tables.drill,
}
_ENDS: Final = {Silence: "ends_at", Window: "until_at", Drill: "ends_at"}
NAMED: Final = 1000  # open alerts whose grids are named in one answer
_BAD: Final = (
    select(_A.grid).where(_A.is_open == 1, _A.rank >= bindparam("rank")).order_by(_A.rank.desc()).limit(NAMED + 1)
)
_WORST_AT: Final = (
    select(tables.alert)
    .where(_A.grid == bindparam("grid"), _A.is_open == 1, _A.rank > bindparam("above"))
    .order_by(_A.rank.desc(), _A.raised_at.desc(), _A.id.desc())
    .limit(WORST)
)
_FLAPS: Final = select(quiet_tables.flap).where(among(quiet_tables.flap.c.key, "keys"))
_AGAIN: Final = (
    "ON CONFLICT (key) DO UPDATE SET states = excluded.states, at = excluded.at, flapping = excluded.flapping"
)


class _Reads:
    """The questions that are the same in and outside a transaction."""

    def _connected(self) -> AbstractContextManager[Reads]:
        raise NotImplementedError

    def book(self, now: datetime | None = None) -> QuietBook:
        found: dict[type, tuple[Any, ...]] = {}
        with self._connected() as connection:
            for kind, table in _TABLES.items():
                ends = table.c[_ENDS[kind]]
                wanted = select(table).order_by(ends, table.c.id)
                if now is not None:
                    wanted = wanted.where(ends > now, or_(table.c.ended_at.is_(None), table.c.ended_at > now))
                found[kind] = tuple(_of(kind, row) for row in connection.execute(wanted))
        return QuietBook(found[Silence], found[Window], found[Drill])

    def rule(self, ident: str) -> QuietRule | None:
        with self._connected() as connection:
            for kind, table in _TABLES.items():
                row = connection.execute(select(table).where(table.c.id == ident)).first()
                if row is not None:
                    found: QuietRule = _of(kind, row)
                    return found
        return None

    def changes(self, ident: str) -> list[Change]:
        table = quiet_tables.quiet_change
        wanted = select(table).where(table.c.id == ident).order_by(table.c.seq)
        with self._connected() as connection:
            return [Change(row.id, row.at, row.what, row.by) for row in connection.execute(wanted)]


class SqlQuiet(_Reads):
    """Holds `quiet_port.ReadsQuiet` outside a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _connected(self) -> AbstractContextManager[Connection]:
        return self._database.reading()


class SqlQuietWriter(_Reads):
    """Holds `quiet_port.WritesQuiet` within a transaction: `reads` answers its questions, `writing` gives what it may write to."""

    def __init__(self, reads: Reads, writing: Callable[[], Connection], bulks: Bulks) -> None:
        self._reads = reads
        self._writing = writing
        self._bulks = bulks

    @contextmanager
    def _connected(self) -> Iterator[Reads]:
        yield self._reads

    def put(self, rule: QuietRule, change: Change) -> None:
        table = _TABLES[type(rule)]
        connection = self._writing()
        connection.execute(delete(table).where(table.c.id == rule.id))
        connection.execute(insert(table).values(_row(rule)))
        connection.execute(insert(quiet_tables.quiet_change).values(asdict(change)))

    def flaps(self, keys: Sequence[str]) -> dict[str, Flap]:
        rows = self._reads.execute(_FLAPS, {"keys": list(keys)}) if keys else ()
        return {row.key: Flap(tuple(s == "1" for s in row.states), row.at, bool(row.flapping)) for row in rows}

    def keep_flaps(self, flaps: Mapping[str, Flap]) -> None:
        rows = [
            {"key": k, "states": "".join("01"[s] for s in f.states), "at": f.at, "flapping": int(f.flapping)}
            for k, f in flaps.items()
        ]
        self._bulks.merge(quiet_tables.flap, _AGAIN).run(self._writing(), rows)

    def worst_at(self, grid: str, above: Level) -> list[Alert]:
        return [alert_of(row) for row in self._reads.execute(_WORST_AT, {"grid": grid, "above": above.rank})]

    def bad_grids(self, at_least: Level) -> frozenset[str] | None:
        found = self._reads.execute(_BAD, {"rank": at_least.rank}).scalars().all()
        return frozenset(found) if len(found) <= NAMED else None

    def open_about(self, subjects: Sequence[str]) -> list[Alert]:
        speaks = tables.alert_subject.c
        wanted = select(tables.alert).join(tables.alert_subject, speaks.alert == _A.id)
        wanted = wanted.where(speaks.subject.in_(list(subjects)), _A.is_open == 1).order_by(_A.id).limit(WORST)
        return [alert_of(row) for row in self._reads.execute(wanted)]


def _row(one: QuietRule) -> dict[str, Any]:
    plain = {f.name: getattr(one, f.name) for f in fields(one) if f.name != "daytime"}
    plain["matcher"] = {name: list(said) for name, said in asdict(one.matcher).items() if said}
    if isinstance(one, Window):
        plain |= {"start": one.daytime.start, "stop": one.daytime.end}
    return plain


def _of(kind: type, row: Any) -> Any:
    plain = dict(row._mapping)  # noqa: SLF001  # the public name of a row's columns
    said = {name: tuple(values) for name, values in plain["matcher"].items()}
    plain["matcher"] = Matcher(**{**said, "levels": tuple(Level(level) for level in said.get("levels", ()))})
    if kind is Window:
        plain |= {"daytime": Daytime(plain.pop("start"), plain.pop("stop")), "days": tuple(plain["days"])}
    if kind is Drill:
        plain |= {"people": tuple(plain["people"]), "approved_by": tuple(plain["approved_by"])}
    return kind(**plain)
