"""Rules are strict: what is not understood is an error that says where."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from ingest.events import Reading
from ingest.frames import Frame
from streams.calls import load_keywords
from streams.detectors.registry import DETECTORS, Detectors
from streams.rules import InvalidRules, RulesFile, load_rules, parse_rules

GOOD = """
[[rule]]
id = "smoke"
kind = "fire"
metrics = ["smoke"]
detector = "threshold"
levels = [{ level = "red", set = 0.1, reset = 0.05 }]
"""


def test_the_shipped_rules_are_good_and_every_detector_is_known() -> None:
    rules = load_rules()
    assert {r.detector for r in rules.rule} <= {*DETECTORS, "silence"}
    assert Detectors(rules).due_at() is None
    assert {"fire", "gas", "flood", "tilt", "sos", "battery"} <= {r.kind for r in rules.rule}
    assert load_keywords().kind


@pytest.mark.parametrize(
    ("why", "change", "words"),
    [
        ("an unknown key", ('id = "smoke"', 'id = "smoke"\nsete = 1'), ("rule[1] smoke.sete", "Extra inputs")),
        ("an unknown key in a level", ("reset =", "resett ="), ("rule[1] smoke.levels.0.resett", "Extra")),
        ("an unknown detector", ('"threshold"', '"treshold"'), ("rule[1] smoke", "treshold")),
        ("an unknown level", ('"red"', '"crimson"'), ("rule[1] smoke.levels.0.level", "red")),
        ("a rule without metrics", ('["smoke"]', "[]"), ("rule[1] smoke.metrics",)),
        ("a reset beyond its set", ("reset = 0.05", "reset = 0.5"), ("rule[1] smoke", "reset 0.5 lies beyond set 0.1")),
        ("an id that is no name", ('id = "smoke"', 'id = "Smoke 1"'), ("rule[1] Smoke 1.id",)),
        ("text that is no TOML", ('id = "smoke"', "id = smoke"), ("not TOML",)),
        ("a top-level key nobody knows", ("[[rule]]", "colour = 1\n[[rule]]"), ("colour", "Extra")),
    ],
)
def test_what_is_wrong_is_said_with_its_file_and_key(why: str, change: tuple[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRules) as error:
        parse_rules(GOOD.replace(*change), "rules.toml")
    assert str(error.value).startswith("rules.toml: "), why
    assert all(word in str(error.value) for word in words), (why, str(error.value))


def test_levels_go_from_the_mildest_to_the_worst() -> None:
    turned = '[{ level = "red", set = 1, reset = 1 }, { level = "blue", set = 2, reset = 1 }]'
    with pytest.raises(InvalidRules, match="from the mildest to the worst"):
        parse_rules(GOOD.replace('[{ level = "red", set = 0.1, reset = 0.05 }]', turned))


def test_an_id_is_used_once() -> None:
    with pytest.raises(InvalidRules, match="'smoke' is used twice"):
        parse_rules(GOOD + GOOD)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRules, match=r"gone\.toml: cannot be read"):
        load_rules(tmp_path / "gone.toml")


def test_rules_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        parse_rules(GOOD).rule[0].id = "other"  # type: ignore[misc]


def test_a_rule_changes_its_digest_with_its_content_only() -> None:
    spaced = parse_rules(GOOD.replace("set = 0.1", "set   = 0.10"))
    assert spaced.fingerprint == parse_rules(GOOD).fingerprint
    assert parse_rules(GOOD.replace("set = 0.1", "set = 0.2")).fingerprint != spaced.fingerprint


def write(path: Path, text: str, stamp: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(stamp, stamp))


def test_a_changed_file_is_read_and_a_broken_one_leaves_the_old_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    write(path, GOOD, 1_000)
    file = RulesFile(path)
    assert file.changed() is None
    write(path, GOOD.replace("0.1", "0.2"), 2_000)
    changed = file.changed()
    assert changed is not None
    assert changed is file.rules
    write(path, "nonsense", 3_000)
    with pytest.raises(InvalidRules, match="not TOML"):
        file.changed()
    assert file.rules is changed
    assert file.changed() is None, "a broken file is told of once"
    path.unlink()
    with pytest.raises(InvalidRules, match="cannot be read"):
        file.changed()
    write(path, GOOD, 4_000)
    assert file.changed() == parse_rules(GOOD)


@pytest.mark.parametrize(
    ("sentence", "metric", "kind", "meant"),
    [
        ("a class by itself", "fire_alarm", "", {"fire_alarm"}),
        ("a class before its source's own name", "fire_alarm:Hall.FireAlarm", "", {"fire_alarm"}),
        ("a gas alarm so named", "gas_alarm:Kitchen/可燃气体报警", "", {"gas_said"}),
        ("an alarm that no rule names", "cod_alarm", "", {"other_said"}),
        ("an alarm of no class under its own name", "device_alarm:Level High", "", {"other_said"}),
        ("what moves before a camera is no alarm", "motion_alarm", "", {"unusual"}),
        ("an alarm of a smoke detector", "alarm", "smoke", {"smoke_alarm"}),
        ("an alarm of a device of another kind", "alarm", "manhole", {"alarm_said"}),
        ("an alarm of a device that nobody enrolled", "alarm", "", {"alarm_said"}),
        ("a colon means nothing elsewhere", "temperature:2", "", {"unusual"}),
        ("a number that no rule names", "flow", "", {"unusual"}),
    ],
)
def test_which_of_the_shipped_rules_watch_a_metric(sentence: str, metric: str, kind: str, meant: set[str]) -> None:
    rules = load_rules()
    watching = {r.id for r in rules.rule if r.detector != "silence" and rules.mean(r, metric) and r.watches(kind)}
    assert watching == meant, sentence


def test_two_alarms_of_one_class_on_one_device_do_not_end_each_other() -> None:
    at = datetime(2026, 3, 1, 8, tzinfo=UTC)
    east, west = (f"fire_alarm:{side}.FireAlarm" for side in ("East", "West"))

    def frame(*said: tuple[str, float, int]) -> Frame:
        return Frame.of(
            [Reading("plc/1", m, v, at + timedelta(seconds=s), at + timedelta(seconds=s)) for m, v, s in said]
        )

    signals = Detectors(load_rules()).update(frame((east, 1.0, 0), (west, 1.0, 1), (west, 0.0, 2)))
    assert [(s.rule, s.active) for s in signals] == [("fire_alarm", True), ("fire_alarm", True), ("fire_alarm", False)]
    first, second, end = (signal.key for signal in signals)
    assert end == second != first
