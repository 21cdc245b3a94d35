"""A whistle over real HTTP: blowing it, naming units, attending, reporting, judging, and the table of who has not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.alert import Reason
from tests.api.served import Served

TOWN: dict[str, Any] = {"by": "试验镇", "matter": "street_stalls", "note": "堵塞通道"}
COUNTY: dict[str, Any] = {"by": "县中心"}


def address(ident: str, *rest: str) -> str:
    return "/".join((f"/api/v1/whistles/{ident}", *rest))


def blown(desk: Served, **but: Any) -> str:
    ident = desk.signal().id
    answer = desk.http.post(address(ident), json=TOWN | but)
    assert answer.status_code == 201, answer.text
    return ident


def say(desk: Served, ident: str, *rest: str, status: int = 200, **said: Any) -> dict[str, Any]:
    answer = desk.http.post(address(ident, *rest), json=said)
    assert answer.status_code == status, answer.text
    made: dict[str, Any] = answer.json()
    return made


def finish(desk: Served, ident: str, unit: str) -> dict[str, Any]:
    say(desk, ident, "units", unit, "attend", by="值班")
    say(desk, ident, "units", unit, "report", by="值班", text="已劝离")
    return say(desk, ident, "units", unit, "accept", **COUNTY, score=5)


def listed(desk: Served, **asked: Any) -> list[dict[str, Any]]:
    answer = desk.http.get("/api/v1/whistles", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["whistles"]
    return found


def test_a_standard_matter_is_blown_once_however_often_it_is_posted(desk: Served) -> None:
    ident = desk.signal().id
    first, again = (desk.http.post(address(ident), json=TOWN) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["location"] == address(ident)
    made = first.json()
    assert again.json() == made
    assert (made["matter"], made["standard"], made["standing"], made["lead"]) == ("占道经营", True, "called", "city")
    assert made["grid_names"] == ["试验县", "试验镇", "第一网格"]
    assert [(t["name"], t["lead"], t["state"]) for t in made["tasks"]] == [
        ("城管执法", True, "called"),
        ("市场监管", False, "called"),
    ]
    notices = [n for n in desk.ledger.outbox(alert=ident) if n.reason is Reason.WHISTLE]
    assert [n.person for n in notices] == ["p-2", "p-2"], "nobody here has those roles: the first above hears of both"


def test_the_way_from_the_call_to_the_end_with_the_table_of_who_has_not(desk: Served) -> None:
    ident = blown(desk)
    assert [w["owing"] for w in listed(desk)] == [
        {"name": False, "attend": ["city", "market"], "report": [], "accept": []}
    ]
    say(desk, ident, "units", "city", "attend", by="城管值班")
    say(desk, ident, "units", "market", "attend", by="市监值班")
    made = say(desk, ident, "units", "city", "report", by="城管值班", text="已清理")
    assert made["owing"] == {"name": False, "attend": [], "report": ["market"], "accept": ["city"]}
    assert [len(listed(desk, owing=what)) for what in ("name", "attend", "report", "accept")] == [0, 0, 1, 1]
    assert [len(listed(desk, owing="report", unit=unit)) for unit in ("city", "market")] == [0, 1]
    assert [len(listed(desk, unit=unit)) for unit in ("city", "market", "fire")] == [1, 1, 0]
    assert listed(desk, overdue=True) == []
    back = say(desk, ident, "units", "city", "send-back", **COUNTY, note="东侧未清")
    assert (back["tasks"][0]["state"], back["tasks"][0]["returned_why"]) == ("returned", "东侧未清")
    say(desk, ident, "units", "city", "report", by="城管值班", text="东侧已清")
    say(desk, ident, "units", "city", "accept", **COUNTY)
    over = finish(desk, ident, "market")
    assert (over["standing"], over["over_by"], over["tasks"][1]["score"]) == ("done", "县中心", 5)
    assert listed(desk) == []
    whole = desk.http.get(address(ident)).json()["whistles"]
    assert whole == [over], "the case keeps it"


def test_the_county_centre_names_units_for_what_is_not_standard(desk: Served) -> None:
    ident = blown(desk, matter="废弃矿洞积水")
    assert [len(listed(desk, owing=what)) for what in ("name", "attend")] == [1, 0]
    until = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    made = say(desk, ident, "units", **COUNTY, units=["water", "fire"], lead="fire", deadline=until.isoformat())
    assert (made["standing"], made["lead"], datetime.fromisoformat(made["deadline"])) == ("called", "fire", until)
    assert listed(desk, owing="name") == []


def test_what_may_be_whistled_for_is_listed(desk: Served) -> None:
    found = desk.http.get("/api/v1/whistles/matters").json()
    stalls = next(m for m in found["matters"] if m["key"] == "street_stalls")
    assert (stalls["departments"], stalls["attend_s"], stalls["deadline_s"]) == (["city", "market"], 1800, 28800)
    assert {"id": "fire", "name": "消防救援"} in found["departments"]


def test_a_reminder_needs_a_key_and_is_sent_once_for_it(desk: Served) -> None:
    ident = blown(desk)
    assert desk.http.post(address(ident, "remind"), json=COUNTY).json()["code"] == "key_missing"
    for _ in range(2):
        made = desk.http.post(address(ident, "remind"), json=COUNTY, headers={"Idempotency-Key": "k"}).json()
    assert [task["reminded"] for task in made["tasks"]] == [1, 1]


def test_a_whistle_that_is_called_off_is_no_longer_listed(desk: Served) -> None:
    ident = blown(desk)
    off = say(desk, ident, "call-off", by="试验镇", note="已自行散去")
    assert (off["standing"], off["owing"]["attend"]) == ("called_off", [])
    assert listed(desk) == []


def test_a_case_with_an_open_whistle_is_not_closed(desk: Served) -> None:
    ident = blown(desk)
    for verb in ("acknowledge", "handle"):
        desk.http.post(f"/api/v1/alerts/{ident}/{verb}", json={"by": "值班员"})
    verified = {"by": "带班", "note": "已看", "approved_by": "站长"}
    assert desk.http.post(f"/api/v1/alerts/{ident}/verify", json=verified).status_code == 200
    refused = desk.http.post(f"/api/v1/alerts/{ident}/close", json={"by": "带班", "note": "好"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_allowed")
    assert "a whistle of it is open and waits for 城管执法、市场监管" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("sentence", "rest", "said", "status", "why"),
    [
        ("an unknown unit", ("units", "fire", "attend"), {"by": "甲"}, 409, "the units are city, market"),
        (
            "a report before attending",
            ("units", "city", "report"),
            {"by": "甲", "text": "好"},
            409,
            "from here: attend",
        ),
        ("an unknown department", ("units",), COUNTY | {"units": ["x"]}, 409, "no department is called 'x'"),
        ("an unknown key", ("units",), COUNTY | {"unit": "fire"}, 422, "/body/unit"),
        ("a score out of range", ("units", "city", "accept"), COUNTY | {"score": 6}, 422, "/body/score"),
        ("no reason", ("call-off",), {"by": "甲", "note": ""}, 422, "/body/note"),
        ("nobody says it", ("units", "city", "attend"), {}, 422, "/body/by"),
        ("another whistle", (), TOWN | {"matter": "路面塌陷"}, 409, "open already"),
    ],
)
def test_what_is_not_possible_says_why(
    desk: Served, sentence: str, rest: tuple[str, ...], said: dict[str, Any], status: int, why: str
) -> None:
    answer = desk.http.post(address(blown(desk), *rest), json=said)
    assert answer.status_code == status, sentence
    assert why in answer.json()["detail"], sentence


def test_a_case_that_nobody_knows_has_no_whistle(desk: Served) -> None:
    assert desk.http.post(address("nothing"), json=TOWN).json()["code"] == "no_such_alert"
    assert desk.http.get(address("nothing")).json()["code"] == "no_such_alert"
    assert desk.http.get(address(desk.signal().id)).json() == {"whistles": []}
