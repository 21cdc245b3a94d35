"""What one Sparkplug metric says: its value by its datatype, its quality, unit and time, as observations.

Integers travel in unsigned fields, so signed ones are two's complement; a value that its datatype cannot hold is no value. A null metric
has none. DataSets, Templates and arrays are laid out flat, within bounds; Bytes and Files are described and not carried.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ingest.dialects import sparkplug_b_pb2
from ingest.dialects.alarm_names import alarm_class, alarm_metric
from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.observation import Attribute, Kind, Observation, Quality, Value
from ingest.dialects.sparkplug_values import BOOLEAN, DATETIME, DOUBLE, FLOAT, Cell, device_time, moment, real, scalar
from ingest.events import Mark

LONGEST_NAME: Final = 256
MOST_CELLS: Final = 256  # of one data set, array or template
DEEPEST_TEMPLATE: Final = 8

DATASET, BYTES, FILE, TEMPLATE = 16, 17, 18, 19
_ARRAYS: Final[dict[int, tuple[str, int]]] = {  # datatype: struct's letter, datatype of an element
    22: ("b", 1), 23: ("h", 2), 24: ("i", 3), 25: ("q", 4), 26: ("B", 5), 27: ("H", 6), 28: ("I", 7), 29: ("Q", 8),
    30: ("f", FLOAT), 31: ("d", DOUBLE), 34: ("q", DATETIME),
}  # fmt: skip
_NAMES: Final[dict[int, str]] = {number: name for name, number in sparkplug_b_pb2.DataType.items()}  # type: ignore[attr-defined]
_UNIT_KEYS: Final = ("engUnit", "engunit", "unit", "units", "Unit", "Units", "EngUnit")
_UNITS: Final[dict[str, str]] = {
    "degC": "°C",
    "C": "°C",
    "Cel": "°C",
    "celsius": "°C",
    "Celsius": "°C",
    "℃": "°C",
    "%RH": "%",
    "lux": "lx",
}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a birth says of a metric. `alarm` is the metric under which it rings, empty when it is no alarm."""

    name: str
    datatype: int
    unit: str = ""
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all observations of one message have in common. `events` is False in a birth, which is a snapshot and rings nobody."""

    device: str
    gateway: str
    server_at: datetime | None
    key: str
    warnings: tuple[str, ...]
    events: bool


def define(metrics: list[Any]) -> tuple[dict[str, Definition], dict[int, str], tuple[str, ...]]:
    """The metrics of a birth by name, their aliases, and what was wrong. An alias given twice stands for nothing (an empty name)."""
    names: dict[str, Definition] = {}
    aliases: dict[int, str] = {}
    warnings: list[str] = []
    for metric in metrics:
        name = metric.name
        if not is_name(name):
            warnings.append("bad_name")
            continue
        alarm = (alarm_class(name) or "") if metric.datatype == BOOLEAN else ""
        if alarm == name:  # of no class that we know
            alarm = alarm_metric(name)
        names[name] = Definition(name, metric.datatype, _unit(metric), alarm)
        if metric.HasField("alias"):
            if aliases.get(metric.alias, name) != name:
                warnings.append("alias_twice")
                name = ""
            aliases[metric.alias] = name
    alarms = [definition.alarm for definition in names.values() if definition.alarm]
    for name, definition in names.items():
        # two alarms of one class on one device would clear each other: each has its own name behind the class
        if definition.alarm and alarms.count(definition.alarm) > 1:
            names[name] = Definition(name, definition.datatype, definition.unit, alarm_metric(name))
    return names, aliases, tuple(dict.fromkeys(warnings))


def is_name(name: object) -> bool:
    """Whether a metric can be kept under this name. A text that is not UTF-8 comes out of protobuf as bytes."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()


def observe(metric: Any, definition: Definition, setting: Setting) -> Iterator[Observation]:
    """The observations of one metric: one, or one a cell of a data set, array or template."""
    datatype = metric.datatype or definition.datatype
    attributes: dict[str, Attribute] = {"datatype": _NAMES.get(datatype, str(datatype))}
    warnings = setting.warnings
    at: datetime | None = None
    if metric.HasField("timestamp"):
        at, breach = device_time(metric.timestamp)
        warnings += breach
    marks = Mark.NONE
    if metric.is_historical:
        marks |= Mark.HISTORICAL
        warnings += ("historical",)
    if definition.alarm:
        attributes["alarm_class"] = alarm_class(definition.name)
    if metric.is_transient:
        attributes["transient"] = True
    if metric.datatype and definition.datatype and metric.datatype != definition.datatype:
        warnings += ("datatype_changed",)
    quality = _quality(metric)
    for suffix, cell in _cells(metric, datatype, attributes, 0):
        worse = max(quality, cell.quality, key=_WORSE.__getitem__)
        kind, name = _kind(cell.value, definition, suffix, worse, events=setting.events)
        if kind is Kind.CLEAR and marks:
            kind = Kind.STATE  # what was over long ago ends nothing now
        yield Observation(
            kind,
            setting.device,
            name,
            cell.value,
            definition.unit,
            setting.gateway,
            at,
            setting.server_at,
            worse,
            setting.key,
            (*warnings, cell.warning) if cell.warning else warnings,
            attributes if name == definition.name else {**attributes, "name": definition.name},
            marks=marks,
        )


