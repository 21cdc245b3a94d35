"""The `[quiet]` section is strict, and what is shipped can be read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from alerts.quiet.budgets import Budget
from alerts.quiet.grouping import By, Timing
from alerts.quiet.hours import daytime
from alerts.quiet.inhibition import Label
from alerts.quiet.policy import QuietTable
from alerts.quiet.verdict import QuietPolicy
from streams.signal import Level


@pytest.mark.parametrize(
    ("says", "table", "why"),
    [
        ("a key that does not exist", {"longest": 1.0}, "longest"),
        ("red that waits for others", {"groups": {"red": {"wait_s": 1.0}}}, "red never waits"),
        ("a group of something unknown", {"groups": {"yellow": {"wait_s": 1.0, "by": ["street"]}}}, "groups.yellow.by"),
        ("a group that is never looked at", {"groups": {"yellow": {"wait_s": 1.0, "interval_s": 0.0}}}, "interval_s"),
        ("a budget that says nothing", {"budgets": [{"channel": "sms"}]}, "a budget needs most"),
        ("a budget of no message at all", {"budgets": [{"channel": "sms", "most": {"1": 0}}]}, "budgets.0.most"),
        (
            "a budget of a channel that there is not",
            {"budgets": [{"channel": "fax", "identical": 1}]},
            "budgets.0.channel",
        ),
        (
            "a prefix that is no number",
            {"budgets": [{"channel": "sms", "prefix": "86", "identical": 1}]},
            "budgets.0.prefix",
        ),
        ("flapping that ends above where it begins", {"flapping": {"high": 0.2}}, "low must be below"),
        ("an approved one that is shorter", {"longest_approved_s": 60.0}, "raise it"),
        ("hours that are none", {"hours": {"people": {"p1": "late"}}}, "write it as 22:00-07:00"),
        ("a label that does not exist", {"inhibit": [{"name": "x", "source": {}, "equal": ["colour"]}]}, "equal"),
        ("a rule without labels", {"inhibit": [{"name": "x", "source": {}, "equal": []}]}, "at least 1"),
        ("a length of nothing", {"longest_s": 0.0}, "greater than 0"),
    ],
)
def test_a_section_cannot_be_used_with(says: str, table: dict, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        QuietTable.model_validate(table)


def test_without_a_section_everything_has_its_default() -> None:
    assert QuietTable().value() == QuietPolicy()


def test_a_whole_section_becomes_values() -> None:
    table = {
        "life_safety": ["trapped"],
        "longest_s": 3600.0,
        "groups": {"yellow": {"wait_s": 30.0}},
        "inhibit": [
            {
                "name": "place",
                "source": {"at_least": "red"},
                "target": {"at_most": "yellow"},
                "equal": ["grid", "gateway"],
            }
        ],
        "hours": {"everybody": "22:00-07:00", "people": {"p1": ""}},
    }
    policy = QuietTable.model_validate(table).value()
    assert policy.lengths.longest == timedelta(hours=1)
    assert policy.lengths.life_safety == {"trapped"}
    assert policy.groups[Level.YELLOW].wait == timedelta(seconds=30)
    assert policy.inhibit[0].equal == (Label.GRID, Label.GATEWAY)
    assert policy.hours.people == {"p1": None}
    assert policy.hours.everybody == daytime("22:00-07:00")


def test_groups_and_budgets_are_read() -> None:
    budget = {"channel": "sms", "prefix": "+86", "most": {"1440": 4, "15": 5}, "identical": 2}
    groups = {"yellow": {"by": ["township"], "wait_s": 30.0, "interval_s": 60.0, "repeat_s": 90.0}}
    policy = QuietTable.model_validate({"groups": groups, "budgets": [budget]}).value()
    assert policy.groups[Level.YELLOW] == Timing(
        timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=90), (By.TOWNSHIP,)
    )
    assert policy.groups[Level.YELLOW].rounded == timedelta(minutes=2)
    windows = ((timedelta(minutes=15), 5), (timedelta(days=1), 4))
    assert policy.budgets == (Budget("sms", windows, "+86", 2),)
