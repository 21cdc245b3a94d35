"""`tocsin policy test`: the example of docs/policy-test.md as it stands there, what differs, and what cannot be read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.command.verbs import app

DOC = (Path(__file__).parents[2] / "docs" / "policy-test.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(\w+\.csv)`\n\n```csv\n(.*?)```$", DOC, re.MULTILINE | re.DOTALL))
SAID = re.findall(r"^```text\n(.*?)```$", DOC, re.MULTILINE | re.DOTALL)
HEAD = "kind,level,place,lat,lon,datum,origin,at,since,recipient,step,clock,due\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(place: Path, table: str = "", *more: str) -> tuple[int, str, str]:
    if table:
        (place / "table.csv").write_text(HEAD + table, encoding="utf-8")
    got = CliRunner().invoke(app, ["policy", "test", str(place / "table.csv"), "--place", str(place), *more])
    assert got.exception is None or isinstance(got.exception, SystemExit), got.exception
    return got.exit_code, got.stdout, got.stderr


def test_the_worked_example_comes_out_as_the_document_says(place: Path) -> None:
    code, out, _ = run(place)
    assert code == 0, out
    assert len(SAID) == 3
    assert all(text in out for text in SAID[:2])
    assert re.findall(r"`(跳过\S+)`", DOC)[0] in out
    different = FILES["table.csv"].removeprefix(HEAD).replace(",liyi,1,", ",sunwu,1,")
    code, out, _ = run(place, different)
    assert code == 1
    assert SAID[2] in out


@pytest.mark.parametrize(
    ("sentence", "cells", "column"),
    [
        ("whom it tells", ",sunwu,,,", "recipient"),
        ("that nobody is told", ",nobody,,,", "recipient"),
        ("how far the chain is", ",,2,,", "step"),
        ("when the next step is due", ",,,,+61", "due"),
        ("that nothing is due", ",,,escalation,none", "due"),
        ("when a service clock runs out", ",,,close,2026-03-02T23:00", "due"),
        ("a clock that the case does not have", ",,,lunch,+60", "clock"),
    ],
)
def test_an_expectation_that_is_not_met_is_named(place: Path, sentence: str, cells: str, column: str) -> None:
    code, out, _ = run(place, f"fire,red,YZ-01-01-01,,,,,2026-03-02T22:00,{cells}\n", "--json")
    (row,) = json.loads(out)["rows"]
    assert (code, row["ok"], [d["column"] for d in row["differences"]]) == (1, False, [column]), sentence


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",red,YZ,,,,,2026-03-02T22:00,,,,,", "kind"),
        ("fire,purple,YZ,,,,,2026-03-02T22:00,,,,,", "level"),
        ("fire,red,XX,,,,,2026-03-02T22:00,,,,,", "place"),
        ("fire,red,,29.1,,wgs84,,2026-03-02T22:00,,,,,", "lon"),
        ("fire,red,,nan,119.1,wgs84,,2026-03-02T22:00,,,,,", "lat"),
        ("fire,red,,29.1,119.1,,,2026-03-02T22:00,,,,,", "datum"),
        ("fire,red,,29.1,119.1,utm,,2026-03-02T22:00,,,,,", "datum"),
        ("fire,red,YZ,,,,pigeon,2026-03-02T22:00,,,,,", "origin"),
        ("fire,red,YZ,,,,,yesterday,,,,,", "at"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,60 nothing,,,,", "since"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,+60 slept,,,,", "since"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,+99999999 nothing,,,,", "since"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,+1 acknowledged liyi,,,,", "since"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,+1 dispatched nemo,,,,", "since"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,,nemo,,,", "recipient"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,,,first,,", "step"),
        ("fire,red,YZ,,,,,2026-03-02T22:00,,,,,soon", "due"),
    ],
)
def test_what_cannot_be_read_is_named_with_row_and_column(place: Path, row: str, column: str) -> None:
    code, out, err = run(place, f"fire,red,YZ-01-01-01,,,,,2026-03-02T22:00,,liyi,,,\n{row}\n")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"table.csv:3: error: column {column}: ")


@pytest.mark.parametrize(
    ("sentence", "name", "text"),
    [
        ("a table without its columns", "table.csv", "kind,level\nfire,red\n"),
        ("a table that is empty", "table.csv", ""),
        (
            "people on a grid that there is none of",
            "people.csv",
            "id,name,phone,role,grid,order\na,甲,+861000000001,网格长,XX,1\n",
        ),
        ("policies with a key that there is none of", "policies.toml", 'version = "1"\nloud = true\n'),
    ],
)
def test_a_file_that_is_wrong_is_an_error(place: Path, sentence: str, name: str, text: str) -> None:
    (place / name).write_text(text, encoding="utf-8")
    more = ("--policies", str(place / name)) if name == "policies.toml" else ()
    code, out, err = run(place, "", *more)
    assert (code, out) == (2, ""), sentence
    assert name in err, sentence


def test_what_is_not_allowed_where_it_stands_is_said_and_counts_as_different(place: Path) -> None:
    code, out, _ = run(place, "fire,red,YZ-01-01-01,,,,,2026-03-02T22:00,+5 given_back,,,,\n")
    assert code == 1
    assert "✗ since 列：+5 given_back" in out


def test_policies_that_are_not_in_force_yet_can_be_tried(place: Path) -> None:
    (place / "policies.toml").write_text(
        'version = "9"\n[levels.red]\nsteps = [{ after = 0, target = "duty_officer", channels = ["voice"] }]\n',
        encoding="utf-8",
    )
    row = "fire,red,YZ-01-01-01,,,,,2026-03-02T22:00,,qiansi,1,,none\n"
    assert run(place, row, "--policies", str(place / "policies.toml"))[0] == 0
    assert run(place, row)[0] == 1


def test_the_reasons_are_said_in_english_as_well(place: Path) -> None:
    _, out, _ = run(place, "", "--lang", "en")
    assert "row 5" in out
    assert "told   zhousan 周三" in out
    assert not re.search("[\u4e00-\u9fff]", re.sub("李一|王二|周三|钱四|芦湾街道|东岸社区|第一网格", "", out))
