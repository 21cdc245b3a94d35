"""A work order on its way in: whose it is, how it stands with whom, and until when, whatever its platform calls these things."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from ingest.dialects.catalogue import SHIPPED, Stream, entries
from ingest.dialects.observation import Message
from ingest.events import Call, InvalidEvent, Point, Rejected, decode, encode
from ingest.gateway import Gateway
from ingest.orders import Order, platform_of
from ingest.registry import Registry
from ingest.settings import GatewaySettings

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
GATEWAY = Gateway(
    Registry(), lambda *_: None, GatewaySettings(), (), lambda n: (f"sealed:{len(n)}", "138****0000"), Stream(SHIPPED)
)
WIDE = {
    "orderNum": "260301163000123456", "callTime": "2026-03-01 16:30:00", "dispatchTime": "2026-03-01 16:45:00", "orderState": "已派遣",
    "organizationName": "甲局", "organizationCode": "A01", "deadlineDate": "2026-03-04 18:00:00", "pilotLight": "紧急",
    "questionName": "噪声扰民", "questionCode": "0302", "title": "夜间施工", "majorContent": "电话13800138000，夜间施工扰民",
    "address": "清溪镇", "longitude": 103.2, "latitude": 30.1, "callerPhone": "13800138000", "urgeOrderNum": "260228000000000001",
}  # fmt: skip


def calls(topic: str, body: object, content_type: str = "") -> list[Call]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    decoded = GATEWAY.hear(Message(topic, raw, NOW, content_type=content_type))
    return [event for event in decoded.events if isinstance(event, Call)]


def test_an_order_keeps_its_number_its_unit_s_state_its_limit_and_its_urgency() -> None:
    (call,) = calls("hotline/12345/orders", WIDE)
    assert call.order == Order(
        "12345", "260301163000123456", "dispatched", datetime(2026, 3, 1, 8, 45, tzinfo=UTC), "A01",
        datetime(2026, 3, 4, 10, 0, tzinfo=UTC), "urgent", "噪声扰民", "0302", "夜间施工", "清溪镇", "260228000000000001",
    )  # fmt: skip
    assert (call.ident, call.caller, call.caller_masked) == ("260301163000123456", "sealed:11", "138****0000")
    assert "13800138000" not in call.text
    assert decode(encode(call)) == call


def test_a_confidential_order_brings_no_caller() -> None:
    (call,) = calls("hotline/12345/orders", {**WIDE, "isSecret": "是"})
    assert (call.caller, call.caller_masked) == ("", "")
    assert call.order is not None
    assert call.order.secret


def test_an_extension_is_the_limit_and_a_closed_order_still_comes() -> None:
    (call,) = calls(
        "hotline/12345/orders",
        {
            **WIDE,
            "delayDeadlineDate": "2026-03-09 18:00:00",
            "orderState": "已结案",
            "completeTime": "2026-03-01 16:50:00",
        },
    )
    assert call.order is not None
    assert (call.order.due_at, call.order.state, call.order.done) == (
        datetime(2026, 3, 9, 10, 0, tzinfo=UTC),
        "closed",
        True,
    )


def test_every_unit_of_an_order_has_its_own_state() -> None:
    found = calls("hotline/12345/orders", {**WIDE, "organizationCode": "", "echoStates": "甲局 处理中/乙局 待签收"})
    assert {(c.order.unit, c.order.state) for c in found if c.order} >= {
        ("甲局", "handling"),
        ("乙局", "pending_receipt"),
    }
    assert {c.ident for c in found} == {"260301163000123456"}


@pytest.mark.parametrize(
    ("sentence", "topic", "platform"),
    [
        ("over MQTT the topic names it", "hotline/city-a/orders", "city-a"),
        ("over HTTP the door does", "/api/v1/push/city-b", "city-b"),
        ("and also with what marks a call", "/api/v1/push/city-b/call", "city-b"),
        ("an American city", "311/nyc", "nyc"),
        ("a file has no way in", "orders.csv", "order-wide"),
    ],
)
def test_an_order_belongs_to_the_platform_by_whose_way_it_came(sentence: str, topic: str, platform: str) -> None:
    assert platform_of(topic, "order-wide") == platform, sentence


def test_rows_of_an_american_table_are_orders_too() -> None:
    table = (
        b"Unique Key,Created Date,Closed Date,Agency,Complaint Type,Status,Due Date,Latitude,Longitude\n"
        b"60000001,03/01/2026 03:00:00 AM,,HPD,HEAT/HOT WATER,Open,03/02/2026 03:00:00 AM,40.7,-73.9\n"
    )
    (call,) = calls("311/nyc", table)
    assert call.order is not None
    assert (call.order.number, call.order.platform, call.order.unit, call.order.category) == (
        "60000001",
        "nyc",
        "HPD",
        "HEAT/HOT WATER",
    )
    assert call.order.due_at == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert call.place.point == Point(40.7, -73.9)


def test_a_call_without_an_order_has_none_and_a_broken_one_on_the_log_is_refused() -> None:
    (call,) = calls("hotline/12345/orders", WIDE)
    plain = replace(call, order=None)
    assert decode(encode(plain)) == plain
    body = orjson.loads(encode(call))
    with pytest.raises(InvalidEvent):
        decode(orjson.dumps({**body, "order": {"number": 3, "due_at": "never"}}))
    assert decode(orjson.dumps({**body, "order": {**body["order"], "later": 1}})) == call


def test_the_same_state_of_the_same_unit_is_the_same_step() -> None:
    order = Order("12345", "1", "received", NOW, "甲局", NOW + timedelta(days=3))
    assert order.step == replace(order, title="other").step
    steps = {
        replace(order, **but).step
        for but in ({}, {"unit": "乙局"}, {"state": "handling"}, {"at": NOW + timedelta(1)}, {"due_at": None})
    }
    assert len(steps) == 5


CITY = """
[[profile]]
name = "yunze"
markers = ["gdbh"]
datum = "wgs84"

[profile.fields]
gdbh = "order_no"
zt = "status_word"
cbdw = "unit"
jzsj = "deadline"

[profile.values.status_word]
"3" = "处理中"
"""


def test_a_city_s_own_field_names_are_a_file(tmp_path: Path) -> None:
    file = tmp_path / "hotlines.toml"
    file.write_text(CITY, encoding="utf-8")
    body = orjson.dumps({"gdbh": "7001", "zt": "3", "cbdw": "甲局", "jzsj": "2026-03-04 18:00:00"})
    message = Message("hotline/yunze/orders", body, NOW)
    (rejected,) = replace(GATEWAY, stream=Stream(entries())).hear(message).events
    assert isinstance(rejected, Rejected)
    (call,) = replace(GATEWAY, stream=Stream(entries(None, file))).hear(message).events
    assert isinstance(call, Call)
    assert call.order == Order("yunze", "7001", "handling", NOW, "甲局", datetime(2026, 3, 4, 10, 0, tzinfo=UTC))
    (wide,) = (
        replace(GATEWAY, stream=Stream(entries(None, file)))
        .hear(Message("hotline/12345/x", orjson.dumps(WIDE), NOW))
        .events
    )
    assert isinstance(wide, Call), "the families that ship are still read"


@pytest.mark.parametrize("wrong", ['[[profile]]\nname = "x"', "= 1", CITY.replace("order_no", "number")])
def test_a_file_of_field_names_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "hotlines.toml"
    file.write_text(wrong, encoding="utf-8")
    with pytest.raises(ValueError, match=r"hotlines\.toml"):
        entries(None, file)
    with pytest.raises(ValueError, match="cannot be used"):
        entries(None, tmp_path / "missing.toml")
