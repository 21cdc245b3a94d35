"""Instructions through the ledger: sending, receipts, reminders and the end.

Sending to thousands, reminding and ending them is one transaction that decides, and then some hundred people in each: whoever is
killed in between, somebody goes on.

It decides little itself: whom a target means is `addressees`, how far a person has come `instructions`, what is said `instructed`.
It holds no state, so any number of processes may each have one on the same ledger, and everything may be repeated: a repeat changes
nothing and tells nobody (law 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from alerts.alert import Entry, Notice, NoticeState, Reason
from alerts.commands import Skipped
from alerts.instructions.addressees import Addressed, address
from alerts.instructions.instructed import Speaker
from alerts.instructions.instruction import (
    SAID,
    Instruction,
    Order,
    Receipt,
    Recipient,
    Standing,
    begin,
    ended,
    instruction_id,
    next_reminder,
    part_of,
    reminder,
    settled,
    subject,
)
from alerts.instructions.parts import missed_entries, move, move_all, receive, skipped_entries
from alerts.instructions.reminding import InstructionRules
from alerts.ledger.port import Ledger, Transaction
from alerts.notices import WAITING, reached, waiting
from alerts.outcome import NotAllowed, Why
from alerts.people.roster import Roster
from ingest.registry import Registry

AT_ONCE: Final = 500  # people told in one transaction: other writers wait for no more
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
        at_once: int = AT_ONCE,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._registry = registry
        self._roster = roster
        self._speaker = speaker
        self._at_once = at_once

    def preview(self, order: Order, now: datetime) -> Addressed:
        """Whom an order would go to now. Raises `Unaddressable`."""
        return address(self._registry().at(now), self._roster(), order.targets, order.but)

    def send(self, order: Order, now: datetime) -> tuple[Instruction, bool]:
        """Send an instruction, and whether it was new. Raises `Unaddressable`, or `KeyUsed` when the key stands for another order."""
        known = self._ledger.instructions.get(instruction_id(order.key))
        if known is None:
            # Worked out before the transaction, so that thousands of people do not make other writers wait.
            addressed = self.preview(order, now)
            made = begin(order, self._rules.urgent if order.urgent else self._rules.ordinary, now)
            people = [
                Recipient(a.person.id, a.person.name, a.person.role, a.person.grid, a.because) for a in addressed.people
            ]
            detail = {"people": len(people), "demanded": made.demanded.value, "urgent": made.urgent, "text": made.text}
            with self._ledger.transaction() as tx:
                known = tx.instructions.get(made.id)
                if known is None:  # else somebody else was quicker
                    tx.instructions.add(made, people)
                    tx.append([Entry(subject(made.id), now, "instructed", made.by, detail=detail)])
                    tx.append(missed_entries(made, addressed.missed, now))
        new = known is None
        if known is not None and known.fingerprint != order.fingerprint:
            raise KeyUsed(f"the key of the instruction {known.id} was used for another one: take a new key")
        self._settle(instruction_id(order.key), now)
        return self._read(instruction_id(order.key)), new

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
        self._settle(ident, now)
        with self._ledger.transaction() as tx:
            instruction = _known(tx, ident)
            if key in instruction.asked:
                return 0
            if instruction.over or instruction.fulfilled_at:
                raise NotAllowed("nobody owes a receipt any more: there is nobody to remind")
            if len(instruction.asked) >= MOST_ASKED:
                raise NotAllowed(f"{MOST_ASKED} reminders were asked for already: telephone those who have not")
            _turn(tx, instruction, now, by, key)
        return self._settle(ident, now)

    def remind_due(self, now: datetime) -> int:
        """Remind who has not where the policy's time has come, and go on where somebody was stopped while telling people.

        Returns how many people were told.
        """
        told = 0
        while ids := self._ledger.instructions.due(now, limit=BATCH):
            for ident in ids:
                with self._ledger.transaction() as tx:
                    instruction = _known(tx, ident)
                    due = instruction.remind_at is not None and instruction.remind_at <= now  # or somebody was quicker
                    if due and instruction.settled:
                        _turn(tx, instruction, now, "tocsin", "")
                told += self._settle(ident, now)
            if len(ids) < BATCH:
                break
        return told

    def end(self, ident: str, standing: Standing, by: str, why: str, now: datetime) -> Instruction:
        """End or withdraw an instruction: what has not left is cancelled, and everybody who was told hears it (law 6).

        Saying the same again changes nothing. Raises `UnknownInstruction`, and `NotAllowed` when it is over in another way.
        """
        with self._ledger.transaction() as tx:
            instruction = _known(tx, ident)
            if instruction.standing is not standing:
                if instruction.over or standing is Standing.OPEN:
                    raise NotAllowed(f"the instruction is {instruction.standing.value} already")
                over = ended(instruction, standing, by, why[:_NOTES], now)
                tx.instructions.save(over)
                tx.append([Entry(subject(ident), now, standing.value, by, detail={"text": over.over_why})])
        self._settle(ident, now)
        return self._read(ident)

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
            self._tell_over(tx, instruction, [person], now)  # it was on the wire already
        receipt = _MEANS.get(state)
        if receipt is Receipt.ACCEPTED and instruction.over:
            receipt = Receipt.READ
        if receipt is not None:
            receive(tx, instruction, recipient, receipt, now, by=recipient.name, via=notice.channel)
        elif state is NoticeState.FAILED and recipient.receipt is Receipt.WAITING:
            tx.instructions.receive(ident, replace(recipient, trouble=after.error))

    def _settle(self, ident: str, now: datetime) -> int:
        """Tell everybody whom the instruction's last turn concerns, some in each transaction; returns how many were told.

        It may be stopped anywhere and begun anew: what was told is not told again. It leaves off when the instruction has moved on,
        for whoever moved it goes on from there.
        """
        told, after, began = 0, "", None
        while True:
            with self._ledger.transaction() as tx:
                instruction = _known(tx, ident)
                began = began or (instruction.standing, instruction.reminded)
                if instruction.settled or began != (instruction.standing, instruction.reminded):
                    return told
                some = tx.instructions.recipients(ident, after=after, limit=self._at_once)
                told += self._tell(tx, instruction, some, now)
                if len(some) < self._at_once:
                    tx.instructions.save(settled(_known(tx, ident), now))
                    return told
            after = some[-1].person

    def _tell(self, tx: Transaction, instruction: Instruction, some: Sequence[Recipient], now: datetime) -> int:
        """What the instruction's last turn means for some of its people."""
        people = [one.person for one in some]
        if instruction.over:
            notices = tx.instructions.notices(instruction.id, people)
            late = [n for n in notices if waiting(n) and n.reason is not Reason.RESOLVED]
            move_all(tx, late, NoticeState.CANCELLED, now, why=Why.OVER)
            return self._tell_over(tx, instruction, sorted({n.person for n in notices if reached(n)}), now)
        if not instruction.reminded:
            return self._notify(tx, instruction, people, Reason.INSTRUCTION, now)
        owing = [one.person for one in some if one.owes(instruction.demanded)]
        held_up = {
            n.person
            for n in tx.instructions.notices(instruction.id, owing, WAITING)
            if (n.reason, n.step) != (Reason.REPEAT, instruction.reminded)
        }
        skipped = [Skipped(Why.ALREADY_RINGING, one) for one in owing if one in held_up]
        tx.append(skipped_entries(instruction, skipped, now))
        return self._notify(tx, instruction, [one for one in owing if one not in held_up], Reason.REPEAT, now)

    def _tell_over(self, tx: Transaction, instruction: Instruction, people: Sequence[str], now: datetime) -> int:
        told = self._notify(tx, instruction, people, Reason.RESOLVED, now)
        if told:
            detail = {"people": told}
            tx.append([Entry(subject(instruction.id), now, "told", why=Reason.RESOLVED.value, detail=detail)])
        return told

    def _notify(
        self, tx: Transaction, instruction: Instruction, people: Sequence[str], reason: Reason, now: datetime
    ) -> int:
        """Queue the notices of people who are on the roster; returns how many people have new ones."""
        roster = {person.id: person for some in self._roster().people.values() for person in some}
        found = [roster[ident] for ident in people if ident in roster]
        notices, unused = self._speaker.notices(instruction, found, reason, now)
        known = {n.key for n in tx.instructions.notices(instruction.id, people)}
        new = [notice for notice in notices if notice.key not in known]
        tx.queue(new)
        gone = [Skipped(Why.PERSON_UNKNOWN, ident) for ident in people if ident not in roster]
        tx.append(skipped_entries(instruction, [*gone, *(unused if new else ())], now))
        return len({notice.person for notice in new})

    def _read(self, ident: str) -> Instruction:
        found = self._ledger.instructions.get(ident)
        if found is None:
            raise UnknownInstruction(f"there is no instruction {ident}; look it up in the list again")
        return found


def _known(tx: Transaction, ident: str) -> Instruction:
    found = tx.instructions.get(ident)
    if found is None:
        raise UnknownInstruction(f"there is no instruction {ident}; look it up in the list again")
    return found


def _turn(tx: Transaction, instruction: Instruction, now: datetime, by: str, key: str) -> None:
    """Begin the next reminder."""
    after = reminder(instruction, now, key)
    tx.instructions.save(after)
    detail = {"turn": after.reminded, "people": tx.instructions.owing(instruction.id, instruction.demanded)}
    tx.append([Entry(subject(instruction.id), now, "reminded", by, Reason.REPEAT.value, detail)])
    if not key and next_reminder(after, now) is None:
        tx.append([Entry(subject(instruction.id), now, "not_reminded", why=Why.CHAIN_ENDED)])
