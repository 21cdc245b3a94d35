"""Plain JSON of other makers, read by profiles: a topic template, JSON pointers to metrics, units, words and a rule
for the time.

A deployment names its file in `gateway.profiles`; `docs/profiles.example.toml` is one. Profiles are asked before every other dialect but
Tocsin's own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import partial
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
    read_json,
)
from ingest.dialects.compiled import Careful, below, careful, clock_of, steps_of, under
from ingest.dialects.making import maker
from ingest.dialects.native import is_metric
from ingest.events import Mark, Standing

_ABSENT: Final = object()
_MOST_TOPICS: Final = 16_384  # whose meaning a profile remembers
_LONGEST_TOPIC: Final = 256  # characters of one that is remembered
_METRICS, _PRESENCE, _NOTHING, _OTHERS = range(4)  # what a topic means to a profile
_MEASURED: Final = maker(Measured)
_UNMARKED, _TEST = Mark.NONE, Mark.TEST


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


_Way = tuple[int, str, str | None]
_Rule = tuple[str, str, float, float, Careful | None, FieldRule]


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
    """What stands at a JSON pointer, or `_ABSENT`."""
    for key in steps_of(pointer):
        if isinstance(body, Mapping) and key in body:
            body = body[key]
        elif isinstance(body, list) and key.isdecimal() and int(key) < len(body):
            body = body[int(key)]
        else:
            return _ABSENT
    return body


class Mapped:
    """The dialect of one profile. What a topic means is found once and remembered."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._topic = pattern_of(profile.topic)
        self._ignored = tuple(pattern_of(t) for t in profile.ignore)
        self._presence = pattern_of(profile.presence.topic) if profile.presence is not None else None
        self._ways: dict[str, _Way] = {}
        self._rules = tuple(_compiled(rule) for rule in profile.metrics)
        self._time, *rest = steps_of(profile.time.pointer) or ("",)
        self._time_rest, self._when = tuple(rest), clock_of(profile.time.forms if self._time else (TimeForm.NONE,))
        self._test = steps_of(profile.test)

    def source(self, topic: str) -> str | None:
        return (self._ways.get(topic) or self._way(topic))[2]

    def read(self, topic: str, payload: bytes) -> tuple[Claim, ...]:
        means, device, gateway = self._ways.get(topic) or self._way(topic)
        if means == _METRICS:
            return self._measured(device, gateway or "", read_json(payload))
        if means == _PRESENCE:
            return (self._stood(device, gateway or "", payload),)
        if means == _NOTHING:
            return ()
        raise Unreadable(Reason.UNKNOWN_TOPIC, f"not a topic of profile {self.profile.name}")

    def _way(self, topic: str) -> _Way:
        """What a topic means, of which device, and who speaks there: nobody on another's topic."""
        way: _Way = (_OTHERS, "", None)
        patterns = ((_PRESENCE, self._presence), *((_NOTHING, p) for p in self._ignored), (_METRICS, self._topic))
        for means, pattern in patterns:
            if pattern is not None and (found := pattern.fullmatch(topic)):
                named = found.groupdict()
                way = (
                    means,
                    named.get("device") or "",
                    named.get("gateway") or self.profile.gateway or self.profile.name,
                )
                break
        if len(topic) <= _LONGEST_TOPIC:  # whoever may publish may make up topics: what is remembered is bounded
            if len(self._ways) >= _MOST_TOPICS:
                self._ways.clear()
            self._ways[topic] = way
        return way

    def _measured(self, device: str, gateway: str, body: Any) -> tuple[Claim, ...]:
        values: list[tuple[str, float]] = []
        faults: list[Claim] = []
        at = body.get if body.__class__ is dict else partial(under, body)
        for head, metric, scale, offset, care, rule in self._rules:
            value, number = at(head), None
            if value is None:
                continue
            if care is not None:
                value, number = care(value)
                if value is None:
                    continue
            elif value is True:
                number = 1.0
            elif value is False:
                number = 0.0
            else:
                try:
                    number = value * scale + offset
                except TypeError:  # a text, a list or an object where a number should be
                    number = None
            if number is None:
                faults.append(_fault(value, rule))
            else:
                values.append((metric, number))
        if not values:
            return tuple(faults)  # a message without any of our metrics was understood and says nothing
        written = at(self._time)
        when = self._when(below(written, self._time_rest)) if written is not None else None
        marks = _TEST if self._test and below(body, self._test) is True else _UNMARKED
        claim = _MEASURED(device, tuple(values), gateway, when, None, marks)
        return (claim, *faults) if faults else (claim,)

    def _stood(self, device: str, gateway: str, payload: bytes) -> Stood:
        rule = self.profile.presence
        if rule is None or not device:
            raise Unreadable(
                Reason.UNKNOWN_TOPIC, f"profile {self.profile.name} names no device whose presence this is"
            )
        word = payload.decode("utf-8", errors="replace").strip().strip('"')
        if rule.pointer and payload.lstrip()[:1] == b"{":
            word = str(at_pointer(read_json(payload), rule.pointer))
        if word in rule.online:
            return Stood(device, Standing.ONLINE, gateway)
        if word in rule.offline:
            return Stood(device, Standing.OFFLINE, gateway)
        raise Unreadable(Reason.BAD_VALUE, f"{word[:40]!r} is neither online nor offline")


def _compiled(rule: FieldRule) -> _Rule:
    """A rule as a message needs it: where to look first, what a number becomes, and how to read what takes more care."""
    head, *rest = steps_of(rule.pointer)
    usable = is_metric(rule.metric)
    if usable and not rest and not rule.words:
        return head, rule.metric, rule.scale, rule.offset, None, rule
    care = careful(tuple(rest), rule.scale, rule.offset, rule.words, usable=usable)
    return head, rule.metric, rule.scale, rule.offset, care, rule


def _fault(value: object, rule: FieldRule) -> Fault:
    detail = f"{rule.pointer} is {str(value)[:60]!r}, neither a number nor one of {sorted(rule.words)}"
    return Fault(Reason.BAD_VALUE, detail)


def mapped_dialects(path: Path | None = None) -> tuple[Dialect, ...]:
    """A dialect per profile. Raises `ProfileError`."""
    return tuple(Mapped(profile) for profile in load_profiles(path))
