"""What a platform or codec says by names: `{"temperature": 21.5, "smoke_state": 1}` becomes telemetry, states, alarms and clears.

Shared by the dialects whose bodies are maps of names and values. Only names and words of the tables here are taken for more than a number
or a state, and only with a value that says yes or no: everything else keeps its own name and rings nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import orjson

from ingest.dialects.claims import DEEPEST, Reason, TimeForm, Unreadable, instant
from ingest.dialects.observation import Attributes, Kind, Observation, Quality, Value
from ingest.dialects.observation import observed as make
from ingest.dialects.value_names import ALARMS, FAULTS, MEASURES, SETTINGS, TESTS, plain, truth
from ingest.events import IDENT_LENGTH, Mark, Point, digest

_IN_SECONDS: Final = (946_684_800, 100_000_000_000)  # from 2000 on; as milliseconds these are before 1973
_EPOCHS: Final = frozenset({TimeForm.EPOCH_S, TimeForm.EPOCH_MS})
MOST_NAMES: Final = 1024  # values of one message
NAME_LENGTH: Final = 64
TEXT_LENGTH: Final = 1000  # characters of a word or text that are kept
HEX_LENGTH: Final = 2048  # hex digits of an undecoded body that are kept


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said, before it is known who said it and when."""

    kind: Kind
    metric: str
    value: Value = None
    unit: str = ""
    quality: Quality = Quality.GOOD
    warnings: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    marks: Mark = Mark.NONE
    device_at: datetime | None = None
    point: Point | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Who says it, when, and what the envelope adds to everything in it."""

    device: str
    gateway: str = ""
    device_at: datetime | None = None
    server_at: datetime | None = None
    key: str = ""
    warnings: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    marks: Mark = Mark.NONE
    point: Point | None = None


def observed(origin: Origin, said: Iterable[Said]) -> tuple[Observation, ...]:
    """The observations of one envelope; what was said overrules the envelope in time and place."""
    return tuple(
        make(
            one.kind,
            origin.device,
            one.metric,
            one.value,
            one.unit,
            origin.gateway,
            one.device_at or origin.device_at,
            origin.server_at,
            one.quality,
            origin.key,
            origin.warnings + one.warnings,
            {**origin.attributes, **one.attributes},
            one.point or origin.point,
            origin.marks | one.marks if origin.marks and one.marks else origin.marks or one.marks,
        )
        for one in said
    )


def ident(value: object, what: str) -> str:
    """A device's or gateway's name as its source writes it. Raises `Unreadable` for one that cannot be a name."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or len(value) > IDENT_LENGTH or not value.isprintable():
        raise Unreadable(Reason.NO_DEVICE, f"{what} is {str(value)[:40]!r}, no name of 1 to {IDENT_LENGTH} characters")
    return value


def fingerprint(*parts: object) -> str:
    """A short key of values out of JSON, the same whatever order their names are in. Raises `Unreadable` when they are too deep."""
    try:
        return digest(*(orjson.dumps(part, option=orjson.OPT_SORT_KEYS).decode() for part in parts))
    except TypeError as error:
        raise Unreadable(Reason.TOO_DEEP, str(error)[:200]) from error


def moment(value: object, *forms: TimeForm) -> tuple[datetime | None, tuple[str, ...]]:
    """An instant, and what was wrong with it: `zero_time` for one that says nothing, `bad_time` for one that cannot be read.

    Where milliseconds are due, a number that would be long before there were devices is in seconds (`time_in_seconds`).
    """
    if isinstance(value, str) and value.isdecimal() and len(value) <= 13 and forms[0] in _EPOCHS:
        value = int(value)  # some platforms put their numbers into quotes
    if (
        forms[:1] == (TimeForm.EPOCH_MS,)
        and isinstance(value, int | float)
        and _IN_SECONDS[0] <= value < _IN_SECONDS[1]
    ):
        return moment(value, TimeForm.EPOCH_S)[0], ("time_in_seconds",)
    try:
        found = instant(value, *forms) if isinstance(value, str | int | float) or value is None else None
    except Unreadable:
        return None, ("bad_time",)
    return found, (() if found else ("zero_time",))


def place(lat: object, lon: object) -> Point | None:
    """The position in WGS-84, or None for none: 0/0 is what devices without a fix say."""
    if (
        not isinstance(lat, int | float)
        or not isinstance(lon, int | float)
        or isinstance(lat, bool)
        or isinstance(lon, bool)
    ):
        return None
    if (lat == 0 and lon == 0) or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    return Point(float(lat), float(lon))


def mapping(value: object) -> Mapping[str, Any]:
    """The object, or an empty one for anything else: a field of the wrong shape is as good as absent."""
    return value if isinstance(value, dict) else {}


def kept(name: str, raw: bytes, warning: str) -> Said:
    """Bytes that nobody could read: the device has spoken, and the bytes are there for whoever teaches us the format."""
    cut = ("truncated",) if len(raw) * 2 > HEX_LENGTH else ()
    return Said(
        Kind.STATE,
        name,
        None,
        "",
        Quality.BAD,
        (warning, *cut),
        {"payload_hex": raw.hex()[:HEX_LENGTH], "payload_bytes": len(raw)},
    )


