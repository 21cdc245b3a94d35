"""Service clocks over HTTP: they are on every row, and are moved by whoever has another's approval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.signal import Level
from tests.api.served import Served

BY = {"by": "王网格长"}
YES = {**BY, "approved_by": "李主任", "note": "等待配件"}
SOON = (datetime.now(UTC) + timedelta(days=2)).isoformat()
DAY = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()


def close(row: dict[str, Any]) -> dict[str, Any]:
    return next(clock for clock in row["clocks"] if clock["name"] == "close")


def said(desk: Served, ident: str, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = desk.http.post(f"/api/v1/alerts/{ident}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_row_says_what_its_clocks_stand_at(desk: Served) -> None:
    alert = desk.signal(level=Level.YELLOW)
    row = desk.http.get("/api/v1/alerts").json()["alerts"][0]
    assert desk.http.get(f"/api/v1/alerts/{alert.id}").json()["alert"]["clocks"][1]["due"] == close(row)["due"]
    assert [(c["name"], c["state"]) for c in row["clocks"]] == [("accept", "waiting"), ("close", "running")]
    clock = close(row)
    assert (clock["matter"], clock["colour"], clock["stopped_at"]) == ("hard", "green", None)
    assert 0 <= clock["fraction"] < 0.01
    assert clock["started"] < clock["next"] < clock["due"]


def test_a_clock_is_paused_resumed_extended_and_agreed_on(desk: Served) -> None:
    alert = desk.signal(level=Level.YELLOW)
    due = close(desk.http.get("/api/v1/alerts").json()["alerts"][0])["due"]
    paused = said(desk, alert.id, "pause", {**YES, "until": SOON})
    assert close(paused)["state"] == "paused"
    assert close(said(desk, alert.id, "resume", BY))["state"] == "running"
    longer = close(said(desk, alert.id, "extend", {**YES, "amount": 2, "unit": "working_days"}))
    assert longer["due"] > due
    big = close(said(desk, alert.id, "agree", {**YES, "date": DAY}))
    assert (big["matter"], big["due"][:10], big["due"][11:16]) == ("big", DAY, "16:00")
    lines = desk.http.get(f"/api/v1/alerts/{alert.id}/timeline").json()
    moved = [(e["what"], e["detail"].get("approved_by")) for e in lines if e["what"].startswith("clock_")]
    assert moved == [
        ("clock_paused", "李主任"),
        ("clock_resumed", None),
        ("clock_extended", "李主任"),
        ("clock_agreed", "李主任"),
    ]


@pytest.mark.parametrize(
    ("sentence", "verb", "body", "status", "said_"),
    [
        ("without approval", "pause", {**BY, "note": "等", "until": SOON}, 409, "name both"),
        ("approved by the asker", "extend", {**YES, "approved_by": BY["by"], "amount": 1}, 409, "somebody else"),
        ("without a reason", "agree", {**YES, "note": "", "date": DAY}, 409, "say why"),
        ("a clock the case does not have", "extend", {**YES, "amount": 1, "clock": "tea"}, 409, "no clock 'tea'"),
        ("a clock that does not rest", "resume", BY, 409, "not paused"),
        ("without an end", "pause", YES, 422, "until"),
        ("without an amount", "extend", YES, 422, "amount"),
        ("without a date", "agree", YES, 422, "date"),
        ("in a unit that is none", "extend", {**YES, "amount": 1, "unit": "moons"}, 422, "unit"),
        ("a time without a zone", "pause", {**YES, "until": "2027-01-01T00:00:00"}, 422, "until"),
        ("a date beyond all dates", "agree", {**YES, "date": "9999-12-31"}, 409, "agree on an earlier one"),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(
    desk: Served, sentence: str, verb: str, body: dict[str, Any], status: int, said_: str
) -> None:
    alert = desk.signal(level=Level.YELLOW)
    refused = desk.http.post(f"/api/v1/alerts/{alert.id}/{verb}", json=body)
    assert (refused.status_code, said_ in refused.text) == (status, True), (sentence, refused.text)
    assert desk.ledger.alert(alert.id) == alert


def test_the_ledger_gives_a_clock_back_when_it_falls_due_and_its_notice_exists_once(desk: Served) -> None:
    alert = desk.signal(level=Level.YELLOW)
    desk.http.post(f"/api/v1/alerts/{alert.id}/acknowledge", json=BY)
    desk.http.post(f"/api/v1/alerts/{alert.id}/dispatch", json=BY)
    kept = desk.ledger.alert(alert.id)
    assert kept is not None
    due = kept.timers["clock:close"]
    for seconds in (-1, 0, 0, 60):
        desk.conductor.escalate(due + timedelta(seconds=seconds))
    told = [n for n in desk.ledger.outbox(alert=alert.id) if n.reason == "supervise"]
    lines = [e.detail["clock"] for e in desk.ledger.timeline(alert.id) if e.what == "clock_warning"]
    assert sorted(lines) == ["accept", "close"], "each once"
    assert [n.person for n in told if n.created_at >= due] == ["p-2"]
    after = desk.ledger.alert(alert.id)
    assert after is not None
    assert after.timers["clock:close"] == after.work.clocks[1].due
