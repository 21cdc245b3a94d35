"""What may be asked of the ledger about instructions: outside a transaction, and within one. Values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from alerts.alert import Notice, NoticeState
from alerts.instructions.instruction import Instruction, Receipt, Recipient


class ReadsInstructions(Protocol):
    """Instructions and their recipients, as they are."""

    def get(self, ident: str) -> Instruction | None:
        """One instruction."""

    def recipient(self, ident: str, person: str) -> Recipient | None:
        """One person's part in an instruction."""

    def recipients(
        self, ident: str, *, below: Receipt | None = None, after: str = "", limit: int | None = None
    ) -> list[Recipient]:
        """The people of an instruction in the order of their ids, those after `after`.

        With `below`, only those who have not come so far.
        """


class Instructions(ReadsInstructions, Protocol):
    """Outside a transaction."""

    def page(self, *, open_only: bool = False, limit: int = 50, cursor: str = "") -> tuple[list[Instruction], str]:
        """Instructions, the newest first, and the cursor of the next page (empty at the end). Raises `BadCursor`."""

    def tally(self, idents: Sequence[str]) -> Mapping[str, Mapping[Receipt, int]]:
        """How many people of each instruction have come how far."""

    def by_grid(self, ident: str) -> Mapping[str, Mapping[Receipt, int]]:
        """How many people of each grid have come how far with one instruction."""

    def due(self, now: datetime, *, limit: int) -> list[str]:
        """Ids of instructions whose next reminder's time has come, the longest due first."""

    def next_due(self) -> datetime | None:
        """When the next reminder falls due."""


class WritesInstructions(ReadsInstructions, Protocol):
    """Within a transaction. Writers come one after another, so what was read cannot change before the end."""

    def add(self, instruction: Instruction, recipients: Sequence[Recipient]) -> None:
        """Write a new instruction with everybody it goes to. Raises `Conflict` when it exists."""

    def save(self, instruction: Instruction) -> None:
        """Write an instruction's new state."""

    def receive(self, ident: str, recipient: Recipient) -> None:
        """Write one person's new state."""

    def owing(self, ident: str, demanded: Receipt) -> int:
        """How many people have not come so far."""

    def notices(self, ident: str, people: Sequence[str], states: Collection[NoticeState] = ()) -> list[Notice]:
        """Every notice to some people of an instruction, or those in some states, oldest first."""

    def move(self, notices: Sequence[Notice]) -> None:
        """Write the new states of many notices at once; nobody holds them any more."""
