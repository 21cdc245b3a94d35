"""Times as cameras and alerting systems write them, read without guessing: an instant, or None with the warning that says why."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from ingest.dialects.claims import USABLE_FROM

CHINA: Final = timedelta(hours=8)  # China Standard Time has no daylight saving
AHEAD: Final = timedelta(minutes=1)  # a claim further ahead of our clock comes from a clock that is wrong
ZERO_TIME: Final = "zero_time"
BAD_TIME: Final = "bad_time"
NAIVE_TIME: Final = "naive_time"
CLOCK_SKEW: Final = "clock_skew"
_LONGEST: Final = 64  # characters of a text that may be a time
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOOSE: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{1,2}(?::?\d{2})?)?",
    re.ASCII | re.IGNORECASE,
)

Dated = tuple[datetime | None, tuple[str, ...]]


def dated(text: object, received_at: datetime, naive: timedelta | None = None) -> Dated:
    """The instant that a text names, in UTC. `naive` is what a text without an offset is ahead of UTC; None refuses such a text.

    A time ahead of `received_at` is kept and warned of: whoever takes it decides.
    """
    if not isinstance(text, str) or not text.strip():
        return None, (ZERO_TIME,)
    found = _read(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        return None, (BAD_TIME,)
    if found.tzinfo is None:
        if naive is None:
            return None, (NAIVE_TIME,)
        found = found.replace(tzinfo=timezone(naive))
    return _kept(found, received_at)


def dated_epoch(seconds: object, received_at: datetime) -> Dated:
    """The instant that is so many seconds after 1970, to the microsecond."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None, (ZERO_TIME if seconds is None else BAD_TIME,)
    try:
        return _kept(_EPOCH + timedelta(seconds=seconds), received_at)
    except (OverflowError, ValueError):
        return None, (BAD_TIME,)


def _read(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    found = _LOOSE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute = (int(found[i]) for i in range(1, 6))
    micros = int((found[7] or "0")[:6].ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, int(found[6] or 0), micros, tzinfo=_zone(found[8]))
    except ValueError:
        return None


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text in {"Z", "z"}:
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _kept(found: datetime, received_at: datetime) -> Dated:
    try:
        at = found.astimezone(UTC)
    except (OverflowError, ValueError):
        return None, (BAD_TIME,)
    if at < USABLE_FROM:
        return None, (ZERO_TIME,)
    return at, (CLOCK_SKEW,) if at > received_at + AHEAD else ()
