"""Milesight bytes: every channel by its table, nothing guessed where only the model could tell, and no bytes that make it stumble."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.dialects.catalogue import SHIPPED, Stream
from ingest.dialects.lorawan_payloads import BarePayloads, fits_milesight, unwrap
from ingest.dialects.milesight import Frame, model_of, read_milesight
from ingest.dialects.observation import Fit, Kind, Message, Quality, Verdict, decode_safely
from ingest.events import Mark

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


def frame(text: str, profile: str = "") -> Frame:
    return read_milesight(bytes.fromhex(text), profile)


def told(text: str, profile: str = "") -> list[tuple[str, str, Any]]:
    return [(one.kind.value, one.metric, one.value) for one in frame(text, profile).said]


def message(payload: bytes | str, topic: str = "") -> Message:
    return Message(topic, payload.encode() if isinstance(payload, str) else payload, NOW)


@pytest.mark.parametrize(
    ("why", "text", "profile", "expected"),
    [
        ("battery, tenths of a degree below zero and half percents", "017563 0367F6FF 04685B", "EM300-TH",
         [("telemetry", "battery", 99), ("telemetry", "temperature", -1.0), ("telemetry", "humidity", 45.5)]),
        ("a bin that was knocked over, by the distance beside it", "03822000 040001", "", [("telemetry", "distance", 32), ("alarm", "tilt_alarm", True)]),
        ("upright again", "0482E803 050000", "", [("telemetry", "distance", 1000), ("clear", "tilt_alarm", False)]),
        ("the same channel is a leak beside a humidity", "046850 050001", "", [("telemetry", "humidity", 40.0), ("alarm", "water_alarm", True)]),
        ("a leak alone, when the profile says what it is", "050001", "Milesight EM300-SLD", [("alarm", "water_alarm", True)]),
        ("a membrane's leak stands on the next channel", "060001", "em300_mld", [("alarm", "water_alarm", True)]),
        ("a door's contact", "046850 060001", "", [("telemetry", "humidity", 40.0), ("state", "open", True)]),
        ("nothing tells: neither leak nor tilt", "017550 050001", "", [("telemetry", "battery", 80), ("state", "channel_05_00", 1)]),
        ("a water column in centimetres is a level in metres", "0377FA00", "EM500-SWL", [("telemetry", "water_level", 2.5)]),
        ("pipe pressure", "037B2C01", "", [("telemetry", "pressure", 300)]),
        ("ammonia and hydrogen sulphide in their own steps", "047D0A00 057D0300 067D2C01", "gs301",
         [("telemetry", "nh3", 0.1), ("telemetry", "h2s", 0.03), ("telemetry", "h2s", 0.3)]),
        ("carbon dioxide stands on a channel of hydrogen sulphide", "046850 057D5802 06730F27", "",
         [("telemetry", "humidity", 40.0), ("telemetry", "co2", 600), ("telemetry", "pressure", 999.9)]),
        ("a concentration of nobody knows what", "057D5802", "", [("state", "channel_05_7d", 600)]),
        ("gas", "058E01 060100 070101", "GS101", [("alarm", "gas_alarm", True), ("state", "valve", False), ("state", "relay", True)]),
        ("no gas any more", "058E00", "GS101", [("clear", "gas_alarm", False)]),
        ("gas of a device without a name", "058E01", "", [("alarm", "gas_alarm", True)]),
        ("somebody in a room is no gas", "038224080 48E01".replace(" ", ""), "VS330", [("telemetry", "distance", 2084), ("state", "channel_04_8e", 1)]),
        ("a gas detector without power, and with a dead sensor", "FF3F00 FF3F02 FF3F03", "GS101",
         [("fault", "power_lost", True), ("fault", "sensor_fault", True), ("clear", "sensor_fault", False)]),
        ("a temperature over its limit", "8367C20101", "", [("telemetry", "temperature", 45.0), ("alarm", "temperature_alarm", True)]),
        ("and back", "8367C80000", "", [("telemetry", "temperature", 20.0), ("clear", "temperature_alarm", False)]),
        ("a level that jumped", "9482E8031400 02", "", [("telemetry", "distance", 1000), ("alarm", "distance_alarm", True)]),
        ("a radar that sees nothing is a fault and no level", "B482FDFF02", "", [("telemetry", "distance", None), ("fault", "sensor_fault", True)]),
        ("a current over its limit, and out of range", "8498E803640024130 5".replace(" ", ""), "", [("telemetry", "current", 49.0), ("alarm", "current_alarm", True)]),
        ("a current back below it", "8498E8036400C800 02".replace(" ", ""), "", [("telemetry", "current", 2.0), ("clear", "current_alarm", False)]),
        ("angles with their limits in the lowest bit", "03D4 C800 0100 5046".replace(" ", ""), "",
         [("telemetry", "angle_x", 1.0), ("telemetry", "angle_y", 0.0), ("telemetry", "angle_z", 90.0), ("alarm", "tilt_alarm", True)]),
        ("angles with their limits in a byte", "03CF 9CFF 0000 2823 00".replace(" ", ""), "",
         [("telemetry", "angle_x", -1.0), ("telemetry", "angle_y", 0.0), ("telemetry", "angle_z", 90.0), ("clear", "tilt_alarm", False)]),
        ("a pressed button is a call for help on the model made for it", "FF2E02", "WS101 SOS", [("alarm", "sos_alarm", True)]),
        ("and only a button on the other", "FF2E02", "WS101", [("state", "button", "long")]),
        ("a device that was switched on", "FF0BFF", "", [("online", "", None)]),
        ("its answers to commands are passed over", "FE02 3C00 FF03 5802 017501".replace(" ", ""), "", [("telemetry", "battery", 1)]),
    ],
)  # fmt: skip
def test_channels(why: str, text: str, profile: str, expected: list[tuple[str, str, Any]]) -> None:
    assert told(text.replace(" ", ""), profile) == expected, why


def test_what_only_the_model_could_tell_says_so() -> None:
    (one,) = frame("050001").said
    assert (one.quality, one.warnings) == (Quality.SUSPECT, ("model_unknown",))


@pytest.mark.parametrize(
    ("why", "text", "profile", "value", "warnings"),
    [
        ("a current transformer that cannot read", "0498FFFF", "CT101", None, ("read_failed",)),
        ("its thermometer", "0967FFFF", "CT101", None, ("read_failed",)),
        ("a gas cell that is still polarizing", "047DFEFF", "GS301", None, ("polarizing",)),
        ("a distance beyond the range", "0482FDFF", "EM400-MUD", None, ("over_range",)),
        ("minus a tenth of a degree is a temperature", "0367FFFF", "EM300-TH", -0.1, ()),
    ],
)  # fmt: skip
def test_a_failed_sensor_is_no_value(
    why: str, text: str, profile: str, value: float | None, warnings: tuple[str, ...]
) -> None:
    (one,) = frame(text, profile).said
    assert (one.value, one.warnings) == (value, warnings), why
    assert (one.quality is Quality.BAD) == (value is None), why


def test_what_a_device_says_of_itself_is_kept() -> None:
    assert frame("FF166746D38802580000 FF090310 FF0A0114 017564".replace(" ", "")).attributes == {
        "sn": "6746d38802580000", "hardware_version": "v3.1", "firmware_version": "v1.14",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("why", "text", "profile", "expected", "quality"),
    [
        ("temperature, humidity and a leak", "20CE 80B36566 0A01 64 01", "EM300-SLD", [("telemetry", "temperature", 26.6), ("telemetry", "humidity", 50.0), ("alarm", "water_alarm", True)], Quality.GOOD),
        ("an open door", "20CE 80B36566 0A01 64 01", "EM300-MCS", [("telemetry", "temperature", 26.6), ("telemetry", "humidity", 50.0), ("state", "open", True)], Quality.GOOD),
        ("a reserved byte", "20CE 80B36566 0A01 64 01", "EM300-TH", [("telemetry", "temperature", 26.6), ("telemetry", "humidity", 50.0)], Quality.GOOD),
        ("a membrane's", "20CE 80B36566 000000 01", "EM300-MLD", [("alarm", "water_alarm", True)], Quality.GOOD),
        ("a water column", "20CE 80B36566 6400", "EM500-SWL", [("telemetry", "water_level", 1.0)], Quality.GOOD),
        ("the commonest form, when nobody says whose it is", "20CE 80B36566 0A01 64 01", "", [("telemetry", "temperature", 26.6), ("telemetry", "humidity", 50.0), ("state", "status", True)], Quality.SUSPECT),
        ("a form that nobody says", "20CE 80B36566 0A01", "", [("state", "history", None)], Quality.BAD),
    ],
)  # fmt: skip
def test_history_has_its_own_time_and_is_no_news(
    why: str, text: str, profile: str, expected: list[tuple[str, str, Any]], quality: Quality
) -> None:
    said = frame(text.replace(" ", ""), profile).said
    assert [(one.kind.value, one.metric, one.value) for one in said] == expected, why
    for one in said:
        assert one.marks == Mark.HISTORICAL, why
        assert one.device_at == datetime(2024, 6, 9, 13, 52, tzinfo=UTC), why
        assert one.quality is quality, why
        assert "historical" in one.warnings, why


def test_several_records_stand_behind_each_other_and_a_clock_never_set_is_no_time() -> None:
    said = frame("20CE80B365660A0164 00 20CE000000000A016401".replace(" ", ""), "EM300-SLD").said
    assert [one.kind for one in said if one.metric == "water_alarm"] == [Kind.CLEAR, Kind.ALARM]
    assert said[-1].device_at is None
    assert "zero_time" in said[-1].warnings


def smoke(kind: int, battery: int = 90, level: int = 5, degrees: int = -3) -> bytes:
    head = bytes([0x22, 0x10 | kind, battery, level, degrees & 0xFF])
    return head + bytes([-sum(head) & 0xFF])


@pytest.mark.parametrize(
    ("why", "kind", "expected", "marks"),
    [
        ("smoke", 1, (Kind.ALARM, "fire_alarm", True), Mark.NONE),
        ("smoke whose horn somebody silenced is still smoke", 2, (Kind.ALARM, "fire_alarm", True), Mark.NONE),
        ("an empty battery", 4, (Kind.FAULT, "battery_low", True), Mark.NONE),
        ("a failure", 5, (Kind.FAULT, "fault", True), Mark.NONE),
        ("all is well", 7, (Kind.CLEAR, "fire_alarm", False), Mark.NONE),
        ("taken from the ceiling", 10, (Kind.ALARM, "tamper_alarm", True), Mark.NONE),
        ("and put back", 11, (Kind.CLEAR, "tamper_alarm", False), Mark.NONE),
        ("a test", 14, (Kind.TEST, "fire_alarm", True), Mark.TEST),
        ("a test with an empty battery", 15, (Kind.TEST, "fire_alarm", True), Mark.TEST),
        ("a code that is not published rings nobody", 3, (Kind.STATE, "alarm_status", 3), Mark.NONE),
    ],
)  # fmt: skip
def test_smoke_alarms(why: str, kind: int, expected: tuple[Kind, str, Any], marks: Mark) -> None:
    first, *rest = read_milesight(smoke(kind)).said
    assert (first.kind, first.metric, first.value) == expected, why
    assert first.attributes["alarm_status"] == kind, why
    assert all(one.marks == marks for one in (first, *rest)), why
    assert [(one.metric, one.value) for one in rest][-3:] == [
        ("battery", 90),
        ("smoke_concentration", 5),
        ("temperature", -3),
    ], why


def test_a_wrong_sum_is_no_smoke_alarm() -> None:
    broken = smoke(1)[:-1] + bytes([smoke(1)[-1] ^ 1])
    assert decode_safely(BarePayloads(), message(broken)).verdict is Verdict.REJECTED


def wrapped(tlv: bytes, length: int | None = None) -> bytes:
    tail = b"\x00\x00\x09\x01010202016749D19000000001868508000000001460040000000001"
    tail += b"89860412100000000001" + bytes([17]) + len(tlv).to_bytes(2, "big") + tlv
    return b"\x02\x00\x01" + (len(tail) if length is None else length).to_bytes(2, "big") + tail


def test_an_nb_iot_frame_names_its_device_and_its_number() -> None:
    whole = wrapped(bytes.fromhex("01756403670B01048201 00050001".replace(" ", "")))
    decoding = decode_safely(BarePayloads(), message(whole))
    assert [(o.metric, o.value) for o in decoding.observations] == [
        ("battery", 100),
        ("temperature", 26.7),
        ("distance", 1),
        ("tilt_alarm", True),
    ]
    first = decoding.observations[0]
    assert (first.device, first.attributes["imei"], first.attributes["csq"], first.attributes["frame_count"]) == (
        "6749D19000000001",
        "868508000000001",
        17,
        9,
    )
    assert first.key.startswith("milesight:6749D19000000001:9:")
    assert first.warnings == ()
    assert fits_milesight(message(whole)) is Fit.MARKED
    odd = decode_safely(BarePayloads(), message(wrapped(b"\x01\x75\x64", length=3)))
    assert odd.observations[0].warnings == ("length_mismatch",)
    assert unwrap(whole[:80]) is None


@pytest.mark.parametrize(
    ("why", "text", "metrics"),
    [
        ("hex", "017564", ["battery"]),
        ("hex in a comment, the vendor's object behind it", '// 01 75 64\n{\n "battery": 100\n}\n', ["battery"]),
        ("two payloads of one device", "// 01 75 64\n{}\n\n# 03 67 0A 00\n{}", ["battery", "temperature"]),
        ("spaces that are none", "//\u2003017564\u200303670A00", ["battery", "temperature"]),
        ("hex with a prefix", "0x017564", ["battery"]),
    ],
)  # fmt: skip
def test_texts(why: str, text: str, metrics: list[str]) -> None:
    decoding = decode_safely(BarePayloads(), message(text))
    assert [o.metric for o in decoding.observations] == metrics, why
    assert all(o.warnings == ("no_address",) for o in decoding.observations), why
    assert fits_milesight(message(text)) is Fit.CONTENT, why


def test_a_text_tells_the_model_once_for_all_of_it() -> None:
    found = decode_safely(BarePayloads(), message("// 04 68 50 05 00 00\n// 20CE80B365660A016401")).observations
    assert (found[-1].kind, found[-1].metric, found[-1].quality) == (Kind.ALARM, "water_alarm", Quality.GOOD)
    assert found[-1].marks == Mark.HISTORICAL


def test_the_last_part_of_a_topic_is_the_device() -> None:
    assert (
        decode_safely(BarePayloads(), message("017564", "milesight/up/24e124136b000001")).observations[0].device
        == "24e124136b000001"
    )


@pytest.mark.parametrize("text", ["{}", "", "hello", "//", "zz"])
def test_what_is_no_payload_is_refused(text: str) -> None:
    decoding = decode_safely(BarePayloads(), message(text))
    assert decoding.verdict is Verdict.REJECTED
    assert decoding.reason.startswith("bad_frame")


def test_padding_and_news_behind_the_last_known_channel_are_told_apart() -> None:
    padded = decode_safely(BarePayloads(), message("0498B80B00000000")).observations
    assert (padded[0].metric, padded[0].value) == ("current", 30.0)
    news = decode_safely(BarePayloads(), message("017564AABBCC")).observations
    assert ("unknown_channel" in news[0].warnings, news[0].attributes["rest_hex"]) == (True, "aabbcc")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Milesight EM300-ZLD v2", "em300-sld"),
        ("em_500_swl", "em500-swl"),
        ("AM308L", "am"),
        ("Test device-profile", ""),
    ],
)
def test_models_by_profile_names(name: str, model: str) -> None:
    assert model_of(name) == model


_CHANNELS = st.sampled_from(
    [
        bytes.fromhex(pair)
        for pair in (
            "0175",
            "0367",
            "0468",
            "0482",
            "0500",
            "8367",
            "8498",
            "20CE",
            "FF0B",
            "03D4",
            "0688",
            "057D",
            "B482",
            "9482",
            "FF16",
        )
    ]
)


@given(
    st.lists(st.tuples(_CHANNELS, st.binary(max_size=12)), max_size=6).map(
        lambda parts: b"".join(a + b for a, b in parts)
    )
    | st.binary(max_size=300),
    st.sampled_from(["", "EM300-SLD", "EM500-SWL", "CT101", "GS301", "milesight"]),
)
@example(b"\x20\xce", "")
def test_no_bytes_are_a_fault(raw: bytes, profile: str) -> None:
    decoding = decode_safely(BarePayloads(profile), message(raw))
    assert not decoding.reason.startswith("fault"), raw.hex()
    for one in decoding.observations:
        assert one.device


@given(st.integers(-400, 850), st.integers(0, 200), st.integers(0, 100), st.integers(0, 20_000))
def test_what_is_written_is_read(degrees: int, humidity: int, battery: int, distance: int) -> None:
    raw = b"\x01\x75" + bytes([battery]) + b"\x03\x67" + degrees.to_bytes(2, "little", signed=True)
    raw += b"\x04\x68" + bytes([humidity]) + b"\x03\x82" + distance.to_bytes(2, "little")
    values = {one.metric: one.value for one in read_milesight(raw).said}
    assert values == {"battery": battery, "temperature": degrees / 10, "humidity": humidity / 2, "distance": distance}


@pytest.mark.parametrize("topic", ["milesight/WS303-cellar", "milesight/ws303/7", "site/milesight-ws303"])
def test_a_topic_that_names_the_model_says_what_its_channels_are(topic: str) -> None:
    decoding = Stream(SHIPPED).decode(Message(topic, b"017564030001", datetime(2026, 3, 1, 8, tzinfo=UTC)))[1]
    assert [(o.kind, o.metric) for o in decoding.observations] == [
        (Kind.TELEMETRY, "battery"),
        (Kind.ALARM, "water_alarm"),
    ]
