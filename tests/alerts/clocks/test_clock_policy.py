"""Which clocks run for which case, and what is said about a wrong table."""

from __future__ import annotations

from datetime import datetime

import pytest

from alerts.clocks.calendar import CHINA
from alerts.clocks.clock import Pace, Span, Unit
from alerts.clocks.movement import start
from alerts.policy import PolicyError, load_policies, parse_policies
from streams.signal import Level

GOOD = 'version = "1"\n[levels.red]\nsteps = [{ after = 0, target = "grid", channels = ["sms"] }]\n'
RUN = GOOD + '[clocks.run.contact]\nstarts = "raised_at"\nstops = "contacted_at"\n'
TUESDAY = datetime(2026, 6, 9, 15, 0, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("sentence", "kind", "level", "origins", "expected"),
    [
        (
            "an urgent call: contact within the hour, signed for within two, closed the same day",
            "trapped",
            "red",
            ("hotline",),
            {"contact": "06-09 16:00", "accept": "06-09 17:00", "close/urgent": "06-10 00:00"},
        ),
        (
            "a hard call: three working days",
            "alarm",
            "yellow",
            ("hotline",),
            {"contact": "06-09 16:00", "accept": "06-09 17:00", "close/hard": "06-12 15:00"},
        ),
        (
            "a small call: somebody still waits for an answer",
            "alarm",
            "blue",
            ("hotline",),
            {"contact": "06-09 16:00", "accept": "06-09 17:00", "close/hard": "06-12 15:00"},
        ),
        (
            "a sensor's fire: nobody is waiting to be called back",
            "fire",
            "orange",
            ("sensor", "camera"),
            {"accept": "06-09 17:00", "close/urgent": "06-10 00:00"},
        ),
        (
            "a sensor and a caller agree",
            "fire",
            "red",
            ("sensor", "hotline"),
            {"contact": "06-09 16:00", "accept": "06-09 17:00", "close/urgent": "06-10 00:00"},
        ),
        ("what is only good to know", "temperature", "blue", ("sensor",), {"accept": "06-09 17:00"}),
        ("the equipment's own troubles", "device_silent", "yellow", ("system",), {"accept": "06-09 17:00"}),
        ("the canary", "canary", "red", ("system",), {}),
    ],
)
def test_the_shipped_clocks_of_a_case(
    sentence: str, kind: str, level: str, origins: tuple[str, ...], expected: dict[str, str]
) -> None:
    clocks = [start(c, TUESDAY) for c in load_policies().policy(kind).clocks.clocks(kind, Level(level), origins)]
    names = {f"{c.name}/{c.matter}".rstrip("/"): f"{c.due.astimezone(CHINA):%m-%d %H:%M}" for c in clocks if c.due}
    assert names == expected, sentence


def test_the_shipped_clocks_start_and_stop_where_the_field_says() -> None:
    plans = {p.name: (p.starts, p.stops) for p in load_policies().default.clocks.plans}
    assert plans == {
        "contact": ("raised_at", "contacted_at"),
        "accept": ("dispatched_at", "accepted_at"),
        "close": ("raised_at", "closed_at"),
    }
    assert load_policies().default.clocks.pace == Pace(warning=0.75, overdue=3.0, yellow=0.75, red=1.0)


def test_the_first_row_that_fits_counts_and_one_may_switch_the_clock_off() -> None:
    rows = 'rows = [{ kinds = ["fire"], off = true }, { levels = ["red"], working_hours = 4 }, { days = 2, matter = "hard" }]\n'
    policy = parse_policies(RUN + rows).default.clocks
    targets = [
        [c.target for c in policy.clocks(kind, level, ("sensor",))]
        for kind, level in (("fire", Level.RED), ("gas", Level.RED), ("gas", Level.BLUE))
    ]
    assert targets == [[], [Span(4, Unit.WORKING_HOURS)], [Span(2, Unit.DAYS)]]


def test_a_file_without_clocks_has_none() -> None:
    assert parse_policies(GOOD).default.clocks.clocks("fire", Level.RED, ("sensor",)) == ()


def test_office_hours_come_from_the_policy() -> None:
    text = RUN.replace("[clocks.run", '[clocks]\noffice_hours = ["09:00-12:00", "14:00-18:00"]\n[clocks.run')
    (contact,) = parse_policies(text + "rows = [{ working_hours = 4 }]\n").default.clocks.clocks("gas", Level.RED, ())
    due = start(contact, TUESDAY).due
    assert due == datetime(2026, 6, 10, 10, 0, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("sentence", "text", "said"),
    [
        ("an unknown key", GOOD + "[clocks]\nwarn = 1.0\n", "f.toml: clocks.warn: no such key"),
        ("a warning after the breach", GOOD + "[clocks]\nwarning = 1.5\n", "clocks.warning"),
        ("overdue before the breach", GOOD + "[clocks]\noverdue = 0.5\n", "clocks.overdue"),
        ("colours the wrong way round", GOOD + "[clocks]\nyellow = 2.0\nred = 1.0\n", "yellow (2.0) comes before red"),
        ("hours that are none", GOOD + '[clocks]\noffice_hours = ["all day"]\n', "office hours are written like"),
        ("a stage that is none", RUN.replace("raised_at", "begun_at") + "rows = [{ hours = 1 }]\n", "not a stage"),
        (
            "the bell is no stage to count from",
            RUN.replace("raised_at", "rung_at") + "rows = [{ hours = 1 }]\n",
            "starts",
        ),
        ("from a stage to itself", RUN.replace("raised_at", "contacted_at") + "rows = [{ hours = 1 }]\n", "are both"),
        ("no row", RUN + "rows = []\n", "clocks.run.contact.rows"),
        ("a row without a length", RUN + 'rows = [{ matter = "hard" }]\n', "got none"),
        ("a row with two", RUN + "rows = [{ hours = 1, same_day = true }]\n", "got hours, same_day"),
        ("a length and off", RUN + "rows = [{ hours = 1, off = true }]\n", "got hours, off"),
        ("a length of nothing", RUN + "rows = [{ hours = 0 }]\n", "clocks.run.contact.rows.0.hours"),
        ("a length in quotes", RUN + 'rows = [{ hours = "1" }]\n', "clocks.run.contact.rows.0.hours"),
        ("a level that is none", RUN + 'rows = [{ hours = 1, levels = ["pink"] }]\n', "rows.0.levels.0"),
        ("an origin that is none", RUN + 'rows = [{ hours = 1, origins = ["rumour"] }]\n', "rows.0.origins.0"),
        ("a matter that is none", RUN + 'rows = [{ hours = 1, matter = "vast" }]\n', "rows.0.matter"),
        (
            "a name that is none",
            RUN.replace(".contact]", '."Erst Kontakt"]') + "rows = [{ hours = 1 }]\n",
            "clocks.run",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_file_and_key(sentence: str, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policies(text, "f.toml")
    assert said in str(refused.value), sentence
    assert all(p.startswith("f.toml: ") for p in refused.value.problems)
