"""Open311 GeoReport v2 over real HTTP: services, a new request, how it stands, and errors in the standard's form."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from alerts.alert import Alert
from api.compose.api import publisher_of_calls
from api.open311 import Wrong, asked, call_of, offer
from api.seal import Seal
from api.settings import Settings
from ingest.clock import Clock
from ingest.events import Call, Place, Point
from ingest.registry import Registry
from ingest.settings import PushDoor
from streams.calls import Listener, load_keywords
from streams.signal import Level, Origin, Signal, signal_key
from tests.api.served import Served, serving
from tests.api.test_pushes import TOKEN, FakeLog, pushes

ROOT = "/api/open311/v2"
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
FORM = {"service_code": "fire", "description": "三楼冒黑烟", "lat": "30.05", "long": "103.05", "api_key": TOKEN, "phone": "13800000000"}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    doors = (PushDoor(name="open311", dialect="open311", token=TOKEN, rate=2),)
    with serving(tmp_path, pushes=pushes(FakeLog(), doors)) as served:
        yield served


def call(desk: Served, ident: str, kind: str = "fire", *, ago: float = 60, grid: str = "990101", **more: Any) -> Alert:
    """A call that became a case, or joined one."""
    now = datetime.now(UTC)
    at = now - timedelta(seconds=ago)
    place = Place(grid, "9901", Point(30.05, 103.05), "coordinates")
    one = Signal(
        signal_key("hotline", ident, at), kind, Level.ORANGE, Origin.HOTLINE, ident, "hotline", at, at, at, place,
        text="hotline_call", evidence={"word": "冒烟", "address": "东街12号"}, **more,
    )  # fmt: skip
    return desk.conductor.signals([one], now)[-1]


def listed(desk: Served, **query: str) -> list[dict[str, Any]]:
    answer = desk.http.get(f"{ROOT}/requests.json", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def error_of(answer: httpx.Response) -> tuple[int, str]:
    (said,) = answer.json()
    assert said["code"] == str(answer.status_code)
    return answer.status_code, said["description"]


# -- services ---------------------------------------------------------------------------------------------------------


def test_services_are_the_same_in_both_forms(desk: Served) -> None:
    said = desk.http.get(f"{ROOT}/services.json", params={"jurisdiction_id": "anything"})
    assert said.headers["content-type"].startswith("application/json")
    xml = desk.http.get(f"{ROOT}/services.xml")
    assert xml.headers["content-type"] == "text/xml; charset=utf-8"
    root = fromstring(xml.content)
    assert root.tag == "services"
    assert [s.findtext("service_code") for s in root] == [s["service_code"] for s in said.json()]
    assert {s["metadata"] for s in said.json()} == {False}
    assert error_of(desk.http.get(f"{ROOT}/services/fire.json"))[0] == 404
    assert desk.http.get(f"{ROOT}/services.html").status_code == 404


def test_a_service_that_is_named_like_an_emergency_rings_as_it() -> None:
    listener = Listener(load_keywords())
    for code, service in offer().services.items():
        heard = listener.hear(f"{service.service_name}。")
        assert (heard[0].kind if heard else "other") == code


# -- a new request ----------------------------------------------------------------------------------------------------


def test_a_request_is_taken_like_a_call_and_answered_with_its_number(desk: Served) -> None:
    answer = desk.http.post(f"{ROOT}/requests.json", data=FORM | {"email": "a@b.example", "first_name": "某"})
    assert answer.status_code == 201
    (said,) = answer.json()
    (taken,) = desk.calls
    assert said["service_request_id"] == taken["id"]
    assert (taken["text"], taken["lat"], taken["lon"]) == ("三楼冒黑烟", 30.05, 103.05)
    assert (taken["caller"], taken["channel"]) == ("13800000000", "open311")
    assert not {"a@b.example", "某", TOKEN} & set(map(str, taken.values()))
    assert "13800000000" not in answer.text


def test_the_same_form_has_the_same_number_and_another_form_another(desk: Served) -> None:
    for text in ("a", "a", "b"):
        desk.http.post(f"{ROOT}/requests.json", data=FORM | {"description": text})
    first, again, other = [said["id"] for said in desk.calls]
    assert first == again != other


def test_xml_is_answered_in_xml(desk: Served) -> None:
    root = fromstring(desk.http.post(f"{ROOT}/requests.xml", data=FORM).content)
    assert root.findtext("request/service_request_id") == desk.calls[0]["id"]
    wrong = fromstring(desk.http.post(f"{ROOT}/requests.xml", data=FORM | {"service_code": ""}).content)
    assert (wrong.tag, wrong.findtext("error/code")) == ("errors", "400")


@pytest.mark.parametrize(
    ("why", "change", "status", "said"),
    [
        ("no service", {"service_code": ""}, 400, "service_code was not provided"),
        ("a service that there is not", {"service_code": "moon"}, 404, "service_code was not found"),
        ("no place at all", {"lat": "", "long": ""}, 400, "lat and long, address_string or address_id"),
        ("a place that is nowhere", {"lat": "0", "long": "0"}, 400, "lat and long, address_string or address_id"),
        ("half a place", {"long": ""}, 400, "degrees"),
        ("degrees that cannot be", {"lat": "91"}, 400, "degrees"),
        ("words for degrees", {"lat": "north"}, 400, "degrees"),
        ("a letter that is too long", {"description": "x" * 4001}, 400, "4000"),
        ("no key", {"api_key": ""}, 403, "api_key"),
        ("another key", {"api_key": "another-token-of-16"}, 403, "api_key"),
        ("no key and nothing else right", {"api_key": "", "service_code": "moon"}, 403, "api_key"),
        ("the log is away, so nothing was taken", {"description": "the log is away"}, 503, "nothing was taken"),
        ("the dialect refuses it", {"description": "not a call"}, 400, "lat without lon"),
        ("more than is read", {"attribute[x]": "x" * 70_000}, 413, "at most"),
    ],
)
def test_what_is_not_taken_says_why_in_the_standards_form(
    desk: Served, why: str, change: dict[str, str], status: int, said: str
) -> None:
    found = error_of(desk.http.post(f"{ROOT}/requests.json", data=FORM | change))
    assert found[0] == status, why
    assert said in found[1], why
    assert desk.calls == []


def test_a_key_may_also_come_as_at_any_push_door(desk: Served) -> None:
    form = {name: text for name, text in FORM.items() if name != "api_key"}
    ways = (
        {"params": {"api_key": TOKEN}},
        {"params": {"token": TOKEN}},
        {"headers": {"authorization": f"Bearer {TOKEN}"}},
    )
    assert [desk.http.post(f"{ROOT}/requests.json", data=form, **way).status_code for way in ways] == [201] * 3


def test_an_address_is_place_enough(desk: Served) -> None:
    form = FORM | {"lat": "", "long": "", "address_string": "东街12号"}
    assert desk.http.post(f"{ROOT}/requests.json", data=form).status_code == 201
    assert desk.calls[0]["address"] == "东街12号"
    assert "lat" not in desk.calls[0]


def test_who_shouts_is_told_to_come_back(desk: Served) -> None:
    answers = [desk.http.post(f"{ROOT}/requests.json", data=FORM) for _ in range(60)]
    last = answers[-1]
    assert (error_of(last)[0], last.headers["retry-after"]) == (429, "300")


def test_without_its_door_asking_is_open_and_telling_is_not(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        assert served.http.get(f"{ROOT}/services.json").status_code == 200
        assert error_of(served.http.post(f"{ROOT}/requests.json", data=FORM))[0] == 403
        assert served.calls == []


@given(
    st.dictionaries(st.sampled_from([*FORM, "address_string", "x", "attribute[y]"]), st.text(max_size=60)),
    st.binary(max_size=80),
)
def test_any_form_is_a_call_or_wrong(form: dict[str, str], raw: bytes) -> None:
    for body in (httpx.Request("POST", "http://x", data=form).content, raw):
        with contextlib.suppress(Wrong):  # and nothing else
            said = call_of(body, NOW)
            assert len(said["id"]) <= 128
            assert said["category"]


# -- how it stands ----------------------------------------------------------------------------------------------------


def test_a_call_that_became_a_case_is_an_open_request_and_nothing_of_its_caller_is_shown(desk: Served) -> None:
    alert = call(desk, "250912101108115409")
    desk.signal("gas", subject="gas-1")
    (one,) = listed(desk)
    assert (one["service_request_id"], one["status"], one["service_code"]) == ("250912101108115409", "open", "fire")
    assert (one["lat"], one["long"], one["agency_responsible"]) == (30.05, 103.05, "试验镇")
    asked_at, changed_at = (datetime.fromisoformat(one[f"{name}_datetime"]) for name in ("requested", "updated"))
    assert asked_at == alert.stages["event_at"].replace(microsecond=0)
    assert asked_at.tzinfo is not None
    assert changed_at >= asked_at
    assert "东街" not in str(one)
    assert desk.http.get(f"{ROOT}/requests/250912101108115409.json").json() == [one]
    root = fromstring(desk.http.get(f"{ROOT}/requests/250912101108115409.xml").content)
    assert root.findtext("request/status") == "open"


def test_a_case_that_is_over_is_closed(desk: Served) -> None:
    alert = call(desk, "c-1")
    answer = desk.http.post(f"/api/v1/alerts/{alert.id}/void", json={"by": "x", "note": "no fire", "approved_by": "y"})
    assert answer.status_code == 200, answer.text
    (one,) = listed(desk)
    assert (one["status"], one["status_notes"]) == ("closed", "已作废 Void")
    assert listed(desk, status="open") == []
    assert len(listed(desk, status="open,closed")) == 1


def test_a_case_of_several_senses_shows_its_calls_alone_each_with_its_own_time(desk: Served) -> None:
    case = desk.signal("fire", subject="smoke-1")
    assert call(desk, "c-1", ago=30).id == case.id, "it is the same fire"
    assert call(desk, "c-2", ago=5).id == case.id
    found = listed(desk)
    assert [r["service_request_id"] for r in found] == ["c-2", "c-1"]
    assert found[0]["requested_datetime"] > found[1]["requested_datetime"]
    assert desk.http.get(f"{ROOT}/requests/smoke-1.json").status_code == 404


def test_what_cannot_be_found_is_a_404_in_the_standards_form(desk: Served) -> None:
    call(desk, "c-1")
    assert error_of(desk.http.get(f"{ROOT}/requests/c-9.json")) == (
        404, "service_request_id was not found 没有这件诉求，或它未形成警情",
    )  # fmt: skip
    assert fromstring(desk.http.get(f"{ROOT}/requests/c-9.xml").content).tag == "errors"
    assert listed(desk, service_request_id="c-9,c-8") == []
    assert [r["service_request_id"] for r in listed(desk, service_request_id="c-9, c-1", status="closed")] == ["c-1"]


def test_a_number_may_have_a_dot_and_a_slash(desk: Served) -> None:
    call(desk, "12345/a.b")
    assert desk.http.get(f"{ROOT}/requests/12345/a.b.json").json()[0]["service_request_id"] == "12345/a.b"


def test_questions_by_service_and_time(desk: Served) -> None:
    call(desk, "c-1", "fire", ago=3600, grid="990101")
    call(desk, "c-2", "flood", ago=60, grid="990102")
    call(desk, "c-3", "unheard_of", ago=30, grid="990102")
    half = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    assert [r["service_request_id"] for r in listed(desk)] == ["c-3", "c-2", "c-1"]
    assert [r["service_request_id"] for r in listed(desk, service_code="fire,other")] == ["c-3", "c-1"]
    assert [r["service_request_id"] for r in listed(desk, start_date=half)] == ["c-3", "c-2"]
    assert [r["service_request_id"] for r in listed(desk, end_date=half)] == ["c-1"]
    call(desk, "c-4", "fire", ago=20, grid="990101")
    assert [r["service_request_id"] for r in listed(desk, start_date=half)] == ["c-4", "c-3", "c-2"]


@pytest.mark.parametrize(
    ("why", "query"),
    [
        ("more than ninety days", {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-06-01T00:00:00Z"}),
        ("an end before the start", {"start_date": "2026-01-02T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"}),
        ("a time without its offset", {"start_date": "2026-01-01T00:00:00"}),
        ("a word for a time", {"end_date": "yesterday"}),
        ("a time at the edge of what there is", {"end_date": "0001-01-01T00:00:00Z"}),
        ("a status that there is not", {"status": "shut"}),
    ],
)
def test_a_question_that_cannot_be_answered(why: str, query: dict[str, str]) -> None:
    with pytest.raises(Wrong) as caught:
        asked(query, NOW)
    assert caught.value.code == 400, why


@pytest.mark.parametrize(
    ("why", "query", "start", "end"),
    [
        ("nothing: the last ninety days", {}, NOW - timedelta(days=90), None),
        ("a start: ninety days from it", {"start_date": "2026-01-01T00:00:00Z"}, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)),
        ("a plus that was not encoded", {"end_date": "2026-03-01T16:00:00 08:00"}, NOW - timedelta(days=90), NOW),
    ],
)  # fmt: skip
def test_times_of_a_question(why: str, query: dict[str, str], start: datetime, end: datetime | None) -> None:
    found = asked(query, NOW)
    assert (found.start, found.end) == (start, end), why


# -- the very publishing of calls -------------------------------------------------------------------------------------


class Parts:
    """As much of the API's parts as publishing a call needs."""

    book = SimpleNamespace(registry=Registry, locate=lambda _: None)
    clock = Clock()


def publish(said: dict[str, Any], log: FakeLog) -> Call:
    settings = Settings(secret=SecretStr("only for tests"))
    return asyncio.run(publisher_of_calls(settings, Parts(), log)(said))  # type: ignore[arg-type]


def test_a_form_is_a_call_that_the_log_gets_whole() -> None:
    log = FakeLog()
    form = httpx.Request("POST", "http://x", data=FORM | {"description": "三楼冒黑烟，电话13800000000"}).content
    taken = publish(call_of(form, NOW), log)
    (kept,) = log.events(Call)
    assert kept == taken
    assert (taken.text, taken.category, taken.channel) == (
        "三楼冒黑烟，电话138****0000",
        "着火或冒烟 Fire or smoke",
        "open311",
    )
    assert (taken.place.point, taken.gateway) == (Point(30.05, 103.05), "api")
    assert Seal("only for tests").reveal(taken.caller) == "13800000000"


def test_a_log_that_does_not_answer_took_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.compose.api.TAKES_WITHIN", 0.05)
    log = FakeLog("silent")
    with pytest.raises(TimeoutError):
        publish({"id": "c-1", "text": "x"}, log)
    assert not log.records
