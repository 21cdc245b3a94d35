"""End to end over the real embedded brokers: the demo's story, as the command tells it."""

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    command = [sys.executable, "-m", "api.command", "demo", "--headless", "--until", "closed", "--json", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 1, "exactly one JSON object on stdout"
    account: dict[str, Any] = json.loads(lines[0])
    return account


@pytest.fixture(scope="module")
def fire(told: dict[str, Any]) -> dict[str, Any]:
    (only,) = told["alerts"]
    alert: dict[str, Any] = only
    return alert


def test_one_red_fire_has_the_evidence_of_all_three_senses(fire: dict[str, Any]) -> None:
    assert (fire["kind"], fire["level"]) == ("fire", "red")
    assert sorted(fire["origins"]) == ["camera", "hotline", "sensor"]


def test_what_was_published_is_kept(told: dict[str, Any]) -> None:
    messages = told["messages"]
    assert messages["published"] > 200
    assert (messages["kept"], messages["rejected"], messages["lost"]) == (messages["published"], 0, 0)


def test_the_stages_come_in_their_order(fire: dict[str, Any]) -> None:
    order = ["event_at", "received_at", "raised_at", "first_notice_at", "acked_at", "handled_at", "closed_at"]
    instants = [datetime.fromisoformat(fire["stages"][name]) for name in order]
    assert instants == sorted(instants)
    assert all(at.tzinfo is not None for at in instants)


def test_the_leader_of_the_grid_is_texted_first_and_rung_next(fire: dict[str, Any]) -> None:
    notices = sorted(fire["notices"], key=lambda n: n["at"])
    first, second = notices[0], notices[1]
    assert (first["channel"], first["reason"], first["role"]) == ("sms", "first", "grid_leader")
    assert (second["channel"], second["person"]) == ("voice", first["person"])
    assert first["grid"] == second["grid"] == fire["grid"]


def test_nobody_answers_so_the_next_level_is_rung_and_answers(fire: dict[str, Any]) -> None:
    escalated = [n for n in fire["notices"] if n["reason"] == "escalate"]
    assert escalated
    assert all(n["grid"] != fire["grid"] and fire["grid"].startswith(n["grid"]) for n in escalated)
    assert any(n["channel"] == "voice" and n["state"] == "answered" for n in escalated)


def test_after_somebody_answered_nothing_new_rings_but_the_end(fire: dict[str, Any]) -> None:
    acked = datetime.fromisoformat(fire["stages"]["acked_at"])
    later = [n for n in fire["notices"] if datetime.fromisoformat(n["at"]) > acked and n["state"] != "cancelled"]
    assert {n["reason"] for n in later} == {"resolved"}


def test_everyone_told_is_told_that_it_is_over(fire: dict[str, Any]) -> None:
    told = {
        n["person"]
        for n in fire["notices"]
        if n["reason"] != "resolved" and n["state"] in {"sent", "delivered", "answered"}
    }
    over = {n["person"] for n in fire["notices"] if n["reason"] == "resolved"}
    assert over == told


def test_response_times_are_told(told: dict[str, Any]) -> None:
    assert told["response"]["acknowledged"]["p50"] > 0
    assert told["response"]["closed"]["measured"] == 1
    assert told["seconds_to_first_alert"] > 0
