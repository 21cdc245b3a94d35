"""Whose clock an observation goes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.dialects.observation import Kind, Message, Observation, TimeFrom
from ingest.dialects.settling import settle
from ingest.events import Mark

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("why", "device", "server", "at", "whose", "warnings"),
    [
        ("the device's own clock first", NOW - MINUTE, NOW, NOW - MINUTE, TimeFrom.DEVICE, ()),
        ("a little ahead is a clock like any other", NOW + MINUTE, None, NOW + MINUTE, TimeFrom.DEVICE, ()),
        ("old is believed: late truth corrects the record", NOW - 9999 * MINUTE, NOW, NOW - 9999 * MINUTE, TimeFrom.DEVICE, ()),
        ("a device without a clock is dated by its platform", None, NOW - MINUTE, NOW - MINUTE, TimeFrom.SERVER, ()),
        ("and so is one whose clock runs ahead", NOW + 2 * MINUTE, NOW - MINUTE, NOW - MINUTE, TimeFrom.SERVER, ("clock_skew",)),
        ("when both run ahead, ours stands in", NOW + 2 * MINUTE, NOW + 3 * MINUTE, NOW, TimeFrom.RECEIVED, ("clock_skew",)),
        ("nobody said anything", None, None, NOW, TimeFrom.RECEIVED, ()),
    ],
)  # fmt: skip
def test_settling(
    why: str, device: datetime | None, server: datetime | None, at: datetime, whose: TimeFrom, warnings: tuple[str, ...]
) -> None:
    found = settle(Observation(Kind.TELEMETRY, "d", "x", 1, device_at=device, server_at=server), Message("t", b"", NOW))
    assert (found.observed_at, found.time_from, found.warnings) == (at, whose, warnings), why


def test_marks_are_said_as_words_and_retained_comes_from_the_message() -> None:
    said = Observation(
        Kind.ALARM, "d", "fire_alarm", True, marks=Mark.TEST | Mark.HISTORICAL, warnings=("zero_time", "zero_time")
    )
    found = settle(said, Message("t", b"", NOW, retained=True))
    assert found.warnings == ("zero_time", "test", "historical", "retained")
    assert found.marks == Mark.TEST | Mark.HISTORICAL | Mark.RETAINED | Mark.ZERO_TIME
