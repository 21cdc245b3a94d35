"""What Frigate says of its cameras apart from incidents: standing, sounds, counts, motion, triggers. Pictures are measured and dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from ingest.dialects.claims import Reason, Unreadable, read_json
from ingest.dialects.observation import Attribute, Decoding, Kind, Message, Observation, accepted, ignored
from ingest.events import IDENT_LENGTH

HEARD: Final = frozenset({"fire_alarm", "smoke_detector"})  # sounds (AudioSet) that are themselves an alarm
TEXT: Final = 256  # characters of a word that are kept
_SWITCH: Final = {"ON": True, "OFF": False}
_STANDING: Final = {"online": Kind.ONLINE, "offline": Kind.OFFLINE, "stopped": Kind.OFFLINE}
_COUNT: Final = re.compile(rb"\d{1,9}")
_OWN_STATES: Final = frozenset(
    {"stats", "restart", "onConnect", "notifications", "camera_activity", "model_state", "job_state", "export"}
)


def of_camera(message: Message, gateway: str, path: list[str]) -> Decoding:
    """Everything under `<prefix>/<camera or zone>/…`."""
    camera, rest = path[0], path[1:]
    if path[-1] == "set" or path[-1] == "suspend":
        return ignored("a command to Frigate")
    if camera in _OWN_STATES or not rest:
        return ignored(f"{camera[:40]}: Frigate's own state")
    if rest[-1] == "snapshot":
        return ignored(f"a picture of {len(message.payload)} bytes, not kept")
    camera = named(camera, "camera")
    if rest[0] == "status" and len(rest) == 2:
        return accepted(standing(gateway, camera, word_of(message.payload), rest[1]))
    if rest[0] == "audio" and len(rest) == 2:
        return _heard(message, gateway, camera, rest[1])
    word = word_of(message.payload)
    if rest == ["motion"] and word in _SWITCH:
        return accepted(Observation(Kind.STATE, camera, "motion", _SWITCH[word], gateway=gateway))
    if rest == ["review_status"]:
        return accepted(Observation(Kind.STATE, camera, "review_status", word[:64], gateway=gateway))
    if _COUNT.fullmatch(message.payload.strip()) and (len(rest) == 1 or rest[1:] == ["active"]):
        # never the bare label: `smoke` is the name of an optical density
        metric = named(rest[0], "object") + ("_active_count" if len(rest) == 2 else "_count")
        return accepted(Observation(Kind.TELEMETRY, camera, metric, int(message.payload), gateway=gateway))
    if rest[-1] == "state":
        return ignored("a switch of Frigate's own")
    raise Unreadable(Reason.UNKNOWN_TOPIC, f"nothing known is said on …/{'/'.join(rest)[:80]}")


def _heard(message: Message, gateway: str, camera: str, sound: str) -> Decoding:
    word = word_of(message.payload)
    if sound in {"dBFS", "rms"}:
        number = _real(word)
        unit = "dB" if sound == "dBFS" else ""
        return accepted(Observation(Kind.TELEMETRY, camera, f"audio_{sound.lower()}", number, unit, gateway))
    if sound == "transcription":
        return ignored("what people say is personal data and not taken")
    if sound == "state":
        return ignored("a switch of Frigate's own")
    if word not in _SWITCH:
        raise Unreadable(Reason.BAD_VALUE, f"audio/{sound[:40]} is {word[:40]!r}, neither ON nor OFF")
    on = _SWITCH[word]
    attributes = {"sound": sound[:TEXT]}
    if sound in HEARD:
        kind = Kind.ALARM if on else Kind.CLEAR
        return accepted(Observation(kind, camera, "fire_alarm", on, gateway=gateway, attributes=attributes))
    metric = f"audio_{named(sound, 'sound')}"[:64]
    return accepted(Observation(Kind.STATE, camera, metric, on, gateway=gateway, attributes=attributes))


def trigger(message: Message, gateway: str) -> Decoding:
    body = read_json(message.payload)
    if not isinstance(body, Mapping):
        raise Unreadable(Reason.MISSING_FIELD, "a trigger is {name, camera, event_id, type, score}")
    name, camera = named(body.get("name"), "name"), named(body.get("camera"), "camera")
    ident, score = body.get("event_id"), score_of(body.get("score"))
    attributes: dict[str, Attribute] = {"trigger": name, "score": score}
    for field in ("event_id", "type"):
        if isinstance(body.get(field), str):
            attributes[field] = body[field][:TEXT]
    key = f"frigate:{ident}:trigger:{name}"[: 2 * IDENT_LENGTH] if isinstance(ident, str) else ""
    return accepted(Observation(Kind.NOTICE, camera, name, score, gateway=gateway, key=key, attributes=attributes))


def standing(gateway: str, camera: str, word: str, role: str = "") -> Observation:
    attributes = {"word": word[:TEXT]} | ({"role": role[:TEXT]} if role else {})
    kind = _STANDING.get(word)
    if kind is None and word != "disabled":
        raise Unreadable(Reason.BAD_VALUE, f"{word[:40]!r} is none of online, offline, stopped and disabled")
    device = camera or named(gateway, "topic prefix")
    return Observation(
        kind or Kind.STATE, device, "availability", word, gateway=gateway if camera else "", attributes=attributes
    )


def word_of(payload: bytes) -> str:
    try:
        return payload.strip().decode()
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.BAD_TEXT, f"{len(payload)} bytes that are no text") from error


def named(value: object, what: str) -> str:
    if not isinstance(value, str) or not value or len(value) > IDENT_LENGTH or not value.isprintable():
        reason = Reason.NO_DEVICE if what in {"camera", "topic prefix"} else Reason.MISSING_FIELD
        raise Unreadable(reason, f"{what} is {str(value)[:40]!r}")
    return value


def score_of(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return value


def _real(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Unreadable(Reason.BAD_VALUE, f"{word[:40]!r} is not a number")
    return number
