"""When not to ring, over real HTTP and by command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from alerts.ledger import open_ledger
from api.command.verbs import app
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.api.served import DEVICES, GRIDS, PEOPLE, Served

URL = "/api/v1/silences"
HOUR = timedelta(hours=1)


def soon(**but: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"about": {"kinds": ["water"]}, "by": "甲", "reason": "清洗水箱", "ends_at": (now + HOUR).isoformat(), **but}


def test_a_silence_is_made_seen_on_the_desk_and_ended(desk: Served) -> None:
    ringing = desk.signal("water", subject="w-1", level=Level.YELLOW)
    made = desk.http.post(URL, json=soon())
    assert made.status_code == 201
    row = made.json()
    assert (row["standing"], row["until"], row["needs_approval"]) == ("active", row["ends_at"], False)
    alert = desk.http.get(f"/api/v1/alerts/{ringing.id}").json()
    assert alert["alert"]["quiet"] == {"reason": "silenced", "id": row["id"], "until": row["until"]}
    assert alert["timeline"][-1]["what"] == "hushed" or "hushed" in [e["what"] for e in alert["timeline"]]
    assert [one["id"] for one in desk.http.get(URL).json()["silences"]] == [row["id"]]
    ended = desk.http.post(f"{URL}/{row['id']}/end", json={"by": "乙"}).json()
    assert (ended["standing"], ended["ended_by"]) == ("over", "乙")
    assert desk.http.get(URL).json()["silences"] == []
    assert [one["id"] for one in desk.http.get(URL, params={"all": True}).json()["silences"]] == [row["id"]]
    whole = desk.http.get(f"{URL}/{row['id']}").json()
    assert [(c["what"], c["by"]) for c in whole["changes"]] == [("created", "甲"), ("ended", "乙")]
    after = desk.http.get(f"/api/v1/alerts/{ringing.id}").json()["alert"]
    assert after["quiet"] is None
    assert desk.http.get("/api/v1/alerts").json()["alerts"][0]["quiet"] is None


def test_a_new_alert_is_silenced_and_red_fire_is_not(desk: Served) -> None:
    desk.http.post(URL, json=soon(about={"grids": ["99"]}))
    water = desk.signal("water", subject="w-1", level=Level.RED)
    fire = desk.signal("fire", level=Level.RED)
    rows = {a["id"]: a for a in desk.http.get("/api/v1/alerts").json()["alerts"]}
    assert (rows[water.id]["quiet"] is not None, rows[water.id]["told"]) == (True, [])
    assert rows[fire.id]["quiet"] is None
    assert rows[fire.id]["told"]


def test_a_preview_says_what_it_would_keep_shut(desk: Served) -> None:
    desk.signal("fire", level=Level.RED)
    water = desk.signal("water", subject="w-1", level=Level.YELLOW, grid="990102")
    found = desk.http.post(f"{URL}/preview", json={"grids": ["9901"]}).json()
    assert found == {"held": 1, "spared": 1, "looked": 2, "truncated": False, "alerts": [water.id]}


def test_a_long_one_is_approved_by_somebody_else(desk: Served) -> None:
    now = datetime.now(UTC)
    row = desk.http.post(URL, json=soon(ends_at=(now + 24 * HOUR).isoformat())).json()
    assert row["needs_approval"]
    assert datetime.fromisoformat(row["until"]) < now + 3 * HOUR
    own = desk.http.post(f"{URL}/{row['id']}/approve", json={"by": "甲"})
    assert (own.status_code, own.json()["code"]) == (409, "not_quiet")
    approved = desk.http.post(f"{URL}/{row['id']}/approve", json={"by": "主任"}).json()
    assert (approved["needs_approval"], approved["until"]) == (False, row["ends_at"])


def test_maintenance_and_a_drill_are_made_and_listed(desk: Served) -> None:
    now = datetime.now(UTC)
    window = desk.http.post(
        f"{URL}/maintenance",
        json={
            "about": {"kinds": ["power"]}, "days": ["tue", "mon"], "daytime": "22:00-02:00", "by": "甲", "reason": "月检",
            "until_at": (now + 24 * 30 * HOUR).isoformat(),
        },
    )  # fmt: skip
    assert (window.status_code, window.json()["days"], window.json()["daytime"]) == (201, ["mon", "tue"], "22:00-02:00")
    wish = {
        "name": "消防演练", "about": {"grids": ["990101"]}, "people": ["p-2"], "by": "甲", "starts_at": now.isoformat(),
        "ends_at": (now + HOUR).isoformat(),
    }  # fmt: skip
    drill = desk.http.post(f"{URL}/drills", json=wish).json()
    assert (drill["standing"], drill["missing"]) == ("unapproved", 2)
    assert desk.http.post(f"{URL}/drills", json={**wish, "people": ["nobody"]}).status_code == 409
    for by, missing in (("乙", 1), ("乙", 1), ("丙", 0)):
        assert desk.http.post(f"{URL}/{drill['id']}/approve", json={"by": by}).json()["missing"] == missing
    alert = desk.signal("fire", level=Level.RED)
    row = desk.http.get(f"/api/v1/alerts/{alert.id}").json()["alert"]
    assert row["quiet"]["reason"] == "drill"
    assert "drill" in row["marks"]
    assert {told["person"] for told in row["told"]} == {"p-2"}
    listed = desk.http.get(URL).json()
    assert (len(listed["maintenance"]), len(listed["drills"])) == (1, 1)


@pytest.mark.parametrize(
    ("says", "path", "body", "status", "code"),
    [
        ("an unknown key", "", soon(level="red"), 422, "invalid"),
        ("a level that does not exist", "", soon(about={"levels": ["purple"]}), 422, "invalid"),
        ("an end without an offset", "", soon(ends_at="2099-01-01T00:00:00"), 422, "invalid"),
        ("no reason", "", soon(reason=""), 422, "invalid"),
        ("nothing it is about", "", soon(about={}), 409, "not_quiet"),
        ("an end that is past", "", soon(ends_at="2020-01-01T00:00:00+08:00"), 409, "not_quiet"),
        ("a preview of everything", "/preview", {}, 409, "not_quiet"),
        ("one that nobody made", "/nothing/end", {"by": "甲"}, 404, "no_such_silence"),
        ("an approval of nothing", "/nothing/approve", {"by": "甲"}, 404, "no_such_silence"),
    ],
)
def test_what_cannot_be_is_a_problem(desk: Served, says: str, path: str, body: dict, status: int, code: str) -> None:
    answer = desk.http.post(f"{URL}{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), says
    assert desk.http.get(f"{URL}/nothing").status_code == 404


Run = Callable[..., Any]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("tocsin.toml").write_text(f'[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n', encoding="utf-8")
    ledger = open_ledger(empty_ledger(tmp_path))
    ledger.replace_place(GRIDS, DEVICES, PEOPLE)
    ledger.close()
    return lambda *arguments: CliRunner().invoke(app, ["silences", *arguments], env={"COLUMNS": "250"})


ADD = ("add", "--kind", "water", "--grid", "9901", "--by", "甲", "--reason", "清洗水箱")


def test_by_command_a_silence_is_added_listed_and_ended(office: Run) -> None:
    assert "nothing keeps a bell shut" in office("list").stdout
    added = office(*ADD, "--for", "2h", "--json")
    assert added.exit_code == 0, added.output
    one = orjson.loads(added.stdout)["silence"]
    assert one["about"]["grids"] == ["9901"]
    shown = office("list").stdout
    assert one["id"] in shown
    assert "清洗水箱" in shown
    ended = office("end", one["id"], "--by", "乙", "--json")
    assert orjson.loads(ended.stdout)["rule"]["standing"] == "over"
    assert orjson.loads(office("list", "--json").stdout) == {"silences": [], "maintenance": [], "drills": []}
    assert one["id"] in office("list", "--all").stdout


def test_by_command_a_long_one_says_that_it_needs_approval(office: Run) -> None:
    added = office(*ADD, "--for", "1d")
    assert "somebody else approves it" in added.stderr
    ident = added.stdout.split()[1]
    assert office("approve", ident, "--by", "甲").exit_code == 1
    assert office("approve", ident, "--by", "主任").exit_code == 0


@pytest.mark.parametrize(
    ("says", "arguments", "code", "why"),
    [
        ("a length that is none", (*ADD, "--for", "long"), 2, "no length"),
        ("longer than anybody may", (*ADD, "--for", "30d"), 1, "the longest is"),
        ("about nothing", ("preview",), 1, "say what it is about"),
        ("one that nobody made", ("end", "nothing", "--by", "甲"), 1, "there is no silence"),
    ],
)
def test_by_command_what_cannot_be_is_one_sentence(
    office: Run, says: str, arguments: tuple[str, ...], code: int, why: str
) -> None:
    said = office(*arguments)
    assert (said.exit_code, why in said.stderr) == (code, True), (says, said.output)


def test_by_command_a_preview_counts(office: Run) -> None:
    said = office("preview", "--kind", "water", "--json")
    assert orjson.loads(said.stdout) == {"held": [], "spared": [], "looked": 0, "truncated": False}
    assert "0 open alerts" in office("preview", "--kind", "water").stdout
