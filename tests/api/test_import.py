"""`tocsin import` on the ledger: all or nothing, and as often as one likes."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from alerts.ledger import open_ledger
from api.command import import_place as command
from ingest.events import Point
from ingest.places import Places

PHONE = "+861000000001"
GRIDS = (
    "﻿编码,上级,级别,名称,边界,坐标系\n"
    "C,,区县,云泽县,,\n"
    "T,C,街道,一街道,,\n"
    'G,T,网格,一网格,"POLYGON((118 29, 118.01 29, 118.01 29.01, 118 29.01, 118 29))",wgs84\n'
)
DEVICES = "id,kind,gateway,lat,lon,datum,interval_s\nd1,smoke,gw,29.005,118.005,wgs84,60\n"
PEOPLE = f"name,phone,role,grid,order\n李一,{PHONE},leader,G,1\n王二,+861000000002,duty,C,1\n"


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A folder with a settings file, three sound files and a runner for the command."""
    monkeypatch.chdir(tmp_path)
    Path("tocsin.toml").write_text(f'[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n', encoding="utf-8")
    for name, text in (("grids.csv", GRIDS), ("devices.csv", DEVICES), ("people.csv", PEOPLE)):
        Path(name).write_text(text, encoding="utf-8")
    app = typer.Typer()
    app.command()(command.import_place)

    def run(*arguments: str):
        return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})

    return run


ALL = ("--grids", "grids.csv", "--devices", "devices.csv", "--people", "people.csv")


def in_force():
    ledger = open_ledger(f"sqlite:///{Path.cwd()}/ledger.db")
    try:
        return ledger.registry(), ledger.roster()
    finally:
        ledger.close()


def test_a_sound_place_comes_into_force_and_is_found_again(office):
    result = office(*ALL)
    assert result.exit_code == 0, result.output
    assert "in force (version 1): grids 3 new" in result.stdout
    registry, roster = in_force()
    assert Places(registry).locate(Point(29.005, 118.005)).township == "T"
    assert registry.devices["d1"].grid == "G"
    assert [p.name for p in roster.at("G")] == ["李一"]


def test_the_same_import_again_changes_nothing(office):
    office(*ALL)
    before = in_force()
    result = office(*ALL, "--json")
    assert result.exit_code == 0
    done = json.loads(result.stdout)
    assert (done["written"], done["version"], done["grids"]) == (False, 1, {"added": 0, "changed": 0, "same": 3})
    assert in_force() == before


def test_one_error_in_one_file_keeps_all_three_out(office):
    Path("people.csv").write_text(PEOPLE.replace(PHONE, "13800138000"), encoding="utf-8")
    result = office(*ALL)
    assert result.exit_code == 1
    assert "people.csv" in result.stdout
    assert "is not E.164" in result.stdout
    assert "13800138000" not in result.output
    registry, roster = in_force()
    assert (registry.version, dict(registry.grids), dict(registry.devices), dict(roster.people)) == (0, {}, {}, {})


def test_a_changed_row_is_updated_and_what_is_not_listed_stays(office):
    office(*ALL)
    Path("more.csv").write_text(
        f"name,phone,role,grid,order\n李一,+861000000009,leader,G,1\n赵三,{PHONE},worker,G,2\n", encoding="utf-8"
    )
    result = office("--people", "more.csv", "--json")
    assert json.loads(result.stdout)["people"] == {"added": 1, "changed": 1, "same": 0}
    _, roster = in_force()
    assert [(p.name, p.phone) for p in roster.at("G")] == [("李一", "+861000000009"), ("赵三", PHONE)]
    assert [p.name for p in roster.at("C")] == ["王二"]


def test_a_dry_run_says_what_would_happen_and_writes_nothing(office):
    result = office(*ALL, "--dry-run")
    assert result.exit_code == 0
    assert "nothing written" in result.stdout
    assert in_force()[0].version == 0


def test_json_is_one_object_with_every_problem_and_its_line(office):
    Path("grids.csv").write_text(GRIDS.replace("网格,一网格", "大队,一网格"), encoding="gb18030")
    result = office("--grids", "grids.csv", "--json")
    done = json.loads(result.stdout)
    assert result.exit_code == 1
    assert done["ok"] is done["written"] is False
    problem = {"file": "grids.csv", "line": 4, "severity": "error"}
    assert [{k: p[k] for k in problem} for p in done["problems"]] == [problem]


