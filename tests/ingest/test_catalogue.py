"""Which dialect a message is in, and that none of them can be upset by another's."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects import gb26875_frames as panels
from ingest.dialects import hj212_frames as stations
from ingest.dialects.catalogue import SHIPPED, Stream, entries
from ingest.dialects.observation import Fit, Kind, Message, Verdict, decode_safely
from ingest.events import Mark, Presence, Rejected, Sighting
from ingest.gateway import Gateway
from ingest.registry import Registry
from ingest.settings import GatewaySettings

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
KNOWN = entries()
HEAD = panels.Head(5, (1, 1), panels.stamp(NOW), "0000000000a1", "000000000000", panels.Command.SEND)
FIRE = panels.encode(
    HEAD, bytes([2, 1, 1, 0, 40, 1, 0, 7, 0]) + (0b11).to_bytes(2, "little") + b"x".ljust(31, b"\0") + panels.stamp(NOW)
)
STATION = stations.encode(
    "QN=20260301160000000;ST=22;CN=2011;PW=1;MN=M1;Flag=5;CP=&&DataTime=20260301160000;a34004-Rtd=35,a34004-Flag=N&&"
)
CTWING = {
    "messageType": "dataReport",
    "deviceId": "d1",
    "productId": "1",
    "tenantId": "t",
    "protocol": "lwm2m",
    "timestamp": 1772352000000,
    "IMEI": "8",
}
SIGHTED = {"id": "1.2-a", "camera": "yard", "label": "fire", "score": 0.9, "top_score": 0.9, "frame_time": 1772352000.5, "false_positive": False, "start_time": 1772352000.0, "end_time": None}  # fmt: skip


def json(body: Any) -> bytes:
    return orjson.dumps(body)


@pytest.mark.parametrize(
    ("why", "topic", "payload", "name"),
    [
        ("by its topic alone", "tocsin/gw/d1/telemetry", b"{}", "native"),
        ("a topic that belongs to a maker", "zigbee2mqtt/kitchen", json({"smoke": True}), "zigbee2mqtt"),
        ("a start mark and a sum that fits", "", FIRE, "gb26875"),
        ("the same in hex", "", FIRE.hex().encode(), "gb26875"),
        ("a line with its CRC", "", STATION, "hj212"),
        ("a platform's envelope", "", json({**CTWING, "payload": {"APPdata": ""}}), "ctwing"),
        ("a namespace", "", b'<?xml version="1.0"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>a</identifier></alert>', "cap"),
        ("nothing that anybody knows", "", b"hello", ""),
        ("plain JSON without a topic", "", json({"x": 1}), ""),
    ],
)  # fmt: skip
def test_whose_message_it_is(why: str, topic: str, payload: bytes, name: str) -> None:
    found = Stream(KNOWN).find(Message(topic, payload, NOW))
    assert (found.name if found else "") == name, why


@pytest.mark.parametrize(
    ("why", "hidden"),
    [("as base64", base64.b64encode(FIRE).decode()), ("as hex", FIRE.hex()), ("as base64 of hex", base64.b64encode(FIRE.hex().encode()).decode())],
)  # fmt: skip
def test_a_panel_s_frame_inside_a_platform_s_envelope_is_understood(why: str, hidden: str) -> None:
    _, decoding = Stream(KNOWN).decode(Message("", json({**CTWING, "payload": {"APPdata": hidden}}), NOW))
    assert decoding.verdict is Verdict.ACCEPTED, why
    assert [o.metric for o in decoding.observations if o.kind is Kind.ALARM] == ["fire_alarm"], why


def test_an_envelope_within_envelopes_comes_to_an_end() -> None:
    inner = json({**CTWING, "payload": {"APPdata": base64.b64encode(FIRE).decode()}})
    for _ in range(12):
        inner = json({**CTWING, "payload": {"APPdata": base64.b64encode(inner).decode()}})
    assert len(inner) < 64 * 1024
    _, decoding = Stream(KNOWN).decode(Message("", inner, NOW))
    assert not decoding.reason.startswith("fault")


def test_what_home_assistant_announced_is_read_by_it_and_not_by_a_namesake() -> None:
    stream = Stream(KNOWN)
    config = {
        "name": "Fire",
        "stat_t": "stat/panel/FIRE",
        "dev_cla": "smoke",
        "uniq_id": "p1",
        "pl_on": "1",
        "pl_off": "0",
    }
    assert stream.find(Message("stat/panel/FIRE", b"1", NOW)).name == "tasmota"  # type: ignore[union-attr]
    stream.decode(Message("homeassistant/binary_sensor/p1/config", json(config), NOW, retained=True))
    name, decoding = stream.decode(Message("stat/panel/FIRE", b"1", NOW))
    assert (name, [(o.kind, o.metric) for o in decoding.observations]) == ("ha-discovery", [(Kind.ALARM, "fire_alarm")])


def test_names_are_told_once_and_every_entry_says_where_it_comes_from() -> None:
    assert len({entry.name for entry in KNOWN}) == len(KNOWN)
    assert all(entry.topics and entry.standard for entry in KNOWN)


PIECES = st.sampled_from(
    [FIRE, STATION, json(CTWING), json(SIGHTED), b"<a/>", b"{", b"[1]", b"\x0a\x00", b"\x82\xa1", b"##", b"@@"]
)
TOPICS = st.sampled_from(
    [
        "",
        "frigate/events",
        "spBv1.0/g/NDATA/e",
        "zigbee2mqtt/x",
        "tele/x/SENSOR",
        "v3/a/devices/d/up",
        "x/y",
        "hotline/a",
        "GIOT-GW/UL/1",
    ]
)


@settings(max_examples=60, deadline=None)
@given(TOPICS, st.lists(PIECES | st.binary(max_size=40), max_size=4).map(b"".join))
def test_no_dialect_is_upset_by_what_is_not_its_own(topic: str, payload: bytes) -> None:
    message = Message(topic, payload, NOW)
    for entry in SHIPPED:
        assert entry.fits(message) in Fit
        decoding = decode_safely(entry.open(), message, entry.largest)
        assert not decoding.reason.startswith("fault"), f"{entry.name}: {decoding.reason}"


# -- in the gateway ------------------------------------------------------------------------------------------------------


def gateway() -> Gateway:
    return Gateway(Registry(), lambda _: None, GatewaySettings(), (), stream=Stream(KNOWN))


def test_an_alarm_becomes_a_reading_that_rules_can_judge() -> None:
    decoded = gateway().decide("zigbee2mqtt/kitchen", json({"smoke": True, "battery": 80, "tamper": False}), False, NOW)
    assert {(r.device, r.metric): r.value for r in decoded.readings} == {
        ("kitchen", "fire_alarm"): 1.0, ("kitchen", "battery"): 80.0, ("kitchen", "tamper"): 0.0,
    }  # fmt: skip


def test_a_retained_or_simulated_alarm_is_marked_so_that_it_never_rings() -> None:
    retained = gateway().decide("zigbee2mqtt/kitchen", json({"smoke": True}), True, NOW).readings
    assert all(r.marks & Mark.RETAINED and r.marks.mutes for r in retained)
    tested = gateway().decide("zigbee2mqtt/kitchen", json({"smoke": True, "test": True}), False, NOW).readings
    assert tested
    assert all(r.marks & Mark.TEST for r in tested)


def test_a_camera_s_event_becomes_a_sighting_and_its_coming_and_going_presence() -> None:
    event = json({"type": "update", "before": SIGHTED, "after": SIGHTED})
    (seen,) = gateway().decide("frigate/events", event, False, NOW).events
    assert isinstance(seen, Sighting)
    assert (seen.camera, seen.ident, seen.label, seen.score) == ("yard", "1.2-a", "fire", 0.9)
    (there,) = gateway().decide("zigbee2mqtt/kitchen/availability", b"offline", False, NOW).events
    assert isinstance(there, Presence)


def test_what_cannot_be_used_is_kept_with_its_bytes_and_reason() -> None:
    spoiled = FIRE[:-3] + bytes([FIRE[-3] ^ 1]) + FIRE[-2:]
    (rejected,) = gateway().decide("city/gb26875/a1", spoiled, False, NOW).events
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.raw, rejected.source) == ("bad_sum", spoiled, "gb26875")


def test_a_rebirth_is_asked_for_where_it_must_be() -> None:
    decoded = gateway().decide("spBv1.0/g/NDATA/e", b"\x18\x05\x12\x04\x10\x01\x50\x02", False, NOW)
    assert [topic for topic, _ in decoded.replies] == ["spBv1.0/g/NCMD/e"]
