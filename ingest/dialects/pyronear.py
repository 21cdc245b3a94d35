"""Pyronear: wildfire smoke that its cameras saw, as its platform tells it (`GET /alerts`, `GET /detections`).

Only a sequence that was validated, by the model or by a person, and that nobody has called something other than wildfire smoke, is a
sighting; anything else is kept as a state. Boxes come as text with leading-dot numbers and are read by an expression, never evaluated.
Times without an offset are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ingest.dialects.claims import Reason, Unreadable, read_json
from ingest.dialects.dating import dated
from ingest.dialects.observation import (
    Attribute,
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
)
from ingest.dialects.parts import Parts
from ingest.events import InvalidEvent, Point

LABEL: Final = "smoke"
_WILDFIRE: Final = frozenset({"wildfire_smoke", "true"})  # older platforms say true and false
_MOST: Final = 256  # alerts, sequences or detections of one message
_MOST_BOXES: Final = 64
_LONGEST: Final = 4096
_NUMBER: Final = r"\s*(\d{0,4}\.?\d{1,12}(?:[eE]-?\d{1,3})?)\s*"
_BOX: Final = re.compile(r"\(" + ",".join([_NUMBER] * 5) + r"\)", re.ASCII)
_BOXES: Final = re.compile(r"\s*\[[\s\d.,()eE-]*\]\s*", re.ASCII)
_NUMBERS: Final = (
    "camera_azimuth",
    "sequence_azimuth",
    "cone_angle",
    "max_conf",
    "temporal_model_score",
    "detections_count",
    "pose_id",
)


class Pyronear:
    """The decoder; it keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        body = read_json(message.payload)
        parts = Parts()
        for item in (body if isinstance(body, list) else [body])[:_MOST]:
            if (
                isinstance(item, Mapping)
                and not ("bbox" in item or "bboxes" in item)
                and isinstance(item.get("sequences"), list)
            ):
                for sequence in item["sequences"][:_MOST]:
                    parts.one(_sequence, sequence, item, message)
            else:
                parts.read(_alone, item, message)
        return parts.decoding("alerts without sequences, or detections without boxes")


def _alone(item: object, message: Message) -> list[Observation]:
    """A detection, or a sequence without its alert."""
    if not isinstance(item, Mapping):
        raise Unreadable(Reason.BAD_VALUE, "neither an alert nor a detection")
    if "bbox" in item or "bboxes" in item:
        return _detection(item, message)
    if "is_validated" in item or "is_wildfire" in item:
        return [_sequence(item, {}, message)]
    raise Unreadable(Reason.MISSING_FIELD, "sequences or bbox")


def _sequence(sequence: object, alert: Mapping[str, Any], message: Message) -> Observation:
    if not isinstance(sequence, Mapping):
        raise Unreadable(Reason.BAD_VALUE, "a sequence that is no object")
    ident, camera = _ident(sequence.get("id"), "id"), _ident(sequence.get("camera_id"), "camera_id")
    judged = sequence.get("is_wildfire")
    word = None if judged is None else str(judged).lower()[:64]
    validated = sequence.get("is_validated")
    smoke = word in _WILDFIRE if validated is None else validated is True and (word is None or word in _WILDFIRE)
    seen = sequence.get("last_seen_at") or sequence.get("started_at") or alert.get("last_seen_at")
    at, warnings = dated(seen, message.received_at, timedelta())
    score = _share(sequence.get("max_conf"))
    if score is None:
        score = _share(sequence.get("temporal_model_score"))
    if smoke and score is None:
        warnings += ("no_score",)
    point, misplaced = _point(alert)
    attributes: dict[str, Attribute] = {
        "ident": f"sequence-{ident}", "label": LABEL, "score": score, "ended": False, "camera": camera,
        "is_validated": validated is True, "is_wildfire": word, "sequence_id": ident,
    }  # fmt: skip
    if alert.get("id") is not None:
        attributes["alert_id"] = _ident(alert["id"], "id")
    attributes |= {n: sequence[n] for n in _NUMBERS if _is_number(sequence.get(n))}
    return Observation(
        kind=Kind.SIGHTING if smoke else Kind.STATE,
        device=camera,
        metric=LABEL if smoke else "unconfirmed_smoke",
        value=score,
        gateway=_gateway(alert.get("organization_id", sequence.get("organization_id"))),
        server_at=at,
        key=f"pyronear:{ident}:{str(seen)[:64]}:{'' if word is None else word[:32]}",
        warnings=warnings + misplaced,
        attributes={k: v for k, v in attributes.items() if v is not None or k == "score"},
        point=point,
    )


