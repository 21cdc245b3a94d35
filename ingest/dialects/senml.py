"""SenML (RFC 8428) in JSON and CBOR: packs are resolved here, base fields into records and relative times into instants.

A record is named by base name and name together. When both are given, the base name is the device and the name the metric; a name in one
piece is split after the identifier of its device URN (RFC 9039), else at its last slash, else it is the device, and the unit its metric.
"""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import cbor2

from ingest.dialects.alarm_names import alarm_class, alarm_metric
from ingest.dialects.claims import DEEPEST, Reason, TimeForm, Unreadable, instant, read_json
from ingest.dialects.observation import (
    MOST,
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    Value,
    accepted,
    ignored,
)
from ingest.events import IDENT_LENGTH, InvalidEvent, Point

VERSION: Final = 10  # the version of RFC 8428
_RELATIVE: Final = 2**28  # seconds below this are counted from now (4.5.3)
_LONGEST_TEXT: Final = 1024
_LABELS: Final[dict[int, str]] = {  # CBOR's integers for the labels (section 6)
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_VALUES: Final = ("v", "vs", "vb", "vd")
_UNITS: Final[dict[str, str]] = {
    "Cel": "°C",
    "%RH": "%",
    "%EL": "%",
    "l": "L",
    "l/s": "L/s",
    "degC": "°C",
    "mm/h": "mm/h",
}
_METRICS: Final[dict[str, str]] = {  # what a value without a name of its own measures, by its unit
    "Cel": "temperature", "K": "temperature", "%RH": "humidity", "%EL": "battery", "V": "voltage", "Pa": "pressure", "kPa": "pressure",
}  # fmt: skip
_DEVICE_URN: Final = re.compile(r"(urn:dev:[a-z0-9]+:[^/_;:]+)[/_;:]*(.*)", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_VALUED: Final = re.compile(rb'"(?:v|vs|vb|vd|s)"\s*:')
_JOINTS: Final = ":/_;.-"


@dataclass(slots=True)
class Base:
    """The base fields in force: each holds from its record on until it is given anew."""

    name: str = ""
    time: float = 0
    unit: str = ""
    value: float = 0
    sum: float = 0


@dataclass(frozen=True, slots=True)
class Resolved:
    """A record on its own: no base field is needed to read it."""

    name: str  # base name and name
    device: str
    metric: str
    unit: str
    value: Value
    total: float | None
    time: float
    update: float | None


class SenML:
    """Packs are whole in themselves: nothing is remembered."""

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` when it is no pack, or none of its records can be read."""
        pack = read_pack(message.payload)
        records, faults = resolve(pack)
        warnings = tuple(dict.fromkeys(f"bad_record_{fault.reason}" for fault in faults))
        if not records:
            if warnings:
                raise Unreadable(Reason.BAD_VALUE, f"none of {len(pack)} records can be read: {', '.join(warnings)}")
            return ignored("a pack without any value")
        if len(records) > MOST // 2:
            raise Unreadable(Reason.TOO_BIG, f"{len(records)} records; at most {MOST // 2} are read")
        seen = [one for record in records for one in _observations(record, message.received_at, warnings)]
        return accepted(*_placed(seen), faults=faults)


def read_pack(raw: bytes) -> list[Mapping[Any, Any]]:
    """The records of a pack in JSON or CBOR, with labels as texts. Raises `Unreadable`."""
    if raw.lstrip()[:1] in {b"[", b"{"}:
        body = read_json(raw)
    else:
        try:
            body = cbor2.loads(raw, max_depth=DEEPEST, allow_duplicate_keys=False)
        except (cbor2.CBORError, ValueError, ArithmeticError, TypeError, RecursionError) as error:
            deep = "depth" in str(error)
            raise Unreadable(Reason.TOO_DEEP if deep else Reason.BAD_CBOR, str(error)[:200]) from error
        if isinstance(body, list):
            body = [{_LABELS.get(k, k): v for k, v in r.items()} if isinstance(r, dict) else r for r in body]
    if not isinstance(body, list) or not all(isinstance(record, dict) for record in body):
        raise Unreadable(Reason.MISSING_FIELD, "a pack is an array of records")
    return body


def resolve(pack: list[Mapping[Any, Any]]) -> tuple[list[Resolved], tuple[Unreadable, ...]]:
    """The resolved records, and what was wrong with those left out. Raises `Unreadable` for what forbids the pack."""
    base, found, faults = Base(), [], []
    for record in pack:
        must = [label for label in record if isinstance(label, str) and label.endswith("_")]
        if must:
            raise Unreadable(Reason.BAD_VALUE, f"the field {must[0][:40]!r} must be understood, and is not")
        version = record.get("bver", VERSION)
        if type(version) is not int or not 0 < version <= VERSION:
            raise Unreadable(Reason.BAD_VALUE, f"a pack of a later version than {VERSION}")
        _take_base(record, base)  # the records after it hang on its base fields: a bad one forbids the pack
        try:
            resolved = _resolve(record, base)
        except Unreadable as error:
            faults.append(error)
            continue
        if resolved is not None:
            found.append(resolved)
    return found, tuple(faults)


def _take_base(record: Mapping[Any, Any], base: Base) -> None:
    base.name = _text(record, "bn", base.name)
    base.unit = _text(record, "bu", base.unit)
    base.time = _number(record, "bt", base.time)
    base.value = _number(record, "bv", base.value)
    base.sum = _number(record, "bs", base.sum)


def _resolve(record: Mapping[Any, Any], base: Base) -> Resolved | None:
    given = [label for label in _VALUES if label in record]
    if not given and "s" not in record:
        if "n" in record and not set(record) & {"bn", "bt", "bu", "bv", "bs"}:
            raise Unreadable(Reason.NO_VALUE, "a record without value and sum")
        return None  # base fields alone
    if len(given) > 1:
        raise Unreadable(Reason.BAD_VALUE, f"a record with {' and '.join(given)}")
    name = _text(record, "n", "")
    if not base.name and not name:
        raise Unreadable(Reason.NO_DEVICE, "a record without any name")
    unit = _text(record, "u", base.unit)
    device, metric = _split(base.name, name, unit)
    if not all(0 < len(part) <= IDENT_LENGTH and part.isprintable() for part in (device, metric)):
        raise Unreadable(Reason.NO_DEVICE, f"no name that can be kept: {(base.name + name)[:60]!r}")
    total = _sum(base.sum, _number(record, "s", 0)) if "s" in record else None
    update = _number(record, "ut", 0) if "ut" in record else None
    time = _sum(base.time, _number(record, "t", 0))
    value = _value(record, given[0], base) if given else None
    return Resolved(base.name + name, device, metric, unit, value, total, time, update)


def _value(record: Mapping[Any, Any], label: str, base: Base) -> Value:
    if label == "v":
        return _sum(base.value, _number(record, "v", 0))
    raw = record[label]
    if label == "vb":
        if not isinstance(raw, bool):
            raise Unreadable(Reason.BAD_VALUE, "vb is true or false")
        return raw
    if label == "vd" and isinstance(
        raw, bytes
    ):  # CBOR has the bytes, JSON their base64url without padding: one spelling for both
        return urlsafe_b64encode(raw).rstrip(b"=").decode()[:_LONGEST_TEXT]
    if not isinstance(raw, str):
        raise Unreadable(Reason.BAD_VALUE, f"{label} is no text")
    return raw[:_LONGEST_TEXT]


def _number(record: Mapping[Any, Any], label: str, absent: float) -> float:
    value = record.get(label, absent)
    if isinstance(value, Decimal) and value.is_finite():
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(Reason.BAD_VALUE, f"{label} is no number")
    if abs(value) > 1e300 or not math.isfinite(value):
        raise Unreadable(Reason.BAD_VALUE, f"{label} is no finite number")
    return value


def _sum(base: float, value: float) -> float:
    """Base and value together, without the noise that binary fractions would add to what was written in decimal."""
    if not base or not value or (isinstance(base, int) and isinstance(value, int)):
        return base + value
    return float(Decimal(repr(base)) + Decimal(repr(value)))


def _text(record: Mapping[Any, Any], label: str, absent: str) -> str:
    value = record.get(label, absent)
    if not isinstance(value, str) or len(value) > 2 * IDENT_LENGTH:
        raise Unreadable(Reason.BAD_VALUE, f"{label} is no text of at most {2 * IDENT_LENGTH} characters")
    return value


def _observations(record: Resolved, now: datetime, warnings: tuple[str, ...]) -> list[Observation]:
    if _NAME.fullmatch(record.name) is None:
        warnings += ("bad_name",)
    at, breach = _instant(record.time, now)
    attributes: dict[str, Attribute] = {}
    if 0 < abs(record.time) < _RELATIVE:
        attributes["relative_s"] = record.time
    if record.update is not None:
        attributes["update_s"] = record.update
    # a time counted from now is another one each time the pack is sent, so it makes no key
    key = f"senml:{record.name}:{record.time}" if record.time >= _RELATIVE else ""
    unit = _UNITS.get(record.unit, record.unit)
    warnings += breach
    kind = Kind.STATE if isinstance(record.value, str | bool) else Kind.TELEMETRY
    seen = Observation(
        kind, record.device, record.metric, record.value, unit, device_at=at, key=key, warnings=warnings, attributes=attributes
    )  # fmt: skip
    found: list[Observation] = []
    if isinstance(record.value, bool) and (alarm := alarm_class(record.metric)):
        kind = Kind.ALARM if record.value else Kind.CLEAR
        metric = alarm if alarm != record.metric else alarm_metric(alarm)
        seen = replace(seen, kind=kind, metric=metric, attributes={**attributes, "name": record.metric})
    if record.value is not None:
        found.append(seen)
    if record.total is not None:
        unit = f"{unit}·s" if unit else ""
        found.append(replace(seen, kind=Kind.TELEMETRY, metric=f"{record.metric}_sum", value=record.total, unit=unit))
    return found


def _split(base: str, name: str, unit: str) -> tuple[str, str]:
    """The device and the metric of a record's name."""
    if base and name:
        return base.rstrip(_JOINTS) or base, name.lstrip(_JOINTS) or name
    whole, alone = base + name, _METRICS.get(unit, "value")
    urn = _DEVICE_URN.fullmatch(whole)
    if urn:
        return urn[1], urn[2] or alone
    device, _, metric = whole.rpartition("/")
    return (device, metric) if device and metric else (whole.rstrip(_JOINTS) or whole, alone)


def _instant(time: float, now: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    if time >= _RELATIVE:
        try:
            at = instant(time, TimeForm.EPOCH_S)
        except Unreadable:
            return None, ("bad_time",)
        return at, () if at else ("zero_time",)
    if not time:  # now: whoever takes it knows better than we when that is
        return None, ()
    try:
        return (now + timedelta(seconds=time)).astimezone(UTC), ()
    except OverflowError:
        return None, ("bad_time",)


def _placed(seen: list[Observation]) -> list[Observation]:
    """Latitude and longitude of a device in the pack (units `lat` and `lon`, WGS-84) are where its other values were measured."""
    where: dict[str, dict[str, float]] = {}
    for one in seen:
        if one.unit in {"lat", "lon"} and isinstance(one.value, int | float):
            where.setdefault(one.device, {})[one.unit] = one.value
    points: dict[str, Point] = {}
    for device, pair in where.items():
        try:
            points[device] = Point(pair["lat"], pair["lon"])
        except (KeyError, InvalidEvent):
            continue
    return [replace(one, point=points[one.device]) if one.device in points else one for one in seen] if points else seen


def fits(message: Message) -> Fit:
    """By content type; else by an array of records with our labels, in JSON or in CBOR."""
    if message.content_type.lower().startswith(
        ("application/senml+json", "application/senml+cbor", "application/sensml+")
    ):
        return Fit.TOPIC
    raw = message.payload[:512]
    if raw[:1] == b"[" or raw[:1].isspace():
        named = b'"bn"' in raw or b'"n"' in raw
        valued = _VALUED.search(message.payload) is not None
        if not (named and valued and raw.lstrip().startswith(b"[")):
            return Fit.NO
        return Fit.MARKED if b'"bn"' in raw else Fit.CONTENT
    # CBOR: an array whose first element is a map whose first key is one of our integers
    if len(raw) > 3 and 0x81 <= raw[0] <= 0x9F and (0xA1 <= raw[1] <= 0xAF or raw[1] == 0xBF):
        return Fit.CONTENT if raw[2] <= 0x08 or 0x20 <= raw[2] <= 0x25 else Fit.NO
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "senml",
        "RFC 8428 (SenML), JSON and CBOR",
        ("any topic", "application/senml+json", "application/senml+cbor"),
        fits,
        SenML,
    ),
)
