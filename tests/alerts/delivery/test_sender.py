"""The sender on a real ledger, with a real conductor, over channels that do as they are told and over the local telephone network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from alerts.alert import Alert, Notice, NoticeState, Reason
from alerts.channels.contract import Answer, Refused, Retry, Sent
from alerts.channels.twilio_sms import TwilioSms
from alerts.channels.twilio_voice import TwilioVoice
from alerts.conduct import Conductor
from alerts.delivery.sender import RESERVED, TRIES, WORKERS, LeaseOver, Sender
from alerts.ledger import open_ledger
from alerts.ledger.place import GAVE_UP
from alerts.ledger.port import Ledger, LedgerUnavailable
from alerts.people.roster import Person
from alerts.policy import load_policies
from alerts.settings import TwilioSettings
from alerts.words import load_words
from api.county.lines import Fault, Kind
from api.county.telephone import TelephoneNetwork
from ingest.clock import Clock
from ingest.events import Place
from ingest.registry import Grid, GridLevel
from streams.signal import Level
from tests.alerts.deadline import until
from tests.alerts.empty_ledger import empty_ledger

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PEOPLE = [
    Person("p1", "张三", "+861000000001", "leader", "g1"),
    Person("p2", "李四", "+861000000002", "worker", "g1", 1),
]


@dataclass
class Scripted:
    """A channel that gives the answers it was told to, and then takes everything over."""

    answers: list[Answer | Exception] = field(default_factory=list)
    earlier: list[str] | Retry = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    gate: Callable[[Notice], None] = lambda _: None

    def send(self, notice: Notice, person: Person) -> Answer:
        self.sent.append(notice.key)
        self.gate(notice)
        answer = self.answers.pop(0) if self.answers else Sent(f"id-{notice.key}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find(self, notice: Notice, person: Person) -> list[str] | Retry:
        return self.earlier


def notice(key: str = "n1", **but) -> Notice:
    made = Notice(key, "a1", "p1", "张三", "leader", "g1", "sms", Reason.FIRST, Level.RED, "火警", NOW, NOW)
    return replace(made, **but)


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    opened = open_ledger(empty_ledger(tmp_path))
    opened.replace_place([Grid("g1", "一网格", GridLevel.GRID)], [], PEOPLE)
    alert = Alert(
        "a1", "fire/g1", "fire", Level.RED, Place("g1", "t1"), stages={"raised_at": NOW, "event_at": NOW}, last_seen=NOW
    )
    with opened.transaction() as tx:
        tx.save(alert, [])
    yield opened
    opened.close()


def sender(ledger: Ledger, speed: float = 1.0, **channels) -> Sender:
    conductor = Conductor(
        ledger, policies=load_policies(None), registry=ledger.registry, roster=ledger.roster, words=load_words(), channels=tuple(channels)
    )  # fmt: skip
    clock = Clock(NOW, speed)
    return Sender(ledger, conductor, channels, roster=ledger.roster, clock=clock, jitter=lambda: 1.0)


def queue(ledger: Ledger, *notices: Notice) -> None:
    with ledger.transaction() as tx:
        tx.queue(notices)


def leased(ledger: Ledger, at: datetime = NOW) -> Notice:
    (one,) = ledger.lease_notices(at, limit=1, lease=60 * SECOND)
    return one


def outbox(ledger: Ledger) -> dict[str, Notice]:
    return {n.key: n for n in ledger.outbox(alert="a1")}


@contextmanager
def running(running_sender: Sender) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=running_sender.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        running_sender.wake()
        thread.join(20)
        assert not thread.is_alive()


def test_what_is_due_is_sent_and_reported(ledger: Ledger) -> None:
    sms = Scripted()
    queue(ledger, notice(), notice("later", due_at=NOW + timedelta(hours=1)))
    with running(sender(ledger, sms=sms)):
        until(lambda: outbox(ledger)["n1"].state is NoticeState.SENT)
    sent = outbox(ledger)["n1"]
    assert (sent.provider_id, sent.attempts) == ("id-n1", 1)
    assert sms.sent == ["n1"]
    assert [e.what for e in ledger.timeline("a1")] == ["sent"]


def test_a_notice_queued_while_it_runs_is_sent(ledger: Ledger) -> None:
    sms = Scripted()
    with running(sender(ledger, sms=sms)):
        queue(ledger, notice())
        until(lambda: outbox(ledger)["n1"].state is NoticeState.SENT)


def test_red_never_waits_behind_blue(ledger: Ledger) -> None:
    opened = threading.Event()
    sms = Scripted(gate=lambda n: opened.wait(20) if n.level is Level.BLUE else None)
    queue(ledger, *[notice(f"blue{i:02}", level=Level.BLUE) for i in range(2 * WORKERS)])
    with running(sender(ledger, sms=sms)):
        until(lambda: len(sms.sent) == WORKERS - RESERVED)  # every worker that blue may have is stuck at the provider
        queue(ledger, notice("red", created_at=NOW + SECOND), notice("blue99", level=Level.BLUE))
        until(lambda: outbox(ledger)["red"].state is NoticeState.SENT)
        assert len(sms.sent) == WORKERS - RESERVED + 1
        opened.set()
        until(lambda: all(n.state is NoticeState.SENT for n in outbox(ledger).values()))


def test_a_notice_cancelled_before_it_left_is_not_sent(ledger: Ledger) -> None:
    sms = Scripted()
    queue(ledger, notice())
    held = leased(ledger)
    with ledger.transaction() as tx:
        tx.update(replace(held, state=NoticeState.CANCELLED))
    sender(ledger, sms=sms).deliver(held)
    assert sms.sent == []
    assert outbox(ledger)["n1"].state is NoticeState.CANCELLED


def test_a_notice_that_was_handed_to_another_sender_meanwhile_is_not_sent(ledger: Ledger) -> None:
    sms = Scripted()
    queue(ledger, notice())
    mine = leased(ledger)
    leased(ledger, NOW + 61 * SECOND)  # my lease ran out
    sender(ledger, sms=sms).deliver(mine)
    assert sms.sent == []


@pytest.mark.parametrize(
    ("sentence", "answer", "least"),
    [
        ("the provider says how long", Retry(20.0, "busy", fault=False), 20),
        ("a growing time is added", Retry(0.0, "broken"), 1),
        ("a channel that raises is tried again like any other", ValueError("bug"), 1),
    ],
)
def test_what_may_work_later_is_put_back(ledger: Ledger, sentence: str, answer, least: float) -> None:
    queue(ledger, notice())
    sender(ledger, sms=Scripted([answer])).deliver(leased(ledger))
    back = outbox(ledger)["n1"]
    assert back.state is NoticeState.QUEUED
    assert back.error
    assert timedelta(seconds=least) <= back.due_at - NOW < timedelta(seconds=least + 15)


def test_a_notice_cancelled_while_it_was_tried_stays_cancelled(ledger: Ledger) -> None:
    def cancel(held: Notice) -> None:
        with ledger.transaction() as tx:
            tx.update(replace(held, state=NoticeState.CANCELLED))

    queue(ledger, notice())
    sender(ledger, sms=Scripted([Retry(0.0, "busy")], gate=cancel)).deliver(leased(ledger))
    assert outbox(ledger)["n1"].state is NoticeState.CANCELLED


def test_what_never_works_fails_after_six_tries(ledger: Ledger) -> None:
    sms = Scripted([Retry(0.0, "busy", fault=False)] * 99)
    queue(ledger, notice())
    with running(sender(ledger, 50, sms=sms)):
        until(lambda: outbox(ledger)["n1"].state is NoticeState.FAILED)
    assert len(sms.sent) == TRIES
    assert "tried 6 times" in outbox(ledger)["n1"].error
    assert GAVE_UP in outbox(ledger)["n1"].error, "by which it is known that nothing is proven about the person"


def test_a_refused_notice_goes_over_the_persons_next_channel(ledger: Ledger) -> None:
    sms, voice = Scripted([Refused("21610: stopped")]), Scripted()
    queue(ledger, notice())
    working = sender(ledger, sms=sms, voice=voice)
    working.deliver(leased(ledger))
    failed, instead = sorted(outbox(ledger).values(), key=lambda n: n.state)
    assert (failed.key, failed.state, failed.error) == ("n1", NoticeState.FAILED, "21610: stopped")
    assert (instead.state, instead.channel, instead.person, instead.reason) == (
        NoticeState.QUEUED,
        "voice",
        "p1",
        Reason.FIRST,
    )
    assert "1" in instead.text  # a telephone asks for the key
    assert instead.text != "火警"
    entries = ledger.timeline("a1")
    assert [e.what for e in entries] == ["failed_over", "failed"]
    assert entries[0].detail == {"person": "p1", "from": "sms", "channel": "voice", "error": "21610: stopped"}
    working.deliver(leased(ledger, NOW + 5 * SECOND))
    assert outbox(ledger)[instead.key].state is NoticeState.SENT


def test_a_notice_that_goes_another_way_already_is_not_tried_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever refused it died after the other way was queued, and before it was said that this one failed."""
    sms, voice = Scripted([Refused("no such number")]), Scripted()
    queue(ledger, notice())
    dying = sender(ledger, sms=sms, voice=voice)
    monkeypatch.setattr(dying, "_failed", lambda *_: None)
    dying.deliver(leased(ledger))
    assert {n.channel: n.state for n in outbox(ledger).values()} == {"sms": "sending", "voice": "queued"}
    for one in ledger.lease_notices(NOW + 61 * SECOND, limit=9, lease=60 * SECOND):
        sender(ledger, sms=sms, voice=voice).deliver(one)
    assert {n.channel: n.state for n in outbox(ledger).values()} == {"sms": "failed", "voice": "sent"}
    assert (len(sms.sent), len(voice.sent)) == (1, 1), "nobody is told twice"


