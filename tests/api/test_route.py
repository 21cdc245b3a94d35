"""Whom a place finds, asked over HTTP and on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.ledger import open_ledger
from alerts.people.duty import EVERY_DAY, Duty, DutyKind
from alerts.people.roster import Roster
from alerts.people.routing import Moment
from api.command.verbs import app
from api.doctor.stores import caught
from ingest.registry import Registry
from tests.alerts.empty_ledger import empty_ledger
from tests.api.served import DEVICES, GRIDS, PEOPLE, Served

NIGHT = [Duty(DutyKind.SHIFT, "p-1", EVERY_DAY, 8 * 60, 20 * 60)]
DAYTIME, NIGHTTIME = "2026-03-01T12:00:00+08:00", "2026-03-01T23:00:00+08:00"


def test_a_grid_finds_its_people_with_every_reason(desk: Served) -> None:
    desk.app.state.desk = replace(desk.app.state.desk, roster=lambda: Roster.of(PEOPLE, NIGHT))
    asked = {"grid": "990101", "time": NIGHTTIME, "kind": "fire"}
    found = desk.http.get("/api/v1/route", params=asked, headers={"accept-language": "en"})
    body = found.json()
    assert found.status_code == 200, body
    assert [(level["code"], level["told"], level["why"]) for level in body["levels"]] == [
        ("990101", False, "off_duty"),
        ("9901", True, ""),
    ]
    assert ([p["id"] for p in body["told"]], body["told_grid"], body["caught"]) == (["p-2"], "9901", False)
    assert body["steps"][0]["told"][0]["id"] == "p-2"
    assert body["text"][1].startswith("第一网格 (990101): passed over")
    assert "+86" not in found.text, "telephone numbers are nobody's business here"
    day = desk.http.get("/api/v1/route", params={**asked, "time": DAYTIME}).json()
    assert [p["id"] for p in day["told"]] == ["p-1"]


def test_a_point_finds_its_grid_or_the_catcher(desk: Served) -> None:
    inside = desk.http.get("/api/v1/route", params={"at": "30.05,103.05"}).json()
    assert (inside["grid"], inside["placed"]) == ("990101", {"why": "coordinates", "others": [], "metres": 0.0})
    outside = desk.http.get("/api/v1/route", params={"at": "40,103.05,gcj02"}).json()
    assert (outside["grid"], outside["placed"], outside["caught"]) == ("", None, True)
    assert [p["id"] for p in outside["told"]] == ["p-2"]


@pytest.mark.parametrize(
    ("sentence", "asked"),
    [
        ("neither a grid nor a point", {}),
        ("both", {"grid": "990101", "at": "30,103"}),
        ("a point that is none", {"at": "here"}),
        ("a datum that is none", {"at": "30,103,moon"}),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(desk: Served, sentence: str, asked: dict[str, str]) -> None:
    answer = desk.http.get("/api/v1/route", params=asked)
    assert answer.status_code == 400, sentence
    assert answer.json()["code"] == "bad_request"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    url = empty_ledger(tmp_path)
    Path("tocsin.toml").write_text(f'[ledger]\nurl = "{url}"\n', encoding="utf-8")
    ledger = open_ledger(url)
    ledger.replace_place(GRIDS, DEVICES, PEOPLE, NIGHT)
    ledger.close()
    return CliRunner(env={"COLUMNS": "200"})


def test_the_command_explains_in_both_languages(office: CliRunner) -> None:
    shown = office.invoke(
        app, ["roster", "explain", "--grid", "990101", "--time", "2026-03-01 23:00", "--kind", "fire"]
    )
    assert shown.exit_code == 0, shown.output
    assert "第一网格（990101）：跳过，该级此刻无人值班" in shown.stdout
    assert "试验镇 (9901): this level is told" in shown.stdout
    as_json = office.invoke(app, ["roster", "explain", "--at", "30.05,103.05", "--time", "2026-03-01", "--json"])
    told = json.loads(as_json.stdout)
    assert (told["grid"], told["told_grid"], told["text"].keys()) == ("990101", "9901", {"zh", "en"})


def test_the_command_lists_gaps_and_says_so_by_its_exit_code(office: CliRunner) -> None:
    shown = office.invoke(app, ["roster", "gaps", "--days", "1", "--time", "2026-03-01"])
    assert shown.exit_code == 1, shown.output
    assert "990101" in shown.stdout
    assert "2026-03-01 Sun 20:00" in shown.stdout
    as_json = office.invoke(app, ["roster", "gaps", "--days", "1", "--time", "2026-03-01", "--json"])
    body = json.loads(as_json.stdout)
    assert [(g["grid"], g["from"], g["to"], g["instead"][0]["id"]) for g in body["gaps"]] == [
        ("990101", "2026-02-28T16:00:00Z", "2026-03-01T00:00:00Z", "p-2"),
        ("990101", "2026-03-01T12:00:00Z", "2026-03-01T16:00:00Z", "p-2"),
    ]
    assert body["vacant"] == ["99", "990102"]


@pytest.mark.parametrize(
    ("sentence", "asked", "code"),
    [
        ("neither a grid nor a place", [], 2),
        ("a place that is none", ["--at", "here"], 2),
        ("a time that is none", ["--grid", "990101", "--time", "noon"], 2),
        ("a grid that nobody knows", ["--grid", "7"], 1),
    ],
)
def test_what_cannot_be_explained_is_said(office: CliRunner, sentence: str, asked: list[str], code: int) -> None:
    assert office.invoke(app, ["roster", "explain", *asked]).exit_code == code, sentence


NOW = Moment(datetime(2026, 3, 1, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("sentence", "roster", "moment", "said"),
    [
        ("nobody at all", Roster(), NOW, "nobody is enrolled"),
        ("somebody at any time", Roster.of(PEOPLE), NOW, ""),
        (
            "somebody nothing reaches",
            Roster.of(PEOPLE[1:]),
            Moment(NOW.now, unreachable=frozenset({"p-2"})),
            "nobody who can be told",
        ),
        (
            "nobody in the night",
            Roster.of(PEOPLE, [Duty(DutyKind.SHIFT, "p-2", EVERY_DAY, 8 * 60, 20 * 60)]),
            NOW,
            "nobody on duty from 2026-03-01 20:00",
        ),
    ],
)
def test_the_doctor_looks_for_the_catcher(sentence: str, roster: Roster, moment: Moment, said: str) -> None:
    finding = caught(Registry.of(GRIDS, DEVICES), roster, moment)
    assert finding.well == (not said), sentence
    assert said in finding.found
