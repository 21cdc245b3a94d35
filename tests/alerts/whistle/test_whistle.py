"""The whistle as a value: what leads where, what a repeat does, what time brings, and what holds whatever happens in whatever order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts.outcome import Why
from alerts.whistle.policy import Matter, WhistlePolicy
from alerts.whistle.reminders import lapse, remind
from alerts.whistle.whistle import (
    MOVES,
    REMINDERS,
    UNITS,
    Act,
    Blown,
    Standing,
    TaskState,
    Tell,
    To,
    Unit,
    Whistle,
    WhistleRefused,
    next_due,
)
from alerts.whistle.whistling import Wanted, accept, attend, blow, call_off, close, name, report, send_back

T0 = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FIRE, ROADS, TRADE = (
    Unit("fire", "消防", ("p1",)),
    Unit("roads", "城管", ("p2",)),
    Unit("trade", "市监", (), ("trade",)),
)
PLAN = WhistlePolicy(
    county="county_centre",
    departments=MappingProxyType({u.id: u for u in (FIRE, ROADS, TRADE)}),
    matters=MappingProxyType({"stalls": Matter("stalls", "占道经营", (ROADS, TRADE), 1200.0, 7200.0)}),
)


def whistle(matter: str = "stalls", **but: str) -> Whistle:
    return blow(1, Wanted("清溪镇", "t1", matter, **but), PLAN, T0).whistle


def brought(state: TaskState, unit: str = "roads") -> Whistle:
    """A whistle of the standard matter with one unit so far."""
    made = whistle()
    if state is TaskState.CALLED:
        return made
    made = attend(made, unit, "甲", T0).whistle
    if state is TaskState.ATTENDED:
        return made
    made = report(made, unit, "甲", "已清理", T0).whistle
    if state is TaskState.RETURNED:
        return send_back(made, unit, "县中心", "照片不清").whistle
    return accept(made, unit, "县中心", T0).whistle if state is TaskState.ACCEPTED else made


DO: dict[Act, Callable[[Whistle], Blown]] = {
    Act.ATTEND: lambda w: attend(w, "roads", "甲", T0),
    Act.REPORT: lambda w: report(w, "roads", "甲", "再次清理", T0),
    Act.ACCEPT: lambda w: accept(w, "roads", "县中心", T0),
    Act.SEND_BACK: lambda w: send_back(w, "roads", "县中心", "还有两处"),
}
# What has happened already is said again: nothing changes, and nobody is refused.
REPEATS = {(s, Act.ATTEND) for s in TaskState if s is not TaskState.CALLED} | {
    (TaskState.ACCEPTED, Act.ACCEPT),
    (TaskState.RETURNED, Act.SEND_BACK),
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("state", TaskState)
def test_every_act_leads_where_the_table_says_or_repeats_or_is_refused(state: TaskState, act: Act) -> None:
    before = brought(state)
    if (state, act) in MOVES:
        assert DO[act](before).whistle.task("roads").state is MOVES[state, act]
    elif (state, act) in REPEATS:
        assert DO[act](before) == Blown(before)
    else:
        with pytest.raises(WhistleRefused, match=r"城管 is .*, so it cannot .*; from here: "):
            DO[act](before)


def test_a_standard_matter_calls_its_units_at_once_and_the_first_leads() -> None:
    made = blow(1, Wanted("清溪镇", "t1", "stalls", "夜市外溢"), PLAN, T0)
    one = made.whistle
    assert (one.standard, one.standing, one.lead, one.matter) == (True, Standing.CALLED, "roads", "占道经营")
    assert [t.attend_by for t in one.tasks] == [T0 + 20 * MINUTE] * 2
    assert one.deadline == T0 + 2 * HOUR
    assert [(t.what, t.to, t.unit) for t in made.tells] == [("lead", To.UNIT, "roads"), ("call", To.UNIT, "trade")]
    assert [(line.what, line.why) for line in made.lines] == [
        ("whistled", Why.STANDARD_MATTER),
        ("unit_called", ""),
        ("unit_called", ""),
    ]


def test_any_other_matter_asks_the_county_centre_and_calls_nobody_yet() -> None:
    made = blow(1, Wanted("清溪镇", "t1", "废弃矿洞积水"), PLAN, T0)
    assert (made.whistle.standing, made.whistle.tasks, made.whistle.standard) == (Standing.BLOWN, (), False)
    assert made.whistle.name_by == T0 + 30 * MINUTE
    assert [(t.what, t.to) for t in made.tells] == [("ask", To.COUNTY)]
    assert [line.why for line in made.lines] == [Why.OTHER_MATTER]


def test_the_county_centre_names_units_with_a_lead_and_a_deadline_and_further_ones_later() -> None:
    asked = whistle("废弃矿洞积水")
    named = name(asked, "县中心", ("fire", "roads"), PLAN, T0 + 5 * MINUTE, lead="roads", deadline=T0 + 9 * HOUR)
    one = named.whistle
    assert (one.lead, one.deadline, one.name_by) == ("roads", T0 + 9 * HOUR, None)
    assert [(t.what, t.unit) for t in named.tells] == [("call", "fire"), ("lead", "roads")]
    more = name(one, "县中心", ("fire", "trade"), PLAN, T0 + HOUR)
    assert [(t.what, t.unit) for t in more.tells] == [("call", "trade")], "who was called is not called again"
    assert [t.attend_by for t in more.whistle.tasks] == [T0 + 35 * MINUTE] * 2 + [T0 + 90 * MINUTE]
    assert more.whistle.deadline == one.deadline
    led = name(more.whistle, "县中心", (), PLAN, T0 + HOUR, lead="trade")
    assert [(t.what, t.unit) for t in led.tells] == [("lead", "trade")]
    assert name(led.whistle, "县中心", ("fire",), PLAN, T0 + HOUR, lead="trade") == Blown(led.whistle)


@pytest.mark.parametrize(
    ("sentence", "act", "why"),
    [
        ("nothing is to be done", lambda: blow(1, Wanted("镇", "t1", "  "), PLAN, T0), "1 to 100 characters"),
        ("a matter of a whole page", lambda: blow(1, Wanted("镇", "t1", "占" * 101), PLAN, T0), "into the note"),
        (
            "a deadline that has passed",
            lambda: blow(1, Wanted("镇", "t1", "stalls", deadline=T0), PLAN, T0),
            "has passed",
        ),
        ("nobody is named", lambda: name(whistle("矿洞"), "县", (), PLAN, T0), "at least one unit"),
        ("a lead of nobody", lambda: name(whistle("矿洞"), "县", (), PLAN, T0, lead="fire"), "at least one unit"),
        ("a department nobody knows", lambda: name(whistle("矿洞"), "县", ("x",), PLAN, T0), "there are fire, roads"),
        ("a lead that was not called", lambda: name(whistle(), "县", (), PLAN, T0, lead="fire"), "was not called"),
        (
            "the deadline of all is moved",
            lambda: name(whistle(), "县", ("fire",), PLAN, T0, deadline=T0 + HOUR),
            "cannot be moved",
        ),
        ("a unit that was not called", lambda: attend(whistle(), "fire", "甲", T0), "the units are roads, trade"),
        ("a unit before any is named", lambda: attend(whistle("矿洞"), "fire", "甲", T0), "not named yet"),
        ("a report without words", lambda: report(brought(TaskState.ATTENDED), "roads", "甲", " ", T0), "in words"),
        (
            "the report that was sent back",
            lambda: report(brought(TaskState.RETURNED), "roads", "甲", "已清理", T0),
            "was sent back .照片不清.",
        ),
        (
            "no reason to send back",
            lambda: send_back(brought(TaskState.REPORTED), "roads", "县", " "),
            "needs a reason",
        ),
        ("the reporter's own yes", lambda: accept(brought(TaskState.REPORTED), "roads", "甲", T0), "somebody else"),
        ("the reporter's own no", lambda: send_back(brought(TaskState.REPORTED), "roads", "甲", "差"), "somebody else"),
        ("closing too early", lambda: close(brought(TaskState.ACCEPTED), "县", T0), "still waited for: 市监"),
        ("closing what nobody was named for", lambda: close(whistle("矿洞"), "县", T0), "has named no unit"),
        ("calling off without a reason", lambda: call_off(whistle(), "镇", "", T0), "needs a reason"),
    ],
)
def test_what_cannot_be_done_says_why_and_what_to_do(sentence: str, act: Callable[[], Blown], why: str) -> None:
    with pytest.raises(WhistleRefused, match=why):
        act()


def finished() -> Blown:
    made = brought(TaskState.ACCEPTED)
    made = attend(made, "trade", "乙", T0).whistle
    return accept(report(made, "trade", "乙", "已约谈", T0).whistle, "trade", "县中心", T0 + HOUR, score=4)


def test_with_the_last_accepted_report_it_is_over_and_the_county_is_told() -> None:
    made = finished()
    assert (made.whistle.standing, made.whistle.over_by, made.whistle.open) == (Standing.DONE, "县中心", False)
    assert [(t.what, t.to) for t in made.tells] == [("over", To.COUNTY)]
    assert [line.what for line in made.lines] == ["report_accepted", "whistle_over"]
    assert made.answered == (0,), "what has not left yet is called back"
    assert made.whistle.task("trade").score == 4
    assert next_due(made.whistle) is None
    assert accept(made.whistle, "trade", "县中心", T0 + HOUR) == Blown(made.whistle)
    assert close(made.whistle, "县中心", T0) == Blown(made.whistle)


def test_what_is_over_takes_nothing_new() -> None:
    over, off = finished().whistle, call_off(whistle(), "镇", "误吹", T0).whistle
    for act in (
        lambda w: name(w, "县", ("fire",), PLAN, T0),
        lambda w: report(w, "trade", "乙", "补充", T0),
        lambda w: remind(w, "k", "镇"),
    ):
        for one in (over, off):
            with pytest.raises(WhistleRefused, match="blow another"):
                act(one)
    with pytest.raises(WhistleRefused, match="every report was accepted"):
        call_off(over, "镇", "不用了", T0)
    assert call_off(off, "镇", "误吹", T0) == Blown(off)
    assert lapse(off, T0 + timedelta(days=9)) == Blown(off)


def test_a_whistle_that_is_called_off_tells_everybody_who_is_still_at_it() -> None:
    off = call_off(brought(TaskState.ACCEPTED), "镇", "已自行解决", T0)
    assert [(t.what, t.unit) for t in off.tells] == [("called_off", "trade")]
    asked = call_off(whistle("矿洞"), "镇", "误吹", T0)
    assert [(t.what, t.to) for t in asked.tells] == [("called_off", To.COUNTY)]


def test_a_report_that_is_sent_back_is_told_to_the_unit_and_the_deadline_stays() -> None:
    before = brought(TaskState.REPORTED)
    back = send_back(before, "roads", "县中心", "照片不清")
    assert [(t.what, t.unit, t.turn) for t in back.tells] == [("returned", "roads", 1)]
    assert (back.whistle.deadline, next_due(back.whistle)) == (before.deadline, next_due(before))
    again = report(back.whistle, "roads", "甲", "补拍", T0).whistle
    assert [t.turn for t in send_back(again, "roads", "县中心", "仍不清").tells] == [2], "a second time is another time"


def test_time_brings_each_thing_to_the_level_above_once_and_reminds_whoever_owes_it() -> None:
    late = lapse(whistle(), T0 + 20 * MINUTE)
    assert [(t.what, t.to, t.unit) for t in late.tells] == [
        ("again_attend", To.UNIT, "roads"),
        ("late", To.ABOVE, "roads"),
        ("again_attend", To.UNIT, "trade"),
        ("late", To.ABOVE, "trade"),
    ]
    assert {line.why for line in late.lines} == {Why.ATTENDANCE}
    assert lapse(late.whistle, T0 + 21 * MINUTE) == Blown(late.whistle)
    assert next_due(late.whistle) == T0 + 2 * HOUR
    there = attend(late.whistle, "roads", "甲", T0 + 30 * MINUTE)
    assert there.lines[0].detail["late"] is True
    missed = lapse(there.whistle, T0 + 2 * HOUR)
    assert [(t.what, t.unit) for t in missed.tells] == [
        ("again_report", "roads"),
        ("again_attend", "trade"),
        ("missed", ""),
    ]
    assert missed.lines[0].detail["units"] == "城管、市监"
    assert next_due(missed.whistle) is None
    assert missed.whistle.open, "it is overdue and not forgotten"


def test_a_county_centre_that_names_nobody_is_told_about_one_level_above_it() -> None:
    slow = lapse(whistle("矿洞"), T0 + 30 * MINUTE)
    assert [(t.what, t.to) for t in slow.tells] == [("unnamed", To.ABOVE_COUNTY)]
    assert [line.why for line in slow.lines] == [Why.UNNAMED]
    missed = lapse(slow.whistle, T0 + timedelta(days=1))
    assert [(t.what, t.to) for t in missed.tells] == [("missed", To.ABOVE)]


def test_whoever_asks_reminds_those_who_owe_something_once_for_a_key() -> None:
    first = remind(brought(TaskState.REPORTED), "k1", "县中心")
    assert [(t.what, t.unit) for t in first.tells] == [("again_attend", "trade")], "who has reported owes nothing"
    assert remind(first.whistle, "k1", "县中心") == Blown(first.whistle)
    assert [t.turn for t in remind(first.whistle, "k2", "县中心").tells] == [2]
    both = report(attend(first.whistle, "trade", "乙", T0).whistle, "trade", "乙", "好", T0).whistle
    with pytest.raises(WhistleRefused, match="judge the reports"):
        remind(both, "k3", "县中心")
    assert [t.what for t in remind(whistle("矿洞"), "k", "镇").tells] == ["ask"]
    tired = whistle()
    for i in range(REMINDERS):
        tired = remind(tired, str(i), "镇").whistle
    with pytest.raises(WhistleRefused, match="telephone those"):
        remind(tired, "more", "镇")


def test_one_whistle_calls_no_more_units_than_can_be_followed() -> None:
    many = {f"u{i}": Unit(f"u{i}", str(i), ("p",)) for i in range(UNITS + 1)}
    with pytest.raises(WhistleRefused, match="an instruction reaches more"):
        name(whistle("矿洞"), "县", tuple(many), WhistlePolicy(departments=many), T0)


class Whistles(RuleBasedStateMachine):
    """Everything people and time can do to one whistle, in any order; what is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.told: list[Tell] = []
        self.count = 0

    @initialize(matter=st.sampled_from(["stalls", "废弃矿洞积水"]))
    def blown(self, matter: str) -> None:
        made = blow(1, Wanted("清溪镇", "t1", matter), PLAN, self.now)
        self.whistle = made.whistle
        self.told += made.tells

    def do(self, act: Callable[[Whistle], Blown]) -> None:
        before = self.whistle
        try:
            made = act(before)
        except WhistleRefused:
            return
        assert (made.whistle != before) == bool(made.lines), "law 5: what changed is on the timeline"
        assert before.open or made.whistle == before, "what is over stays as it is"
        assert act(made.whistle) == Blown(made.whistle), "said again it changes nothing and tells nobody"
        fixed = [(t.unit, t.called_at, t.attend_by) for t in before.tasks]
        assert [(t.unit, t.called_at, t.attend_by) for t in made.whistle.tasks][: len(fixed)] == fixed
        assert not before.tasks or made.whistle.deadline == before.deadline, "the deadline of all stands"
        self.whistle = made.whistle
        self.told += made.tells

    @rule(minutes=st.integers(0, 400))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        self.do(lambda w: lapse(w, self.now))
        due = next_due(self.whistle)
        assert due is None or due > self.now, "nothing that has come is left over"

    @rule(units=st.lists(st.sampled_from(["fire", "roads", "trade"]), max_size=3), lead=st.sampled_from(["", "fire"]))
    def named(self, units: list[str], lead: str) -> None:
        self.do(lambda w: name(w, "县中心", tuple(units), PLAN, self.now, lead=lead))

    @rule(unit=st.sampled_from(["fire", "roads", "trade"]))
    def attended(self, unit: str) -> None:
        self.do(lambda w: attend(w, unit, "甲", self.now))

    @rule(unit=st.sampled_from(["fire", "roads", "trade"]), text=st.sampled_from(["已办", "补办"]))
    def reported(self, unit: str, text: str) -> None:
        self.do(lambda w: report(w, unit, "甲", text, self.now))

    @rule(unit=st.sampled_from(["fire", "roads", "trade"]), by=st.sampled_from(["县中心", "甲"]))
    def accepted(self, unit: str, by: str) -> None:
        self.do(lambda w: accept(w, unit, by, self.now))

    @rule(unit=st.sampled_from(["fire", "roads", "trade"]))
    def sent_back(self, unit: str) -> None:
        self.do(lambda w: send_back(w, unit, "县中心", "不够"))

    @rule(key=st.sampled_from("abc"))
    def reminded(self, key: str) -> None:
        self.do(lambda w: remind(w, key, "镇"))

    @precondition(lambda self: self.count > 6)
    @rule()
    def called_off(self) -> None:
        self.do(lambda w: call_off(w, "镇", "不需要了", self.now))

    @invariant()
    def holds(self) -> None:
        self.count += 1
        one = self.whistle
        accepted = bool(one.tasks) and not one.outstanding
        assert (one.standing is Standing.DONE) == accepted, "over when every report is accepted, and only then"
        times = Counter((t.what, t.unit, t.turn) for t in self.told)
        assert max(times.values()) == 1, "each thing is told once: its notice has a key of its own"
        for what, most in (("unnamed", 1), ("missed", 1), ("over", 1)):
            assert sum(t.what == what for t in self.told) <= most
        assert ("over" in {t.what for t in self.told}) == accepted
        assert one.standing is Standing.BLOWN or one.lead or not one.tasks
        assert not one.tasks or one.lead in {t.unit.id for t in one.tasks}
        assert one.open or next_due(one) is None


TestWhistles = Whistles.TestCase
