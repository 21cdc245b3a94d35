"""What becomes of what is held for one person over one channel: what goes, what goes together, what is dropped, what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Condition, Handling, Notice, NoticeState, Reason
from alerts.delivery.bundles import RECHECK, Plan, View, plan
from alerts.quiet.budgets import Budget, Let
from alerts.quiet.grouping import Group, Log, Told
from ingest.events import Place
from streams.signal import Level
from tests.alerts.quiet.bells import HOUR, MINUTE, NOW
from tests.alerts.quiet.held_line import CARD, YELLOW

NONE: frozenset[str] = frozenset()
BUSY = (Let(NOW - timedelta(seconds=20), ""),)


def alert(ident: str, **but: object) -> Alert:
    made = Alert(ident, f"water/{ident}", "water", Level.YELLOW, Place("g1", "t1"), stages={"raised_at": NOW})
    return replace(made, **but)


def held(ident: str, **but: object) -> Notice:
    made = Notice(f"n-{ident}", ident, "p", "李四", "leader", "g1", "sms", Reason.FIRST, Level.YELLOW, ident, NOW, NOW)
    return replace(made, state=NoticeState.HELD, **but)


def planned(*notices: Notice, alerts: tuple[Alert, ...] = (), groups: tuple[Group, ...] = (), **but: object) -> Plan:
    about = {n.alert: alert(n.alert) for n in notices} | {a.id: a for a in alerts}
    view = View(notices, {g.key: g for g in groups}, about, **but)
    return plan(view, YELLOW, NOW)


def riders(made: Plan) -> list[list[str]]:
    return [[n.alert for n in message.riders] for message in made.messages]


@pytest.mark.parametrize(
    ("says", "found", "why"),
    [
        ("the sensor is normal again", {"condition": Condition.CLEARED}, "returned_to_normal"),
        ("somebody has it", {"handling": Handling.DISPATCHED}, "acknowledged"),
        ("the case is over", {"handling": Handling.CLOSED}, "over"),
        ("it is worse by now, and that was said", {"level": Level.RED}, "worse"),
        ("it is less bad by now: that rings nobody, and was not said", {"level": Level.BLUE}, None),
        ("nothing has changed", {}, None),
    ],
)
def test_what_has_no_meaning_any_more_is_dropped(says: str, found: dict[str, object], why: str | None) -> None:
    made = planned(held("a"), alerts=(alert("a", **found),))
    assert [w for _, w in made.dropped] == ([why] if why else []), says
    assert riders(made) == ([] if why else [["a"]]), says


def test_the_same_case_waits_once_and_the_oldest_stays() -> None:
    again = held("a", reason=Reason.REPEAT, key="later", created_at=NOW + MINUTE)
    made = planned(again, held("a"))
    assert [(n.key, w) for n, w in made.dropped] == [("later", "collapsed")]
    assert riders(made) == [["a"]]


def test_an_ending_is_not_the_same_as_its_beginning() -> None:
    made = planned(held("a", reason=Reason.RESOLVED), alerts=(alert("a", handling=Handling.CLOSED),))
    assert riders(made) == [["a"]]


@pytest.mark.parametrize(
    ("says", "before", "budgets", "messages", "waits"),
    [
        ("without a budget each goes by itself", (), (), [["a"], ["b"]], None),
        ("one may go: both go as one", (), (CARD,), [["a", "b"]], None),
        ("two may go", (), (Budget("sms", ((HOUR, 2),)),), [["a"], ["b"]], None),
        ("none may go", BUSY, (CARD,), [], timedelta(seconds=40)),
    ],
)
def test_budgets(
    says: str, before: tuple[Let, ...], budgets: tuple[Budget, ...], messages: list[list[str]], waits: timedelta | None
) -> None:
    made = planned(held("a"), held("b"), before=before, budgets=budgets)
    assert riders(made) == messages, says
    assert {(at - NOW, why) for _, at, why in made.kept} == ({(waits, "budget")} if waits else set()), says
    assert len(made.before) == len(before) + len(messages), "every message counts"


GROUPED = {"bundle": "k"}


def group(**but: object) -> Group:
    return replace(Group("k", "p", "sms", "yellow", NOW), **but)


@pytest.mark.parametrize(
    ("says", "known", "messages", "waits"),
    [
        ("a new group is told when its first has waited", None, [["a", "b"]], None),
        (
            "one that was told waits for its interval",
            group(log=Log(frozenset("x"), NONE, NOW), flush_at=NOW + MINUTE),
            [],
            MINUTE,
        ),
        ("its last message is on its way", group(carrier="c"), [], RECHECK),
    ],
)
def test_groups(says: str, known: Group | None, messages: list[list[str]], waits: timedelta | None) -> None:
    sibling = held("b", due_at=NOW + timedelta(seconds=20), **GROUPED)
    made = planned(held("a", **GROUPED), sibling, groups=(known,) if known else ())
    assert riders(made) == messages, says
    assert {(at - NOW, why) for _, at, why in made.kept} == ({(waits, "grouped")} if waits else set()), says


def test_a_chain_that_says_again_what_the_group_has_said_is_not_heard_twice() -> None:
    told = group(log=Log(frozenset("a"), NONE, NOW - 10 * MINUTE), flush_at=NOW - 5 * MINUTE)
    made = planned(held("a", reason=Reason.REPEAT, **GROUPED), groups=(told,))
    assert [w for _, w in made.dropped] == ["group_unchanged"]
    assert made.groups["k"].repeat_at == NOW - 10 * MINUTE + 4 * HOUR


def test_a_group_is_told_again_without_any_new_notice() -> None:
    told = group(log=Log(frozenset("ab"), NONE, NOW - 4 * HOUR), flush_at=NOW - HOUR, repeat_at=NOW)
    made = planned(alerts=(alert("a"), alert("b", handling=Handling.ACKNOWLEDGED)), groups=(told,))
    ((message),) = made.messages
    assert (message.told, message.riders, message.again) == (Told.REPEAT, (), ("a",))


def test_a_level_that_the_policy_groups_no_longer_goes_by_itself() -> None:
    view = View((held("a", **GROUPED),), {"k": group(repeat_at=NOW)}, {"a": alert("a")})
    made = plan(view, {}, NOW)
    assert riders(made) == [["a"]]
    assert made.groups["k"].repeat_at is None


reasons = st.sampled_from([Reason.FIRST, Reason.REPEAT, Reason.ESCALATE, Reason.RESOLVED])
states = st.sampled_from([Handling.NEW, Handling.NEW, Handling.ACKNOWLEDGED, Handling.CLOSED])
notices = st.lists(
    st.tuples(st.sampled_from("abcdef"), reasons, st.sampled_from(["", "k", "l"]), st.integers(-60, 60)), max_size=12
)


@given(
    notices,
    st.dictionaries(st.sampled_from("abcdef"), states),
    st.sampled_from([(), (CARD,)]),
    st.integers(0, 300),
    st.booleans(),
)
def test_everything_that_is_held_goes_is_dropped_or_waits_for_something_that_comes(
    some: list[tuple[str, Reason, str, int]],
    found: dict[str, Handling],
    budgets: tuple[Budget, ...],
    ago: int,
    told: bool,
) -> None:
    waiting = tuple(
        held(ident, key=f"n{n}", reason=reason, bundle=bundle, due_at=NOW + timedelta(seconds=due))
        for n, (ident, reason, bundle, due) in enumerate(some)
    )
    known = (
        (group(log=Log(frozenset("ab"), NONE, NOW - HOUR), flush_at=NOW - timedelta(seconds=150 - ago)),)
        if told
        else ()
    )
    before = (Let(NOW - timedelta(seconds=ago), ""),)
    alerts = tuple(alert(ident, handling=handling) for ident, handling in found.items())
    made = planned(*waiting, alerts=alerts, groups=known, budgets=budgets, before=before)
    gone = [n.key for message in made.messages for n in message.riders] + [n.key for n, _ in made.dropped]
    kept = {n.key: at for n, at, _ in made.kept}
    assert len(gone) == len(set(gone)), "each leaves in one way"
    assert not set(gone) & set(kept)
    for one in waiting:
        if one.key not in gone:
            assert kept.get(one.key, one.due_at) > NOW, f"{one} is forgotten"
    limit = 1 if budgets else len(waiting)
    assert len(made.messages) <= limit
    assert not (budgets and ago < 60 and made.messages), "nothing goes over a budget"
