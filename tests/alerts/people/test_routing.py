"""Who is responsible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.outcome import Why
from alerts.people.duty import EVERY_DAY, Duty, DutyKind
from alerts.people.roster import Roster
from alerts.people.routing import Moment, catcher, next_staffed, route, with_role
from ingest.registry import Grid, GridLevel, Registry
from tests.scenarios.timeline import GRIDS, PEOPLE, person

REGISTRY = Registry.of(GRIDS, ())
ROSTER = Roster.of(PEOPLE)


@pytest.mark.parametrize(
    ("sentence", "grid", "above", "people", "level", "skipped"),
    [
        ("the grid's own people, first asked first", "g1", "", ["leader1", "worker1"], "g1", []),
        ("a vacant grid goes to its village", "vacant", "", ["head1"], "v1", [Why.VACANT]),
        ("up from a grid is its village", "g1", "g1", ["head1"], "v1", []),
        ("up from a village is its township", "g1", "v1", ["duty1"], "t1", []),
        ("up passes over a township without people", "g4", "v2", ["county", "catcher"], "c", [Why.VACANT]),
        ("above the top stands the top", "g1", "c", ["county", "catcher"], "c", [Why.TOP]),
        ("an unknown grid goes to the catcher", "nowhere", "", ["catcher"], "c", [Why.UNPLACED]),
        ("no grid goes to the catcher", "", "", ["catcher"], "c", [Why.UNPLACED]),
    ],
)
def test_the_lowest_staffed_level_answers(
    sentence: str, grid: str, above: str, people: list[str], level: str, skipped: list[Why]
) -> None:
    found = route(REGISTRY, ROSTER, grid, above=above)
    assert [p.id for p in found.people] == people, sentence
    assert found.grid == level
    assert [s.why for s in found.skipped] == skipped


@pytest.mark.parametrize(
    ("sentence", "people", "caught"),
    [
        ("the role catcher", [person("a", "c", "duty_officer"), person("b", "t1", "catcher")], ["b"]),
        ("else the highest duty officer", [person("a", "t1", "duty_officer"), person("b", "c", "duty_officer")], ["b"]),
        ("else everybody of the highest level", [person("a", "g1", "leader"), person("b", "v1", "head")], ["b"]),
        ("else nobody", [], []),
    ],
)
def test_the_catcher_takes_what_nobody_else_does(sentence: str, people: list[object], caught: list[str]) -> None:
    assert [p.id for p in catcher(REGISTRY, Roster.of(people)).people] == caught, sentence


def test_a_line_without_anybody_ends_at_the_catcher_with_every_reason() -> None:
    found = route(REGISTRY, Roster.of([person("far", "g4", "catcher")]), "g1")
    assert [p.id for p in found.people] == ["far"]
    assert [(s.why, s.what) for s in found.skipped] == [(Why.VACANT, c) for c in ("g1", "v1", "t1", "c")]


def test_a_role_is_looked_for_above_whoever_was_told_last() -> None:
    assert [p.id for p in with_role(REGISTRY, ROSTER, "duty_officer", "g1", above="v1").people] == ["duty1"]
    assert [p.id for p in with_role(REGISTRY, ROSTER, "duty_officer", "g1", above="t1").people] == ["county"]
    missing = with_role(REGISTRY, ROSTER, "fire_brigade", "g1")
    assert ([p.id for p in missing.people], missing.skipped[0].why) == (["catcher"], Why.NO_ROLE)


@given(
    st.lists(st.sampled_from([g.code for g in GRIDS]), min_size=1, max_size=9),
    st.sampled_from([*(g.code for g in GRIDS), "", "nowhere"]),
)
def test_while_anybody_is_enrolled_somebody_is_found_and_climbing_never_goes_down(
    staffed: list[str], grid: str
) -> None:
    roster = Roster.of([person(f"p{i}", code, "leader") for i, code in enumerate(staffed)])
    found = route(REGISTRY, roster, grid)
    assert found.people
    height = {g.code: g.level.height for g in GRIDS}
    for _ in range(8):
        higher = route(REGISTRY, roster, grid, above=found.grid)
        assert higher.people
        assert height[higher.grid] >= height[found.grid] or any(s.why is Why.VACANT for s in higher.skipped)
        found = higher


def test_a_loop_in_the_tree_ends() -> None:
    loop = Registry.of([Grid("a", "甲", GridLevel.GRID, "b"), Grid("b", "乙", GridLevel.VILLAGE, "a")], ())
    assert route(loop, Roster(), "a").people == ()


NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)  # Monday noon in China
NIGHT = {
    who: Duty(DutyKind.SHIFT, who, EVERY_DAY, 20 * 60, 8 * 60)
    for who in ("leader1", "worker1", "head1", "duty1", "catcher")
}


@pytest.mark.parametrize(
    ("sentence", "off", "gone", "people", "level", "skipped"),
    [
        ("whoever is on duty is asked", ["leader1"], [], ["worker1"], "g1", []),
        ("a level of which nobody is on duty is passed over", ["leader1", "worker1"], [], ["head1"], "v1", [(Why.OFF_DUTY, "g1")]),
        (
            "each with its own reason", ["leader1", "worker1"], ["head1"], ["duty1"], "t1",
            [(Why.OFF_DUTY, "g1"), (Why.UNREACHABLE, "v1")],
        ),
        ("a person nothing reaches is passed over for the next one", [], ["leader1"], ["worker1"], "g1", [(Why.UNREACHABLE, "leader1")]),
        (
            "off duty and out of reach is a level out of reach", ["leader1"], ["worker1"], ["head1"], "v1",
            [(Why.UNREACHABLE, "g1")],
        ),
    ],
)  # fmt: skip
def test_who_is_not_on_duty_or_out_of_reach_is_passed_over(
    sentence: str, off: list[str], gone: list[str], people: list[str], level: str, skipped: list[tuple[Why, str]]
) -> None:
    roster = Roster.of(PEOPLE, [NIGHT[who] for who in off])
    found = route(REGISTRY, roster, "g1", moment=Moment(NOW, NOW, frozenset(gone)))
    assert ([p.id for p in found.people], found.grid) == (people, level), sentence
    assert [(s.why, s.what) for s in found.skipped] == skipped


@pytest.mark.parametrize(
    ("sentence", "off", "gone", "caught", "skipped"),
    [
        ("the catcher takes it", [], [], ["catcher"], []),
        ("off duty, the highest duty officer does", ["catcher"], [], ["county"], []),
        ("out of reach, too", [], ["catcher"], ["county"], []),
        (
            "when nothing reaches anybody, the catcher is told all the same", [], [p.id for p in PEOPLE], ["catcher"],
            [Why.UNREACHABLE],
        ),
    ],
)  # fmt: skip
def test_the_catcher_is_never_empty(
    sentence: str, off: list[str], gone: list[str], caught: list[str], skipped: list[Why]
) -> None:
    roster = Roster.of(PEOPLE, [NIGHT[who] for who in off])
    found = catcher(REGISTRY, roster, Moment(NOW, NOW, frozenset(gone)))
    assert [p.id for p in found.people] == caught, sentence
    assert [s.why for s in found.skipped] == skipped


def test_rather_than_nobody_somebody_off_duty_is_told() -> None:
    everybody = [Duty(DutyKind.ABSENT, p.id) for p in PEOPLE]
    found = route(REGISTRY, Roster.of(PEOPLE, everybody), "g1", moment=Moment(NOW, NOW))
    assert [p.id for p in found.people] == ["catcher"]
    assert [s.why for s in found.skipped] == [Why.OFF_DUTY] * 4 + [Why.UNREACHABLE, Why.OFF_DUTY]


def test_a_catcher_may_be_called_so_in_chinese() -> None:
    people = [person("a", "c", "duty_officer"), person("b", "t1", "兜底人员")]
    assert [p.id for p in catcher(REGISTRY, Roster.of(people)).people] == ["b"]


def test_a_role_that_is_off_duty_is_looked_for_higher_up() -> None:
    roster = Roster.of(PEOPLE, [NIGHT["duty1"]])
    found = with_role(REGISTRY, roster, "duty_officer", "g1", moment=Moment(NOW, NOW))
    assert ([p.id for p in found.people], [(s.why, s.what) for s in found.skipped]) == (
        ["county"],
        [(Why.OFF_DUTY, "t1")],
    )


def test_whoever_stands_in_has_the_role_of_the_post() -> None:
    swap = Duty(DutyKind.STAND_IN, "leader4", instead_of="duty1")
    found = with_role(REGISTRY, Roster.of(PEOPLE, [swap]), "duty_officer", "g1", moment=Moment(NOW, NOW))
    assert ([p.id for p in found.people], found.grid) == (["leader4"], "t1")


def test_a_level_with_somebody_again_is_the_one_that_is_found() -> None:
    roster = Roster.of(PEOPLE, [NIGHT["leader1"], NIGHT["worker1"]])
    evening = NOW + timedelta(hours=8)
    assert next_staffed(REGISTRY, roster, ["g1"], Moment(NOW, NOW)) == evening
    assert route(REGISTRY, roster, "g1", moment=Moment(evening, NOW)).grid == "g1"
    assert next_staffed(REGISTRY, roster, ["vacant"], Moment(NOW, NOW)) is None
    assert next_staffed(REGISTRY, roster, ["vacant", "v1"], Moment(NOW, NOW)) == NOW
