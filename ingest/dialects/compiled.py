"""What the rules of a mapping profile come to once they are read: ways to a value, to its number and to its instant.

Everything that does not depend on the message is settled here, once, for a message of a few hundred bytes should cost little more than
reading its JSON. `None` stands for a null and for nothing at all: to a profile they are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingest.dialects.claims import USABLE_FROM, TimeForm, instant

Careful = Callable[[Any], tuple[Any, float | None]]
Clock = Callable[[Any], datetime | None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # the same as a text without an offset writes it
# When a text without an offset says 1970-01-01 00:00, and how many microseconds a number counts in.
_STARTS: Final = {TimeForm.NAIVE_UTC: _EPOCH, TimeForm.NAIVE_CST: _EPOCH - timedelta(hours=8)}
_UNITS: Final = {TimeForm.EPOCH_S: 1_000_000, TimeForm.EPOCH_MS: 1000}


def steps_of(pointer: str) -> tuple[str, ...]:
    """The keys of a JSON pointer (RFC 6901), their escapes undone."""
    return tuple(raw.replace("~1", "/").replace("~0", "~") for raw in pointer.split("/")[1:])


def below(body: Any, steps: tuple[str, ...]) -> Any:
    """What stands at the end of the steps, or None."""
    for key in steps:
        body = body.get(key) if body.__class__ is dict else under(body, key)
    return body


def under(body: object, key: str) -> Any:
    """An entry of a list by its number; nothing stands under anything else that is no object."""
    return body[int(key)] if isinstance(body, list) and key.isdecimal() and int(key) < len(body) else None


def careful(rest: tuple[str, ...], scale: float, offset: float, words: Mapping[str, float], *, usable: bool) -> Careful:
    """For the value at a rule's first key: what stands at the rest of its steps, and the number that it is, or None.

    With a metric that is not `usable`, nothing is a number.
    """
    yes, no = words.get("true", 1.0), words.get("false", 0.0)

    def read(value: Any) -> tuple[Any, float | None]:
        value = below(value, rest)
        kind = value.__class__  # what JSON is read into has no subclasses
        if not usable:
            return value, None
        if kind is float or kind is int:
            return value, value * scale + offset
        if kind is bool:
            return value, yes if value else no
        return value, words.get(value) if kind is str else None

    return read


def clock_of(forms: tuple[TimeForm, ...]) -> Clock:
    """`instant` of these forms. What the first form that can fit reads is read at once; for the rest `instant` is asked."""
    if TimeForm.NONE in forms:
        return lambda _: None
    aware = TimeForm.ISO in forms
    start = next((_STARTS[form] for form in forms if form in _STARTS), None)
    unit = next((_UNITS[form] for form in forms if form in _UNITS), 0)

    def read(value: Any) -> datetime | None:
        found, kind = None, value.__class__
        try:
            if kind is str:
                written = datetime.fromisoformat(value)
                if written.tzinfo is not None:
                    found = written.astimezone(UTC) if aware else None
                elif start is not None:
                    found = start + (written - _WRITTEN_EPOCH)
            elif unit and (kind is int or kind is float):
                found = _EPOCH + timedelta(0, 0, int(value * unit))
        except (ValueError, OverflowError):
            found = None
        if found is None:
            return instant(value, *forms)
        return found if found >= USABLE_FROM else None

    return read
