"""What a message says that speaks of several cases: how many, why now, the first of them, and how many more. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from alerts.alert import Alert
from alerts.notices import CHINA, VOICE
from alerts.quiet.grouping import Told
from alerts.words import Words

LINES: Final = 3  # cases that are named; a text is read at a glance
OVER: Final = frozenset({Told.ALL_RESOLVED, Told.SOME_RESOLVED})


def said_together(
    words: Words,
    language: str,
    channel: str,
    told: str,
    rings: Sequence[Alert],
    over: Sequence[Alert],
    *,
    place: Callable[[Alert], str],
    now: datetime,
) -> str:
    """The text about alerts that ring and alerts that are over, the worst first. Alike ones are one line."""

    def say(key: str, **values: object) -> str:
        return words.text(language, "bundle", key, **values)

    def line(key: str, alert: Alert) -> str:
        at = alert.stages.get("event_at")
        return say(
            key,
            place=place(alert),
            kind=words.text(language, "kind", alert.kind),
            time=at.astimezone(CHINA).strftime("%H:%M") if at else "",
            outcome=words.text(language, "outcome", alert.handling),
        )

    def whole(way: str, why: str, some: Sequence[Alert]) -> str:
        ordered = sorted(some, key=lambda a: -a.level.rank)
        counted: dict[str, int] = {}
        for alert in ordered:
            one = line("line" if way == "rings" else "line_over", alert)
            counted[one] = counted.get(one, 0) + 1
        named = list(counted.items())[:LINES]
        more = len(some) - sum(times for _, times in named)
        level = words.text(language, "level", ordered[0].level)
        return say(
            f"{'voice' if channel == VOICE else 'sms'}_{way}",
            head=say(why, count=len(some), level=level, now=now.astimezone(CHINA).strftime("%H:%M")),
            lines=say("join").join(one if times == 1 else say("times", line=one, times=times) for one, times in named),
            more=say("more", more=more) if more else "",
        )

    parts = []
    if rings:
        parts.append(whole("rings", Told.NEW_ALERTS if told in OVER else told, rings))
    if over:
        parts.append(whole("over", told if told in OVER else Told.SOME_RESOLVED, over))
    return "".join(parts) if language == "zh" else " ".join(parts)
