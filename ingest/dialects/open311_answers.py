"""Open311 GeoReport v2, going out: our orders and services as the XML that the interface wants and the JSON that it allows.

Pure: whoever serves HTTP picks the format by the path (`format_of`) and sends the bytes. Nothing of a caller is ever in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from xml.sax.saxutils import escape

import orjson

from ingest.dialects.hotline import Status, WorkOrder, discreet

_DONE: Final = frozenset({Status.CLOSED, Status.REJECTED, Status.VOID})
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Format(StrEnum):
    XML = "xml"
    JSON = "json"

    @property
    def content_type(self) -> str:
        """The media type of an answer."""
        return "text/xml; charset=utf-8" if self is Format.XML else "application/json; charset=utf-8"


def format_of(path: str) -> Format:
    """The format that a path asks for; XML is the one that the interface requires."""
    return Format.JSON if path.partition("?")[0].endswith(".json") else Format.XML


@dataclass(frozen=True, slots=True)
class Service:
    """A kind of request that can be made."""

    service_code: str
    service_name: str
    description: str = ""
    metadata: bool = False
    type: str = "realtime"
    keywords: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A request as the public sees it. Its times are aware."""

    service_request_id: str
    status: str  # open or closed
    status_notes: str = ""
    service_name: str = ""
    service_code: str = ""
    description: str = ""
    agency_responsible: str = ""
    service_notice: str = ""
    requested_datetime: datetime | None = None
    updated_datetime: datetime | None = None
    expected_datetime: datetime | None = None
    address: str = ""
    address_id: str = ""
    zipcode: str = ""
    lat: float | None = None
    long: float | None = None
    media_url: str = ""


def request_of(order: WorkOrder) -> ServiceRequest | None:
    """A work order as the public may see it; None for a confidential one."""
    if order.secret or not order.order_no:
        return None
    order = discreet(order)
    return ServiceRequest(
        order.order_no,
        "closed" if order.status in _DONE else "open",
        order.reply,
        order.category or order.title,
        order.category_code,
        order.content or order.title,
        order.unit,
        "",
        order.accept_time or order.call_time,
        order.at,
        order.delayed_deadline or order.deadline,
        order.address,
        lat=order.point.lat if order.point else None,
        long=order.point.lon if order.point else None,
    )


def render_services(services: Iterable[Service], form: Format) -> bytes:
    """The list of services."""
    return _render("services", "service", [_plain(s) for s in services], form)


def render_requests(requests: Iterable[ServiceRequest], form: Format) -> bytes:
    """A list of requests; one alone is a list as well."""
    return _render("service_requests", "request", [_plain(r) for r in requests], form)


def render_post(form: Format, *, ident: str = "", token: str = "", notice: str = "", account: str = "") -> bytes:
    """The answer to a post: the id, or a token until there is one."""
    if bool(ident) == bool(token):
        raise ValueError("an answer has an id or a token, not both")
    key, value = ("service_request_id", ident) if ident else ("token", token)
    entry = {key: value, "service_notice": notice or None, "account_id": account or None}
    return _render("service_requests", "request", [entry], form)


def render_token(token: str, ident: str, form: Format) -> bytes:
    """The id that a token has become."""
    return _render("service_requests", "request", [{"token": token, "service_request_id": ident}], form)


def render_errors(errors: Iterable[tuple[int, str]], form: Format) -> bytes:
    """What was wrong, each with its code (400 for a field, 403 for the key, 404 for an id or a service)."""
    entries: list[dict[str, Any]] = [{"code": str(code), "description": text} for code, text in errors]
    return _render("errors", "error", entries, form)


def _plain(entry: Service | ServiceRequest) -> dict[str, Any]:
    """Every field the interface has, in its order; what we do not know is null."""
    values = ((spec.name, getattr(entry, spec.name)) for spec in fields(entry))
    return {name: _instant(v) if isinstance(v, datetime) else None if v == "" else v for name, v in values}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _render(root: str, name: str, entries: list[dict[str, Any]], form: Format) -> bytes:
    if form is Format.JSON:
        return orjson.dumps(entries)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f"<{root}>"]
    for entry in entries:
        lines.append(f"<{name}>")
        lines += (f"<{key}>{_written(value)}</{key}>" for key, value in entry.items())
        lines.append(f"</{name}>")
    return "\n".join((*lines, f"</{root}>", "")).encode()


def _written(value: object) -> str:
    if value is None:
        return ""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return escape(_NOT_XML.sub("", text))
