"""Open311 GeoReport v2, coming in: lists of requests and services, the answer to a post, and the form of a new request.

https://wiki.open311.org/GeoReport_v2. XML and JSON. Ids are texts by intent and often numbers in JSON; instants carry their offset, one
without it is not guessed at. A request's form is a call: it has no id yet, and whoever takes it gives it one (`open311_answers`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element  # the type only: defusedxml reads

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.dating import dated
from ingest.dialects.hotline import Status, masked, masked_number, status_of, unreadable_row
from ingest.dialects.makers import json_of, named, number, scalar
from ingest.dialects.markup import name_of, tree_of
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
    rejected,
)
from ingest.events import InvalidEvent, Point, digest

SOURCE: Final = "open311"
MOST_FIELDS: Final = 256  # of a form
LONGEST: Final = 4000  # characters of a description
_FORM: Final = "application/x-www-form-urlencoded"
_METHODS: Final = (b"POST ", b"GET ", b"PUT ", b"HEAD ", b"OPTIONS ")
_TEXTS: Final = ("description", "status_notes", "service_notice", "address")
_PLAIN: Final = (
    "service_code", "service_name", "agency_responsible", "address_id", "zipcode", "media_url", "account_id", "token",
    "expected_datetime", "requested_datetime", "updated_datetime",
)  # fmt: skip
_OF_A_SERVICE: Final = ("service_name", "description", "metadata", "type", "keywords", "group")
_OF_A_FORM: Final = ("jurisdiction_id", "service_code", "address_string", "address_id")
_ROOTS: Final = frozenset({"service_requests", "services", "errors", "request", "service_request"})


def fits(message: Message) -> Fit:
    """Ours by the path of the interface, or by the names that only it uses."""
    topic = message.topic.partition("?")[0]
    if topic.endswith(("/requests.xml", "/requests.json", "/services.xml", "/services.json")):
        return Fit.TOPIC
    head = message.payload[:2048]
    if head.startswith(_METHODS):
        line = head.partition(b"\n")[0]
        return Fit.MARKED if b"/requests" in line or b"/services" in line else Fit.NO
    if (
        b"service_request" in head
        or (b'"token"' in head and b'"service_notice"' in head)
        or (b"service_code" in head and (b"service_name" in head or b"lat=" in head or b"address" in head))
    ):
        return Fit.MARKED if head.lstrip()[:1] in {b"<", b"[", b"{"} or b"=" in head else Fit.NO
    return Fit.NO


class Open311:
    """Keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        body = message.payload
        if body.startswith(_METHODS):
            return _http(message)
        if _FORM in message.content_type.lower():
            return accepted(_new_request(body))
        start = body.lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
        if start == b"<":
            return _listed(*_of_xml(body), message)
        if start in {b"[", b"{"}:
            return _listed(_of_json(json_of(message)), (), message)
        return accepted(_new_request(body))


def _http(message: Message) -> Decoding:
    """A request as it went over the wire: the line, headers, an empty line, and the form."""
    head, _, body = message.payload.replace(b"\r\n", b"\n").partition(b"\n\n")
    line, *headers = head.decode("latin-1").split("\n")
    if not line.startswith("POST "):
        return ignored("a question")
    path = line.split(" ")[1].partition("?")[0]
    if not path.rstrip("/").endswith(("requests.xml", "requests.json", "requests")):
        raise Unreadable(Reason.UNKNOWN_TOPIC, f"requests are posted to …/requests.xml, not {path[:100]}")
    kind = next((h.partition(":")[2].strip() for h in headers if h.lower().startswith("content-type:")), _FORM)
    if _FORM not in kind.lower():
        raise Unreadable(Reason.BAD_FRAME, f"a form is needed ({_FORM}), got {kind[:80]}")
    return accepted(_new_request(body.strip()))


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form; of one that comes several times the first. Raises `Unreadable`."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8").strip(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.BAD_TEXT, f"not UTF-8: {error}") from error
    except ValueError as error:
        raise Unreadable(Reason.TOO_BIG, str(error)) from error
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _new_request(body: bytes) -> Observation:
    """A citizen's new request. Names, mail addresses and keys stay out; a telephone number comes masked. Raises `Unreadable`."""
    form = read_form(body)
    if not form.get("service_code"):
        raise Unreadable(Reason.MISSING_FIELD, "service_code was not provided")
    point, warnings = _point(form)
    if point is None and not form.get("address_string") and not form.get("address_id"):
        raise Unreadable(Reason.MISSING_FIELD, "lat and long, address_string or address_id must be provided")
    about: dict[str, Attribute] = {name: masked(form[name][:500]) for name in _OF_A_FORM if form.get(name)}
    if form.get("media_url"):
        about["media_url"] = form["media_url"][:500]
    about |= {
        f"attribute_{name[10:].strip('[]').lower()}"[:64]: masked(value[:500])
        for name, value in form.items()
        if name.startswith("attribute[") and name.isprintable()
    }
    if shown := masked_number(form.get("phone", "")):
        about["caller_masked"] = shown
    same = digest(*(f"{name}={value}" for name, value in sorted(form.items()) if name != "api_key"))
    text = masked(form.get("description", ""))[:LONGEST]
    return Observation(
        Kind.CALL,
        same,
        "text",
        text,
        gateway=SOURCE,
        key=f"open311:{same}",
        warnings=warnings,
        attributes=about,
        point=point,
        caller=form.get("phone", "")[:64],
    )


