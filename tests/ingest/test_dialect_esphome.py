"""ESPHome: plain words under a topic that names the entity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.esphome import EspHome, fits
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Quality, Verdict, decode_safely

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def read(topic: str, payload: bytes) -> Decoding:
    return decode_safely(EspHome(), Message(topic, payload, NOW))


@pytest.mark.parametrize(
    ("why", "topic", "payload", "device", "kind", "metric", "value"),
    [
        ("a number", "hall/sensor/temperature/state", b"21.5", "hall", Kind.TELEMETRY, "temperature", 21.5),
        ("a whole number", "hall/sensor/rssi/state", b"-61", "hall", Kind.TELEMETRY, "rssi", -61),
        ("a prefix with a slash", "house/hall/sensor/x/state", b"1", "house/hall", Kind.TELEMETRY, "x", 1),
        ("a sensor that has no value", "hall/sensor/x/state", b"nan", "hall", Kind.TELEMETRY, "x", None),
        ("infinity is no number", "hall/sensor/x/state", b"inf", "hall", Kind.STATE, "x", "inf"),
        ("a binary sensor", "hall/binary_sensor/door/state", b"ON", "hall", Kind.STATE, "door", True),
        ("a smoke detector by its name", "hall/binary_sensor/kitchen_smoke_alarm/state", b"ON", "hall", Kind.ALARM, "fire_alarm", True),
        ("and its end", "hall/binary_sensor/smoke/state", b"OFF", "hall", Kind.CLEAR, "fire_alarm", False),
        ("a leak", "hall/binary_sensor/water-leak/state", b"ON", "hall", Kind.ALARM, "water_alarm", True),
        ("a test button of a smoke detector does not ring", "hall/binary_sensor/smoke_test_button/state", b"ON", "hall", Kind.STATE, "smoke_test_button", True),
        ("its battery is a fault", "hall/binary_sensor/smoke_battery_low/state", b"ON", "hall", Kind.FAULT, "battery_low", True),
        ("a word that is neither rings nothing", "hall/binary_sensor/smoke/state", b"on fire", "hall", Kind.STATE, "smoke", "on fire"),
        ("a text", "hall/text_sensor/version/state", "旧版".encode(), "hall", Kind.STATE, "version", "旧版"),
        ("birth", "hall/status", b"online", "hall", Kind.ONLINE, "", None),
        ("last will", "house/hall/status", b"offline", "house/hall", Kind.OFFLINE, "", None),
    ],
)  # fmt: skip
def test_entities(why: str, topic: str, payload: bytes, device: str, kind: Kind, metric: str, value: Any) -> None:
    decoding = read(topic, payload)
    assert decoding.verdict is Verdict.ACCEPTED, (why, decoding.reason)
    (one,) = decoding.observations
    assert (one.device, one.kind, one.metric, one.value) == (device, kind, metric, value), why


def test_what_has_no_value_is_bad_and_a_class_from_a_name_says_so() -> None:
    (one,) = read("hall/sensor/x/state", b"nan").observations
    assert (one.quality, one.warnings) == (Quality.BAD, ("no_value",))
    (one,) = read("hall/binary_sensor/smoke/state", b"ON").observations
    assert one.warnings == ("class_from_name",)


@pytest.mark.parametrize(
    ("why", "topic", "payload", "verdict", "reason"),
    [
        ("a log", "hall/debug", b"\x1b[0;36m[D]", Verdict.IGNORED, "log"),
        ("a command", "hall/switch/x/command", b"ON", Verdict.IGNORED, "command"),
        ("deleted", "hall/sensor/x/state", b"", Verdict.IGNORED, "deleted"),
        ("another topic", "hall/x", b"1", Verdict.REJECTED, "unknown_topic"),
        ("neither word", "hall/status", b"up", Verdict.REJECTED, "bad_value"),
        ("not UTF-8", "hall/sensor/x/state", b"\xff", Verdict.REJECTED, "bad_text"),
        ("no word any more", "hall/sensor/x/state", b"1" * 5000, Verdict.REJECTED, "too_big"),
    ],
)
def test_what_says_nothing_or_cannot_be_used(
    why: str, topic: str, payload: bytes, verdict: Verdict, reason: str
) -> None:
    decoding = read(topic, payload)
    assert decoding.verdict is verdict, (why, decoding)
    assert reason in decoding.reason, why


@pytest.mark.parametrize(
    ("topic", "payload", "fit"),
    [
        ("hall/sensor/x/state", b"1", Fit.TOPIC),
        ("hall/status", b"online", Fit.CONTENT),
        ("hall/status", b"{}", Fit.NO),
        ("hall/debug", b"\x1b[x", Fit.MARKED),
        ("hall/debug", b"x", Fit.NO),
        ("", b"", Fit.NO),
    ],
)
def test_fits(topic: str, payload: bytes, fit: Fit) -> None:
    assert fits(Message(topic, payload, NOW)) is fit


@given(st.sampled_from(["", "h/sensor/x/state", "h/binary_sensor/smoke/state", "h/status", "//state"]) | st.text(max_size=20), st.binary(max_size=40))  # fmt: skip
def test_nothing_that_is_sent_is_a_fault_of_ours(topic: str, payload: bytes) -> None:
    assert fits(Message(topic, payload, NOW)) in Fit
    assert not read(topic, payload).reason.startswith("fault")
