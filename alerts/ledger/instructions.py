"""Instructions in SQL: the statements, and rows to values and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Select, and_, func, literal, select, tuple_, update

from alerts.alert import Notice, NoticeState
from alerts.instructions.addressees import Because, Target
from alerts.instructions.instruction import Instruction, Receipt, Recipient, Standing, subject
from alerts.instructions.reminding import Reminding
from alerts.ledger import instruction_tables as own
from alerts.ledger import tables
from alerts.ledger.bulk import ROW_KEY, Bulks
from alerts.ledger.engine import Database
from alerts.ledger.port import BadCursor, Conflict
from alerts.ledger.rows import notice_of, notice_row
from alerts.ledger.tables import EPOCH, Instant, microseconds
from ingest.registry import GridLevel

_I: Final = own.instruction.c
_R: Final = own.instruction_recipient.c
_O: Final = tables.outbox.c
_INSTRUCTION: Final = tuple(f.name for f in fields(Instruction))
_RECIPIENT: Final = tuple(f.name for f in fields(Recipient))
_CHUNK: Final = 5000  # values in one IN list


class _Asking(Protocol):
    def _rows(self, statement: Select[Any]) -> Sequence[Any]: ...


class _Reads:
    """What both sides ask in the same words."""

    def get(self: _Asking, ident: str) -> Instruction | None:
        rows = self._rows(select(own.instruction).where(_I.id == ident))
        return instruction_of(rows[0]) if rows else None

    def recipient(self: _Asking, ident: str, person: str) -> Recipient | None:
        rows = self._rows(select(own.instruction_recipient).where(_R.instruction == ident, _R.person == person))
        return recipient_of(rows[0]) if rows else None

    def recipients(
        self: _Asking, ident: str, *, below: Receipt | None = None, after: str = "", limit: int | None = None
    ) -> list[Recipient]:
        statement = select(own.instruction_recipient).where(_R.instruction == ident, _R.person > after)
        if below is not None:
            statement = statement.where(_R.rank < below.rank)
        return [recipient_of(row) for row in self._rows(statement.order_by(_R.person).limit(limit))]


class SqlInstructions(_Reads):
    """Holds `instruction_port.Instructions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, *, open_only: bool = False, limit: int = 50, cursor: str = "") -> tuple[list[Instruction], str]:
        statement = select(own.instruction)
        if open_only:
            statement = statement.where(_I.standing == Standing.OPEN.value)
        if cursor:
            statement = statement.where(tuple_(_I.created_at, _I.id) < _here(cursor))
        rows = self._rows(statement.order_by(_I.created_at.desc(), _I.id.desc()).limit(limit + 1))
        more = f"{microseconds(rows[limit - 1].created_at)}.{rows[limit - 1].id}" if len(rows) > limit else ""
        return [instruction_of(row) for row in rows[:limit]], more

    def tally(self, idents: Sequence[str]) -> Mapping[str, Mapping[Receipt, int]]:
        counted = select(_R.instruction, _R.receipt, func.count()).where(_R.instruction.in_(list(idents)))
        return _tables(self._rows(counted.group_by(_R.instruction, _R.receipt)))

    def by_grid(self, ident: str) -> Mapping[str, Mapping[Receipt, int]]:
        counted = select(_R.grid, _R.receipt, func.count()).where(_R.instruction == ident)
        return _tables(self._rows(counted.group_by(_R.grid, _R.receipt)))

    def due(self, now: datetime, *, limit: int) -> list[str]:
        return [
            row.id for row in self._rows(select(_I.id).where(_I.remind_at <= now).order_by(_I.remind_at).limit(limit))
        ]

    def next_due(self) -> datetime | None:
        rows = self._rows(select(_I.remind_at).where(_I.remind_at.is_not(None)).order_by(_I.remind_at).limit(1))
        return rows[0][0] if rows else None

    def _rows(self, statement: Select[Any]) -> Sequence[Any]:
        with self._database.reading() as connection:
            return connection.execute(statement).all()


class SqlInstructionWriter(_Reads):
    """Holds `instruction_port.WritesInstructions` on the connection of a transaction."""

    def __init__(self, connection: Connection, bulks: Bulks) -> None:
        self._connection = connection
        self._bulks = bulks

    def add(self, instruction: Instruction, recipients: Sequence[Recipient]) -> None:
        if self.get(instruction.id) is not None:
            raise Conflict(f"the instruction {instruction.id} exists: read it again")
        self._bulks.insert(own.instruction).run(self._connection, [instruction_row(instruction)])
        rows = [recipient_row(instruction.id, recipient) for recipient in recipients]
        self._bulks.insert(own.instruction_recipient).run(self._connection, rows)

    def save(self, instruction: Instruction) -> None:
        row = instruction_row(instruction)
        self._connection.execute(update(own.instruction).where(_I.id == row.pop("id")).values(row))

    def receive(self, ident: str, recipient: Recipient) -> None:
        row = recipient_row(ident, recipient)
        which = and_(_R.instruction == row.pop("instruction"), _R.person == row.pop("person"))
        self._connection.execute(update(own.instruction_recipient).where(which).values(row))

    def owing(self, ident: str, demanded: Receipt) -> int:
        counted = select(func.count()).select_from(own.instruction_recipient)
        return int(self._rows(counted.where(_R.instruction == ident, _R.rank < demanded.rank))[0][0])

    def notices(self, ident: str, people: Sequence[str], states: Collection[NoticeState] = ()) -> list[Notice]:
        found: list[Notice] = []
        for start in range(0, len(people), _CHUNK):
            parts = [subject(ident, person) for person in people[start : start + _CHUNK]]
            statement = select(tables.outbox).where(_O.alert.in_(parts))
            if states:
                statement = statement.where(_O.state.in_([state.value for state in states]))
            found += [notice_of(row) for row in self._rows(statement)]
        return sorted(found, key=lambda n: (n.created_at, n.step, n.key))

    def move(self, notices: Sequence[Notice]) -> None:
        rows = [{**notice_row(notice), ROW_KEY: notice.key} for notice in notices]
        self._bulks.change(tables.outbox, "key").run(self._connection, rows)

    def _rows(self, statement: Select[Any]) -> Sequence[Any]:
        return self._connection.execute(statement).all()


def instruction_row(instruction: Instruction) -> dict[str, Any]:
    """The row of an instruction."""
    row = {name: getattr(instruction, name) for name in _INSTRUCTION}
    return {
        **row,
        "targets": [asdict(target) for target in instruction.targets],
        "demanded": instruction.demanded.value,
        "urgent": int(instruction.urgent),
        "settled": int(instruction.settled),
        "reminding": asdict(instruction.reminding),
        "standing": instruction.standing.value,
    }


def instruction_of(row: Any) -> Instruction:
    """The instruction in a row."""
    found = dict(row._mapping)  # noqa: SLF001  # the public name of a row's columns
    rules = row.reminding
    found.update(
        targets=tuple(_target(target) for target in row.targets),
        but=tuple(row.but),
        demanded=Receipt(row.demanded),
        urgent=bool(row.urgent),
        settled=bool(row.settled),
        reminding=Reminding(rules["demand"], tuple(rules["channels"]), tuple(rules["after"])),
        standing=Standing(row.standing),
        asked=tuple(row.asked),
    )
    return Instruction(**found)


def recipient_row(ident: str, recipient: Recipient) -> dict[str, Any]:
    """The row of one person's part in an instruction."""
    row = {name: getattr(recipient, name) for name in _RECIPIENT}
    return {
        **row,
        "instruction": ident,
        "because": [asdict(because) for because in recipient.because],
        "receipt": recipient.receipt.value,
        "rank": recipient.receipt.rank,
        "at": dict(recipient.at),
    }


def recipient_of(row: Any) -> Recipient:
    """One person's part in an instruction, in a row."""
    found = dict(row._mapping)  # noqa: SLF001  # the public name of a row's columns
    del found["instruction"], found["rank"]
    found.update(
        because=tuple(Because(**because) for because in row.because),
        receipt=Receipt(row.receipt),
        at=MappingProxyType({name: datetime.fromisoformat(at).astimezone(UTC) for name, at in row.at.items()}),
    )
    return Recipient(**found)


def _target(plain: Mapping[str, Any]) -> Target:
    levels = tuple(GridLevel(level) for level in plain["levels"])
    return Target(levels, *(tuple(plain[name]) for name in ("areas", "roles", "people")))


def _tables(rows: Sequence[Any]) -> dict[str, dict[Receipt, int]]:
    found: dict[str, dict[Receipt, int]] = {}
    for what, receipt, count in rows:
        found.setdefault(what, {})[Receipt(receipt)] = count
    return found


def _here(cursor: str) -> Any:
    try:
        at, ident = cursor.split(".", 1)
        return tuple_(literal(EPOCH + timedelta(microseconds=int(at)), Instant), literal(ident))
    except (ValueError, OverflowError) as error:
        raise BadCursor(
            f"{cursor[:80]!r} is no cursor of a page of instructions: ask for the first page again"
        ) from error