def _point(entry: Mapping[str, Any]) -> tuple[Point | None, tuple[str, ...]]:
    """WGS-84, as the interface has it."""
    lat, lon = number(entry.get("lat")), number(entry.get("long", entry.get("lon")))
    if lat is None or lon is None or (lat == 0 and lon == 0):
        return None, ()
    try:
        return Point(float(lat), float(lon)), ()
    except InvalidEvent:
        return None, ("bad_place",)


def _of_json(body: object) -> list[Any]:
    """The entries of a list, also inside one of the envelopes that servers put around it."""
    if isinstance(body, dict):
        for name in ("service_requests", "services", "errors", "requests"):
            if isinstance(body.get(name), list):
                return list(body[name])
        return [body]
    return body if isinstance(body, list) else []


def _of_xml(body: bytes) -> tuple[list[Any], tuple[str, ...]]:
    root, warnings = tree_of(body)
    if name_of(root) not in _ROOTS:
        raise Unreadable(Reason.BAD_XML, f"{name_of(root)[:60]!r} is no list of requests or services")
    entries = [root] if name_of(root) in {"request", "service_request"} else list(root)
    return [_fields(entry) for entry in entries], warnings


def _fields(entry: Element) -> dict[str, str | None]:
    return {name_of(field): (field.text or "").strip() or None for field in entry}


def _listed(entries: list[Any], warnings: tuple[str, ...], message: Message) -> Decoding:
    if len(entries) > MOST:
        raise Unreadable(Reason.TOO_BIG, f"{len(entries)} entries; at most {MOST} are taken of one message")
    rows: list[Observation] = []
    bad: list[Unreadable] = []
    for at, entry in enumerate(entries, 1):
        try:
            rows.append(_entry(entry, warnings, message))
        except Unreadable as error:
            bad.append(error)
            rows.append(unreadable_row(SOURCE, at, str(error)))
    if bad and len(bad) == len(entries):
        return rejected(bad[0].reason, bad[0].detail)
    return accepted(*rows, faults=bad) if rows else ignored("an empty list")


def _entry(entry: object, warnings: tuple[str, ...], message: Message) -> Observation:
    if not isinstance(entry, dict):
        raise Unreadable(Reason.BAD_JSON, "an entry must be an object")
    for marker, read in _READERS:
        if _has(entry, marker):
            return read(entry, warnings, message)
    raise Unreadable(Reason.MISSING_FIELD, "neither service_request_id, token, service_code nor code")


def _has(entry: Mapping[str, Any], name: str) -> bool:
    value = entry.get(name)
    return value is not None and value != ""


def _id(value: object) -> str:
    """An id as the text it is meant to be."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Unreadable(Reason.BAD_VALUE, f"{value!r} is no id")
    return named(str(value))


def _request(entry: Mapping[str, Any], warnings: tuple[str, ...], message: Message) -> Observation:
    """A request and its status; the answer to a post has an id and no status yet, and before that only a token."""
    ident = _id(entry.get("service_request_id") or entry.get("token"))
    word = str(entry.get("status") or "")[:60]
    status = status_of(word) if word else Status.REGISTERED
    at, wrong = None, tuple[str, ...]()
    for name in ("updated_datetime", "requested_datetime"):
        if at is None and entry.get(name):
            at, wrong = dated(entry[name], message.received_at)
    about: dict[str, Attribute] = {k: scalar(entry[k]) for k in _PLAIN if _has(entry, k)}
    about |= {k: masked(str(entry[k])[:LONGEST]) for k in _TEXTS if _has(entry, k)}
    about = {
        k: str(v).strip() if k in {"service_code", "address_id", "zipcode", "account_id"} else v
        for k, v in about.items()
    }
    point, misplaced = _point(entry)
    if word and status is None:
        wrong = (*wrong, "status_unknown")
    value = status.value if status else word
    return Observation(
        Kind.ORDER,
        ident,
        "status",
        value,
        gateway=SOURCE,
        server_at=at,
        key=f"open311:{ident}::{value}:{at.isoformat() if at else ''}",
        warnings=(*warnings, *wrong, *misplaced),
        attributes=about,
        point=point,
    )


def _service(entry: Mapping[str, Any], warnings: tuple[str, ...], _: Message) -> Observation:
    about = {k: scalar(entry[k]) for k in _OF_A_SERVICE if _has(entry, k)}
    return Observation(Kind.REGISTER, _id(entry["service_code"]), gateway=SOURCE, warnings=warnings, attributes=about)


def _error(entry: Mapping[str, Any], warnings: tuple[str, ...], _: Message) -> Observation:
    about = {"description": masked(str(entry.get("description") or "")[:500])}
    return Observation(
        Kind.NOTICE, SOURCE, "error", str(entry["code"])[:60], gateway=SOURCE, warnings=warnings, attributes=about
    )


_Reader = Callable[[Mapping[str, Any], tuple[str, ...], Message], Observation]
_READERS: Final[tuple[tuple[str, _Reader], ...]] = (
    ("service_request_id", _request),
    ("token", _request),
    ("service_code", _service),
    ("code", _error),
)

ENTRIES: Final = (
    Entry(
        "open311",
        "Open311 GeoReport v2",
        ("POST /requests.xml", "POST /requests.json", "GET /requests.json", "GET /services.json"),
        fits,
        Open311,
    ),
)
