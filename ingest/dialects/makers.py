"""What the plain JSON of device makers has in common: bounded reading, names of devices, words for yes and no, and single values that
become observations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from ingest.dialects.claims import LARGEST, Reason, TimeForm, Unreadable, instant, read_json
from ingest.dialects.observation import Attributes, Kind, Message, Observation, Quality, Value, observed
from ingest.events import IDENT_LENGTH, Mark

LONGEST_WORD: Final = 500  # characters of a value or an attribute that are kept
_MILLISECONDS_FROM: Final = 100_000_000_000  # as seconds this is the year 5138
_TRUE: Final = frozenset({"true", "on", "1", "yes", "open", "detected", "alarm"})
_FALSE: Final = frozenset({"false", "off", "0", "no", "closed", "clear", "normal"})


def json_of(message: Message, largest: int = LARGEST) -> Any:
    """The JSON of a message. Raises `Unreadable`."""
    return read_json(message.payload, largest)


def object_of(message: Message) -> dict[str, Any]:
    """The JSON object of a message. Raises `Unreadable`."""
    body = json_of(message)
    if not isinstance(body, dict):
        raise Unreadable(Reason.BAD_JSON, f"a JSON object is needed, got {type(body).__name__}")
    return body


def word_of(message: Message, limit: int = LONGEST_WORD) -> str:
    """The plain text of a message, its quotes and white space taken off. Raises `Unreadable`."""
    if len(message.payload) > limit * 4:
        raise Unreadable(Reason.TOO_BIG, f"{len(message.payload)} bytes where a word is expected")
    try:
        return message.payload.decode("utf-8").strip().strip('"')
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.BAD_TEXT, f"not UTF-8: {error}") from error


def named(device: object) -> str:
    """The name of a device as the source writes it. Raises `Unreadable` when it cannot be one."""
    if isinstance(device, str) and 0 < len(device) <= IDENT_LENGTH and device.isprintable():
        return device
    raise Unreadable(
        Reason.NO_DEVICE, f"a device is named by 1 to {IDENT_LENGTH} printable characters, not {str(device)[:60]!r}"
    )


def truth(value: object) -> bool | None:
    """Whether a maker's word means yes or no, or None when it means neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    return None


def number(value: object) -> int | float | None:
    """A number, also where it is written as a text, or None. Never infinite and never a boolean."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or not 0 < len(value) <= 40:
        return None
    try:
        found = Decimal(value.strip())
    except ArithmeticError:
        return None
    if not found.is_finite() or abs(found.adjusted()) > 300:
        return None
    return (
        int(found) if found == found.to_integral_value() and "." not in value and abs(found) < 2**63 else float(found)
    )


def scaled(value: float, factor: str) -> int | float:
    """A number times a factor, without the noise of binary fractions."""
    return _plain(Decimal(str(value)) * Decimal(factor))


def celsius(fahrenheit: float) -> int | float:
    """Degrees Celsius to a hundredth, which is finer than any thermometer that speaks Fahrenheit."""
    return _plain(round((Decimal(str(fahrenheit)) - 32) * 5 / 9, 2))


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)


def moment(value: object, *forms: TimeForm) -> tuple[datetime | None, tuple[str, ...]]:
    """The instant a source gives, and what was wrong with it. A time that cannot be read loses the time, never the message.

    Whole numbers are seconds or milliseconds by their size, as these makers let the user choose between them.
    """
    if value is None or value == "":
        return None, ()
    plain = number(value)
    try:
        if plain is not None:
            form = TimeForm.EPOCH_MS if plain >= _MILLISECONDS_FROM else TimeForm.EPOCH_S
            found = instant(plain, form)
        else:
            found = instant(value, *forms)
    except (Unreadable, ValueError, OverflowError, TypeError):
        return None, ("bad_time",)
    return found, () if found is not None else ("zero_time",)


def scalar(value: object) -> Value:
    """A value that an observation can carry; nested ones become compact JSON, long ones are cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST_WORD else text[: LONGEST_WORD - 1] + "…"


