"""Instructions in memory, beside `memory_ledger`: the same port, on dictionaries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.alert import Notice, NoticeState
from alerts.instructions.instruction import Instruction, Receipt, Recipient, subject
from alerts.ledger.port import Conflict


@dataclass
class InstructionTables:
    """The rows; a transaction works on a copy."""

    instructions: dict[str, Instruction] = field(default_factory=dict)
    parts: dict[tuple[str, str], Recipient] = field(default_factory=dict)

    def copy(self) -> InstructionTables:
        return InstructionTables(dict(self.instructions), dict(self.parts))


class MemoryInstructions:
    """Both sides of the port. `outbox` are the notices of the same ledger."""

    def __init__(self, tables: InstructionTables, outbox: dict[str, Notice]) -> None:
        self._t = tables
        self._outbox = outbox

    def get(self, ident: str) -> Instruction | None:
        return self._t.instructions.get(ident)

    def recipient(self, ident: str, person: str) -> Recipient | None:
        return self._t.parts.get((ident, person))

    def recipients(
        self, ident: str, *, below: Receipt | None = None, after: str = "", limit: int | None = None
    ) -> list[Recipient]:
        found = [r for (i, p), r in sorted(self._t.parts.items()) if i == ident and p > after]
        return [r for r in found if below is None or r.receipt.rank < below.rank][:limit]

    def page(self, *, open_only: bool = False, limit: int = 50, cursor: str = "") -> tuple[list[Instruction], str]:
        found = [i for i in self._t.instructions.values() if not (open_only and i.over)]
        found.sort(key=lambda i: (i.created_at, i.id), reverse=True)
        start = int(cursor or 0)
        return found[start : start + limit], str(start + limit) if len(found) > start + limit else ""

    def tally(self, idents: Sequence[str]) -> Mapping[str, Mapping[Receipt, int]]:
        return self._counted([(i, r) for (i, _), r in self._t.parts.items() if i in idents])

    def by_grid(self, ident: str) -> Mapping[str, Mapping[Receipt, int]]:
        return self._counted([(r.grid, r) for (i, _), r in self._t.parts.items() if i == ident])

    def _counted(self, pairs: Sequence[tuple[str, Recipient]]) -> dict[str, dict[Receipt, int]]:
        found: dict[str, dict[Receipt, int]] = {}
        for what, recipient in pairs:
            counts = found.setdefault(what, {})
            counts[recipient.receipt] = counts.get(recipient.receipt, 0) + 1
        return found

    def due(self, now: datetime, *, limit: int) -> list[str]:
        found = [i for i in self._t.instructions.values() if i.remind_at is not None and i.remind_at <= now]
        return [i.id for i in sorted(found, key=lambda i: i.remind_at or now)][:limit]

    def next_due(self) -> datetime | None:
        return min((i.remind_at for i in self._t.instructions.values() if i.remind_at), default=None)

    def add(self, instruction: Instruction, recipients: Sequence[Recipient]) -> None:
        if instruction.id in self._t.instructions:
            raise Conflict(f"the instruction {instruction.id} exists: read it again")
        self._t.instructions[instruction.id] = instruction
        self._t.parts.update({(instruction.id, r.person): r for r in recipients})

    def save(self, instruction: Instruction) -> None:
        self._t.instructions[instruction.id] = instruction

    def receive(self, ident: str, recipient: Recipient) -> None:
        self._t.parts[ident, recipient.person] = recipient

    def owing(self, ident: str, demanded: Receipt) -> int:
        return len(self.recipients(ident, below=demanded))

    def notices(self, ident: str, people: Sequence[str], states: Collection[NoticeState] = ()) -> list[Notice]:
        parts = {subject(ident, person) for person in people}
        found = [n for n in self._outbox.values() if n.alert in parts and (not states or n.state in states)]
        return sorted(found, key=lambda n: (n.created_at, n.step, n.key))

    def move(self, notices: Sequence[Notice]) -> None:
        self._outbox.update({n.key: n for n in notices})
