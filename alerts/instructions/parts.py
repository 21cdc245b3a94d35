"""One person's part in an instruction, written down: receipts, notices that moved, and what was passed over. Within a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from alerts.alert import Entry, Notice, NoticeState
from alerts.commands import Skipped
from alerts.instructions.addressees import Missed
from alerts.instructions.instruction import Instruction, Receipt, Recipient, fulfilled, received, subject
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
    """Move a notice, when it may move there, and say so. None when nothing moved."""
    after = moved(notice, state, now, provider_id=provider_id, error=error)
    if after is not None:
        tx.update(after)
        tx.append([_line(after, now, why, error)])
    return after


def move_all(tx: Transaction, notices: Sequence[Notice], state: NoticeState, now: datetime, *, why: str) -> None:
    """`move` for many at once: there may be thousands, and other writers wait meanwhile."""
    after = [one for notice in notices if (one := moved(notice, state, now, error=why)) is not None]
    tx.instructions.move(after)
    tx.append([_line(one, now, why, "") for one in after])


def _line(notice: Notice, now: datetime, why: str, error: str) -> Entry:
    detail = {"person": notice.person, "channel": notice.channel, **({"error": error} if error else {})}
    return Entry(notice.alert, now, notice.state.value, why=why, detail=detail)


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
