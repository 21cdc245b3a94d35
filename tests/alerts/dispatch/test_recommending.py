"""Whom to send: in which order, on which grounds, and why there is nobody."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Handling
from alerts.dispatch.policy import DispatchRules
from alerts.dispatch.recommendation import Ground, Recommendation
from alerts.dispatch.recommending import MOST, Field, people_asked_of, recommend
from alerts.dispatch.scene import Scene
from alerts.people.duty import Duty, DutyKind
from alerts.people.roster import Person, Roster
from alerts.policy import PolicyError, parse_policies
from alerts.work import Work
from ingest.coordinates import metres_between
from ingest.events import Place, Point
from ingest.registry import Grid, GridLevel, Registry
from streams.signal import Level

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday, 16:00 in China
FIRE = Point(30.005, 103.005)


def square(lat: float, lon: float) -> tuple[tuple[tuple[float, float], ...], ...]:
    return (((lon, lat), (lon + 0.01, lat), (lon + 0.01, lat + 0.01), (lon, lat + 0.01)),)


GRIDS = (
    Grid("c", "县", GridLevel.COUNTY),
    Grid("t", "镇", GridLevel.TOWNSHIP, "c"),
    Grid("v", "村", GridLevel.VILLAGE, "t"),
    Grid("v2", "邻村", GridLevel.VILLAGE, "t"),
    Grid("g1", "一格", GridLevel.GRID, "v", square(30.0, 103.0)),
    Grid("m1", "微格", GridLevel.MICRO, "g1"),
    Grid("g2", "二格", GridLevel.GRID, "v", square(30.01, 103.0)),
    Grid("g3", "三格", GridLevel.GRID, "v", square(30.2, 103.0)),  # 21 km away
    Grid("g4", "四格", GridLevel.GRID, "v"),  # without an outline
    Grid("g5", "外格", GridLevel.GRID, "v2", square(30.0, 103.01)),  # of another village
)


def person(ident: str, grid: str, order: int = 0) -> Person:
    return Person(ident, f"人{ident}", "+8610000000001", "worker", grid, order)


CREW = (
    person("own", "g1"), person("own2", "g1", 1), person("micro", "m1"), person("near", "g2"), person("far", "g3"), person("blank", "g4"),
    person("other", "g5"), person("head", "v"), person("town", "t"),
)  # fmt: skip


def case(ident: str = "a", person: str = "", grid: str = "g1", **but: object) -> Alert:
    handling = Handling.DISPATCHED if person else Handling.NEW
    made = Alert(ident, ident, "fire", Level.RED, Place(grid, "t", FIRE), handling=handling, assignee=person)
    return replace(made, **but)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def asked(
    cases: Sequence[Alert] = (), *, people: Sequence[Person] = CREW, duties: Sequence[Duty] = (), refused: Collection[str] = (),
    unreachable: Collection[str] = (), alert: Alert | None = None, **rules: object,
) -> Recommendation:  # fmt: skip
    known = Field(
        Registry.of(GRIDS, ()), Roster.of(people, duties), cases, refused, unreachable, DispatchRules(**rules)
    )
    return recommend(alert or case(), known, NOW)


def names(found: Recommendation) -> list[str]:
    return [one.person.id for one in found.people]


def grounds(found: Recommendation, ident: str) -> list[Ground]:
    return next([b.ground for b in one.because] for one in (*found.people, *found.aside) if one.person.id == ident)


G = Ground


def test_the_place_s_own_grid_comes_first_then_its_parts_its_neighbours_and_the_levels_above() -> None:
    found = asked()
    assert names(found) == ["own", "own2", "micro", "near", "head", "town"]
    assert grounds(found, "own") == [G.OWN_GRID, G.CENTRE_AT, G.FREE]
    assert grounds(found, "micro") == [G.PART, G.UNKNOWN_AT, G.FREE]
    assert grounds(found, "near") == [G.NEXT_GRID, G.CENTRE_AT, G.FREE]
    assert grounds(found, "head")[0] is G.ABOVE
    assert [one.person.id for one in found.aside] == ["far", "blank"]
    assert grounds(found, "far")[0] is G.OUTSIDE
    assert grounds(found, "blank")[0] is G.UNKNOWN_AT, "a neighbour of whom nobody knows where they are is not sent"
    assert found.shortfall == ()


def on_scene(ident: str, who: str, minutes: float, point: Point = FIRE, **but: object) -> Alert:
    there = Scene(who, ago(minutes), ago(minutes), who)
    return case(ident, who, handling=Handling.ON_SCENE, place=Place("g5", "t", point), work=Work(scene=there), **but)


def done(ident: str, who: str, minutes: float, level: Level = Level.BLUE, point: Point = FIRE) -> Alert:
    stages = {"on_scene_at": ago(minutes + 30), "handled_at": ago(minutes)}
    return case(ident, who, handling=Handling.HANDLED, level=level, place=Place("g5", "t", point), stages=stages)


@pytest.mark.parametrize(
    ("says", "cases", "who", "wanted", "not_wanted"),
    [
        ("who has cases in hand has them counted", [case("b", "own"), case("c", "own")], "own", G.HAS_CASES, G.FREE),
        ("a case that is handled is not in hand", [done("b", "own", 300)], "own", G.FREE, G.HAS_CASES),
        ("the case in question does not count", [case("a", "own2")], "own2", G.FREE, G.HAS_CASES),
        ("who has as many as the policy says is busy", [case(i, "own") for i in "bcd"], "own", G.BUSY, G.FREE),
        ("who is at another scene is not sent away from it", [on_scene("b", "own", 5)], "own", G.AT_ANOTHER_SCENE, G.FREE),
        ("also when it is another's case by now", [replace(on_scene("b", "own", 5), assignee="x")], "own", G.AT_ANOTHER_SCENE, G.HAS_CASES),
        ("who handled a red one a moment ago rests", [done("b", "own", 10, Level.RED)], "own", G.RESTING, G.BUSY),
        ("a blue one is no reason to rest", [done("b", "own", 10)], "own", G.FREE, G.RESTING),
        ("after half an hour one has rested", [done("b", "own", 31, Level.RED)], "own", G.FREE, G.RESTING),
        ("where somebody finished counts for half an hour", [done("b", "far", 29)], "far", G.SEEN_AT, G.OUTSIDE),
        ("and no longer", [done("b", "far", 31)], "far", G.SEEN_LONG_AGO, G.SEEN_AT),
    ],
)  # fmt: skip
def test_each_ground_is_named(says: str, cases: list[Alert], who: str, wanted: Ground, not_wanted: Ground) -> None:
    found = grounds(asked(cases), who)
    assert wanted in found, says
    assert not_wanted not in found, says


def test_who_is_near_by_the_last_scene_comes_before_who_is_near_by_the_grid() -> None:
    beside = Point(30.0051, 103.005)
    found = asked([done("b", "far", 5, point=beside)])
    assert names(found).index("far") < names(found).index("near")
    (far,) = [one for one in found.people if one.person.id == "far"]
    assert far.metres == pytest.approx(metres_between(beside, FIRE))
    assert far.metres == pytest.approx(11, abs=1)
    assert next(b.seconds for b in far.because if b.ground is G.SEEN_AT) == 300


def test_a_word_from_the_scene_is_where_somebody_was_last_seen() -> None:
    moved = on_scene("b", "far", 2, stages={"on_scene_at": ago(120)})
    (seen,) = [
        b for one in asked([moved]).aside if one.person.id == "far" for b in one.because if b.ground is G.SEEN_AT
    ]
    assert seen.seconds == 120


def test_the_rested_of_a_farther_level_come_before_who_rests_in_the_own_grid() -> None:
    found = asked([done("b", "own", 5, Level.RED)])
    assert names(found)[0] == "own2"
    assert names(found)[-1] == "own", "still there, the last"


def test_among_equals_whoever_has_fewer_cases_comes_first() -> None:
    assert names(asked([case("b", "own")]))[:2] == ["own2", "own"]


@pytest.mark.parametrize(
    ("says", "given", "ground"),
    [
        ("gave this case back", {"refused": {"own"}}, G.GAVE_BACK),
        ("notices do not reach them", {"unreachable": {"own"}}, G.UNREACHABLE),
        ("has it already", {"alert": case("a", "own")}, G.HAS_IT),
    ],
)
def test_who_cannot_go_is_put_aside_with_the_weightiest_ground_first(says: str, given: dict, ground: Ground) -> None:
    found = asked(**given)
    assert "own" not in names(found), says
    assert grounds(found, "own")[0] is ground, says


OFF = (Duty(DutyKind.SHIFT, "own", start=0, end=60), Duty(DutyKind.SHIFT, "own2", start=0, end=60))
OWN = CREW[:2]


@pytest.mark.parametrize(
    ("says", "given", "shortfall"),
    [
        ("nobody is on duty", {"people": OWN, "duties": OFF}, {G.OFF_DUTY: 2}),
        ("nobody answers for it at all", {"people": ()}, {G.VACANT: None}),
        ("all are busy", {"people": OWN, "cases": [case(i, p) for p in ("own", "own2") for i in "bcd"]}, {G.BUSY: 2}),
        ("all are outside the radius", {"people": [person("far", "g3")]}, {G.OUTSIDE: 1}),
        ("all positions are too old", {"people": [person("blank", "g4")], "cases": [done("b", "blank", 90)]}, {G.SEEN_LONG_AGO: 1}),
        ("all have given it back", {"people": OWN, "refused": {"own", "own2"}}, {G.GAVE_BACK: 2}),
        ("one of each", {"people": [*OWN, person("far", "g3")], "refused": {"own"}, "unreachable": {"own2"}},
         {G.GAVE_BACK: 1, G.UNREACHABLE: 1, G.OUTSIDE: 1}),
    ],
)  # fmt: skip
def test_where_there_is_nobody_it_says_why(says: str, given: dict, shortfall: dict) -> None:
    found = asked(**given)
    assert found.people == (), says
    assert {b.ground: b.count for b in found.shortfall} == shortfall, says


def test_off_duty_people_are_not_recommended_and_whoever_stands_in_is_named_so() -> None:
    duties = (*OFF[1:], Duty(DutyKind.STAND_IN, "other", instead_of="own"))
    found = asked(duties=duties)
    assert names(found)[0] == "other"
    assert "own2" not in names(found)
    stands_in = next(b for b in found.people[0].because if b.ground is G.STANDS_IN)
    assert stands_in.name == "人own"


def test_a_case_without_a_grid_is_for_the_catcher() -> None:
    crew = (*CREW, replace(person("catch", "c"), role="catcher"))
    found = asked(people=crew, alert=replace(case(), place=Place()))
    assert names(found) == ["catch"]
    assert grounds(found, "catch")[0] is G.CATCHER


def test_only_people_of_the_place_its_neighbours_and_above_are_asked_of() -> None:
    known = people_asked_of(case(), Registry.of(GRIDS, ()), Roster.of(CREW), NOW)
    assert set(known) == {"own", "own2", "micro", "near", "far", "blank", "head", "town"}


@given(
    st.permutations(CREW), st.lists(st.tuples(st.sampled_from([p.id for p in CREW]), st.integers(0, 90)), max_size=8)
)
def test_everybody_is_in_one_list_at_most_and_the_order_is_the_same_however_it_is_asked(
    people: list[Person], given_to: list[tuple[str, int]]
) -> None:
    cases = [done(f"b{n}", who, minutes, Level.RED) for n, (who, minutes) in enumerate(given_to)]
    found = asked(cases, people=people)
    listed = [one.person.id for one in (*found.people, *found.aside)]
    assert len(listed) == len(set(listed))
    assert bool(found.people) != bool(found.shortfall)
    assert asked(cases[::-1]) == found


def test_at_most_ten_are_listed() -> None:
    found = asked(people=[person(f"p{n:02}", "g1", n) for n in range(30)])
    assert names(found) == [f"p{n:02}" for n in range(MOST)]


@pytest.mark.parametrize(
    ("keys", "said"),
    [("busy_at = 0", "dispatch.busy_at"), ("radius_km = 5", "dispatch.radius_km: no such key")],
)
def test_rules_that_cannot_be_meant_are_refused(keys: str, said: str) -> None:
    base = 'version = "1"\n[levels.red]\nsteps = [{ after = 0, target = "grid", channels = ["sms"] }]\n[dispatch]\n'
    with pytest.raises(PolicyError, match=said):
        parse_policies(base + keys, "p.toml")
