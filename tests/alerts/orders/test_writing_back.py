"""Writing back: the real sender, on a ledger, and a platform that listens on HTTP and is away, slow of wit or particular."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from alerts.alert import Alert, Notice, NoticeState, Reason
from alerts.channels import build_platforms
from alerts.channels.contract import Refused, Retry, Sent
from alerts.channels.hotline import HotlineDoor
from alerts.commands import Accept, Contact, Dispatch, Handle
from alerts.conduct import Conductor
from alerts.delivery.sender import Sender
from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.orders.order import Report
from alerts.orders.reports import report_notice
from alerts.orders.settings import HotlinePlatform
from alerts.orders.writing_back import NOBODY, PATIENCE
from alerts.outcome import WriteBack
from alerts.people.roster import Person
from alerts.policy import load_policies
from alerts.settings import NotifySettings
from alerts.words import load_words
from ingest.clock import Clock
from ingest.events import Place
from ingest.registry import Registry
from streams.calls import Calls, load_keywords
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger
from tests.alerts.platform_double import SECRET, Platform, platform
from tests.scenarios.ordering import made
from tests.scenarios.timeline import GRIDS, PEOPLE, START

MINUTE = timedelta(minutes=1)


class Desk:
    """A county with one order on it, and a sender that works when it is told to."""

    def __init__(self, ledger: Ledger, double: Platform, **but: object) -> None:
        self.ledger, self.now = ledger, START
        ledger.replace_place(GRIDS, [], PEOPLE)
        settings = NotifySettings(
            platforms=(HotlinePlatform(name="12345", url=double.url, secret=SecretStr(SECRET), **but),)
        )
        self.conductor = Conductor(
            ledger, policies=load_policies(), registry=ledger.registry, roster=ledger.roster, words=load_words(),
            channels=("log",), platforms=frozenset({"12345"}),
        )  # fmt: skip
        desk = self

        class Standing(Clock):
            def now(self):
                return desk.now

        self.sender = Sender(
            ledger, self.conductor, {}, roster=ledger.roster, clock=Standing(), jitter=lambda: 0.0, platforms=build_platforms(settings)
        )  # fmt: skip
        (self.case,) = self.conductor.signals(Calls(load_keywords()).update(made("1001", "dispatched", START)), START)

    def say(self, *commands: object) -> None:
        for command in commands:
            self.conductor.command(self.case.id, command, self.now)

    def send(self) -> None:
        """Try everything that is due, once."""
        for notice in self.ledger.lease_notices(self.now, limit=100, lease=MINUTE):
            self.sender.deliver(notice)

    def states(self) -> list[str]:
        found = [n for n in self.ledger.outbox(alert=self.case.id) if n.reason is Reason.ORDER]
        return [n.state.value for n in sorted(found, key=lambda n: n.step)]


@pytest.fixture
def double() -> Iterator[Platform]:
    with platform() as found:
        yield found


@pytest.fixture
def desk(double: Platform) -> Desk:
    return Desk(MemoryLedger(), double)


STEPS = (Dispatch("王", "leader1"), Accept("leader1"), Contact("leader1"), Handle("leader1", "已清理"))


def test_every_report_arrives_signed_and_once_in_its_order(tmp_path: Path, double: Platform) -> None:
    ledger = open_ledger(empty_ledger(tmp_path))
    desk = Desk(ledger, double)
    desk.say(*STEPS)
    while "queued" in desk.states():
        desk.send()
        desk.now += timedelta(seconds=2)
    assert double.reports("1001") == ["accepted", "contacted", "handled"]
    assert desk.states() == ["delivered"] * 3
    assert double.forged == 0
    handled = list(double.taken.values())[2]
    assert (handled["status"], handled["text"], handled["unit"]) == ("已办结", "已清理", "清溪镇杏花村第一网格")
    assert [e.detail["reason"] for e in desk.ledger.timeline(desk.case.id) if e.what == "delivered"] == ["order"] * 3
    ledger.close()


def test_a_platform_that_is_away_gets_it_when_it_is_back_and_nothing_overtakes(desk: Desk, double: Platform) -> None:
    double.answers = [(503, b"", {"Retry-After": "30"}), (502, b"", {}), (429, b"", {})]
    desk.say(*STEPS)
    desk.send()
    assert double.taken == {}
    assert desk.states() == ["queued"] * 3
    for _ in range(40):
        desk.now += timedelta(seconds=10)
        desk.send()
    assert double.reports("1001") == ["accepted", "contacted", "handled"]


def test_an_answer_that_is_lost_means_a_second_post_under_the_same_key(desk: Desk, double: Platform) -> None:
    double.lose = 1
    desk.say(*STEPS[:2])
    desk.send()
    assert desk.states() == ["queued"]
    desk.now += MINUTE
    desk.send()
    assert len(double.posts) == 2
    assert len(set(double.posts)) == 1
    assert len(double.taken) == 1
    assert desk.states() == ["delivered"]


def test_what_a_platform_will_never_take_is_given_up_and_said(desk: Desk, double: Platform) -> None:
    double.answers = [(422, b"", {})]
    desk.say(*STEPS[:2])
    desk.send()
    assert desk.states() == ["failed"]
    failed = [e for e in desk.ledger.timeline(desk.case.id) if e.what == "failed"]
    assert [e.detail["error"] for e in failed if e.detail["reason"] == "order"] == [
        "12345 answered 422: it will not take this report (tried 1 times)"
    ]


def test_a_platform_that_is_away_for_days_is_given_up(desk: Desk, double: Platform) -> None:
    double.answers = [(503, b"", {})] * 2
    desk.say(*STEPS[:2])
    desk.send()
    desk.now += PATIENCE + MINUTE
    desk.send()
    assert desk.states() == ["failed"]


def door(double: Platform, **but: object) -> HotlineDoor:
    return HotlineDoor(HotlinePlatform(name="12345", url=double.url, secret=SecretStr(SECRET), **but))


def report() -> Notice:
    case = Alert("a1", "request/1001", "request", Level.BLUE, Place("g1", "t1"))
    return report_notice(case, WriteBack("12345", "1001", Report.ACCEPTED, 1), Registry.of(GRIDS, ()), START)


@pytest.mark.parametrize(
    ("claim", "answer", "kind", "fault"),
    [
        ("it has the key already", (409, b"", {}), Sent, None),
        ("our secret is not known there yet", (403, b"", {}), Retry, False),
        ("the address is not there yet", (404, b"", {}), Retry, False),
        ("it is in trouble", (500, b"", {}), Retry, True),
        ("it moved", (302, b"", {"Location": "/elsewhere"}), Retry, False),
        ("it cannot be said like this", (400, b"", {}), Refused, None),
    ],
)
def test_what_an_answer_means(claim: str, answer: tuple, kind: type, fault: bool | None, double: Platform) -> None:
    double.answers = [answer]
    said = door(double).send(report(), NOBODY)
    assert isinstance(said, kind), claim
    assert getattr(said, "fault", None) is fault, claim


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b'{"code": "200"}', Sent), (b'{"code": 500, "msg": "busy"}', Retry), (b"<html>", Retry), (b"[]", Retry)],
)
def test_a_yes_that_stands_in_the_answer_is_looked_for_there(body: bytes, kind: type, double: Platform) -> None:
    double.answers = [(200, body, {})]
    assert isinstance(door(double, ok_field="code").send(report(), NOBODY), kind)


def test_the_platform_s_own_names_and_words_are_used(double: Platform) -> None:
    names = {"order_no": "orderNum", "status": "orderState", "at": "updateTime"}
    door(double, fields=names, words={"accepted": "已签收（县）"}).send(report(), NOBODY)
    (said,) = double.taken.values()
    assert said.keys() == {"orderNum", "orderState", "updateTime"}
    assert (said["orderNum"], said["orderState"]) == ("1001", "已签收（县）")


def test_nobody_listens() -> None:
    gone = HotlineDoor(HotlinePlatform(name="x", url="http://127.0.0.1:9/", secret=SecretStr(SECRET)))
    said = gone.send(report(), NOBODY)
    assert isinstance(said, Retry)
    assert said.fault


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": SecretStr("short")}, "16 characters"),
        ({"fields": {"orderno": "x"}}, "no such field"),
        ({"words": {"gone": "x"}}, "words"),
        ({"url": "ftp://x"}, "url"),
        ({"retries": 3}, "retries"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HotlinePlatform(**{"name": "12345", "url": "http://p/", "secret": SecretStr(SECRET), **wrong})


def test_a_platform_is_named_once_and_its_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    one = HotlinePlatform(name="12345", url="http://p/", secret_file=tmp_path / "secret")
    with pytest.raises(ValidationError, match="there twice"):
        NotifySettings(platforms=(one, one))
    with pytest.raises(ValueError, match="cannot be read"):
        one.key()
    (tmp_path / "secret").write_text("kurz\n")
    with pytest.raises(ValueError, match="less than 16"):
        one.key()
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert one.key() == SECRET


def test_a_person_is_never_told_over_a_platform(desk: Desk) -> None:
    desk.say(*STEPS[:2])
    channels = {n.channel for n in desk.ledger.outbox(alert=desk.case.id) if n.reason is not Reason.ORDER}
    assert channels <= {"log"}
    assert not any(isinstance(p, Person) and p.id == NOBODY.id for p in PEOPLE)
    assert NoticeState.QUEUED.value in desk.states()
