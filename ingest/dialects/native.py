"""Tocsin's own topics and JSON, documented in `docs/gateways.md`.

`tocsin/{gateway}/{device}/telemetry`, `tocsin/{gateway}/telemetry`, `…/{camera}/sighting`, `tocsin/{source}/call`,
`tocsin/{gateway}/{device}/presence` and `tocsin/{gateway}/presence`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from ingest.coordinates import Datum, to_wgs84
from ingest.dialects.claims import (
    LARGEST,
    Claim,
    Fault,
    Measured,
    Reason,
    Seen,
    Spoken,
    Stood,
    TimeForm,
    Unreadable,
    instant,
    read_json,
)
from ingest.events import InvalidEvent, Mark, Point, Standing
from ingest.sequence import Numbered, is_numbered

ROOT: Final = "tocsin"
MARKS: Final = {
    "test": Mark.TEST,
    "drill": Mark.DRILL,
    "simulated": Mark.SIMULATED,
    "historical": Mark.HISTORICAL,
}
# Names that say something about the message and are never metrics.
RESERVED: Final = frozenset({
    "at", "event_s", "device", "gateway", "values", "lat", "lon", "datum", "id", "boot", "seq", *MARKS,
})  # fmt: skip
_FORMS: Final = (TimeForm.ISO, TimeForm.EPOCH_MS)
# Numbers that people write into a call's text: mobile numbers and citizens' identity numbers.
_PERSONAL: Final = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)|(?<!\d)(\d{6})\d{8}(\d{3}[\dXx])(?!\d)")


class Native:
    """The dialect of Tocsin's own topics."""

    def source(self, topic: str) -> str | None:
        parts = topic.split("/")
        return parts[1] if parts[0] == ROOT and len(parts) > 1 else None

    def read(self, topic: str, payload: bytes) -> tuple[Claim, ...]:
        _, source, *rest = topic.split("/")
        if not is_ident(source):
            raise Unreadable(Reason.UNKNOWN_TOPIC, "the gateway in the topic must be 1 to 128 printable characters")
        match rest:
            case [kind] if kind in _OF_GATEWAY:
                device, reader = "", _OF_GATEWAY[kind]
            case [device, kind] if kind in _OF_DEVICE and device:
                reader = _OF_DEVICE[kind]
            case _:
                wanted = "write tocsin/{gateway}/{device}/telemetry, sighting or presence"
                raise Unreadable(Reason.UNKNOWN_TOPIC, wanted)
        numbers = _numbers_of(source, payload)
        if not numbers:
            return reader(source, device, payload)
        try:
            return (*reader(source, device, payload), *numbers)
        except Unreadable as error:  # what was rejected is kept as well, so its number counts
            return (Fault(error.reason, error.detail), *numbers)


def _numbers_of(gateway: str, payload: bytes) -> tuple[Claim, ...]:
    """The message's own numbers, `boot` and `seq`: one message has one; a list may have one in each of its entries."""
    written = b'"seq"' in payload or b"\\u" in payload  # as it is, or in JSON's escapes
    if not written or len(payload) > LARGEST or not is_ident(gateway):
        return ()
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ()
    claims: dict[Claim, None] = {}
    for entry in body if isinstance(body, list) else [body]:
        if not isinstance(entry, dict) or "boot" not in entry or "seq" not in entry:
            continue
        boot, seq = entry["boot"], entry["seq"]
        if is_numbered(boot, seq):
            claims[Numbered(gateway, boot, seq)] = None
        else:
            claims[Fault(Reason.BAD_VALUE, "boot must be a text of 1 to 64 characters and seq a number from 0")] = None
    return tuple(claims)


def _telemetry(gateway: str, device: str, payload: bytes) -> tuple[Claim, ...]:
    body = read_json(payload)
    if not isinstance(body, list):
        return _measured(_object(body), gateway, device)
    if device:
        raise Unreadable(
            Reason.BAD_VALUE, "a list belongs on tocsin/{gateway}/telemetry, with the device in each entry"
        )
    claims: list[Claim] = []
    for entry in body:
        try:
            claims += _measured(_object(entry), gateway, "")
        except Unreadable as error:
            claims.append(Fault(error.reason, error.detail, orjson.dumps(entry)))
    return tuple(claims)


def _measured(body: Mapping[str, Any], gateway: str, device: str) -> tuple[Claim, ...]:
    named = body.get("device", device)
    if not isinstance(named, str) or not is_ident(named):
        raise Unreadable(Reason.NO_DEVICE, f"the device must be a text of 1 to 128 characters, got {str(named)[:60]!r}")
    if device and named != device:
        raise Unreadable(Reason.NO_DEVICE, f"the topic says {device} and the payload says {named[:60]}")
    if body.get("gateway", gateway) != gateway:
        raise Unreadable(Reason.GATEWAY_MISMATCH, f"the topic says {gateway}, the payload {str(body['gateway'])[:60]}")
    nested = body.get("values", {})
    if not isinstance(nested, dict):
        raise Unreadable(Reason.BAD_VALUE, "values must be an object of metrics")
    values, wrong = _numbers({k: v for k, v in body.items() if k not in RESERVED} | nested)
    if wrong and not values:
        raise Unreadable(Reason.BAD_VALUE, wrong)
    if not values:
        raise Unreadable(Reason.NO_VALUE, "there is no number and no boolean in it")
    at = instant(body.get("at"), *_FORMS)
    claim = Measured(named, values, gateway, at, _point(body), _marks(body))
    return (claim, Fault(Reason.BAD_VALUE, wrong)) if wrong else (claim,)


