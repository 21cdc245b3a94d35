"""A downward instruction as a value: what is asked of whom, how far each has come, and when who has not is reminded. Pure.

An instruction is not an alert: it has no bell and climbs nowhere. Its notices go through the same outbox, one for each person and
channel, under a key that is the same whatever is repeated (law 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from alerts.instructions.addressees import Because, Target, Unaddressable
from alerts.instructions.reminding import Reminding
from ingest.events import digest

PREFIX: Final = "instruction:"  # of what stands where an alert's id would, on the timeline and in the outbox
PATIENCE: Final = timedelta(seconds=10)  # for whoever has begun to tell people
LONGEST: Final = 500  # characters of an instruction


class Receipt(StrEnum):
    """How far an instruction has come with one person. `rank` never falls."""

    WAITING = "waiting"
    DELIVERED = "delivered"  # a provider says that it arrived
    READ = "read"
    ACCEPTED = "accepted"
    DONE = "done"

    @property
    def rank(self) -> int:
        """0 (waiting) to 4 (done)."""
        return list(Receipt).index(self)


_R = Receipt
# From each receipt to those that may follow. What comes late or twice finds no row here and changes nothing.
MOVES: Final[Mapping[Receipt, frozenset[Receipt]]] = MappingProxyType({
    _R.WAITING: frozenset({_R.DELIVERED, _R.READ, _R.ACCEPTED, _R.DONE}),
    _R.DELIVERED: frozenset({_R.READ, _R.ACCEPTED, _R.DONE}),
    _R.READ: frozenset({_R.ACCEPTED, _R.DONE}),
    _R.ACCEPTED: frozenset({_R.DONE}),
    _R.DONE: frozenset(),
})  # fmt: skip
SAID: Final = (_R.READ, _R.ACCEPTED, _R.DONE)  # what only a person can say


class Standing(StrEnum):
    """Whether an instruction still holds."""

    OPEN = "open"
    ENDED = "ended"  # it has served its purpose
    WITHDRAWN = "withdrawn"  # it should not be followed any more


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks for. `key` makes it one instruction however often it is asked for.

    Without `demanded`, the policy says which receipt is waited for.
    """

    key: str
    by: str
    text: str
    targets: tuple[Target, ...]
    but: tuple[str, ...] = ()
    demanded: Receipt | None = None
    urgent: bool = False

    def __post_init__(self) -> None:
        if not self.key or not self.by or not self.text.strip() or len(self.text) > LONGEST:
            raise Unaddressable(f"an instruction has a key, a sender and 1 to {LONGEST} characters of text")
        if self.demanded is Receipt.WAITING:
            raise Unaddressable("waiting is no receipt: ask for delivered, read, accepted or done")

    @property
    def fingerprint(self) -> str:
        """The same for the same words to the same targets, whatever the key."""
        return digest(self.by, self.text, self.targets, self.but, self.demanded, self.urgent)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `remind_at` is when it is looked at next: to remind who has not or, while it is not `settled`, to go on telling.

    It is settled once everybody whom its last turn concerns has their notices in the outbox. `asked` has the keys of reminders that
    people asked for.
    """

    id: str
    by: str
    text: str
    targets: tuple[Target, ...]
    but: tuple[str, ...]
    demanded: Receipt
    urgent: bool
    created_at: datetime
    reminding: Reminding
    fingerprint: str = ""
    standing: Standing = Standing.OPEN
    settled: bool = False
    remind_at: datetime | None = None
    reminded: int = 0
    asked: tuple[str, ...] = ()
    fulfilled_at: datetime | None = None
    over_at: datetime | None = None
    over_by: str = ""
    over_why: str = ""

    @property
    def over(self) -> bool:
        """Whether it was ended or withdrawn."""
        return self.standing is not Standing.OPEN


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person of an instruction, as they were when it was sent, and how far it has come with them.

    `at` has the instant of each receipt that was given, `via` how the last one came, `trouble` why the last notice did not arrive.
    """

    person: str
    name: str
    role: str
    grid: str
    because: tuple[Because, ...]
    receipt: Receipt = Receipt.WAITING
    at: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    via: str = ""
    note: str = ""
    trouble: str = ""

    def owes(self, demanded: Receipt) -> bool:
        """Whether the receipt that was asked for is still to come."""
        return self.receipt.rank < demanded.rank


