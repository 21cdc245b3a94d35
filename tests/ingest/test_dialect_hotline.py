"""Hotline: any platform's records become work orders with a status per unit, and nothing of a confidential caller."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.coordinates import Datum, metres_between, to_wgs84
from ingest.dialects.hotline import Status, WorkOrder, discreet, masked, masked_number, status_of
from ingest.dialects.hotline_fields import ENTRIES, Hotline, fits, orders_of
from ingest.dialects.hotline_profiles import load_profiles, shipped
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Verdict, decode_safely
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AT = datetime(2025, 9, 12, 2, 11, 8, tzinfo=UTC)
NO = "250912101108115409"


def message(body: Any, topic: str = "") -> Message:
    return Message(topic, body if isinstance(body, bytes) else orjson.dumps(body), NOW)


def read(body: Any, topic: str = "", decoder: Hotline | None = None) -> Decoding:
    return decode_safely(decoder or Hotline(), message(body, topic), ENTRIES[0].largest)


def wide(**own: Any) -> dict[str, Any]:
    return {"orderNum": NO, "orderState": "待签收", "callTime": "2025-09-12 10:11:08", **own}


def states(decoding: Decoding) -> list[tuple[str, Any]]:
    return [(str(o.attributes.get("unit", "")), o.value) for o in decoding.observations]


def test_an_order_has_its_number_status_and_time() -> None:
    (one,) = read(wide(organizationName="甲局", organizationCode="12", majorContent="路灯不亮", pilotLight="特急", handleDays=5, timeUnit="工作日")).observations  # fmt: skip
    assert (one.kind, one.device, one.metric, one.value, one.gateway) == (
        Kind.ORDER,
        NO,
        "status",
        "pending_receipt",
        "order-wide",
    )
    assert (one.server_at, one.device_at) == (AT, None)
    assert one.key == f"order:{NO}:12:pending_receipt:{AT.isoformat()}"
    assert one.attributes == {
        "order_no": NO, "status_word": "待签收", "unit": "甲局", "unit_code": "12", "call_time": AT.isoformat(), "content": "路灯不亮",
        "urgency": "critical", "urgency_word": "特急", "limit": 5, "limit_unit": "工作日",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("why", "own", "expected"),
    [
        ("one unit", {"organizationName": "甲局"}, [("甲局", "pending_receipt")]),
        ("the unit's status beside the city's", {"organizationName": "甲局", "subOrderState": "办理中"}, [("", "pending_receipt"), ("甲局", "handling")]),
        ("several units", {"organizationName": "甲局,乙街道", "organizationCode": "1,2", "subOrderState": "已签收"}, [("", "pending_receipt"), ("甲局", "received"), ("乙街道", "received")]),
        ("names and codes that do not pair stay one", {"organizationName": "甲局,乙街道", "organizationCode": "1"}, [("甲局,乙街道", "pending_receipt")]),
        ("all states in one line", {"echoStates": "市级 已转办处理中 / 甲单位 待签收 / 乙单位 办理中"},
         [("", "pending_receipt"), ("市级", "handling"), ("甲单位", "pending_receipt"), ("乙单位", "handling")]),
        ("an unknown word is kept as it is", {"orderState": "研判中"}, [("", "研判中")]),
        ("no status at all", {"orderState": None}, [("", None)]),
    ],
)  # fmt: skip
def test_a_status_belongs_to_an_order_and_a_unit(why: str, own: dict[str, Any], expected: list[Any]) -> None:
    assert states(read(wide(**own))) == expected, why


def test_a_record_sent_again_has_the_same_keys_and_a_step_back_has_another() -> None:
    first, again = read(wide()), read([wide()])
    assert [o.key for o in first.observations] == [o.key for o in again.observations]
    back = read(wide(orderState="退回", updateTime="2025-09-12 10:11:08")).observations[0]
    assert (back.value, back.server_at) == ("returned", AT)
    assert back.key != first.observations[0].key


def test_a_confidential_order_carries_nothing_of_its_caller() -> None:
    about = {"callerPhone": "13800138000", "callerName": "张三", "callerPhoneHash": "ab12", "callRecordFileId": "r1"}
    (open_one,) = read(wide(**about, isSecret="否")).observations
    assert open_one.attributes["caller_masked"] == "138****8000"
    assert open_one.attributes["caller_name_masked"] == "张*"
    assert b"13800138000" not in orjson.dumps(dict(open_one.attributes))
    for own in ({"isSecret": "是"}, {"isSecret": 1}, {"isSecret": "绝密"}, {"isAnonymous": "匿名"}):
        (one,) = read(wide(**about, **own)).observations
        assert not [k for k in one.attributes if "caller" in k or "recording" in k], own
        assert one.attributes["secret"] is True, own
    profile = shipped()[0]
    (order,) = orders_of(profile, wide(**about, isSecret="否"), message(b""))
    assert order.caller == "13800138000"
    assert "13800138000" not in repr(order)
    assert discreet(WorkOrder(secret=True, caller="13800138000", caller_name="张三")).caller == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话13800138000。", "电话138****8000。"),
        ("138-0013-8000", "138****8000"),
        ("+86 138 0013 8000", "138****8000"),
        ("0538-6991234", "0538****34"),
        ("身份证370902199001011234", "身份证370902********1234"),
        ("3号楼12单元", "3号楼12单元"),
    ],
)
def test_numbers_of_persons_in_a_text_are_masked(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(masked(text)) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("13800138000", "138****8000"),
        ("+8613800138000", "138****8000"),
        ("05386991234", "0538****34"),
        ("6991234", "****34"),
        ("a9f3c2==", ""),
        ("", ""),
    ],
)
def test_a_callers_number_is_masked_and_a_cipher_text_is_not_shown(number: str, expected: str) -> None:
    assert masked_number(number) == expected


@pytest.mark.parametrize(
    ("why", "written", "at", "warnings"),
    [
        ("naive is China's", "2025-09-12 10:11:08", AT, ()),
        ("with slashes", "2025/9/12 10:11:08", AT, ()),
        ("with an offset", "2025-09-12T02:11:08Z", AT, ()),
        ("fourteen digits", "20250912101108", AT, ()),
        ("milliseconds where the profile has them", 1757643068000, AT, ()),
        ("zero", 0, None, ("zero_time",)),
        ("nonsense keeps the order", "昨天", None, ("bad_time",)),
    ],
)
def test_times(why: str, written: Any, at: datetime | None, warnings: tuple[str, ...]) -> None:
    (one,) = read(wide(callTime=written)).observations
    assert (one.server_at, one.warnings) == (at, warnings), why


def test_the_place_is_read_in_its_datum() -> None:
    (one,) = read(wide(addressPoints="117.08,36.18")).observations
    assert one.point is not None
    assert metres_between(one.point, to_wgs84(36.18, 117.08, Datum.GCJ02)) < 0.1
    assert read(wide(addressPoints="0,0")).observations[0].point is None
    swapped = read(wide(addressPoints="36.18,117.08")).observations[0]
    assert (swapped.point, swapped.warnings) == (None, ("bad_place",))
    case = {"rec_id": 5, "task_num": "T1", "coordinate_x": 501234.5, "coordinate_y": 4012345.6, "cell_id": "370902001001001"}  # fmt: skip
    (one,) = read(case).observations
    assert (one.point, one.attributes["local_x"], one.attributes["grid"]) == (None, 501234.5, "370902001001001")
    assert one.warnings == ("projected_crs", "status_missing")


@pytest.mark.parametrize(
    ("why", "number", "warnings", "verdict"),
    [
        ("a text", NO, (), Verdict.ACCEPTED),
        ("a number that programs with floats round", int(NO), ("number_unsafe",), Verdict.ACCEPTED),
        ("a float has lost digits", 2.5091210110811540e17 + 0.5, (), Verdict.REJECTED),
    ],
)
def test_order_numbers_are_texts(why: str, number: Any, warnings: tuple[str, ...], verdict: Verdict) -> None:
    decoding = read(wide(orderNum=number))
    assert decoding.verdict is verdict, why
    if verdict is Verdict.ACCEPTED:
        assert (decoding.observations[0].device, decoding.observations[0].warnings) == (NO, warnings), why


STEPS = [
    {"ps_caption": a, "pss_caption_start": b, "pss_caption_end": c, "payroll_resulttmp": d, "id": e, "date": f, "di_title": g, "opper": "1", "pso_caption": "提交",
     "ps_caption_current": "结案", "p_pss_caption_current": "已结案"}
    for a, b, c, d, e, f, g in (
        ("受理", "待受理", "待补充", "已受理", "901", "2025-09-12 10:11:08", "受理组"),
        ("回访", "待回访", "待督办", "已回访", "904", "2025-09-12 15:00:09", "回访组"),
        ("结案", "待结案", "已结案", "已结案", "905", "2025-09-12 15:00:09", "回访组"),
    )
]  # fmt: skip


def test_the_history_of_an_order() -> None:
    rows = read(STEPS).observations
    assert [(o.device, o.value) for o in rows] == [("901", "accepted"), ("901", "visited"), ("901", "closed")]
    assert rows[0].warnings == ("order_no_missing",)
    assert rows[0].server_at == AT
    assert rows[1].server_at == rows[2].server_at, "two steps share a second"
    assert len({o.key for o in rows}) == 3
    known = read(STEPS, f"/payroll3/sub_act.php?no={NO}").observations
    assert {o.device for o in known} == {NO}
    assert not any(o.warnings for o in known)


@pytest.mark.parametrize(
    ("why", "payload"),
    [
        ("UTF-8 with a mark", '\ufeff工单编号,工单状态,受理时间,承办单位\r\nA1,已派遣,2025-09-12 10:11:08,"甲局"\r\n'.encode()),
        ("GB18030", "工单编号,工单状态,受理时间,承办单位\nA1,已派遣,2025/9/12 10:11:08,甲局\n".encode("gb18030")),
        ("tabs", "工单编号\t工单状态\t受理时间\t承办单位\nA1\t已派遣\t2025-09-12 10:11:08\t甲局\n".encode()),
    ],
)  # fmt: skip
def test_tables(why: str, payload: bytes) -> None:
    assert fits(message(payload)) is Fit.MARKED, why
    (one,) = read(payload).observations
    assert (one.device, one.value, one.attributes["unit"], one.server_at) == ("A1", "dispatched", "甲局", AT), why


def test_a_bad_row_does_not_cost_the_others_and_is_said() -> None:
    rows = read("工单编号,工单状态\nA1,已派遣\n,已派遣\n".encode()).observations
    assert [(o.kind, o.device) for o in rows] == [(Kind.ORDER, "A1"), (Kind.NOTICE, "chinese")]
    assert (rows[1].warnings, rows[1].attributes["row"]) == (("row_rejected",), 2)


def test_a_record_of_no_known_family_beside_others_is_said() -> None:
    rows = read({"data": [wide(), {"x": 1}, 7]}).observations
    assert [o.kind for o in rows] == [Kind.ORDER, Kind.NOTICE, Kind.NOTICE]


def test_a_call_before_there_is_an_order() -> None:
    (one,) = read(
        {
            "callId": "c7",
            "callTime": "2025-09-12 10:11:08",
            "content": "冒烟了，电话13800138000",
            "callerPhone": "13800138000",
        }
    ).observations
    assert (one.kind, one.device, one.key, one.value) == (Kind.CALL, "c7", "call:c7", "冒烟了，电话138****8000")


def test_a_table_of_complaints_with_codes() -> None:
    (one,) = read({"id": "7", "complaint_type": "投诉", "accept_time": "2025-09-12 10:11:08", "status": "5", "handle_department": "甲局"}).observations  # fmt: skip
    assert (one.device, one.value, one.attributes["appeal_type"]) == ("7", "returned", "投诉")


def test_a_citys_own_profile() -> None:
    (profile,) = load_profiles(
        '[[profile]]\nname="mine"\nmarkers=["gdbh"]\nrecords=["/payload/items"]\ndatum="wgs84"\ntimes=["epoch_s"]\n'
        'fields={gdbh="order_no",zt="status_word","/loc/y"="lat","/loc/x"="lon",sj="status_time",cs="test"}\nvalues={status_word={"9"="closed"}}'
    )
    body = {"payload": {"items": [{"gdbh": "G1", "zt": "9", "loc": {"x": 117.1, "y": 36.2}, "sj": 1757643068, "cs": True}]}}  # fmt: skip
    (one,) = read(body, decoder=Hotline((profile,))).observations
    assert (one.device, one.value, one.server_at, one.marks, one.gateway) == ("G1", "closed", AT, Mark.TEST, "mine")
    assert one.point == to_wgs84(36.2, 117.1, Datum.WGS84)


@pytest.mark.parametrize(
    "text",
    ['[[profile]]\nname="a"\nmarkers=["x"]\nfields={x="no_such"}', '[[profile]]\nname="a"\nmarkers=["x"]\nfields={x="order_no"}\ndatum="utm"'],
)  # fmt: skip
def test_a_profile_that_cannot_be_used(text: str) -> None:
    with pytest.raises(ValueError, match=r"no such field|no datum"):
        load_profiles(text)


@pytest.mark.parametrize(
    ("why", "body", "topic", "reason"),
    [
        ("no family that we know", {"a": 1}, "hotline/x", "missing_field"),
        ("an order without its number", {**wide(), "orderNum": ""}, "", "missing_field"),
        ("not JSON", b'{"orderNum":', "", "bad_json"),
        ("too many rows", ("工单编号,工单状态\n" + "A,已派遣\n" * 4097).encode(), "", "too_big"),
        ("zero bytes", "工单编号,工单状态\nA\x00,1\n".encode(), "", "bad_text"),
        ("neither UTF-8 nor GB18030", b"a,b\n\xff\xff", "hotline/x", "bad_text"),
        ("too deep", b'{"orderNum":' * 40 + b"1" + b"}" * 40, "", "too_deep"),
    ],
)
def test_what_cannot_be_used(why: str, body: Any, topic: str, reason: str) -> None:
    decoding = read(body, topic)
    assert decoding.verdict is Verdict.REJECTED, (why, decoding)
    assert decoding.reason.startswith(reason), (why, decoding.reason)


def test_every_word_means_a_status_and_back_transitions_are_among_them() -> None:
    assert status_of("已结案") is Status.CLOSED
    assert status_of(" In Progress ") is Status.HANDLING
    assert status_of("重办") is Status.REOPENED
    assert status_of("天知道") is None


@pytest.mark.parametrize(
    ("body", "topic", "fit"),
    [
        (b"", "hotline/east/orders", Fit.TOPIC),
        (wide(), "", Fit.MARKED),
        (STEPS, "", Fit.MARKED),
        ({"data": [wide()]}, "", Fit.MARKED),
        ({"smoke": True}, "zigbee2mqtt/x", Fit.NO),
        (b"##0101QN=1,2", "", Fit.NO),
    ],
)
def test_fits(body: Any, topic: str, fit: Fit) -> None:
    assert fits(message(body, topic)) is fit


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
    | st.sampled_from([NO, "2025-09-12 10:11:08", "20251399999999", "117.08,36.18", "是", "甲,乙", "市级 待签收 / 甲 办理中", "13800138000"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
RECORDS = st.sampled_from(shipped()).flatmap(
    lambda p: st.fixed_dictionaries(
        dict.fromkeys(p.markers, VALUES), optional=dict.fromkeys(sorted(p.fields.keys() - set(p.markers)), VALUES)
    )
)


@given(RECORDS | st.lists(RECORDS, max_size=3) | st.binary(max_size=60))
def test_nothing_that_is_sent_is_a_fault_of_ours(body: Any) -> None:
    assert fits(message(body)) in Fit
    assert not read(body, "hotline/x").reason.startswith("fault")


@given(st.binary(max_size=120))
def test_no_table_is_a_fault_of_ours(tail: bytes) -> None:
    assert not read("工单编号,工单状态,受理时间\n".encode() + tail).reason.startswith("fault")


@pytest.mark.parametrize(
    ("sentence", "record", "kind", "device", "value"),
    [
        ("an order in our own names", {"order_no": "9", "status": "已派遣", "unit": "甲局", "call_time": "2025-09-12 10:11:08"}, Kind.ORDER, "9", "dispatched"),
        ("an order's status under its longer name", {"order_no": "9", "status_word": "已派遣"}, Kind.ORDER, "9", "dispatched"),
        ("a call in our own names", {"call_id": "c1", "call_time": "2025-09-12 10:11:08", "content": "隔壁冒烟"}, Kind.CALL, "c1", "隔壁冒烟"),
        ("a call in Chinese names", {"通话编号": "c1", "来电时间": "2025-09-12 10:11:08", "内容": "隔壁冒烟"}, Kind.CALL, "c1", "隔壁冒烟"),
    ],
)  # fmt: skip
def test_who_speaks_in_our_own_names_needs_no_profile(
    sentence: str, record: dict[str, Any], kind: Kind, device: str, value: str
) -> None:
    assert fits(message(orjson.dumps(record))) is Fit.MARKED, sentence
    (seen,) = read(orjson.dumps(record)).observations
    assert (seen.kind, seen.device, seen.value) == (kind, device, value), sentence


@pytest.mark.parametrize("secret", ["secret", "isSecret", "is_secret", "anonymous", "isAnonymous"])
def test_a_secret_call_in_our_own_names_says_nothing_of_its_caller(secret: str) -> None:
    record = {"call_id": "c1", "content": "x", "caller": "13800000000", "caller_name": "张三", secret: True}
    (seen,) = read(orjson.dumps(record)).observations
    assert (seen.caller, {name for name in seen.attributes if "caller" in name}) == ("", set())
