"""Downward instructions: how far they come, who is reminded, what everybody hears at the end, and what the ledger holds of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.alert import NoticeState, Reason
from alerts.instructions.addressees import Because, Target, Unaddressable
from alerts.instructions.instructed import Speaker
from alerts.instructions.instructing import KeyUsed, UnknownInstruction
from alerts.instructions.instruction import (
    LONGEST,
    MOVES,
    Instruction,
    Receipt,
    Recipient,
    Standing,
    received,
    subject,
)
from alerts.instructions.reminding import SHIPPED, InstructionsTable
from alerts.ledger import open_ledger
from alerts.outcome import NotAllowed, Why
from alerts.people.roster import Roster
from alerts.words import LANGUAGES
from ingest.registry import GridLevel
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.office import ALL, NOW, PEOPLE, RULES, Office, delivered, order, seconds
from tests.scenarios.timeline import WORDS, person


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "memory":
        yield Office()
        return
    url = empty_ledger(tmp_path)
    ledger = open_ledger(url if request.param == "sqlite" else request.getfixturevalue("postgres").new_ledger())
    yield Office(ledger)
    ledger.close()


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
