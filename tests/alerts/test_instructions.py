"""Downward instructions: whom they mean, how far they come, who is reminded, and what everybody hears at the end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alerts.addressees import Because, Target, Unaddressable, address
from alerts.alert import Notice, NoticeState, Reason
from alerts.channels.contract import Answer, Refused, Sent
from alerts.conduct import Conductor
from alerts.instructed import Speaker
from alerts.instructing import Instructor, KeyUsed, UnknownInstruction
from alerts.instructions import (
    LONGEST,
    MOVES,
    Instruction,
    Order,
    Receipt,
    Recipient,
    Standing,
    begin,
    ended,
    fulfilled,
    next_reminder,
    received,
    subject,
)
from alerts.ledger import open_ledger
from alerts.ledger.port import Conflict, Ledger
from alerts.notices import reached, waiting
from alerts.outcome import NotAllowed, Why
from alerts.policy import load_policies
from alerts.reminding import SHIPPED, InstructionRules, InstructionsTable, Reminding
from alerts.roster import Person, Roster
from alerts.sender import Sender
from alerts.words import LANGUAGES, load_words
from ingest.clock import Clock
from ingest.registry import Grid, GridLevel, Registry
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
WORDS = load_words()
GRIDS = (
    Grid("c", "云泽县", GridLevel.COUNTY),
    Grid("t1", "清溪镇", GridLevel.TOWNSHIP, "c"),
    Grid("t2", "白石镇", GridLevel.TOWNSHIP, "c"),
    Grid("v1", "杏花村", GridLevel.VILLAGE, "t1"),
    Grid("v2", "石桥村", GridLevel.VILLAGE, "t2"),
    Grid("g1", "第一网格", GridLevel.GRID, "v1"),
    Grid("g2", "第二网格", GridLevel.GRID, "v1"),
    Grid("vacant", "第三网格", GridLevel.GRID, "v1"),
    Grid("g4", "第四网格", GridLevel.GRID, "v2"),
)


def person(ident: str, grid: str, role: str, order: int = 0, **but: object) -> Person:
    return replace(Person(ident, f"人{ident}", "+8610000000001", role, grid, order), **but)


PEOPLE = (
    person("leader1", "g1", "grid_leader"),
    person("worker1", "g1", "worker", 1),
    person("leader2", "g2", "grid_leader"),
    person("leader4", "g4", "grid_leader"),
    person("head1", "v1", "village_head"),
    person("head2", "v2", "village_head"),
    person("duty1", "t1", "duty_officer"),
    person("county", "c", "duty_officer"),
)
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


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "memory":
        yield Office()
        return
    url = empty_ledger(tmp_path)
    ledger = open_ledger(url if request.param == "sqlite" else request.getfixturevalue("postgres").new_ledger())
    yield Office(ledger)
    ledger.close()


# Whom -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "targets", "but", "expected"),
    [
        ("an area is everybody below it, the highest first", (Target(areas=("v1",)),), (), "head1 leader1 worker1 leader2"),
        ("a level of an area", (Target((GridLevel.GRID,), ("t1",)),), (), "leader1 worker1 leader2"),
        ("a level everywhere", (Target((GridLevel.VILLAGE,)),), (), "head1 head2"),
        ("two levels", (Target((GridLevel.VILLAGE, GridLevel.TOWNSHIP)),), (), "duty1 head1 head2"),
        ("a role of an area", (Target(areas=("t1",), roles=("grid_leader",)),), (), "leader1 leader2"),
        ("a person", (Target(people=("leader4",)),), (), "leader4"),
        ("targets add up, and nobody is there twice", (Target(areas=("g1",)), Target(roles=("grid_leader",))), (), "leader1 worker1 leader2 leader4"),
        ("without those left out", (Target(areas=("g1",)),), ("worker1",), "leader1"),
        ("straight to the grid, past every level between", (Target((GridLevel.GRID,), ("c",)),), (), "leader1 worker1 leader2 leader4"),
    ],
)  # fmt: skip
def test_targets_mean_people(sentence: str, targets: tuple[Target, ...], but: tuple[str, ...], expected: str) -> None:
    found = address(REGISTRY, Roster.of(PEOPLE), targets, but)
    assert [a.person.id for a in found.people] == expected.split(), sentence


def test_everybody_is_there_for_a_reason() -> None:
    targets = (Target((GridLevel.GRID,), ("v1",), ("grid_leader",)), Target(people=("leader1",)))
    found = {a.person.id: a.because for a in address(REGISTRY, Roster.of(PEOPLE), targets).people}
    assert found["leader1"] == (Because(1, "v1", "grid", "grid_leader"), Because(2, person="leader1"))
    assert found["leader2"] == (Because(1, "v1", "grid", "grid_leader"),)


@pytest.mark.parametrize(
    ("sentence", "targets", "but", "expected"),
    [
        ("a grid of the level without anybody", (Target((GridLevel.GRID,), ("v1",)),), (), {(Why.VACANT, "vacant")}),
        (
            "a grid of the level where nobody has the role",
            (Target((GridLevel.GRID,), ("v1",), ("worker",)),),
            (),
            {(Why.VACANT, "vacant"), (Why.NO_ROLE, "g2")},
        ),
        ("one area of two", (Target(areas=("vacant", "g1")),), (), {(Why.VACANT, "vacant")}),
        ("a role that nobody has", (Target(roles=("worker", "diver")),), (), {(Why.NO_ROLE, "diver")}),
        (
            "somebody who is named and lives elsewhere",
            (Target(areas=("t1",), people=("leader4", "leader1")),),
            (),
            {(Why.OUTSIDE, "leader4")},
        ),
        ("somebody left out by name", (Target(areas=("g1",)),), ("worker1",), {(Why.EXCLUDED, "worker1")}),
        ("somebody left out who was not meant: nothing", (Target(areas=("g1",)),), ("leader4",), set()),
    ],
)
def test_what_leads_to_nobody_is_said(sentence, targets, but, expected) -> None:
    found = address(REGISTRY, Roster.of(PEOPLE), targets, but)
    assert {(m.why, m.what) for m in found.missed} == expected, sentence


@pytest.mark.parametrize(
    ("sentence", "targets", "but", "message"),
    [
        ("no target", (), (), "names nothing"),
        ("an empty target does not mean the whole city", (Target(), Target(areas=("c",))), (), "names nothing"),
        ("a code that is no grid", (Target(areas=("c", "x9")),), (), "no grid 'x9'"),
        ("an id that is nobody's", (Target(people=("nobody",)),), (), "id 'nobody'"),
        ("an id left out that is nobody's", (Target(areas=("c",)),), ("nobody",), "id 'nobody'"),
        ("a vacant grid alone", (Target(areas=("vacant",)),), (), "vacant leads to nobody"),
        ("everybody left out", (Target(people=("leader1",)),), ("leader1",), "nobody is meant"),
    ],
)
def test_an_instruction_to_nobody_is_refused(sentence: str, targets, but, message: str) -> None:
    with pytest.raises(Unaddressable, match=message):
        address(REGISTRY, Roster.of(PEOPLE), targets, but)


@given(
    levels=st.sets(st.sampled_from(GridLevel), max_size=2),
    areas=st.sets(st.sampled_from([g.code for g in GRIDS]), max_size=2),
    roles=st.sets(st.sampled_from(sorted({p.role for p in PEOPLE})), max_size=2),
)
def test_a_target_that_names_more_means_no_more_people(levels, areas, roles) -> None:
    def meant(target: Target) -> set[str]:
        try:
            return {a.person.id for a in address(REGISTRY, Roster.of(PEOPLE), (target,)).people}
        except Unaddressable:
            return set()

    whole = Target(tuple(levels), tuple(areas), tuple(roles))
    for wider in (replace(whole, levels=()), replace(whole, areas=()), replace(whole, roles=())):
        if wider != Target():
            assert meant(whole) <= meant(wider)


# How far --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", Receipt)
@pytest.mark.parametrize("said", Receipt)
def test_a_receipt_only_goes_on(before: Receipt, said: Receipt) -> None:
    one = Recipient("p", "人", "leader", "g1", (), before)
    after = received(one, said, NOW)
    assert (after is not None) == (said.rank > before.rank) == (said in MOVES[before])
    if after is not None:
        assert after.at == {said.value: NOW}


def test_an_instruction_goes_to_everybody_once_whatever_is_repeated(office: Office) -> None:
    first, new = office.instructor.send(order(), NOW)
    again, anew = office.instructor.send(order(), NOW + seconds(9))
    assert (first, new, anew) == (again, True, False)
    assert sorted((n.person, n.channel) for n in office.notices(first.id)) == [
        (p, "sms") for p in ("head1", "leader1", "leader2", "worker1")
    ]
    assert {n.level for n in office.notices(first.id)} == {Level.BLUE}
    assert [r.person for r in office.ledger.instructions.recipients(first.id)] == [
        "head1",
        "leader1",
        "leader2",
        "worker1",
    ]
    assert office.said(first.id) == [("instructed", "")]


def test_an_urgent_one_goes_by_text_and_call_and_still_behind_every_orange_alert(office: Office) -> None:
    made = office.send(urgent=True)
    assert {(n.person, n.channel) for n in office.notices(made.id)} == {
        (p, c) for p in ("head1", "leader1", "leader2", "worker1") for c in ("sms", "voice")
    }
    assert all(n.level is Level.YELLOW for n in office.notices(made.id))
    assert made.demanded is Receipt.ACCEPTED


def test_a_key_stands_for_one_instruction(office: Office) -> None:
    office.send()
    for other in (order(text="另一件事"), order(targets=ALL), order(urgent=True), order(but=("head1",))):
        with pytest.raises(KeyUsed, match="new key"):
            office.instructor.send(other, NOW)
    assert len(office.ledger.instructions.page()[0]) == 1


def test_what_was_passed_over_is_on_the_timeline(office: Office) -> None:
    made = office.send(targets=(Target((GridLevel.GRID,), ("v1",)),), but=("worker1",))
    lines = {e.why: e.detail["what"] for e in office.ledger.timeline(subject(made.id)) if e.what == "skipped"}
    assert lines == {Why.VACANT: "vacant", Why.EXCLUDED: "worker1"}


def test_who_comes_later_is_not_told_and_who_leaves_stays_on_the_list(office: Office) -> None:
    made = office.send()
    office.roster = Roster.of([p for p in PEOPLE if p.id != "leader2"] + [person("late", "g1", "worker", 5)])
    assert office.instructor.remind(made.id, "r1", "县", NOW + seconds(5)) == 0  # what was sent has not left yet
    assert [r.person for r in office.ledger.instructions.recipients(made.id)] == [
        "head1",
        "leader1",
        "leader2",
        "worker1",
    ]


@pytest.mark.parametrize(
    ("sentence", "reports", "expected"),
    [
        ("a text arrived", [NoticeState.SENT, NoticeState.DELIVERED], Receipt.DELIVERED),
        ("a text was taken over, no more is known", [NoticeState.SENT], Receipt.WAITING),
        ("a key was pressed", [NoticeState.DELIVERED, NoticeState.ANSWERED], Receipt.ACCEPTED),
        ("receipts in the wrong order", [NoticeState.ANSWERED, NoticeState.DELIVERED, NoticeState.SENT], Receipt.ACCEPTED),
        ("it failed, and then it had arrived after all", [NoticeState.FAILED, NoticeState.DELIVERED], Receipt.DELIVERED),
    ],
)  # fmt: skip
def test_what_a_provider_says_is_a_receipt(office: Office, sentence: str, reports, expected: Receipt) -> None:
    made = office.send()
    (notice,) = office.notices(made.id, "leader1")
    for state in reports:
        office.moved(notice, state)
    assert office.part(made.id, "leader1").receipt is expected, sentence
    assert office.part(made.id, "leader2").receipt is Receipt.WAITING


def test_why_somebody_was_not_reached_stands_on_the_list_until_they_are(office: Office) -> None:
    made = office.send()
    (notice,) = office.notices(made.id, "leader1")
    office.moved(notice, NoticeState.FAILED, error="30003: unreachable handset")
    assert office.part(made.id, "leader1").trouble == "30003: unreachable handset"
    office.instructor.receipt(made.id, "leader1", Receipt.READ, NOW)
    assert office.part(made.id, "leader1").trouble == ""


def test_a_person_says_read_accepted_done_and_a_repeat_says_nothing_new(office: Office) -> None:
    made = office.send()
    for number, receipt in enumerate((Receipt.READ, Receipt.DONE, Receipt.ACCEPTED, Receipt.DONE, Receipt.READ)):
        office.instructor.receipt(
            made.id, "leader1", receipt, NOW + seconds(number), by="人leader1", via="page", note=str(number)
        )
    part = office.part(made.id, "leader1")
    assert (part.receipt, part.via, part.note) == (Receipt.DONE, "page", "1")
    assert part.at == {"read": NOW, "done": NOW + seconds(1)}
    assert office.said(made.id, "leader1") == [("read", ""), ("done", "")]


def test_once_everybody_has_the_demanded_receipt_nobody_is_reminded(office: Office) -> None:
    made = office.send(targets=(Target(areas=("g1",)),))
    office.instructor.receipt(made.id, "leader1", Receipt.READ, NOW)
    assert office.ledger.instructions.get(made.id).fulfilled_at is None
    office.instructor.receipt(made.id, "worker1", Receipt.DONE, NOW + seconds(2))
    after = office.ledger.instructions.get(made.id)
    assert (after.fulfilled_at, after.remind_at, after.over) == (NOW + seconds(2), None, False)
    assert ("fulfilled", "") in office.said(made.id)
    assert office.instructor.remind_due(NOW + seconds(999)) == 0
    with pytest.raises(NotAllowed, match="nobody to remind"):
        office.instructor.remind(made.id, "r1", "县", NOW)


def delivered(office: Office, made: Instruction, *people: str) -> None:
    for notice in office.notices(made.id):
        if waiting(notice) and (not people or notice.person in people):
            office.moved(notice, NoticeState.DELIVERED)


def test_who_has_not_is_reminded_at_the_policys_times_and_who_has_is_not(office: Office) -> None:
    made = office.send(targets=(Target(areas=("g1",)),))
    delivered(office, made)
    office.instructor.receipt(made.id, "worker1", Receipt.READ, NOW + seconds(1))
    assert office.ledger.instructions.next_due() == NOW + seconds(60)
    assert office.instructor.remind_due(NOW + seconds(59)) == 0
    assert [office.instructor.remind_due(NOW + seconds(60)) for _ in range(3)] == [1, 0, 0]
    delivered(office, made)
    assert office.instructor.remind_due(NOW + seconds(181)) == 1
    delivered(office, made)
    assert office.instructor.remind_due(NOW + seconds(9999)) == 0, "the policy has two reminders"
    reminders = [(n.person, n.step) for n in office.notices(made.id) if n.reason is Reason.REPEAT]
    assert reminders == [("leader1", 1), ("leader1", 2)]
    assert office.said(made.id)[-2:] == [("reminded", "repeat"), ("not_reminded", "chain_ended")]


def test_reminders_that_passed_while_nothing_ran_do_not_come_in_a_row(office: Office) -> None:
    made = office.send(targets=(Target(areas=("g1",)),))
    delivered(office, made)
    assert office.instructor.remind_due(NOW + seconds(5000)) == 2
    delivered(office, made)
    assert office.instructor.remind_due(NOW + seconds(5001)) == 0


def test_nobody_is_reminded_of_what_has_not_left_yet(office: Office) -> None:
    made = office.send(targets=(Target(areas=("g1",)),))
    delivered(office, made, "leader1")
    assert office.instructor.remind_due(NOW + seconds(60)) == 1
    assert [n.person for n in office.notices(made.id) if n.reason is Reason.REPEAT] == ["leader1"]
    assert ("skipped", Why.ALREADY_RINGING) in office.said(made.id)


def test_a_reminder_that_is_asked_for_twice_under_one_key_goes_once(office: Office) -> None:
    made = office.send(targets=(Target(areas=("g1",)),))
    delivered(office, made)
    assert [office.instructor.remind(made.id, "r1", "县", NOW + seconds(5)) for _ in range(2)] == [2, 0]
    delivered(office, made)
    assert office.instructor.remind(made.id, "r2", "县", NOW + seconds(6)) == 2


@pytest.mark.parametrize("standing", [Standing.ENDED, Standing.WITHDRAWN])
def test_at_the_end_everybody_who_was_told_hears_it_and_the_rest_is_cancelled(
    office: Office, standing: Standing
) -> None:
    made = office.send(targets=(Target(areas=("g1",)),))
    delivered(office, made, "leader1")
    for _ in range(2):
        over = office.instructor.end(made.id, standing, "县", "雨停了", NOW + seconds(9))
    assert (over.standing, over.over_by, over.over_why, over.remind_at) == (standing, "县", "雨停了", None)
    assert {(n.person, n.reason, n.state) for n in office.notices(made.id)} == {
        ("leader1", Reason.INSTRUCTION, NoticeState.DELIVERED),
        ("worker1", Reason.INSTRUCTION, NoticeState.CANCELLED),
        ("leader1", Reason.RESOLVED, NoticeState.QUEUED),
    }
    assert office.said(made.id)[-2:] == [(standing.value, ""), ("told", "resolved")]


def test_a_text_that_was_on_the_wire_when_it_was_withdrawn_is_followed_by_the_end(office: Office) -> None:
    made = office.send(targets=(Target(people=("leader1",)),))
    (notice,) = office.notices(made.id)
    office.moved(notice, NoticeState.SENDING)
    office.instructor.end(made.id, Standing.WITHDRAWN, "县", "", NOW + seconds(1))
    for _ in range(2):
        office.moved(notice, NoticeState.SENT, NOW + seconds(2))
        office.moved(notice, NoticeState.DELIVERED, NOW + seconds(3))
    assert [(n.reason, n.state) for n in office.notices(made.id)] == [
        (Reason.INSTRUCTION, NoticeState.DELIVERED),
        (Reason.RESOLVED, NoticeState.QUEUED),
    ]
    assert office.said(made.id).count(("told", "resolved")) == 1


def test_what_is_over_is_not_accepted_or_done_any_more(office: Office) -> None:
    made = office.send(urgent=True, targets=(Target(people=("leader1",)),))
    office.instructor.end(made.id, Standing.WITHDRAWN, "县", "", NOW)
    for receipt in (Receipt.ACCEPTED, Receipt.DONE):
        with pytest.raises(NotAllowed, match="withdrawn"):
            office.instructor.receipt(made.id, "leader1", receipt, NOW)
    office.moved(office.notices(made.id)[0], NoticeState.ANSWERED)  # the telephone was in a hand already
    assert office.part(made.id, "leader1").receipt is Receipt.READ
    with pytest.raises(NotAllowed, match="withdrawn already"):
        office.instructor.end(made.id, Standing.ENDED, "县", "", NOW)


def test_what_does_not_exist_is_said(office: Office) -> None:
    made = office.send(targets=(Target(people=("leader1",)),))
    with pytest.raises(UnknownInstruction, match="no instruction x"):
        office.instructor.end("x", Standing.ENDED, "县", "", NOW)
    with pytest.raises(UnknownInstruction, match="did not go to leader2"):
        office.instructor.receipt(made.id, "leader2", Receipt.READ, NOW)
    with pytest.raises(NotAllowed, match="nobody can say 'delivered'"):
        office.instructor.receipt(made.id, "leader1", Receipt.DELIVERED, NOW)


# What the ledger holds ------------------------------------------------------------------------------------------------


def test_an_instruction_comes_back_equal(office: Office) -> None:
    targets = (Target((GridLevel.GRID, GridLevel.VILLAGE), ("v1", "t2"), ("grid_leader",), ("leader1",)), *ALL)
    made = office.send(
        targets=targets, but=("county",), text="'引号' \"two\"\n换行", urgent=True, demanded=Receipt.DONE
    )
    delivered(office, made)
    office.instructor.remind(made.id, "r1", "县", NOW + seconds(1))
    over = office.instructor.end(made.id, Standing.ENDED, "县", "好", NOW + seconds(2))
    assert office.ledger.instructions.get(made.id) == over
    assert over.targets == targets
    part = office.part(made.id, "leader1")
    assert part.because == (Because(1, "v1", "grid", "grid_leader", "leader1"), Because(2, "c"))
    assert part.at == {"delivered": NOW}


def test_the_newest_comes_first_and_the_cursor_leads_on(office: Office) -> None:
    made = [office.send(f"k{n}", NOW + seconds(n)) for n in range(3)]
    office.instructor.end(made[1].id, Standing.ENDED, "县", "", NOW + seconds(9))
    first, cursor = office.ledger.instructions.page(limit=2)
    rest, end = office.ledger.instructions.page(limit=2, cursor=cursor)
    assert [i.id for i in first + rest] == [made[2].id, made[1].id, made[0].id]
    assert end == ""
    assert [i.id for i in office.ledger.instructions.page(open_only=True)[0]] == [made[2].id, made[0].id]


def test_who_has_not_is_found_in_pages_and_counted_by_grid(office: Office) -> None:
    made = office.send()
    delivered(office, made)
    office.instructor.receipt(made.id, "leader1", Receipt.READ, NOW)
    read = office.ledger.instructions
    assert [r.person for r in read.recipients(made.id, below=Receipt.READ, limit=2)] == ["head1", "leader2"]
    assert [r.person for r in read.recipients(made.id, below=Receipt.READ, after="leader2")] == ["worker1"]
    assert read.tally([made.id, "x"]) == {made.id: {Receipt.DELIVERED: 3, Receipt.READ: 1}}
    assert read.by_grid(made.id)["g1"] == {Receipt.DELIVERED: 1, Receipt.READ: 1}
    assert read.due(NOW + seconds(60), limit=9) == [made.id]


def test_a_transaction_that_does_not_end_leaves_nothing(office: Office) -> None:
    class Killed(Exception):
        pass

    with pytest.raises(Killed), office.ledger.transaction() as tx:  # noqa: PT012  # all of it must be undone
        made = Instruction("i1", "县", "文", ALL, (), Receipt.READ, False, NOW, RULES.ordinary)
        tx.instructions.add(made, [Recipient("p", "人", "leader", "g1", ())])
        assert tx.instructions.get("i1") == made
        raise Killed
    assert office.ledger.instructions.get("i1") is None
    assert office.ledger.instructions.recipients("i1") == []


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return empty_ledger(tmp_path)
    return str(request.getfixturevalue("postgres").new_ledger())


SENDING = """
import sys
from alerts.ledger import open_ledger
from tests.alerts.test_instructions import Office
office = Office(open_ledger(sys.argv[1]))
for number in range(int(sys.argv[2])):
    office.send(f"k{number}")
    print(number, flush=True)
