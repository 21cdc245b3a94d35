"""What a platform hears, whatever people do with a case: a story it can follow, each sentence once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.alert import Handling, Reason
from alerts.closing_commands import CallBack, Close, FalseAlarm, Rate, Reopen, Verify, Void
from alerts.commands import (
    Accept,
    Acknowledge,
    Arrive,
    Command,
    Contact,
    Dispatch,
    GiveBack,
    Handle,
    Merge,
    Split,
)
from alerts.orders.order import Linked, Report, due, linked, moved, without
from alerts.outcome import NotAllowed
from alerts.work import Finding
from ingest.orders import Order
from tests.scenarios.ordering import Hotline, said
from tests.scenarios.timeline import START

NUMBERS = ("1", "2")
COMMANDS: tuple[Command, ...] = (
    Acknowledge("王"), Dispatch("王", "leader1"), Dispatch("王", "worker1"), GiveBack("leader1", "不归我管"), Accept("leader1"), Contact("leader1"),
    Arrive("leader1"), Handle("leader1", "好了"), Verify("李"), CallBack("王", "1"), CallBack("王", "2", content=False), Close("王", "好", unreached="关机"),
    Close("王", "不归本县", Finding.NOT_RESPONSIBLE, unreached="关机"), Rate("王", 1), Rate("王", 5), FalseAlarm("王"), Void("王", "重复", "李"), Reopen("王"),
)  # fmt: skip
STATES = ("dispatched", "received", "handling", "visited", "reopened", "closed")
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, len(COMMANDS) - 1), st.integers(0, 1)),
        st.tuples(st.just("order"), st.sampled_from(STATES), st.integers(0, 1)),
        st.tuples(st.just("merge"), st.just(0), st.integers(0, 1)),
        st.tuples(st.just("split"), st.just(0), st.integers(0, 1)),
    ),
    max_size=25,
)
# What may come after what; the first may be anything that begins a story.
ENDS = {Report.CLOSED, Report.RETURNED}
AGAIN = {Report.REOPENED, Report.RETURNED}


def follows(before: list[Report], report: Report) -> bool:
    """Whether a platform can make sense of a report after those before it."""
    since = before[max((n + 1 for n, r in enumerate(before) if r in AGAIN), default=0) :]
    if report in {Report.ACCEPTED, Report.HANDLED, Report.CLOSED}:
        return report not in since
    if report is Report.CONTACTED:
        return report not in before
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HAPPENINGS)
def test_whatever_people_do_a_platform_hears_a_story_it_can_follow(some: list[tuple[str, object, int]]) -> None:
    desk = Hotline()
    for number, grid in zip(NUMBERS, ("g1", "g2"), strict=True):
        desk.order(number, grid=grid)
    ids = [desk.case(number).id for number in NUMBERS]
    for what, how, which in some:
        desk.line.at((desk.line.now - START).total_seconds() + 60)
        before = list(desk.line.notices(Reason.ORDER))
        try:
            match what:
                case "say":
                    desk.line.say(COMMANDS[int(str(how))], desk.line.ledger.alert(ids[which]))
                case "order":
                    desk.order(NUMBERS[which], str(how), unit="甲局")
                case "merge":
                    desk.line.say(Merge("王", ids[1 - which]), desk.line.ledger.alert(ids[which]))
                case _:
                    desk.line.say(Split("王"), desk.line.ledger.alert(ids[which]))
        except NotAllowed:
            assert desk.line.notices(Reason.ORDER) == before, "what is refused is not reported"
    heard: dict[str, list[Report]] = defaultdict(list)
    for notice in sorted(desk.line.notices(Reason.ORDER), key=lambda n: (n.person, n.step)):
        told = heard[notice.person]
        assert said(notice)["seq"] == notice.step == len(told) + 1, "numbered without a hole"
        assert follows(told, Report(said(notice)["report"])), (told, said(notice)["report"])
        told.append(Report(said(notice)["report"]))
    for number in NUMBERS:
        case = desk.case(number)
        (order,) = [o for o in case.work.orders if o.number == number]
        assert order.sent == len(heard[number])
        if case.handling in {Handling.CLOSED, Handling.EVALUATED} and not order.ended:
            assert heard[number][-1] in ENDS
    assert len(desk.line.lines("order_report")) == sum(map(len, heard.values())), "every report is on the timeline"


ORDERS = st.builds(
    lambda unit, state, minutes, due_in: Order(
        "p", "1", state, START + timedelta(minutes=minutes), unit, START + timedelta(days=due_in) if due_in else None
    ),
    st.sampled_from("甲乙"), st.sampled_from(STATES), st.integers(0, 9), st.integers(0, 3),
)  # fmt: skip


@given(st.lists(ORDERS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_how_an_order_stands_does_not_depend_on_the_order_in_which_its_states_come(some: list[Order], chance) -> None:
    once = {(o.unit, o.at): o for o in some}  # what one unit says of one instant is one thing
    states = list({o.at: o for o in once.values()}.values())
    shuffled = list(states)
    chance.shuffle(shuffled)

    def all_of(orders: list[Order]) -> Linked:
        known = linked(orders[0], START)
        for order in (*orders[1:], *orders):
            known, _ = moved(known, order)
        return known

    one, other = all_of(states), all_of(shuffled)
    assert {(s.unit, s.state, s.at) for s in one.stands} == {(s.unit, s.state, s.at) for s in other.stands}
    assert one.heard_at == other.heard_at
    assert one.ended == other.ended
    again, news = moved(one, states[0])
    assert (again, news) == (one, False) or states[0].at != max(s.at for s in one.stands)


def test_the_earliest_limit_of_those_that_go_on_counts() -> None:
    early, late = (Linked("p", str(n), START, due_at=START + timedelta(days=n)) for n in (1, 2))
    ended, _ = moved(early, Order("p", "1", "void", START))
    assert due((early, late)) == early.due_at
    assert due((ended, late)) == late.due_at
    assert due(()) is None
    assert without((early, late), (replace(late, title="other"),)) == (early,)