_WORSE: Final = {Quality.GOOD: 0, Quality.SUSPECT: 1, Quality.BAD: 2}


def _kind(value: Value, definition: Definition, suffix: str, quality: Quality, *, events: bool) -> tuple[Kind, str]:
    if definition.alarm and isinstance(value, bool) and not suffix:
        # a value that its own source calls bad neither rings nor clears
        if not events or quality is Quality.BAD:
            return Kind.STATE, definition.alarm
        return Kind.ALARM if value else Kind.CLEAR, definition.alarm
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Kind.TELEMETRY if number and events else Kind.STATE, definition.name + suffix


def _unit(metric: Any) -> str:
    if metric.HasField("properties"):
        for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
            unit = value.string_value
            if key in _UNIT_KEYS and isinstance(unit, str) and 0 < len(unit) <= 16:
                return _UNITS.get(unit, unit)
    return ""


def _quality(metric: Any) -> Quality:
    """The standard's property `Quality`: 192 good, 0 bad, 500 stale; the OPC codes between by their upper bits."""
    if not metric.HasField("properties"):
        return Quality.GOOD
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if key in {"Quality", "quality"} and value.WhichOneof("value") in {"int_value", "long_value"}:
            code = value.int_value or value.long_value
            if 192 <= code <= 255:
                return Quality.GOOD
            return Quality.SUSPECT if 64 <= code < 192 or code == 500 else Quality.BAD
    return Quality.GOOD


def _cells(metric: Any, datatype: int, attributes: dict[str, Attribute], depth: int) -> Iterator[tuple[str, Cell]]:
    field = metric.WhichOneof("value")
    if metric.is_null or field is None:
        yield "", Cell(None, Quality.BAD, "null_value" if metric.is_null else "no_value")
    elif field == "dataset_value":
        yield from _data_set(metric.dataset_value, attributes)
    elif field == "template_value":
        yield from _template(metric.template_value, attributes, depth)
    elif field == "bytes_value":
        yield from _bytes(metric, datatype, attributes)
    elif field == "extension_value":
        yield "", Cell(None, Quality.BAD, "bad_value")
    else:
        yield "", scalar(field, getattr(metric, field), datatype)


def _data_set(data: Any, attributes: dict[str, Attribute]) -> Iterator[tuple[str, Cell]]:
    columns, rows = list(data.columns), list(data.rows)
    attributes.update(columns=len(columns), rows=len(rows))
    fits = len(columns) == len(data.types) and all(len(row.elements) == len(columns) for row in rows)
    if not fits or not all(is_name(column) for column in columns):
        yield "", Cell(None, Quality.BAD, "length_mismatch")
    elif not rows or len(columns) * len(rows) > MOST_CELLS:
        yield "", Cell(None, warning="truncated" if rows else "")
    else:
        for number, row in enumerate(rows):
            for column, kind, element in zip(columns, data.types, row.elements, strict=True):
                field = element.WhichOneof("value")
                one = (
                    Cell(None, Quality.BAD, "no_value")
                    if field is None
                    else scalar(field, getattr(element, field), kind)
                )
                yield (f"/{column}" if len(rows) == 1 else f"/{number}/{column}"), one


def _template(template: Any, attributes: dict[str, Attribute], depth: int) -> Iterator[tuple[str, Cell]]:
    if depth >= DEEPEST_TEMPLATE:
        raise Unreadable(Reason.TOO_DEEP, f"templates within templates; {DEEPEST_TEMPLATE} are read")
    if depth == 0 and is_name(template.template_ref):
        attributes["template"] = template.template_ref
    if template.is_definition or not template.metrics or len(template.metrics) > MOST_CELLS:
        attributes["members"] = len(template.metrics)
        yield "", Cell(None, warning="truncated" if len(template.metrics) > MOST_CELLS else "")
        return
    for member in template.metrics:
        if not is_name(member.name):
            yield "", Cell(None, Quality.BAD, "bad_name")
            continue
        for suffix, cell in _cells(member, member.datatype, attributes, depth + 1):
            yield f"/{member.name}{suffix}", cell


def _bytes(metric: Any, datatype: int, attributes: dict[str, Attribute]) -> Iterator[tuple[str, Cell]]:
    raw = metric.bytes_value
    if datatype in _ARRAYS:
        letter, element = _ARRAYS[datatype]
        size = struct.calcsize(letter)
        attributes["elements"] = len(raw) // size
        if len(raw) % size:
            yield "", Cell(None, Quality.BAD, "length_mismatch")
            return
        kept = raw[: MOST_CELLS * size]
        short = "truncated" if len(kept) < len(raw) else ""
        for number, (value,) in enumerate(struct.iter_unpack(f"<{letter}", kept)):
            one = (
                real(value, element)
                if element in {FLOAT, DOUBLE}
                else moment(value)
                if element == DATETIME
                else Cell(value)
            )
            yield f"/{number}", Cell(one.value, one.quality, one.warning or short)
        if not kept:
            yield "", Cell(None)
        return
    attributes["bytes"] = len(raw)
    if metric.HasField("metadata") and is_name(metric.metadata.file_name):
        attributes["file_name"] = metric.metadata.file_name
    yield "", Cell(None)
