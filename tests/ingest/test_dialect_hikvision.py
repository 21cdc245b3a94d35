"""Hikvision pushes: four namespaces, parts that are not MIME-clean, recorders, wrappers, heartbeats, and pictures that are not kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.hikvision import BODY, ENTRIES, Hikvision
from ingest.dialects.hikvision_parts import split_parts
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
MAC = "44:19:b6:00:00:01"
(ENTRY,) = ENTRIES


def alert(namespace: str = "", inner: str = "", **words: str) -> bytes:
    said = {"macAddress": MAC, "channelID": "1", "dateTime": "2026-03-01T16:00:00+08:00", "activePostCount": "3", "eventType": "fireDetection", "eventState": "active"} | words  # fmt: skip
    body = "".join(f"<{k}>{v}</{k}>" for k, v in said.items() if v)
    space = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><EventNotificationAlert version="2.0"{space}>{body}{inner}</EventNotificationAlert>'.encode()


def decode(payload: bytes, content_type: str = "", peer: str = "") -> Decoding:
    return decode_safely(Hikvision(), Message("", payload, NOW, content_type=content_type, peer=peer), BODY)


def one(payload: bytes, content_type: str = "", peer: str = "") -> Observation:
    decoding = decode(payload, content_type, peer)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


@pytest.mark.parametrize("namespace", ["http://www.hikvision.com/ver20/XMLSchema", "http://www.isapi.org/ver20/XMLSchema", "urn:psialliance-org", ""])  # fmt: skip
def test_every_namespace_says_the_same(namespace: str) -> None:
    found = one(alert(namespace))
    assert (found.kind, found.device, found.metric, found.value) == (Kind.ALARM, MAC, "fire_alarm", True)
    assert (found.device_at, found.server_at, found.warnings) == (NOW, None, ())
    assert found.key == f"hikvision:{MAC}:1:fireDetection:2026-03-01T16:00:00+08:00:3"
    assert ENTRY.fits(Message("", alert(namespace), NOW)) is Fit.MARKED


@pytest.mark.parametrize(
    ("why", "event", "state", "kind", "metric", "value"),
    [
        ("smoke is of the class fire", "smokeDetection", "active", Kind.ALARM, "fire_alarm", True),
        ("both in one", "smokeAndFireDetection", "active", Kind.ALARM, "fire_alarm", True),
        ("over", "fireDetection", "inactive", Kind.CLEAR, "fire_alarm", False),
        ("temperature", "TMA", "active", Kind.ALARM, "heat_alarm", True),
        ("temperature, about to", "TMPA", "active", Kind.ALARM, "heat_alarm", True),
        ("a line was crossed", "linedetection", "active", Kind.ALARM, "intrusion_alarm", True),
        ("somebody is in a field", "fielddetection", "inactive", Kind.CLEAR, "intrusion_alarm", False),
        ("a passive infrared sensor", "PIR", "active", Kind.ALARM, "intrusion_alarm", True),
        ("an input", "IO", "active", Kind.ALARM, "io_alarm", True),
        ("somebody covers the camera", "tamperdetection", "active", Kind.ALARM, "tamper_alarm", True),
        ("motion alone is a state", "VMD", "active", Kind.STATE, "motion", True),
        ("the picture is gone", "videoloss", "active", Kind.FAULT, "video_loss", True),
        ("a heartbeat by its name", "heartBeat", "active", Kind.HEARTBEAT, "heartbeat", True),
        ("the heartbeat", "videoloss", "inactive", Kind.HEARTBEAT, "heartbeat", True),
        ("the heartbeat in another case", "videoLoss", "inactive", Kind.HEARTBEAT, "heartbeat", True),
        ("a full disk", "diskfull", "active", Kind.FAULT, "disk_full", True),
        ("a type of its own", "mixedTargetDetection", "active", Kind.STATE, "mixedTargetDetection", True),
    ],
)
def test_types(why: str, event: str, state: str, kind: Kind, metric: str, value: bool) -> None:
    found = one(alert(eventType=event, eventState=state))
    assert (found.kind, found.metric, found.value) == (kind, metric, value), why
    assert found.attributes["event_type"] == event
    assert ("vendor_type" in found.warnings) == (metric == event)


def region(heat: str, distance: str = "-1") -> str:
    return (
        "<DetectionRegionEntry><regionID>1</regionID><FireDetection><FireRegion><x>0</x></FireRegion>"
        f"<fireMaxTemperature>{heat}</fireMaxTemperature><targetDistance>{distance}</targetDistance></FireDetection></DetectionRegionEntry>"
    )


def test_the_hottest_region_is_told_and_an_unknown_distance_is_not() -> None:
    found = one(
        alert(inner="<DetectionRegionList>" + region("68") + region("101.5") + region("63") + "</DetectionRegionList>")
    )
    assert found.attributes["fire_max_temperature"] == 101.5
    assert found.attributes["fire_regions"] == found.attributes["regions"] == 3
    assert "target_distance" not in found.attributes
    assert one(alert(inner=region("50", "120"))).attributes["target_distance"] == 120


def test_a_recorder_speaks_for_its_cameras() -> None:
    serial = '<Extensions><serialNumber xmlns="urn:selfextension:psiaext-ver10-xsd">DS-7608/0001\n </serialNumber></Extensions>'
    found = one(alert("urn:psialliance-org", serial, macAddress="", channelID="34"))
    assert (found.device, found.gateway) == ("DS-7608/0001/2", "DS-7608/0001")
    assert (found.attributes["channel"], found.attributes["nvr_channel"]) == (34, 2)
    assert one(alert(channelID="", inner="<dynChannelID>33</dynChannelID>")).attributes["nvr_channel"] == 1
    assert "nvr_channel" not in one(alert(channelID="32")).attributes


def test_a_wrapper_gives_way_to_what_it_wraps() -> None:
    wrapped = "<DurationList><Duration><relationEvent>fielddetection</relationEvent></Duration><Duration><relationEvent>smokeDetection</relationEvent></Duration></DurationList>"
    found = decode(alert(inner=wrapped, eventType="duration")).observations
    assert [o.metric for o in found] == ["intrusion_alarm", "fire_alarm"]
    assert all(o.attributes["duration"] is True for o in found)
    assert len({o.key for o in found}) == 2


@pytest.mark.parametrize(
    ("why", "text", "at", "warnings"),
    [
        ("a year ahead is kept and named", "2027-03-01T16:00:00+08:00", NOW.replace(year=2027), ("clock_skew",)),
        ("a clock that was never set", "1970-01-01T00:00:12+08:00", None, ("zero_time",)),
        ("no time", "", None, ("zero_time",)),
        ("no offset: China", "2026-03-01T16:00:00", NOW, ("naive_time",)),
        ("single digits", "2026-3-1T16:0:0+8:00", NOW, ()),
        ("nonsense never costs an alarm", "soon", None, ("bad_time",)),
    ],
)
def test_clocks(why: str, text: str, at: datetime | None, warnings: tuple[str, ...]) -> None:
    found = one(alert(dateTime=text))
    assert (found.kind, found.device_at, found.warnings) == (Kind.ALARM, at, warnings), why


def test_every_second_of_an_alarm_has_a_key_of_its_own() -> None:
    assert one(alert(activePostCount="1")).key != one(alert(activePostCount="2")).key
    assert one(alert()).key == one(alert()).key


def test_breaches_that_are_mended() -> None:
    assert "xml_repaired" in one(alert(channelName="R&D hall")).warnings
    assert one(alert(channelName="R&D hall")).attributes["channel_name"] == "R&D hall"
    gb = alert(channelName="汽机房").decode().encode("gb18030")
    assert one(gb).attributes["channel_name"] == "汽机房"
    assert one(alert(eventState="")).warnings == ("no_state",)


def test_what_the_recorder_sends_again_is_history() -> None:
    found = one(alert(isDataRetransmission="true"))
    assert (found.marks, found.warnings) == (Mark.HISTORICAL, ("historical",))
    assert one(alert(isDataRetransmission="false")).marks is Mark.NONE


PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


def parts(*bodies: tuple[str, bytes], blank: bool = False, lengths: bool = True, end: bool = True) -> bytes:
    out = b""
    for kind, body in bodies:
        out += b"--boundary\r\n" + (b"\r\n" if blank else b"")
        out += f"Content-Type: {kind}\r\n".encode() + (f"Content-Length: {len(body)}\r\n".encode() if lengths else b"")
        out += b"\r\n" + body + b"\r\n"
    return out + (b"--boundary--\r\n" if end else b"")


@pytest.mark.parametrize("blank", [False, True])
@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("kind", ["", "multipart/form-data; boundary=boundary", 'multipart/mixed; boundary="--boundary"', "multipart/mixed; boundary=other"])  # fmt: skip
def test_multipart_in_every_shape(blank: bool, lengths: bool, end: bool, kind: str) -> None:
    body = parts(("application/xml", alert()), ("image/jpeg", PICTURE), ("image/pjpeg", PICTURE[:99]), blank=blank, lengths=lengths, end=end)  # fmt: skip
    found = one(body, kind)
    assert (found.metric, found.value, found.warnings) == ("fire_alarm", True, ())
    assert found.attributes["image_count"] == 2
    assert found.attributes["image_bytes"] == pytest.approx(len(PICTURE) + 99, abs=2)
    assert not any(isinstance(v, bytes) for v in found.attributes.values())


def test_a_picture_may_hold_the_boundary() -> None:
    picture = b"\xff\xd8\r\n--boundary\r\nContent-Type: application/xml\r\n\r\n<EventNotificationAlert/>"
    found = one(parts(("application/xml", alert()), ("image/jpeg", picture)))
    assert (found.attributes["image_count"], found.attributes["image_bytes"]) == (1, len(picture))


def test_a_stream_of_several_events_and_a_cut_picture() -> None:
    stream = parts(("application/xml", alert()), ("application/xml", alert(eventType="VMD")), ("image/jpeg", PICTURE))
    first, second = decode(stream).observations
    assert "image_count" not in first.attributes
    assert second.attributes["image_count"] == 1
    cut = one(parts(("application/xml", alert()), ("image/jpeg", PICTURE))[:-200])
    assert cut.warnings == ("truncated",)


def test_a_part_without_headers() -> None:
    assert one(b"--x\r\n\r\n" + alert() + b"\r\n--x--").metric == "fire_alarm"
    assert decode(b"--x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\r\n--x--").verdict is Verdict.IGNORED


def test_pictures_of_megabytes_pass_and_more_does_not() -> None:
    big = b"\xff\xd8" + b"\x00" * (7 * 1024 * 1024)
    assert one(parts(("application/xml", alert()), ("image/jpeg", big))).attributes["image_bytes"] == len(big)
    assert decode(b"\x00" * (BODY + 1)).reason.startswith("too_big")
    assert decode(alert(channelName="x" * 70_000)).reason.startswith("too_big")


JSON: dict[str, Any] = {"ipAddress": "10.0.0.9", "macAddress": MAC, "channelID": 1, "dateTime": "2026-03-01T16:00:00+08:00", "activePostCount": 1, "eventType": "AccessControllerEvent", "eventState": "active",
                        "AccessControllerEvent": {"majorEventType": 5, "subEventType": 21, "name": "Wang", "cardNo": "12345", "employeeNoString": "7"}}  # fmt: skip


def test_json_says_the_same_and_names_of_people_stay_behind() -> None:
    found = one(orjson.dumps(JSON))
    assert (found.kind, found.device, found.attributes["sub_event_type"]) == (Kind.STATE, MAC, 21)
    assert not {"Wang", "12345", "7"} & set(map(str, found.attributes.values()))
    wrapped = one(orjson.dumps({"EventNotificationAlert": JSON | {"eventType": "fireDetection"}}))
    assert (wrapped.metric, wrapped.kind) == ("fire_alarm", Kind.ALARM)
    assert one(parts(("application/json", orjson.dumps(JSON)), ("image/jpeg", PICTURE))).attributes["image_count"] == 1


@pytest.mark.parametrize("event", ["ANPR", "faceSnap", "alarmResult"])
def test_plates_and_faces_are_not_taken(event: str) -> None:
    decoding = decode(alert(eventType=event, inner="<licensePlate>A12345</licensePlate>"))
    assert (decoding.verdict, decoding.observations) == (Verdict.IGNORED, ())


@pytest.mark.parametrize(
    ("why", "payload", "reason"),
    [
        ("an entity", b"<!DOCTYPE a [<!ENTITY x 'y'>]>" + alert()[38:], "bad_xml"),
        ("another document", b"<ResponseStatus/>", "bad_xml"),
        ("an unknown state", alert(eventState="maybe"), "bad_value"),
        ("no type", alert(eventType=""), "missing_field"),
        ("no name", alert(macAddress=""), "no_device"),
        ("JSON without a type", b'{"a":1}', "missing_field"),
        ("JSON too deep", b'{"eventType":"x","a":' + b"[" * 40 + b"]" * 40 + b"}", "too_deep"),
        ("cut XML", alert()[:-30], "bad_xml"),
        ("no boundary", b"--\xff", "bad_frame"),
        ("nothing", b"", "bad_xml"),
    ],
)
def test_what_is_refused(why: str, payload: bytes, reason: str) -> None:
    assert decode(payload).reason.startswith(reason), why


def test_the_peer_is_the_last_name() -> None:
    assert one(alert(macAddress=""), peer="10.0.0.9").device == "10.0.0.9"
    assert one(alert(macAddress="", inner="<ipAddress>10.0.0.8</ipAddress>"), peer="10.0.0.9").device == "10.0.0.8"


WHOLE = parts(("application/xml", alert(inner=region("50"))), ("image/jpeg", PICTURE[:64]))


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=4))
def test_changed_bytes_never_fault(at: int, junk: bytes) -> None:
    assert not decode(WHOLE[:at] + junk + WHOLE[at + len(junk) :]).reason.startswith("fault")


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_never_fault(junk: bytes) -> None:
    for payload in (junk, b"--b\r\n" + junk, b"{" + junk, b"<EventNotificationAlert>" + junk):
        assert not decode(payload, "multipart/mixed; boundary=b").reason.startswith("fault")
        assert not decode(payload).reason.startswith("fault")


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=5))
def test_parts_with_their_lengths_come_back_as_they_went_in(bodies: list[bytes]) -> None:
    found = split_parts(parts(*(("image/jpeg", body) for body in bodies)), "multipart/mixed; boundary=boundary")
    assert [p.body for p in found] == bodies


@pytest.mark.parametrize(
    "piece", [b"--b\r\n\r\n", b"\n--", b"--a\n", b"--b\n\n\n\n\n", b"\n--a ", b"--b\nContent-Length: 1\n\nx\n"]
)
def test_megabytes_of_boundaries_are_done_at_once(piece: bytes) -> None:
    payload = (b"--b\n" + piece * (BODY // len(piece)))[:BODY]
    assert len(split_parts(payload)) <= 64
    assert not decode(payload, "multipart/mixed; boundary=b").reason.startswith("fault")