def flat(body: Mapping[str, Any], prefix: str = "", levels: int = 4) -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects with their path, as `a.b`; lists of plain values count from 1, as `a.1`."""
    for name, value in body.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and levels > 1:
            yield from flat(value, path + ".", levels - 1)
        elif isinstance(value, list) and value and all(isinstance(v, int | float) for v in value[:16]):
            yield from ((f"{path}.{at}", v) for at, v in enumerate(value[:16], 1))
        else:
            yield path, value


@dataclass(frozen=True, slots=True)
class Said:
    """What all observations of a message have in common."""

    device: str
    gateway: str = ""
    device_at: datetime | None = None
    server_at: datetime | None = None
    key: str = ""
    warnings: tuple[str, ...] = ()
    marks: Mark = Mark.NONE

    def that(
        self,
        kind: Kind,
        metric: str = "",
        value: Value = None,
        unit: str = "",
        attributes: Attributes | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Observation:
        """An observation of this message."""
        return observed(
            kind,
            self.device,
            metric[:64],
            value,
            unit,
            self.gateway,
            self.device_at,
            self.server_at,
            Quality.GOOD,
            self.key,
            self.warnings + warnings if warnings else self.warnings,
            attributes or {},
            None,
            self.marks,
        )

    def alarm(
        self, metric: str, active: bool, attributes: Attributes | None = None, warnings: tuple[str, ...] = ()
    ) -> Observation:
        """An alarm or its end; under a test mark it is a test and neither."""
        kind = Kind.TEST if self.marks & Mark.TEST else Kind.ALARM if active else Kind.CLEAR
        return self.that(kind, metric, active, "", attributes, warnings)

    def fault(self, metric: str, active: bool, attributes: Attributes | None = None) -> Observation:
        """A device out of order, or the statement that it is in order."""
        return self.that(Kind.FAULT if active else Kind.STATE, metric, active, "", attributes)

    def plain(self, metric: str, value: object, unit: str = "", attributes: Attributes | None = None) -> Observation:
        """Telemetry for a number, a state for anything else."""
        kept = scalar(value)
        is_number = isinstance(kept, int | float) and not isinstance(kept, bool)
        return self.that(Kind.TELEMETRY if is_number else Kind.STATE, metric, kept, unit, attributes)

    def temperature(
        self, metric: str, value: float, unit: str, attributes: Mapping[str, Any] | None = None
    ) -> Observation:
        """A temperature in °C, whatever scale the source uses; its own number stays in the attributes."""
        if unit.strip("° ").upper() != "F":
            return self.that(Kind.TELEMETRY, metric, value, unit, attributes)
        own = {**(attributes or {}), "source_value": value, "source_unit": "°F"}
        return self.that(Kind.TELEMETRY, metric, celsius(value), "°C", own)


# ZoneStatus of the ZCL's IAS Zone cluster (0x0500): bit, name, and whether a set bit is a fault.
IAS_ALARMS: Final = 0b11
IAS_TEST: Final = 1 << 8
_IAS_BITS: Final = (
    (2, "tamper", True),
    (3, "battery_low", True),
    (4, "supervision_reports", False),
    (5, "restore_reports", False),
    (6, "trouble", True),
    (7, "ac_status", True),
    (9, "battery_defect", True),
)


def ias_zone(said: Said, status: int, metric: str) -> Iterator[Observation]:
    """What a ZoneStatus says: the alarm by its class, and every fault bit. A set test bit makes it a test."""
    noted: Attributes = {"zone_status": status, "alarm_1": bool(status & 1), "alarm_2": bool(status & 2)}
    if status & IAS_TEST:
        said = replace(said, marks=said.marks | Mark.TEST, warnings=(*said.warnings, "test_bit"))
        yield said.that(Kind.TEST, "test", value=True, attributes=noted)
    yield said.alarm(metric, bool(status & IAS_ALARMS), noted)
    for bit, name, faulty in _IAS_BITS:
        active = bool(status >> bit & 1)
        if faulty:
            yield said.fault(name, active)
        elif active:
            yield said.that(Kind.STATE, name, value=True)
