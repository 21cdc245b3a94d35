"""Whose a topic is may be remembered, because whoever is sure of it is sure by the topic alone, or is asked again."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects import catalogue
from ingest.dialects.catalogue import LOOK_INSIDE, SHIPPED, Stream, entries
from ingest.dialects.mapped import Profile
from ingest.dialects.observation import Entry, Fit, Message
from ingest.dialects.plain import profile_entries

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
PROFILE = Profile.model_validate(
    {"name": "own", "topic": "own/{device}", "metrics": [{"pointer": "/a", "metric": "a"}]}
)
KNOWN = (*entries()[:1], *profile_entries([PROFILE]), *SHIPPED)
# At least one topic of everybody who knows any, and some that two would have.
TOPICS = [
    "tocsin/gw/d/telemetry", "own/d", "spBv1.0/g/NDATA/e", "STATE/host", "x/gb26875", "hj212/x", "GIOT-GW/UL/1", "MEOKON/1", "milesight/em300",
    "application/a/device/24e124136b00000a/event/up", "v3/a@t/devices/d/up", "/sys/p/d/thing/event/property/post", "v1/gateway/telemetry",
    "frigate/events", "isapi/hikvision/1", "x/gb28181", "cam-7/onvif-ej/VideoAnalytics/tnsvendor:FireAlarm", "dahua/1", "pyronear/alerts",
    "alertmanager/x", "x/cap", "/requests.json", "311/chicago", "hotline/city/orders", "zigbee2mqtt/kitchen", "zigbee2mqtt/x/config",
    "tele/hall/SENSOR", "tele/hall/config", "stat/panel/FIRE", "shellyplus1-a8032ab1/events/rpc", "hall/sensor/temperature/state",
    "homeassistant/sensor/x/config", "home/sensor/x/config", "discovery/binary_sensor/n/o/config", "opcua/json/data/plc9", "any/topic", "STATE/a/b/state",
]  # fmt: skip
PAYLOADS = [
    b"", b"ONLINE", b"OFFLINE", b"{}", b'{"state_topic":"a/b"}', b'{"stat_t":"a/b"}', b'{"linkquality":1}', b'{"Time":"2026-03-01T16:00:00"}', b"[1]",
    b'{"specversion":"1.0","id":"1","source":"s","type":"t"}', b'[{"bn":"urn:dev:ow:1","n":"t","v":1}]', b"<a/>", b"##", b"@@", b"\xa5\x5a", b"1,2",
]  # fmt: skip
TYPES = ["", "", "", "application/senml+json", "application/cap+xml", "application/cloudevents+json"]


def sure(entry: Entry, topic: str, payload: bytes) -> bool:
    return entry.fits(Message(topic, payload, NOW)) is Fit.TOPIC


def test_who_is_sure_by_the_topic_is_sure_whatever_the_content() -> None:
    """A new dialect that looks inside belongs into `LOOK_INSIDE`; one that does not does not."""
    verdicts: dict[str, dict[str, set[bool]]] = defaultdict(lambda: defaultdict(set))
    for entry in KNOWN:
        for topic in TOPICS:
            for payload in PAYLOADS:
                verdicts[entry.name][topic].add(sure(entry, topic, payload))
    differ = {name for name, topics in verdicts.items() if any(len(found) > 1 for found in topics.values())}
    assert differ == LOOK_INSIDE
    ever = {name for name, topics in verdicts.items() if any(True in found for found in topics.values())}
    by_content = {"ctwing", "onenet", "iotda", "cloudevents", "senml"}  # who have no topic of their own
    assert ever == {entry.name for entry in KNOWN} - by_content


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(TOPICS) | st.text("abc/STEconfig", max_size=12),
    st.lists(st.sampled_from(PAYLOADS) | st.binary(max_size=60), min_size=2, max_size=2),
)
def test_no_content_makes_anybody_sure_of_a_topic(topic: str, payloads: list[bytes]) -> None:
    for entry in KNOWN:
        if entry.name not in LOOK_INSIDE and topic:
            first, second = (
                entry.fits(Message(topic, p, NOW + timedelta(n), retained=bool(n))) for n, p in enumerate(payloads)
            )
            assert (first is Fit.TOPIC) == (second is Fit.TOPIC), entry.name


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(TOPICS[::3]), st.sampled_from(PAYLOADS), st.sampled_from(TYPES), st.booleans()),
        min_size=4,
        max_size=12,
    )
)
def test_a_stream_that_remembers_finds_whom_a_new_one_finds(sent: list[tuple[str, bytes, str, bool]]) -> None:
    stream = Stream(KNOWN)
    for topic, payload, content_type, told in sent:
        properties = {"user-agent": "Alertmanager/0.27"} if told and content_type else {}
        message = Message(topic, payload, NOW, content_type=content_type, properties=properties)
        assert stream.find(message) is Stream(KNOWN).find(message)


@pytest.mark.parametrize(
    ("topic", "payload", "then", "names"),
    [
        ("STATE/a", b"ONLINE", b"{}", ("sparkplug", "")),
        ("STATE/hikvision", b"{}", b"ONLINE", ("hikvision", "sparkplug")),
        ("zigbee2mqtt/x", b"{}", b"[1]", ("zigbee2mqtt", "zigbee2mqtt")),
    ],
)
def test_who_looks_inside_is_asked_again(topic: str, payload: bytes, then: bytes, names: tuple[str, str]) -> None:
    stream = Stream(KNOWN)
    found = [stream.find(Message(topic, body, NOW)) for body in (payload, then, payload)]
    assert [entry.name if entry else "" for entry in found] == [*names, names[0]]


def test_a_remembered_topic_asks_nobody_else() -> None:
    asked: list[str] = []

    def entry(name: str, ours: str) -> Entry:
        def fits(message: Message) -> Fit:
            asked.append(name)
            return Fit.TOPIC if message.topic == ours else Fit.NO

        return Entry(name, "", (), fits, lambda: pytest.fail("not opened"))

    stream = Stream([entry("sparkplug", "p"), entry("a", "x"), entry("b", "y")])
    for expected in (["sparkplug", "a", "b"], ["sparkplug", "b"]):
        asked.clear()
        assert stream.find(Message("y", b"", NOW)) is stream.entry("b")
        assert asked == expected
    asked.clear()
    assert stream.find(Message("y", b"", NOW, content_type="text/plain")) is stream.entry("b")
    assert asked == ["sparkplug", "a", "b"]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_MOST_TOPICS", 8)
    stream = Stream(KNOWN)
    for n in range(30):
        assert stream.find(Message(f"zigbee2mqtt/{n}", b"{}", NOW)) is stream.entry("zigbee2mqtt")
        assert stream.find(Message(f"nobody/{n}", b"{}", NOW)) is None
        assert 0 < len(stream._likely) <= 8
    before = dict(stream._likely)
    assert stream.find(Message("zigbee2mqtt/" + "x" * 300, b"{}", NOW)) is stream.entry("zigbee2mqtt")
    assert stream._likely == before
