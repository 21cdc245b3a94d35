"""Requests as American cities publish them: New York's 311 and Chicago's, CSV with a header row.

https://data.cityofnewyork.us (311 Service Requests) and https://data.cityofchicago.org (311 Service Requests). Times are local to the city
and say no zone. A request that was closed before it was created is kept, with a warning: the data has such rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingest.dialects.claims import USABLE_FROM, Reason, Unreadable
from ingest.dialects.hotline import masked, status_of, unreadable_row
from ingest.dialects.makers import json_of, named, number
from ingest.dialects.observation import (
    MOST,
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    accepted,
    ignored,
)
from ingest.dialects.tables import LARGEST_TABLE, csv_rows
from ingest.events import InvalidEvent, Point

_FORMS: Final = (
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y",
)


@dataclass(frozen=True, slots=True)
class City:
    """How one city heads its columns, in lower case with single underscores, and where its clocks stand."""

    name: str
    zone: ZoneInfo
    ident: tuple[str, ...]
    created: tuple[str, ...]
    closed: tuple[str, ...]
    updated: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]


CITIES: Final = (
    City(
        "nyc311",
        ZoneInfo("America/New_York"),
        ("unique_key",),
        ("created_date",),
        ("closed_date",),
        ("resolution_action_updated_date",),
        {
            "category": ("complaint_type", "problem", "problem_(formerly_complaint_type)"),
            "category_detail": ("descriptor", "problem_detail", "problem_detail_(formerly_descriptor)"),
            "unit": ("agency",),
            "unit_name": ("agency_name",),
            "address": ("incident_address",),
            "street": ("street_name",),
            "zipcode": ("incident_zip",),
            "city": ("city",),
            "borough": ("borough",),
            "community_board": ("community_board",),
            "location_type": ("location_type",),
            "channel": ("open_data_channel_type",),
            "resolution": ("resolution_description",),
        },
    ),
    City(
        "chicago311",
        ZoneInfo("America/Chicago"),
        ("sr_number", "service_request_number"),
        ("created_date", "creation_date"),
        ("closed_date", "completion_date"),
        ("last_modified_date",),
        {
            "category": ("sr_type", "type_of_service_request"),
            "category_code": ("sr_short_code",),
            "unit": ("owner_department",),
            "address": ("street_address",),
            "zipcode": ("zip_code",),
            "ward": ("ward",),
            "community_area": ("community_area",),
            "channel": ("origin",),
            "duplicate": ("duplicate",),
            "parent": ("parent_sr_number",),
        },
    ),
)
_DEADLINES: Final = ("due_date",)


def fits(message: Message) -> Fit:
    """Ours by topic or path, or by the headings of either city."""
    if message.topic.lstrip("/").startswith("311/"):
        return Fit.TOPIC
    head = message.payload[:4096].partition(b"\n")[0].lower()
    if head[:1] in {b"[", b"{"}:
        head = message.payload[:4096].lower()
    if b"created" not in head and b"creation" not in head:
        return Fit.NO
    keys = (
        b"unique key",
        b"unique_key",
        b"sr_number",
        b"sr number",
        b"service request number",
        b"service_request_number",
    )
    return Fit.MARKED if any(key in head for key in keys) else Fit.NO


class City311:
    """Keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        found = _records(message)
        if not found:
            return ignored("an empty table")
        rows: list[Observation] = []
        bad: list[Unreadable] = []
        for at, record in enumerate(found, 1):
            try:
                rows.append(_order(_city(record), record))
            except Unreadable as error:
                bad.append(error)
                rows.append(unreadable_row("311", at, str(error)))
        if len(bad) == len(found):
            raise bad[0]
        return accepted(*rows, faults=bad)


