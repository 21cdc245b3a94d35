"""Which levels above a place hear of a case and see it: as a table, on the way up, in the queue of a level, and in the explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.alert import Alert
from alerts.ledger import open_ledger
from alerts.ledger.port import Filter, Ledger
from alerts.outcome import Why
from alerts.people.explain import chain, explain, sentences
from alerts.people.propagation import Reach
from alerts.people.routing import Moment, line_of
from alerts.policy import PolicyError, load_policies, parse_policies
from ingest.events import Place
from ingest.registry import GridLevel, Registry
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger
from tests.scenarios.timeline import GRIDS, START, WORDS, Line

REGISTRY = Registry.of(GRIDS, ())
REACH = Reach({Level.YELLOW: 1, Level.BLUE: 0}, {GridLevel.TOWNSHIP: Level.ORANGE, GridLevel.COUNTY: Level.RED})


@pytest.mark.parametrize(
    ("says", "level", "hears"),
    [
        ("red reaches everybody", Level.RED, "g1 v1 t1 c"),
        ("orange does not reach a county that only hears of red", Level.ORANGE, "g1 v1 t1"),
        ("yellow climbs one level", Level.YELLOW, "g1 v1"),
        ("blue stays where it is", Level.BLUE, "g1"),
    ],
)
def test_who_hears_of_a_case_in_a_grid(says: str, level: Level, hears: str) -> None:
    line = line_of(REGISTRY, "g1")
    barred = dict(REACH.barred(level, line))
    assert [grid.code for grid in line if grid.code not in barred] == hears.split(), says


def test_the_reason_is_the_number_of_levels_or_the_severity() -> None:
    line = line_of(REGISTRY, "g1")
    assert dict(REACH.barred(Level.ORANGE, line)) == {"c": Why.MIN_SEVERITY}
    assert dict(REACH.barred(Level.YELLOW, line)) == {"t1": Why.MAX_LEVELS, "c": Why.MAX_LEVELS}
    assert not Reach().limits
    assert Reach().barred(Level.BLUE, line) == ()


def limited(**but: object) -> Line:
    return Line(policies=replace(load_policies(), reach=replace(REACH, **but)))


def test_a_bell_climbs_as_far_as_it_may_and_the_timeline_says_why_no_farther() -> None:
    line = limited().signal("w-1", "yellow", kind="water", rule="water_level")
    line.at(3 * 3600)
    told = [n.person for n in line.notices() if n.reason in {"first", "escalate", "repeat"}]
    assert told == ["leader1", "head1"], "the village is one level up, and the township's duty officer is farther"
    skipped = {(e.detail["what"], e.why) for e in line.lines("skipped")}
    assert {("t1", "max_levels"), ("c", "max_levels")} <= skipped


def test_red_climbs_whatever_is_limited() -> None:
    free, bound = Line().signal("s-1", "red").at(2 * 3600), limited().signal("s-1", "red").at(2 * 3600)
    assert [(n.person, n.channel, n.step) for n in bound.notices()] == [
        (n.person, n.channel, n.step) for n in free.notices()
    ]


def test_whoever_answers_for_a_place_is_told_also_where_the_lower_levels_have_nobody() -> None:
    people = [p for p in Line().ledger.roster().by_id.values() if p.grid in {"t1", "c"}]
    line = Line(people=people, policies=replace(load_policies(), reach=REACH))
    line.signal("w-1", "yellow", kind="water", rule="water_level")
    assert [n.person for n in line.notices()] == ["duty1"]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    postgres = request.param == "postgresql"
    opened = open_ledger(request.getfixturevalue("postgres").new_ledger() if postgres else empty_ledger(tmp_path))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("level", "sees"),
    [
        ("g1", "g1-blue g1-orange g1-red g1-yellow"),
        ("v1", "g1-orange g1-red g1-yellow v1-blue v1-orange v1-red v1-yellow"),
        ("t1", "g1-orange g1-red v1-orange v1-red"),
        ("c", "g1-red v1-red"),
        ("nowhere", ""),
    ],
)
def test_the_queue_of_a_level_has_what_reaches_it(ledger: Ledger, level: str, sees: str) -> None:
    cases = [
        Alert(
            f"{grid}-{severity}", f"water/{grid}-{severity}", "water", severity, Place(grid, "t1"),
            stages={"raised_at": START}, last_seen=START,
        )
        for grid in ("g1", "v1") for severity in Level
    ]  # fmt: skip
    with ledger.transaction() as tx:
        tx.save_all([(case, []) for case in cases])
    page = ledger.page(Filter(seen=REACH.seen_from(level, REGISTRY)))
    assert sorted(a.id for a in page.alerts) == sees.split()


def test_without_limits_a_level_sees_everything_below_it() -> None:
    ((levels, grids),) = Reach().seen_from("t1", REGISTRY)
    assert set(levels) == {level.value for level in Level}
    assert grids == ("g1", "g2", "t1", "v1", "vacant")


def test_the_explanation_names_the_levels_that_do_not_hear_of_it() -> None:
    roster, moment, line = Line().ledger.roster(), Moment(START), line_of(REGISTRY, "g1")
    barred = dict(REACH.barred(Level.YELLOW, line))
    steps = load_policies().policy("water").chain(Level.YELLOW)
    rungs = chain(REGISTRY, roster, "g1", replace(moment, barred=tuple(barred.items())), steps)
    unheard = [(grid, barred[grid.code]) for grid in line if grid.code in barred]
    said = sentences(explain(REGISTRY, roster, "g1", moment), rungs, WORDS, "en", unheard)
    assert said[-5:] == [
        "清溪镇 (t1): does not hear of it, a case of this severity does not climb so far",
        "云泽县 (c): does not hear of it, a case of this severity does not climb so far",
        "After 0 s (grid): 人leader1 (g1)",
        "After 1800 s (up): 人head1 (v1)",
        "After 5400 s (duty_officer): nobody ()",
    ]


@pytest.mark.parametrize(
    ("says", "section", "complaint"),
    [
        ("red is limited", "max_levels = { red = 2 }", "max_levels.red: red climbs"),
        ("an unknown key", "levels = 2", "propagation.levels: no such key"),
        ("an unknown level of the tree", "min_severity = { street = 'red' }", "propagation.min_severity.street"),
        ("no number", "max_levels = { blue = 'two' }", "propagation.max_levels.blue"),
    ],
)
def test_a_policy_file_is_strict(says: str, section: str, complaint: str) -> None:
    text = f"version = '1'\n[levels.red]\nsteps = [{{ after = 0, target = 'grid', channels = ['sms'] }}]\n[propagation]\n{section}\n"
    with pytest.raises(PolicyError, match=complaint.replace(".", r"\.")):
        parse_policies(text)
    assert says


def test_a_policy_file_says_how_far_a_case_reaches() -> None:
    text = "version = '1'\n[levels.red]\nsteps = [{ after = 0, target = 'grid', channels = ['sms'] }]\n[propagation]\n"
    found = parse_policies(f"{text}max_levels = {{ blue = 1 }}\nmin_severity = {{ city = 'red' }}\n").reach
    assert (dict(found.most), dict(found.least)) == ({Level.BLUE: 1}, {GridLevel.CITY: Level.RED})
