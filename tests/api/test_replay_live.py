"""`tocsin replay` as a person runs it: a child process, the embedded stack, and lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.command.verbs import app
from api.replay.mapping import GRID

WITHIN = 120.0


def replay(*arguments):
    command = [sys.executable, "-m", "api.command", "replay", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=WITHIN, check=False, cwd=Path(__file__).parents[2]
    )


@pytest.fixture
def fire(tmp_path):
    """Twenty quiet seconds, then smoke in one of three rooms; rows every second for a minute."""
    rows = [
        f"{t},20.{t % 3},20.1,0.00{t % 4},{0.002 if t < 20 else min(0.5, (t - 19) * 0.05):.3f},4400" for t in range(60)
    ]
    path = tmp_path / "kitchen.csv"
    path.write_text("TIME,TC_1,TC_2,SM_1,SM_2,Ion1A\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_recorded_fire_rings_once_in_its_own_time(fire):
    done = replay(fire, "--headless", "--json", "--speed", "8")
    assert done.returncode == 0, done.stderr
    (alert,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (alert["kind"], alert["level"], alert["device"], alert["grid"]) == ("fire", "red", "SM_2", GRID)
    assert 20 <= alert["event_s"] <= alert["raised_s"] <= 60
    assert alert["event_at"].startswith("2020-01-01T00:00:2")
    first = alert["notices"][0]
    assert (first["role"], first["reason"]) == ("grid_leader", "first")
    assert first["at_s"] >= alert["raised_s"]
    # on a slow machine it is worse before the first notice has left, which is called back then
    assert "sent" in {n["state"] for n in alert["notices"] if n["role"] == "grid_leader"}
    assert "skipped Ion1A" in done.stderr
    assert "may be missing" not in done.stderr


@pytest.mark.parametrize(
    ("sentence", "name", "arguments", "code", "said"),
    [
        ("a file that is not there", "nothing.csv", (), 2, "no such file"),
        ("a speed that is none", "kitchen.csv", ("--speed", "fast"), 2, "no speed"),
        ("a mapping that is not there", "kitchen.csv", ("--map", "nowhere.toml"), 2, "nowhere.toml"),
    ],
)
def test_a_call_that_is_wrong_says_so_and_starts_nothing(fire, sentence, name, arguments, code, said):
    done = CliRunner().invoke(app, ["replay", str(fire.with_name(name)), "--headless", *arguments])
    assert (done.exit_code, done.stdout) == (code, ""), sentence
    assert said in done.stderr.replace("\n", " ")