def instruction_id(key: str) -> str:
    """The id of the instruction that is asked for under a key."""
    return digest("instruction", key)


def begin(order: Order, reminding: Reminding, now: datetime) -> Instruction:
    """The instruction that an order makes, under the policy of now."""
    made = Instruction(
        id=instruction_id(order.key),
        by=order.by,
        text=order.text,
        targets=order.targets,
        but=order.but,
        demanded=order.demanded or Receipt(reminding.demand),
        urgent=order.urgent,
        created_at=now,
        reminding=reminding,
        fingerprint=order.fingerprint,
    )
    return unsettled(made, now)


def unsettled(instruction: Instruction, now: datetime) -> Instruction:
    """The instruction when there is somebody to be told: whoever began it goes on, and somebody else if that takes too long."""
    return replace(instruction, settled=False, remind_at=now + PATIENCE)


def settled(instruction: Instruction, now: datetime) -> Instruction:
    """The instruction once everybody's notices are in the outbox."""
    return replace(instruction, settled=True, remind_at=next_reminder(instruction, now))


def next_reminder(instruction: Instruction, now: datetime) -> datetime | None:
    """When who has not is reminded next: the first of the policy's times after `now`. Those that passed meanwhile are left out."""
    if instruction.over or instruction.fulfilled_at:
        return None
    times = (instruction.created_at + timedelta(seconds=after) for after in instruction.reminding.after)
    return next((at for at in times if at > now), None)


def reminder(instruction: Instruction, now: datetime, asked: str = "") -> Instruction:
    """The instruction at its next reminder, by policy or because somebody asked under a key."""
    keys = (*instruction.asked, asked) if asked else instruction.asked
    return unsettled(replace(instruction, reminded=instruction.reminded + 1, asked=keys), now)


def fulfilled(instruction: Instruction, now: datetime) -> Instruction:
    """The instruction once everybody has given the receipt that was asked for: nobody is reminded any more."""
    return replace(instruction, fulfilled_at=now, remind_at=None if instruction.settled else instruction.remind_at)


def ended(instruction: Instruction, standing: Standing, by: str, why: str, now: datetime) -> Instruction:
    """The instruction once it was ended or withdrawn."""
    return unsettled(replace(instruction, standing=standing, over_at=now, over_by=by, over_why=why), now)


def received(
    recipient: Recipient, receipt: Receipt, now: datetime, *, via: str = "", note: str = ""
) -> Recipient | None:
    """The recipient with a receipt, or None when it says nothing new."""
    if receipt not in MOVES[recipient.receipt]:
        return None
    return replace(
        recipient,
        receipt=receipt,
        at=MappingProxyType({**recipient.at, receipt.value: now}),
        via=via or recipient.via,
        note=note or recipient.note,
        trouble="",
    )


def subject(instruction: str, person: str = "") -> str:
    """What stands where an alert's id would: an instruction, or one person's part in it."""
    return f"{PREFIX}{instruction}/{person}" if person else PREFIX + instruction


def part_of(subject: str) -> tuple[str, str]:
    """The instruction and the person that `subject` names; two empty texts for an alert's id."""
    if not subject.startswith(PREFIX):
        return "", ""
    instruction, _, person = subject.removeprefix(PREFIX).partition("/")
    return instruction, person


def missing(recipients: Iterable[Recipient], demanded: Receipt) -> tuple[Recipient, ...]:
    """Who has not."""
    return tuple(recipient for recipient in recipients if recipient.owes(demanded))
