"""ESPHome over MQTT: `{prefix}/status` and `{prefix}/{component}/{object_id}/state` in plain text.

https://esphome.io/components/mqtt. A state says neither its unit nor its class. Home Assistant's discovery does, and where that is
published it is asked first; without it only an object id that ends in the plain name of a hazard rings.
"""

from __future__ import annotations

from typing import Final

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.makers import LONGEST_WORD, Said, named, number, word_of
from ingest.dialects.observation import (
    Decoding,
    Entry,
    Fit,
    Kind,
    Message,
    Observation,
    Quality,
    accepted,
    ignored,
)

_COMPONENTS: Final = frozenset({
    "sensor", "binary_sensor", "text_sensor", "switch", "light", "fan", "cover", "climate", "number", "select", "lock", "button", "event",
    "valve", "text", "date", "time", "datetime", "update", "alarm_control_panel",
})  # fmt: skip
# The last words of an object id, after those that only say that it is a detector.
_HAZARDS: Final = {
    ("smoke",): "fire_alarm",
    ("fire",): "fire_alarm",
    ("gas",): "gas_alarm",
    ("carbon", "monoxide"): "gas_alarm",
    ("water", "leak"): "water_alarm",
    ("leak",): "water_alarm",
    ("flood",): "water_alarm",
    ("sos",): "sos_alarm",
}
_FAULTS: Final = {("tamper",): "tamper", ("battery", "low"): "battery_low", ("low", "battery"): "battery_low"}
_FILLERS: Final = frozenset({"alarm", "sensor", "detector", "detected", "status"})
_UNKNOWN: Final = frozenset({"nan", "unknown", "unavailable", ""})


def fits(message: Message) -> Fit:
    """Ours by component and last word of the topic; a bare `status` with its two words looks like ours."""
    parts = message.topic.split("/")
    if len(parts) >= 4 and parts[-1] in {"state", "command"} and parts[-3] in _COMPONENTS:
        return Fit.TOPIC
    if len(parts) >= 2 and parts[-1] == "status" and message.payload in {b"online", b"offline"}:
        return Fit.CONTENT
    if parts[-1] == "debug" and len(parts) >= 2 and message.payload[:1] == b"\x1b":
        return Fit.MARKED
    return Fit.NO


class EspHome:
    """Keeps nothing between messages."""

    def decode(self, message: Message) -> Decoding:
        parts = message.topic.split("/")
        if len(parts) >= 2 and parts[-1] == "status":
            return _presence(named("/".join(parts[:-1])), message)
        if len(parts) >= 2 and parts[-1] == "debug":
            return ignored("the device's log")
        if len(parts) >= 4 and parts[-1] == "command":
            return ignored("a command to a device")
        if len(parts) < 4 or parts[-1] != "state":
            raise Unreadable(Reason.UNKNOWN_TOPIC, "{prefix}/{component}/{object_id}/state names the device")
        if not message.payload:
            return ignored("a retained message was deleted")
        word = word_of(message, LONGEST_WORD * 2)
        return accepted(_state(Said(named("/".join(parts[:-3]))), parts[-3], named(parts[-2]), word))


def _presence(device: str, message: Message) -> Decoding:
    if not message.payload:
        return ignored("a retained message was deleted")
    word = word_of(message)
    if word not in {"online", "offline"}:
        raise Unreadable(Reason.BAD_VALUE, f"{word[:40]!r} is neither online nor offline")
    return accepted(Said(device).that(Kind.ONLINE if word == "online" else Kind.OFFLINE))


def _state(said: Said, component: str, object_id: str, word: str) -> Observation:
    about = {"component": component}
    if component == "sensor":
        value = number(word)
        if value is None and word.lower() in _UNKNOWN:
            return Observation(
                Kind.TELEMETRY, said.device, object_id, quality=Quality.BAD, warnings=("no_value",), attributes=about
            )
        return said.plain(object_id[:64], word if value is None else value, "", about)
    if component == "binary_sensor" and word in {"ON", "OFF"}:
        active, name = word == "ON", _last_words(object_id)
        for words, metric in _HAZARDS.items():
            if name[-len(words) :] == words:
                return said.alarm(metric, active, {**about, "object_id": object_id}, ("class_from_name",))
        for words, metric in _FAULTS.items():
            if name[-len(words) :] == words:
                return said.fault(metric, active, {**about, "object_id": object_id})
        return said.that(Kind.STATE, object_id, active, "", about)
    return said.plain(object_id, word, "", about)


def _last_words(object_id: str) -> tuple[str, ...]:
    words = object_id.lower().replace("-", "_").split("_")
    while words and words[-1] in _FILLERS:
        words.pop()
    return tuple(words)


ENTRIES: Final = (
    Entry(
        "esphome",
        "ESPHome MQTT client component",
        ("{prefix}/status", "{prefix}/{component}/{object_id}/state"),
        fits,
        EspHome,
    ),
)