def test_a_datum_for_files_that_name_none_moves_the_outlines(office):
    Path("grids.csv").write_text(GRIDS.replace(",wgs84\n", ",\n"), encoding="utf-8")
    assert office("--grids", "grids.csv").exit_code == 1
    assert office("--grids", "grids.csv", "--datum", "GCJ-02").exit_code == 0
    lon, lat = in_force()[0].grids["G"].rings[0][0]
    assert 0.001 < abs(lon - 118) < 0.01
    assert 0.0005 < abs(lat - 29) < 0.01


WRONG_CALLS = [
    ("nothing to import", (), 2, "name at least one of"),
    ("an unknown datum", ("--grids", "grids.csv", "--datum", "mercator"), 2, "is no datum we know"),
    ("a settings file that is not there", ("--grids", "grids.csv", "--config", "no.toml"), 2, "there is no such file"),
    ("a file that is not there", ("--grids", "no.csv"), 1, "cannot be read"),
]


@pytest.mark.parametrize(("_what", "arguments", "code", "said"), WRONG_CALLS, ids=[row[0] for row in WRONG_CALLS])
def test_a_wrong_call_says_what_to_do(office, _what, arguments, code, said):
    result = office(*arguments)
    assert result.exit_code == code
    assert said in result.output


def test_a_ledger_that_is_away_is_no_error_of_the_files(office):
    Path("tocsin.toml").write_text('[ledger]\nurl = "sqlite:////proc/no/such/ledger.db"\n', encoding="utf-8")
    result = office(*ALL)
    assert result.exit_code == 3
    assert "ledger" in result.output


def test_a_cell_that_looks_like_markup_is_shown_as_it_is(office):
    Path("grids.csv").write_text("code,level,name\nA,[red]grid,a\n", encoding="utf-8")
    assert "[red]grid" in office("--grids", "grids.csv").stdout


def test_the_place_in_the_documentation_can_be_imported_as_it_stands(office):
    text = (Path(command.__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
    examples = re.findall(r"`(\w+\.csv)`\n\n```csv\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in examples] == ["grids.csv", "devices.csv", "people.csv"]
    for name, rows in examples:
        Path(name).write_text(rows, encoding="utf-8")
    result = office(*ALL, "--json")
    done = json.loads(result.stdout)
    assert (result.exit_code, done["problems"]) == (0, [])
    registry, _ = in_force()
    assert {d.id: d.grid[-2:] for d in registry.devices.values()} == {
        "smoke-0001": "01",
        "smoke-0002": "02",
        "level-0001": "02",
    }


def test_a_duty_book_beside_the_people_is_read_by_itself_and_again_changes_nothing(office):
    Path("duty.csv").write_text("类型,人员,开始时间,结束时间\n班次,李一,08:00,20:00\n", encoding="utf-8")
    result = office(*ALL)
    assert result.exit_code == 0, result.output
    assert "duties 1 new" in result.stdout
    _, roster = in_force()
    assert [(line.start, line.end) for line in roster.book.lines()] == [(480, 1200)]
    assert json.loads(office(*ALL, "--json").stdout)["duties"] == {"added": 0, "changed": 0, "same": 1}


def test_a_duty_book_may_come_alone(office):
    office(*ALL)
    Path("nights.csv").write_text("kind,person,start,end\nshift,王二,20:00,08:00\n", encoding="utf-8")
    result = office("--duty", "nights.csv", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["duties"]["added"] == 1
    assert any("no catcher on duty" in p["what"] for p in json.loads(result.stdout)["problems"]) is False


def test_a_grid_may_be_redrawn_from_a_day_on(office):
    office(*ALL)
    Path("redrawn.csv").write_text("code,parent,level,name,valid_from\nG,T,grid,新网格,2031-01-01\n", encoding="utf-8")
    assert office("--grids", "redrawn.csv").exit_code == 0
    registry, _ = in_force()
    names = [registry.grid("G", datetime(year, 6, 1, tzinfo=UTC)).name for year in (2030, 2031)]
    assert names == ["一网格", "新网格"]
