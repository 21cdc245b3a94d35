"""How long a case has waited, in bands with a beginning each: by its own rules, until it is handled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.commands import Acknowledge, Close, FalseAlarm, Handle, Reopen, Verify
from alerts.elapsed import Band, band_at, bands, waited
from alerts.policy import PolicyError, parse_policies
from tests.scenarios.timeline import START, Line

HOUR = 3600
FILE = """
version = "1"
[levels.red]
steps = [{ after = 0, target = "grid", channels = ["sms"] }]
[rules.red]
"""


def at(seconds: float) -> object:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("says", "level", "seconds", "band"),
    [
        ("red is in time for half an hour", "red", 1799, Band.GREEN),
        ("then it is late", "red", 1800, Band.WARN),
        ("and after an hour too late", "red", 3600, Band.CRITICAL),
        ("orange has more time", "orange", 3600, Band.GREEN),
        ("and is late after two hours", "orange", 2 * HOUR, Band.WARN),
        ("yellow is too late after a day", "yellow", 24 * HOUR, Band.CRITICAL),
        ("blue is late after a day and a half", "blue", 36 * HOUR, Band.WARN),
        ("before it was raised nothing is measured", "red", -1, None),
    ],
)
def test_each_level_has_its_own_times(says: str, level: str, seconds: float, band: Band | None) -> None:
    assert band_at(waited(Line().signal(level=level).only()), at(seconds)) is band, says


def test_it_stops_when_it_is_handled_and_goes_on_when_it_is_opened_again() -> None:
    line = Line().signal(level="red").at(60).say(Acknowledge("值班员"))
    assert waited(line.only())
    line.say(Handle("人leader1"))
    assert waited(line.only()) == ()
    line.at(400).say(Verify("值班员", "看过", "带班")).say(Close("值班员", "已处置")).at(HOUR).say(
        Reopen("值班员", "复燃")
    )
    assert band_at(waited(line.only()), line.now) is Band.CRITICAL


def test_a_case_that_is_over_and_one_without_rules_are_not_measured() -> None:
    assert waited(Line().signal().say(FalseAlarm("值班员")).only()) == ()
    bare = Line(policies=parse_policies(FILE.replace("[rules.red]", "")))
    assert waited(bare.signal(level="red").only()) == ()


def test_a_case_that_got_worse_is_measured_by_its_new_level_from_the_beginning() -> None:
    line = Line().signal(level="orange").at(1800).signal("smoke-2", "red")
    assert band_at(waited(line.only()), line.now) is Band.WARN


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(0, 3e6))
def test_a_band_never_goes_back(warn: float, more: float, passed: float) -> None:
    some = bands(START, warn, warn + more)
    order = list(Band)
    assert order.index(band_at(some, at(passed))) <= order.index(band_at(some, at(passed + 1)))


@pytest.mark.parametrize(
    ("says", "keys", "said"),
    [
        ("late without too late", "late_s = 60", "late_s and too_late_s belong together"),
        ("too late before late", "late_s = 60\ntoo_late_s = 30", "late_s must be less"),
        (
            "a word that is missed at once",
            "check_in_asks_s = 60\ncheck_in_missed_s = 60",
            "check_in_asks_s must be less",
        ),
        ("a word that is only missed", "check_in_missed_s = 60", "belong together"),
        ("a key that there is not", "late_min = 1", "rules.red.late_min: no such key"),
    ],
)
def test_times_that_cannot_be_meant_are_refused(says: str, keys: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        parse_policies(FILE + keys, "p.toml")


def test_a_kind_may_have_times_of_its_own() -> None:
    found = parse_policies(
        FILE + "late_s = 60\ntoo_late_s = 90\n[kinds.gas.rules.red]\ncheck_in_asks_s = 5\ncheck_in_missed_s = 9"
    )
    assert found.policy("fire").rules["red"].too_late == 90
    assert found.policy("gas").rules["red"].miss_word == 9
