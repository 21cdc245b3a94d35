"""The hotline's work orders from their arrival to their last report, on a virtual time line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.alert import Handling, NoticeState, Reason
from alerts.closing_commands import Rate
from alerts.commands import Accept, Acknowledge, CallBack, Close, Contact, Dispatch, GiveBack, Handle, Merge, Split
from alerts.outcome import NotAllowed
from alerts.work import Finding
from ingest.events import Mark, Point
from streams.orders import HOT
from streams.signal import Level
from tests.scenarios.ordering import Hotline, later, said
from tests.scenarios.timeline import START, placed


def done(desk: Hotline, number: str, text: str = "已清理") -> None:
    case = desk.case(number)
    for command in (
        Acknowledge("王"),
        Dispatch("王", "worker1"),
        Accept("worker1"),
        Contact("worker1"),
        Handle("worker1", text),
    ):
        desk.line.say(command, case)


def test_an_order_without_a_word_of_an_emergency_is_a_case_with_its_own_number_and_clocks() -> None:
    desk = Hotline()
    desk.order("1001", urgency="normal", category="噪声扰民")
    case = desk.case("1001")
    assert (case.kind, case.level, case.handling) == ("noise", Level.BLUE, Handling.NEW)
    assert case.subjects == ("1001",)
    assert {clock.name for clock in case.work.clocks} == {"contact", "accept", "close"}
    assert desk.line.told() == [], "an ordinary order is on the desk only"
    desk.line.at(3600)
    assert desk.line.told(Reason.SUPERVISE), "but its clocks speak to the level above"


def test_an_urgent_order_is_told_once_and_its_emergency_word_rings_as_one() -> None:
    desk = Hotline()
    desk.order("1", urgency="urgent")
    assert (desk.case("1").kind, desk.case("1").level) == ("request", Level.YELLOW)
    assert desk.line.told(Reason.FIRST) == ["leader1/sms"]
    desk.order("2", text="三楼冒黑烟", urgency="normal", grid="g4")
    assert (desk.case("2").kind, desk.case("2").level) == ("fire", Level.ORANGE)


@pytest.mark.parametrize("days", [1, 30])
def test_an_old_order_is_a_case_and_no_fire(days: int) -> None:
    desk = Hotline()
    desk.order("1", text="三楼冒黑烟", at=START - timedelta(days=days), marks=Mark.LATE)
    assert (desk.case("1").kind, desk.case("1").level) == ("request", Level.BLUE)


def test_an_order_that_is_done_or_only_a_test_or_was_done_before_its_earlier_state_came_is_no_case() -> None:
    desk = Hotline()
    desk.order("1", "closed")
    desk.order("1", "dispatched", at=START - timedelta(hours=1))
    desk.order("2", "dispatched", marks=Mark.TEST)
    assert desk.line.alerts() == []


def test_orders_come_again_whole_and_out_of_order_and_change_nothing() -> None:
    desk = Hotline()
    states = [("received", "甲局", 30), ("dispatched", "甲局", 0), ("handling", "乙局", 20)]
    for _ in range(2):
        for state, unit, at in states:
            desk.order("1", state, unit=unit, at=later(at))
    case = desk.case("1")
    assert {(s.unit, s.state) for s in case.work.orders[0].stands} == {("甲局", "received"), ("乙局", "handling")}
    assert [e.detail["state"] for e in desk.line.lines("order_moved")] == ["dispatched", "handling"]
    assert [e.why for e in desk.line.lines("order_moved")] == ["late", ""]
    assert case.count == 1
    assert len(case.work.callers) == 1


def test_the_limit_of_the_order_is_the_limit_of_its_closing() -> None:
    desk = Hotline()
    desk.order("1", due_at=later(86400))
    closing = next(c for c in desk.case("1").work.clocks if c.name == "close")
    assert closing.due == later(86400)
    desk.line.at(60)
    desk.order("1", "delay_requested", due_at=later(5 * 86400))
    closing = next(c for c in desk.case("1").work.clocks if c.name == "close")
    assert closing.due == later(5 * 86400), "an extension of the platform holds"
    desk.order("2", due_at=later(60 - 3600), grid="g4")
    late = next(c for c in desk.case("2").work.clocks if c.name == "close")
    assert late.due == later(60 - 3600)
    desk.line.at(120)
    assert [e.alert for e in desk.line.lines("clock_overdue") + desk.line.lines("clock_breach")] == [desk.case("2").id]


def test_where_a_sensor_spoke_as_well_an_order_may_only_hasten_the_closing() -> None:
    desk = Hotline()
    desk.line.signal("smoke-1", "orange", grid="g1")
    desk.order("1", text="三楼冒黑烟", due_at=later(30 * 86400))
    case = desk.case("1")
    assert set(case.origins) == {"sensor", "hotline"}
    closing = next(c for c in case.work.clocks if c.name == "close")
    assert closing.due is not None
    assert closing.due < later(2 * 86400)


def test_every_step_is_written_back_once_with_its_result() -> None:
    desk = Hotline()
    desk.order("1")
    done(desk, "1", "已清理，联系人13800138000")
    desk.line.say(CallBack("王", "1"), desk.case("1")).say(Close("王", "楼道已清空"), desk.case("1"))
    assert desk.written() == ["1 accepted", "1 contacted", "1 handled", "1 closed"]
    reports = [said(n) for n in desk.line.notices(Reason.ORDER)]
    assert [r["seq"] for r in reports] == [1, 2, 3, 4]
    assert reports[2]["text"] == "已清理，联系人138****8000"
    assert (reports[3]["text"], reports[3]["finding"]) == ("楼道已清空", "founded")
    assert len(desk.line.lines("order_report")) == 4
    assert [e.detail["reason"] for e in desk.line.lines("delivered")][-1] == "order"
    assert Reason.RESOLVED not in {n.reason for n in desk.line.notices() if n.person == "1"}


def test_what_is_written_back_is_never_called_back_and_moves_no_stage() -> None:
    desk = Hotline()
    desk.line.provider = lambda notice: None if notice.reason is Reason.ORDER else NoticeState.DELIVERED
    desk.order("1")
    done(desk, "1")
    desk.line.say(CallBack("王", "1"), desk.case("1")).say(Close("王"), desk.case("1"))
    assert {n.state for n in desk.line.notices(Reason.ORDER)} == {NoticeState.QUEUED}
    desk.line.provider = lambda _: NoticeState.DELIVERED
    before = desk.case("1").stages
    desk.line.send()
    assert {n.state for n in desk.line.notices(Reason.ORDER)} == {NoticeState.DELIVERED}
    assert desk.case("1").stages == before


def test_given_back_says_why_and_another_unit_accepts_anew() -> None:
    desk = Hotline()
    desk.order("1", urgency="urgent")
    case = desk.case("1")
    desk.line.say(Dispatch("王", "leader1"), case).say(Accept("leader1"), case).say(
        GiveBack("leader1", "属住建局职责"), case
    )
    desk.line.say(Dispatch("王", "leader2"), case).say(Accept("leader2"), case)
    assert desk.written() == ["1 accepted", "1 returned", "1 accepted"]
    assert said(desk.line.notices(Reason.ORDER)[1])["text"] == "属住建局职责"


def test_what_is_not_ours_is_returned_and_what_was_not_over_is_reopened() -> None:
    desk = Hotline()
    desk.order("1")
    done(desk, "1")
    close = Close("王", "属邻县", Finding.NOT_RESPONSIBLE, unreached="已告知平台")
    desk.line.say(close, desk.case("1"))
    assert desk.written()[-1] == "1 returned"
    desk.order("2", grid="g4")
    done(desk, "2")
    desk.line.say(CallBack("王", "2"), desk.case("2")).say(Close("王"), desk.case("2"))
    desk.line.say(Rate("王", 1), desk.case("2"))
    assert desk.written("2") == ["2 accepted", "2 contacted", "2 handled", "2 closed", "2 reopened"]


def test_a_platform_that_sends_it_again_opens_the_case_again_and_an_echo_does_not() -> None:
    desk = Hotline()
    desk.order("1")
    done(desk, "1")
    desk.line.say(CallBack("王", "1"), desk.case("1")).say(Close("王"), desk.case("1")).at(60)
    desk.order("1", "visited")
    desk.order("1", "handling", at=later(59))
    assert desk.case("1").handling is Handling.CLOSED
    desk.line.at(120)
    desk.order("1", "reopened")
    assert desk.case("1").handling is Handling.NEW
    assert desk.written()[-1] == "1 reopened"


def test_a_platform_that_ends_an_order_closes_no_case_and_hears_no_more() -> None:
    desk = Hotline()
    desk.order("1")
    desk.line.at(10)
    desk.order("1", "void")
    assert not desk.case("1").handling.over
    done(desk, "1")
    assert desk.written() == []


def test_without_a_door_to_the_platform_the_timeline_says_so() -> None:
    desk = Hotline(platforms=frozenset())
    desk.order("1")
    done(desk, "1")
    assert desk.line.notices(Reason.ORDER) == []
    assert [e.why for e in desk.line.lines("not_told") if e.detail.get("reason") == Reason.ORDER] == ["no_door"] * 3


def test_one_matter_of_several_orders_is_dispatched_once_and_every_order_and_caller_hears() -> None:
    desk = Hotline()
    here = Point(30.1, 103.2)
    desk.order("1", category="路面坑洼", place=placed("g1", here))
    desk.line.at(600)
    desk.order("2", category="道路破损", place=placed("g1", Point(30.1001, 103.2)))
    desk.order("3", category="催办", about="1", grid="g2")
    case = desk.case("1")
    assert [o.number for o in case.work.orders] == ["1", "2", "3"]
    assert len(desk.line.alerts()) == 1
    done(desk, "1")
    assert sorted(desk.written()) == sorted(f"{n} {r}" for n in "123" for r in ("accepted", "contacted", "handled"))
    desk.line.at(900)
    desk.order("4", category="路面坑洼", place=placed("g1", here))
    assert desk.written("4") == ["4 accepted", "4 contacted", "4 handled"], "an order that comes last hears at once"
    assert [c.call for c in case.work.owed] == ["1", "2", "3"]
    with pytest.raises(NotAllowed, match="4 caller"):
        desk.line.say(Close("王"), case)


def test_merging_takes_orders_along_and_splitting_gives_them_back_as_they_are() -> None:
    desk = Hotline()
    desk.order("1")
    desk.order("2", grid="g2")
    one, two = desk.case("1"), desk.case("2")
    desk.line.say(Merge("王", two.id), one)
    assert {o.number for o in desk.case("1").work.orders} == {"1", "2"}
    desk.line.say(Dispatch("王", "leader2"), two).say(Accept("leader2"), two)
    assert sorted(desk.written()) == ["1 accepted", "2 accepted"]
    desk.order("1", "received", unit="甲局")
    desk.line.say(Split("王"), one)
    assert [o.number for o in desk.case("2").work.orders] == ["2"]
    apart = desk.case("1")
    assert apart.id == one.id
    assert (apart.work.orders[0].sent, apart.work.orders[0].stands[-1].state) == (1, "received")
    desk.order("1", "handling", unit="乙局")
    assert desk.case("1").work.orders[0].stands[-1].unit == "乙局", "what comes next is about the one split off"
    desk.line.say(Dispatch("王", "leader1"), apart).say(Accept("leader1"), apart).say(Handle("leader1", "好"), apart)
    assert desk.written("1") == ["1 accepted", "1 handled"]
    assert desk.written("2") == ["2 accepted"]
    keys = [n.key for n in desk.line.notices(Reason.ORDER)]
    assert len(keys) == len(set(keys))


def test_a_confidential_order_owes_no_caller_a_word_and_is_written_back_all_the_same() -> None:
    desk = Hotline()
    desk.order("1", secret=True)
    assert desk.case("1").work.callers == ()
    done(desk, "1")
    desk.line.say(Close("王"), desk.case("1"))
    assert desk.written()[-1] == "1 closed"


def test_many_calls_of_one_kind_are_one_incident_of_the_area_which_is_dispatched_once() -> None:
    desk = Hotline()
    for n in range(8):
        desk.line.at(n * 60)
        point = Point(30.1 + n * 0.01, 103.2)
        desk.order(f"{n}", category="小区停水", urgency="urgent", place=placed("g1", point))
    (incident,) = [a for a in desk.line.alerts() if a.kind == HOT]
    assert (incident.place.grid, incident.level) == ("v1", Level.ORANGE)
    members = [a for a in desk.line.alerts() if a.kind == "water_supply"]
    assert set(incident.work.members) == {a.id for a in members}
    assert {a.work.area for a in members} == {incident.id}
    last = desk.case("7")
    assert [e.why for e in desk.line.lines("hushed") if e.alert == last.id] == ["inhibited"]
    assert [n for n in desk.line.notices(Reason.FIRST) if n.alert == last.id] == []
    assert [c.call for c in last.work.owed] == ["7"], "its caller is owed a word all the same"
    with pytest.raises(NotAllowed, match="area incident"):
        desk.line.say(Dispatch("王", "worker1"), last)
    desk.line.say(Dispatch("王", "worker1", note="孤寡老人，单独送水"), last)
    desk.line.say(Dispatch("王", "head1"), incident)
    desk.line.at(3 * 3600)
    assert len([a for a in desk.line.alerts() if a.kind == HOT]) == 1


def test_once_the_incident_is_over_the_bells_of_its_calls_are_free_again() -> None:
    desk = Hotline()
    for n in range(8):
        desk.line.at(n * 60)
        desk.order(f"{n}", category="小区停水", urgency="urgent", place=placed("g1", Point(30.1 + n * 0.01, 103.2)))
    incident = next(a for a in desk.line.alerts() if a.kind == HOT)
    last = desk.case("7")
    desk.line.say(Handle("head1", "已恢复供水"), incident)
    desk.line.at(1200)
    assert [n for n in desk.line.notices() if n.alert == last.id and n.reason is Reason.FIRST] == []
    for command in (Close("王", "已恢复"),):
        incident_now = next(a for a in desk.line.alerts() if a.kind == HOT)
        if incident_now.work.rules.verify:
            from alerts.commands import Verify

            desk.line.say(Verify("李"), incident_now)
        desk.line.say(command, incident_now)
    desk.line.at(1500)
    assert [n.person for n in desk.line.notices() if n.alert == last.id and n.reason is Reason.FIRST] == ["leader1"]
