"""A drill is named, happens somewhere, tells listed people, and counts only with two approvals beside its author's wish."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from alerts.quiet.bell import Matcher
from alerts.quiet.drill import Drill, approve, drill, end
from alerts.quiet.hush import Rehearsal
from alerts.quiet.terms import NotQuiet, Standing
from streams.signal import Level
from tests.alerts.quiet.bells import HOUR, LENGTHS, MINUTE, NOW, bell

FIRE = bell(kind="fire", level=Level.RED)


def asked(**but: object) -> Drill:
    wish = {
        "name": "消防演练", "matcher": Matcher(kinds=("fire",), grids=("t1",)), "people": ("leader1",), "by": "甲", "starts_at": NOW,
        "ends_at": NOW + HOUR, **but,
    }  # fmt: skip
    return drill(wish.pop("name"), wish.pop("matcher"), wish.pop("people"), **wish, lengths=LENGTHS, now=NOW)


@pytest.mark.parametrize(
    ("says", "but", "why"),
    [
        ("it has no name", {"name": ""}, "say why"),
        ("it happens nowhere", {"matcher": Matcher(kinds=("fire",))}, "somewhere"),
        ("nobody takes part", {"people": ()}, "at least one"),
        ("it lasts a day", {"ends_at": NOW + 24 * HOUR}, "the longest is"),
    ],
)
def test_a_drill_cannot_be_when(says: str, but: dict, why: str) -> None:
    with pytest.raises(NotQuiet, match=why):
        asked(**but)


@pytest.mark.parametrize("pair", list(combinations_with_replacement(["甲", "乙", "丙"], 2)))
def test_a_drill_needs_two_different_people_beside_its_author(pair: tuple[str, str]) -> None:
    one = asked()
    for by in pair:
        try:
            one = approve(one, by, NOW)
        except NotQuiet:
            assert by == "甲", "only the author's own approval is refused"
    counts = set(pair) == {"乙", "丙"}
    assert one.standing(NOW) is (Standing.ACTIVE if counts else Standing.UNAPPROVED)
    assert (one.rehearsal(FIRE, NOW) is not None) is counts


def test_approvals_that_were_written_past_the_rule_do_not_count_either() -> None:
    assert (
        Drill("d", "演练", Matcher(grids=("t1",)), ("p",), "甲", NOW, NOW + HOUR, ("甲", "乙")).rehearsal(FIRE, NOW)
        is None
    )
    assert (
        Drill("d", "演练", Matcher(grids=("t1",)), ("p",), "甲", NOW, NOW + HOUR, ("乙", "乙")).rehearsal(FIRE, NOW)
        is None
    )


def test_a_drill_lasts_from_its_start_to_its_end_and_is_about_its_place() -> None:
    one = approve(approve(asked(), "乙", NOW), "丙", NOW)
    assert one.rehearsal(FIRE, NOW) == Rehearsal(one.id, "消防演练", ("leader1",), NOW + HOUR)
    assert one.rehearsal(FIRE, NOW - MINUTE) is None
    assert one.rehearsal(FIRE, NOW + HOUR) is None
    assert one.rehearsal(bell(kind="fire", level=Level.RED, within=frozenset({"g4", "t2"})), NOW) is None
    before = bell(kind="fire", level=Level.RED, raised_at=NOW - MINUTE)
    assert one.rehearsal(before, NOW) is None, "what was raised before it began is real"
    late = approve(approve(asked(), "乙", NOW), "丙", NOW + 5 * MINUTE)
    assert late.rehearsal(FIRE, NOW + 6 * MINUTE) is None, "and so is what was raised before it was approved"
    ended = end(one, "乙", NOW + MINUTE)
    assert ended.rehearsal(FIRE, NOW + MINUTE) is None
    with pytest.raises(NotQuiet, match="is over"):
        approve(end(asked(), "甲", NOW), "乙", NOW)