def _numbers(body: Mapping[str, Any]) -> tuple[tuple[tuple[str, float], ...], str]:
    """The metrics, and what was wrong with others. Texts that are no numbers, nulls and nested values are passed
    over.
    """
    values: list[tuple[str, float]] = []
    wrong: list[str] = []
    for name, value in body.items():
        if isinstance(value, bool | int | float):
            if not is_metric(name):
                wrong.append(f"{name[:70]!r} is no name for a metric (1 to 64 printable characters)")
            else:
                values.append((name, float(value)))
        elif isinstance(value, str) and _looks_like_a_number(value):
            wrong.append(f"{name[:70]} is the text {value[:30]!r}: send a number")
    return tuple(values), "; ".join(wrong)[:500]


def is_ident(name: str) -> bool:
    """Whether a name can be a device's."""
    return 0 < len(name) <= 128 and name.isprintable()


def is_metric(name: str) -> bool:
    """Whether a name can be a metric's."""
    return 0 < len(name) <= 64 and name.isprintable()


def _looks_like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sighting(gateway: str, camera: str, payload: bytes) -> tuple[Claim, ...]:
    body = _object(read_json(payload))
    ended = body.get("ended") is True
    score = body.get("score", 0.0 if ended else None)
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise Unreadable(Reason.BAD_VALUE, f"score must be a number from 0 to 1, got {str(score)[:30]!r}")
    ident, label = _text(body, "id", need=True), _text(body, "label", need=True, limit=64)
    at = instant(body.get("at"), *_FORMS)
    return (Seen(camera, ident, label, float(score), gateway, at, _point(body), ended, _marks(body)),)


def _call(source: str, _: str, payload: bytes) -> tuple[Claim, ...]:
    return (read_call(source, payload),)


def read_call(source: str, payload: bytes) -> Spoken:
    """The call in a payload; numbers of persons inside its text are masked. Raises `Unreadable`."""
    body = _object(read_json(payload))
    hidden = body.get("anonymous") is True
    return Spoken(
        ident=_text(body, "id", need=True),
        text=mask(_text(body, "text", limit=4000)),
        gateway=source,
        at=instant(body.get("at"), *_FORMS),
        point=_point(body),
        category=_text(body, "category", limit=200),
        channel=_text(body, "channel", limit=64) or "phone",
        address=_text(body, "address", limit=500),
        caller="" if hidden else _text(body, "caller", limit=64),
        marks=_marks(body),
    )


def mask(text: str) -> str:
    """The text with mobile and identity numbers shortened to their ends (law 14)."""
    return _PERSONAL.sub(lambda m: f"{m[1]}****{m[2]}" if m[1] else f"{m[3]}********{m[4]}", text)


def _presence(gateway: str, device: str, payload: bytes) -> tuple[Claim, ...]:
    if payload.strip().lower() in {b"online", b"offline"}:  # a last will is often plain text
        return (Stood(device or gateway, Standing(payload.strip().lower().decode()), gateway),)
    body = _object(read_json(payload))
    state = body.get("state")
    if state not in {"online", "offline"}:
        raise Unreadable(Reason.BAD_VALUE, f"state must be online or offline, got {str(state)[:30]!r}")
    at = instant(body.get("at"), *_FORMS)
    return (Stood(device or gateway, Standing(str(state)), gateway, at, _marks(body)),)


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Unreadable(Reason.BAD_JSON, f"a JSON object is needed, got {type(body).__name__}")
    return body


def _text(body: Mapping[str, Any], name: str, *, need: bool = False, limit: int = 128) -> str:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # order numbers are often sent as numbers
    if value is None and not need:
        return ""
    if not isinstance(value, str) or (need and not value) or len(value) > limit:
        raise Unreadable(Reason.BAD_VALUE, f"{name} must be a text of at most {limit} characters")
    return value


def _marks(body: Mapping[str, Any]) -> Mark:
    marks = Mark.NONE
    for name, mark in MARKS.items():
        value = body.get(name, False)
        if not isinstance(value, bool | int) or value not in {0, 1}:
            raise Unreadable(Reason.BAD_VALUE, f"{name} must be true or false, got {str(value)[:30]!r}")
        marks |= mark if value else Mark.NONE
    return marks


def _point(body: Mapping[str, Any]) -> Point | None:
    lat, lon = body.get("lat"), body.get("lon")
    if lat is None and lon is None:
        return None
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in (lat, lon))
    if not numbers or not (-90 <= lat <= 90 and -180 <= lon <= 180):  # type: ignore[operator]
        raise Unreadable(Reason.BAD_PLACE, f"lat and lon must be degrees, got {str(lat)[:30]}, {str(lon)[:30]}")
    try:
        datum = Datum.named(_text(body, "datum") or "wgs84")
        return to_wgs84(float(lat), float(lon), datum)  # type: ignore[arg-type]
    except InvalidEvent as error:
        raise Unreadable(Reason.BAD_PLACE, str(error)) from error


_Reader = Callable[[str, str, bytes], tuple[Claim, ...]]
_OF_GATEWAY: Final[dict[str, _Reader]] = {"telemetry": _telemetry, "call": _call, "presence": _presence}
_OF_DEVICE: Final[dict[str, _Reader]] = {"telemetry": _telemetry, "sighting": _sighting, "presence": _presence}
