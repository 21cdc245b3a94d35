"""Instructions through the ledger, one transaction each: sending, receipts, reminders and the end.

It decides little itself: whom a target means is `addressees`, how far a person has come `instructions`, what is said `instructed`.
It holds no state, so any number of processes may each have one on the same ledger, and everything may be repeated: a repeat changes
nothing and tells nobody (law 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from alerts.addressees import Addressed, address
from alerts.alert import Entry, Notice, NoticeState, Reason
from alerts.commands import Skipped
from alerts.instructed import Speaker
from alerts.instruction_parts import missed_entries, move, receive, skipped_entries
from alerts.instructions import (
    SAID,
    Instruction,
    Order,
    Receipt,
    Recipient,
    Standing,
    begin,
    ended,
    instruction_id,
    part_of,
    reminder,
    subject,
)
from alerts.ledger.port import Ledger, Transaction
from alerts.notices import WAITING, reached, waiting
from alerts.outcome import NotAllowed, Why
from alerts.reminding import InstructionRules
from alerts.roster import Person, Roster
from ingest.registry import Registry

BATCH: Final = 50  # instructions whose reminders are looked at together
MOST_ASKED: Final = 100  # reminders that people may ask for
_NOTES: Final = 500  # characters

# What a notice's own news means for the person it went to. That it was answered by a key press is acceptance.
_MEANS: Final = {NoticeState.DELIVERED: Receipt.DELIVERED, NoticeState.ANSWERED: Receipt.ACCEPTED}


class UnknownInstruction(LookupError):
    """There is no such instruction, or it did not go to that person."""


class KeyUsed(ValueError):
    """Something else was asked for under this key before. Nothing was sent."""


class Instructor:
    """Every method is one or more whole transactions and may be called from any thread."""

    def __init__(
        self,
        ledger: Ledger,
        rules: InstructionRules,
        *,
        registry: Callable[[], Registry],
        roster: Callable[[], Roster],
        speaker: Speaker,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._registry = registry
        self._roster = roster
        self._speaker = speaker

    def preview(self, order: Order, now: datetime) -> Addressed:
        """Whom an order would go to now. Raises `Unaddressable`."""
        return address(self._registry().at(now), self._roster(), order.targets, order.but)

    def send(self, order: Order, now: datetime) -> tuple[Instruction, bool]:
        """Send an instruction, and whether it was new. Raises `Unaddressable`, or `KeyUsed` when the key stands for another order."""
        with self._ledger.transaction() as tx:
            known = tx.instructions.get(instruction_id(order.key))
            if known is not None:
                if known.fingerprint != order.fingerprint:
                    raise KeyUsed(f"the key of the instruction {known.id} was used for another one: take a new key")
                return known, False
            addressed = self.preview(order, now)
            made = begin(order, self._rules.urgent if order.urgent else self._rules.ordinary, now)
            people = [one.person for one in addressed.people]
            recipients = [
                Recipient(a.person.id, a.person.name, a.person.role, a.person.grid, a.because) for a in addressed.people
            ]
            tx.instructions.add(made, recipients)
            _, skipped = self._tell(tx, made, people, Reason.INSTRUCTION, now)
            detail = {"people": len(people), "demanded": made.demanded.value, "urgent": made.urgent, "text": made.text}
            tx.append(
                [
                    Entry(subject(made.id), now, "instructed", made.by, detail=detail),
                    *missed_entries(made, addressed.missed, now),
                ]
            )
            tx.append(skipped_entries(made, skipped, now))
        return made, True

    def receipt(
        self,
        ident: str,
        person: str,
        receipt: Receipt,
        now: datetime,
        *,
        by: str = "",
        via: str = "desk",
        note: str = "",
    ) -> Recipient:
        """A person has read, accepted or done it, or somebody (`by`) says so for them. What is known already changes nothing.

        Raises `UnknownInstruction`, and `NotAllowed` once the instruction is over or for what no person can say.
        """
        if receipt not in SAID:
            raise NotAllowed(f"nobody can say {receipt.value!r}: say read, accepted or done")
        with self._ledger.transaction() as tx:
            instruction, recipient = _known(tx, ident), tx.instructions.recipient(ident, person)
            if recipient is None:
                raise UnknownInstruction(f"the instruction {ident} did not go to {person}; look at its list of people")
            if instruction.over and receipt is not Receipt.READ:
                raise NotAllowed(f"the instruction is {instruction.standing.value}; there is nothing more to do")
            return receive(tx, instruction, recipient, receipt, now, by=by, via=via, note=note[:_NOTES]) or recipient

    def remind(self, ident: str, key: str, by: str, now: datetime) -> int:
        """Remind everybody who has not, because somebody asks for it; returns how many were told. The same key reminds once.

        Raises `UnknownInstruction`, and `NotAllowed` when nobody owes anything any more.
        """
        with self._ledger.transaction() as tx:
            instruction = _known(tx, ident)
            if key in instruction.asked:
                return 0
            if instruction.over or instruction.fulfilled_at:
                raise NotAllowed("nobody owes a receipt any more: there is nobody to remind")
            if len(instruction.asked) >= MOST_ASKED:
                raise NotAllowed(f"{MOST_ASKED} reminders were asked for already: telephone those who have not")
            return self._remind(tx, instruction, now, by, key)

    def remind_due(self, now: datetime) -> int:
        """Remind who has not where the policy's time has come; returns how many notices' people were told."""
        told = 0
        while ids := self._ledger.instructions.due(now, limit=BATCH):
            for ident in ids:
                with self._ledger.transaction() as tx:
                    instruction = _known(tx, ident)
                    if instruction.remind_at is not None and instruction.remind_at <= now:  # nobody else was quicker
                        told += self._remind(tx, instruction, now, "tocsin", "")
            if len(ids) < BATCH:
                break
        return told

    def end(self, ident: str, standing: Standing, by: str, why: str, now: datetime) -> Instruction:
        """End or withdraw an instruction: what has not left is cancelled, and everybody who was told hears it (law 6).

        Saying the same again changes nothing. Raises `UnknownInstruction`, and `NotAllowed` when it is over in another way.
        """
        with self._ledger.transaction() as tx:
            instruction = _known(tx, ident)
            if instruction.standing is standing:
                return instruction
            if instruction.over or standing is Standing.OPEN:
                raise NotAllowed(f"the instruction is {instruction.standing.value} already")
            over = ended(instruction, standing, by, why[:_NOTES], now)
            tx.instructions.save(over)
            tx.append([Entry(subject(ident), now, standing.value, by, detail={"text": over.over_why})])
            notices = tx.instructions.notices(ident)
            for notice in filter(waiting, notices):
                move(tx, notice, NoticeState.CANCELLED, now, why=Why.OVER)
            self._tell_over(tx, over, {n.person for n in notices if reached(n)}, now)
        return over

    def moved(
        self,
        tx: Transaction,
        notice: Notice,
        state: NoticeState,
        now: datetime,
        *,
        provider_id: str = "",
        error: str = "",
    ) -> None:
        """A notice of an instruction moved on its way. Late and repeated news changes nothing."""
        why = Why.PROVIDER if state in {NoticeState.FAILED, NoticeState.DELIVERED, NoticeState.ANSWERED} else ""
        after = move(tx, notice, state, now, why=why, provider_id=provider_id, error=error)
        ident, person = part_of(notice.alert)
        instruction, recipient = tx.instructions.get(ident), tx.instructions.recipient(ident, person)
        if after is None or instruction is None or recipient is None or notice.reason is Reason.RESOLVED:
            return
        if instruction.over and reached(after) and not reached(notice):
            self._tell_over(tx, instruction, {person}, now)  # it was on the wire already
        receipt = _MEANS.get(state)
        if receipt is Receipt.ACCEPTED and instruction.over:
            receipt = Receipt.READ
        if receipt is not None:
            receive(tx, instruction, recipient, receipt, now, by=recipient.name, via=notice.channel)
        elif state is NoticeState.FAILED and recipient.receipt is Receipt.WAITING:
            tx.instructions.receive(ident, replace(recipient, trouble=after.error))

    def _remind(self, tx: Transaction, instruction: Instruction, now: datetime, by: str, key: str) -> int:
        after = reminder(instruction, now, key)
        tx.instructions.save(after)
        owing = tx.instructions.recipients(instruction.id, below=instruction.demanded)
        held_up = {n.person for n in tx.instructions.notices(instruction.id, WAITING)}
        roster = _by_id(self._roster())
        people = [roster[r.person] for r in owing if r.person in roster and r.person not in held_up]
        skipped = [Skipped(Why.PERSON_UNKNOWN, r.person) for r in owing if r.person not in roster]
        skipped += [Skipped(Why.ALREADY_RINGING, r.person) for r in owing if r.person in roster and r.person in held_up]
        skipped += self._tell(tx, after, people, Reason.REPEAT, now)[1]
        detail = {"turn": after.reminded, "people": len(people), "owing": len(owing)}
        tx.append([Entry(subject(instruction.id), now, "reminded", by, Reason.REPEAT.value, detail)])
        tx.append(skipped_entries(instruction, skipped, now))
        if after.remind_at is None and not key:
            tx.append([Entry(subject(instruction.id), now, "not_reminded", why=Why.CHAIN_ENDED)])
        return len(people)

    def _tell(
        self, tx: Transaction, instruction: Instruction, people: Iterable[Person], reason: Reason, now: datetime
    ) -> tuple[int, tuple[Skipped, ...]]:
        notices, skipped = self._speaker.notices(instruction, people, reason, now)
        return tx.queue(notices), skipped

    def _tell_over(self, tx: Transaction, instruction: Instruction, people: Iterable[str], now: datetime) -> None:
        roster, told = _by_id(self._roster()), sorted(people)
        known = [roster[ident] for ident in told if ident in roster]
        new, unused = self._tell(tx, instruction, known, Reason.RESOLVED, now)
        if new:
            part, detail = subject(instruction.id), {"people": len(known)}
            tx.append([Entry(part, now, "told", why=Reason.RESOLVED.value, detail=detail)])
        skipped = [*(Skipped(Why.PERSON_UNKNOWN, ident) for ident in told if ident not in roster), *unused]
        tx.append(skipped_entries(instruction, skipped, now))


def _known(tx: Transaction, ident: str) -> Instruction:
    found = tx.instructions.get(ident)
    if found is None:
        raise UnknownInstruction(f"there is no instruction {ident}; look it up in the list again")
    return found


def _by_id(roster: Roster) -> dict[str, Person]:
    return {person.id: person for some in roster.people.values() for person in some}
