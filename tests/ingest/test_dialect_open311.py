"""Open311 both ways: what comes in as JSON, XML or a form, and what goes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.hotline import Status, WorkOrder
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.dialects.open311 import Open311, fits, read_form
from ingest.dialects.open311_answers import (
    Format,
    Service,
    ServiceRequest,
    format_of,
    render_errors,
    render_post,
    render_requests,
    render_services,
    render_token,
    request_of,
)
from ingest.events import Point

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AT = datetime(2025, 4, 14, 14, 37, 38, tzinfo=UTC)


def message(body: Any, topic: str = "", content_type: str = "") -> Message:
    return Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW, content_type=content_type)


def read(body: Any, topic: str = "", content_type: str = "") -> Decoding:
    return decode_safely(Open311(), message(body, topic, content_type))


REQUEST = {
    "service_request_id": 638344, "status": "closed", "status_notes": "Duplicate.", "service_name": "Sidewalk", "service_code": "006", "description": None,
    "requested_datetime": "2025-04-14T06:00:00-08:00", "updated_datetime": "2025-04-14T06:37:38-08:00", "address": "8TH AVE", "address_id": 545483,
    "zipcode": 94122, "lat": 37.76, "long": -122.46, "media_url": "http://x/1.jpg ",
}  # fmt: skip
XML = b"""<?xml version="1.0" encoding="utf-8"?><service_requests><request><service_request_id>638344</service_request_id><status>open</status>
<service_code>006</service_code><description/><updated_datetime>2025-04-14T06:37:38-08:00</updated_datetime><lat>37.76</lat><long>-122.46</long></request>
</service_requests>"""


def test_a_request_in_json() -> None:
    (one,) = read([REQUEST]).observations
    assert (one.kind, one.device, one.value, one.server_at) == (Kind.ORDER, "638344", "closed", AT)
    assert (one.point, one.warnings) == (Point(37.76, -122.46), ())
    assert one.key == f"open311:638344::closed:{AT.isoformat()}"
    assert (one.attributes["zipcode"], one.attributes["address_id"], one.attributes["service_code"]) == ("94122", "545483", "006")  # fmt: skip


def test_a_request_in_xml_keeps_its_leading_zeros() -> None:
    (one,) = read(XML).observations
    assert (one.device, one.value, one.server_at, one.attributes["service_code"]) == ("638344", "open", AT, "006")
    assert one.point == Point(37.76, -122.46)


@pytest.mark.parametrize(
    ("why", "own", "value", "at", "warnings"),
    [
        ("an instant without its offset is not guessed", {"updated_datetime": "2025-04-14T06:37:38", "requested_datetime": None}, "closed", None, ("naive_time",)),
        ("the time of the request stands in", {"updated_datetime": None, "requested_datetime": "2025-04-14T14:37:38Z"}, "closed", AT, ()),
        ("an unknown status is kept", {"status": "lost"}, "lost", AT, ("status_unknown",)),
        ("no such place", {"lat": 137.7}, "closed", AT, ("bad_place",)),
    ],
)  # fmt: skip
def test_breaches(why: str, own: dict[str, Any], value: str, at: datetime | None, warnings: tuple[str, ...]) -> None:
    (one,) = read([REQUEST | own]).observations
    assert (one.value, one.server_at, one.warnings) == (value, at, warnings), why


def test_the_answer_to_a_post_is_an_order_and_a_token_comes_first() -> None:
    (one,) = read([{"service_request_id": 293944, "service_notice": "24 hours", "account_id": None}]).observations
    assert (one.kind, one.device, one.value) == (Kind.ORDER, "293944", "registered")
    (one,) = read([{"token": "t-1", "service_notice": ""}]).observations
    assert (one.device, one.attributes) == ("t-1", {"token": "t-1"})


def test_services_and_errors() -> None:
    (one,) = read([{"service_code": "001", "service_name": "Cans", "group": "street"}]).observations
    assert (one.kind, one.device, one.attributes) == (Kind.REGISTER, "001", {"service_name": "Cans", "group": "street"})
    (one,) = read([{"code": "403", "description": "no key"}], "/v2/requests.json").observations
    assert (one.kind, one.value) == (Kind.NOTICE, "403")


FORM = {
    "api_key": "secret-key", "jurisdiction_id": "city.gov", "service_code": "001", "lat": "37.76", "long": "-122.42", "address_string": "1234 5th street",
    "email": "smith@example.org", "first_name": "Jo", "phone": "13800138000", "description": "坑，电话13900139000", "attribute[WHISPAWN]": "123",
}  # fmt: skip


def http(form: dict[str, str], line: str = "POST /dev/v2/requests.xml HTTP/1.1", end: str = "\r\n") -> bytes:
    head = end.join((line, "Host: x", "Content-Type: application/x-www-form-urlencoded; charset=utf-8", "", ""))
    return (head + urlencode(form)).encode()


@pytest.mark.parametrize(
    ("why", "body", "content_type"),
    [
        ("by its content type", urlencode(FORM).encode(), "application/x-www-form-urlencoded"),
        ("by its names alone", urlencode(FORM).encode(), ""),
        ("as it went over the wire", http(FORM), ""),
        ("without a version in the line, and Unix ends", http(FORM, "POST /dev/v2/requests.json", "\n"), ""),
    ],
)
def test_a_form_is_a_call_without_its_caller(why: str, body: bytes, content_type: str) -> None:
    (one,) = read(body, content_type=content_type).observations
    assert (one.kind, one.value, one.point) == (Kind.CALL, "坑，电话139****9000", Point(37.76, -122.42)), why
    assert one.attributes == {
        "jurisdiction_id": "city.gov", "service_code": "001", "address_string": "1234 5th street", "attribute_whispawn": "123", "caller_masked": "138****8000",
    }  # fmt: skip
    assert one.key == f"open311:{one.device}"
    for hidden in (b"secret-key", b"smith", b"13800138000"):
        assert hidden not in orjson.dumps([one.value, dict(one.attributes), one.key, one.device]), why
    assert fits(message(body)) is Fit.MARKED, why


def test_the_same_form_is_the_same_call_and_another_is_another() -> None:
    def key(**own: str) -> str:
        return read(urlencode(FORM | own).encode()).observations[0].key

    assert key() == key(api_key="another")
    assert key() != key(description="another")


@pytest.mark.parametrize(
    ("why", "body", "topic", "verdict", "reason"),
    [
        ("a number with a leading zero is no JSON", b'[{"service_code":001,"service_name":"x"}]', "", Verdict.REJECTED, "bad_json"),
        ("no service", urlencode({"lat": "1", "long": "2"}).encode(), "/requests.xml", Verdict.REJECTED, "missing_field"),
        ("no place", urlencode({"service_code": "1"}).encode(), "/requests.xml", Verdict.REJECTED, "missing_field"),
        ("not UTF-8 behind the percents", b"service_code=1&lat=1&long=2&description=%ff", "/requests.xml", Verdict.REJECTED, "bad_text"),
        ("a form of a thousand fields", b"service_code=1&lat=1&long=2" + b"&a=1" * 1000, "/requests.xml", Verdict.REJECTED, "too_big"),
        ("a post of another kind", b"POST /requests.xml HTTP/1.1\r\nContent-Type: multipart/form-data\r\n\r\nx", "", Verdict.REJECTED, "bad_frame"),
        ("a post elsewhere", http(FORM, "POST /admin HTTP/1.1"), "", Verdict.REJECTED, "unknown_topic"),
        ("a question", b"GET /v2/requests.json?status=open HTTP/1.1\r\n\r\n", "", Verdict.IGNORED, "question"),
        ("an empty list", b"[]", "/requests.json", Verdict.IGNORED, "empty"),
        ("a float is no id", [{"service_request_id": 1.5}], "", Verdict.REJECTED, "bad_value"),
        ("another document", b"<html/>", "/requests.xml", Verdict.REJECTED, "bad_xml"),
        ("an entity of its own", b'<!DOCTYPE a [<!ENTITY b "c">]><service_requests><request><token>&b;</token></request></service_requests>', "", Verdict.REJECTED, "bad_xml"),
        ("too many", orjson.dumps([{"token": 1}] * 4097), "", Verdict.REJECTED, "too_big"),
    ],
)  # fmt: skip
def test_what_says_nothing_or_cannot_be_used(why: str, body: Any, topic: str, verdict: Verdict, reason: str) -> None:
    decoding = read(body, topic)
    assert decoding.verdict is verdict, (why, decoding)
    assert reason in decoding.reason, (why, decoding.reason)


def test_one_bad_entry_does_not_cost_the_others() -> None:
    rows = read([REQUEST, {"service_request_id": 1.5}, 7]).observations
    assert [(o.kind, o.warnings) for o in rows] == [(Kind.ORDER, ()), (Kind.NOTICE, ("row_rejected",)), (Kind.NOTICE, ("row_rejected",))]  # fmt: skip


ORDER = WorkOrder(
    order_no="250912101108115409", status=Status.HANDLED, status_word="已处置", unit="甲局", category="路灯 <坏>", category_code="001", content="电话13800138000 & 灯不亮\x01",
    accept_time=AT, complete_time=AT, address="某路1号", point=Point(36.1, 117.1), caller="13800138000", caller_name="张三", reply="已修",
)  # fmt: skip


@pytest.mark.parametrize("form", list(Format))
def test_what_goes_out_comes_in_again(form: Format) -> None:
    request = request_of(ORDER)
    assert request is not None
    raw = render_requests([request], form)
    assert b"13800138000" not in raw
    assert "张".encode() not in raw
    (one,) = read(raw).observations
    assert (one.device, one.value, one.server_at, one.point) == (ORDER.order_no, "open", AT, ORDER.point)
    assert one.attributes["service_code"] == "001"
    assert one.attributes["service_name"] == "路灯 <坏>"
    services = render_services([Service("001", "路灯", metadata=True)], form)
    assert [(o.kind, o.device) for o in read(services).observations] == [(Kind.REGISTER, "001")]
    assert read(render_post(form, ident="7", notice="24 h")).observations[0].device == "7"
    assert read(render_post(form, token="t")).observations[0].device == "t"
    assert read(render_token("t", "7", form)).observations[0].device == "7"
    assert read(render_errors([(404, "no such id")], form), "/requests.xml").observations[0].value == "404"


def test_the_bytes_of_xml_and_json() -> None:
    assert render_post(Format.XML, ident="7") == (
        b'<?xml version="1.0" encoding="utf-8"?>\n<service_requests>\n<request>\n<service_request_id>7</service_request_id>\n'
        b"<service_notice></service_notice>\n<account_id></account_id>\n</request>\n</service_requests>\n"
    )
    assert render_post(Format.JSON, token="t") == b'[{"token":"t","service_notice":null,"account_id":null}]'
    assert orjson.loads(render_requests([ServiceRequest("1", "open", requested_datetime=AT)], Format.JSON))[0][
        "requested_datetime"
    ] == ("2025-04-14T14:37:38+00:00")
    assert (format_of("/v2/requests.json?x=1"), format_of("/v2/requests.xml"), format_of("/v2/requests")) == (Format.JSON, Format.XML, Format.XML)  # fmt: skip
    with pytest.raises(ValueError, match="not both"):
        render_post(Format.XML)


def test_a_confidential_order_is_not_shown_and_a_closed_one_is_closed() -> None:
    assert request_of(WorkOrder(order_no="1", secret=True)) is None
    assert request_of(WorkOrder(call_id="1")) is None
    closed = request_of(WorkOrder(order_no="1", status=Status.CLOSED))
    assert closed is not None
    assert closed.status == "closed"


@pytest.mark.parametrize(
    ("body", "topic", "fit"),
    [
        (b"", "/dev/v2/requests.xml", Fit.TOPIC),
        ([REQUEST], "", Fit.MARKED),
        (XML, "", Fit.MARKED),
        (b'[{"service_code":001,"service_name":"x"}]', "", Fit.MARKED),
        (b"GET / HTTP/1.1", "", Fit.NO),
        ({"smoke": True}, "", Fit.NO),
    ],
)
def test_fits(body: Any, topic: str, fit: Fit) -> None:
    assert fits(message(body, topic)) is fit


KEYS = ["service_request_id", "token", "service_code", "code", "status", "updated_datetime", "lat", "long", "zipcode", "description"]  # fmt: skip
ENTRY = st.dictionaries(
    st.sampled_from(KEYS), st.none() | st.integers() | st.text(max_size=6) | st.lists(st.none(), max_size=2)
)


@given(st.lists(ENTRY, max_size=4) | st.dictionaries(st.sampled_from(KEYS), st.text(max_size=5)) | st.binary(max_size=80))  # fmt: skip
def test_nothing_that_is_sent_is_a_fault_of_ours(body: Any) -> None:
    try:
        sent = message(body)
    except TypeError:  # a whole number that JSON of ours does not write
        return
    assert fits(sent) in Fit
    assert not decode_safely(Open311(), sent).reason.startswith("fault")
    assert not decode_safely(Open311(), message(b"POST /requests.xml\n\n" + sent.payload)).reason.startswith("fault")


@given(st.dictionaries(st.text(min_size=1, max_size=6), st.text(max_size=8), max_size=5))
def test_a_form_comes_back_as_it_was(form: dict[str, str]) -> None:
    assert read_form(urlencode(form).encode()) == form