"""


def test_a_sender_that_is_killed_and_says_it_all_again_has_told_everybody_once(url: str) -> None:
    command = [sys.executable, "-c", SENDING, url]
    with subprocess.Popen([*command, "10000"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(10):
            child.stdout.readline()
        child.kill()
    subprocess.run([*command, "40"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    office = Office(open_ledger(url))
    found = {one.id: office.notices(one.id) for one in office.ledger.instructions.page(limit=10_000)[0]}
    assert len(found) >= 40
    assert {tuple(sorted(n.person for n in some)) for some in found.values()} == {
        ("head1", "leader1", "leader2", "worker1")
    }
    office.ledger.close()


def test_many_processes_at_once_send_and_remind_once(url: str) -> None:
    office = Office(open_ledger(url))
    made: list[tuple[Instruction, bool]] = []
    reminded: list[int] = []

    def work() -> None:
        made.append(office.instructor.send(order("k", (Target(areas=("g1",)),)), NOW))

    def remind() -> None:
        reminded.append(office.instructor.remind_due(NOW + seconds(60)))

    in_threads(work)
    assert sorted(new for _, new in made) == [False, False, False, True]
    delivered(office, made[0][0])
    in_threads(remind)
    assert sorted(reminded) == [0, 0, 0, 2]
    assert len(office.notices(made[0][0].id)) == 4
    office.ledger.close()


def test_who_is_stopped_while_telling_people_is_gone_on_for(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Exception):
        pass

    def killed(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(office.instructor, "_tell", killed)
        with pytest.raises(Killed):
            office.send()
    (made,) = office.ledger.instructions.page()[0]
    assert (made.settled, office.notices(made.id)) == (False, [])
    assert office.instructor.remind_due(NOW + seconds(9)) == 0, "whoever began may still be at it"
    assert office.instructor.remind_due(NOW + seconds(10)) == 4
    assert office.send().settled
    assert [n.person for n in office.notices(made.id)].count("head1") == 1


def in_threads(work: Callable[[], None], count: int = 4) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


# Through the sender ---------------------------------------------------------------------------------------------------


@dataclass
class Scripted:
    """A channel that gives one answer and keeps what it was given."""

    answer: Answer
    given: list[Notice] = field(default_factory=list)

    def send(self, notice: Notice, person: Person) -> Answer:
        self.given.append(notice)
        return replace(self.answer, provider_id=notice.key) if isinstance(self.answer, Sent) else self.answer

    def find(self, notice: Notice, person: Person) -> Sequence[str]:
        return ()


def test_the_sender_carries_an_instruction_and_takes_another_way_where_one_is_refused(tmp_path: Path) -> None:
    ledger = open_ledger(empty_ledger(tmp_path))
    ledger.replace_place(GRIDS, [], PEOPLE)
    conductor = Conductor(
        ledger, policies=load_policies(), registry=ledger.registry, roster=ledger.roster, words=WORDS, channels=("sms", "voice"),
    )  # fmt: skip
    sms, voice = Scripted(Refused("30003: unreachable handset")), Scripted(Sent(""))
    clock = Clock()
    sender = Sender(ledger, conductor, {"sms": sms, "voice": voice}, roster=ledger.roster, clock=clock)
    made, _ = conductor.instructor.send(order(targets=(Target(people=("leader1",)),)), clock.now())
    for _ in range(2):
        for notice in ledger.lease_notices(clock.now(), limit=9, lease=seconds(12)):
            sender.deliver(notice)
    assert [n.channel for n in sms.given + voice.given] == ["sms", "voice"]
    assert "按1键" in voice.given[0].text
    states = {n.channel: n.state for n in ledger.outbox(alert=subject(made.id, "leader1"))}
    assert states == {"sms": NoticeState.FAILED, "voice": NoticeState.SENT}
    assert ledger.instructions.recipient(made.id, "leader1").trouble == "30003: unreachable handset"
    assert conductor.answered(voice.given[0].key, clock.now(), "1") is None
    part = ledger.instructions.recipient(made.id, "leader1")
    assert (part.receipt, part.via, part.trouble) == (Receipt.ACCEPTED, "voice", "")
    whats = [e.what for e in ledger.timeline(subject(made.id, "leader1"))]
    assert whats == ["failed_over", "failed", "sent", "answered", "accepted"]
    ledger.close()


# Words and policy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("channel", ["sms", "voice", "log"])
@pytest.mark.parametrize("reason", [Reason.INSTRUCTION, Reason.REPEAT, Reason.RESOLVED])
def test_a_text_is_whole_and_only_a_text_to_be_answered_carries_an_address(language, channel, reason) -> None:
    speaker = Speaker(WORDS, ("sms", "voice"), language, lambda ident, who: f"https://x.example/{ident}/{who}")
    some = person("leader1", "g1", "grid_leader", language=language)
    for urgent, standing in ((False, Standing.OPEN), (True, Standing.ENDED), (True, Standing.WITHDRAWN)):
        made = Instruction("i1", "县", "巡查。", ALL, (), Receipt.DONE, urgent, NOW, RULES.ordinary, standing=standing)
        text = speaker.text(made, some, channel, reason)
        assert "{" not in text
        assert "巡查" in text
        assert "。。" not in text
        assert ("https" in text) is (channel == "sms" and reason is not Reason.RESOLVED)
        assert ("按1" in text or "ress 1" in text) is (channel == "voice" and reason is not Reason.RESOLVED)


def test_the_words_of_instructions_are_there_in_both_languages() -> None:
    said = {
        "instructed",
        "reminded",
        "not_reminded",
        "read",
        "accepted",
        "done",
        "fulfilled",
        "ended",
        "withdrawn",
        "told",
        "skipped",
    }
    for language in LANGUAGES:
        table = WORDS.tables[language]
        assert said <= set(table["what"])
        assert set(Receipt) == set(table["receipt"])
        assert set(Receipt) - {Receipt.WAITING} == set(table["demand"])
        assert {e.value for e in (Standing.ENDED, Standing.WITHDRAWN)} <= set(table["instruction_sms"])


@pytest.mark.parametrize(
    ("sentence", "table", "message"),
    [
        ("an unknown key", {"ordinary": {"demand": "read", "channels": ["sms"], "remind": [1.0]}}, "remind"),
        ("times out of order", {"urgent": {"demand": "read", "channels": ["sms"], "remind_s": [9.0, 3.0]}}, "must grow"),
        ("a receipt that is none", {"urgent": {"demand": "waiting", "channels": ["sms"]}}, "demand"),
        ("no channel", {"urgent": {"demand": "read", "channels": []}}, "channels"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_meant_are_refused(sentence: str, table: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InstructionsTable.model_validate(table)


def test_the_shipped_rules_remind_of_both() -> None:
    assert SHIPPED.ordinary.after
    assert SHIPPED.urgent.after
    assert max(SHIPPED.urgent.after) < min(SHIPPED.ordinary.after)


@pytest.mark.parametrize(
    ("sentence", "but"),
    [("no key", {"key": ""}), ("no sender", {"by": ""}), ("no text", {"text": " \n"}), ("too long", {"text": "长" * (LONGEST + 1)}),
     ("waiting for nothing", {"demanded": Receipt.WAITING})],
)  # fmt: skip
def test_an_order_that_says_nothing_is_refused(sentence: str, but: dict) -> None:
    with pytest.raises(Unaddressable):
        order(**but)


# Whatever happens, in whatever order ----------------------------------------------------------------------------------

TARGETS = (
    Target(areas=("v1",)),
    Target((GridLevel.GRID,)),
    Target(roles=("duty_officer",)),
    Target(people=("leader1", "head2")),
)
REPORTS = st.sampled_from([s for s in NoticeState if s not in {NoticeState.QUEUED, NoticeState.CANCELLED}])


DEATHS = st.sampled_from([0, 0, 1, 2, 3, 4])


class Mortal(MemoryLedger):
    """A ledger whose process dies at the end of the transaction that it is told: nothing of that one is kept."""

    left = 0

    @contextmanager
    def transaction(self):
        self.conflicts = int(self.left == 1)
        self.left = max(self.left - 1, 0)
        with super().transaction() as tx:
            yield tx


def sent(office: Office, now: datetime) -> None:
    office.send(now=now)


def asked(office: Office, now: datetime) -> None:
    office.instructor.remind(office.ledger.instructions.page()[0][0].id, "r1", "县", now)


def over(office: Office, now: datetime) -> None:
    office.instructor.end(office.ledger.instructions.page()[0][0].id, Standing.ENDED, "县", "", now)


ACTS = (sent, asked, over)


@pytest.mark.parametrize("again", [True, False], ids=["said again", "gone on for"])
@pytest.mark.parametrize("dies_at", range(1, 7))
@pytest.mark.parametrize("act", ACTS)
def test_a_process_may_die_at_any_transaction(
    act: Callable[[Office, datetime], None], dies_at: int, again: bool
) -> None:
    """Four people are told three at a time: what was begun is finished by whoever says it again, or by the reminders' clock."""

    def told(dies: int) -> list[tuple[str, str, int]]:
        office = Office(Mortal(REGISTRY))
        for before in ACTS[: ACTS.index(act)]:
            before(office, NOW)
            delivered(office, office.ledger.instructions.page()[0][0])
        office.ledger.left = dies
        with suppress(Conflict):
            act(office, NOW + seconds(1))
        office.ledger.left = 0
        begun = {one.settled for one in office.ledger.instructions.page()[0]} == {False}
        if again or not begun:
            act(office, NOW + seconds(2))
        office.instructor.remind_due(NOW + seconds(12))
        (made,) = office.ledger.instructions.page()[0]
        assert made.settled
        return sorted((n.person, n.reason.value, n.step) for n in office.notices(made.id))

    whole = told(0)
    assert len(whole) == 4 * (ACTS.index(act) + 1)
    assert told(dies_at) == whole


