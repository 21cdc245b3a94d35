"""When a group is told: every branch of the decision table, the waits, and keys that no two groups share."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.grouping import Group, Log, Now, Timing, Told, group_key, look, needs_update, opens_at, sent
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
        (
            "nothing has changed for almost as long as the interval",
            log(A, ago=4 * HOUR - MINUTE),
            A,
            NONE,
            Told.NOTHING,
        ),
        ("nothing has changed for as long", log(A, ago=4 * HOUR), A, NONE, Told.REPEAT),
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


def group(before: Log | None = None, **but: object) -> Group:
    return replace(Group("k", "p", "sms", "yellow", NOW, before), **but)


def so(firing: frozenset[str] = NONE, resolved: frozenset[str] = NONE, answered: frozenset[str] = NONE) -> Now:
    return Now(firing, resolved, answered)


@pytest.mark.parametrize(
    ("says", "before", "now", "told"),
    [
        ("somebody has one of them: that is no news", log(AB), so(A, answered=B), Told.NOTHING),
        ("somebody has all of them: nobody is told that they are over", log(AB), so(answered=AB), Told.NOTHING),
        (
            "somebody has all of them, for longer: nobody is told again",
            log(AB, ago=9 * HOUR),
            so(answered=AB),
            Told.NOTHING,
        ),
        ("one is over and somebody has the other", log(AB), so(NONE, A, B), Told.SOME_RESOLVED),
        ("the last that somebody had is over", log(A), so(NONE, A), Told.ALL_RESOLVED),
        ("what was told left without a word, and nothing is left", log(A), so(), Told.NOTHING),
        ("what was told left without a word, and something else is wrong", log(A), so(B), Told.FIRST),
    ],
)
def test_what_somebody_has_and_what_left_without_a_word(says: str, before: Log, now: Now, told: Told) -> None:
    assert look(group(before), now, NOW, YELLOW) is told, says


@pytest.mark.parametrize(
    ("says", "before", "raised_ago", "opens_in"),
    [
        ("a new group waits for its siblings", None, timedelta(), timedelta(seconds=30)),
        ("it waits from when the alert was raised", None, timedelta(seconds=20), timedelta(seconds=10)),
        ("late already, it does not wait again", None, HOUR, timedelta()),
        ("a group that was told is looked at in its interval", group(log(A), flush_at=NOW + MINUTE), HOUR, MINUTE),
        ("its interval is past", group(log(A), flush_at=NOW - MINUTE), timedelta(), timedelta()),
        (
            "all of it was over: it is a new group",
            group(log(NONE, A), flush_at=NOW + MINUTE),
            timedelta(),
            timedelta(seconds=30),
        ),
    ],
)
def test_when_one_more_is_told(says: str, before: Group | None, raised_ago: timedelta, opens_in: timedelta) -> None:
    assert opens_at(before, NOW - raised_ago, NOW, YELLOW) == NOW + opens_in, says


def test_what_was_sent_is_written_down_with_when_it_is_told_again() -> None:
    timing = Timing(timedelta(seconds=30), 5 * MINUTE, 12 * MINUTE)
    after = sent(group(log(A), carrier="n1"), so(B, NONE, A), NOW, timing)
    assert after.log == Log(AB, NONE, NOW), "what somebody has was told all the same"
    assert (after.carrier, after.flush_at, after.repeat_at) == ("", NOW + 5 * MINUTE, NOW + 15 * MINUTE)
    assert sent(group(log(A)), so(NONE, A), NOW, timing).repeat_at is None
    assert sent(group(), so(A), NOW, replace(timing, repeat=timedelta())).repeat_at is None


@given(st.lists(st.sampled_from(["+a", "-a", "+b", "-b", "."]), max_size=30))
def test_whoever_was_told_that_something_is_wrong_is_told_when_it_is_over(story: list[str]) -> None:
    known, now, firing, resolved, wrong = group(), NOW, NONE, NONE, NONE
    for said in [*story, "."]:
        if said == ".":
            now += 5 * MINUTE
            over = resolved & (known.log.firing if known.log else NONE)
            told = look(known, Now(firing, over), now, YELLOW)
            if told is not Told.NOTHING:
                known, wrong = sent(known, Now(firing, over), now, YELLOW), firing
            resolved = NONE
            assert wrong == firing or firing <= wrong, "nothing new is kept back"
            assert bool(wrong) == bool(firing), "and nobody believes in what is over"
        elif said[0] == "+":
            firing, resolved = firing | {said[1]}, resolved - {said[1]}
        elif said[1] in firing:
            firing, resolved = firing - {said[1]}, resolved | {said[1]}


names = st.text(st.sampled_from('ab,|{}"[]: 网'), max_size=4)
parts = st.tuples(st.lists(names, max_size=3), st.dictionaries(names, names, max_size=2), st.lists(names, max_size=2))


@given(parts, parts)
def test_two_groups_never_share_a_key(one: tuple, other: tuple) -> None:
    assert (group_key(*one) == group_key(*other)) is (one == other)


@pytest.mark.parametrize(
    ("says", "one", "other"),
    [
        ("receivers differ", (["r"], {"grid": "g1"}, ["a"]), (["r"], {"grid": "g1"}, ["b"])),
        ("routes differ", (["r"], {"grid": "g1"}, ["a"]), (["r", "s"], {"grid": "g1"}, ["a"])),
        ("labels differ", (["r"], {"grid": "g1"}, ["a"]), (["r"], {"grid": "g2"}, ["a"])),
        ("a name that looks like two", (["r,s"], {}, ["a"]), (["r", "s"], {}, ["a"])),
    ],
)
def test_groups_are_told_apart_when(says: str, one: tuple, other: tuple) -> None:
    assert group_key(*one) != group_key(*other), says
