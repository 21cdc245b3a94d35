"""Two cases of one matter: merged under one, told once, and split again with their own times."""

from __future__ import annotations

import pytest

from alerts.alert import Alert, Condition, Handling, Reason
from alerts.commands import Acknowledge, CallBack, Close, FalseAlarm, Handle, Merge, Split, Verify
from alerts.conduct import UnknownAlert
from alerts.lifecycle import NotAllowed
from streams.calls import RULE as CALL
from streams.signal import Level, Origin
from tests.scenarios.timeline import Line

CALLED = {"rule": CALL, "origin": Origin.HOTLINE}


def pair(one: str = "orange", other: str = "orange") -> tuple[Line, Alert, Alert]:
    """A case in g1, and one in another township that nothing would merge by itself."""
    line = Line().signal("smoke-1", one, grid="g1").at(10).signal("call-7", other, grid="g4", **CALLED)
    first, second = sorted(line.alerts(), key=lambda a: a.stages["raised_at"])
    return line, first, second


def now(line: Line, alert: Alert) -> Alert:
    found = line.ledger.alert(alert.id)
    assert found is not None
    return found


def test_a_merged_case_rings_no_more_and_its_caller_is_owed_a_word_by_the_other() -> None:
    line, root, child = pair()
    line.say(Merge("甲", root.id), child)
    merged, goes_on = now(line, child), now(line, root)
    assert (merged.handling, merged.work.merged_into, merged.work.finding) == (Handling.MERGED, root.id, "duplicate")
    assert (goes_on.work.merged, goes_on.count) == ((child.id,), 2)
    assert [c.call for c in goes_on.work.owed] == ["call-7"]
    assert line.told(Reason.RESOLVED) == ["leader4/sms"], "whoever was told of it hears that it goes on elsewhere"
    before = len(line.notices())
    line.at(100_000)
    assert {n.alert for n in line.notices()[before:]} == {root.id}


def test_a_worse_case_that_is_merged_rings_where_it_goes_on() -> None:
    line, root, child = pair("orange", "red")
    line.say(Acknowledge("甲"), root).say(Merge("甲", root.id), child)
    goes_on = now(line, root)
    assert (goes_on.level, goes_on.handling) == (Level.RED, Handling.NEW)
    assert [n.alert for n in line.notices(Reason.WORSE)] == [root.id] * 2


def test_what_a_merged_case_still_says_is_heard_where_it_goes_on() -> None:
    line, root, child = pair()
    line.signal("smoke-4", "orange", grid="g4")
    line.say(Merge("甲", root.id), child)
    line.at(20).signal("smoke-4", "red", grid="g4", began=10)
    assert now(line, root).level is Level.RED
    assert len(line.alerts()) == 2, "no third case"
    line.at(30).signal("smoke-1", active=False, began=0, grid="g1")
    assert now(line, root).condition is Condition.ACTIVE
    line.signal("smoke-4", active=False, began=10, grid="g4")
    assert now(line, root).condition is Condition.CLEARED


def test_a_case_that_is_split_off_rings_for_itself_with_its_own_times() -> None:
    line, root, child = pair()
    line.say(Merge("甲", root.id), child).at(40).say(Split("甲", "两处不同的火"), now(line, child))
    apart, left = now(line, child), now(line, root)
    assert (apart.handling, apart.work.merged_into) == (Handling.NEW, "")
    assert apart.stages["raised_at"] == child.stages["raised_at"]
    assert (left.work.merged, left.work.owed, left.count) == ((), (), 1)
    assert [c.call for c in apart.work.owed] == ["call-7"]
    assert line.notices()[-1].alert == child.id


def test_a_caller_who_was_told_meanwhile_is_not_owed_it_again_after_a_split() -> None:
    line, root, child = pair()
    line.say(Merge("甲", root.id), child).say(Handle("网格长"), now(line, root))
    line.say(CallBack("甲", "call-7"), now(line, root)).say(Split("甲"), now(line, child))
    assert now(line, child).work.owed == ()


def test_the_end_of_the_case_is_the_end_of_those_that_were_merged_into_it() -> None:
    line, root, child = pair()
    line.say(Merge("甲", root.id), child).say(Handle("网格长"), now(line, root))
    line.say(Verify("甲", "看过", "带班"), now(line, root)).say(CallBack("甲", "call-7"), now(line, root))
    line.say(Close("甲", "扑灭"), now(line, root))
    assert [(e.alert, e.detail["into"]) for e in line.lines("followed")] == [(child.id, root.id)]


@pytest.mark.parametrize("sentence", ["into itself", "into one that is over", "into one that nobody knows"])
def test_what_cannot_be_merged_changes_nothing(sentence: str) -> None:
    line, root, child = pair()
    if sentence == "into one that is over":
        line.say(FalseAlarm("甲"), root)
    into = {"into itself": child.id, "into one that is over": root.id}.get(sentence, "nothing")
    before = line.ledger.tables.copy()
    with pytest.raises((NotAllowed, UnknownAlert)):
        line.say(Merge("甲", into), child)
    assert line.ledger.tables == before


def test_a_bell_that_had_stopped_because_it_cleared_goes_on_when_something_active_is_merged_into_it() -> None:
    line = Line().signal(level="yellow").at(10).signal(active=False, level="yellow", began=0)
    line.at(1900).signal("smoke-4", "yellow", grid="g4")
    stopped, other = line.alerts()
    assert (stopped.condition, stopped.escalate_at) == (Condition.CLEARED, None)
    line.say(Merge("值班员", stopped.id), other).at(1901)
    assert line.told(Reason.ESCALATE) == ["head1/sms"]


def test_an_active_case_that_is_merged_into_a_handled_one_that_had_cleared_brings_it_back() -> None:
    line, root, child = pair("red", "red")
    line.say(Handle("甲"), root).signal("smoke-1", active=False, level="red", began=0)
    line.at(20).signal("smoke-4", "red", grid="g4")
    line.at(30).say(Merge("甲", root.id), child)
    back = now(line, root)
    assert (back.handling, back.condition) == (Handling.NEW, Condition.ACTIVE)
    assert [n.person for n in line.notices(Reason.REPEAT) if n.alert == root.id] == ["leader1", "leader1"]


def test_a_split_case_knows_which_of_its_episodes_ended_meanwhile_and_hears_of_the_others() -> None:
    line = (
        Line().signal("smoke-1", "orange").signal("smoke-4", "orange", grid="g4").signal("smoke-5", "orange", grid="g4")
    )
    root, child = line.alerts()
    line.at(5).say(Merge("甲", root.id), child)
    line.at(6).signal("smoke-4", active=False, began=0, grid="g4").signal("smoke-5", "red", began=0, grid="g4")
    line.at(7).say(Split("甲"), child)
    assert len(now(line, child).active_keys) == 1
    line.at(8).signal("smoke-5", "red", active=False, began=0, grid="g4")
    assert (now(line, child).condition, now(line, root).condition) == (Condition.CLEARED, Condition.ACTIVE)


def test_a_split_case_whose_every_episode_ended_meanwhile_is_clear() -> None:
    line = Line().signal("smoke-1", "orange").signal("smoke-4", "orange", grid="g4")
    root, child = line.alerts()
    line.at(5).say(Merge("甲", root.id), child)
    line.at(6).signal("smoke-4", active=False, began=0, grid="g4").at(7).say(Split("甲"), child)
    apart = now(line, child)
    assert (apart.handling, apart.condition, apart.active_keys) == (Handling.NEW, Condition.CLEARED, ())
    assert apart.work.normal_since == line.now
