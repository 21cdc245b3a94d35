"""MEOKON V3.0: records are dated backwards from the last, the store is history, and alarms are those of now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from crccheck.crc import CrcModbus
from hypothesis import given
from hypothesis import strategies as st

from ingest.dialects.claims import Reason
from ingest.dialects.meokon import ENTRIES, Meokon, fits
from ingest.dialects.observation import Decoding, Fit, Kind, Message, Quality, Verdict, decode_safely
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
LAST = datetime(2026, 3, 1, 7, 59, tzinfo=UTC)
DEVICE = "SHMK26030001"


def sealed(body: bytes) -> bytes:
    return body + CrcModbus.calc(body).to_bytes(2) + b"\x55\xaa"


def frame(
    records: tuple[int, ...] = (537, 541),
    *,
    kind: int = 1,
    alarms: int = 0,
    at: datetime | None = LAST,
    interval: int = 60,
    count: int | None = None,
    supply: int = 0x34,
    device: bytes = DEVICE.encode(),
    command: int = 0,
    size: int | None = None,
    middle: bytes = b"\x00\x64\x01\xf4\x02\x1a",
) -> bytes:
    stamp = int(at.timestamp()).to_bytes(4) if at else bytes(4)
    stored = b"".join((n & 0xFFFF).to_bytes(2) for n in records)
    rest = (
        device + bytes((supply, 0xC8)) + interval.to_bytes(2) + (len(records) if count is None else count).to_bytes(2)
    )
    rest += bytes((kind, alarms)) + middle + stamp + stored
    length = len(rest) + 9 if size is None else size
    return sealed(b"\xa5\x5a" + bytes((command,)) + length.to_bytes(2) + rest)


def decode(payload: bytes, topic: str = "") -> Decoding:
    return decode_safely(Meokon(), Message(topic, payload, NOW))


def test_records_are_dated_backwards_and_only_the_last_is_now() -> None:
    oldest, middle, last, clear, battery = decode(frame((537, -3, 541))).observations
    assert [o.value for o in (oldest, middle, last)] == [0.537, -0.003, 0.541]
    assert [o.device_at for o in (oldest, middle, last)] == [
        LAST - timedelta(minutes=2),
        LAST - timedelta(minutes=1),
        LAST,
    ]
    assert [o.marks for o in (oldest, middle, last)] == [Mark.HISTORICAL, Mark.HISTORICAL, Mark.NONE]
    assert (oldest.warnings, last.warnings) == (("historical",), ())
    assert last.key == f"meokon:{DEVICE}:{int(LAST.timestamp())}"
    assert oldest.key == f"meokon:{DEVICE}:{int(LAST.timestamp()) - 120}", (
        "so a store that is sent again is known again"
    )
    assert (last.device, last.metric, last.unit) == (DEVICE, "pressure", "MPa")
    assert last.attributes == {
        "device_type": 1, "rssi": -56, "external_power": False, "alarm_bits": 0, "low": 0.1, "high": 0.5, "current": 0.538,
    }  # fmt: skip
    assert (clear.kind, clear.metric, clear.value) == (Kind.CLEAR, "pressure_alarm", False)
    assert (battery.metric, battery.value, battery.unit) == ("battery", 100, "%")


@pytest.mark.parametrize(
    ("why", "kind", "alarms", "said"),
    [
        ("too high", 1, 0x02, [(Kind.ALARM, "pressure_alarm", True)]),
        ("too low", 0, 0x01, [(Kind.ALARM, "pressure_alarm", True)]),
        ("the battery", 1, 0x04, [(Kind.CLEAR, "pressure_alarm", False), (Kind.FAULT, "battery_low", True)]),
        ("sensor and hardware", 1, 0x18, [(Kind.CLEAR, "pressure_alarm", False), (Kind.FAULT, "sensor_fault", True), (Kind.FAULT, "hardware_fault", True)]),
        ("the second sensor", 1, 0x60, [(Kind.CLEAR, "pressure_alarm", False), (Kind.ALARM, "second_low_alarm", True), (Kind.ALARM, "second_high_alarm", True)]),
        ("a hydrant that was hit", 24, 0x20, [(Kind.CLEAR, "value_alarm", False), (Kind.ALARM, "impact_alarm", True),
                                              (Kind.CLEAR, "tilt_alarm", False), (Kind.CLEAR, "discharge_alarm", False)]),
    ],
)  # fmt: skip
def test_alarm_bits(why: str, kind: int, alarms: int, said: list[object]) -> None:
    observations = [o for o in decode(frame(kind=kind, alarms=alarms)).observations if o.kind is not Kind.TELEMETRY]
    assert [(o.kind, o.metric, o.value) for o in observations] == said, why
    assert {o.device_at for o in observations} == {LAST}, why
    assert not any(o.marks for o in observations), why


@pytest.mark.parametrize(
    ("why", "kind", "value", "unit"),
    [("kilopascals", 0, 54.1, "kPa"), ("megapascals", 1, 0.541, "MPa"), ("bar", 2, 5.41, "bar")],
)
def test_units_go_by_the_type(why: str, kind: int, value: float, unit: str) -> None:
    o = decode(frame((541,), kind=kind)).observations[0]
    assert (o.value, o.unit) == (value, unit), why


def test_a_type_that_is_not_listed_keeps_its_numbers_and_is_doubted() -> None:
    o = decode(frame((541,), kind=7)).observations[0]
    assert (o.metric, o.value, o.unit, o.quality) == ("value", 541, "", Quality.SUSPECT)
    assert "device_type_unknown" in o.warnings


def test_two_sensors_are_kept_raw_but_their_alarms_are_read() -> None:
    raw = frame((1, 2, 3, 4), count=2, kind=9, alarms=0x40, middle=bytes(12))
    observations = decode(raw).observations
    assert [(o.kind, o.metric) for o in observations] == [
        (Kind.CLEAR, "value_alarm"), (Kind.ALARM, "second_high_alarm"), (Kind.TELEMETRY, "battery"),
    ]  # fmt: skip
    assert {o.device_at for o in observations} == {LAST}
    assert all("raw" in o.attributes and "device_type_unknown" in o.warnings for o in observations)


@pytest.mark.parametrize(
    ("why", "payload", "at", "warnings", "key"),
    [
        ("no time", frame((5,), at=None), None, ("zero_time",), False),
        ("a wrong length with a good CRC", frame((5,), size=3), LAST, ("length_mismatch",), True),
        ("fewer records than said", frame((5,), count=10), LAST, ("length_mismatch",), True),
        ("no record: the current value", frame(()), LAST, (), True),
    ],
)
def test_a_whole_frame_with_a_breach_is_read(
    why: str, payload: bytes, at: datetime | None, warnings: tuple[str, ...], key: bool
) -> None:
    o = decode(payload).observations[0]
    assert (o.device_at, o.warnings, bool(o.key), o.marks) == (at, warnings, key, Mark.NONE), why


def test_records_without_an_interval_have_no_time() -> None:
    first, last = decode(frame(interval=0)).observations[:2]
    assert (first.device_at, first.warnings, first.marks) == (None, ("historical", "zero_interval"), Mark.HISTORICAL)
    assert last.device_at == LAST


def test_of_too_many_records_the_last_are_taken() -> None:
    observations = decode(frame(tuple(range(700)))).observations
    assert [o.value for o in observations if o.metric == "pressure"][-1] == 0.699
    assert sum(o.metric == "pressure" for o in observations) == 600


@pytest.mark.parametrize(
    ("supply", "external", "level"), [(0x34, False, 100), (0xC3, True, 15), (0x20, False, 0), (0x3F, False, None)]
)
def test_the_battery_is_in_steps_of_five(supply: int, external: bool, level: int | None) -> None:
    observations = decode(frame(supply=supply)).observations
    assert [o.value for o in observations if o.metric == "battery"] == ([] if level is None else [level])
    assert observations[0].attributes["external_power"] is external


def flipped(raw: bytes) -> bytes:
    return raw[:30] + bytes((raw[30] ^ 1,)) + raw[31:]


@pytest.mark.parametrize(
    ("why", "payload", "topic", "reason"),
    [
        ("a wrong CRC", flipped(frame()), "", Reason.BAD_SUM),
        ("cut short", frame()[:30], "", Reason.BAD_LENGTH),
        ("a device that is no text", frame(device=b"\xff" * 12), "", Reason.NO_DEVICE),
        ("the topic of another", frame(), "GIOT-GW/UL/SHMK26030002", Reason.GATEWAY_MISMATCH),
        ("nothing", b"hello", "", Reason.BAD_FRAME),
    ],
)
def test_what_cannot_be_used_says_why(why: str, payload: bytes, topic: str, reason: Reason) -> None:
    assert decode(payload, topic).reason.startswith(reason), why


def test_other_commands_are_passed_over() -> None:
    assert decode(frame(command=1)).verdict is Verdict.IGNORED


def test_hex_text_is_the_same_frame() -> None:
    raw = frame()
    for text in (raw.hex(), raw.hex(" ").upper() + "\n"):
        message = Message(f"GIOT-GW/UL/{DEVICE}", text.encode(), NOW)
        assert decode_safely(Meokon(), message) == decode(raw)
        assert fits(message) is Fit.TOPIC
        assert fits(Message("", text.encode(), NOW)) is Fit.MARKED
    assert fits(Message("", b"a55a", NOW)) is Fit.NO
    assert [e.name for e in ENTRIES] == ["meokon"]


def test_several_frames_and_rubbish() -> None:
    payload = b"\x00" + frame((1,)) + b"\xa5\x5a" + frame((2,), device=b"SHMK26030002")
    assert [o.device for o in decode(payload).observations if o.metric == "pressure"] == [DEVICE, "SHMK26030002"]
    assert decode(b"\xa5\x5a" * 100).reason.startswith(Reason.TOO_BIG)


@given(st.binary(max_size=120), st.binary(max_size=60), st.integers(0, 255))
def test_no_bytes_are_a_fault(noise: bytes, middle: bytes, kind: int) -> None:
    payloads = (
        noise,
        b"\xa5\x5a" + noise,
        sealed(b"\xa5\x5a\x00" + noise),
        frame(kind=kind, middle=middle),
        noise.hex().encode(),
    )
    for payload in payloads:
        decoding = decode(payload)
        assert not decoding.reason.startswith("fault"), decoding.reason
        fits(Message("", payload, NOW))


@given(st.lists(st.integers(-32768, 32767), max_size=20), st.data())
def test_records_survive_the_wire_and_no_mutation_is_a_fault(records: list[int], data: st.DataObject) -> None:
    raw = bytearray(frame(tuple(records)))
    values = [o.value for o in decode(bytes(raw)).observations if o.metric == "pressure"]
    assert values == ([n / 1000 for n in records] or [0.538])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    assert not decode(bytes(raw)).reason.startswith("fault")
