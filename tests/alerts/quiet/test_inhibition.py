"""A worse alert at the same place or gateway says it all; nothing keeps itself shut, and life-safety rings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.quiet.bell import LIFE_SAFETY, Bell
from alerts.quiet.inhibition import Label, Rule, Side, concerning, inhibitor, worst_needed
from streams.signal import Level
from tests.alerts.quiet.bells import bell

PLACE = Rule("place", Side(at_least=Level.RED), Side(at_most=Level.YELLOW), (Label.GRID,))
GATEWAY = Rule("gateway", Side(kinds=("gateway_silent",)), Side(), (Label.GATEWAY,))
RULES = (PLACE, GATEWAY)
FIRE = bell("fire", kind="fire", level=Level.RED)
SILENT = bell("silent", kind="gateway_silent", subjects=("gw-1",), level=Level.YELLOW, grid="g9")


@pytest.mark.parametrize(
    ("says", "one", "source", "kept"),
    [
        ("a red one in the grid keeps a yellow one shut", bell(), FIRE, True),
        ("not one in another grid", bell(grid="g2"), FIRE, False),
        ("not an orange one: the rule says up to yellow", bell(level=Level.ORANGE), FIRE, False),
        ("an orange one is not enough", bell(), replace(FIRE, level=Level.ORANGE), False),
        ("a silent gateway keeps the blue ones of its devices shut", bell(level=Level.BLUE, grid="g3"), SILENT, True),
        ("not those of another gateway", bell(level=Level.BLUE, grid="g3", gateways=("gw-2",)), SILENT, False),
        (
            "not one that came through another gateway too",
            bell(level=Level.BLUE, grid="g3", gateways=("gw-1", "gw-2")),
            SILENT,
            False,
        ),
        ("not one that came through none", bell(level=Level.BLUE, grid="g3", gateways=("",)), SILENT, False),
        ("not one that is as bad as itself", bell(level=Level.YELLOW, grid="g3"), SILENT, False),
        ("a place that is missing equals one that is missing", bell(grid=""), replace(FIRE, grid=""), True),
        ("a place that is missing is no other place", bell(grid=""), FIRE, False),
        ("nothing keeps itself shut", replace(FIRE, level=Level.YELLOW), FIRE, False),
    ],
)
def test_inhibition(says: str, one: Bell, source: Bell, kept: bool) -> None:
    assert (inhibitor(one, [source], RULES) == source) is kept, says
    assert (inhibitor(one, [source], RULES) is None) is not kept, says


def test_the_worst_source_is_named_and_of_equals_the_first() -> None:
    rule = Rule("any", Side(), Side(), (Label.GRID,))
    sources = [bell("z", level=Level.RED), bell("b", level=Level.RED), bell("a", level=Level.ORANGE)]
    assert inhibitor(bell(), sources, (rule,)) == sources[1]


bells = st.builds(
    bell,
    st.sampled_from("abcd"),
    kind=st.sampled_from(["fire", "gas", "sos", "water", "gateway_silent"]),
    level=st.sampled_from(list(Level)),
    grid=st.sampled_from(["g1", "g2", ""]),
    gateways=st.sampled_from([("gw-1",), ("gw-2",), ("",)]),
)
sides = st.builds(Side, st.sampled_from([(), ("water",)]), st.sampled_from(list(Level)), st.sampled_from(list(Level)))
rules = st.lists(
    st.builds(Rule, st.just("r"), sides, sides, st.sampled_from([(Label.GRID,), (Label.GATEWAY,), tuple(Label)]))
)


@given(bells, st.lists(bells), rules)
def test_whatever_the_rules_say_only_a_worse_one_keeps_a_bell_shut_and_never_red_life_safety(
    one: Bell, others: list[Bell], said: list[Rule]
) -> None:
    found = inhibitor(one, others, said)
    if found is None:
        return
    assert found.level.rank > one.level.rank
    assert found.alert != one.alert
    assert not (one.level is Level.RED and one.kind in LIFE_SAFETY)
    rules_of_it = concerning(one.kind, one.level, said)
    assert rules_of_it, "a bell that some rule keeps shut is one that sources are looked for"
    assert found.level.rank >= worst_needed(one.level, rules_of_it).rank, "and among those that are looked at"
