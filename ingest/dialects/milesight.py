"""Milesight FRMPayloads: repeated (channel, type, value), little-endian.

The type mostly says what a value is. Types 00 and 7D do not, nor do history records: there the model decides, which comes from the device
profile or from the other channels. Where neither tells, nothing is guessed: the number is kept as a state with `model_unknown`. A frame
ends at the first channel whose length is not known; what was read before it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from ingest.dialects.claims import USABLE_FROM
from ingest.dialects.milesight_tables import (
    ALARMS,
    BITS,
    FAILED,
    GAS_REPORTS,
    GASES,
    HUMIDITY,
    MODELS,
    MOTIONS,
    OTHERS,
    OWN,
    PRESSES,
    RECORDS,
    SCALES,
    SWITCHES,
    TEMPERATURE,
    TRACES,
    Bit,
    Part,
    Scale,
    Skip,
)
from ingest.dialects.named_values import MOST_NAMES, Said, place
from ingest.dialects.observation import Kind, Quality
from ingest.dialects.smoke_events import smoke_event
from ingest.dialects.value_names import plain
from ingest.events import Mark

PORT: Final = 85  # the application port of every Milesight device
_HISTORY: Final = (0x20, 0xCE)
_SELF: Final = (0xFE, 0xFF)
_EXCEPTIONS: Final = frozenset({(0xB3, 0x67), (0xB4, 0x68)})  # a thermometer or hygrometer that cannot be read
_UNSURE: Final = (TEMPERATURE, HUMIDITY, Bit("status"))  # the commonest record, when it is alone in a frame and fits


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame says, what the device says of itself, and which model it was read as (empty when it does not matter)."""

    said: tuple[Said, ...]
    attributes: Mapping[str, str]
    model: str
    rest: bytes = b""  # from the first channel on that is not known


@lru_cache(maxsize=1024)
def model_of(name: str) -> str:
    """The model that a device profile names, empty for none that is known."""
    word = plain(name)
    return next((model for part, model in MODELS if part in word), "")


def read_milesight(raw: bytes, profile: str = "") -> Frame:
    """Everything a frame says, up to the first channel that is not known."""
    model = model_of(profile)
    if model in {"", "gs524n"} and is_smoke_alarm(raw):
        return Frame(_smoke_alarm(raw), {}, "gs524n")
    return _Reader(raw, model).read()


def is_smoke_alarm(raw: bytes) -> bool:
    """Whether the six bytes are a GS524N's: versions, sensor type 1, and all bytes together zero."""
    return len(raw) == 6 and raw[0] & 15 > 0 and raw[1] >> 4 == 1 and not sum(raw) & 0xFF


def _smoke_alarm(raw: bytes) -> tuple[Said, ...]:
    event = smoke_event(raw[1] & 15)
    test = Mark.TEST if any(one.marks & Mark.TEST for one in event) else Mark.NONE
    return (
        *(replace(one, marks=one.marks | test) for one in event),
        Said(Kind.TELEMETRY, "battery", raw[2], "%", marks=test),
        Said(Kind.TELEMETRY, "smoke_concentration", raw[3], "%", marks=test),
        Said(Kind.TELEMETRY, "temperature", int.from_bytes(raw[4:5], signed=True), "°C", marks=test),
    )