def _detection(item: Mapping[str, Any], message: Message) -> list[Observation]:
    """One frame with its boxes: a state, for nobody has validated it yet. No boxes, nothing seen."""
    ident, camera = _ident(item.get("id"), "id"), _ident(item.get("camera_id"), "camera_id")
    boxes = _boxes(item.get("bbox", item.get("bboxes")))
    if not boxes:
        return []
    device_at, warnings = _optional(item.get("recorded_at"), message)
    server_at, more = _optional(item.get("created_at"), message)
    best = max(boxes, key=lambda box: box[4])
    attributes: dict[str, Attribute] = {
        "boxes": len(boxes), "box": ",".join(map(str, best[:4])), "camera": camera, "label": LABEL, "score": best[4],
        "ident": f"sequence-{_ident(item['sequence_id'], 'sequence_id')}" if item.get("sequence_id") is not None else f"detection-{ident}",
        "ended": False,
    }  # fmt: skip
    attributes |= {n: item[n] for n in ("azimuth", *_NUMBERS) if _is_number(item.get(n))}
    return [
        Observation(
            kind=Kind.STATE,
            device=camera,
            metric="unconfirmed_smoke",
            value=best[4],
            gateway=_gateway(item.get("organization_id")),
            device_at=device_at,
            server_at=server_at,
            key=f"pyronear:detection:{ident}",
            warnings=warnings + more,
            attributes=attributes,
        )
    ]


def _optional(text: object, message: Message) -> tuple[datetime | None, tuple[str, ...]]:
    return dated(text, message.received_at, timedelta()) if text else (None, ())


def _boxes(text: object) -> list[tuple[float, ...]]:
    """(xmin, ymin, xmax, ymax, confidence), each a share of 1. Raises `Unreadable` for text that is anything else."""
    if not isinstance(text, str) or len(text) > _LONGEST or not _BOXES.fullmatch(text):
        raise Unreadable(Reason.BAD_VALUE, f"bbox is {str(text)[:40]!r}")
    boxes = [tuple(map(float, found)) for found in _BOX.findall(text)]
    if len(boxes) > _MOST_BOXES or len(boxes) != text.count("(") or any(not 0 <= n <= 1 for box in boxes for n in box):
        raise Unreadable(Reason.BAD_VALUE, f"bbox is {text[:40]!r}: not boxes of five shares of 1")
    return boxes


def _point(alert: Mapping[str, Any]) -> tuple[Point | None, tuple[str, ...]]:
    """Where the smoke is; none until two cameras have seen it."""
    lat, lon = alert.get("lat"), alert.get("lon")
    if lat is None and lon is None:
        return None, ()
    try:
        if _is_number(lat) and _is_number(lon) and (lat, lon) != (0, 0):
            return Point(float(lat or 0), float(lon or 0)), ()
    except InvalidEvent:
        pass
    return None, ("bad_position",)


def _ident(value: object, what: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable():
        return value
    raise Unreadable(
        Reason.NO_DEVICE if what == "camera_id" else Reason.MISSING_FIELD, f"{what} is {str(value)[:40]!r}"
    )


def _gateway(organization: object) -> str:
    return (
        f"pyronear/{organization}"
        if isinstance(organization, int) and not isinstance(organization, bool)
        else "pyronear"
    )


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1 else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits(message: Message) -> Fit:
    if "pyronear" in message.topic.lower():
        return Fit.TOPIC
    payload = message.payload
    if b'"camera_id"' in payload:
        if b'"is_wildfire"' in payload or b'"is_validated"' in payload:
            return Fit.MARKED
        if b'"bbox"' in payload or b'"bboxes"' in payload:
            return Fit.CONTENT
    return Fit.CONTENT if b'"sequences"' in payload and b'"last_seen_at"' in payload else Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry("pyronear", "Pyronear API, alerts and detections", ("GET /alerts", "GET /detections"), _fits, Pyronear),
)
