"""What the tests of quiet rules speak about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.quiet.bell import Bell, Matcher
from alerts.quiet.silence import Silence, silence
from alerts.quiet.terms import Lengths
from streams.signal import Level

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday, 16:00 in UTC+8
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LENGTHS = Lengths()


def bell(ident: str = "a1", **but: object) -> Bell:
    made = Bell(
        ident,
        "water",
        Level.YELLOW,
        "g1",
        frozenset({"g1", "v1", "t1", "c"}),
        ("w-1",),
        ("water_level",),
        ("gw-1",),
        NOW,
    )
    return replace(made, **but)


def silenced(matcher: Matcher | None = None, hours: float = 1, **but: object) -> Silence:
    made = silence(
        matcher or Matcher(kinds=("water",)),
        by="甲",
        reason="清洗水箱",
        starts_at=NOW,
        ends_at=NOW + hours * HOUR,
        lengths=LENGTHS,
        now=NOW,
    )
    return replace(made, **but)
