"""When a group is told: every branch of the decision table, the waits, and keys that no two groups share."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.grouping import Group, Log, Timing, Told, flush, group_key, join, needs_update, resolve
from tests.alerts.quiet.bells import HOUR, MINUTE, NOW

NONE: frozenset[str] = frozenset()
A, B, AB = frozenset("a"), frozenset("b"), frozenset("ab")
YELLOW = Timing(timedelta(seconds=30))


def log(firing: frozenset[str], resolved: frozenset[str] = NONE, ago: timedelta = MINUTE) -> Log:
    return Log(firing, resolved, NOW - ago)


@pytest.mark.parametrize(
    ("says", "before", "firing", "resolved", "told"),
    [
        ("nobody was told and something is wrong", None, A, NONE, Told.FIRST),
        ("nobody was told and it is over already", None, NONE, A, Told.NOTHING),
        ("something is wrong that was not told", log(A), AB, NONE, Told.NEW_ALERTS),
        ("something else is wrong than what was told", log(A), B, A, Told.NEW_ALERTS),
        ("it was told that all is over, and it begins again", log(NONE, A), A, NONE, Told.FIRST),
        ("everything that was told is over", log(A), NONE, A, Told.ALL_RESOLVED),
        ("all was over, and something came and went since", log(NONE, A), NONE, B, Told.NOTHING),
        ("some of it is over", log(AB), A, B, Told.SOME_RESOLVED),
        ("some of it is over, and that was told", log(A, B), A, B, Told.NOTHING),
        ("nothing has changed", log(A), A, NONE, Told.NOTHING),
        ("nothing has changed for as long as the interval", log(A, ago=4 * HOUR), A, NONE, Told.NOTHING),
        ("nothing has changed for longer", log(A, ago=4 * HOUR + MINUTE), A, NONE, Told.REPEAT),
        ("less is wrong than was told, for longer", log(AB, B, 5 * HOUR), A, NONE, Told.REPEAT),
    ],
)
def test_the_decision_table(says: str, before: Log | None, firing: frozenset, resolved: frozenset, told: Told) -> None:
    assert needs_update(before, firing, resolved, NOW, repeat=4 * HOUR, send_resolved=True) is told, says


@pytest.mark.parametrize(
    ("says", "before", "firing", "resolved", "told"),
    [
        ("some of it is over", log(AB), A, B, Told.NOTHING),
        ("everything is over: that is told so that the log is cleared", log(A), NONE, A, Told.ALL_RESOLVED),
    ],
)
def test_a_receiver_that_wants_no_endings(
    says: str, before: Log, firing: frozenset, resolved: frozenset, told: Told
) -> None:
    assert needs_update(before, firing, resolved, NOW, repeat=4 * HOUR, send_resolved=False) is told, says


def test_a_group_waits_for_its_siblings_and_is_told_once() -> None:
    group = join(None, "k", "a", raised_at=NOW, now=NOW, timing=YELLOW)
    assert flush(group, NOW + timedelta(seconds=29), YELLOW) == (group, Told.NOTHING)
    group = join(group, "k", "b", raised_at=NOW + MINUTE, now=NOW + MINUTE, timing=YELLOW)
    assert group.flush_at == NOW + timedelta(seconds=30), "a sibling does not put it off"
    group, told = flush(group, NOW + MINUTE, YELLOW)
    assert (told, group.log) == (Told.FIRST, Log(AB, NONE, NOW + MINUTE))
    assert group.flush_at == NOW + 6 * MINUTE


def test_what_came_and_went_within_the_wait_is_never_mentioned() -> None:
    group = resolve(join(None, "k", "a", raised_at=NOW, now=NOW, timing=YELLOW), "a")
    assert flush(group, NOW + MINUTE, YELLOW)[1] is Told.NOTHING


def test_what_is_late_already_does_not_wait_again() -> None:
    assert join(None, "k", "a", raised_at=NOW - HOUR, now=NOW, timing=YELLOW).flush_at == NOW


def test_red_does_not_wait() -> None:
    group = join(None, "k", "a", raised_at=NOW, now=NOW, timing=Timing(timedelta()))
    assert flush(group, NOW, Timing(timedelta()))[1] is Told.FIRST


def test_an_ending_is_told_and_what_begins_again_after_it_is_told_as_the_first() -> None:
    group, _ = flush(join(None, "k", "a", raised_at=NOW, now=NOW, timing=YELLOW), NOW + MINUTE, YELLOW)
    group, told = flush(resolve(group, "a"), NOW + 10 * MINUTE, YELLOW)
    assert told is Told.ALL_RESOLVED
    group = join(group, "k", "a", raised_at=NOW + 11 * MINUTE, now=NOW + 11 * MINUTE, timing=YELLOW)
    assert flush(group, NOW + 20 * MINUTE, YELLOW)[1] is Told.FIRST


@given(st.lists(st.sampled_from(["+a", "-a", "+b", "-b", "."]), max_size=30))
def test_whoever_was_told_that_something_is_wrong_is_told_when_it_is_over(story: list[str]) -> None:
    group, now, wrong = Group("k", NOW), NOW, NONE
    for said in [*story, "."]:
        if said == ".":
            now += 5 * MINUTE
            group, told = flush(group, now, YELLOW)
            wrong = group.firing if told is not Told.NOTHING else wrong
            assert wrong == group.firing or (told is Told.NOTHING and group.firing <= wrong), "nothing new is kept back"
            assert bool(wrong) == bool(group.firing), "and nobody believes in what is over"
        elif said[0] == "+":
            group = join(group, "k", said[1], raised_at=now, now=now, timing=YELLOW)
        else:
            group = resolve(group, said[1])


names = st.text(st.sampled_from('ab,|{}"[]: 网'), max_size=4)
parts = st.tuples(st.lists(names, max_size=3), st.dictionaries(names, names, max_size=2), names)


@given(parts, parts)
def test_two_groups_never_share_a_key(one: tuple, other: tuple) -> None:
    assert (group_key(*one) == group_key(*other)) is (one == other)


@pytest.mark.parametrize(
    ("says", "one", "other"),
    [
        ("receivers differ", (["r"], {"grid": "g1"}, "a"), (["r"], {"grid": "g1"}, "b")),
        ("routes differ", (["r"], {"grid": "g1"}, "a"), (["r", "s"], {"grid": "g1"}, "a")),
        ("labels differ", (["r"], {"grid": "g1"}, "a"), (["r"], {"grid": "g2"}, "a")),
        ("a name that looks like two", (["r,s"], {}, "a"), (["r", "s"], {}, "a")),
    ],
)
def test_groups_are_told_apart_when(says: str, one: tuple, other: tuple) -> None:
    assert group_key(*one) != group_key(*other), says
