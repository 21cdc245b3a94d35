"""What Open311 shows and takes: services, cases that a call began or joined, and a new request as a call. Pure.

A caller is in none of it: a case knows neither the number nor the words of whoever called.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib import resources
from typing import Any, Final

from alerts.alert import Alert, Entry, Handling
from ingest.dialects.claims import Unreadable
from ingest.dialects.makers import number
from ingest.dialects.open311 import LONGEST, read_form
from ingest.dialects.open311_answers import Service, ServiceRequest
from ingest.events import InvalidEvent, Point, digest
from ingest.registry import Registry
from streams.signal import Origin

OTHER: Final = "other"
SPAN: Final = timedelta(days=90)  # which a question about a time may span, and spans when it names none
MOST: Final = 1000  # requests of one answer
_CHINA: Final = timezone(timedelta(hours=8))
# Cases that are not the public's: nobody was called for them.
_HIDDEN: Final = frozenset({Handling.TEST, Handling.SUPPRESSED})


class Wrong(ValueError):
    """A request that cannot be taken, with the standard's code: 400 for a field, 404 for a service."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Offer:
    """What `open311.toml` says."""

    services: Mapping[str, Service]
    stands: Mapping[str, str]
    notice: str

    def service(self, kind: str) -> Service:
        """The service that a kind of alert belongs to."""
        return self.services.get(kind) or self.services[OTHER]


@cache
def offer() -> Offer:
    """The services there are, in order."""
    said = tomllib.loads(resources.files("api.http").joinpath("open311.toml").read_text(encoding="utf-8"))
    services = [
        Service(s["code"], s["name"], s["description"], keywords=s["code"], group=s["group"]) for s in said["service"]
    ]
    return Offer({s.service_code: s for s in services}, said["stands"], said["notice"])


def call_of(body: bytes, today: datetime) -> dict[str, Any]:
    """The form of a new request as the hotline's call, in the words of `POST /api/v1/calls`. Raises `Wrong`.

    The same form gives the same number for a day, so that one who heard no answer may send it again.
    """
    try:
        form = {name: value.strip() for name, value in read_form(body).items()}
    except Unreadable as error:
        raise Wrong(400, str(error)) from error
    code = form.get("service_code", "")
    if not code:
        raise Wrong(400, "service_code was not provided 未提供 service_code")
    service = offer().services.get(code)
    if service is None:
        raise Wrong(404, "service_code was not found 没有这项服务")
    point, address = _point(form), form.get("address_string") or form.get("address_id") or ""
    if point is None and not address:
        raise Wrong(400, "lat and long, address_string or address_id must be provided 请提供坐标或地址")
    text = form.get("description", "")
    if len(text) > LONGEST or len(address) > 400:
        raise Wrong(400, f"description has at most {LONGEST} characters, an address 400 内容过长")
    same = digest(*(f"{name}={value}" for name, value in sorted(form.items()) if name != "api_key"))
    said: dict[str, Any] = {
        "id": f"open311-{today.astimezone(_CHINA):%Y%m%d}-{same}", "text": text, "category": service.service_name,
        "address": address, "channel": "open311",
    }  # fmt: skip
    if point is not None:
        said |= {"lat": point.lat, "lon": point.lon}
    if form.get("phone"):
        said["caller"] = form["phone"][:64]
    return said


def _point(form: Mapping[str, str]) -> Point | None:
    """WGS-84; 0/0 is what a telephone says that does not know. Raises `Wrong`."""
    given = form.get("lat", ""), form.get("long", "")
    if given == ("", ""):
        return None
    lat, lon = number(given[0]), number(given[1])
    if lat == 0 and lon == 0:
        return None
    try:
        return Point(float("nan" if lat is None else lat), float("nan" if lon is None else lon))
    except InvalidEvent as error:  # what is no number is nowhere
        raise Wrong(400, "lat and long must be degrees in WGS-84 坐标应为 WGS-84 度数") from error


@dataclass(frozen=True, slots=True)
class Asked:
    """Which requests somebody asks for. Empty texts do not filter; `start` and `end` are about when a request was made."""

    idents: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    def fits(self, request: ServiceRequest) -> bool:
        """Whether this is one of them; a list of ids overrides everything else."""
        if self.idents:
            return request.service_request_id in self.idents
        at = request.requested_datetime
        return (
            (not self.codes or request.service_code in self.codes)
            and (not self.statuses or request.status in self.statuses)
            and (at is None or ((self.start is None or at >= self.start) and (self.end is None or at <= self.end)))
        )


def asked(query: Mapping[str, str], now: datetime) -> Asked:
    """The question in a query. Without times it is about the last 90 days, which it may not exceed. Raises `Wrong`."""
    start, end = _instant(query, "start_date"), _instant(query, "end_date")
    if start is None and end is None:
        start = now - SPAN
    elif start is None and end is not None:
        start = end - SPAN
    elif end is None and start is not None:
        end = start + SPAN
    if start is not None and end is not None and not timedelta() <= end - start <= SPAN:
        raise Wrong(400, "start_date and end_date may span 90 days at most 时间跨度最多 90 天")
    statuses = _listed(query, "status")
    if set(statuses) - {"open", "closed"}:
        raise Wrong(400, "status is open or closed 状态只有 open 与 closed")
    return Asked(_listed(query, "service_request_id"), _listed(query, "service_code"), statuses, start, end)


def _listed(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part for text in query.get(name, "").split(",")[:MOST] if (part := text.strip()))


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that was not encoded arrives as a space
    except ValueError as error:
        raise Wrong(400, f"{name} is a w3 time such as 2026-03-01T08:00:00Z 时间格式有误") from error
    if found.tzinfo is None:
        raise Wrong(400, f"{name} must carry its offset 时间须带时区")
    if not 1970 <= found.year < 9000:
        raise Wrong(400, f"{name} is out of range 时间超出范围")
    return found


def wants_timeline(alert: Alert) -> bool:
    """Whether only the timeline tells which of a case's subjects are calls, and when each of them was made."""
    return Origin.HOTLINE.value in alert.origins and (len(alert.origins) > 1 or len(alert.subjects) > 1)


def requests_of(alert: Alert, timeline: Iterable[Entry], registry: Registry) -> Iterator[ServiceRequest]:
    """A case as the public may see it, once for each call in it; nothing for a case without a call, or one that was only a test."""
    if Origin.HOTLINE.value not in alert.origins or alert.handling in _HIDDEN:
        return
    said = offer()
    service, township = said.service(alert.kind), registry.grids.get(alert.place.township)
    point = alert.place.point
    for ident, at in (_calls(timeline) if wants_timeline(alert) else _only(alert)).items():
        yield ServiceRequest(
            ident,
            "closed" if alert.handling.over else "open",
            said.stands.get(alert.handling.value, ""),
            service.service_name,
            service.service_code,
            agency_responsible=township.name if township else "",
            requested_datetime=at,
            updated_datetime=max(
                (*alert.stages.values(), *((alert.last_seen,) if alert.last_seen else ())), default=at
            ),
            lat=point.lat if point else None,
            long=point.lon if point else None,
        )


def _only(alert: Alert) -> dict[str, datetime | None]:
    return {ident: alert.stages.get("event_at") for ident in alert.subjects}


def _calls(timeline: Iterable[Entry]) -> dict[str, datetime | None]:
    found: dict[str, datetime | None] = {}
    for entry in timeline:
        if entry.detail.get("origin") == Origin.HOTLINE.value and entry.detail.get("event_at"):
            found.setdefault(str(entry.detail["subject"]), datetime.fromisoformat(entry.detail["event_at"]))
    return found