class Meanwhile(Mortal):
    """A ledger on which somebody else acts right after so many transactions."""

    then: tuple[int, Callable[[], None]] = (0, lambda: None)

    @contextmanager
    def transaction(self):
        with super().transaction() as tx:
            yield tx
        count, act = self.then
        self.then = (count - 1, act)
        if count == 1:
            act()


def test_whoever_tells_people_leaves_off_when_the_instruction_has_moved_on() -> None:
    ledger = Meanwhile(REGISTRY)
    office = Office(ledger)

    def end_and_die() -> None:
        ledger.left = 2  # the end is decided, and nobody has been told of it yet
        with suppress(Conflict):
            over(office, NOW)

    ledger.then = (2, end_and_die)  # three of four people have been told
    made = office.send()
    assert (made.standing, made.settled, len(office.notices(made.id))) == (Standing.ENDED, False, 3)
    office.instructor.remind_due(NOW + seconds(10))
    assert {n.state for n in office.notices(made.id)} == {NoticeState.CANCELLED}


def test_nobody_is_to_be_reminded_of_what_is_fulfilled_or_over() -> None:
    made = begin(order(), RULES.ordinary, NOW)
    assert next_reminder(made, NOW) == NOW + seconds(60)
    assert next_reminder(fulfilled(made, NOW), NOW) is None
    assert next_reminder(ended(made, Standing.ENDED, "县", "", NOW), NOW) is None


