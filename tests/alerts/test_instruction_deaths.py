"""Instructions when processes die, work at once, or find another way: everybody is told once, and what was begun is finished."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alerts.alert import Notice, NoticeState, Reason
from alerts.channels.contract import Answer, Refused, Sent
from alerts.conduct import Conductor
from alerts.delivery.sender import Sender
from alerts.instructions.addressees import Target, Unaddressable
from alerts.instructions.instructing import KeyUsed
from alerts.instructions.instruction import (
    Instruction,
    Receipt,
    Standing,
    begin,
    ended,
    fulfilled,
    next_reminder,
    subject,
)
from alerts.ledger import open_ledger
from alerts.ledger.port import Conflict
from alerts.notices import reached, waiting
from alerts.outcome import NotAllowed
from alerts.people.roster import Person, Roster
from alerts.policy import load_policies
from ingest.clock import Clock
from ingest.registry import GridLevel
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.office import NOW, PEOPLE, REGISTRY, RULES, Mortal, Office, delivered, order, seconds
from tests.scenarios.timeline import GRIDS, WORDS

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return empty_ledger(tmp_path)
    return str(request.getfixturevalue("postgres").new_ledger())


SENDING = """
import sys
from alerts.ledger import open_ledger
from tests.alerts.office import Office
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
    office = Office(open_ledger(url))
    for number in range(40):
        office.send(f"k{number}")
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


def in_threads(work: Callable[[], None], count: int = 4) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


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


TARGETS = (
    Target(areas=("v1",)),
    Target((GridLevel.GRID,)),
    Target(roles=("duty_officer",)),
    Target(people=("leader1", "head2")),
)
REPORTS = st.sampled_from([s for s in NoticeState if s not in {NoticeState.QUEUED, NoticeState.CANCELLED}])


DEATHS = st.sampled_from([0, 0, 1, 2, 3, 4])


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
    def transaction(self, *, ahead=False):
        with super().transaction(ahead=ahead) as tx:
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