def read_named(values: Mapping[str, Any]) -> tuple[Said, ...]:
    """Everything the map says. A test in it makes all of it a test; records under `history` are historical and have their own time.

    Raises `Unreadable` when it is too deep or too long.
    """
    said = _distinct(values)
    said += tuple(one for record in _history(values) for one in record)
    if any(one.kind is Kind.TEST for one in said):
        said = tuple(replace(one, marks=one.marks | Mark.TEST) for one in said)
    return said


def _distinct(values: Mapping[str, Any]) -> tuple[Said, ...]:
    """The first of several under one name has it; the others, deeper down or elsewhere, have the whole path."""
    said: list[Said] = []
    taken: set[str] = set()
    for path, value in _flat(values):
        one = _one(path, value)
        again = one.metric in taken and one.metric != path and "." in path
        said.append(replace(one, metric=path[-NAME_LENGTH:]) if again and path.isprintable() else one)
        taken.add(one.metric)
    return unsilenced(said)


def unsilenced(said: Iterable[Said]) -> tuple[Said, ...]:
    """Two names of one class in a message: the one that is well does not end the alarm of the other, and is a state under its own name."""
    said = tuple(said)
    ringing = {one.metric for one in said if one.kind is Kind.ALARM}
    return tuple(
        replace(one, kind=Kind.STATE, metric=str(one.attributes.get("name", one.metric))[:NAME_LENGTH])
        if one.kind is Kind.CLEAR and one.metric in ringing
        else one
        for one in said
    )


def point_in(values: Mapping[str, Any]) -> Point | None:
    """The device's own position when the map has one under its usual names."""
    for lat, lon in (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng")):
        found = place(values.get(lat), values.get(lon))
        if found is not None:
            return found
    return None


def _flat(values: Mapping[str, Any], before: str = "", level: int = 0) -> Iterator[tuple[str, object]]:
    if level > DEEPEST:
        raise Unreadable(Reason.TOO_DEEP, f"more than {DEEPEST} levels of nesting")
    if len(values) > MOST_NAMES:
        raise Unreadable(Reason.TOO_BIG, f"{len(values)} values; at most {MOST_NAMES} are read of one message")
    for name, value in values.items():
        path = f"{before}{name}"
        if isinstance(value, dict):
            yield from _flat(value, path + ".", level + 1)
        elif value is not None and not isinstance(value, list):
            yield path, value


def _history(values: Mapping[str, Any]) -> Iterator[tuple[Said, ...]]:
    records = values.get("history")
    if not isinstance(records, list):
        return
    if len(records) > MOST_NAMES:
        raise Unreadable(Reason.TOO_BIG, f"{len(records)} records; at most {MOST_NAMES} are read of one message")
    for record in records:
        if isinstance(record, dict):
            at, warnings = moment(record.get("timestamp"), TimeForm.EPOCH_S, TimeForm.ISO)
            rest = {name: value for name, value in record.items() if name != "timestamp"}
            yield tuple(
                replace(_one(name, value), device_at=at, marks=Mark.HISTORICAL, warnings=("historical", *warnings))
                for name, value in _flat(rest)
            )


def _one(name: str, value: object) -> Said:
    if not name.isprintable() or not name or len(name) > NAME_LENGTH:  # an alarm is not lost over its neighbour's name
        short = "".join(c for c in name if c.isprintable())[:NAME_LENGTH] or "unnamed"
        return replace(_one(short, value), warnings=("name_changed",))
    last = name.rpartition(".")[2]
    word = plain(last)
    yes = truth(value)
    if word in TESTS and yes is not None:
        return Said(Kind.TEST if yes else Kind.STATE, "test", yes)
    alarm = ALARMS.get(word) or (last if word.endswith("alarm") and not SETTINGS.search(word) else None)
    if isinstance(value, str) and value.lower().startswith("testing alarm"):
        return Said(Kind.TEST, alarm or "alarm", value=True, attributes={"event": value[:TEXT_LENGTH]})
    if word in FAULTS and yes is not None:
        return Said(Kind.FAULT if yes else Kind.CLEAR, FAULTS[word], yes, attributes={"name": name})
    if alarm and yes is not None:
        return Said(Kind.ALARM if yes else Kind.CLEAR, alarm, yes, attributes={"name": name})
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Said(Kind.STATE, name, value if isinstance(value, bool) else str(value)[:TEXT_LENGTH])
    metric, unit = MEASURES.get(word, (name, ""))
    if not math.isfinite(value) or abs(value) > 2**63:
        return Said(Kind.TELEMETRY, metric, None, unit, Quality.BAD, ("not_finite",))
    if alarm:  # a number where the table has an alarm: without its unit it is compared with nothing
        return Said(Kind.TELEMETRY, metric, value, unit, Quality.SUSPECT, ("unit_unknown",))
    return Said(Kind.TELEMETRY, metric, value, unit)
