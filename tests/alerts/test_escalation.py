"""How the bell climbs when nobody answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.alert import NoticeState, Reason
from alerts.commands import Acknowledge
from alerts.people.roster import Roster
from alerts.policy import parse_policies
from tests.scenarios.timeline import PEOPLE, START, Line

QUICK = """
version = "quick"
[levels.red]
steps = [
  { after = 0, target = "grid", channels = ["sms"] },
  { after = 4, target = "grid", channels = ["voice"] },
  { after = 8, target = "all", channels = ["sms"] },
  { after = 14, target = "up", channels = ["sms", "voice"] },
]
loops = 2
loop_after = 20
final = { after = 5, target = "duty_officer", channels = ["voice"] }
[levels.yellow]
steps = [{ after = 10, target = "grid", channels = ["sms"] }, { after = 20, target = "up", channels = ["sms"] }]
"""


def line() -> Line:
    return Line(policies=parse_policies(QUICK))


def seconds(some: Line) -> list[tuple[float, str, str]]:
    return [((n.created_at - START).total_seconds(), f"{n.person}/{n.channel}", n.reason) for n in some.notices()]


def test_a_chain_rings_its_steps_on_time_up_to_the_duty_officer_and_then_says_that_it_ended() -> None:
    climbed = line().signal(level="red").at(600)
    assert seconds(climbed) == [
        (0, "leader1/sms", "first"),
        (4, "leader1/voice", "repeat"),
        (8, "leader1/sms", "repeat"),
        (8, "worker1/sms", "repeat"),
        (14, "head1/sms", "escalate"),
        (14, "head1/voice", "escalate"),
        (20, "leader1/sms", "repeat"),
        (24, "leader1/voice", "repeat"),
        (28, "leader1/sms", "repeat"),
        (28, "worker1/sms", "repeat"),
        (34, "head1/sms", "escalate"),
        (34, "head1/voice", "escalate"),
        (39, "duty1/voice", "escalate"),
    ]
    assert climbed.only().escalate_at is None
    assert len(climbed.lines("chain_ended")) == 1


def test_an_answer_stops_the_chain_for_good() -> None:
    assert len(line().signal(level="red").at(9).say(Acknowledge("甲")).at(600).notices()) == 4


def test_a_first_step_that_waits_rings_when_its_time_comes() -> None:
    waited = line().signal(level="yellow").at(9.9)
    assert waited.told() == []
    assert seconds(waited.at(10.1)) == [(10, "leader1/sms", "repeat")]


def test_a_chain_is_a_snapshot_but_people_are_not() -> None:
    climbing = line().signal(level="red").at(5)
    climbing.conductor._policies = parse_policies(QUICK.replace("after = 8", "after = 7"))
    left = [p for p in PEOPLE if p.id not in {"worker1", "head1"}]
    climbing.ledger._roster = Roster.of(left)
    climbing.at(15)
    assert [s for s, _, _ in seconds(climbing)][2:] == [8, 14, 14]
    assert climbing.told()[-1] == "duty1/voice"
    assert "head1/sms" not in climbing.told()
    assert [e.why for e in climbing.lines("skipped")] == ["vacant"]


def test_a_ticker_that_was_a_little_late_does_not_shift_the_chain() -> None:
    late = line().signal(level="red")
    late.conductor.escalate(START + timedelta(seconds=4.4))
    assert late.only().escalate_at == START + timedelta(seconds=8)


def test_a_ticker_that_was_away_for_long_does_not_ring_everybody_at_once() -> None:
    away = line().signal(level="red")
    for _ in range(5):
        away.conductor.escalate(START + timedelta(hours=1))
    assert len(away.notices()) == 2
    assert away.only().escalate_at == START + timedelta(hours=1, seconds=4)


def test_two_tickers_ring_a_step_once() -> None:
    two = line().signal(level="red")
    assert [two.conductor.escalate(START + timedelta(seconds=4)) for _ in range(2)] == [1, 0]
    assert two.told() == ["leader1/sms", "leader1/voice"]


def test_a_yellow_one_that_cleared_stops_climbing_and_goes_on_when_it_comes_back() -> None:
    calm = line().signal(level="yellow").at(11).signal(active=False, began=0).at(100)
    assert len(calm.notices()) == 1
    assert calm.lines("not_escalated")[0].why == "returned_to_normal"
    calm.signal(level="yellow", began=100).at(101)
    assert calm.told()[-1] == "head1/sms"


def test_a_step_that_reached_nobody_is_not_waited_for() -> None:
    deaf = line()
    deaf.provider = lambda n: NoticeState.FAILED if n.person == "leader1" else NoticeState.DELIVERED
    deaf.signal(level="red").at(0.5)
    assert [s for s, _, _ in seconds(deaf)][:2] == [0, 0], "the call was not left waiting for four seconds"
    assert "head1/sms" not in deaf.told()[:2]
    assert deaf.lines("hurried")[0].why == "unreachable"


def test_one_channel_that_fails_does_not_hurry_the_chain_while_another_may_reach() -> None:
    half = Line()
    half.provider = lambda n: NoticeState.FAILED if n.channel == "sms" else NoticeState.SENT
    half.signal(level="red").at(30)
    assert half.lines("hurried") == []
    assert half.told() == ["leader1/sms", "leader1/voice"]


@pytest.mark.parametrize("state", [NoticeState.SENT, NoticeState.DELIVERED])
def test_sent_and_delivered_are_not_answers(state: NoticeState) -> None:
    heard = line()
    heard.provider = lambda _: state
    assert len(heard.signal(level="red").at(600).notices()) == 13


def test_up_climbs_from_whoever_was_really_told() -> None:
    nobody_below = [p for p in PEOPLE if p.grid not in {"g1", "v1"}]
    climbed = Line(policies=parse_policies(QUICK), people=nobody_below).signal(level="red").at(15)
    assert {n.person for n in climbed.notices()} == {"duty1", "county"}


def test_a_person_of_one_channel_is_rung_on_it() -> None:
    landline = [replace(p, channels=("voice",)) if p.id == "leader1" else p for p in PEOPLE]
    rung = Line(policies=parse_policies(QUICK), people=landline).signal(level="red")
    assert rung.told(Reason.FIRST) == ["leader1/voice"]