class Campaign(RuleBasedStateMachine):
    """Orders, receipts, reminders, ends, people who leave, and processes that die before they have written anything."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Mortal(REGISTRY)
        self.office = Office(self.ledger)
        self.now = NOW
        self.sent: dict[str, tuple[str, ...]] = {}
        self.ranks: dict[tuple[str, str], int] = {}

    def do(self, act: Callable[[datetime], object], dies: int = 0) -> None:
        """Do something, in a process that may die at its so manieth transaction; and once more, as whoever had no answer would."""
        self.now += seconds(1)
        for left in (dies, 0):
            self.ledger.left = left
            with suppress(NotAllowed, KeyUsed, Conflict, Unaddressable):
                act(self.now)
        self.ledger.left = 0

    @rule(key=st.sampled_from("abc"), whom=st.sampled_from(TARGETS), urgent=st.booleans(), dies=DEATHS)
    def send(self, key: str, whom: Target, urgent: bool, dies: int) -> None:
        self.do(lambda now: self.office.instructor.send(order(key, (whom,), urgent=urgent), now), dies)
        for made in self.office.ledger.instructions.page()[0]:
            people = tuple(r.person for r in self.office.ledger.instructions.recipients(made.id))
            assert self.sent.setdefault(made.id, people) == people, "who is on the list stays, and nobody is added"

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), state=REPORTS)
    def report(self, data: st.DataObject, state: NoticeState) -> None:
        notice = data.draw(st.sampled_from(self.office.notices(data.draw(st.sampled_from(sorted(self.sent))))))
        self.do(lambda now: self.office.moved(notice, state, now))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), receipt=st.sampled_from(Receipt))
    def say(self, data: st.DataObject, receipt: Receipt) -> None:
        ident = data.draw(st.sampled_from(sorted(self.sent)))
        who = data.draw(st.sampled_from(self.sent[ident]))
        self.do(lambda now: self.office.instructor.receipt(ident, who, receipt, now))

    @rule(passed=st.sampled_from([1, 29, 60, 200]), dies=DEATHS)
    def tick(self, passed: int, dies: int) -> None:
        self.now += seconds(passed)
        self.do(self.office.instructor.remind_due, dies)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), key=st.sampled_from("xy"), dies=DEATHS)
    def remind(self, data: st.DataObject, key: str, dies: int) -> None:
        ident = data.draw(st.sampled_from(sorted(self.sent)))
        self.do(lambda now: self.office.instructor.remind(ident, key, "县", now), dies)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), standing=st.sampled_from([Standing.ENDED, Standing.WITHDRAWN]), dies=DEATHS)
    def end(self, data: st.DataObject, standing: Standing, dies: int) -> None:
        ident = data.draw(st.sampled_from(sorted(self.sent)))
        self.do(lambda now: self.office.instructor.end(ident, standing, "县", "", now), dies)

    @rule(gone=st.sampled_from(["leader1", "worker1", "county"]))
    def leave(self, gone: str) -> None:
        self.office.roster = Roster.of(p for some in self.office.roster.people.values() for p in some if p.id != gone)

    def staying(self, ident: str) -> set[str]:
        people = {p.id for some in self.office.roster.people.values() for p in some}
        return people & set(self.sent[ident])

    @invariant()
    def nobody_is_told_the_same_twice_and_nobody_is_left_out(self) -> None:
        for ident in self.sent:
            made = self.office.ledger.instructions.get(ident)
            told = [(n.person, n.channel, n.reason, n.step) for n in self.office.notices(ident)]
            assert len(told) == len(set(told))
            first = {(p, c) for p, c, reason, _ in told if reason is Reason.INSTRUCTION}
            meant = {(p, c) for p in self.sent[ident] for c in made.reminding.channels}
            assert first <= meant
            if made.settled and not made.over:
                assert {(p, c) for p, c in meant if p in self.staying(ident)} <= first

    @invariant()
    def who_was_stopped_is_gone_on_for(self) -> None:
        for ident in self.sent:
            made = self.office.ledger.instructions.get(ident)
            assert made.settled or made.remind_at is not None

    @invariant()
    def a_receipt_never_goes_back(self) -> None:
        for ident in self.sent:
            for part in self.office.ledger.instructions.recipients(ident):
                assert part.receipt.rank >= self.ranks.get((ident, part.person), 0)
                self.ranks[ident, part.person] = part.receipt.rank

    @invariant()
    def who_has_is_not_reminded(self) -> None:
        for ident in self.sent:
            made = self.office.ledger.instructions.get(ident)
            for notice in self.office.notices(ident):
                part = self.office.part(ident, notice.person)
                since = [at for name, at in part.at.items() if Receipt(name).rank >= made.demanded.rank]
                if notice.reason is Reason.REPEAT and since:
                    assert notice.created_at <= min(since)

    @invariant()
    def what_is_settled_is_quiet(self) -> None:
        for ident in self.sent:
            made = self.office.ledger.instructions.get(ident)
            owing = [p for p in self.office.ledger.instructions.recipients(ident) if p.owes(made.demanded)]
            if not made.over:
                assert (made.fulfilled_at is not None) is (not owing)
            if made.settled and (made.over or made.fulfilled_at):
                assert made.remind_at is None
            if made.settled and made.over:
                assert not [n for n in self.office.notices(ident) if waiting(n) and n.reason is not Reason.RESOLVED]

    @invariant()
    def whoever_was_told_hears_of_the_end(self) -> None:
        for ident in self.sent:
            made, notices = self.office.ledger.instructions.get(ident), self.office.notices(ident)
            told = {n.person for n in notices if n.reason is not Reason.RESOLVED and reached(n)}
            heard = {n.person for n in notices if n.reason is Reason.RESOLVED}
            assert heard <= told
            if not made.over:
                assert not heard
            if made.over and made.settled:
                assert told & self.staying(ident) <= heard


Campaign.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestCampaign = Campaign.TestCase
