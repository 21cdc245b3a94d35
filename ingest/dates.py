"""Dates and instants as people write them in files. A date alone is its midnight, and what names no offset is China's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from ingest.events import InvalidEvent

_CHINA: Final = timezone(timedelta(hours=8))  # one zone for the whole country


def instant_of(text: str) -> datetime | None:
    """The instant, in UTC; None when nothing is written. Raises `InvalidEvent` for what is neither a date nor an instant."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError as error:
        raise InvalidEvent(f"{text[:40]!r} is no date: write 2026-03-01 or 2026-03-01 08:00 (China's time)") from error
    return (read if read.tzinfo else read.replace(tzinfo=_CHINA)).astimezone(UTC)