class _Reader:
    """One pass over one frame."""

    def __init__(self, raw: bytes, model: str) -> None:
        self.raw, self.model = raw, model
        self.said: list[Said] = []
        self.attributes: dict[str, str] = {}
        if not model or model == "em300":
            self.model = self._traced() or model

    def read(self) -> Frame:
        raw, at = self.raw, 0
        while at + 2 <= len(raw) and len(self.said) < MOST_NAMES:
            size = self._length(at)
            if size is None or at + 2 + size > len(raw):
                break
            self._part(raw[at], raw[at + 1], raw[at + 2 : at + 2 + size])
            at += 2 + size
        return Frame(tuple(self.said), self.attributes, self.model, raw[at:])

    def _traced(self) -> str:
        """The model by the channels that stand in the frame; a pass over lengths only."""
        at, seen = 0, set()
        while at + 2 <= len(self.raw):
            size = self._length(at)
            if size is None:
                break
            seen.add((self.raw[at], self.raw[at + 1]))
            at += 2 + size
        return next((model for traces, model in TRACES if traces <= seen), "")

    def _length(self, at: int) -> int | None:
        channel, kind = self.raw[at], self.raw[at + 1]
        if channel in _SELF:
            return OWN.get(kind)
        if (channel, kind) == _HISTORY:
            return 4 + sum(part.size for part in self._record_parts(at))
        if (channel, kind) in _EXCEPTIONS:
            return 1
        if channel & 0x80 and kind in ALARMS:
            return 5 if channel == 0x94 else ALARMS[kind][1]
        scale = SCALES.get(kind)
        return scale.size if scale else OTHERS.get(kind)

    def _record_parts(self, at: int) -> tuple[Part, ...]:
        """By the model; else the commonest form when the frame is records of that length; else all that is left is one record."""
        parts = RECORDS.get(self.model)
        if parts:
            return parts
        left = len(self.raw) - at
        if left % 10 == 0 and all(
            self.raw[n : n + 2] == bytes(_HISTORY) and self._plausible(n) for n in range(at, len(self.raw), 10)
        ):
            return _UNSURE
        return (Skip(max(left - 6, 0)),)

    def _plausible(self, at: int) -> bool:
        degrees = int.from_bytes(self.raw[at + 6 : at + 8], "little", signed=True)
        return -500 <= degrees <= 1000 and 0 < self.raw[at + 8] <= 200 and self.raw[at + 9] <= 1

    def _part(self, channel: int, kind: int, body: bytes) -> None:
        if channel in _SELF:
            self._own(kind, body)
        elif (channel, kind) == _HISTORY:
            self._record(body)
        elif (channel, kind) in _EXCEPTIONS:
            self.said.append(
                Said(
                    Kind.FAULT if body[0] else Kind.CLEAR, "sensor_fault", bool(body[0]), attributes={"status": body[0]}
                )
            )
        elif channel & 0x80 and kind in ALARMS:
            self.said += _alarm(channel, kind, body)
        elif kind in SCALES:
            self.said.append(_measured(SCALES[kind], body, failing=channel == 0x09))
        elif kind == 0x00 and (channel, self.model) in BITS and body[0] <= 1:
            self.said.append(_bit(BITS[channel, self.model], body[0]))
        elif kind == 0x01 and channel in SWITCHES:
            self.said.append(Said(Kind.STATE, SWITCHES[channel], bool(body[0])))
        elif kind == 0x7D and (channel, self.model) in GASES:
            self.said.append(_measured(GASES[channel, self.model], body))
        elif (
            kind == 0x8E and channel == 0x05 and self.model in {"", "gs101"}
        ):  # elsewhere the type says that somebody is there
            self.said.append(_bit(Bit("gas_alarm", alarm=True), body[0]))
        elif kind in {0xCF, 0xD4}:
            self.said += _angles(kind, body)
        elif kind == 0x88:
            self.said.append(_location(body))
        else:
            name, value = f"channel_{channel:02x}_{kind:02x}", int.from_bytes(body[:6], "little")
            self.said.append(Said(Kind.STATE, name, value, quality=Quality.SUSPECT, warnings=("model_unknown",)))

    def _own(self, kind: int, body: bytes) -> None:
        if kind in {0x08, 0x16}:
            self.attributes["sn"] = body.hex()
        elif kind == 0x09:
            self.attributes["hardware_version"] = f"v{body[0]:x}.{body[1] >> 4}"
        elif kind == 0x0A:
            self.attributes["firmware_version"] = f"v{body[0]:x}.{body[1]:x}"
        elif kind == 0x0B:
            self.said.append(Said(Kind.ONLINE, ""))
        elif kind == 0x2E:
            press = PRESSES.get(body[0], "unknown")
            sos = Said(Kind.ALARM, "sos_alarm", value=True, attributes={"button": press})
            self.said.append(sos if self.model == "ws101-sos" else Said(Kind.STATE, "button", press))
        elif kind == 0x3F:
            report = GAS_REPORTS.get(body[0], Said(Kind.STATE, "alarm_report", body[0], warnings=("vendor_type",)))
            self.said.append(replace(report, attributes={"alarm_report": body[0]}))

    def _record(self, body: bytes) -> None:
        """A record that a device kept while nobody heard it: with its own time, and never as news."""
        at = datetime.fromtimestamp(int.from_bytes(body[:4], "little"), UTC)
        zero = at < USABLE_FROM
        parts = RECORDS.get(self.model) or (_UNSURE if len(body) == 8 else ())
        sure = self.model in RECORDS
        warnings = ("historical", *(("zero_time",) if zero else ()), *(() if sure else ("model_unknown",)))
        said, start = [], 4
        for part in parts:
            piece = body[start : start + part.size]
            start += part.size
            if isinstance(part, Scale):
                said.append(_measured(part, piece))
            elif isinstance(part, Bit):
                said.append(_bit(part, piece[0]))
        if not parts:
            said = [Said(Kind.STATE, "history", None, quality=Quality.BAD, attributes={"record_hex": body.hex()})]
        for one in said:
            quality = Quality.SUSPECT if one.quality is Quality.GOOD and not sure else one.quality
            self.said.append(
                replace(
                    one,
                    marks=Mark.HISTORICAL,
                    device_at=None if zero else at,
                    warnings=(*warnings, *one.warnings),
                    quality=quality,
                )
            )