def _records(message: Message) -> list[dict[str, Any]]:
    if message.payload.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in {b"[", b"{"}:
        body = json_of(message, LARGEST_TABLE)
        entries = [e for e in (body if isinstance(body, list) else [body]) if isinstance(e, dict)]
        if len(entries) > MOST:
            raise Unreadable(Reason.TOO_BIG, f"{len(entries)} rows; at most {MOST} are taken of one message")
    else:
        entries = list(csv_rows(message.payload))
    names: dict[str, str] = {}
    return [{names.setdefault(k, _heading(k)): v for k, v in entry.items()} for entry in entries]


def _heading(name: str) -> str:
    return "_".join(name.strip().lower().split())


def _city(record: Mapping[str, Any]) -> City:
    for city in CITIES:
        if any(name in record for name in city.ident) and any(name in record for name in city.created):
            return city
    raise Unreadable(Reason.MISSING_FIELD, "neither Unique Key nor SR_NUMBER with the date of creation")


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = (value for name in names if isinstance(value := record.get(name), str | int | float) and value != "")
    return str(next(found, "")).strip()


def _order(city: City, record: Mapping[str, Any]) -> Observation:
    ident = _first(record, city.ident)
    if not ident:
        raise Unreadable(Reason.MISSING_FIELD, "a row without its number")
    warnings: list[str] = []
    created, closed, updated, due = (
        _local(_first(record, names), city.zone, warnings)
        for names in (city.created, city.closed, city.updated, _DEADLINES)
    )
    if created is not None and closed is not None and closed < created:
        warnings.append("closed_before_created")
    word = _first(record, ("status",))
    status = status_of(word)
    if status is None:
        warnings.append("status_unknown" if word else "status_missing")
    value = status.value if status is not None else word[:60] or None
    at = closed if closed is not None and value == "closed" else updated or created
    about: dict[str, Attribute] = {"status_word": word[:60], "order_no": ident}
    about |= {name: masked(text[:1000]) for name, names in city.columns.items() if (text := _first(record, names))}
    about |= {
        name: moment.isoformat()
        for name, moment in (("created", created), ("closed", closed), ("updated", updated), ("deadline", due))
        if moment is not None
    }
    point = _point(record, warnings)
    return Observation(
        Kind.ORDER,
        named(ident),
        "status",
        value,
        gateway=city.name,
        server_at=at,
        key=f"{city.name}:{ident}:{_first(record, city.columns['unit'])[:40]}:{value}:{at.isoformat() if at else ''}",
        warnings=tuple(dict.fromkeys(warnings)),
        attributes=about,
        point=point,
    )


def _local(text: str, zone: ZoneInfo, warnings: list[str]) -> datetime | None:
    """A local time of the city as an instant. In the hour that comes twice the first is meant; a warning says that it is not known."""
    if not text:
        return None
    found = next(_readings(text), None)
    if found is None:
        warnings.append("bad_time")
        return None
    try:
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
            if found.utcoffset() != found.replace(fold=1).utcoffset():
                warnings.append("ambiguous_time")
        at = found.astimezone(UTC)
    except (OverflowError, ValueError):
        warnings.append("bad_time")
        return None
    if at < USABLE_FROM:
        warnings.append("zero_time")
        return None
    return at


def _readings(text: str) -> Iterator[datetime]:
    with suppress(ValueError):
        yield datetime.fromisoformat(text)
    for form in _FORMS:
        try:
            yield datetime.strptime(text[:40], form)  # noqa: DTZ007  the zone is the city's
        except ValueError:
            continue


def _point(record: Mapping[str, Any], warnings: list[str]) -> Point | None:
    lat, lon = number(record.get("latitude")), number(record.get("longitude"))
    if lat is None or lon is None or (lat == 0 and lon == 0):
        return None
    try:
        return Point(float(lat), float(lon))
    except InvalidEvent:
        warnings.append("bad_place")
        return None


ENTRIES: Final = (
    Entry(
        "city311",
        "NYC 311 and Chicago 311 service requests, CSV or JSON rows",
        ("311/{city}", "POST /311/{city}", "files"),
        fits,
        City311,
        largest=LARGEST_TABLE,
    ),
)
