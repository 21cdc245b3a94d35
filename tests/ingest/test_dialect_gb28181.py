"""GB/T 28181 alarms: encodings, tables of types, positions that are none, keepalives, and the answer that the standard demands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.gb28181 import ENTRIES, Gb28181
from ingest.dialects.markup import said, tree_of
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely
from ingest.events import Point

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
CAMERA = "34020000001320000001"
(ENTRY,) = ENTRIES


def notify(inner: str = "", encoding: str = "GB2312", codec: str = "gb18030", **words: str) -> bytes:
    said_of = {"CmdType": "Alarm", "SN": "17", "DeviceID": CAMERA, "AlarmPriority": "1", "AlarmMethod": "5", "AlarmTime": "2026-03-01T16:00:00", "AlarmDescription": "烟火"} | words  # fmt: skip
    body = "".join(f"<{k}>{v}</{k}>\r\n" for k, v in said_of.items() if v)
    head = f'<?xml version="1.0" encoding="{encoding}"?>\r\n' if encoding else ""
    return f"{head}<Notify>\r\n{body}{inner}</Notify>\r\n".encode(codec)


def decode(payload: bytes) -> Decoding:
    return decode_safely(Gb28181(), Message("", payload, NOW))


def one(payload: bytes) -> Observation:
    decoding = decode(payload)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


@pytest.mark.parametrize(
    ("why", "payload", "warnings"),
    [
        ("GB2312 as the standard demands", notify(), ()),
        ("a character that only GB18030 has", notify(AlarmDescription="烟火"), ()),
        ("UTF-8, declared", notify(encoding="UTF-8", codec="utf-8"), ()),
        ("UTF-8, not declared", notify(encoding="", codec="utf-8"), ()),
        ("GB18030, not declared", notify(encoding=""), ()),
        ("GB18030 called UTF-8", notify(encoding="UTF-8"), ("encoding_mismatch",)),
        ("UTF-8 called GB2312", notify(codec="utf-8"), ("encoding_mismatch",)),
        (
            "with its SIP head",
            b"MESSAGE sip:x@y SIP/2.0\r\nContent-Type: Application/MANSCDP+xml\r\n\r\n" + notify(),
            (),
        ),
    ],
)
def test_encodings(why: str, payload: bytes, warnings: tuple[str, ...]) -> None:
    found = one(payload)
    assert (found.attributes["description"], found.warnings) == ("烟火", warnings), why
    assert (found.kind, found.device, found.device_at) == (Kind.ALARM, CAMERA, NOW), why
    assert ENTRY.fits(Message("", payload, NOW)) is Fit.MARKED


@pytest.mark.parametrize(
    ("why", "method", "kind", "is_", "metric", "warnings"),
    [
        ("video loss", "2", "1", Kind.ALARM, "video_loss_alarm", ()),
        ("somebody opens the device", "2", "2", Kind.ALARM, "tamper_alarm", ()),
        ("too hot", "2", "4", Kind.ALARM, "heat_alarm", ()),
        ("a device alarm without a type", "2", "", Kind.ALARM, "device_alarm", ()),
        ("an operator pressed", "5", "1", Kind.ALARM, "manual_alarm", ()),
        ("a tripwire", "5", "5", Kind.ALARM, "intrusion_alarm", ()),
        ("intrusion", "5", "6", Kind.ALARM, "intrusion_alarm", ()),
        ("a crowd", "5", "10", Kind.ALARM, "crowd_alarm", ()),
        ("a disk is broken", "6", "1", Kind.FAULT, "disk_error", ()),
        ("a fault without a type", "6", "", Kind.FAULT, "device_fault", ()),
        ("by telephone", "1", "", Kind.ALARM, "phone_alarm", ()),
        ("methods 1 or 2, and a type that only 2 has", "12", "4", Kind.ALARM, "heat_alarm", ()),
        ("two methods with a stroke", "2/5", "12", Kind.ALARM, "fast_motion_alarm", ()),
        ("two methods without a type", "12", "", Kind.ALARM, "alarm", ()),
        ("a type of the maker's", "5", "99", Kind.ALARM, "alarm", ("vendor_type",)),
        ("a type in words", "7", "fire", Kind.ALARM, "other_alarm", ("vendor_type",)),
        ("no method that we know", "9", "", Kind.ALARM, "alarm", ("vendor_type",)),
        ("no method", "", "", Kind.ALARM, "alarm", ("vendor_type",)),
    ],
)  # fmt: skip
def test_types(why: str, method: str, kind: str, is_: Kind, metric: str, warnings: tuple[str, ...]) -> None:
    found = one(notify(AlarmMethod=method, AlarmType=kind))
    assert (found.kind, found.metric, found.warnings) == (is_, metric, warnings), why


@pytest.mark.parametrize(
    "inner",
    [
        "<AlarmType>6</AlarmType>",
        "<Info><AlarmType>6</AlarmType></Info>",
        "<Info><AlarmTypeParam><EventType>1</EventType></AlarmTypeParam><AlarmType>6</AlarmType></Info>",
        "<Info><Deeper><AlarmType>6</AlarmType></Deeper></Info>",
        "<AlarmType/><Info><AlarmType>6</AlarmType></Info>",
    ],
)
def test_the_type_is_found_wherever_it_stands(inner: str) -> None:
    found = one(notify(inner))
    assert (found.metric, found.attributes["alarm_type"]) == ("intrusion_alarm", "6")


@pytest.mark.parametrize(
    ("why", "lon", "lat", "point", "warnings"),
    [
        ("in China", "116.397", "39.908", Point(39.908, 116.397), ()),
        ("0/0 is no position", "0.0", "0.0", None, ("bad_position",)),
        ("171.3 is outside", "171.3", "34.2", None, ("bad_position",)),
        ("exchanged", "39.908", "116.397", None, ("bad_position",)),
        ("one of two", "116.397", "", None, ("bad_position",)),
        ("no number", "east", "39.9", None, ("bad_position",)),
        ("not a number at all", "nan", "nan", None, ("bad_position",)),
        ("none", "", "", None, ()),
    ],
)
def test_positions(why: str, lon: str, lat: str, point: Point | None, warnings: tuple[str, ...]) -> None:
    found = one(notify(Longitude=lon, Latitude=lat))
    assert (found.kind, found.point, found.warnings) == (Kind.ALARM, point, warnings), why


def test_priority_and_the_type_of_the_device() -> None:
    found = one(notify(DeviceID="34020000001340000007", AlarmPriority="4"))
    assert (found.attributes["device_type"], found.attributes["alarm_priority"]) == ("134", 4)
    assert one(notify(AlarmPriority="9")).warnings == ("bad_priority",)
    assert one(notify(DeviceID="cam-1")).warnings == ("device_id_form",)


def test_times() -> None:
    assert one(notify(AlarmTime="2026-03-01 16:00:00")).device_at == NOW
    assert one(notify(AlarmTime="2026-03-01T08:00:00Z")).device_at == NOW
    assert one(notify(AlarmTime="")).warnings == ("zero_time",)
    assert one(notify(AlarmTime="2036-03-01T16:00:00")).warnings == ("clock_skew",)


def test_an_alarm_is_answered_with_its_number() -> None:
    reply = decode(notify(SN="17")).reply
    assert reply is not None
    root, _ = tree_of(reply)
    assert [said(root, n) for n in ("cmdtype", "sn", "deviceid", "result")] == ["Alarm", "17", CAMERA, "OK"]
    assert reply.startswith(b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>')
    without = decode(notify(SN=""))
    assert without.reply is None
    assert without.observations[0].warnings == ("no_serial",)


def test_the_answer_carries_nothing_that_was_smuggled_in() -> None:
    reply = decode(notify(SN="1&lt;/SN&gt;&lt;Result&gt;ERROR", DeviceID="a&amp;b")).reply
    assert reply is not None
    root, warnings = tree_of(reply)
    assert (said(root, "sn"), said(root, "deviceid"), said(root, "result"), warnings) == (
        "1</SN><Result>ERROR",
        "a&b",
        "OK",
        (),
    )


def test_a_vendor_s_words_are_kept_and_bounded() -> None:
    found = one(notify(AlarmMethod="7", AlarmDescription="1,2026,烟感," + "x" * 5000))
    assert found.metric == "other_alarm"
    assert len(str(found.attributes["description"])) == 1000


def test_without_the_command_it_is_still_an_alarm() -> None:
    assert one(notify(CmdType="", SN="")).warnings == ("no_command", "no_serial")


def test_a_keepalive_and_what_it_lists_as_broken() -> None:
    body = "<Notify><CmdType>Keepalive</CmdType><SN>43</SN><DeviceID>34020000002000000001</DeviceID><Status>{}</Status>{}</Notify>"
    found = one(body.format("OK", "").encode())
    assert (found.kind, found.device, found.value, found.warnings) == (Kind.HEARTBEAT, "34020000002000000001", True, ())
    decoding = decode(body.format("ERROR", f"<Info><DeviceID>{CAMERA}</DeviceID><DeviceID/></Info>").encode())
    beat, fault = decoding.observations
    assert (beat.kind, beat.warnings, decoding.reply) == (Kind.HEARTBEAT, ("status_not_ok",), None)
    assert (fault.kind, fault.device, fault.gateway) == (Kind.FAULT, CAMERA, "34020000002000000001")


@pytest.mark.parametrize("body", [b"<Response><CmdType>Catalog</CmdType></Response>", b"<Query><CmdType>Catalog</CmdType></Query>", b"<Notify><CmdType>MobilePosition</CmdType><DeviceID>1</DeviceID></Notify>"])  # fmt: skip
def test_what_is_no_report(body: bytes) -> None:
    assert decode(body).verdict is Verdict.IGNORED


@pytest.mark.parametrize(
    ("why", "payload", "reason"),
    [
        ("no device", notify(DeviceID=""), "no_device"),
        ("a device with a line break", notify(DeviceID="a\nb"), "no_device"),
        ("another document", b"<Alarm/>", "bad_xml"),
        ("an entity", b'<!DOCTYPE a [<!ENTITY b "c">]><Notify/>', "bad_xml"),
        ("nothing", b"", "bad_xml"),
    ],
)
def test_what_is_refused(why: str, payload: bytes, reason: str) -> None:
    assert decode(payload).reason.startswith(reason), why


WHOLE = notify("<Longitude>116.4</Longitude><Latitude>39.9</Latitude>")


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)), st.binary(max_size=4))
def test_changed_bytes_never_fault(at: int, junk: bytes) -> None:
    assert not decode(WHOLE[:at] + junk + WHOLE[at + len(junk) :]).reason.startswith("fault")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_never_fault(junk: bytes) -> None:
    for payload in (junk, b"<Notify>" + junk + b"</Notify>", b"MESSAGE " + junk):
        assert not decode(payload).reason.startswith("fault")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["AlarmMethod", "AlarmType", "AlarmPriority", "AlarmTime", "Longitude", "SN", "DeviceID"]), st.text(st.characters(codec="utf-8", exclude_characters="<&"), max_size=30)))  # fmt: skip
def test_any_words_never_fault(words: dict[str, str]) -> None:
    payload = notify(encoding="", codec="utf-8", **words)
    assert not decode(payload).reason.startswith("fault")