def _measured(scale: Scale, body: bytes, *, failing: bool = False) -> Said:
    """A number, or that the sensor failed. A thermometer's 0xFFFF is minus 0.1 degrees, except at the current transformers (`failing`)."""
    raw, pattern = int.from_bytes(body, "little", signed=scale.signed), int.from_bytes(body, "little")
    failed = FAILED.get(pattern) if scale.size == 2 and (failing or not scale.signed) else None
    if failed:
        return Said(Kind.TELEMETRY, scale.metric, None, scale.unit, Quality.BAD, (failed,), {"raw": pattern})
    value = raw if scale.by == 1 else raw / scale.by
    return Said(Kind.TELEMETRY, scale.metric, value, scale.unit, attributes={scale.raw: raw} if scale.raw else {})


def _bit(bit: Bit, value: int) -> Said:
    if value > 1:  # not a yes or no after all
        return Said(
            Kind.STATE, bit.metric.removesuffix("_alarm"), value, quality=Quality.SUSPECT, warnings=("vendor_type",)
        )
    if bit.alarm:
        return Said(Kind.ALARM if value else Kind.CLEAR, bit.metric, bool(value))
    return Said(Kind.STATE, bit.metric, bool(value))


def _alarm(channel: int, kind: int, body: bytes) -> tuple[Said, ...]:
    """A value that has crossed a limit, and whether it did or is back: bits 0 and 2 of four for a current, else anything but 0."""
    scale, status = ALARMS[kind][0], body[-1]
    value = _measured(scale, body[4:6] if kind == 0x98 else body[:2])
    attributes: dict[str, int | float | str | bool | None] = {"status": status, "limit_of": value.value}
    if kind == 0x98:
        attributes |= {
            "highest": int.from_bytes(body[:2], "little") / 100,
            "lowest": int.from_bytes(body[2:4], "little") / 100,
        }
    elif len(body) == 5:
        attributes["change_raw"] = int.from_bytes(body[2:4], "little", signed=True)
    on = bool(status & 0b0101) if kind == 0x98 else bool(status)
    if channel == 0xB4:  # a radar that sees nothing is out of order, whatever the level is
        return value, Said(Kind.FAULT if on else Kind.CLEAR, "sensor_fault", on, attributes=attributes)
    return value, Said(Kind.ALARM if on else Kind.CLEAR, f"{scale.metric}_alarm", on, attributes=attributes)


def _angles(kind: int, body: bytes) -> list[Said]:
    """Three angles and which of them is past its limit: in the lowest bit of each, or in a byte of their own."""
    words = [int.from_bytes(body[n : n + 2], "little", signed=True) for n in (0, 2, 4)]
    if kind == 0xD4:
        angles, past = [(word >> 1) / 100 for word in words], [word & 1 for word in words]
    else:
        angles, past = [word / 100 for word in words], [body[6] >> n & 1 for n in range(3)]
    said = [Said(Kind.TELEMETRY, f"angle_{axis}", angle, "°") for axis, angle in zip("xyz", angles, strict=True)]
    axes = "".join(axis for axis, one in zip("xyz", past, strict=True) if one)
    return [*said, Said(Kind.ALARM if axes else Kind.CLEAR, "tilt_alarm", bool(axes), attributes={"axes": axes})]


def _location(body: bytes) -> Said:
    """Longitude, latitude in millionths of a degree, and how it moves."""
    lon, lat = (int.from_bytes(body[n : n + 4], "little", signed=True) / 1_000_000 for n in (0, 4))
    motion = body[8] & 15
    word = MOTIONS[motion] if motion < len(MOTIONS) else "unknown"
    return Said(Kind.STATE, "location", word, attributes={"geofence": body[8] >> 4}, point=place(lat, lon))
