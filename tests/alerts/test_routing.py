"""Who is responsible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.outcome import Why
from alerts.roster import Roster
from alerts.routing import catcher, route, with_role
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
