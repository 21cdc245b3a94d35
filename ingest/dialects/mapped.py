"""Plain JSON of other makers, read by profiles: a topic template, JSON pointers to metrics, units, words and a rule
for the time.

A deployment names its file in `gateway.profiles`; `docs/profiles.example.toml` is one. Profiles are asked before every other dialect but
Tocsin's own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.dialects.claims import (
    Claim,
    Dialect,
    Fault,
    Measured,
    Reason,
    Stood,
    TimeForm,
    Unreadable,
    instant,
    read_json,
)
from ingest.dialects.native import is_metric
from ingest.events import Mark, Standing

_ABSENT: Final = object()


class ProfileError(ValueError):
    """A profiles file that cannot be used: one line per problem, with file and key."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldRule(_Strict):
    """One metric: where it stands, and how its value becomes a number: through `words`, or `value * scale + offset`."""

    pointer: str = Field(pattern=r"^(/[^/]+)+$")
    metric: str = Field(min_length=1, max_length=64)
    unit: str = ""
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    words: dict[str, float] = Field(default_factory=dict)


class TimeRule(_Strict):
    """Where the time stands and in which forms it may come; without it the gateway's clock stands in."""

    pointer: str = Field(default="", pattern=r"^(/[^/]+)*$")
    forms: tuple[TimeForm, ...] = (TimeForm.NONE,)


class PresenceRule(_Strict):
    """A topic that says whether the device is there, in plain words or at a pointer."""

    topic: str
    pointer: str = ""
    online: tuple[str, ...] = ("online", "Online")
    offline: tuple[str, ...] = ("offline", "Offline")


class Profile(_Strict):
    """One source. `{device}` and `{gateway}` stand for one segment of the topic each; `+` and `#` as in MQTT."""

    name: str = Field(min_length=1, max_length=64)
    topic: str
    gateway: str = Field(default="", title="Who speaks when the topic does not say; the profile's name when empty")
    ignore: tuple[str, ...] = Field(default=(), title="Topics that are understood and say nothing")
    time: TimeRule = TimeRule()
    test: str = Field(default="", title="Pointer to a boolean that marks a test")
    metrics: tuple[FieldRule, ...] = ()
    presence: PresenceRule | None = None

    @field_validator("topic")
    @classmethod
    def _names_a_device(cls, topic: str) -> str:
        if topic.count("{device}") != 1:
            raise ValueError("the topic needs {device} exactly once")
        return topic

    @model_validator(mode="after")
    def _says_something(self) -> Profile:
        if not self.metrics and self.presence is None:
            raise ValueError("a profile needs metrics or presence")
        return self


class _File(_Strict):
    profile: tuple[Profile, ...] = ()


def load_profiles(path: Path | None = None) -> tuple[Profile, ...]:
    """The profiles of a file; none without one. Raises `ProfileError`."""
    own = _read(path) if path is not None else ()
    if len({p.name for p in own}) < len(own):
        raise ProfileError(f"{path}: two profiles have the same name; give each its own")
    return own


def _read(path: Path) -> tuple[Profile, ...]:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).profile
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read ({error.strerror}); correct gateway.profiles") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        lines = (
            f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
        )
        raise ProfileError("\n".join(lines)) from error


def pattern_of(template: str) -> re.Pattern[str]:
    """A topic template as an expression with the groups `device` and `gateway`."""
    parts = []
    for part in template.split("/"):
        if part == "+":
            parts.append("[^/]+")
        elif part == "#":
            parts.append(".*")
        else:
            escaped = re.escape(part)
            for name in ("device", "gateway"):
                escaped = escaped.replace(re.escape("{" + name + "}"), f"(?P<{name}>[^/]+)")
            parts.append(escaped)
    return re.compile("/".join(parts))


def at_pointer(body: object, pointer: str) -> Any:
    """What stands at a JSON pointer (RFC 6901), or `_ABSENT`."""
    for raw in pointer.split("/")[1:]:
        key = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(body, Mapping) and key in body:
            body = body[key]
        elif isinstance(body, list) and key.isdecimal() and int(key) < len(body):
            body = body[int(key)]
        else:
            return _ABSENT
    return body


class Mapped:
    """The dialect of one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._topic = pattern_of(profile.topic)
        self._ignored = tuple(pattern_of(t) for t in profile.ignore)
        self._presence = pattern_of(profile.presence.topic) if profile.presence is not None else None

    def source(self, topic: str) -> str | None:
        for pattern in (self._presence, *self._ignored, self._topic):
            if pattern is not None and (found := pattern.fullmatch(topic)):
                return found.groupdict().get("gateway") or self.profile.gateway or self.profile.name
        return None

    def read(self, topic: str, payload: bytes) -> tuple[Claim, ...]:
        gateway = self.source(topic) or self.profile.name
        if self._presence is not None and (found := self._presence.fullmatch(topic)):
            return (self._stood(found["device"], gateway, payload),)
        if any(p.fullmatch(topic) for p in self._ignored):
            return ()
        found = self._topic.fullmatch(topic)
        if found is None:
            raise Unreadable(Reason.UNKNOWN_TOPIC, f"not a topic of profile {self.profile.name}")
        return self._measured(found["device"], gateway, read_json(payload))

    def _measured(self, device: str, gateway: str, body: object) -> tuple[Claim, ...]:
        profile = self.profile
        values: list[tuple[str, float]] = []
        faults: list[Claim] = []
        for rule in profile.metrics:
            value = at_pointer(body, rule.pointer)
            if value is _ABSENT or value is None:
                continue
            number = _number(value, rule)
            if number is None or not is_metric(rule.metric):
                detail = f"{rule.pointer} is {str(value)[:60]!r}, neither a number nor one of {sorted(rule.words)}"
                faults.append(Fault(Reason.BAD_VALUE, detail))
            else:
                values.append((rule.metric, number))
        if not values:
            return tuple(faults)  # a message without any of our metrics was understood and says nothing
        given = at_pointer(body, profile.time.pointer) if profile.time.pointer else None
        at = instant(None if given is _ABSENT else given, *profile.time.forms)
        marks = Mark.TEST if profile.test and at_pointer(body, profile.test) is True else Mark.NONE
        return (Measured(device, tuple(values), gateway, at, marks=marks), *faults)

    def _stood(self, device: str, gateway: str, payload: bytes) -> Stood:
        rule = self.profile.presence
        if rule is None:
            raise Unreadable(Reason.UNKNOWN_TOPIC, f"profile {self.profile.name} has no presence")
        word = payload.decode("utf-8", errors="replace").strip().strip('"')
        if rule.pointer and payload.lstrip()[:1] == b"{":
            word = str(at_pointer(read_json(payload), rule.pointer))
        if word in rule.online:
            return Stood(device, Standing.ONLINE, gateway)
        if word in rule.offline:
            return Stood(device, Standing.OFFLINE, gateway)
        raise Unreadable(Reason.BAD_VALUE, f"{word[:40]!r} is neither online nor offline")


def _number(value: object, rule: FieldRule) -> float | None:
    if isinstance(value, bool):
        word = "true" if value else "false"
        return rule.words.get(word, float(value))
    if isinstance(value, str):
        return rule.words.get(value)
    if isinstance(value, int | float):
        return float(value) * rule.scale + rule.offset
    return None


def mapped_dialects(path: Path | None = None) -> tuple[Dialect, ...]:
    """A dialect per profile. Raises `ProfileError`."""
    return tuple(Mapped(profile) for profile in load_profiles(path))
