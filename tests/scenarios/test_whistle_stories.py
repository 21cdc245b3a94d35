"""Stories of a whistle, over the whole conducting path: from the township that blows it to the county that hears it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Handling, NoticeState, Reason
from alerts.commands import Acknowledge, Close, Command, FalseAlarm, Handle, Merge, Reopen, Verify
from alerts.outcome import NotAllowed
from alerts.policy import load_policies, parse_policies
from alerts.whistle.commands import (
    AcceptReport,
    Attend,
    Blow,
    CallOff,
    NameUnits,
    RemindUnits,
    Report,
    SendBack,
)
from alerts.whistle.whistle import Standing, TaskState, Whistle
from tests.alerts.memory_ledger import MemoryLedger
from tests.scenarios.timeline import PEOPLE, START, Line, person

MINUTE, HOUR = 60, 3600
FILE = """
version = "1"
[levels.red]
steps = [{ after = 0, target = "grid", channels = ["sms"] }]
[whistle]
county = "county_centre"
[whistle.departments]
roads = { name = "城管", people = ["roads1", "roads2"] }
trade = { name = "市监", roles = ["trade"] }
[whistle.matters.stalls]
name = "占道经营"
departments = ["roads", "trade"]
attend_min = 20
deadline_h = 2
"""
POLICIES = replace(load_policies(), whistle=parse_policies(FILE).whistle)
CREW = (
    *PEOPLE,
    person("roads1", "c", "roads_duty", 5),
    person("roads2", "c", "roads_duty", 6),
    person("trade1", "t1", "trade", 5),
    person("centre", "c", "county_centre", 4),
)


def line(matter: str = "stalls", level: str = "orange") -> Line:
    made = Line(people=CREW, policies=POLICIES).signal(level=level)
    return made.say(Blow("清溪镇", matter)) if matter else made


def whistle(line: Line) -> Whistle:
    return line.only().work.whistles[-1]


def called(line: Line) -> list[str]:
    """Who was told about the whistle, oldest first; at one instant in the order of the units, the county and above before them."""
    return [n.person for n in line.notices(Reason.WHISTLE)]


def finish(line: Line, *units: str) -> Line:
    for unit in units:
        line.say(Attend(f"{unit}值班", unit)).say(Report(f"{unit}值班", unit, "已办结"))
        line.say(AcceptReport("县中心", unit, 5))
    return line


def test_a_standard_matter_from_the_whistle_to_the_county_that_hears_it_is_over() -> None:
    story = line().say(Acknowledge("值班员"))
    assert called(story) == ["roads1", "trade1"]
    texts = [n.text for n in story.notices(Reason.WHISTLE)]
    assert "占道经营" in texts[0]
    assert "请城管牵头，03-01 16:20前报到，03-01 18:00前办结回报" in texts[0]
    assert "牵头：城管" in texts[1]
    assert story.only().timers["whistle"] == START + timedelta(minutes=20)
    finish(story.at(5 * MINUTE), "roads", "trade")
    assert whistle(story).standing is Standing.DONE
    assert called(story) == ["roads1", "trade1", "centre"], "nobody was late, nobody was told twice, the county is told"
    assert "2个单位的回报均已认可" in story.notices(Reason.WHISTLE)[-1].text
    assert "whistle" not in story.only().timers
    assert story.ledger.whistled() == []
    whats = [e.what for e in story.lines() if "whistle" in e.what or "unit" in e.what or "report" in e.what]
    each = ["unit_attended", "unit_reported", "report_accepted"]
    assert whats == ["whistled", "unit_called", "unit_called", *each, *each, "whistle_over"]


def test_what_is_not_standard_goes_to_the_county_centre_which_names_the_units() -> None:
    story = line("废弃矿洞积水")
    assert called(story) == ["centre"]
    assert "请县中心于03-01 16:30前指定牵头和配合单位" in story.notices(Reason.WHISTLE)[0].text
    story.at(10 * MINUTE).say(NameUnits("县中心", ("trade", "roads"), lead="roads"))
    assert called(story) == ["centre", "trade1", "roads1"]
    assert [task.unit.name for task in whistle(story).tasks] == ["市监", "城管"]
    with pytest.raises(NotAllowed, match="no department is called 'police'"):
        story.say(NameUnits("县中心", ("police",)))


def test_a_county_centre_that_names_nobody_is_told_about_above_it_once() -> None:
    story = line("废弃矿洞积水").at(40 * MINUTE)
    assert called(story) == ["centre", "county"], "nothing stands above the county here: its first asked is told"
    assert [e.why for e in story.lines("units_not_named")] == ["unnamed"]
    assert "top" in {e.why for e in story.lines("skipped")}
    assert called(story.at(12 * HOUR)) == ["centre", "county"]


def test_a_unit_that_does_not_come_is_reminded_and_the_level_above_hears_once() -> None:
    story = line().at(10 * MINUTE).say(Attend("城管值班", "roads")).at(25 * MINUTE)
    assert called(story) == ["roads1", "trade1", "trade1", "county"]
    assert [e.detail["unit"] for e in story.lines("unit_late")] == ["市监"]
    assert "市监未在03-01 16:20前报到" in story.notices(Reason.WHISTLE)[-1].text
    story.at(119 * MINUTE)
    assert len(called(story)) == 4
    story.say(Attend("市监值班", "trade"))
    assert story.lines("unit_attended")[-1].detail["late"] is True


def test_a_joint_deadline_that_is_missed_reaches_the_level_above_once_and_the_whistle_goes_on() -> None:
    story = line().say(Attend("城管值班", "roads")).say(Attend("市监值班", "trade"))
    finish(story, "roads").at(3 * HOUR)
    assert sorted(called(story)) == ["county", "roads1", "trade1", "trade1"]
    assert "未办结：市监" in next(n.text for n in story.notices(Reason.WHISTLE) if n.person == "county")
    assert story.only().timers.get("whistle") is None, "nothing more falls due by itself"
    assert [a.id for a in story.ledger.whistled()] == [story.only().id]
    finish(story.at(9 * HOUR), "trade")
    assert whistle(story).standing is Standing.DONE
    assert story.lines("whistle_over")[0].detail["late"] is True


def test_a_report_that_is_sent_back_goes_back_to_its_unit_with_the_reason() -> None:
    story = line().say(Attend("城管值班", "roads")).say(Report("城管值班", "roads", "已清理"))
    story.say(SendBack("县中心", "roads", "东侧未清"))
    assert sorted(called(story)) == ["roads1", "roads1", "trade1"]
    assert [n.person for n in story.notices(Reason.WHISTLE) if "被退回：东侧未清" in n.text] == ["roads1"]
    story.say(Report("城管值班", "roads", "东侧已清")).say(AcceptReport("县中心", "roads"))
    assert whistle(story).task("roads").state is TaskState.ACCEPTED


def test_the_case_cannot_be_closed_or_merged_while_its_whistle_is_open() -> None:
    story = line().say(Acknowledge("甲")).say(Handle("甲"))
    story.signal("smoke-9", "red", grid="g4")
    case, other = story.alerts()
    story.say(Verify("乙", "已看", "带班"), case)
    for refused in (Close("乙", "好"), Merge("乙", other.id)):
        with pytest.raises(NotAllowed, match="a whistle of it is open and waits for 城管、市监"):
            story.say(refused, case)
    assert story.alerts()[0].handling is Handling.VERIFIED
    assert story.alerts()[1].work.merged == (), "the other case knows nothing of it"
    for unit in ("roads", "trade"):
        for said in (Attend("值班", unit), Report("值班", unit, "已办结"), AcceptReport("县中心", unit)):
            story.say(said, case)
    story.say(Close("乙", "好"), case)
    assert story.alerts()[0].handling is Handling.CLOSED
    before = story.lines()
    story.say(AcceptReport("县中心", "trade"), case)
    assert story.lines() == before, "a repeat is one whatever has become of the case"


def test_another_case_may_be_merged_into_one_that_was_whistled_for() -> None:
    story = line()
    case = story.only()
    story.signal("smoke-9", "orange", grid="g4")
    other = story.alerts()[1]
    story.say(Merge("乙", case.id), other)
    assert story.alerts()[0].work.whistle is not None


def test_a_false_alarm_calls_the_whistle_off_and_everybody_who_was_called_hears_it_is_over() -> None:
    story = line().say(FalseAlarm("值班员", "炊烟"))
    assert whistle(story).standing is Standing.CALLED_OFF
    assert [e.why for e in story.lines("whistle_called_off")] == ["over"]
    assert {"roads1", "trade1", "leader1"} <= {n.person for n in story.notices(Reason.RESOLVED)}
    assert story.ledger.whistled() == []
    assert story.only().timers == {}
    quiet = len(story.notices())
    assert len(story.at(30 * HOUR).notices()) == quiet
    with pytest.raises(NotAllowed, match="cannot whistle"):
        story.say(Attend("城管值班", "roads"))


def test_whoever_answers_the_bell_does_not_call_the_units_back() -> None:
    story = Line(people=CREW, policies=POLICIES)
    story.provider = lambda _: None
    story.signal(level="red").say(Blow("清溪镇", "stalls")).say(Acknowledge("值班员"))
    states = {n.reason: n.state for n in story.notices()}
    assert states[Reason.FIRST] is NoticeState.CANCELLED
    assert states[Reason.WHISTLE] is NoticeState.QUEUED
    story.say(Attend("城管值班", "roads"))
    left = {n.person: (n.state, n.error) for n in story.notices(Reason.WHISTLE)}
    assert left["roads1"] == (NoticeState.CANCELLED, "whistle_answered"), "whoever has come is not called any more"
    assert left["trade1"] == (NoticeState.QUEUED, "")
    story.say(CallOff("清溪镇", "摊贩已散"))
    assert {n.state for n in story.notices(Reason.WHISTLE) if n.text.startswith("【吹哨】")} == {NoticeState.CANCELLED}
    assert [n.person for n in story.notices(Reason.WHISTLE) if n.text.startswith("【吹哨取消】")] == [
        "roads1",
        "trade1",
    ]


def test_a_whistle_neither_answers_the_bell_nor_counts_as_its_first_notice() -> None:
    story = Line(people=CREW, policies=POLICIES).signal(level="blue")
    story.say(Blow("清溪镇", "stalls"))
    alert = story.only()
    assert (alert.handling, alert.reached) == (Handling.NEW, "")
    assert {"acked_at", "first_notice_at"} & set(alert.stages) == set()


def test_a_key_pressed_on_a_call_of_a_whistle_does_not_take_the_case() -> None:
    plan = replace(POLICIES.whistle, channels=("voice",))
    story = Line(people=CREW, policies=replace(POLICIES, whistle=plan)).signal().say(Blow("清溪镇", "stalls"))
    notice = story.notices(Reason.WHISTLE)[0]
    story.conductor.answered(notice.key, story.now, "1")
    assert story.only().handling is Handling.NEW
    assert story.ledger.tables.notices[notice.key].state is NoticeState.ANSWERED


def test_everything_may_be_said_twice_and_happens_once() -> None:
    story = line().say(Blow("清溪镇", "stalls")).say(RemindUnits("镇", "k")).say(RemindUnits("镇", "k"))
    assert sorted(called(story)) == ["roads1", "roads1", "trade1", "trade1"]
    for twice in (Attend("值", "roads"), Report("值", "roads", "好"), AcceptReport("县", "roads")):
        story.say(twice).say(twice)
    assert [e.what for e in story.lines() if e.what.startswith(("unit_", "report_"))] == [
        "unit_called",
        "unit_called",
        "unit_attended",
        "unit_reported",
        "report_accepted",
    ]
    keys = [n.key for n in story.notices(Reason.WHISTLE)]
    assert len(keys) == len(set(keys))


def test_a_case_has_one_open_whistle_and_another_after_it() -> None:
    story = line()
    with pytest.raises(NotAllowed, match=r"open already \(占道经营\)"):
        story.say(Blow("清溪镇", "路面塌陷"))
    story.say(CallOff("清溪镇", "已散")).say(Blow("清溪镇", "路面塌陷"))
    assert [(w.number, w.standing) for w in story.only().work.whistles] == [
        (1, Standing.CALLED_OFF),
        (2, Standing.BLOWN),
    ]
    with pytest.raises(NotAllowed, match="blow the whistle first"):
        line("").say(Attend("值", "roads"))


def test_a_step_that_is_worked_out_anew_after_a_conflict_tells_nobody_twice() -> None:
    story = line("")
    ledger: MemoryLedger = story.ledger
    ledger.conflicts = 3
    story.say(Blow("清溪镇", "stalls"))
    assert called(story) == ["roads1", "trade1"]
    ledger.conflicts = 2
    assert called(story.at(21 * MINUTE)).count("county") == 2, "once for each unit that is late"


def test_a_ticker_that_was_away_for_a_day_says_each_thing_once() -> None:
    story = line()
    for _ in range(3):
        story.conductor.escalate(START + timedelta(days=1))
    assert [e.what for e in story.lines() if e.what in {"unit_late", "whistle_missed"}] == [
        "unit_late",
        "unit_late",
        "whistle_missed",
    ]
    assert called(story).count("county") == 3
    assert "whistle" not in story.only().timers


def test_a_unit_keeps_what_it_was_called_with_when_the_policy_changes_and_asks_for_people_anew() -> None:
    story = line()
    other = parse_policies(FILE.replace("attend_min = 20", "attend_min = 1").replace('"roads1", ', "")).whistle
    policies = replace(POLICIES, whistle=other)
    after = Line(people=[p for p in CREW if p.id != "roads1"], policies=policies)
    after.ledger.tables = story.ledger.tables
    after.now = story.now
    after.at(5 * MINUTE)
    assert after.lines("unit_late") == [], "it has the time it was called with"
    after.say(RemindUnits("镇", "k"))
    assert sorted(n.person for n in after.notices(Reason.WHISTLE) if "催办" in n.text) == ["roads2", "trade1"]
    assert [(e.why, e.detail["what"]) for e in after.lines("skipped")][-1] == ("person_unknown", "roads1")


SAID: tuple[Command, ...] = (
    Acknowledge("值班员"),
    Handle("甲"),
    Verify("乙", "已看", "带班"),
    Close("乙", "好"),
    FalseAlarm("值班员"),
    Reopen("值班员"),
    Blow("清溪镇", "stalls"),
    Blow("清溪镇", "废弃矿洞积水"),
    NameUnits("县中心", ("trade",)),
    *(Attend("值班", unit) for unit in ("roads", "trade")),
    *(Report("值班", unit, "已办结") for unit in ("roads", "trade")),
    *(AcceptReport("县中心", unit) for unit in ("roads", "trade")),
    SendBack("县中心", "roads", "不够"),
    RemindUnits("清溪镇", "k"),
    CallOff("清溪镇", "不需要了"),
)


@given(st.lists(st.tuples(st.sampled_from(SAID), st.sampled_from([0, 0, MINUTE, 21 * MINUTE, 3 * HOUR])), max_size=25))
def test_whatever_is_said_in_whatever_order_case_and_whistle_agree(story: list[tuple[Command, int]]) -> None:
    said, seconds = line(""), 0
    for command, pause in story:
        seconds += pause
        said.at(seconds)
        before = (said.only(), len(said.lines()), len(said.notices()))
        try:
            said.say(command)
        except NotAllowed:
            assert (said.only(), len(said.lines()), len(said.notices())) == before, "what is refused changes nothing"
        case = said.only()
        blown = case.work.whistle
        assert blown is None or not case.handling.over, "no unit is at a case that is over"
        assert all(not one.open for one in case.work.whistles[:-1])
        assert blown is not None or "whistle" not in case.timers
        assert [a.id for a in said.ledger.whistled()] == [case.id for _ in [blown] if blown]
        assert case.timers.get("whistle", said.now + timedelta(1)) > said.now, "nothing that is due is left over"
