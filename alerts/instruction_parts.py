"""One person's part in an instruction, written down: receipts, notices that moved, and what was passed over. Within a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from alerts.addressees import Missed
from alerts.alert import Entry, Notice, NoticeState
from alerts.commands import Skipped
from alerts.instructions import Instruction, Receipt, Recipient, fulfilled, received, subject
from alerts.ledger.port import Transaction
from alerts.notices import moved

NAMED: Final = 50  # codes or ids that one line of the timeline names; the rest is counted


def receive(
    tx: Transaction,
    instruction: Instruction,
    recipient: Recipient,
    receipt: Receipt,
    now: datetime,
    *,
    by: str,
    via: str,
    note: str = "",
) -> Recipient | None:
    """Write a receipt, and that everybody has given theirs when it was the last."""
    after = received(recipient, receipt, now, via=via, note=note)
    if after is None:
        return None
    tx.instructions.receive(instruction.id, after)
    if receipt is not Receipt.DELIVERED:  # a provider's word is on the timeline as the notice's own
        detail = {"person": recipient.person, "via": via, **({"text": note} if note else {})}
        what, part = receipt.value, subject(instruction.id, recipient.person)
        tx.append([Entry(part, now, what, by or recipient.name, detail=detail)])
    settled = recipient.owes(instruction.demanded) and not after.owes(instruction.demanded)
    if settled and not instruction.over and not tx.instructions.owing(instruction.id, instruction.demanded):
        tx.instructions.save(fulfilled(instruction, now))
        tx.append([Entry(subject(instruction.id), now, "fulfilled")])
    return after


def move(
    tx: Transaction,
    notice: Notice,
    state: NoticeState,
    now: datetime,
    *,
    why: str,
    provider_id: str = "",
    error: str = "",
) -> Notice | None:
    after = moved(
        notice, state, now, provider_id=provider_id, error=error or (why if state is NoticeState.CANCELLED else "")
    )
    if after is not None:
        tx.update(after)
        detail = {"person": notice.person, "channel": notice.channel, **({"error": error} if error else {})}
        tx.append([Entry(notice.alert, now, state.value, why=why, detail=detail)])
    return after


def missed_entries(instruction: Instruction, missed: Sequence[Missed], now: datetime) -> list[Entry]:
    return skipped_entries(instruction, [Skipped(one.why, one.what) for one in missed], now)


def skipped_entries(instruction: Instruction, skipped: Sequence[Skipped], now: datetime) -> list[Entry]:
    """One line for each reason: whom or what was passed over for it."""
    found: dict[str, list[str]] = {}
    for one in skipped:
        found.setdefault(one.why, []).append(one.what)
    part = subject(instruction.id)
    return [
        Entry(part, now, "skipped", why=why, detail={"what": ", ".join(whats[:NAMED]), "count": len(whats)})
        for why, whats in found.items()
    ]
