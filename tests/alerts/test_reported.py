"""A report's way through a case: one matter is one case whoever saw it, and everybody who reported it learns the result, once."""

from __future__ import annotations

import pytest

from alerts.alert import Alert, Handling, Reason
from alerts.commands import (
    Acknowledge,
    CallBack,
    Close,
    Command,
    FalseAlarm,
    Handle,
    Merge,
    Reopen,
    Split,
    Verify,
    Void,
)
from alerts.lifecycle import NotAllowed
from alerts.outcome import Why
from ingest.events import Mark, Point
from streams.calls import RULE as CALL
from streams.reports import RULE
from streams.signal import Level, Origin
from tests.scenarios.timeline import Line, placed

HERE, NEAR, FAR = Point(30.0, 103.0), Point(30.0003, 103.0), Point(30.004, 103.0)  # 33 m and 445 m north


def report(line: Line, ident: str, told: str = "notice", who: str = "leader2", **but: object) -> Line:
    """A report of now: a patrol's, or with another `told` a resident's."""
    patrol = told == "notice"
    return line.signal(
        ident, str(but.pop("level", "yellow")), **{
            "kind": "manhole", "rule": RULE, "origin": Origin.PATROL if patrol else Origin.RESIDENT, "place": placed("g1", HERE),
            "evidence": {"told": told, "reporter": who if patrol else ""}, **but,
        },
    )  # fmt: skip


def closed(line: Line, alert: Alert | None = None) -> Line:
    line.say(Acknowledge("甲"), alert).say(Handle("乙"), alert).say(Verify("甲"), alert)
    return line.say(Close("甲", "已换新"), alert)


def test_whoever_reported_on_patrol_is_told_once_when_it_is_over() -> None:
    line = report(Line(), "R-1")
    assert line.told(Reason.REPORTED) == []
    closed(line.at(100))
    (notice,) = line.notices(Reason.REPORTED)
    assert (notice.person, notice.channel, notice.text) == (
        "leader2", "sms", "【上报反馈】您上报的清溪镇杏花村第一网格：井盖缺损，16:00，已处置完毕。",
    )  # fmt: skip
    (caller,) = line.only().work.callers
    assert (caller.told_at, caller.by) == (line.now, "tocsin")
    line.at(200).say(Reopen("甲"))
    closed(line.at(300))
    assert line.told(Reason.REPORTED) == ["leader2/sms"], "reopened and closed again, it is not said twice"
    assert "leader2" not in [n.person for n in line.notices(Reason.RESOLVED)], (
        "nor does that count as having been told of the case"
    )


def test_a_reporter_who_is_not_content_is_owed_a_word_by_a_person() -> None:
    line = closed(report(Line(), "R-1")).at(100).say(CallBack("甲", "R-1", content=False))
    assert [c.call for c in line.only().work.owed] == ["R-1"]
    line.say(Acknowledge("甲")).say(Handle("乙")).say(Verify("甲")).say(CallBack("甲", "R-1")).say(Close("甲"))
    assert line.told(Reason.REPORTED) == ["leader2/sms"]


@pytest.mark.parametrize(
    ("says", "command", "word"),
    [
        ("nothing was found", FalseAlarm("甲"), "确认为误报"),
        ("it should not have been opened", Void("甲", "重复录入", "带班"), "作废"),
    ],
)
def test_every_end_is_told(says: str, command: Command, word: str) -> None:
    line = report(Line(), "R-1").say(command)
    assert [n.text.split("，")[-1] for n in line.notices(Reason.REPORTED)] == [f"已{word}。"], says


def test_somebody_who_has_left_the_roster_is_passed_over_with_the_reason() -> None:
    line = closed(report(Line(), "R-1", who="gone"))
    assert line.notices(Reason.REPORTED) == []
    assert [e.why for e in line.lines("skipped") if e.detail["what"] == "gone"] == [Why.PERSON_UNKNOWN]


def test_a_resident_who_left_a_number_is_owed_a_call_and_one_who_did_not_looks_at_the_page() -> None:
    line = report(report(report(Line(), "R-1", "desk"), "R-2", "page"), "R-3")
    case = line.only()
    assert [c.call for c in case.work.owed] == ["R-1"], "only somebody with a number can be called back"
    line.say(Acknowledge("甲")).say(Handle("乙")).say(Verify("甲"))
    with pytest.raises(NotAllowed, match="owed a word"):
        line.say(Close("甲"))
    line.say(CallBack("甲", "R-1")).say(Close("甲"))
    assert line.told(Reason.REPORTED) == ["leader2/sms"]
    assert {c.call: c.told_at is not None for c in line.only().work.callers} == {"R-1": True, "R-2": False, "R-3": True}


