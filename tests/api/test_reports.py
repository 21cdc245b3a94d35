"""Reports over HTTP: taken with the log's yes, one for one key, pictures for the desk alone, and numbers that stay sealed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.settings import ReportSettings
from ingest.reports import number_of
from tests.api.served import Served, serving
from tests.ingest.test_pictures import PIXEL, SECRET, exif, jpeg, png, segment

REPORTS = "/api/v1/reports"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One desk for tables whose rows leave nothing behind."""
    with serving(tmp_path_factory.mktemp("reports")) as served:
        yield served


PATROL = {
    "id": "p-0817", "origin": "patrol", "reporter": "p-1", "kind": "manhole", "text": "井盖缺失，电话 13812345678", "lat": 30.05, "lon": 103.05,
}  # fmt: skip
RESIDENT = {
    "id": "r-1",
    "origin": "resident",
    "kind": "garbage",
    "text": "垃圾没人收",
    "grid": "990102",
    "phone": "+86 138-0000-0001",
}
TRACED = jpeg(segment(0xE1, exif(6)))


def in64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_patrol_s_report_is_a_case_once_the_log_has_it(desk: Served) -> None:
    answer = desk.http.post(REPORTS, json=PATROL)
    assert answer.status_code == 202
    said = answer.json()
    assert (said["grid"], said["placed_by"], said["told"]) == ("990101", "coordinates", "notice")
    row = desk.http.get(f"{REPORTS}/{said['id']}").json()
    assert (row["name"], row["text"]) == ("甲", "井盖缺失，电话 138****5678")
    whole = desk.http.get(f"/api/v1/alerts/{row['case']}").json()
    assert (whole["alert"]["kind"], whole["alert"]["origins"], whole["alert"]["owed"]) == ("manhole", ["patrol"], [])
    assert [r["id"] for r in whole["reports"]] == [said["id"]]
    listed = desk.http.get(REPORTS, params={"alert": row["case"]}).json()
    assert [(r["id"], r["case"]) for r in listed] == [(said["id"], row["case"])]


def test_sent_twice_it_is_one_report_and_one_case(desk: Served) -> None:
    first, again = (desk.http.post(REPORTS, json=PATROL).json() for _ in range(2))
    assert first == again
    (alert,) = _cases(desk)
    assert alert["count"] == 1


def _cases(desk: Served) -> list[dict]:
    return desk.http.get("/api/v1/alerts").json()["alerts"]


def test_while_the_log_is_away_nothing_is_taken(desk: Served) -> None:
    away = {**PATROL, "text": "the log is away"}
    refused = desk.http.post(REPORTS, json=away)
    assert (refused.status_code, refused.json()["code"]) == (503, "log_away")
    assert (_cases(desk), desk.ledger.reports.last("p-1")) == ([], [])
    filed = desk.ledger.reports.get(_number("p-0817"))
    assert filed is not None
    assert not filed.logged
    assert desk.http.get(f"{REPORTS}/{filed.id}").status_code == 404, "what was not taken is not there"


def test_a_report_whose_case_proves_that_the_log_had_it_is_shown(desk: Served) -> None:
    """The process died between the log's yes and its note of it."""
    said = desk.http.post(REPORTS, json=PATROL).json()
    desk.ledger.reports.logged = lambda _: None  # type: ignore[method-assign]
    again = desk.http.post(REPORTS, json={**PATROL, "id": "p-0818"}).json()
    filed = desk.ledger.reports.get(again["id"])
    assert filed is not None
    assert not filed.logged
    row = desk.http.get(f"{REPORTS}/{again['id']}").json()
    listed = desk.http.get(REPORTS, params={"alert": row["case"]}).json()
    assert [r["id"] for r in listed] == [said["id"], again["id"]]


def _number(key: str) -> str:
    return number_of("api", key)


@pytest.mark.parametrize(
    ("says", "but", "status", "code"),
    [
        ("nobody on the roster", {"reporter": "p-9"}, 422, "invalid"),
        ("a patrol without whoever it was", {"reporter": ""}, 422, "invalid"),
        ("a kind that cannot be reported", {"kind": "battery"}, 422, "invalid"),
        ("a kind that only patrols report", {"kind": "dispute", "origin": "resident"}, 422, "invalid"),
        ("another origin", {"origin": "hotline"}, 422, "invalid"),
        ("a place that does not exist", {"lat": None, "lon": None, "grid": "98"}, 422, "invalid"),
        ("half a position", {"lon": None}, 422, "invalid"),
        ("a number that is none", {"phone": "ring me"}, 422, "invalid"),
        ("a key that does not exist", {"latt": 1}, 422, "invalid"),
        ("a picture that is a page", {"pictures": [in64(b"<html>")]}, 422, "invalid"),
        ("four pictures", {"pictures": [in64(PIXEL)] * 4}, 422, "invalid"),
        ("a picture that is not base64", {"pictures": ["***"]}, 422, "invalid"),
    ],
)
def test_what_is_not_taken_says_why_and_leaves_nothing(
    shared: Served, says: str, but: dict, status: int, code: str
) -> None:
    body = {name: value for name, value in {**PATROL, **but}.items() if value is not None}
    answer = shared.http.post(REPORTS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), says
    assert (_cases(shared), shared.ledger.reports.get(_number("p-0817"))) == ([], None)


def test_a_body_that_is_too_long_or_does_not_say_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with serving(tmp_path, reports=ReportSettings(picture_mb=0.01)) as desk:
        assert desk.http.post(REPORTS, content=b"x" * 200_000).status_code == 413
        assert desk.http.post(REPORTS, content=iter([b"{", b"}"])).status_code == 413, "chunked: nobody knows how long"
        large = png().ljust(12_000, b"\0")
        assert desk.http.post(REPORTS, json={**PATROL, "pictures": [in64(large)]}).status_code == 422


