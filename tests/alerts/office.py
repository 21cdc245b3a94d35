"""Somebody who sends instructions, on any ledger: the small place of `tests.scenarios.timeline`, and a provider that does as it is told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.alert import Notice, NoticeState
from alerts.instructions.addressees import Target
from alerts.instructions.instructed import Speaker
from alerts.instructions.instructing import Instructor
from alerts.instructions.instruction import Instruction, Order, Recipient, subject
from alerts.instructions.reminding import InstructionRules, Reminding
from alerts.ledger.port import Ledger
from alerts.notices import waiting
from alerts.people.roster import Roster
from ingest.registry import Registry
from tests.alerts.memory_ledger import MemoryLedger
from tests.scenarios.timeline import GRIDS, START, WORDS
from tests.scenarios.timeline import PEOPLE as EVERYBODY

NOW = START
PEOPLE = tuple(p for p in EVERYBODY if p.role != "catcher")
REGISTRY = Registry.of(GRIDS, ())
RULES = InstructionRules(Reminding("read", ("sms",), (60.0, 180.0)), Reminding("accepted", ("sms", "voice"), (30.0,)))
ALL = (Target(areas=("c",)),)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def order(key: str = "k1", targets: tuple[Target, ...] = (Target(areas=("v1",)),), **but: object) -> Order:
    return replace(Order(key, "县指挥中心", "今晚有暴雨，请巡查低洼院落。", targets), **but)


class Office:
    """An instructor on a ledger, its people, and a provider that does as it is told."""

    def __init__(self, ledger: Ledger | None = None, rules: InstructionRules = RULES) -> None:
        self.roster = Roster.of(PEOPLE)
        self.ledger = ledger or MemoryLedger(REGISTRY, self.roster)
        self.instructor = Instructor(
            self.ledger,
            rules,
            registry=lambda: REGISTRY,
            roster=lambda: self.roster,
            speaker=Speaker(WORDS, ("sms", "voice")),
            at_once=3,  # so that four people are two transactions
        )

    def send(self, key: str = "k1", now: datetime = NOW, **but: object) -> Instruction:
        return self.instructor.send(order(key, **but), now)[0]

    def notices(self, ident: str, person: str = "") -> list[Notice]:
        people = [person] if person else [r.person for r in self.ledger.instructions.recipients(ident)]
        found = [n for who in people for n in self.ledger.outbox(alert=subject(ident, who), limit=1000)]
        return sorted(found, key=lambda n: (n.created_at, n.step, n.key))

    def moved(self, notice: Notice, state: NoticeState, now: datetime = NOW, **more: str) -> None:
        with self.ledger.transaction() as tx:
            known = tx.notice(notice.key)
            assert known is not None
            self.instructor.moved(tx, known, state, now, **more)

    def part(self, ident: str, person: str) -> Recipient:
        found = self.ledger.instructions.recipient(ident, person)
        assert found is not None
        return found

    def said(self, ident: str, person: str = "") -> list[tuple[str, str]]:
        return [(e.what, e.why) for e in self.ledger.timeline(subject(ident, person))]


def delivered(office: Office, made: Instruction, *people: str) -> None:
    """What has not left yet arrives, at some people or at all."""
    for notice in office.notices(made.id):
        if waiting(notice) and (not people or notice.person in people):
            office.moved(notice, NoticeState.DELIVERED)


class Mortal(MemoryLedger):
    """A ledger whose process dies at the end of the transaction that it is told: nothing of that one is kept."""

    left = 0

    @contextmanager
    def transaction(self, *, ahead=False):
        self.conflicts = int(self.left == 1)
        self.left = max(self.left - 1, 0)
        with super().transaction(ahead=ahead) as tx:
            yield tx
