"""Calls in, receipts in, and the figures out, over real HTTP."""

from collections.abc import Mapping

import pytest
from twilio.request_validator import RequestValidator

from alerts.alert import NoticeState
from alerts.channels.receipts import DIGITS_PATH, SIGNATURE, STATUS_PATH
from streams.signal import Level
from tests.api.served import PUBLIC, TOKEN, Served

CALL = {"id": "12345-1", "text": "冒烟了", "lat": 30.05, "lon": 103.05, "caller": "+8610000000001"}


def callback(desk: Served, path: str, form: Mapping[str, str], token: str = TOKEN) -> object:
    signature = RequestValidator(token).compute_signature(PUBLIC + path, dict(form))
    return desk.http.post(path, data=dict(form), headers={SIGNATURE: signature})


def test_a_call_is_taken_once_the_log_has_it(desk: Served) -> None:
    answer = desk.http.post("/api/v1/calls", json=CALL)
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["grid"]) == ("12345-1", "990101")
    assert desk.calls[0]["lat"] == 30.05
    assert "+8610000000001" not in answer.text


@pytest.mark.parametrize(
    ("says", "call", "status"),
    [
        ("the log is away, so nothing was taken", {**CALL, "text": "the log is away"}, 503),
        ("the dialect refuses it", {**CALL, "text": "not a call"}, 422),
        ("a key that does not exist", {**CALL, "latt": 1}, 422),
        ("no words", {"id": "1"}, 422),
        ("a latitude that cannot be", {**CALL, "lat": 91}, 422),
        ("a datum without a name we know", {**CALL, "datum": "mars"}, 422),
    ],
)
def test_a_call_that_is_not_taken_says_why(desk: Served, says: str, call: dict, status: int) -> None:
    answer = desk.http.post("/api/v1/calls", json=call)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), says
    assert desk.calls == []


def test_a_signed_receipt_moves_its_notice_and_an_unsigned_one_does_not(desk: Served) -> None:
    desk.signal(level=Level.RED)
    notice = desk.ledger.outbox()[0]
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    path = STATUS_PATH + notice.key
    assert callback(desk, path, form, token="somebody else's").status_code == 403
    assert desk.http.post(path, data=form).status_code == 403
    assert desk.ledger.outbox()[0].state is NoticeState.QUEUED
    assert callback(desk, path, form).status_code == 204
    assert next(n for n in desk.ledger.outbox() if n.key == notice.key).state is NoticeState.DELIVERED


def test_a_receipt_whose_form_was_changed_on_the_way_is_refused(desk: Served) -> None:
    desk.signal(level=Level.RED)
    path = STATUS_PATH + desk.ledger.outbox()[0].key
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, {"MessageStatus": "sent"})
    answer = desk.http.post(path, data={"MessageStatus": "delivered"}, headers={SIGNATURE: signature})
    assert answer.status_code == 403


def test_a_receipt_for_a_notice_that_does_not_exist_is_a_404(desk: Served) -> None:
    assert callback(desk, STATUS_PATH + "none", {"MessageStatus": "delivered"}).status_code == 404


