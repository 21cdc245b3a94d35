"""Every report is a signal: of the kind that was chosen, or of the emergency its words name when that is worse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.policy import load_policies
from alerts.words import load_words
from ingest.events import Mark, Place, Point, Report, encode
from ingest.topics import Topic
from streams.calls import Listener, load_keywords
from streams.reports import RULE, load_report_rules, signal_of
from streams.rules import InvalidRules, load_rules
from streams.signal import Level, Origin, decode
from streams.signal import encode as encoded
from streams.ward import Ward

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
RULES, LISTENER = load_report_rules(), Listener(load_keywords())
PLACE = Place("g1", "t1", Point(30.0, 103.0), "coordinates")
REPORT = Report("R-1", "patrol", "road", "路面有坑", NOW, NOW, reporter="p1", told="notice", pictures=2, place=PLACE)


@pytest.mark.parametrize(
    ("says", "chosen", "text", "kind", "level"),
    [
        ("what was chosen, without any emergency", "road", "路面有坑", "road", Level.BLUE),
        ("an empty text is a case as well", "manhole", "", "manhole", Level.YELLOW),
        ("words of an emergency outrank a harmless choice", "garbage", "垃圾堆着火了", "fire", Level.ORANGE),
        ("in English too", "matter", "two people stuck in the lift", "trapped", Level.ORANGE),
        ("a danger is not a fire", "hazard", "楼道堆物，存在火灾隐患", "hazard", Level.YELLOW),
        ("a denial says nothing", "noise", "没有着火，是烧烤店太吵", "noise", Level.BLUE),
        ("a milder word does not lower the choice", "fire", "楼下进水了", "fire", Level.ORANGE),
        ("a kind that is not listed any more", "fallen_tree", "树倒了", "matter", Level.BLUE),
    ],
)
def test_a_report_is_of_the_worse_of_what_was_chosen_and_what_was_said(
    says: str, chosen: str, text: str, kind: str, level: Level
) -> None:
    found = signal_of(replace(REPORT, kind=chosen, text=text), RULES, LISTENER)
    assert (found.kind, found.level, found.origin, found.rule) == (kind, level, Origin.PATROL, RULE), says


def test_what_was_written_does_not_travel_on_and_who_reported_does() -> None:
    found = signal_of(replace(REPORT, text="我家门口路面有坑", address="东街 8 号"), RULES, LISTENER)
    assert "东街" not in str(found)
    assert "路面" not in str(found)
    assert (found.subject, found.evidence["reporter"], found.evidence["told"]) == ("R-1", "p1", "notice")
    assert decode(encoded(found)) == found


def test_a_repeat_is_the_same_signal_and_a_drill_stays_one() -> None:
    again = replace(REPORT, received_at=NOW.replace(hour=9))
    assert signal_of(again, RULES, LISTENER).key == signal_of(REPORT, RULES, LISTENER).key
    assert signal_of(replace(REPORT, marks=Mark.DRILL), RULES, LISTENER).marks is Mark.DRILL


def test_a_ward_hears_reports_where_it_hears_calls() -> None:
    ward = Ward(0, 1, load_rules(), load_keywords())
    resident = replace(REPORT, origin="resident", reporter="", told="page")
    (one,), (other,) = ward.take(Topic.CALLS, 0, encode(REPORT)), ward.take(Topic.CALLS, 1, encode(resident))
    assert (one.origin, other.origin) == (Origin.PATROL, Origin.RESIDENT)
    assert ward.applied[Topic.CALLS] == 1


@pytest.mark.parametrize(
    ("says", "text", "why"),
    [
        (
            "an unknown key",
            'otherwise = "a"\n[[kind]]\nkind = "a"\nlevel = "blue"\nby = ["patrol"]\ncolour = 1',
            "colour",
        ),
        (
            "a kind twice",
            'otherwise = "a"\n' + 2 * '[[kind]]\nkind = "a"\nlevel = "blue"\nby = ["patrol"]\n',
            "listed twice",
        ),
        ("a rest that is no kind", 'otherwise = "b"\n[[kind]]\nkind = "a"\nlevel = "blue"\nby = ["patrol"]', "no kind"),
        ("nobody's kind", 'otherwise = "a"\n[[kind]]\nkind = "a"\nlevel = "blue"\nby = []', "by"),
        ("no level", 'otherwise = "a"\n[[kind]]\nkind = "a"\nlevel = "pink"\nby = ["patrol"]', "level"),
        ("no TOML", "otherwise =", "cannot be used"),
    ],
)
def test_the_file_is_strict(tmp_path: Path, says: str, text: str, why: str) -> None:
    file = tmp_path / "reports.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRules, match=why) as caught:
        load_report_rules(file)
    assert "reports.toml" in str(caught.value), says


def test_every_kind_that_can_be_reported_has_words_and_a_policy() -> None:
    words, policies = load_words(), load_policies()
    kinds = {one.kind for one in RULES.kind}
    for table in words.tables.values():
        assert kinds <= set(table["kind"])
        assert set(table["report_kind"]) <= kinds
    assert kinds - set(policies.kinds) == {"dispute", "need", "matter"}, "each of these is a matter of its own"
