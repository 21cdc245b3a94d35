"""The end of a case: other eyes, normal readings, callers who are told, and residents who are not content."""

from __future__ import annotations

import pytest

from alerts.alert import Handling
from alerts.commands import (
    Acknowledge,
    CallBack,
    Close,
    Command,
    FalseAlarm,
    Handle,
    Rate,
    Verify,
    Void,
)
from alerts.lifecycle import NotAllowed
from alerts.work import Finding
from streams.calls import RULE as CALL
from streams.signal import Origin
from tests.scenarios.timeline import Line

CALLED = {"rule": CALL, "origin": Origin.HOTLINE}


def handled(*, cleared_at: float | None = None) -> Line:
    line = Line().signal(level="red").at(5).say(Acknowledge("甲")).at(20).say(Handle("网格长"))
    return line if cleared_at is None else line.at(cleared_at).signal(active=False, began=0)


def verified(line: Line) -> Line:
    return line.say(Verify("值班员", "已看过", "带班"))


@pytest.mark.parametrize(
    ("sentence", "cleared_at", "at", "command", "why"),
    [
        ("by whoever handled it", 30, 400, Verify("网格长"), "somebody else must verify"),
        ("while a sensor still sees it", None, 400, Verify("值班员"), r"normal for 300 s \(they are not\)"),
        ("too soon after it returned to normal", 30, 100, Verify("值班员"), r"\(they have been for 70 s\)"),
        ("with an approval but no reason", None, 400, Verify("值班员", "", "带班"), "needs a reason"),
        ("with one's own approval", None, 400, Verify("值班员", "烧毁", "值班员"), "somebody else than who asks"),
        ("and is not closed unverified", 30, 400, Close("值班员"), "must be verified by somebody else"),
    ],
)
def test_a_case_is_not_verified(sentence: str, cleared_at: float | None, at: float, command: Command, why: str) -> None:
    line = handled(cleared_at=cleared_at).at(at)
    with pytest.raises(NotAllowed, match=why):
        line.say(command)
    assert line.only().handling is Handling.HANDLED, sentence


@pytest.mark.parametrize(
    ("sentence", "cleared_at", "command"),
    [
        ("by another once readings were normal for long enough", 30, Verify("值班员")),
        ("by approval where the sensor burned", None, Verify("值班员", "探测器已烧毁，现场核实", "带班领导")),
    ],
)
def test_a_case_is_verified(sentence: str, cleared_at: float | None, command: Command) -> None:
    line = handled(cleared_at=cleared_at).at(330).say(command).say(Close("值班员", "已扑灭"))
    assert (line.only().handling, line.only().work.finding) == (Handling.CLOSED, Finding.FOUNDED), sentence


def test_every_caller_is_owed_a_word_and_the_case_stays_open_until_then() -> None:
    line = Line().signal(level="red")
    for call in ("call-1", "call-2", "call-1"):
        line.signal(call, "orange", began=len(line.lines()), **CALLED)
    assert [c.call for c in line.only().work.owed] == ["call-1", "call-2"]
    verified(line.at(10).say(Handle("网格长")))
    with pytest.raises(NotAllowed, match=r"2 caller\(s\) are owed a word"):
        line.say(Close("值班员"))
    line.say(CallBack("值班员", "call-1"))
    with pytest.raises(NotAllowed, match=r"1 caller\(s\) are owed a word"):
        line.say(Close("值班员"))
    with pytest.raises(NotAllowed, match="no caller of it is called"):
        line.say(CallBack("值班员", "call-9"))
    line.say(Close("值班员", "已扑灭", unreached="电话停机"))
    assert line.lines("closed")[0].detail["owed"] == 1
    assert line.lines("closed")[0].detail["unreached"] == "电话停机"


def test_a_caller_who_is_not_content_opens_the_case_one_level_higher_with_its_history() -> None:
    line = Line().signal("call-1", "red", **CALLED).at(5).say(Handle("网格长"))
    assert line.only().reached == "g1"
    verified(line).say(CallBack("值班员", "call-1", content=False, note="还在漏气"))
    alert = line.only()
    assert (alert.handling, alert.work.owed[0].note) == (Handling.NEW, "还在漏气")
    assert line.told()[-2:] == ["head1/sms", "head1/voice"], "the village, not the grid again"
    assert line.lines("lifted")[0].detail["was"] == "verified"
    assert {"handled", "verified", "called_back"} <= {e.what for e in line.lines()}
    assert "handled_at" not in alert.stages, "the end is measured anew"


@pytest.mark.parametrize(
    ("score", "then"), [(5, Handling.EVALUATED), (3, Handling.EVALUATED), (2, Handling.NEW), (1, Handling.NEW)]
)
def test_a_rating_ends_a_case_or_opens_it_again_one_level_higher(score: int, then: Handling) -> None:
    line = verified(handled()).say(Close("值班员")).at(60).say(Rate("居民", score))
    assert line.only().handling is then
    assert ("head1/voice" in line.told()) is (then is Handling.NEW)
    assert line.lines("rated")[0].detail["score"] == score


@pytest.mark.parametrize(
    ("sentence", "command", "why"),
    [
        ("no reason", Void("甲", "", "带班"), "needs a reason"),
        ("no approval", Void("甲", "重复录入"), "needs somebody's approval"),
        ("one's own approval", Void("甲", "重复录入", "甲"), "somebody else than who asks"),
    ],
)
def test_a_case_is_not_void_by_one_persons_word(sentence: str, command: Void, why: str) -> None:
    line = Line().signal(level="red")
    with pytest.raises(NotAllowed, match=why):
        line.say(command)
    assert line.only().handling is Handling.NEW, sentence


def test_a_false_alarm_is_unfounded() -> None:
    assert Line().signal().say(FalseAlarm("甲")).only().work.finding == Finding.UNFOUNDED