def test_failing_everywhere_ends(ledger: Ledger) -> None:
    sms, voice = Scripted([Refused("no")] * 9), Scripted([Refused("no")] * 9)
    queue(ledger, notice())
    with running(sender(ledger, sms=sms, voice=voice)):
        until(lambda: len(outbox(ledger)) == 2 and all(n.state is NoticeState.FAILED for n in outbox(ledger).values()))
    assert (len(sms.sent), len(voice.sent)) == (1, 1)


@pytest.mark.parametrize(
    ("sentence", "but", "why"),
    [
        ("the person has left the roster", {"person": "nobody"}, "not on the roster"),
        ("the channel is not in use", {"channel": "pigeon"}, "not in use"),
    ],
)
def test_what_cannot_be_sent_at_all_fails(ledger: Ledger, sentence: str, but: dict, why: str) -> None:
    queue(ledger, notice(**but))
    sender(ledger, sms=Scripted()).deliver(leased(ledger))
    assert outbox(ledger)["n1"].state is NoticeState.FAILED
    assert why in outbox(ledger)["n1"].error


def test_a_second_try_looks_first_whether_the_provider_has_it(ledger: Ledger) -> None:
    sms = Scripted(earlier=["id-before"])
    queue(ledger, notice())
    leased(ledger)
    sender(ledger, sms=sms).deliver(leased(ledger, NOW + 61 * SECOND))
    assert sms.sent == []
    assert outbox(ledger)["n1"].provider_id == "id-before"


