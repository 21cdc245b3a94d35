"""MEOKON V3.0: wireless terminals for pressure and its like, over MQTT, UDP, TCP or NB-IoT, as bytes or as hex text.

    A5 5A | command | length u16 | device 12 | supply | signal i8 | interval u16 | records u16 | type | alarms
          | low | high | current | time u32 | records … | CRC-16/MODBUS | 55 AA          (big-endian)

The time is that of the last record, and the ones before it lie one interval apart. A terminal that was not answered sends its whole
store again: records before the last are history and never ring. Key: `meokon:{device}:{time of the record}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from crccheck.crc import CrcModbus

from ingest.dialects.claims import USABLE_FROM, Reason, Unreadable
from ingest.dialects.observation import (
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    Quality,
    Value,
    accepted,
    ignored,
    rejected,
)
from ingest.events import Mark

_START: Final = b"\xa5\x5a"
_END: Final = b"\x55\xaa"
_FIXED: Final = 25  # bytes before the limits
_TAIL: Final = 4  # the CRC and the end mark
_TIME: Final = 4
_SMALLEST: Final = _FIXED + _TIME + _TAIL
_TOPIC: Final = "GIOT-GW/UL/"
_FRAMES: Final = 64  # in one payload
_MOST_RECORDS: Final = 600  # that a terminal stores
_LARGEST: Final = 4096  # bytes of a frame with as many
_FULL: Final = 20  # steps of 5 % in a full battery
_LOW, _HIGH = 0x01, 0x02
# Alarms of the second and third sensor; hydrants use the same bits for what hydrants have.
_OTHER_ALARMS: Final = ((0x20, "second_low_alarm"), (0x40, "second_high_alarm"), (0x80, "third_alarm"))
_HYDRANT: Final = ((0x20, "impact_alarm"), (0x40, "tilt_alarm"), (0x80, "discharge_alarm"))
_HYDRANT_PRESSURE: Final = ((0x20, "second_low_alarm"), (0x40, "second_high_alarm"), (0x80, "discharge_alarm"))
_FAULTS: Final = ((0x04, "battery_low"), (0x08, "sensor_fault"), (0x10, "hardware_fault"))


@dataclass(frozen=True, slots=True)
class _Type:
    """A kind of terminal: what it measures, its unit, and how many steps of the wire make one."""

    metric: str
    unit: str
    parts: int
    alarms: tuple[tuple[int, str], ...] = _OTHER_ALARMS


# The maker's table goes on; what is not here is kept as the number on the wire, without a unit.
_TYPES: Final[dict[int, _Type]] = {
    0: _Type("pressure", "kPa", 10),
    1: _Type("pressure", "MPa", 1000),
    2: _Type("pressure", "bar", 100),
    24: _Type("", "", 1, _HYDRANT),
    34: _Type("", "", 1, _HYDRANT_PRESSURE),
}
_OTHER: Final = _Type("", "", 1)


@dataclass(slots=True)
class _Frame:
    """One frame, with a CRC that fits."""

    raw: bytes
    device: str
    at: datetime | None
    warnings: tuple[str, ...]
    attributes: dict[str, Attribute]

    @property
    def interval(self) -> int:
        return int.from_bytes(self.raw[19:21])

    @property
    def count(self) -> int:
        return int.from_bytes(self.raw[21:23])

    def says(
        self,
        kind: Kind,
        metric: str,
        value: Value,
        *,
        unit: str = "",
        at: datetime | None = None,
        attributes: dict[str, Attribute] | None = None,
        warnings: tuple[str, ...] = (),
        marks: Mark = Mark.NONE,
        quality: Quality = Quality.GOOD,
    ) -> Observation:
        return Observation(
            kind,
            self.device,
            metric,
            value,
            unit,
            gateway=self.device,
            device_at=at,
            quality=quality,
            key=f"meokon:{self.device}:{int(at.timestamp())}" if at else "",
            warnings=(*self.warnings, *warnings),
            attributes=self.attributes | (attributes or {}),
            marks=marks,
        )


class Meokon:
    """Frames of MEOKON terminals. It keeps nothing between messages and answers nothing."""

    def decode(self, message: Message) -> Decoding:
        """Every frame in the payload. Raises `Unreadable` when there is none that can be used."""
        raw = unhex(message.payload)
        said: list[Observation] = []
        passed: list[str] = []
        problems: list[Unreadable] = []
        at, frames = raw.find(_START), 0
        while at >= 0:
            frames += 1
            if frames > _FRAMES:
                raise Unreadable(Reason.TOO_BIG, f"more than {_FRAMES} frames in one payload")
            try:
                frame, size = _frame(raw, at, message.topic)
                if frame.raw[2]:
                    passed.append(f"command {frame.raw[2]}")
                else:
                    said += _observations(frame)
            except Unreadable as error:
                problems.append(error)
                size = len(_START)
            at = raw.find(_START, at + size)
        if said:
            return accepted(*said, faults=problems)
        if problems:
            return rejected(problems[0].reason, problems[0].detail)
        if passed:
            return ignored("; ".join(passed))
        raise Unreadable(Reason.BAD_FRAME, f"no frame of MEOKON in {len(raw)} bytes")


def _frame(raw: bytes, at: int, topic: str) -> tuple[_Frame, int]:
    """The frame that begins at `at`, and its size: by its length, or, when that is wrong, up to the end mark that fits its CRC."""
    size = int.from_bytes(raw[at + 3 : at + 5])
    mismatch = not _whole(raw, at, size)
    if mismatch:
        end = raw.rfind(_END, at)
        size = end + len(_END) - at
        if end < 0 or not _whole(raw, at, size):
            short = len(raw) - at < _SMALLEST or end < 0
            raise Unreadable(Reason.BAD_LENGTH if short else Reason.BAD_SUM, f"a frame of {len(raw) - at} bytes")
    frame = raw[at : at + size]
    try:
        device = frame[5:17].decode("ascii").rstrip("\0")
    except UnicodeDecodeError:
        device = ""
    if not device or not device.isprintable() or device != device.strip():
        raise Unreadable(Reason.NO_DEVICE, f"the device is {frame[5:17].hex()}")
    if topic.startswith(_TOPIC) and topic.removeprefix(_TOPIC) != device:
        raise Unreadable(Reason.GATEWAY_MISMATCH, f"the topic says {topic[:60]!r}, the frame {device}")
    supply, kind = frame[17], frame[23]
    attributes: dict[str, Attribute] = {
        "device_type": kind,
        "rssi": frame[18] - 256 if frame[18] > 127 else frame[18],
        "external_power": bool(supply & 0x80),
        "alarm_bits": frame[24],
    }
    return _Frame(frame, device, None, ("length_mismatch",) if mismatch else (), attributes), size


def _whole(raw: bytes, at: int, size: int) -> bool:
    frame = raw[at : at + size]
    if not _SMALLEST <= size <= _LARGEST or len(frame) != size or frame[-2:] != _END:
        return False
    return bool(int.from_bytes(frame[-4:-2]) == CrcModbus.calc(frame[:-_TAIL]))


def _observations(frame: _Frame) -> list[Observation]:
    """The records from the oldest to the last, then how the terminal stands at the time of the last one."""
    raw, kind = frame.raw, _TYPES.get(frame.raw[23], _OTHER)
    said = _records(frame, kind)
    at, bits = frame.at, raw[24]
    last = said[-1].attributes if said else {}
    shown = {name: last[name] for name in ("low", "high", "current") if name in last}
    name = f"{kind.metric or 'value'}_alarm"
    beyond = "low" if bits & _LOW else "high" if bits & _HIGH else ""
    if beyond:
        said.append(frame.says(Kind.ALARM, name, True, at=at, attributes=shown | {"beyond": beyond}))
    else:
        said.append(frame.says(Kind.CLEAR, name, False, at=at, attributes=shown))
    for bit, metric in kind.alarms:
        if bits & bit:
            said.append(frame.says(Kind.ALARM, metric, True, at=at))
        elif kind.alarms is not _OTHER_ALARMS:  # a terminal that may have no second sensor clears nothing of it
            said.append(frame.says(Kind.CLEAR, metric, False, at=at))
    said += [frame.says(Kind.FAULT, metric, True, at=at) for bit, metric in _FAULTS if bits & bit]
    steps = raw[17] & 0x1F
    if steps <= _FULL:
        said.append(frame.says(Kind.TELEMETRY, "battery", steps * 5, unit="%", at=at))
    return said


def _records(frame: _Frame, kind: _Type) -> list[Observation]:
    """The records; the last one also carries the limits and the current value. None when the maker's table would have to be known."""
    raw, count = frame.raw, frame.count
    room = len(raw) - _SMALLEST  # for two limits, the current value and the records
    if room != 2 * (count + 3):
        if not kind.metric or room < 6 or room % 2:
            # Two sensors, or numbers of four bytes. In both the limits and the current value take twelve bytes.
            frame.attributes["raw"] = raw[_FIXED:-_TAIL].hex()
            frame.warnings += ("device_type_unknown",)
            if room == 4 * (count + 3):
                _date(frame, _FIXED + 12)
            return []
        count = room // 2 - 3
        frame.warnings += ("length_mismatch",)
    _date(frame, _FIXED + 6)
    low, high, current, *stored = (_number(raw, at, kind) for at in (*range(_FIXED, _FIXED + 6, 2), *_places(count)))
    limits: dict[str, Attribute] = {"low": low, "high": high, "current": current}
    quality = Quality.GOOD
    if not kind.metric:
        frame.warnings += ("device_type_unknown",)
        quality = Quality.SUSPECT
    step = timedelta(seconds=frame.interval)
    said = []
    values = stored or [current]
    for back, value in zip(range(len(values) - 1, -1, -1), values, strict=True):
        at = frame.at - step * back if frame.at is not None and (step or not back) else None
        breach = () if not back else ("historical",) if step else ("historical", "zero_interval")
        said.append(
            frame.says(
                Kind.TELEMETRY,
                kind.metric or "value",
                value,
                unit=kind.unit,
                at=at,
                attributes={} if back else limits,
                warnings=breach,
                marks=Mark.HISTORICAL if back else Mark.NONE,
                quality=quality,
            )
        )
    return said