def test_a_merged_case_s_reporters_are_told_from_where_it_goes_on() -> None:
    line = report(Line(), "R-1")
    report(line.at(10), "R-2", place=placed("g1", FAR), who="leader4")
    root, child = sorted(line.alerts(), key=lambda a: a.stages["raised_at"])
    line.say(Merge("甲", root.id), child)
    assert line.told(Reason.REPORTED) == [], "it is not over: it goes on"
    closed(line.at(100), root)
    assert sorted(line.told(Reason.REPORTED)) == ["leader2/sms", "leader4/sms"]
    assert {n.alert for n in line.notices(Reason.REPORTED)} == {root.id}


def test_a_case_that_is_split_off_takes_its_reporter_along() -> None:
    line = report(Line(), "R-1")
    report(line.at(10), "R-2", place=placed("g1", FAR), who="leader4")
    root, child = sorted(line.alerts(), key=lambda a: a.stages["raised_at"])
    line.say(Merge("甲", root.id), child).say(Split("甲"), child)
    closed(line.at(100), root)
    assert line.told(Reason.REPORTED) == ["leader2/sms"]
    closed(line.at(200), child)
    assert line.told(Reason.REPORTED) == ["leader2/sms", "leader4/sms"]


@pytest.mark.parametrize("mark", [Mark.TEST, Mark.DRILL, Mark.SIMULATED])
def test_a_muted_report_is_recorded_rings_nobody_and_owes_nothing(mark: Mark) -> None:
    line = report(report(Line(), "R-1", marks=mark), "R-2", "desk", marks=mark).at(5000)
    assert {a.handling for a in line.alerts()} == {Handling.TEST}
    assert (line.notices(), [a.work.callers for a in line.alerts()]) == ([], [(), ()])


@pytest.mark.parametrize(
    ("says", "place", "later", "cases"),
    [
        ("beside it, a day later", placed("g1", NEAR), 86_400, 1),
        ("farther off in the same grid", placed("g1", FAR), 60, 2),
        ("beside it, across the border of two grids", placed("g2", NEAR), 60, 1),
        ("somewhere in the grid", placed("g1"), 60, 2),
        ("when it has stood open for more than a week", placed("g1", NEAR), 700_000, 2),
    ],
)
def test_a_matter_that_stands_is_one_case_where_it_is(says: str, place: object, later: float, cases: int) -> None:
    line = report(Line(), "R-1").say(Acknowledge("甲"))
    report(line.at(later), "R-2", "page", place=place)
    assert len(line.alerts()) == cases, says


def test_after_a_closed_case_the_same_matter_is_a_new_one() -> None:
    line = closed(report(Line(), "R-1"))
    report(line.at(60), "R-2", "page")
    assert len(line.alerts()) == 2


def test_sensor_hotline_patrol_and_resident_make_one_case_dispatched_once() -> None:
    line = Line().signal("smoke-1", "orange")
    line.at(30).signal("call-7", "orange", rule=CALL, origin=Origin.HOTLINE)
    report(line.at(60), "R-1", kind="fire", level="orange")
    report(line.at(90), "R-2", "desk", kind="fire", level="orange")
    case = line.only()
    assert (case.level, case.count) == (Level.RED, 4), "the second sense made it red, the others joined"
    assert case.origins == ("sensor", "hotline", "patrol", "resident")
    assert [c.call for c in case.work.owed] == ["call-7", "R-2"]
    assert [c.call for c in case.work.reporters] == ["R-1"]
    line.at(95).signal("smoke-1", active=False, began=0)
    assert line.only().condition == "cleared", "what people said is about a moment and does not hold it"


def test_two_reports_alone_fuse_like_any_two_senses() -> None:
    line = report(report(Line(), "R-1", kind="gas", level="orange"), "R-2", "page", kind="gas", level="orange")
    assert (line.only().level, line.only().origins) == (Level.RED, ("patrol", "resident"))
    assert [e.detail["rule"] for e in line.lines("worse")] == [Why.FUSED]


def test_a_repeated_report_changes_nothing() -> None:
    line = report(Line(), "R-1")
    before = line.only()
    report(line.at(5), "R-1", began=0)
    assert line.only() == before