def test_what_belongs_to_another_notice_is_not_taken_for_this_one(ledger: Ledger) -> None:
    voice = Scripted(earlier=["id-other"])
    queue(ledger, notice(channel="voice"), notice("n0", provider_id="id-other", state=NoticeState.SENT))
    leased(ledger)
    sender(ledger, voice=voice).deliver(leased(ledger, NOW + 61 * SECOND))
    assert voice.sent == ["n1"]


def test_nothing_is_sent_again_while_the_provider_cannot_say(ledger: Ledger) -> None:
    sms = Scripted(earlier=Retry(2.0, "no answer"))
    queue(ledger, notice())
    leased(ledger)
    sender(ledger, sms=sms).deliver(leased(ledger, NOW + 61 * SECOND))
    assert sms.sent == []
    assert outbox(ledger)["n1"].state is NoticeState.QUEUED


def test_a_provider_in_trouble_is_left_alone_and_the_next_channel_is_taken(ledger: Ledger) -> None:
    sms, voice = Scripted([Retry(0.0, "503")] * 99), Scripted()
    queue(ledger, *[notice(f"n{i}", step=i) for i in range(8)])
    working = sender(ledger, sms=sms, voice=voice)
    for held in ledger.lease_notices(NOW, limit=8, lease=60 * SECOND):
        working.deliver(held)
    assert len(sms.sent) == 5  # then it was left alone
    over = [n for n in outbox(ledger).values() if n.channel == "voice"]
    assert len(over) == 4  # the fifth, and the three after it


def test_a_ledger_that_is_away_for_a_while_stops_nobody(ledger: Ledger, monkeypatch) -> None:
    lease, calls = ledger.lease_notices, []

    def away(*rest, **options):
        calls.append(1)
        if len(calls) < 3:
            raise LedgerUnavailable("gone")
        return lease(*rest, **options)

    monkeypatch.setattr(ledger, "lease_notices", away)
    monkeypatch.setattr("alerts.delivery.sender.LEDGER_PAUSE", 0.01)
    queue(ledger, notice())
    with running(sender(ledger, sms=Scripted())):
        until(lambda: outbox(ledger)["n1"].state is NoticeState.SENT)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("sentence", "faults"),
    [
        ("no answer came in time, though it was taken over", [Fault.SILENT]),
        ("the connection was cut after it was taken over", [Fault.CUT]),
        ("busy, broken, then taken over without an answer", [Fault.BUSY, Fault.BROKEN, Fault.CUT]),
    ],
)
def test_an_unclear_end_reaches_the_person_once(ledger: Ledger, kind: Kind, sentence: str, faults: list[Fault]) -> None:
    with TelephoneNetwork("AC1", "token", pace=0.02) as network:
        network.faults[kind].extend(faults)
        settings = TwilioSettings(
            account_sid="AC1", auth_token=SecretStr("token"), sender="+861000000000", base_url=network.url, timeout=0.3
        )
        channel = (TwilioSms if kind is Kind.MESSAGE else TwilioVoice)(settings, "http://127.0.0.1:1")
        name = "sms" if kind is Kind.MESSAGE else "voice"
        queue(ledger, notice("0123456789ab", channel=name))
        with running(sender(ledger, 20, **{name: channel})):
            until(lambda: outbox(ledger)["0123456789ab"].state is NoticeState.SENT)
        assert [line.sid for line in network.lines(kind)] == [outbox(ledger)["0123456789ab"].provider_id]


def test_a_sender_that_was_frozen_past_its_lease_hands_nothing_over(ledger: Ledger) -> None:
    channel = Scripted()
    queue(ledger, notice())
    with pytest.raises(LeaseOver):
        sender(ledger, sms=channel).deliver(leased(ledger), until=time.monotonic())
    assert channel.sent == []
    sender(ledger, sms=channel).deliver(leased(ledger, NOW + 61 * SECOND))
    assert channel.sent == ["n1"]
