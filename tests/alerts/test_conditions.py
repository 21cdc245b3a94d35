"""Steps that ring only when enough happened lately, or only at certain times of day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerts.alert import Step
from alerts.conditions import CHINA, opens_at
from alerts.policy import PolicyError, parse_policies
from tests.scenarios.timeline import Line

CHAIN = """
version = "conditions"
[merge]
place = true
[levels.red]
steps = [
  {{ after = 0, target = "grid", channels = ["sms"] }},
  {{ after = 60, target = "up", channels = ["sms"]{condition} }},
  {{ after = 120, target = "up", channels = ["sms"] }},
]
"""


def line(condition: str) -> Line:
    return Line(policies=parse_policies(CHAIN.format(condition=condition)))


def test_a_step_that_asks_for_more_pauses_the_chain_until_more_happens() -> None:
    some = line(", more_than = 2, within = 300").signal(level="red").at(600)
    assert some.told() == ["leader1/sms"]
    assert [e.why for e in some.lines("paused")] == ["condition"]
    some.signal("smoke-2", "red").at(601).signal("smoke-3", "red").at(602)
    assert some.told() == ["leader1/sms"], "three in all, but one of them long ago"
    some.signal("smoke-4", "red").at(603)
    assert some.told() == ["leader1/sms", "head1/sms"]
    assert some.at(664).told()[-1] == "duty1/sms", "and the chain goes on from there"


def test_a_paused_chain_is_nothing_the_auditor_complains_of() -> None:
    some = line(", more_than = 2, within = 300").signal(level="red").at(600)
    before = some.ledger.tables.copy()
    some.conductor.audit([some.only().id], some.now)
    assert some.ledger.tables == before


def test_a_step_waits_for_its_time_of_day() -> None:
    some = line(', between = ["18:00", "20:00"]').signal(level="red").at(3600)  # it begins at 16:00 in China
    assert some.told() == ["leader1/sms"]
    assert [e.why for e in some.lines("waits")] == ["hours"]
    assert some.at(7199).told() == ["leader1/sms"]
    assert some.at(7200).told() == ["leader1/sms", "head1/sms"]


@pytest.mark.parametrize(
    ("sentence", "between", "at", "waits_h"),
    [
        ("inside", ("08:00", "18:00"), "12:00", None),
        ("the beginning is in it", ("08:00", "18:00"), "08:00", None),
        ("the end is not", ("08:00", "18:00"), "18:00", 14),
        ("before", ("08:00", "18:00"), "07:00", 1),
        ("over midnight, in the evening", ("22:00", "06:00"), "23:30", None),
        ("over midnight, in the morning", ("22:00", "06:00"), "05:59", None),
        ("over midnight, at noon", ("22:00", "06:00"), "12:00", 10),
        ("no window at all", None, "12:00", None),
    ],
)
def test_a_window_of_the_day(sentence: str, between: tuple[str, str] | None, at: str, waits_h: float | None) -> None:
    now = datetime.fromisoformat(f"2026-03-01T{at}").replace(tzinfo=CHINA)
    expected = None if waits_h is None else now + timedelta(hours=waits_h)
    assert opens_at(Step(0, "grid", ("sms",), between=between), now) == expected, sentence


@pytest.mark.parametrize(
    ("sentence", "step", "why"),
    [
        ("the first step rings whatever else", '{ after = 0, target = "grid", channels = ["sms"], more_than = 1, within = 9 }', "without a condition"),
        ("half a condition", '{ after = 0, target = "grid", channels = ["sms"] }, { after = 1, target = "up", channels = ["sms"], more_than = 1 }', "belong together"),
        ("no time of day", '{ after = 0, target = "grid", channels = ["sms"] }, { after = 1, target = "up", channels = ["sms"], between = ["25:00", "26:00"] }', "pattern"),
        ("an empty window", '{ after = 0, target = "grid", channels = ["sms"] }, { after = 1, target = "up", channels = ["sms"], between = ["08:00", "08:00"] }', "two different times"),
    ],
)  # fmt: skip
def test_a_condition_that_makes_no_sense_is_named_with_its_file(sentence: str, step: str, why: str) -> None:
    with pytest.raises(PolicyError, match=rf"policies\.toml: levels\.red.*{why}"):
        parse_policies(f'version = "1"\n[levels.red]\nsteps = [ {step} ]\n')
    assert sentence