def test_pressing_one_takes_the_alert_and_says_so(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    notice = next(n for n in desk.ledger.outbox() if n.channel == "voice")
    answer = callback(desk, DIGITS_PATH + notice.key, {"CallSid": "CA1", "Digits": "1"})
    assert answer.headers["content-type"].startswith("application/xml")
    assert "已接警" in answer.text
    assert desk.ledger.alert(alert.id).handling == "acknowledged"


def test_another_key_takes_nothing(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    notice = next(n for n in desk.ledger.outbox() if n.channel == "voice")
    assert "没有接警" in callback(desk, DIGITS_PATH + notice.key, {"CallSid": "CA1", "Digits": "5"}).text
    assert desk.ledger.alert(alert.id).handling == "new"


def test_a_person_hears_the_answer_in_their_own_language(desk: Served) -> None:
    desk.signal(level=Level.RED, grid="990102")  # nobody there: it climbs to the duty officer, who speaks English
    notice = next(n for n in desk.ledger.outbox() if n.channel == "voice")
    callback(desk, STATUS_PATH + notice.key, {"CallSid": "CA9", "CallStatus": "in-progress"})
    answer = callback(desk, DIGITS_PATH + notice.key, {"CallSid": "CA9", "Digits": "1"})
    assert "You have accepted" in answer.text


def test_the_outbox_is_newest_first_and_can_be_narrowed(desk: Served) -> None:
    one, two = desk.signal(level=Level.RED), desk.signal("gas", subject="gas-1", level=Level.RED, grid="990102")
    everything = desk.http.get("/api/v1/notices").json()
    assert [n["created_at"] for n in everything] == sorted((n["created_at"] for n in everything), reverse=True)
    assert {n["alert"] for n in everything} == {one.id, two.id}
    assert {n["alert"] for n in desk.http.get("/api/v1/notices", params={"alert": one.id}).json()} == {one.id}
    assert desk.http.get("/api/v1/notices", params={"state": "failed"}).json() == []


def test_the_map_has_the_worst_level_of_each_grid(desk: Served) -> None:
    desk.signal("tilt", level=Level.BLUE)
    desk.signal("fire", level=Level.RED)
    grids = desk.http.get("/api/v1/grids").json()
    by_code = {f["properties"]["code"]: f for f in grids["features"]}
    assert (by_code["990101"]["properties"]["worst"], by_code["990101"]["properties"]["open"]) == ("red", 2)
    assert by_code["990102"]["properties"]["worst"] == ""
    ring = by_code["990101"]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1] == [103.0, 30.0]
    assert not grids["truncated"]
    bare = desk.http.get("/api/v1/grids", params={"geometry": "false"}).json()["features"]
    assert all(f["geometry"] is None for f in bare)


def test_readings_come_from_the_series_and_default_to_the_last_hour(desk: Served) -> None:
    answer = desk.http.get("/api/v1/devices/smoke-1/readings", params={"metric": "smoke"}).json()
    assert (answer["kind"], answer["samples"][0]["mean"]) == ("smoke", 1.0)
    device, metric, start, stop, buckets = desk.series.asked[0]
    assert (device, metric, buckets, (stop - start).total_seconds()) == ("smoke-1", "smoke", 300, 3600)
    backwards = {"metric": "smoke", "start": "2026-01-02T00:00:00Z", "stop": "2026-01-01T00:00:00Z"}
    assert desk.http.get("/api/v1/devices/smoke-1/readings", params=backwards).status_code == 400


def test_response_times_are_percentiles_kept_apart_as_asked(desk: Served) -> None:
    alert = desk.signal(level=Level.RED)
    desk.http.post(f"/api/v1/alerts/{alert.id}/acknowledge", json={"by": "x"})
    answer = desk.http.get("/api/v1/metrics/response", params={"by": "level"}).json()
    acknowledged = next(f for f in answer["figures"] if f["span"] == "acknowledged")
    assert (acknowledged["level"], acknowledged["kind"], acknowledged["measured"], acknowledged["share"]) == (
        "red",
        "",
        1,
        1.0,
    )
    assert acknowledged["p50"] <= acknowledged["p90"]
    assert answer["targets"]["red"]["acknowledged"] > 0
    apart = desk.http.get("/api/v1/metrics/response", params={"by": ["township", "origin"]}).json()["figures"]
    assert {(f["township"], f["origin"], f["level"]) for f in apart} == {("9901", "sensor", "")}


def test_prometheus_reads_what_is_open_and_what_flows(desk: Served) -> None:
    desk.signal(level=Level.RED)
    text = desk.http.get("/metrics").text
    assert 'tocsin_ledger{of="open.red"} 1.0' in text
    assert 'tocsin_flow{of="kept"} 5.0' in text


def test_ready_names_the_part_that_is_not_well(desk: Served) -> None:
    assert desk.http.get("/health/live").json() == {"alive": True}
    assert desk.http.get("/health/ready").json()["ready"]
    object.__setattr__(desk.app.state.desk, "checks", {"log": lambda: "no broker answers"})
    answer = desk.http.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["parts"] == {
        "ledger": {"well": True, "said": ""},
        "log": {"well": False, "said": "no broker answers"},
    }


def test_an_address_that_does_not_exist_is_a_problem_in_the_readers_language(desk: Served) -> None:
    english = desk.http.get("/api/v1/nothing", headers={"Accept-Language": "en-GB,en"}).json()
    chinese = desk.http.get("/api/v1/nothing").json()
    assert english["title"].startswith("There is no")
    assert chinese["title"].startswith("没有")


def test_what_breaks_is_a_problem_with_a_number_and_no_stack(desk: Served) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret inner words")

    desk.series.readings = broken
    answer = desk.http.get("/api/v1/devices/d/readings", params={"metric": "m"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "broken"
    assert "secret" not in answer.text
