"""The bodies of GB/T 26875.3-2011: information objects cut out of a body, and what each of them says.

A body whose length is not that of its objects is read as far as the objects are certain, with the warning `length_mismatch`, and
otherwise kept as hex. What a vendor defined is kept as hex with the warning `vendor_type`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.dialects.gb26875_frames import Head, Layout, cut_objects, unstamp
from ingest.dialects.gb26875_tables import (
    ANALOGS,
    DEVICE_BITS,
    DEVICE_OPERATIONS,
    PART_BITS,
    PARTS,
    SYSTEM_BITS,
    SYSTEM_OPERATIONS,
    SYSTEMS,
    Bits,
)
from ingest.dialects.observation import Attribute, Kind, Observation, Quality, Value
from ingest.events import Mark

_LABEL: Final = 31  # bytes of a part's description
_VENDOR: Final = 128
_TEST_OPERATION: Final = 0x40
_MANUAL_ALARM: Final = 0x04
_ALARM_CLEARED: Final = 0x08


@dataclass(frozen=True, slots=True)
class Said:
    """What holds for every observation of a frame."""

    head: Head
    sent_at: datetime | None
    key: str
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Object:
    """One information object on its way to observations."""

    said: Said
    raw: bytes
    device: str
    at: datetime | None
    warnings: tuple[str, ...]
    attributes: dict[str, Attribute]

    def says(
        self,
        kind: Kind,
        metric: str,
        value: Value = None,
        *,
        unit: str = "",
        warning: str = "",
        marks: Mark = Mark.NONE,
        quality: Quality = Quality.GOOD,
    ) -> Observation:
        return Observation(
            kind,
            self.device,
            metric,
            value,
            unit,
            gateway=self.said.head.source,
            device_at=self.at,
            server_at=self.said.sent_at,
            quality=quality,
            key=self.said.key,
            warnings=tuple(dict.fromkeys((*self.warnings, warning))) if warning else self.warnings,
            attributes=self.attributes,
            marks=marks,
        )


def _standing(o: _Object, word: int, bits: Bits) -> Iterator[Observation]:
    """Fires ring whatever bit 0 says. Nothing but a plain normal state ends one."""
    o.attributes |= {"status": word, "bits": bits.set_in(word)}
    test = "" if word & 1 else "test_bit"
    if word & bits.fire:
        yield o.says(Kind.ALARM, "fire_alarm", True, warning=test)
    if word & bits.faults:
        yield o.says(Kind.FAULT, "fault", True, warning=test)
    if word & (bits.fire | bits.faults):
        return
    if test:
        yield o.says(Kind.TEST, "status", o.attributes["bits"] or "test", warning=test, marks=Mark.TEST)
    elif word & ~bits.quiet:
        yield o.says(Kind.STATE, "status", o.attributes["bits"])
    else:
        if bits is DEVICE_BITS:
            yield o.says(Kind.HEARTBEAT, "status", "normal")
        yield o.says(Kind.CLEAR, "fire_alarm", False)
        yield o.says(Kind.CLEAR, "fault", False)


def _operated(o: _Object, flags: int, operator: int, names: tuple[str, ...]) -> Iterator[Observation]:
    """An alarm raised by hand rings, also when a test is noted beside it."""
    operation = ",".join(name for place, name in enumerate(names) if flags >> place & 1)
    o.attributes |= {"operation": operation, "operation_flags": flags, "operator": operator}
    test = bool(flags & _TEST_OPERATION)
    if flags & _MANUAL_ALARM:
        yield o.says(Kind.ALARM, "fire_alarm", True, warning="test_bit" if test else "")
    elif test:
        yield o.says(Kind.TEST, "operation", operation, marks=Mark.TEST)
    elif flags & _ALARM_CLEARED:
        yield o.says(Kind.CLEAR, "fire_alarm", False)
    else:
        yield o.says(Kind.STATE, "operation", operation)


def _system(o: _Object) -> None:
    kind, address = o.raw[0], o.raw[1]
    o.device = f"{o.said.head.source}/{kind}-{address}"
    o.attributes |= {"system_type": kind, "system_address": address}
    if kind in SYSTEMS:
        o.attributes["system_kind"], o.attributes["system_word"] = SYSTEMS[kind]


def _part(o: _Object) -> None:
    _system(o)
    kind, zone, position = o.raw[2], o.raw[3] | o.raw[4] << 8, o.raw[5] | o.raw[6] << 8
    o.device = f"{o.said.head.source}/{zone}-{position}"
    o.attributes |= {"part_type": kind, "zone": zone, "position": position}
    if kind in PARTS:
        o.attributes["part_kind"], o.attributes["part_word"] = PARTS[kind]


def _label(o: _Object, raw: bytes) -> None:
    """A text is padded with NUL or spaces, and may be cut in the middle of a character."""
    raw = raw.partition(b"\0")[0]
    for cut in (raw, raw[:-1], raw[:-2], raw[:-3]):
        try:
            text = cut.decode("gb18030")
        except UnicodeDecodeError:
            continue
        text = "".join(c for c in text if c.isprintable()).strip()
        if text:
            o.attributes["description"] = text
        return
    o.warnings += ("bad_text",)


def _system_state(o: _Object) -> Iterator[Observation]:
    _system(o)
    yield from _standing(o, o.raw[2] | o.raw[3] << 8, SYSTEM_BITS)


def _part_state(o: _Object) -> Iterator[Observation]:
    _part(o)
    _label(o, o.raw[9 : 9 + _LABEL])
    yield from _standing(o, o.raw[7] | o.raw[8] << 8, PART_BITS)


def _part_analog(o: _Object) -> Iterator[Observation]:
    _part(o)
    kind, number = o.raw[7], int.from_bytes(o.raw[8:10], "little", signed=True)
    o.attributes["analog_type"] = kind
    analog = ANALOGS.get(kind)
    if analog is None:
        warning = "vendor_type" if kind >= _VENDOR else "analog_type_unknown"
        yield o.says(Kind.TELEMETRY, f"analog_{kind}", number, warning=warning, quality=Quality.SUSPECT)
        return
    value = number / analog.parts if analog.parts > 1 else number
    believable = analog.low <= value <= analog.high
    yield o.says(
        Kind.TELEMETRY,
        analog.metric,
        value,
        unit=analog.unit,
        warning="" if believable else "out_of_range",
        quality=Quality.GOOD if believable else Quality.SUSPECT,
    )


def _system_operation(o: _Object) -> Iterator[Observation]:
    _system(o)
    yield from _operated(o, o.raw[2], o.raw[3], SYSTEM_OPERATIONS)


def _system_version(o: _Object) -> Iterator[Observation]:
    _system(o)
    yield o.says(Kind.REGISTER, "software_version", f"{o.raw[2]}.{o.raw[3]}")


def _part_configuration(o: _Object) -> Iterator[Observation]:
    _part(o)
    _label(o, o.raw[7 : 7 + _LABEL])
    yield o.says(Kind.REGISTER, "configuration", str(o.attributes.get("description", "")))


def _system_time(o: _Object) -> Iterator[Observation]:
    _system(o)
    yield _clock(o, Kind.STATE, o.raw[2:8])


def _device_state(o: _Object) -> Iterator[Observation]:
    yield from _standing(o, o.raw[0], DEVICE_BITS)


def _device_operation(o: _Object) -> Iterator[Observation]:
    yield from _operated(o, o.raw[0], o.raw[1], DEVICE_OPERATIONS)


def _device_version(o: _Object) -> Iterator[Observation]:
    yield o.says(Kind.REGISTER, "software_version", f"{o.raw[0]}.{o.raw[1]}")


def _device_time(o: _Object) -> Iterator[Observation]:
    yield _clock(o, Kind.HEARTBEAT, o.raw[:6])


def _clock(o: _Object, kind: Kind, six: bytes) -> Observation:
    o.at, wrong = unstamp(six)
    return o.says(kind, "system_time", o.at.isoformat() if o.at else None, warning=wrong)


_Reader = Callable[[_Object], Iterator[Observation]]
_SHAPES: Final[dict[int, tuple[Layout, _Reader]]] = {
    1: (Layout(4, True, 4), _system_state),
    2: (Layout(9 + _LABEL, True, 9), _part_state),
    3: (Layout(10, True, 10), _part_analog),
    4: (Layout(4, True, 4), _system_operation),
    5: (Layout(4, False, 4), _system_version),
    7: (Layout(7 + _LABEL, False, 7), _part_configuration),
    8: (Layout(8, False, 8), _system_time),
    21: (Layout(1, True, 1), _device_state),
    24: (Layout(2, True, 2), _device_operation),
    25: (Layout(2, False, 2), _device_version),
    28: (Layout(6, False, 6), _device_time),
}
_SYSTEM_CONFIGURATION: Final = 6
_DEVICE_CONFIGURATION: Final = 26
_OWN: Final = frozenset(
    {21, 24, 25, 28}
)  # the transmission device speaks of itself: the time of the frame is its clock as well


def observations(said: Said, body: bytes) -> Iterator[Observation]:
    """What the body of a frame says. It never raises."""
    if not body:
        yield _object(said, b"").says(Kind.HEARTBEAT, "status", "online")
        return
    kind, shape = body[0], _SHAPES.get(body[0])
    if said.head.command >= _VENDOR or kind >= _VENDOR:
        yield _raw(said, body, "vendor_type")
    elif kind in {_SYSTEM_CONFIGURATION, _DEVICE_CONFIGURATION}:
        yield from _configurations(said, body)
    elif shape is None:
        yield _raw(said, body, "reserved_type")
    else:
        yield from _shaped(said, body, *shape)


def missing(body: bytes) -> int:
    """How many objects a body of several has fewer than it says. What is kept whole as hex misses none."""
    shape = _SHAPES.get(body[0]) if len(body) > 1 and body[1] > 1 else None
    if shape is None:
        return 0
    cuts, breach = cut_objects(body[2:], body[1], shape[0])
    return max(0, body[1] - len(cuts)) if cuts and breach else 0


def _object(said: Said, raw: bytes, *warnings: str) -> _Object:
    return _Object(said, raw, said.head.source, said.sent_at, (*said.warnings, *warnings), {})


def _raw(said: Said, body: bytes, *warnings: str) -> Observation:
    o = _object(said, body, *warnings)
    o.attributes |= {"type": body[0], "raw": body.hex()}
    return o.says(Kind.STATE, f"type_{body[0]}")


def _shaped(said: Said, body: bytes, shape: Layout, read: _Reader) -> Iterator[Observation]:
    cuts, breach = cut_objects(body[2:], body[1] if len(body) > 1 else 0, shape)
    if not cuts:
        yield _raw(said, body, "length_mismatch")
        return
    for raw, tag in cuts:
        o = _object(said, raw, *((breach,) if breach else ()))
        o.attributes["type"] = body[0]
        if shape.timed:
            at, wrong = unstamp(tag) if tag else (None, "")
            o.at = at or (said.sent_at if body[0] in _OWN else None)
            if wrong and wrong not in o.warnings:
                o.warnings += (wrong,)
        yield from read(o)


def _configurations(said: Said, body: bytes) -> Iterator[Observation]:
    """Types 6 and 26: each text has its length in front."""
    front = 2 if body[0] == _SYSTEM_CONFIGURATION else 0
    at, count = 2, body[1] if len(body) > 1 else 0
    for _ in range(count):
        text = at + front + 1
        if text > len(body) or text + body[text - 1] > len(body):
            yield _raw(said, body, "length_mismatch")
            return
        o = _object(said, body[at:text])
        if front:
            _system(o)
        o.attributes["type"] = body[0]
        at = text + body[text - 1]
        _label(o, body[text:at])
        yield o.says(Kind.REGISTER, "configuration", str(o.attributes.get("description", "")))
    if at != len(body) or not count:
        yield _raw(said, body, "length_mismatch")
