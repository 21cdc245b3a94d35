"""Who hears of a whistle, and in which words: somebody of the unit, else the county centre, never nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from alerts.outcome import Why
from alerts.people.duty import Duty, DutyKind
from alerts.people.roster import Person, Roster
from alerts.people.routing import Moment
from alerts.whistle.notices import said, whom
from alerts.whistle.policy import WhistlePolicy
from alerts.whistle.whistle import Tell, To, Unit, called
from alerts.whistle.whistling import Wanted, blow
from alerts.words import LANGUAGES
from ingest.registry import Registry
from tests.scenarios.timeline import GRIDS, PEOPLE, WORDS, person

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # Monday, 09:00 in China
REGISTRY = Registry.of(GRIDS, ())
CREW = (
    *PEOPLE,
    person("roads1", "c", "roads_duty", 5),
    person("roads2", "c", "roads_duty", 6),
    person("trade_t2", "t2", "trade", 5),
    person("trade_c", "c", "trade", 5),
    person("centre", "c", "county_centre", 4),
)
NIGHTS = Duty(DutyKind.SHIFT, "roads1", start=22 * 60, end=6 * 60)
ROADS = Unit("roads", "城管", ("roads1", "roads2"))
TRADE = Unit("trade", "市监", (), ("trade",))
BLOWN = blow(1, Wanted("清溪镇", "t1", "废弃矿洞积水"), WhistlePolicy(county="county_centre"), NOW).whistle


def asked(
    unit: Unit, *, grid: str = "g1", people: tuple[Person, ...] = CREW, duties: tuple[Duty, ...] = (), gone: str = ""
) -> tuple[list[str], list[tuple[str, str]]]:
    made = called(BLOWN, [unit], NOW)
    moment = Moment(NOW, None, frozenset({gone} - {""}))
    found = whom(Tell("call", To.UNIT, made, unit.id), grid, REGISTRY, Roster.of(people, duties), moment)
    return [p.id for p in found.people[:1]], [(s.why, s.what) for s in found.skipped]


@pytest.mark.parametrize(
    ("sentence", "found", "people", "skipped"),
    [
        ("the first of its people", asked(ROADS), ["roads1"], []),
        ("who is not on shift is passed over", asked(ROADS, duties=(NIGHTS,)), ["roads2"], [(Why.OFF_DUTY, "roads1")]),
        (
            "whoever stands in is asked in the other's place",
            asked(ROADS, duties=(Duty(DutyKind.STAND_IN, "roads2", instead_of="roads1"),)),
            ["roads2"],
            [],
        ),
        ("whom notices do not reach is passed over", asked(ROADS, gone="roads1"), ["roads2"], [(Why.UNREACHABLE, "roads1")]),
        (
            "who has left is passed over",
            asked(replace(ROADS, people=("old", "roads2"))),
            ["roads2"],
            [(Why.PERSON_UNKNOWN, "old")],
        ),
        ("the nearest of a role: above the township here", asked(TRADE), ["trade_c"], []),
        ("the nearest of a role: at the township there", asked(TRADE, grid="g4"), ["trade_t2"], []),
        (
            "people before roles, and roles where the people are away",
            asked(replace(TRADE, people=("roads1",)), duties=(NIGHTS,)),
            ["trade_c"],
            [(Why.OFF_DUTY, "roads1")],
        ),
        ("the next role where nobody has the first", asked(replace(TRADE, roles=("x", "trade"))), ["trade_c"], [(Why.NO_ROLE, "x")]),
        (
            "the county centre where the unit has nobody",
            asked(replace(TRADE, people=("old",), roles=("x",))),
            ["centre"],
            [(Why.PERSON_UNKNOWN, "old"), (Why.NO_ROLE, "x")],
        ),
    ],
)  # fmt: skip
def test_somebody_of_the_unit_is_told_or_the_county_centre(
    sentence: str, found: tuple[object, object], people: list[str], skipped: list[object]
) -> None:
    assert found == (people, skipped), sentence


@pytest.mark.parametrize(
    ("sentence", "to", "grid", "without", "people"),
    [
        ("the county centre's role", To.COUNTY, "t1", "", ["centre"]),
        ("without the role whoever is first at the county", To.COUNTY, "t1", "centre", ["county"]),
        ("the level above a township is the county", To.ABOVE, "t1", "", ["county"]),
        ("nothing stands above the county, so itself", To.ABOVE_COUNTY, "t1", "", ["county"]),
        ("a case without a place goes to the catcher", To.ABOVE, "", "", ["catcher"]),
        ("and its county centre is found by role or caught", To.COUNTY, "", "centre", ["catcher"]),
    ],
)
def test_the_county_and_the_levels_above_are_always_somebody(
    sentence: str, to: To, grid: str, without: str, people: list[str]
) -> None:
    roster = Roster.of(tuple(p for p in CREW if p.id != without))
    found = whom(Tell("late", to, replace(BLOWN, grid=grid)), grid, REGISTRY, roster, Moment(NOW))
    assert [p.id for p in found.people[:1]] == people, sentence


@pytest.mark.parametrize("what", WORDS.tables["zh"]["whistle_sms"])
def test_every_text_is_whole_in_both_languages_and_on_the_telephone(what: str) -> None:
    made = replace(called(BLOWN, [ROADS, TRADE], NOW), name_by=NOW + timedelta(minutes=30))
    for language, channel, unit in product(LANGUAGES, ("sms", "voice", "log"), ("roads", "trade")):
        text = said(WORDS, language, channel, Tell(what, To.UNIT, made, unit), "清溪镇杏花村")
        assert "{" not in text
        assert "清溪镇杏花村" in text
        assert "废弃矿洞积水" in text
        assert text != what


def test_a_deadline_that_nobody_was_named_for_says_so() -> None:
    assert "尚未指定单位" in said(WORDS, "zh", "sms", Tell("missed", To.ABOVE, BLOWN), "清溪镇")


def test_both_channels_have_the_same_texts() -> None:
    for language in LANGUAGES:
        tables = WORDS.tables[language]
        assert list(tables["whistle_sms"]) == list(tables["whistle_voice"])
