"""What people notice of groups and budgets as shipped: yellow waits half a minute, red and orange nothing, and nobody's request waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from alerts.alert import NoticeState, Reason, Step
from alerts.closing_commands import FalseAlarm
from alerts.commands import Acknowledge, Dispatch, Undo
from alerts.policy import Policy
from alerts.quiet.hours import Hours, daytime
from alerts.whistle.commands import Blow
from streams.canary import KIND as CANARY
from streams.signal import Level
from tests.alerts.quiet.held_line import HeldLine
from tests.scenarios.timeline import SHIPPED, START

MINUTE, HOUR = 60, 3600


def shipped() -> HeldLine:
    return HeldLine(*SHIPPED.quiet.budgets, groups=dict(SHIPPED.quiet.groups))


def spent() -> HeldLine:
    """Leader 1 has been sent by text what the policy allows in a day."""
    line = shipped()
    for n in range(3):
        line.signal(f"t-{n}", "orange", kind="tilt", rule=f"tilt-{n}").say(Acknowledge("值班员"), line.alerts()[-1])
    line.at(10 * MINUTE).texts.clear()
    return line


def test_who_waits_and_for_how_long() -> None:
    groups = SHIPPED.quiet.groups
    assert {level.value: timing.wait.total_seconds() for level, timing in groups.items()} == {"yellow": 30, "blue": 300}
    assert {timing.interval for timing in groups.values()} == {timedelta(minutes=5)}
    assert groups[Level.YELLOW].repeat == timedelta(hours=4)
    most = {(b.channel, b.prefix): dict(b.most) for b in SHIPPED.quiet.budgets}
    quarter = timedelta(minutes=15)
    assert (most["sms", ""][quarter], most["voice", ""][quarter]) == (5, 3)
    assert most["sms", "+86"] == {timedelta(days=1): 3}, "one of the four that Twilio lets through is left for red"
    assert [b.identical for b in SHIPPED.quiet.budgets if b.prefix] == [2]


def test_yellow_waits_half_a_minute_and_its_chain_counts_from_when_the_bell_opened() -> None:
    line = shipped().water().at(29)
    assert line.texts == []
    line.at(HOUR)
    assert (line.at_of("leader1"), line.at_of("head1")) == ([30], [1800])
    said = [e.what for e in line.ledger.timeline(line.only().id) if e.what not in {"sent", "delivered"}]
    assert said == ["raised", "told", "held", "bundled", "told", "held", "bundled"], (
        "the climb is late: it waits no more"
    )


def test_blue_waits_five_minutes_where_a_policy_tells_anybody_of_it() -> None:
    line = shipped()
    water = SHIPPED.policy("water")
    tells = replace(
        water, kind="water", chains=MappingProxyType({**water.chains, Level.BLUE: (Step(0.0, "grid", ("sms",)),)})
    )
    kinds: dict[str, Policy] = {**SHIPPED.kinds, "water": tells}
    line.conductor._policies = replace(line.policies, kinds=MappingProxyType(kinds))
    line.water("blue").at(10 * MINUTE)
    assert line.at_of("leader1") == [300]


@pytest.mark.parametrize("level", ["red", "orange"])
def test_red_and_orange_wait_for_nothing_however_much_somebody_was_sent(level: str) -> None:
    line = spent()
    line.signal("s-1", level, kind="smoke", rule="smoke")
    assert line.at_of("leader1")[0] == 600
    assert not line.lines("held")


@pytest.mark.parametrize("level", ["red", "orange"])
@pytest.mark.parametrize(
    ("says", "before"),
    [
        ("a new group waits", lambda line: line.at(10)),
        ("its group was told, and waits for its interval", lambda line: line.at(60).water(subject="w-9").at(70)),
    ],
)
def test_what_waits_and_gets_worse_rings_at_once(says: str, before: Callable[[HeldLine], object], level: str) -> None:
    line = shipped().water(subject="w-1", began=0)
    before(line)
    at = (line.now - START).total_seconds()
    last = line.alerts()[-1].subjects[0]
    line.water(level, subject=last, began=0 if last == "w-1" else 60)
    worse = {"red": "红色", "orange": "橙色"}[level]
    assert {when for when, text in line.told("leader1") if worse in text} == {at}, says
    line.at(at + 2 * MINUTE)
    mine = [n for n in line.notices() if n.level is Level.YELLOW and n.alert == line.alerts()[-1].id]
    assert [n.state for n in mine] == [NoticeState.CANCELLED], f"{says}: the milder words are never heard"


def test_a_restart_in_the_middle_of_the_wait_loses_nothing_and_begins_no_new_one() -> None:
    line = shipped().water().at(10)
    line.boot()
    line.at(MINUTE)
    assert line.at_of("leader1") == [30]


def test_what_a_person_asks_of_a_person_waits_for_no_budget() -> None:
    line = spent()
    line.water().signal("p-1", "yellow", kind="power", rule="power")
    line.say(Dispatch("值班员", "leader1"), line.of("water")).say(Blow("清溪镇", "gas_hazard"), line.of("power"))
    asked = [n for n in line.notices() if n.reason in {Reason.INSTRUCTION, Reason.WHISTLE}]
    assert {Reason.INSTRUCTION, Reason.WHISTLE} == {n.reason for n in asked}
    assert {n.state for n in asked} == {NoticeState.SENT}
    assert 600 in line.at_of("leader1")


def test_what_is_over_the_budget_of_a_day_waits_with_an_end_and_the_chain_climbs_meanwhile() -> None:
    line = spent()
    line.water().at(45 * MINUTE)
    assert line.at_of("leader1") == []
    assert line.at_of("head1") == [600 + 1800]
    held = [
        e for e in line.ledger.timeline(line.of("water").id) if e.what == "held" and e.detail["person"] == "leader1"
    ]
    assert [e.why for e in held] == ["grouped", "budget"]
    assert held[-1].detail["until"] == (START + timedelta(days=1)).isoformat()


def test_a_canary_is_never_held_and_takes_nobody_s_budget() -> None:
    line = shipped()
    for n in range(6):
        line.signal(f"canary-{n}", "yellow", kind=CANARY, rule=CANARY)
    assert {n.state for n in line.notices()} & {NoticeState.HELD} == set()
    assert (line.lines("held"), line.ledger.tables.bundles.let_go) == ([], {})


def test_a_bell_that_opens_again_rings_again_although_its_group_was_told_of_it() -> None:
    line = shipped().water(subject="w-1").at(40)
    first = line.only()
    line.say(Acknowledge("值班员"), first).at(7 * HOUR).water(subject="w-2").at(7 * HOUR + 5 * MINUTE)
    assert "×" not in line.told("leader1")[-1][1], "somebody has the first: it is not in the text"
    line.at(40 + 8 * HOUR + 6 * MINUTE)
    assert line.why("expired") == ["expired"]
    again = [n for n in line.notices(Reason.REPEAT) if n.alert == first.id and n.person == "leader1"]
    assert [n.state for n in again] == [NoticeState.SENT], "whoever had it did nothing: its leader hears of it again"


def test_a_slip_while_the_message_is_on_its_way_does_not_make_it_told() -> None:
    line = shipped().water(subject="w-1").water(subject="w-2")
    line.now = START + timedelta(seconds=31)
    line.conductor.escalate(line.now)
    slipped = line.alerts()[0]
    line.conductor.command(slipped.id, Acknowledge("值班员"), line.now)
    line.send()
    (group,) = line.ledger.tables.bundles.groups.values()
    assert group.log is not None
    assert slipped.id not in group.log.firing, "it was taken before the message left"
    line.conductor.command(slipped.id, Undo("值班员"), line.now + timedelta(seconds=1))
    line.at(6 * MINUTE)
    assert line.at_of("leader1") == [31, 331]


def test_a_group_does_not_tell_again_what_somebody_keeps_quiet() -> None:
    line = shipped().water().at(3 * HOUR)
    line.silence(90)
    line.at(5 * HOUR)
    assert line.at_of("leader1") == [30], "its repeat fell into the silence"


def test_a_group_does_not_tell_again_what_something_worse_at_the_same_place_keeps_shut() -> None:
    line = shipped().water().at(3 * HOUR).signal("s-1", "red")
    line.at(5 * HOUR)
    assert [at for at, text in line.told("leader1") if "黄色" in text] == [30]
    assert ("hushed", "inhibited") in [(e.what, e.why) for e in line.ledger.timeline(line.of("water").id)]


def test_quiet_hours_that_begin_while_it_waits_for_something_else_count_too() -> None:
    line = shipped()
    quiet = replace(line.policies.quiet, hours=Hours(daytime("16:00-17:00")))  # 08:00 to 09:00 UTC
    line.now = START - timedelta(seconds=10)
    line.conductor._policies = replace(line.policies, quiet=quiet)
    line.water().at(2 * HOUR)
    assert line.at_of("leader1") == [HOUR]
    assert [e.why for e in line.lines("held") if e.detail["person"] == "leader1"] == ["grouped", "quiet_hours"]


def test_a_group_is_told_again_after_the_quiet_hours() -> None:
    line = shipped()
    quiet = replace(line.policies.quiet, hours=Hours(None, {"leader1": daytime("19:00-21:00")}))  # 11:00 to 13:00 UTC
    line.conductor._policies = replace(line.policies, quiet=quiet)
    line.water().at(6 * HOUR)
    assert line.at_of("leader1") == [30, 5 * HOUR], "four hours after the first were in the middle of them"


def test_a_drill_is_marked_also_in_a_message_that_speaks_of_real_cases_and_in_that_of_its_end() -> None:
    line = shipped().water(subject="w-1", grid="g1")
    line.drill(60, "leader1")
    line.water(subject="w-2").at(31)
    assert line.told("leader1") == [
        (
            30,
            "【合并通知】2起黄色预警：清溪镇杏花村第一网格水位超限16:00；[演练]清溪镇杏花村第一网格水位超限16:00。请核实并接警。",
        )
    ]
    only = shipped()
    only.drill(60, "leader1")
    only.water(subject="w-1").water(subject="w-2").at(60)
    for alert in only.alerts():
        only.say(FalseAlarm("值班员", "演练结束"), alert)
    only.at(10 * MINUTE)
    assert len(only.told("leader1")) == 2
    assert all(text.startswith("[演练]") for _, text in only.told("leader1"))
