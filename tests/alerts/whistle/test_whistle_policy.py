"""The section `[whistle]` of a policy file: what it says, and what is said about a wrong one."""

from __future__ import annotations

import pytest

from alerts.policy import PolicyError, load_policies, parse_policies
from alerts.whistle.policy import SHIPPED
from alerts.whistle.whistle import Unit, WhistleRefused

GOOD = 'version = "1"\n[levels.red]\nsteps = [{ after = 0, target = "grid", channels = ["sms"] }]\n'
UNITS = """
[whistle.departments.fire]
name = "消防"
people = ["p1", "p2"]
[whistle.departments.roads]
name = "城管"
roles = ["城管值班"]
"""
STALLS = '[whistle.matters.stalls]\nname = "占道经营"\ndepartments = ["fire", "roads"]\n'


def test_a_file_without_the_section_has_the_times_that_are_shipped_and_no_standard_matter() -> None:
    plan = parse_policies(GOOD).whistle
    assert plan == SHIPPED
    assert (plan.name_s, plan.attend_s, plan.deadline_s, plan.channels) == (1800, 1800, 86400, ("sms",))


def test_the_shipped_file_lists_departments_and_what_they_are_called_for() -> None:
    plan = load_policies().whistle
    assert plan.matters
    for matter in plan.matters.values():
        assert matter.units
        assert all(unit in plan.departments.values() for unit in matter.units)


def test_a_matter_takes_its_own_times_else_those_of_all() -> None:
    times = "[whistle]\nname_min = 10\nattend_min = 15\ndeadline_h = 12\nchannels = ['sms', 'voice']\n"
    other = '[whistle.matters.gas]\nname = "燃气"\ndepartments = ["fire"]\nattend_min = 5\ndeadline_h = 2.5\n'
    plan = parse_policies(GOOD + times + UNITS + STALLS + other).whistle
    stalls, gas = plan.matters["stalls"], plan.matters["gas"]
    assert (plan.name_s, stalls.attend_s, stalls.deadline_s) == (600, 900, 43200)
    assert (gas.attend_s, gas.deadline_s) == (300, 9000)
    assert stalls.units == (Unit("fire", "消防", ("p1", "p2")), Unit("roads", "城管", (), ("城管值班",)))


def test_the_lead_comes_first() -> None:
    plan = parse_policies(GOOD + UNITS + STALLS + 'lead = "roads"\n').whistle
    assert [unit.id for unit in plan.matters["stalls"].units] == ["roads", "fire"]


def test_units_are_found_by_id_each_once_and_an_unknown_one_is_named() -> None:
    plan = parse_policies(GOOD + UNITS).whistle
    assert [unit.id for unit in plan.units(["roads", "fire", "roads"])] == ["roads", "fire"]
    with pytest.raises(WhistleRefused, match="no department is called 'police'; there are fire, roads"):
        plan.units(["fire", "police"])
    with pytest.raises(WhistleRefused, match=r"\[whistle.departments\]"):
        SHIPPED.units(["fire"])


@pytest.mark.parametrize(
    ("sentence", "text", "said"),
    [
        ("an unknown key", "[whistle]\nattend = 5\n", "f.toml: whistle.attend: no such key"),
        ("no time at all", "[whistle]\nattend_min = 0\n", "f.toml: whistle.attend_min"),
        ("a time in quotes", '[whistle]\ndeadline_h = "24"\n', "f.toml: whistle.deadline_h"),
        ("a channel that nobody has", '[whistle]\nchannels = ["smoke"]\n', "f.toml: whistle.channels.0"),
        ("no channel", "[whistle]\nchannels = []\n", "f.toml: whistle.channels"),
        ("a department without anybody", '[whistle.departments.x]\nname = "x"\n', "needs people or roles"),
        ("a department without a name", '[whistle.departments.x]\nroles = ["x"]\n', "departments.x.name"),
        ("a key in Chinese", '[whistle.departments."消防"]\nname = "x"\nroles = ["x"]\n', "whistle.departments"),
        ("a matter for nobody", UNITS + STALLS.replace('"fire", "roads"', ""), "matters.stalls.departments"),
        ("an unknown department", STALLS, "matters.stalls.departments names 'fire', and there is no departments.fire"),
        ("a department twice", UNITS + STALLS.replace('"roads"', '"fire"'), "names one twice"),
        ("a lead that is not called", UNITS + STALLS + 'lead = "police"\n', "is not among the departments"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_key(sentence: str, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policies(GOOD + text, "f.toml")
    assert said in str(refused.value), sentence
