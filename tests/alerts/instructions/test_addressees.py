"""Whom an instruction means, and what is said of those it does not reach."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.instructions.addressees import Because, Target, Unaddressable, address
from alerts.outcome import Why
from alerts.people.roster import Roster
from ingest.registry import GridLevel
from tests.alerts.office import PEOPLE, REGISTRY
from tests.scenarios.timeline import GRIDS


@pytest.mark.parametrize(
    ("sentence", "targets", "but", "expected"),
    [
        ("an area is everybody below it, the highest first", (Target(areas=("v1",)),), (), "head1 leader1 worker1 leader2"),
        ("a level of an area", (Target((GridLevel.GRID,), ("t1",)),), (), "leader1 worker1 leader2"),
        ("a level everywhere", (Target((GridLevel.VILLAGE,)),), (), "head1 head2"),
        ("two levels", (Target((GridLevel.VILLAGE, GridLevel.TOWNSHIP)),), (), "duty1 head1 head2"),
        ("a role of an area", (Target(areas=("t1",), roles=("grid_leader",)),), (), "leader1 leader2"),
        ("a person", (Target(people=("leader4",)),), (), "leader4"),
        ("targets add up, and nobody is there twice", (Target(areas=("g1",)), Target(roles=("grid_leader",))), (), "leader1 worker1 leader2 leader4"),
        ("without those left out", (Target(areas=("g1",)),), ("worker1",), "leader1"),
        ("straight to the grid, past every level between", (Target((GridLevel.GRID,), ("c",)),), (), "leader1 worker1 leader2 leader4"),
    ],
)  # fmt: skip
def test_targets_mean_people(sentence: str, targets: tuple[Target, ...], but: tuple[str, ...], expected: str) -> None:
    found = address(REGISTRY, Roster.of(PEOPLE), targets, but)
    assert [a.person.id for a in found.people] == expected.split(), sentence


def test_everybody_is_there_for_a_reason() -> None:
    targets = (Target((GridLevel.GRID,), ("v1",), ("grid_leader",)), Target(people=("leader1",)))
    found = {a.person.id: a.because for a in address(REGISTRY, Roster.of(PEOPLE), targets).people}
    assert found["leader1"] == (Because(1, "v1", "grid", "grid_leader"), Because(2, person="leader1"))
    assert found["leader2"] == (Because(1, "v1", "grid", "grid_leader"),)


@pytest.mark.parametrize(
    ("sentence", "targets", "but", "expected"),
    [
        ("a grid of the level without anybody", (Target((GridLevel.GRID,), ("v1",)),), (), {(Why.VACANT, "vacant")}),
        (
            "a grid of the level where nobody has the role",
            (Target((GridLevel.GRID,), ("v1",), ("worker",)),),
            (),
            {(Why.VACANT, "vacant"), (Why.NO_ROLE, "g2")},
        ),
        ("one area of two", (Target(areas=("vacant", "g1")),), (), {(Why.VACANT, "vacant")}),
        ("a role that nobody has", (Target(roles=("worker", "diver")),), (), {(Why.NO_ROLE, "diver")}),
        (
            "somebody who is named and lives elsewhere",
            (Target(areas=("t1",), people=("leader4", "leader1")),),
            (),
            {(Why.OUTSIDE, "leader4")},
        ),
        ("somebody left out by name", (Target(areas=("g1",)),), ("worker1",), {(Why.EXCLUDED, "worker1")}),
        ("somebody left out who was not meant: nothing", (Target(areas=("g1",)),), ("leader4",), set()),
    ],
)
def test_what_leads_to_nobody_is_said(sentence, targets, but, expected) -> None:
    found = address(REGISTRY, Roster.of(PEOPLE), targets, but)
    assert {(m.why, m.what) for m in found.missed} == expected, sentence


@pytest.mark.parametrize(
    ("sentence", "targets", "but", "message"),
    [
        ("no target", (), (), "names nothing"),
        ("an empty target does not mean the whole city", (Target(), Target(areas=("c",))), (), "names nothing"),
        ("a code that is no grid", (Target(areas=("c", "x9")),), (), "no grid 'x9'"),
        ("an id that is nobody's", (Target(people=("nobody",)),), (), "id 'nobody'"),
        ("an id left out that is nobody's", (Target(areas=("c",)),), ("nobody",), "id 'nobody'"),
        ("a vacant grid alone", (Target(areas=("vacant",)),), (), "vacant leads to nobody"),
        ("everybody left out", (Target(people=("leader1",)),), ("leader1",), "nobody is meant"),
    ],
)
def test_an_instruction_to_nobody_is_refused(sentence: str, targets, but, message: str) -> None:
    with pytest.raises(Unaddressable, match=message):
        address(REGISTRY, Roster.of(PEOPLE), targets, but)


@given(
    levels=st.sets(st.sampled_from(GridLevel), max_size=2),
    areas=st.sets(st.sampled_from([g.code for g in GRIDS]), max_size=2),
    roles=st.sets(st.sampled_from(sorted({p.role for p in PEOPLE})), max_size=2),
)
def test_a_target_that_names_more_means_no_more_people(levels, areas, roles) -> None:
    def meant(target: Target) -> set[str]:
        try:
            return {a.person.id for a in address(REGISTRY, Roster.of(PEOPLE), (target,)).people}
        except Unaddressable:
            return set()

    whole = Target(tuple(levels), tuple(areas), tuple(roles))
    for wider in (replace(whole, levels=()), replace(whole, areas=()), replace(whole, roles=())):
        if wider != Target():
            assert meant(whole) <= meant(wider)
