"""Policy files: what they say and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.policy import LOOPS, SHIPPED, PolicyError, load_policies, parse_policies
from streams.signal import Level

RED = '[levels.red]\nsteps = [{ after = 0, target = "grid", channels = ["sms"] }]\n'
GOOD = 'version = "1"\n' + RED


def test_the_shipped_policies_ring_red_at_once_on_text_and_telephone_and_end_at_the_duty_officer() -> None:
    for kind in ("fire", "gas", "flood", "sos", "device_silent", "anything"):
        chain = load_policies().policy(kind).chain(Level.RED)
        assert (chain[0].after, chain[0].target, set(chain[0].channels)) == (0, "grid", {"sms", "voice"})
        assert chain[-1].target == "duty_officer"
        assert [s.after for s in chain] == sorted(s.after for s in chain)


def test_the_pace_of_a_demonstration_is_that_of_a_quarter_of_a_minute() -> None:
    file = Path(__file__).parents[2] / "api" / "county" / "policies.toml"
    chain = load_policies(file).policy("fire").chain(Level.RED)
    assert [(s.after, s.target) for s in chain[:4]] == [(0, "grid"), (4, "grid"), (8, "up"), (14, "up")]


def test_blue_rings_nobody_and_every_level_has_targets() -> None:
    policies = load_policies()
    assert policies.policy("battery").chain(Level.BLUE) == ()
    assert set(policies.targets) == set(Level)


def test_loops_are_written_out_and_the_final_step_follows_the_last() -> None:
    text = GOOD + 'loops = 3\nloop_after = 10\nfinal = { after = 5, target = "catcher", channels = ["voice"] }\n'
    chain = parse_policies(text).policy("fire").chain(Level.RED)
    assert [(s.after, s.target) for s in chain] == [(0, "grid"), (10, "grid"), (20, "grid"), (25, "catcher")]


def test_a_kind_keeps_the_levels_it_does_not_name() -> None:
    text = GOOD + '[kinds.fire.levels.orange]\nsteps = [{ after = 1, target = "up", channels = ["voice"] }]\n'
    fire = parse_policies(text).policy("fire")
    assert [s.target for s in fire.chain(Level.RED)] == ["grid"]
    assert [s.target for s in fire.chain(Level.ORANGE)] == ["up"]
    assert fire.name == "fire/1"


def test_agreement_of_senses_is_counted_only_where_the_file_says_so() -> None:
    fire, other = (load_policies().policy(kind) for kind in ("fire", "battery"))
    assert [fire.fused(n) for n in (1, 2, 3)] == [None, Level.RED, Level.RED]
    assert other.fused(4) is None


@pytest.mark.parametrize(
    ("sentence", "text", "said"),
    [
        ("not TOML at all", "=", "f.toml: not TOML"),
        ("an unknown key", GOOD + "loop = 2\n", "f.toml: levels.red.loop: no such key"),
        ("an unknown level", GOOD + "[levels.pink]\nsteps = []\n", "levels.pink"),
        ("no version", RED, "f.toml: version: Field required"),
        ("red that rings nobody", 'version = "1"\n[levels.red]\nsteps = []\n', "red must always ring somebody"),
        ("red of one kind that rings nobody", GOOD + "[kinds.gas.levels.red]\nsteps = []\n", "kinds.gas.levels.red"),
        ("too many rounds", GOOD + f"loops = {LOOPS + 1}\nloop_after = 9\n", "levels.red.loops"),
        ("rounds that overlap", GOOD + "loops = 2\n", "loop_after must be later"),
        (
            "steps out of order",
            GOOD.replace("steps = [{", 'steps = [{ after = 9, target = "up", channels = ["sms"] }, {'),
            "sort them",
        ),
        ("a step without channels", GOOD.replace('["sms"]', "[]"), "levels.red.steps.0.channels"),
        ("a channel that nobody has", GOOD.replace('"sms"', '"smoke signs"'), "levels.red.steps.0.channels.0"),
        ("a negative time", GOOD.replace("after = 0", "after = -1"), "levels.red.steps.0.after"),
        ("a time in quotes", GOOD.replace("after = 0", 'after = "0"'), "levels.red.steps.0.after"),
        (
            "one sense that agrees with itself",
            GOOD + '[kinds.fire.fusion]\norigins = 1\nlevel = "red"\n',
            "fusion.origins",
        ),
        ("a radius beyond the index", GOOD + "[merge]\nradius_m = 5000\n", "merge.radius_m"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_key(sentence: str, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policies(text, "f.toml")
    assert said in str(refused.value), sentence
    assert all(p.startswith("f.toml: ") for p in refused.value.problems)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.toml: cannot be read"):
        load_policies(tmp_path / "nowhere.toml")
    assert SHIPPED.exists()
