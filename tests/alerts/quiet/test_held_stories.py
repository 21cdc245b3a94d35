"""Grouped notices and budgets through the whole path: real conductor, real sender, a ledger that remembers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.alert import Handling, NoticeState, Reason
from alerts.channels.contract import Refused, Retry
from alerts.closing_commands import FalseAlarm
from alerts.commands import Acknowledge
from alerts.quiet.budgets import Budget
from alerts.quiet.grouping import By, Timing
from streams.signal import Level
from tests.alerts.quiet.held_line import CARD, YELLOW, HeldLine
from tests.scenarios.timeline import START, WORDS

MINUTE = 60


def three(line: HeldLine) -> HeldLine:
    """Three yellow ones of one grid and kind, within the wait."""
    return line.water(subject="w-1").at(10).water(subject="w-2").at(20).water(subject="w-3")


def test_a_group_waits_and_is_told_once_with_its_reason() -> None:
    line = HeldLine(groups=YELLOW)
    three(line).at(29)
    assert line.texts == []
    line.at(60)
    assert line.told("leader1") == [
        (30.0, "【合并通知】3起黄色预警：清溪镇杏花村第一网格水位超限16:00×3。请核实并接警。")
    ]
    for alert in line.alerts():
        lines = {e.what: e for e in line.ledger.timeline(alert.id)}
        assert (lines["held"].why, lines["bundled"].why) == ("grouped", "group_first")
        assert lines["bundled"].detail["count"] == 3
        assert "sent" in lines, "what became of the message became of each"
        assert WORDS.explain("en", lines["bundled"]) == "Told together (SMS, 3 cases): first notice of the group"
        assert WORDS.explain("zh", lines["held"]) == "暂缓通知（短信），至 03-01 16:00：与同组警情合并通知"


def test_a_group_of_one_is_told_in_its_own_words() -> None:
    line = HeldLine(groups=YELLOW)
    line.water().at(60)
    ((at, text),) = line.told("leader1")
    assert at == 30
    assert text.startswith("【黄色预警】")


def test_what_is_over_within_the_wait_is_never_told_and_the_timeline_says_so() -> None:
    line = HeldLine(groups=YELLOW)
    line.water(began=0).at(10).water(active=False, began=0).at(5 * MINUTE)
    assert line.texts == []
    assert line.why("cancelled") == ["returned_to_normal"]
    assert [n.state for n in line.notices()] == [NoticeState.CANCELLED]


def test_a_case_that_is_closed_within_the_wait_is_never_told() -> None:
    line = HeldLine(groups=YELLOW)
    line.water().at(10).say(FalseAlarm("值班员", "误触")).at(5 * MINUTE)
    assert line.texts == []
    assert line.why("cancelled") == ["false_alarm"]


def test_what_is_worse_arrives_within_the_wait_and_says_it_all() -> None:
    line = HeldLine(groups=YELLOW)
    line.water().at(15).signal("s-1", "red").at(60)
    assert [text for _, text in line.told("leader1") if "黄色" in text] == []
    assert line.of("water").work.hush is not None
    assert [e.why for e in line.ledger.timeline(line.of("water").id) if e.what in {"hushed", "cancelled"}] == [
        "inhibited",
        "inhibited",
    ]


def test_new_ones_wait_for_the_interval_and_are_told_as_new() -> None:
    line = HeldLine(groups=YELLOW)
    three(line).at(60).water(subject="w-4").at(90).water(subject="w-5").at(10 * MINUTE)
    assert line.at_of("leader1") == [30, 330]
    assert "新增2起黄色预警" in line.told("leader1")[1][1]


def test_a_late_one_flushes_at_once_and_a_restart_does_not_wait_again() -> None:
    line = HeldLine(groups=YELLOW)
    line.conductor.signals([line.made("w-1", "yellow", kind="water", rule="water_level")], line.now)
    line.now = START + timedelta(minutes=3)  # nobody was there
    line.boot()
    line.conductor.escalate(line.now)
    line.send()
    assert line.at_of("leader1") == [180]


def test_somebody_takes_one_case_and_it_is_not_in_the_text() -> None:
    line = HeldLine(groups=YELLOW)
    three(line)
    line.say(Acknowledge("值班员"), line.alerts()[0]).at(60)
    assert "2起黄色预警" in line.told("leader1")[0][1]


def test_somebody_takes_a_case_between_the_plan_and_the_hand_over() -> None:
    line = HeldLine(groups=YELLOW)
    three(line)
    line.now = START + timedelta(seconds=31)
    line.conductor.escalate(line.now)
    line.conductor.command(line.alerts()[0].id, Acknowledge("值班员"), line.now)
    line.send()
    assert "2起黄色预警" in line.told("leader1")[0][1]
    taken = line.ledger.tables.notices.values()
    assert sorted(n.state.value for n in taken if n.reason is Reason.FIRST and n.alert in line.ledger.tables.alerts) == [
        "cancelled", "sent", "sent",
    ]  # fmt: skip


def test_all_cases_are_taken_before_the_hand_over_and_nothing_is_sent() -> None:
    line = HeldLine(groups=YELLOW)
    three(line)
    line.now = START + timedelta(seconds=31)
    line.conductor.escalate(line.now)
    for alert in line.alerts():
        line.conductor.command(alert.id, Acknowledge("值班员"), line.now)
    line.send()
    assert line.texts == []
    assert {n.state for n in line.ledger.tables.notices.values()} == {NoticeState.CANCELLED}
    (group,) = line.ledger.tables.bundles.groups.values()
    assert (group.log, group.carrier) == (None, ""), "what was not sent is not written down as sent"


def test_one_answer_to_the_text_takes_every_case_it_names_and_no_other() -> None:
    line = HeldLine(groups=YELLOW)
    three(line).at(60).water(subject="w-4")
    (carrier,) = [n for n in line.ledger.tables.notices.values() if n.alert.startswith("bundle/")]
    line.conductor.answered(carrier.key, line.now, "1")
    line.at(10 * MINUTE)
    by_subject = {a.subjects[0]: a.handling for a in line.alerts()}
    assert [by_subject[s] for s in ("w-1", "w-2", "w-3")] == [Handling.ACKNOWLEDGED] * 3
    assert by_subject["w-4"] is Handling.NEW
    assert line.at_of("leader1") == [30, 330]


def test_an_answer_while_one_of_them_is_somebody_else_s_takes_the_others() -> None:
    line = HeldLine(groups=YELLOW)
    three(line).at(60)
    line.say(Acknowledge("值班员"), line.alerts()[0])
    (carrier,) = [n for n in line.ledger.tables.notices.values() if n.alert.startswith("bundle/")]
    line.conductor.answered(carrier.key, line.now, "1")
    assert [a.work.taken.by for a in line.alerts() if a.work.taken] == ["值班员", "人leader1", "人leader1"]


def test_endings_are_told_together_some_and_then_all() -> None:
    line = HeldLine(groups=YELLOW)
    three(line).at(60)
    one, *others = line.alerts()
    line.say(FalseAlarm("值班员", "误报"), one).at(6 * MINUTE)
    for alert in others:
        line.say(FalseAlarm("值班员", "误报"), alert)
    line.at(15 * MINUTE)
    texts = [text for _, text in line.told("leader1")]
    assert line.at_of("leader1") == [30, 330, 630]
    assert texts[1].startswith("【解除】"), "one ending is told in its own words"
    assert "2起黄色预警全部解除" in texts[2]
    whys = [e.why for a in line.alerts() for e in line.ledger.timeline(a.id) if e.what == "bundled"]
    assert whys == [
        "group_first",
        "group_some_resolved",
        "group_first",
        "group_all_resolved",
        "group_first",
        "group_all_resolved",
    ]


def test_a_group_that_nobody_answers_is_told_again_after_its_repeat() -> None:
    line = HeldLine(groups={Level.YELLOW: Timing(timedelta(seconds=30), repeat=timedelta(minutes=12))})
    three(line).at(16 * MINUTE)
    assert line.at_of("leader1") == [30, 30 + 15 * MINUTE], "twelve minutes are rounded up to three intervals"
    assert "3起黄色预警至16:15仍无人接警" in line.told("leader1")[1][1]
    line.say(Acknowledge("值班员"), line.alerts()[0]).at(29 * MINUTE)
    for alert in line.alerts()[1:]:
        line.say(Acknowledge("值班员"), alert)
    line.at(90 * MINUTE)
    assert line.at_of("leader1") == [30, 30 + 15 * MINUTE], "nobody is told again of what somebody has"


def test_a_group_of_one_is_told_again_too() -> None:
    line = HeldLine(groups={Level.YELLOW: Timing(timedelta(seconds=30), repeat=timedelta(minutes=15))})
    line.water().at(20 * MINUTE)
    assert line.at_of("leader1") == [30, 30 + 15 * MINUTE]
    assert line.told("leader1")[1][1].startswith("【黄色预警·再次提醒】")


def test_groups_are_told_apart_by_what_the_policy_says() -> None:
    line = HeldLine(groups={Level.YELLOW: Timing(timedelta(seconds=30), by=(By.KIND,))})
    line.water(subject="w-1").signal("p-1", "yellow", kind="power", rule="power").at(60)
    assert line.at_of("leader1") == [30, 30], "two kinds are two groups"
    other = HeldLine(groups={Level.YELLOW: Timing(timedelta(seconds=30), by=(By.TOWNSHIP,))})
    other.water(subject="w-1").signal("p-1", "yellow", kind="power", rule="power").at(60)
    assert other.at_of("leader1") == [30]


def test_red_and_orange_are_never_grouped_nor_held() -> None:
    line = HeldLine(CARD, groups=YELLOW)
    for n in range(12):
        line.signal(f"s-{n}", "red", kind="sos", rule="sos").signal(f"t-{n}", "orange", kind="tilt", rule="tilt")
    assert {at for at, _, _ in line.texts} == {0.0}
    assert not line.lines("held")


def test_what_is_over_a_budget_waits_and_goes_as_one() -> None:
    line = HeldLine(CARD)
    for n in range(13):
        line.signal(f"w-{n}", "yellow", kind="water", rule="water_level")
    line.at(2 * MINUTE)
    assert line.at_of("leader1") == [0, 60]
    assert line.told("leader1")[1][1].startswith("【合并通知】还有12起：")
    held = [e for a in line.alerts() for e in line.ledger.timeline(a.id) if e.what == "held"]
    assert {e.why for e in held} == {"budget"}
    assert len(held) == 12


def test_the_budget_of_a_quarter_of_an_hour() -> None:
    line = HeldLine(CARD)
    for n in range(20):
        line.signal(f"w-{n}", "yellow", kind="water", rule="water_level").at((n + 1) * MINUTE)
    line.at(40 * MINUTE)
    within = [
        [at for at in line.at_of("leader1") if start <= at < start + 15 * MINUTE] for start in line.at_of("leader1")
    ]
    assert max(map(len, within)) == 5


def test_red_counts_and_does_not_wait() -> None:
    line = HeldLine(CARD)
    line.signal("s-1", "red")
    line.signal("w-1", "yellow", kind="battery", rule="battery", grid="g1")
    first = [text for at, text in line.told("leader1") if at == 0]
    assert all("红色" in text for text in first)
    line.at(MINUTE)
    line.signal("s-2", "red", kind="gas", rule="gas")
    assert [at for at, text in line.told("leader1") if "燃气" in text][:1] == [60]


def test_the_same_words_go_to_a_number_so_often_and_no_more() -> None:
    line = HeldLine(Budget("sms", prefix="+86", identical=2))
    for n in range(3):
        line.water(subject=f"w-{n}")
    line.at(MINUTE)
    assert line.at_of("leader1") == [0, 0]
    assert [e.why for a in line.alerts() for e in line.ledger.timeline(a.id) if e.what == "held"] == ["budget"]


def test_a_number_elsewhere_has_no_such_budget() -> None:
    line = HeldLine(Budget("sms", prefix="+49", identical=1))
    for n in range(3):
        line.water(subject=f"w-{n}")
    assert line.at_of("leader1") == [0, 0, 0]


@pytest.mark.parametrize(
    ("says", "answer"),
    [("it works later", Retry(1.0, "busy")), ("it never works over this channel", Refused("landline"))],
)
def test_a_message_of_several_is_tried_again_or_goes_another_way(says: str, answer: Retry | Refused) -> None:
    line = HeldLine(groups=YELLOW)
    line.answers = [answer]
    three(line).at(2 * MINUTE)
    assert len(line.told("leader1")) == 1, says
    assert "3起黄色预警" in line.told("leader1")[0][1]
    (group,) = [g for g in line.ledger.tables.bundles.groups.values() if g.person == "leader1"]
    assert group.log is not None
    assert len(group.log.firing) == 3, "and only then it is written down as told"
    if isinstance(answer, Refused):
        assert all("failed_over" in {e.what for e in line.ledger.timeline(a.id)} for a in line.alerts())


def test_a_sender_that_dies_after_the_plan_sends_it_once() -> None:
    line = HeldLine(groups=YELLOW)
    three(line)
    line.now = START + timedelta(seconds=31)
    line.conductor.escalate(line.now)
    assert line.ledger.lease_notices(line.now, limit=10, lease=timedelta(seconds=12)), "and this process is gone"
    line.boot()
    line.at(10 * MINUTE)
    assert len(line.told("leader1")) == 1
