"""`tocsin reports links`, and the poster the desk prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.ledger import open_ledger
from api.command.verbs import app
from tests.api.served import DEVICES, GRIDS, PEOPLE, PUBLIC, Served


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.replace_place(GRIDS, DEVICES, PEOPLE)
    ledger.close()
    settings = f'secret = "only-for-tests"\n[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n[notify]\npublic_url = "{PUBLIC}"\n'
    (tmp_path / "tocsin.toml").write_text(settings, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["reports", "links", *arguments])
    return done.exit_code, done.output


def test_links_are_printed_for_people_and_places(place: Path, desk: Served) -> None:
    code, output = run("--below", "9901", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert (code, [(r["for"], r["id"]) for r in rows]) == (
        0, [("patrol", "p-2"), ("patrol", "p-1"), ("place", "9901"), ("place", "990101"), ("place", "990102")],
    )  # fmt: skip
    for row in rows:
        assert desk.http.get(row["link"].removeprefix(PUBLIC)).status_code == 200
    assert run("--person", "p-1", "--grid", "990101")[1].count("\t") == 6


@pytest.mark.parametrize(
    ("says", "arguments", "code", "said"),
    [
        ("nobody named", (), 2, "--person"),
        ("somebody unknown", ("--person", "p-9"), 1, "p-9"),
        ("a grid unknown", ("--grid", "98"), 1, "98"),
    ],
)
def test_what_cannot_be_printed_says_why(
    place: Path, says: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, output = run(*arguments)
    assert (found, said in output) == (code, True), says


def test_without_a_public_address_there_are_none(place: Path) -> None:
    file = place / "tocsin.toml"
    file.write_text(file.read_text(encoding="utf-8").split("[notify]", maxsplit=1)[0], encoding="utf-8")
    assert run("--person", "p-1")[0] == 2


def test_the_desk_prints_a_poster(desk: Served) -> None:
    page = desk.http.get("/api/v1/reports/posters/990101", params={"lat": 30.05, "lon": 103.05, "name": "<东街>广场"})
    assert (page.status_code, page.text.count("<svg"), "&lt;东街&gt;广场" in page.text) == (200, 1, True)
    address = page.text.split('class="address">')[1].split("<")[0]
    assert desk.http.get(address.removeprefix(PUBLIC)).status_code == 200
    assert desk.http.get("/poster.css").status_code == 200
    assert "style=" not in page.text
    assert desk.http.get("/api/v1/reports/posters/98").status_code == 422
    english = desk.http.get("/api/v1/reports/posters/990101", headers={"accept-language": "en"})
    assert "Report a problem" in english.text
