"""Rules that change while the worker runs: a signal says by which form of its rule it was given away, and a rule that changed begins anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.events import Call, Lapse, Loss, Place, Presence, Reading, Sighting, Standing, encode
from ingest.frames import Frame
from ingest.registry import Device, Registry
from ingest.topics import Topic
from streams.calls import load_keywords
from streams.rules import Rules, parse_rules
from streams.signal import VERSION, Signal
from streams.ward import Ward

T0 = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
SMOKE = """
[[rule]]
id = "smoke"
kind = "fire"
metrics = ["smoke"]
detector = "threshold"
levels = [{ level = "red", set = 0.5, reset = 0.4, hold = 3 }]
"""
HEAT = """
[[rule]]
id = "heat"
kind = "fire"
metrics = ["temperature"]
detector = "threshold"
levels = [{ level = "red", set = 57, reset = 45, hold = 3 }]
"""
SILENT = """
[[rule]]
id = "silent"
kind = "device_silent"
detector = "silence"
level = "yellow"
gateway_level = "orange"
"""
RISING = """
[[rule]]
id = "smoke"
kind = "fire"
metrics = ["smoke"]
detector = "rate"
level = "red"
per_minute = 1
least = 0.1
"""


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def ward(text: str) -> Ward:
    return Ward(0, 1, parse_rules(text), load_keywords())


def read(some: Ward, *rows: tuple[float, float], metric: str = "smoke") -> list[Signal]:
    readings = [Reading("s1", metric, v, at(s), at(s), Place("g1", "t1"), "smoke", "gw") for s, v in rows]
    offset = some.applied.get(Topic.READINGS, -1) + 1
    return some.take(Topic.READINGS, offset, Frame.of(readings).encode())


def versions(said: list[Signal]) -> list[str]:
    return [str(signal.evidence[VERSION]) for signal in said]


def version(rules: Rules, ident: str) -> str:
    return rules.by_id[ident].version


def test_a_version_changes_exactly_when_the_rule_does() -> None:
    one, same = parse_rules(SMOKE), parse_rules(f"# a remark\n{HEAT}{SMOKE}")
    other = parse_rules(SMOKE.replace("0.5", "0.6"))
    assert version(one, "smoke") == version(same, "smoke") != version(other, "smoke")


def test_a_signal_says_by_which_form_of_its_rule_it_was_given_away() -> None:
    before, after = parse_rules(SMOKE), parse_rules(SMOKE.replace("set = 0.5", "set = 0.7"))
    some = ward(SMOKE)
    assert versions(read(some, (0, 0.9), (3, 0.9))) == [version(before, "smoke")]
    some.under(after)
    assert versions(read(some, (10, 0.9), (13, 0.9), (14, 0.1))) == [version(after, "smoke")] * 2, "its end as well"


def test_whatever_gives_a_signal_away_says_so() -> None:
    some = ward(SILENT + '[sightings]\nlabels = { fire = "fire" }\n')
    place = Place("g1", "t1")
    minute = timedelta(minutes=1)
    some.enrol(Registry.of((), [Device("s1", "smoke", "gw", "g1", interval=minute)]), T0)
    said = some.on_due(at(3600))
    said += some.take(Topic.SIGHTINGS, 0, encode(Sighting("i1", "cam", "fire", 0.99, at(0), at(0), place)))
    said += some.take(Topic.CALLS, 0, encode(Call("c1", "厨房着火了", at(1), at(1), place=place)))
    said += some.take(Topic.PRESENCE, 0, encode(Lapse("gw", Loss.SESSION, at(1), at(2), place)))
    said += some.take(Topic.PRESENCE, 1, encode(Presence("s1", Standing.ONLINE, at(3700), at(3700), place)))
    assert [signal.rule for signal in said] == ["silent", "camera", "hotline", "lapse", "silent"]
    assert len(set(versions(said))) == 4


@pytest.mark.parametrize(
    ("sentence", "after"),
    [
        ("a limit that changed", SMOKE.replace("set = 0.5", "set = 0.6")),
        ("another kind of condition under the same id", RISING),
    ],
)
def test_what_was_counted_under_a_rule_that_changed_is_forgotten(sentence: str, after: str) -> None:
    some = ward(SMOKE + HEAT)
    read(some, (0, 0.9))
    read(some, (0, 60), metric="temperature")
    some.under(parse_rules(after + HEAT))
    said = some.on_due(at(3))
    assert [signal.rule for signal in said] == ["heat"], f"{sentence}: the other one's hold goes on"
    assert read(some, (3, 0.9)) == [], "three seconds begin anew"
