"""The queue, one case, and what a person may do with it, over real HTTP."""

import pytest

from api.http.alerts import EXAMPLE
from api.http.rows import AlertRow
from streams.signal import Level
from tests.alerts.deadline import until
from tests.api.served import Served

BY = {"by": "值班员01"}


def test_the_worst_comes_first_and_the_cursor_leads_to_the_rest(desk: Served) -> None:
    for n, level in enumerate((Level.BLUE, Level.RED, Level.YELLOW)):
        desk.signal("tilt", subject=f"d-{n}", level=level)
    first = desk.http.get("/api/v1/alerts", params={"limit": 2}).json()
    rest = desk.http.get("/api/v1/alerts", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [a["level"] for a in first["alerts"] + rest["alerts"]] == ["red", "yellow", "blue"]
    assert rest["cursor"] == ""


@pytest.mark.parametrize(
    ("says", "query", "found"),
    [
        ("without a filter everything is there", {}, 2),
        ("a level filters", {"level": "red"}, 1),
        ("a level may be repeated", {"level": ["red", "blue"]}, 2),
        ("a kind filters", {"kind": "gas"}, 1),
        ("a grid filters", {"grid": "990101"}, 1),
        ("a township has both", {"township": "9901"}, 2),
        ("a device filters", {"subject": "smoke-1"}, 1),
        ("nothing is closed yet", {"handling": "closed"}, 0),
        ("both are open", {"open": "true"}, 2),
        ("nothing was raised in the future", {"since": "2999-01-01T00:00:00+08:00"}, 0),
    ],
)
def test_a_filter_narrows_the_queue(desk: Served, says: str, query: dict, found: int) -> None:
    desk.signal("fire", level=Level.RED)
    desk.signal("gas", subject="gas-1", level=Level.BLUE, grid="990102")
    assert len(desk.http.get("/api/v1/alerts", params=query).json()["alerts"]) == found, says


@pytest.mark.parametrize(
    ("says", "query"),
    [
        ("an unknown filter is not passed over in silence", {"levle": "red"}),
        ("a level that does not exist", {"level": "purple"}),
        ("an instant without its offset", {"since": "2026-01-01T00:00:00"}),
        ("a page of nothing", {"limit": 0}),
    ],
)
def test_a_question_that_cannot_be_meant_is_a_problem_with_a_pointer(desk: Served, says: str, query: dict) -> None:
    answer = desk.http.get("/api/v1/alerts", params=query)
    assert answer.status_code == 422, says
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"].startswith("/query")


def test_a_cursor_that_no_page_gave_out_is_refused(desk: Served) -> None:
    assert desk.http.get("/api/v1/alerts", params={"cursor": "x'; --"}).status_code == 400


def test_one_case_has_its_timeline_its_notices_and_who_answers(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    whole = desk.http.get(f"/api/v1/alerts/{alert.id}").json()
    assert [rung["code"] for rung in whole["ladder"]] == ["990101", "9901", "99"]
    assert [p["name"] for p in whole["ladder"][0]["people"]] == ["甲"]
    assert {"raised", "told"} <= {entry["what"] for entry in whole["timeline"]}
    assert {n["person"] for n in whole["notices"]} == {"p-1"}
    assert whole["alert"]["told"][0]["name"] == "甲"
    assert whole["alert"]["grid_names"] == ["试验县", "试验镇", "第一网格"]


def test_no_answer_carries_a_whole_telephone_number(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    for path in ("/alerts", f"/alerts/{alert.id}", "/notices", "/grids", "/timeline"):
        assert "+8610000000" not in desk.http.get("/api/v1" + path).text


def test_what_is_documented_is_what_is_answered(desk: Served) -> None:
    desk.signal()
    (row,) = desk.http.get("/api/v1/alerts").json()["alerts"]
    assert set(row) == set(EXAMPLE) == set(AlertRow.__annotations__)


def test_a_case_goes_its_whole_way_and_says_what_may_come_next(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    seen = []
    for verb in ("acknowledge", "dispatch", "accept", "arrive", "handle", "verify", "close"):
        others_eyes = {"by": "带班", "approved_by": "科长"} if verb == "verify" else {}
        said = {**BY, "note": "n", **others_eyes}
        row = desk.http.post(f"/api/v1/alerts/{alert.id}/{verb}", json=said).json()
        seen.append(row["handling"])
        assert "show" not in row["may"]
    assert seen == ["acknowledged", "dispatched", "accepted", "on_scene", "handled", "verified", "closed"]
    assert row["over"]
    assert "reopen" in row["may"]


def test_a_step_that_is_not_possible_says_why_and_changes_nothing(desk: Served) -> None:
    alert = desk.signal()
    before = desk.ledger.alert(alert.id)
    answer = desk.http.post(f"/api/v1/alerts/{alert.id}/close", json=BY, headers={"Accept-Language": "en"})
    assert answer.status_code == 409
    body = answer.json()
    assert body["code"] == "not_allowed"
    assert "close" in body["en"]["why"]
    assert body["zh"]["what"]
    assert desk.ledger.alert(alert.id) == before


@pytest.mark.parametrize(
    ("says", "path", "body", "status"),
    [
        ("an alert that does not exist", "/alerts/none/acknowledge", BY, 404),
        ("nobody says it", "/alerts/none/acknowledge", {}, 422),
        ("a verb that does not exist", "/alerts/none/explode", BY, 422),
        ("a key that does not exist", "/alerts/none/acknowledge", {**BY, "noet": "x"}, 422),
        ("a note without words", "/alerts/none/note", {**BY, "note": "  "}, 422),
    ],
)
def test_a_command_that_cannot_be_obeyed_is_a_problem(
    desk: Served, says: str, path: str, body: dict, status: int
) -> None:
    answer = desk.http.post("/api/v1" + path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), says
    assert {"what", "why", "todo"} == set(answer.json()["zh"]) == set(answer.json()["en"])


def test_many_are_acknowledged_at_once_and_each_has_its_own_result(desk: Served) -> None:
    ids = [desk.signal("tilt", subject=f"d-{n}").id for n in range(5)]
    results = desk.http.post("/api/v1/alerts/bulk/acknowledge", json={**BY, "ids": [*ids, "none"]}).json()["results"]
    assert [(r["id"], r["done"]) for r in results] == [*((i, True) for i in ids), ("none", False)]
    assert "none" in results[-1]["problem"]
    assert desk.http.get("/api/v1/alerts", params={"handling": "acknowledged"}).json()["alerts"].__len__() == 5


def test_another_site_cannot_act_through_an_operators_browser(desk: Served) -> None:
    alert = desk.signal()
    path = f"/api/v1/alerts/{alert.id}/acknowledge"
    assert desk.http.post(path, json=BY, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    as_form = desk.http.post(path, content='{"by":"x"}', headers={"Content-Type": "text/plain"})
    assert as_form.status_code == 422
    assert desk.ledger.alert(alert.id).handling == "new"
    here = str(desk.http.base_url).rstrip("/")
    assert desk.http.post(path, json=BY, headers={"Origin": here}).status_code == 200


def test_an_alert_that_a_person_looked_at_gets_its_shown_at(desk: Served) -> None:
    alert = desk.signal()
    desk.http.get("/api/v1/alerts")
    desk.http.get("/api/v1/alerts", params={"shown": "true"})
    until(lambda: "shown_at" in desk.ledger.alert(alert.id).stages)
    assert [e.what for e in desk.ledger.timeline(alert.id)].count("shown") == 1


def test_the_timeline_of_everything_goes_on_from_a_position(desk: Served) -> None:
    desk.signal()
    whole = desk.http.get("/api/v1/timeline").json()
    rest = desk.http.get("/api/v1/timeline", params={"after": whole[0]["seq"]}).json()
    assert rest == whole[1:]


def test_the_api_describes_itself_with_examples_and_without_the_internet(desk: Served) -> None:
    spec = desk.http.get("/openapi.json").json()
    listed = spec["paths"]["/api/v1/alerts"]["get"]["responses"]["200"]["content"]["application/json"]
    assert listed["example"]["alerts"][0]["kind"] == "fire"
    assert all(op["summary"] for path in spec["paths"].values() for op in path.values())
    assert desk.http.get("/docs").status_code == 404
