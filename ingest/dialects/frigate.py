"""Frigate over MQTT: what its cameras see (`events`, `reviews`), hear (`audio`), count, and whether they are there.

An incident is one event id or one review id, from `new` through any number of `update`s to `end`. Names of people and number plates
(`sub_label`, face and plate updates, transcriptions) are personal data and never taken. All times are seconds since 1970 as a float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ingest.dialects.claims import Reason, Unreadable, read_json
from ingest.dialects.dating import dated_epoch
from ingest.dialects.frigate_topics import TEXT, named, of_camera, score_of, standing, trigger, word_of
from ingest.dialects.observation import (
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
from ingest.events import IDENT_LENGTH

# A custom model's labels and what they are called here; a label that is not here keeps its own name.
LABELS: Final[Mapping[str, str]] = {"fire": "fire", "smoke": "smoke", "flame": "flame"}
_STAGES: Final = frozenset({"new", "update", "end"})
_REMEMBERED: Final = 4096  # events whose score is kept for the reviews that name them
_MOST_NAMES: Final = 64  # zones, objects or detections that are taken of one message
_STARTED: Final = re.compile(r"(\d{9,11}\.\d{1,9})-\w+", re.ASCII)  # an id begins with the time of its first frame


class Frigate:
    """The decoder of one Frigate. It remembers the best score of the last 4,096 events, since reviews carry none."""

    def __init__(self, labels: Mapping[str, str] = LABELS) -> None:
        self._labels = labels
        self._scores: dict[str, float] = {}

    def decode(self, message: Message) -> Decoding:
        prefix, _, path = message.topic.partition("/")
        if not message.topic:
            prefix, path = "frigate", ""
        if path in {"", "events", "reviews"}:
            return self._incident(message, prefix, path)
        if path == "available":
            return accepted(standing(prefix, "", word_of(message.payload)))
        if path == "tracked_object_update":
            return ignored("descriptions, faces and plates of tracked objects are personal data and not taken")
        if path == "triggers":
            return trigger(message, prefix)
        return of_camera(message, prefix, path.split("/"))

    def _incident(self, message: Message, gateway: str, path: str) -> Decoding:
        body = read_json(message.payload)
        after = body.get("after") if isinstance(body, Mapping) else None
        stage = body.get("type") if isinstance(body, Mapping) else None
        if not isinstance(after, Mapping) or not isinstance(stage, str) or stage not in _STAGES:
            raise Unreadable(Reason.MISSING_FIELD, "an event is {type: new|update|end, before, after}")
        if path == "reviews" or (not path and "severity" in after):
            return accepted(self._review(message, gateway, stage, after))
        return self._event(message, gateway, stage, after)

    def _event(self, message: Message, gateway: str, stage: str, after: Mapping[str, Any]) -> Decoding:
        if after.get("false_positive") is True:
            return ignored("a false positive by Frigate's own judgement")
        ident, camera = named(after.get("id"), "id"), named(after.get("camera"), "camera")
        label = self._label(named(after.get("label"), "label"))
        top = score_of(after.get("top_score"))
        score = score_of(after.get("score"))
        if score is None:
            score = top
        self._remember(ident, score, top)
        stamp = next((after[k] for k in ("frame_time", "end_time", "start_time") if after.get(k)), None)
        attributes: dict[str, Attribute] = {
            "stage": stage,
            "top_score": top,
            "zones": _listed(after.get("current_zones")),
            "entered_zones": _listed(after.get("entered_zones")),
        }
        for name in ("stationary", "active", "has_snapshot", "has_clip"):
            if isinstance(after.get(name), bool):
                attributes[name] = after[name]
        attributes |= _span(after)
        key = f"frigate:{ident}:{stage}:{stamp}"
        return accepted(
            self._sighting(message, (gateway, camera, ident, stage), (label, score), stamp, key, attributes)
        )

    def _review(self, message: Message, gateway: str, stage: str, after: Mapping[str, Any]) -> Observation:
        ident, camera = named(after.get("id"), "id"), named(after.get("camera"), "camera")
        data = after.get("data")
        data = data if isinstance(data, Mapping) else {}
        objects = [self._label(n.removesuffix("-verified")) for n in _names(data.get("objects"))]
        sounds, detections = _names(data.get("audio")), _names(data.get("detections"))
        known = [n for n in objects if n in self._labels.values()]
        label = next(iter(known or objects or sounds), "")
        if not label:
            raise Unreadable(Reason.MISSING_FIELD, "a review without objects or sounds")
        scores = [self._scores[d] for d in detections if d in self._scores]
        severity = after.get("severity")
        attributes: dict[str, Attribute] = {
            "stage": stage,
            "review": True,
            "severity": severity[:TEXT] if isinstance(severity, str) else None,
            "objects": _joined(objects),
            "audio": _joined(sounds),
            "detections": _joined(detections),
            "zones": _listed(data.get("zones")),
        }
        attributes |= _span(after)
        stamp = _review_time(stage, after, detections)
        key = f"frigate:{ident}:{stage}:{severity}:{stamp}:{len(detections)}"
        return self._sighting(
            message, (gateway, camera, ident, stage), (label, max(scores, default=None)), stamp, key, attributes
        )

    def _sighting(
        self,
        message: Message,
        who: tuple[str, str, str, str],
        what: tuple[str, float | None],
        stamp: object,
        key: str,
        attributes: dict[str, Attribute],
    ) -> Observation:
        gateway, camera, ident, stage = who
        label, score = what
        at, warnings = dated_epoch(stamp, message.received_at)
        if score is None:
            warnings += ("no_score",)
        own: dict[str, Attribute] = {
            "ident": ident,
            "label": label,
            "score": score,
            "ended": stage == "end",
            "camera": camera,
        }
        return Observation(
            kind=Kind.SIGHTING,
            device=camera,
            metric=label,
            value=score,
            gateway=gateway,
            device_at=at,
            key=key[: 2 * IDENT_LENGTH],
            warnings=warnings,
            attributes=own | {k: v for k, v in attributes.items() if v is not None and v != ""},
        )

    def _label(self, said: str) -> str:
        return self._labels.get(said.lower(), said)[:64]

    def _remember(self, ident: str, *scores: float | None) -> None:
        best = max((s for s in scores if s is not None), default=None)
        if best is None:
            return
        self._scores[ident] = max(best, self._scores.pop(ident, 0.0))
        if len(self._scores) > _REMEMBERED:
            del self._scores[next(iter(self._scores))]


def _review_time(stage: str, after: Mapping[str, Any], detections: list[str]) -> object:
    """When a review says what it says: its end; else when the newest thing it names was first seen, else its start."""
    if stage == "end" and after.get("end_time"):
        return after["end_time"]
    start = after.get("start_time")
    began = [float(found[1]) for d in detections if (found := _STARTED.fullmatch(d))]
    if isinstance(start, int | float) and not isinstance(start, bool):
        return max([start, *began])
    return start


def _names(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    return [n for n in value[:_MOST_NAMES] if isinstance(n, str) and 0 < len(n) <= IDENT_LENGTH and n.isprintable()]


def _listed(value: object) -> str:
    return _joined(_names(value))


def _joined(names: list[str]) -> str:
    return ",".join(names)[:1000]


def _span(after: Mapping[str, Any]) -> dict[str, Attribute]:
    """Start and end as Frigate says them, in seconds since 1970."""
    return {
        name: after[name]
        for name in ("start_time", "end_time")
        if isinstance(after.get(name), int | float) and not isinstance(after[name], bool)
    }


def _fits(message: Message) -> Fit:
    if message.topic.startswith("frigate") and message.topic.partition("/")[0].isprintable() and "/" in message.topic:
        return Fit.TOPIC
    payload = message.payload
    if b'"after"' in payload and b'"before"' in payload and b'"camera"' in payload:
        return Fit.MARKED
    return Fit.NO


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        "frigate",
        "Frigate, MQTT integration",
        (
            "frigate/events", "frigate/reviews", "frigate/available", "frigate/triggers", "frigate/tracked_object_update",
            "frigate/<camera>/<object>", "frigate/<camera>/audio/<sound>", "frigate/<camera>/status/<role>",
        ),
        _fits,
        Frigate,
        4 * 1024 * 1024,  # snapshots come on the same prefix; they are measured and dropped
    ),
)  # fmt: skip
