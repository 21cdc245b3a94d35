"""Instructions as they are seen over HTTP. Pure; no telephone number is part of them (law 14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from alerts.instructions.addressees import Addressed, Because, Target
from alerts.instructions.instruction import Instruction, Receipt, Recipient
from api.http.rows import EntryRow, NoticeRow, entry_row, notice_row
from ingest.registry import Registry


class InstructionRow(TypedDict):
    """One instruction. `receipts` counts people by how far they have come; `owing` have not given the receipt that is demanded."""

    id: str
    by: str
    text: str
    to: list[dict[str, Any]]
    but: list[str]
    demanded: str
    urgent: bool
    standing: str
    created_at: datetime
    remind_at: datetime | None
    reminded: int
    fulfilled_at: datetime | None
    over_at: datetime | None
    over_by: str
    over_why: str
    people: int
    owing: int
    receipts: dict[str, int]


class RecipientRow(TypedDict):
    """One person's part. `because` says which target meant them and through what; `at` when each receipt was given."""

    person: str
    name: str
    role: str
    grid: str
    grid_name: str
    because: list[dict[str, Any]]
    receipt: str
    owes: bool
    at: dict[str, datetime]
    via: str
    note: str
    trouble: str


class TownshipRow(TypedDict):
    """One township's share: how many people, and how many of them have not."""

    code: str
    name: str
    people: int
    owing: int


class InstructionPage(TypedDict):
    """`cursor` leads to the next page; it is empty at the end."""

    instructions: list[InstructionRow]
    cursor: str


class InstructionWhole(TypedDict):
    """One instruction, each township's share (the worst first), and a page of its people: go on with `after` until it is empty."""

    instruction: InstructionRow
    townships: list[TownshipRow]
    people: list[RecipientRow]
    after: str
    timeline: list[EntryRow]


class RecipientWhole(TypedDict):
    """One person's part with every notice and line."""

    person: RecipientRow
    notices: list[NoticeRow]
    timeline: list[EntryRow]


class MissedRow(TypedDict):
    """A code or id that leads to nobody, or somebody left out."""

    why: str
    what: str


class MeantRow(TypedDict):
    """Somebody who is meant, and why."""

    person: str
    name: str
    role: str
    grid: str
    because: list[dict[str, Any]]


class Preview(TypedDict):
    """Whom an instruction would go to now."""

    people: list[MeantRow]
    missed: list[MissedRow]


class Reminded(TypedDict):
    """How many people were reminded by this request; none when it was a repeat."""

    told: int
    instruction: InstructionRow


def instruction_row(instruction: Instruction, tally: Mapping[Receipt, int]) -> InstructionRow:
    """An instruction for a list."""
    return InstructionRow(
        id=instruction.id,
        by=instruction.by,
        text=instruction.text,
        to=[_target(target) for target in instruction.targets],
        but=list(instruction.but),
        demanded=instruction.demanded.value,
        urgent=instruction.urgent,
        standing=instruction.standing.value,
        created_at=instruction.created_at,
        remind_at=instruction.remind_at,
        reminded=instruction.reminded,
        fulfilled_at=instruction.fulfilled_at,
        over_at=instruction.over_at,
        over_by=instruction.over_by,
        over_why=instruction.over_why,
        people=sum(tally.values()),
        owing=owing(instruction, tally),
        receipts={receipt.value: tally.get(receipt, 0) for receipt in Receipt},
    )


def owing(instruction: Instruction, tally: Mapping[Receipt, int]) -> int:
    """How many of those counted have not."""
    return sum(count for receipt, count in tally.items() if receipt.rank < instruction.demanded.rank)


def recipient_row(recipient: Recipient, instruction: Instruction, registry: Registry) -> RecipientRow:
    """One person's part."""
    grid = registry.grids.get(recipient.grid)
    return RecipientRow(
        person=recipient.person,
        name=recipient.name,
        role=recipient.role,
        grid=recipient.grid,
        grid_name=grid.name if grid else "",
        because=_because(recipient.because),
        receipt=recipient.receipt.value,
        owes=recipient.owes(instruction.demanded),
        at=dict(recipient.at),
        via=recipient.via,
        note=recipient.note,
        trouble=recipient.trouble,
    )


def township_rows(
    instruction: Instruction, by_grid: Mapping[str, Mapping[Receipt, int]], registry: Registry
) -> list[TownshipRow]:
    """Each township's share, those with most who have not first."""
    found: dict[str, TownshipRow] = {}
    for grid, tally in by_grid.items():
        code = registry.township_of(grid)
        name = registry.grids[code].name if code in registry.grids else ""
        row = found.setdefault(code, TownshipRow(code=code, name=name, people=0, owing=0))
        row["people"] += sum(tally.values())
        row["owing"] += owing(instruction, tally)
    return sorted(found.values(), key=lambda row: (-row["owing"], row["code"]))


def preview_row(addressed: Addressed) -> Preview:
    """Whom an instruction would go to."""
    people = [
        MeantRow(
            person=a.person.id, name=a.person.name, role=a.person.role, grid=a.person.grid, because=_because(a.because)
        )
        for a in addressed.people
    ]
    return Preview(people=people, missed=[MissedRow(why=m.why.value, what=m.what) for m in addressed.missed])


def _because(because: Iterable[Because]) -> list[dict[str, Any]]:
    return [{name: value for name, value in asdict(one).items() if value} for one in because]


def _target(target: Target) -> dict[str, Any]:
    return {name: [str(value) for value in values] for name, values in asdict(target).items() if values}


__all__ = [
    "EntryRow",
    "InstructionPage",
    "InstructionRow",
    "InstructionWhole",
    "NoticeRow",
    "Preview",
    "RecipientRow",
    "RecipientWhole",
    "Reminded",
    "entry_row",
    "instruction_row",
    "notice_row",
    "preview_row",
    "recipient_row",
    "township_rows",
]