def test_a_form_with_pictures_says_the_same_as_json(desk: Served) -> None:
    words = {name: str(value) for name, value in PATROL.items()}
    files = [
        ("pictures", ("a.svg", TRACED, "image/svg+xml")),
        ("pictures", ("b", png(), "text/html")),
        ("pictures", ("", b"", "")),
    ]
    answer = desk.http.post(REPORTS, data={**words, "address": ""}, files=files)
    assert (answer.status_code, answer.json()["pictures"]) == (202, 2), answer.text
    assert desk.http.post(REPORTS, json=PATROL).json() == answer.json(), "the same report, whichever way it comes"
    assert desk.http.post(REPORTS, data={**words, "id": "other", "lat": "north"}, files=files[:1]).status_code == 422


def test_a_picture_is_served_as_what_it_is_without_what_a_telephone_wrote_into_it(desk: Served) -> None:
    number = desk.http.post(REPORTS, json={**PATROL, "pictures": [in64(TRACED), in64(png())]}).json()["id"]
    row = desk.http.get(f"{REPORTS}/{number}").json()
    first, second = (desk.http.get(address) for address in row["pictures"])
    assert (first.headers["content-type"], second.headers["content-type"]) == ("image/jpeg", "image/png")
    assert (first.headers["x-content-type-options"], first.headers["content-security-policy"]) == (
        "nosniff",
        "default-src 'none'; sandbox",
    )
    assert first.content.startswith(b"\xff\xd8")
    assert SECRET not in first.content
    assert desk.http.get(f"{REPORTS}/{number}/pictures/3").status_code == 404
    assert desk.http.get(f"{REPORTS}/R-0000000000000000/pictures/1").status_code == 404
    assert desk.http.get(f"{REPORTS}/..%2f/pictures/1").status_code in {404, 422}


def test_a_resident_s_number_is_sealed_masked_and_shown_only_with_a_line_on_the_timeline(desk: Served) -> None:
    answer = desk.http.post(REPORTS, json=RESIDENT)
    number, told = answer.json()["id"], answer.json()["told"]
    filed = desk.ledger.reports.get(number)
    assert filed is not None
    assert (told, answer.json()["phone"]) == ("desk", "+86*********01")
    assert "13800000001" not in answer.text + repr(filed) + filed.caller
    case = desk.http.get(f"{REPORTS}/{number}").json()["case"]
    whole = desk.http.get(f"/api/v1/alerts/{case}")
    assert "13800000001" not in whole.text
    assert [c["call"] for c in whole.json()["alert"]["owed"]] == [number]
    shown = desk.http.post(f"{REPORTS}/{number}/reveal", json={"by": "值班员01", "reason": "回访"})
    assert (shown.json()["phone"], shown.headers["cache-control"]) == ("+8613800000001", "no-store")
    note = desk.ledger.timeline(case)[-1]
    assert (note.what, note.by, note.detail["text"]) == ("note", "值班员01", f"查看上报 {number} 的联系电话：回访")
    assert all("13800000001" not in str(entry.detail) for entry in desk.ledger.timeline(case))


def test_a_number_that_was_not_left_cannot_be_shown(desk: Served) -> None:
    number = desk.http.post(REPORTS, json=PATROL).json()["id"]
    refused = desk.http.post(f"{REPORTS}/{number}/reveal", json={"by": "x", "reason": "y"})
    assert (refused.status_code, refused.json()["code"]) == (409, "report_has_no_number")
    assert desk.http.post(f"{REPORTS}/{number}/reveal", json={"by": "x"}).status_code == 422, "a reason must be given"


def test_what_a_test_says_is_recorded_and_rings_nobody(desk: Served) -> None:
    said = desk.http.post(REPORTS, json={**RESIDENT, "kind": "fire", "text": "着火了", "drill": True}).json()
    case = desk.ledger.alert(desk.http.get(f"{REPORTS}/{said['id']}").json()["case"])
    assert case is not None
    assert (case.handling, case.work.callers, desk.ledger.outbox()) == ("test", (), [])


def test_no_notice_carries_a_resident_s_words_or_pictures(desk: Served) -> None:
    desk.http.post(REPORTS, json={**RESIDENT, "text": "着火了，快来 8 号", "pictures": [in64(PIXEL)]})
    texts = [n.text for n in desk.ledger.outbox()]
    assert texts
    assert not [t for t in texts if "8 号" in t or "R-" in t or "pictures" in t]


def test_what_can_be_reported_is_told_to_whoever_builds_an_app(shared: Served) -> None:
    rows = shared.http.get(f"{REPORTS}/kinds").json()
    assert {"kind": "dispute", "level": "yellow", "by": ["patrol"]} in rows


@pytest.mark.parametrize(
    ("says", "wanted", "status"),
    [
        ("a grid worker", {"person": "p-1"}, 200),
        ("a grid", {"grid": "990101"}, 200),
        (
            "a spot in a grid, in the datum of its map",
            {"grid": "990101", "lat": 30.05, "lon": 103.05, "datum": "gcj02"},
            200,
        ),
        ("nobody", {}, 422),
        ("both", {"person": "p-1", "grid": "990101"}, 422),
        ("somebody unknown", {"person": "p-9"}, 422),
        ("a place unknown", {"grid": "98"}, 422),
    ],
)
def test_a_link_is_made_for_a_worker_or_a_place(shared: Served, says: str, wanted: dict, status: int) -> None:
    answer = shared.http.post(f"{REPORTS}/links", json=wanted)
    assert answer.status_code == status, says
    if status == 200:
        assert shared.http.get(answer.json()["link"].removeprefix("https://desk.example")).status_code == 200
