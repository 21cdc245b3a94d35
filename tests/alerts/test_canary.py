"""A canary goes the whole way and reaches nobody: one channel, no case, no figure, and forgotten after a while."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from alerts import canary
from alerts.alert import Alert, NoticeState
from alerts.channels import build_channels
from alerts.channels.contract import Answer
from alerts.commands import Dispatch, FalseAlarm, Reopen
from alerts.conduct import Conductor
from alerts.delivery.sender import Sender
from alerts.ledger import open_ledger
from alerts.ledger.port import Filter, Ledger
from alerts.people.roster import Person
from alerts.policy import PolicyError, load_policies, parse_policies
from alerts.settings import NotifySettings
from alerts.words import load_words
from ingest.clock import Clock
from ingest.events import Place
from ingest.registry import Grid, GridLevel
from streams.canary import KIND, METRIC
from streams.rules import CANARY, InvalidRules, load_rules, parse_rules
from streams.signal import Level, Origin, Signal, signal_key
from tests.alerts.empty_ledger import empty_ledger

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PEOPLE = [Person("p1", "张三", "+861000000001", "catcher", "g1", channels=("voice",))]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest, tmp_path) -> Iterator[Ledger]:
    sqlite = request.param == "sqlite"
    opened = open_ledger(empty_ledger(tmp_path) if sqlite else request.getfixturevalue("postgres").new_ledger())
    opened.replace_place([Grid("g1", "一网格", GridLevel.GRID)], [], PEOPLE)
    yield opened
    opened.close()


@pytest.fixture
def conductor(ledger: Ledger) -> Conductor:
    return Conductor(
        ledger,
        policies=load_policies(),
        registry=ledger.registry,
        roster=ledger.roster,
        words=load_words(),
        channels=("sms", "voice"),
    )


def signal(at: datetime, *, kind: str = KIND, active: bool = True, grid: str = "") -> Signal:
    key = signal_key(kind, f"{kind}-1", at)
    place = Place(grid, grid)
    return Signal(
        key, kind, Level.RED, Origin.SENSOR, f"{kind}-1", kind, at, at, at, place, active, value=at.timestamp()
    )


def canaries(ledger: Ledger) -> list[Alert]:
    return list(ledger.page(Filter(kinds=(KIND,)), limit=1000).alerts)


class Forbidden:
    """A channel that must not be used."""

    def send(self, notice, person) -> Answer:
        raise AssertionError(f"{notice.key} went over {notice.channel} to {person.id}")

    def find(self, notice, person):
        raise AssertionError("asked")


def test_it_is_told_once_to_nobody_over_the_sink_and_each_one_is_an_alert_of_its_own(
    ledger: Ledger, conductor: Conductor
) -> None:
    later = NOW + SECOND * 60
    batch = [signal(NOW), signal(NOW, active=False), signal(later), signal(later, active=False)]
    conductor.signals(batch, later + SECOND)
    conductor.signals(batch, later + SECOND * 2)
    conductor.escalate(later + timedelta(days=1))
    assert sorted(a.value for a in canaries(ledger)) == [NOW.timestamp(), later.timestamp()]
    for alert in canaries(ledger):
        assert [(n.person, n.channel) for n in ledger.outbox(alert=alert.id)] == [("canary", "sink")]


def test_the_sender_hands_it_to_the_sink_whatever_channels_are_in_use(ledger: Ledger, conductor: Conductor) -> None:
    conductor.signals([signal(NOW)], NOW)
    sender = Sender(ledger, conductor, {"sms": Forbidden(), "voice": Forbidden()}, roster=ledger.roster, clock=Clock())
    for notice in ledger.lease_notices(NOW, limit=10, lease=SECOND * 60):
        sender.deliver(notice)
    [alert] = canaries(ledger)
    [notice] = ledger.outbox(alert=alert.id)
    assert notice.state is NoticeState.SENT
    assert "sent_at" in alert.stages
    assert ledger.next_due() is None


@pytest.mark.parametrize(
    ("claim", "command"),
    [
        ("a person it is given to is told over the sink", Dispatch("甲", "p1")),
        ("nobody is told that it is over", FalseAlarm("甲")),
    ],
)
def test_whatever_people_do_with_it_no_other_channel_is_ever_used(
    ledger: Ledger, conductor: Conductor, claim: str, command: Dispatch | FalseAlarm
) -> None:
    conductor.signals([signal(NOW)], NOW)
    [alert] = canaries(ledger)
    [first] = ledger.outbox(alert=alert.id)
    conductor.receipt(first.key, NoticeState.SENT, NOW, provider_id="s")
    conductor.command(alert.id, command, NOW + SECOND)
    if isinstance(command, FalseAlarm):
        conductor.command(alert.id, Reopen("甲"), NOW + SECOND * 2)
    assert {n.channel for n in ledger.outbox(alert=alert.id)} == {canary.SINK}, claim


def test_nothing_real_ever_goes_to_the_sink(ledger: Ledger, conductor: Conductor) -> None:
    with pytest.raises(ValueError, match="no channel"):
        build_channels(NotifySettings(channels=("sink",)))
    with pytest.raises(PolicyError, match=r"levels\.red\.steps"):
        parse_policies('version = "1"\n[levels.red]\nsteps = [{ after = 0, target = "grid", channels = ["sink"] }]')
    conductor.signals([signal(NOW, kind="fire", grid="g1")], NOW)
    assert {n.channel for n in ledger.outbox()} == {"voice"}
    [notice] = ledger.lease_notices(NOW, limit=1, lease=SECOND * 60)

    class Refusing:
        def send(self, notice, person) -> Answer:
            raise AssertionError

        def find(self, notice, person):
            return ()

    sender = Sender(ledger, conductor, {"voice": Refusing()}, roster=ledger.roster, clock=Clock())
    sender._give_up(notice, PEOPLE[0], "no way")
    assert {n.channel for n in ledger.outbox()} == {"voice"}


def test_it_stands_in_no_list_no_count_and_no_figure(ledger: Ledger, conductor: Conductor) -> None:
    conductor.signals([signal(NOW, kind="fire", grid="g1")], NOW)
    before = ledger.counts()
    conductor.signals([signal(NOW + SECOND * n) for n in range(3)], NOW + SECOND * 3)
    after = ledger.counts()
    assert {k: v for k, v in after.items() if k != "entries.total"} == {
        k: v for k, v in before.items() if k != "entries.total"
    }
    assert [a.kind for a in ledger.page(Filter()).alerts] == ["fire"]
    assert [a.kind for a in ledger.page(Filter(open_only=True)).alerts] == ["fire"]
    assert [a.kind for a in ledger.stage_rows(NOW - SECOND, NOW + SECOND * 60)] == ["fire"]
    assert {n.channel for n in ledger.outbox()} == {"voice"}


def test_after_an_hour_nothing_is_left_of_it_and_the_rest_is_untouched(ledger: Ledger, conductor: Conductor) -> None:
    conductor.signals([signal(NOW, kind="fire", grid="g1"), signal(NOW), signal(NOW, active=False)], NOW)
    late = NOW + canary.KEPT + SECOND
    conductor.signals([signal(late)], late)
    [old] = [a for a in canaries(ledger) if a.value == NOW.timestamp()]
    whole = ledger.counts()
    assert ledger.forget_canaries(late - canary.KEPT) == 1
    assert ledger.forget_canaries(late - canary.KEPT) == 0
    assert [a.value for a in canaries(ledger)] == [late.timestamp()]
    assert ledger.alert(old.id) is None
    assert ledger.timeline(old.id) == []
    assert ledger.outbox(alert=old.id) == []
    with ledger.transaction() as tx:
        assert tx.holding([signal(NOW).key]) == {}
        assert tx.holding([signal(NOW, kind="fire").key]) != {}
    assert {**ledger.counts(), "entries.total": 0} == {**whole, "entries.total": 0}


def test_reading_the_log_again_from_its_start_opens_none_that_was_forgotten(
    ledger: Ledger, conductor: Conductor
) -> None:
    history = [signal(NOW + SECOND * 180 * n, active=active) for n in range(30) for active in (True, False)]
    for one in history:
        conductor.signals([one], one.raised_at)
    end = history[-1].raised_at
    while ledger.forget_canaries(end - canary.KEPT):
        pass
    kept = {a.id for a in canaries(ledger)}
    conductor.signals(history, end + SECOND)
    assert {a.id for a in canaries(ledger)} == kept
    assert len(kept) == 21


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("its id", 'id = "canary"\nkind = "fire"\nmetrics = ["x"]'),
        ("its kind", 'id = "mine"\nkind = "canary"\nmetrics = ["x"]'),
        ("its number", f'id = "mine"\nkind = "fire"\nmetrics = ["{METRIC}"]'),
    ],
)
def test_its_rule_is_in_every_rules_file_and_no_file_may_name(claim: str, text: str) -> None:
    assert CANARY in load_rules().rule
    assert parse_rules("").rule == (CANARY,)
    with pytest.raises(InvalidRules, match="the system's own"):
        parse_rules(f'[[rule]]\n{text}\ndetector = "threshold"\nlevels = [{{ level = "red", set = 1, reset = 1 }}]')


def test_its_policy_is_in_every_policies_file() -> None:
    policy = parse_policies(
        'version = "9"\n[levels.red]\nsteps = [{ after = 0, target = "grid", channels = ["sms"] }]\n[kinds.canary]'
    ).policy(KIND)
    assert {step.channels for level in Level for step in policy.chain(level)} == {(canary.SINK,)}
