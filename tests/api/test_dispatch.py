"""Whom to send, what to ask, who is at a scene and how long a case has waited: over real HTTP, at the desk and on a signed page."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.alert import Reason
from streams.signal import Level
from tests.api.served import SLIPS, Served

BY = {"by": "值班员01"}


def say(desk: Served, ident: str, verb: str, **said: object) -> dict[str, Any]:
    answer = desk.http.post(f"/api/v1/alerts/{ident}/{verb}", json={**BY, **said})
    assert answer.status_code == 200, answer.text
    return answer.json()


def recommended(desk: Served, ident: str) -> dict[str, Any]:
    return desk.http.get(f"/api/v1/alerts/{ident}/recommendation").json()


def test_a_recommendation_lists_who_could_go_with_the_reasons_and_no_telephone_number(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    answer = desk.http.get(f"/api/v1/alerts/{alert.id}/recommendation")
    found = answer.json()
    assert [(p["id"], p["name"], p["grid_name"]) for p in found["people"]] == [
        ("p-1", "甲", "第一网格"),
        ("p-2", "乙", "试验镇"),
    ]
    assert [b["ground"] for b in found["people"][0]["because"]] == ["own_grid", "centre_at", "free"]
    assert found["shortfall"] == []
    assert "+8610" not in answer.text
    assert desk.ledger.alert(alert.id).assignee == "", "it recommends and does nothing"


def test_who_gave_it_back_or_is_at_another_scene_is_put_aside_and_then_there_is_a_reason_why_nobody_is_left(
    desk: Served,
) -> None:
    alert = desk.signal(level=Level.RED)
    say(desk, alert.id, "dispatch", to="p-1")
    say(desk, alert.id, "give-back", note="不归本网格管")
    assert [p["id"] for p in recommended(desk, alert.id)["people"]] == ["p-2"]
    other = desk.signal("gas", subject="gas-1", level=Level.RED)
    say(desk, other.id, "dispatch", to="p-2")
    say(desk, other.id, "arrive")
    found = recommended(desk, alert.id)
    assert found["people"] == []
    assert {b["ground"]: b["count"] for b in found["shortfall"]} == {"gave_back": 1, "at_another_scene": 1}
    assert [p["because"][0]["ground"] for p in found["aside"]] == ["gave_back", "at_another_scene"]


def test_the_questions_of_a_kind_are_asked_in_both_languages_and_answers_make_it_worse(desk: Served) -> None:
    alert = desk.signal(level=Level.YELLOW)
    asked = desk.http.get(f"/api/v1/alerts/{alert.id}/questions").json()
    assert (asked["kind"], asked["given"]) == ("fire", None)
    assert all(set(q["words"]) == {"zh", "en"} for q in asked["questions"])
    assert "triage" in desk.http.get(f"/api/v1/alerts/{alert.id}").json()["alert"]["may"]
    row = say(desk, alert.id, "triage", answers={"inside": "yes"}, note="来电人在楼下")
    assert (row["level"], row["handling"]) == ("red", "new")
    given = desk.http.get(f"/api/v1/alerts/{alert.id}/questions").json()["given"]
    assert (given["by"], given["answers"], given["score"]) == ("值班员01", {"inside": "yes"}, 6)
    whole = desk.http.get(f"/api/v1/alerts/{alert.id}").json()
    assert [e["why"] for e in whole["timeline"] if e["what"] == "graded"] == ["triage"]
    assert {"worse"} == {n["reason"] for n in whole["notices"] if n["state"] != "cancelled" and n["reason"] != "first"}


@pytest.mark.parametrize(
    ("says", "body", "status", "why"),
    [
        ("an answer that there is not", {"answers": {"inside": "perhaps"}}, 409, "is no answer to inside"),
        ("a question that there is not", {"answers": {"weather": "yes"}}, 409, "no question is called"),
        ("no answer", {"answers": {}}, 422, "answers"),
        ("a key that there is not", {"answers": {"inside": "yes"}, "score": 3}, 422, "score"),
    ],
)
def test_answers_that_cannot_be_meant_change_nothing(
    desk: Served, says: str, body: dict, status: int, why: str
) -> None:
    alert = desk.signal(level=Level.YELLOW)
    answer = desk.http.post(f"/api/v1/alerts/{alert.id}/triage", json={**BY, **body})
    assert answer.status_code == status, says
    assert why in answer.text, says
    assert desk.ledger.alert(alert.id).work.triage is None


@pytest.mark.parametrize("path", ["recommendation", "questions"])
def test_of_an_unknown_case_nothing_is_known(desk: Served, path: str) -> None:
    assert desk.http.get(f"/api/v1/alerts/nobody/{path}").status_code == 404
    assert desk.http.post("/api/v1/alerts/nobody/triage", json={**BY, "answers": {"a": "b"}}).status_code == 404


def test_a_row_says_when_each_band_of_its_waiting_begins_until_it_is_handled(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    row = desk.http.get("/api/v1/alerts").json()["alerts"][0]
    raised = datetime.fromisoformat(row["stages"]["raised_at"])
    at = [(band["band"], datetime.fromisoformat(band["at"]) - raised) for band in row["elapsed"]]
    assert at == [("green", timedelta()), ("warn", timedelta(minutes=30)), ("critical", timedelta(hours=1))]
    assert say(desk, alert.id, "handle")["elapsed"] == []


def test_who_is_at_the_scene_is_on_the_row_and_checks_in_at_the_desk(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    assert "check-in" not in say(desk, alert.id, "dispatch", to="p-1")["may"]
    row = say(desk, alert.id, "arrive")
    assert "check-in" in row["may"]
    assert (row["scene"]["person"], row["scene"]["company"]) == ("p-1", False)
    assert [band["band"] for band in row["scene"]["bands"]] == ["green", "warn", "critical"]
    again = say(desk, alert.id, "check-in", note="电话联系上")
    assert again["scene"]["heard_at"] > row["scene"]["heard_at"]
    assert say(desk, alert.id, "handle")["scene"] is None


def test_nobody_is_waited_for_who_has_company(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    row = say(desk, alert.id, "arrive", company=True)
    assert (row["scene"]["company"], row["scene"]["bands"]) == (True, [])


# The page of whoever was sent ----------------------------------------------------------------------------------------


def sent(desk: Served, to: str = "p-1") -> tuple[str, str]:
    """A case given to somebody, and the address in the text that told them."""
    alert = desk.signal(level=Level.RED)
    say(desk, alert.id, "dispatch", to=to)
    (text,) = [n.text for n in desk.ledger.outbox(alert=alert.id) if n.reason is Reason.INSTRUCTION]
    assert text.splitlines()[1] == SLIPS.link(alert.id, to)
    return alert.id, text.splitlines()[1].removeprefix("https://desk.example")


def buttons(page: str) -> list[str]:
    return re.findall(r'<button name="said" value="(\w+)">', page)


def press(desk: Served, path: str, said: str, note: str = "") -> str:
    answer = desk.http.post(path, data={"said": said, "note": note})
    assert answer.status_code == 200
    return answer.text


def test_whoever_was_sent_signs_arrives_checks_in_and_is_done_on_the_page_of_the_text(desk: Served) -> None:
    ident, path = sent(desk)
    assert buttons(desk.http.get(path).text) == ["accept", "arrive", "arrive_company", "handle"]
    assert desk.ledger.alert(ident).handling == "dispatched", "looking says nothing"
    assert buttons(press(desk, path, "accept")) == ["arrive", "arrive_company", "handle"]
    there = press(desk, path, "arrive")
    assert buttons(there) == ["check_in", "handle"]
    assert "请在" in there
    assert "已记录" in press(desk, path, "check_in", "安全")
    said = [
        (e.what, e.by, e.detail.get("via"))
        for e in desk.ledger.timeline(ident)
        if e.what in {"accepted", "arrived", "checked_in"}
    ]
    assert said == [("accepted", "甲", "page"), ("arrived", "甲", "page"), ("checked_in", "甲", "page")]
    assert buttons(press(desk, path, "handle", "已扑灭")) == []
    assert desk.ledger.alert(ident).handling == "handled"


def test_who_arrives_with_company_says_so_with_another_button(desk: Served) -> None:
    ident, path = sent(desk)
    press(desk, path, "arrive_company")
    assert desk.ledger.alert(ident).work.scene.company


def test_a_case_that_is_somebody_else_s_by_now_can_only_be_looked_at(desk: Served) -> None:
    ident, path = sent(desk)
    say(desk, ident, "dispatch", to="p-2")
    assert "改派他人" in desk.http.get(path).text
    version = desk.ledger.alert(ident).version
    assert buttons(press(desk, path, "accept")) == []
    assert desk.ledger.alert(ident).version == version


def test_the_page_speaks_the_person_s_language_and_never_what_a_caller_said(desk: Served) -> None:
    _, path = sent(desk, "p-2")
    page = desk.http.get(path)
    assert "I sign for it" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("says", "change"),
    [
        ("another person's address", lambda p: p.replace("/p-1/", "/p-2/")),
        ("a signature of our own making that was changed", lambda p: p[:-4] + "AAAA"),
    ],
)
def test_an_address_that_we_did_not_make_leads_nowhere(desk: Served, says: str, change: Any) -> None:
    ident, path = sent(desk)
    assert desk.http.get(change(path)).status_code == 404, says
    assert desk.http.post(change(path), data={"said": "accept"}).status_code == 404, says
    assert desk.ledger.alert(ident).handling == "dispatched"


def test_a_button_that_the_page_does_not_offer_changes_nothing(desk: Served) -> None:
    ident, path = sent(desk)
    version = desk.ledger.alert(ident).version
    for said in ("check_in", "close", "read", ""):
        press(desk, path, said)
    assert desk.ledger.alert(ident).version == version