def _places(count: int) -> range:
    """Where the records are; of more than a terminal can store only the last."""
    first = _FIXED + 6 + _TIME
    return range(first + 2 * max(0, count - _MOST_RECORDS), first + 2 * count, 2)


def _date(frame: _Frame, place: int) -> None:
    at = datetime.fromtimestamp(int.from_bytes(frame.raw[place : place + _TIME]), UTC)
    if at >= USABLE_FROM:
        frame.at = at
    else:
        frame.warnings += ("zero_time",)


def _number(raw: bytes, at: int, kind: _Type) -> float | int:
    number = int.from_bytes(raw[at : at + 2], signed=True)
    return number / kind.parts if kind.parts > 1 else number


def unhex(payload: bytes) -> bytes:
    """The bytes that hex text stands for, and anything else as it is."""
    text = payload.strip(b' \t\r\n"')
    if payload[:2] == _START or text[:1].lower() != b"a":
        return payload
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return payload


def fits(message: Message) -> Fit:
    """Whether a message is of this dialect: by the maker's topic, or a start mark with a length and an end mark that fit."""
    if message.topic.startswith(_TOPIC):
        return Fit.TOPIC
    raw = unhex(message.payload)
    size = int.from_bytes(raw[3:5]) if raw[:2] == _START else 0
    return Fit.MARKED if size >= _SMALLEST and raw[size - 2 : size] == _END else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry("meokon", "MEOKON V3.0 (2022-07-21)", ("GIOT-GW/UL/{device}", "TCP", "UDP"), fits, Meokon),
)
