"""ONVIF events in XML and over MQTT: a snapshot never rings, namespaces do not matter, digits of objects are no states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.observation import Decoding, Fit, Kind, Message, Observation, Verdict, decode_safely
from ingest.dialects.onvif import ENTRIES, Onvif

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
TIME = "2026-03-01T08:00:00Z"
(ENTRY,) = ENTRIES
HEAD = '<?xml version="1.0"?><tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa5="http://www.w3.org/2005/08/addressing"><tt:Event>'
TAIL = "</tt:Event></tt:MetadataStream>"


def note(topic: str, operation: str = "Changed", data: str = 'Name="State" Value="true"', producer: str = "uri://cam-7/ProducerReference", time: str = TIME) -> str:  # fmt: skip
    said = f' PropertyOperation="{operation}"' if operation else ""
    who = (
        f"<wsnt:ProducerReference><wsa5:Address>{producer}</wsa5:Address></wsnt:ProducerReference>" if producer else ""
    )
    item = f"<tt:SimpleItem {data}/>" if data else ""
    return (
        f'<wsnt:NotificationMessage><wsnt:Topic Dialect="x">{topic}</wsnt:Topic>{who}<wsnt:Message><tt:Message UtcTime="{time}"{said}>'
        f'<tt:Source><tt:SimpleItem Name="VideoSourceToken" Value="vs1"/></tt:Source><tt:Key/><tt:Data>{item}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>'
    )


def decode(payload: bytes, topic: str = "", peer: str = "") -> Decoding:
    return decode_safely(Onvif(), Message(topic, payload, NOW, peer=peer))


def one(payload: bytes | dict[str, Any], topic: str = "", peer: str = "") -> Observation:
    decoding = decode(payload if isinstance(payload, bytes) else orjson.dumps(payload), topic, peer)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    (found,) = decoding.observations
    return found


def xml(*notes: str) -> bytes:
    return (HEAD + "".join(notes) + TAIL).encode()


FIRE = "tns1:VideoAnalytics/tnsvendor:FireAlarm"


@pytest.mark.parametrize(
    ("why", "topic", "operation", "data", "kind", "metric", "value"),
    [
        ("a vendor's fire alarm", FIRE, "Changed", 'Name="State" Value="true"', Kind.ALARM, "fire_alarm", True),
        ("it is over", FIRE, "Changed", 'Name="State" Value="false"', Kind.CLEAR, "fire_alarm", False),
        ("how it stands is no alarm, even while it burns", FIRE, "Initialized", 'Name="State" Value="true"', Kind.STATE, "fire_alarm", True),
        ("gone is not over", FIRE, "Deleted", 'Name="State" Value="true"', Kind.STATE, "fire_alarm", None),
        ("an operation of its own", FIRE, "Refreshed", 'Name="State" Value="true"', Kind.STATE, "fire_alarm", True),
        ("an event without a property", FIRE, "", "", Kind.ALARM, "fire_alarm", True),
        ("a digit in a state", FIRE, "Changed", 'Name="State" Value="0"', Kind.CLEAR, "fire_alarm", False),
        ("the number of an object is no state", "tns1:RuleEngine/LineDetector/Crossed", "", 'Name="ObjectId" Value="0"', Kind.ALARM, "intrusion_alarm", True),
        ("inside a field", "tns1:RuleEngine/FieldDetector/ObjectsInside", "Changed", 'Name="IsInside" Value="false"', Kind.CLEAR, "intrusion_alarm", False),
        ("a scene that changed", "tns1:VideoSource/GlobalSceneChange/ImagingService", "Changed", 'Name="State" Value="true"', Kind.ALARM, "tamper_alarm", True),
        ("too hot", "tns1:RuleEngine/Radiometry/TemperatureAlarm", "Changed", 'Name="State" Value="true"', Kind.ALARM, "heat_alarm", True),
        ("motion is a state", "tns1:RuleEngine/CellMotionDetector/Motion", "Changed", 'Name="IsMotion" Value="true"', Kind.STATE, "motion", True),
        ("an infrared sensor", "tns1:Device/tnsaxis:Sensor/PIR", "Changed", 'Name="state" Value="1"', Kind.STATE, "occupancy", True),
        ("an input", "tns1:Device/Trigger/DigitalInput", "Changed", 'Name="LogicalState" Value="inactive"', Kind.STATE, "digital_input", False),
        ("a broken fan", "tns1:Device/HardwareFailure/FanFailure", "Changed", 'Name="Failed" Value="true"', Kind.FAULT, "fan_failure", True),
        ("new firmware is no fire", "tns1:Device/Firmware", "Changed", 'Name="Version" Value="7"', Kind.STATE, "Firmware", "7"),
        ("an unknown topic is a state", "tns1:UserAlarm/Own", "Changed", 'Name="State" Value="true"', Kind.STATE, "Own", True),
    ],
)  # fmt: skip
def test_topics(why: str, topic: str, operation: str, data: str, kind: Kind, metric: str, value: object) -> None:
    found = one(xml(note(topic, operation, data)))
    assert (found.kind, found.metric, found.value) == (kind, metric, value), why
    assert (found.device, found.device_at) == ("cam-7", NOW)


def test_several_notifications_of_one_stream() -> None:
    decoding = decode(xml(note(FIRE, "Initialized", 'Name="State" Value="false"'), note(FIRE)))
    assert [o.kind for o in decoding.observations] == [Kind.STATE, Kind.ALARM]
    assert len({o.key for o in decoding.observations}) == 2


def test_a_soap_envelope_and_who_speaks() -> None:
    soap = f'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa5="http://www.w3.org/2005/08/addressing" xmlns:tt="http://www.onvif.org/ver10/schema"><e:Body><wsnt:Notify>{note(FIRE, producer="http://10.0.0.7:8080/event")}</wsnt:Notify></e:Body></e:Envelope>'.encode()
    assert one(soap).device == "10.0.0.7:8080"
    assert ENTRY.fits(Message("", soap, NOW)) is Fit.MARKED
    assert one(xml(note(FIRE, producer="urn:uuid:1-2"))).device == "urn:uuid:1-2"
    assert one(xml(note(FIRE, producer="")), peer="10.0.0.8").device == "10.0.0.8"
    nobody = one(xml(note(FIRE, producer="")))
    assert (nobody.device, nobody.warnings) == ("vs1", ("no_producer",))


def test_a_change_that_does_not_say_to_what_rings_and_is_named() -> None:
    found = one(xml(note(FIRE, "Changed", 'Name="ObjectId" Value="0"')))
    assert (found.kind, found.warnings) == (Kind.ALARM, ("no_state",))


@pytest.mark.parametrize(
    ("why", "topic", "data", "kind", "metric", "value"),
    [
        ("a truth value", "cam-7/onvif-ej/RuleEngine/FireAlarm/&vs1", {"State": True}, Kind.ALARM, "fire_alarm", True),
        ("a word", "cam-7/onvif-ej/RuleEngine/FireAlarm/&vs1", {"State": "false"}, Kind.CLEAR, "fire_alarm", False),
        ("as items", "site/cam-7/onvif-ej/RuleEngine/FireAlarm", {"SimpleItem": [{"Name": "State", "Value": "true"}]}, Kind.ALARM, "fire_alarm", True),
        ("one item", "cam-7/onvif-ej/RuleEngine/FireAlarm", {"SimpleItem": {"Name": "State", "Value": "true"}}, Kind.ALARM, "fire_alarm", True),
        ("namespaces in the topic", "cam-7/onvif-ej/Device/tns1:Trigger/tns1:Relay/&Relay-1", {"LogicalState": "active"}, Kind.STATE, "relay", True),
        ("an alias in front", "cam-7/onvif-ej/tns:axis/Sensor/PIR", {"State": 1}, Kind.STATE, "occupancy", True),
        ("the source without its sign", "cam-7/onvif-ej/UserAlarm/Own/vs1", {"State": "1"}, Kind.STATE, "Own", True),
    ],
)  # fmt: skip
def test_over_mqtt(why: str, topic: str, data: dict[str, Any], kind: Kind, metric: str, value: object) -> None:
    body = {
        "UtcTime": TIME,
        "PropertyOperation": "Changed",
        "Source": {"VideoSourceToken": "vs1"},
        "Key": {},
        "Data": data,
    }
    found = one(body, topic)
    assert (found.kind, found.metric, found.value, found.device) == (kind, metric, value, "cam-7"), why
    assert ENTRY.fits(Message(topic, b"", NOW)) is Fit.TOPIC
    snapshot = one(body | {"PropertyOperation": "Initialized"}, topic)
    assert (snapshot.kind, snapshot.metric) == (Kind.STATE, metric), why


def test_a_file_of_json_names_its_topic_or_is_only_a_state() -> None:
    body = {"UtcTime": TIME, "PropertyOperation": "Changed", "Source": {"Token": "vs1"}, "Data": {"State": True}}
    assert ENTRY.fits(Message("", orjson.dumps(body), NOW)) is Fit.MARKED
    assert one(body | {"Topic": "tns1:VideoAnalytics/FireAlarm"}).kind is Kind.ALARM
    found = one(body)
    assert (found.kind, found.device, found.warnings) == (Kind.STATE, "vs1", ("no_producer", "no_topic"))


@pytest.mark.parametrize(
    ("time", "warnings"),
    [("", ("zero_time",)), ("1970-01-01T00:00:00Z", ("zero_time",)), ("2027-01-01T00:00:00Z", ("clock_skew",)), ("2026-03-01T08:00:00", ())],
)  # fmt: skip
def test_clocks(time: str, warnings: tuple[str, ...]) -> None:
    assert one(xml(note(FIRE, time=time))).warnings == warnings


@pytest.mark.parametrize(
    ("why", "payload", "topic", "reason"),
    [
        ("no notification", b"<a/>", "", "missing_field"),
        (
            "no message in it",
            xml("<wsnt:NotificationMessage><wsnt:Topic>x</wsnt:Topic></wsnt:NotificationMessage>"),
            "",
            "missing_field",
        ),
        ("no topic", b'<Message UtcTime="x"/>', "", "missing_field"),
        ("not JSON", b"on", "a/onvif-ej/b", "bad_json"),
        ("a list", b"[]", "a/onvif-ej/b", "missing_field"),
        ("no event", b'{"a":1}', "", "missing_field"),
        ("nobody", b'{"UtcTime":"x","Data":{}}', "", "no_device"),
    ],
)
def test_what_is_refused(why: str, payload: bytes, topic: str, reason: str) -> None:
    assert decode(payload, topic).reason.startswith(reason), why


WHOLE = xml(note(FIRE))
LEAF = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9)
JSON = st.recursive(LEAF, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["SimpleItem", "Name", "Value", "State", "x"]), x, max_size=3), max_leaves=8)  # fmt: skip


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)), st.binary(max_size=4))
def test_changed_bytes_never_fault(at: int, junk: bytes) -> None:
    assert not decode(WHOLE[:at] + junk + WHOLE[at + len(junk) :]).reason.startswith("fault")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["UtcTime", "PropertyOperation", "Source", "Key", "Data", "Topic"]), JSON), st.sampled_from(["", "a/onvif-ej/b/&c", "/onvif-ej/"]))  # fmt: skip
def test_any_json_never_faults(body: dict[str, Any], topic: str) -> None:
    assert not decode(orjson.dumps(body), topic).reason.startswith("fault")
