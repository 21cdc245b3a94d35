"""One bad part of a message costs its neighbours nothing, and the whole message is kept with what was wrong: over every dialect."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from ingest.dialects.catalogue import SHIPPED, Stream
from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.hj212_frames import encode as packet
from ingest.dialects.observation import Decoding, Kind, Message, Observation, Verdict, accepted, ignored, rejected
from ingest.dialects.parts import Parts
from ingest.events import Rejected
from ingest.gateway import Gateway, carries_call
from ingest.registry import Registry
from ingest.settings import GatewaySettings
from tests.ingest.test_dialect_gb26875 import frame, part
from tests.ingest.test_dialect_hj212 import QN, segment
from tests.ingest.test_dialect_meokon import frame as meokon

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
MS = 1772351990000

GATEWAY = Gateway(Registry.of([], [], 1), lambda _: None, GatewaySettings(), (), lambda text: (f"sealed({text})", ""))


def json(body: Any) -> bytes:
    return orjson.dumps(body)


def spoilt(raw: bytes) -> bytes:
    """A frame whose last byte before the end mark is another."""
    return raw[:-3] + bytes((raw[-3] ^ 1,)) + raw[-2:]


def onvif_note(body: str) -> str:
    topic = "<wsnt:Topic>tns1:RuleEngine/CellMotionDetector/Motion</wsnt:Topic>"
    return f"<wsnt:NotificationMessage>{topic}<wsnt:Message>{body}</wsnt:Message></wsnt:NotificationMessage>"


def cap_alert(status: str) -> str:
    return (
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>1</identifier><sender>s</sender>'
        f"<sent>2026-03-01T15:00:00+08:00</sent><status>{status}</status><msgType>Alert</msgType><scope>Public</scope></alert>"
    )


ONVIF = "".join((
    '<a xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tt="http://www.onvif.org/ver10/schema">',
    onvif_note(
        '<tt:Message UtcTime="2026-03-01T07:59:00Z" PropertyOperation="Changed"><tt:Source><tt:SimpleItem Name="Source" Value="v1"/>'
        '</tt:Source><tt:Data><tt:SimpleItem Name="IsMotion" Value="true"/></tt:Data></tt:Message>'
    ),
    onvif_note(""),
    "</a>",
))  # fmt: skip
CLOUD = {"specversion": "1.0", "id": "1", "source": "/plant", "type": "started"}
NETWORK = {"MessageId": "1", "MessageType": "ua-data", "PublisherId": "plc", "Messages": [{"DataSetWriterId": 1, "Payload": {"x": 1}}]}  # fmt: skip
FIRING = {
    "status": "firing",
    "labels": {"alertname": "SmokeHigh"},
    "startsAt": "2026-03-01T07:00:00Z",
    "fingerprint": "f",
}
POINT = {"at": MS, "type": 1, "ds_id": "3303_0_5700", "value": 21.5, "dev_id": 99}
PACK = {
    "id": "1",
    "params": {
        "properties": {"temp": 20},
        "subDevices": [
            {"identity": {"deviceName": ""}, "properties": {"temp": 1}},
            {"identity": {"deviceName": "below"}, "properties": {"temp": 1}},
        ],
    },
}
SERVICES = {
    "resource": "device.property", "event": "report", "event_time": "20260301T075900Z",
    "notify_data": {"header": {"device_id": "d1"}, "body": {"services": [{"service_id": "a", "properties": {"temp": 20}}, "smoke"]}},
}  # fmt: skip

# dialect, what is wrong in it, topic, payload, observations that are read all the same, the reason
SPOILT = [
    ("gb26875", "the second of two frames has another sum", "", frame(b"\x02\x01" + part(3)) + spoilt(frame(b"\x02\x01" + part(5))), 1, Reason.BAD_SUM),
    ("gb26875", "three parts are promised and one is whole", "", frame(b"\x02\x03" + part(3)), 1, Reason.BAD_LENGTH),
    ("hj212", "the second of two packets has another CRC", "",
     packet(segment("DataTime=20260301155900;w01018-Rtd=1")) + packet(segment("DataTime=20260301155900;w01018-Rtd=2"))[:-6] + b"0000\r\n", 1, Reason.BAD_SUM),
    ("hj212", "the second of two packets says nobody's name", "",
     packet(segment("DataTime=20260301155900;w01018-Rtd=1")) + packet(f"QN={QN};ST=32;CN=2011;MN=;CP=&&w01018-Rtd=2&&"), 1, Reason.NO_DEVICE),
    ("meokon", "the second of two frames has another CRC", "", meokon() + spoilt(meokon()), 4, Reason.BAD_SUM),
    ("milesight", "the second line is of nobody we know", "milesight/d1", b"0367FA00\n# FE01FE\n", 1, Reason.BAD_FRAME),
    ("onenet", "one of three messages has no value", "", json({"msg": [POINT, {"type": 1, "dev_id": 99}, POINT], "msg_signature": "", "nonce": ""}), 2, Reason.MISSING_FIELD),
    ("onenet", "one of two messages is none", "", json({"msg": [POINT, 7], "msg_signature": "", "nonce": ""}), 1, Reason.MISSING_FIELD),
    ("iotda", "a service is a text", "", json(SERVICES), 1, Reason.BAD_VALUE),
    ("alink", "one device below has no name", "/sys/pk/gw/thing/event/property/pack/post", json(PACK), 2, Reason.NO_DEVICE),
    ("thingsboard", "one device says a text", "v1/gateway/telemetry", json({"A": [{"ts": MS, "values": {"t": 1}}], "B": ["x"]}), 1, Reason.BAD_VALUE),
    ("thingsboard", "a record of a device's own is none", "v1/devices/me/telemetry", json([{"t": 1}, None]), 1, Reason.BAD_VALUE),
    ("senml", "one value is a text", "", json([{"bn": "d/", "n": "t", "v": 1}, {"n": "u", "v": "1"}]), 1, Reason.BAD_VALUE),
    ("opcua", "one of two messages is of no known kind", "", json([NETWORK, {"MessageId": "2", "MessageType": "other", "PublisherId": "plc"}]), 1, Reason.MISSING_FIELD),
    ("cloudevents", "an event of the batch has no id", "", json([CLOUD, {k: v for k, v in CLOUD.items() if k != "id"}]), 1, Reason.MISSING_FIELD),
    ("alertmanager", "an alert has no state", "", json({"version": "4", "groupKey": "g", "alerts": [FIRING, {**FIRING, "status": "?"}]}), 1, Reason.BAD_VALUE),
    ("cap", "the second warning has a state of its own", "", f"<feed>{cap_alert('Actual')}{cap_alert('Nearly')}</feed>".encode(), 1, Reason.BAD_VALUE),
    ("onvif", "a notification has nothing in it", "", ONVIF.encode(), 1, Reason.MISSING_FIELD),
    ("pyronear", "a sequence has no camera", "", json({"id": 1, "last_seen_at": "2026-03-01T07:59:00", "sequences": [
        {"id": 1, "camera_id": 7, "is_wildfire": "wildfire_smoke", "is_validated": True}, {"id": 2, "is_validated": True}]}), 1, Reason.NO_DEVICE),
    ("hotline", "a row has no number", "hotline/city", "工单编号,工单状态\nA1,已派遣\n,已派遣\n".encode(), 2, Reason.MISSING_FIELD),
    ("open311", "a request has no number", "", json([{"service_request_id": "7", "status": "open"}, {"status": "open"}]), 2, Reason.MISSING_FIELD),
    ("city311", "a row has no number", "", b"Unique Key,Created Date,Status\n7,3/1/2026 7:00,Open\n,3/1/2026 7:00,Open\n", 2, Reason.MISSING_FIELD),
    ("ctwing", "one of two frames in the body has another sum", "", json({"messageType": "dataReport", "deviceId": "d1", "tenantId": "2",
        "timestamp": MS, "payload": {"msg": (frame(b"\x02\x01" + part(3)) + spoilt(frame(b"\x02\x01" + part(5)))).hex()}}), 1, Reason.BAD_SUM),
]  # fmt: skip

# What holds one thing at a time, or whose values stand for themselves: a value that cannot be read stays in the message as a bad one.
WHOLE = {
    "sparkplug": "a metric that cannot be read is an observation of bad quality",
    "chirpstack": "one uplink", "things_stack": "one uplink",
    "frigate": "one event or review", "hikvision": "one event", "gb28181": "one notice",
    "dahua": "data that is no JSON leaves its block standing, with `bad_data`",
    "zigbee2mqtt": "one state", "tasmota": "one state", "shelly": "one notification", "esphome": "one word",
    "ha-discovery": "one configuration, or one value under its topic",
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "sentence", "topic", "payload", "good", "reason"), SPOILT)
def test_the_good_parts_are_read_and_the_message_is_kept_with_the_bad_one(
    dialect: str, sentence: str, topic: str, payload: bytes, good: int, reason: Reason
) -> None:
    message = Message(topic, payload, NOW)
    _, decoding = Stream(SHIPPED).decode(message, dialect)
    assert decoding.verdict is Verdict.ACCEPTED, (sentence, decoding.reason)
    assert (len(decoding.observations), decoding.faults[0].reason) == (good, reason), sentence
    assert decoding.reason.startswith(f"{reason}: 1 of its parts cannot be read"), sentence
    kept = [event for event in GATEWAY.understood(dialect, decoding, message).events if isinstance(event, Rejected)]
    raw = f"sealed({payload.decode()})".encode() if carries_call(topic) else payload
    assert [(one.raw, one.topic, one.reason, one.at) for one in kept] == [(raw, topic, reason, NOW)], sentence


def test_every_dialect_is_in_the_table_or_holds_one_thing_at_a_time() -> None:
    assert {row[0] for row in SPOILT} | set(WHOLE) == {entry.name for entry in SHIPPED}
    assert not {row[0] for row in SPOILT} & set(WHOLE)


def test_a_message_of_a_thousand_bad_parts_is_kept_once() -> None:
    payload = json([{"bn": "d/", "n": "t", "v": 1}, *({"n": "u", "v": str(n)} for n in range(1000))])
    message = Message("", payload, NOW)
    _, decoding = Stream(SHIPPED).decode(message, "senml")
    (kept,) = (event for event in GATEWAY.understood("senml", decoding, message).events if isinstance(event, Rejected))
    assert (kept.raw, kept.detail.startswith("1000 of its parts"), len(kept.detail) <= 500) == (payload, True, True)


SEEN = Observation(Kind.HEARTBEAT, "d1")
BAD = Unreadable(Reason.BAD_VALUE, "so")


def bad() -> Decoding:
    raise BAD


@pytest.mark.parametrize(
    ("sentence", "parts", "verdict", "observations", "faults", "reason"),
    [
        ("nothing at all is ignored", [], Verdict.IGNORED, 0, 0, "empty"),
        ("one that was passed over says why", [lambda: ignored("a join")], Verdict.IGNORED, 0, 0, "a join"),
        ("a bad one alone is a rejection", [bad], Verdict.REJECTED, 0, 0, "bad_value: so"),
        ("a rejected one alone too", [lambda: rejected(Reason.BAD_SUM, "no")], Verdict.REJECTED, 0, 0, "bad_sum: no"),
        ("a bad one beside one that says nothing too", [lambda: ignored("a join"), bad], Verdict.REJECTED, 0, 0, "bad_value: so"),
        ("a bad one beside a good one is named", [lambda: accepted(SEEN), bad], Verdict.ACCEPTED, 1, 1,
         "bad_value: 1 of its parts cannot be read: bad_value: so"),
        ("faults within a part are faults of the whole", [lambda: accepted(SEEN, faults=[BAD]), lambda: accepted(SEEN)], Verdict.ACCEPTED, 2, 1,
         "bad_value: 1 of its parts cannot be read: bad_value: so"),
    ],
)  # fmt: skip
def test_what_parts_come_to(
    sentence: str, parts: list[Any], verdict: Verdict, observations: int, faults: int, reason: str
) -> None:
    whole = Parts()
    for one in parts:
        whole.take(one)
    decoding = whole.decoding("empty")
    told = (decoding.verdict, len(decoding.observations), len(decoding.faults), decoding.reason)
    assert told == (verdict, observations, faults, reason), sentence


def test_a_part_is_taken_whole_or_not_at_all() -> None:
    def half() -> Any:
        yield SEEN
        raise BAD

    parts = Parts()
    parts.read(half)
    parts.one(replace, SEEN, device="d2")
    assert ([one.device for one in parts.found], parts.faults) == (["d2"], [BAD])
