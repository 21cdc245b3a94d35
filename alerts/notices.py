"""What a notice says, which channel it takes, and how it may move on its way. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from alerts.alert import Alert, Notice, NoticeState, Reason
from alerts.commands import Skipped
from alerts.outcome import Why
from alerts.people.roster import Person
from alerts.whistle.whistle import Tell
from alerts.words import Words
from ingest.events import digest
from ingest.registry import Grid, GridLevel, Registry

CHINA: Final = timezone(timedelta(hours=8), "CST")  # one zone for the whole country
PLACE_LENGTH: Final = 26  # characters of a place's name in a text: its lowest levels are what matters
NAMED: Final = 3  # senses that a text names
LOG: Final = "log"
VOICE: Final = "voice"

_N = NoticeState
WAITING: Final = frozenset({_N.HELD, _N.QUEUED, _N.SENDING})  # what has not left yet, as far as is known
_TOLD: Final = frozenset({_N.SENT, _N.DELIVERED, _N.ANSWERED})

# How a notice may move. A receipt that comes late or twice finds no row here and changes nothing; one that proves that a notice was
# on the wire already when it was cancelled or given up is the truth, and is taken.
MOVES: Final[Mapping[NoticeState, frozenset[NoticeState]]] = MappingProxyType({
    _N.HELD: frozenset({_N.QUEUED, _N.SENT, _N.DELIVERED, _N.ANSWERED, _N.FAILED, _N.CANCELLED}),
    _N.QUEUED: frozenset({_N.SENDING, _N.SENT, _N.DELIVERED, _N.ANSWERED, _N.FAILED, _N.CANCELLED}),
    _N.SENDING: frozenset({_N.SENT, _N.DELIVERED, _N.ANSWERED, _N.FAILED, _N.CANCELLED}),
    _N.SENT: frozenset({_N.DELIVERED, _N.ANSWERED, _N.FAILED}),
    _N.DELIVERED: frozenset({_N.ANSWERED}),
    _N.FAILED: frozenset({_N.DELIVERED, _N.ANSWERED}),
    _N.CANCELLED: frozenset({_N.SENT, _N.DELIVERED, _N.ANSWERED}),
    _N.ANSWERED: frozenset(),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Telling:
    """Why and where in the chain somebody is told. `episode` tells one opening of the bell from the next.

    `clock` and `stroke` say what a supervising level is told of, `who` of whom.
    """

    reason: Reason
    step: int
    episode: str
    clock: str = ""
    stroke: str = ""
    whistle: Tell | None = None
    who: str = ""


def waiting(notice: Notice) -> bool:
    """Whether a notice has not left yet, as far as is known."""
    return notice.state in WAITING


def reached(notice: Notice) -> bool:
    """Whether somebody was told by it."""
    return notice.state in _TOLD


def moved(
    notice: Notice, state: NoticeState, now: datetime, *, provider_id: str = "", error: str = ""
) -> Notice | None:
    """The notice in its new state, or None when it cannot move there from where it is."""
    if state not in MOVES[notice.state]:
        return None
    sent = state in _TOLD
    return replace(
        notice,
        state=state,
        provider_id=provider_id or notice.provider_id,
        error=error or ("" if sent else notice.error),
        sent_at=notice.sent_at or (now if sent else None),
        delivered_at=notice.delivered_at or (now if state in {_N.DELIVERED, _N.ANSWERED} else None),
        finished_at=now if state not in {_N.QUEUED, _N.SENDING, _N.SENT} else None,
    )


def channels_for(
    person: Person, wanted: tuple[str, ...], used: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Skipped, ...]]:
    """The channels on which a person is told, and those that were wanted and are not in use.

    The person's own order comes before the chain's. `log` stands in for a channel that is not in use; without it, the first channel in
    use does when none of the wanted ones is, so that nobody is left out for want of a channel.
    """
    own = tuple(c for c in person.channels if c in wanted) or person.channels[:1] or wanted
    skipped = tuple(Skipped(Why.CHANNEL_UNUSED, c) for c in own if c not in used)
    found = tuple(dict.fromkeys(c if c in used else LOG for c in own if c in used or LOG in used))
    return found or used[:1], skipped


def notice_key(alert: Alert, telling: Telling, person: str, channel: str) -> str:
    """The key of a notice: the same decision gives the same key, so that it exists once (law 3)."""
    return digest("notice", alert.id, telling.reason, telling.episode, telling.step, person, channel)


def episode(alert: Alert) -> str:
    """What tells one opening of an alert's bell from the next. It may open twice at one instant, when one batch makes it worse twice."""
    rung = alert.stages.get("rung_at")
    return f"{rung.isoformat()}/{alert.level}" if rung else ""


def place_name(registry: Registry, grid: str, unknown: str) -> str:
    """The name of a grid with what it lies in, up to the township; the highest levels are cut when it grows too long."""
    line = registry.line(grid)
    if not line:
        return unknown
    names: list[str] = []
    for level in line:
        if sum(map(len, names)) + len(level.name) > PLACE_LENGTH or level.level.height > GridLevel.TOWNSHIP.height:
            break
        if not (names and names[-1].startswith(level.name)):  # 杏花村第一网格 already says its village
            names.append(level.name)
    return _together(names) or _cut(line[0])


def _together(names: list[str]) -> str:
    spaced = any(name.isascii() for name in names)
    return (", ".join(names)) if spaced else "".join(reversed(names))


def _cut(grid: Grid) -> str:
    return grid.name[:PLACE_LENGTH] or grid.code


def compose(words: Words, language: str, channel: str, telling: Telling, alert: Alert, place: str) -> str:
    """The text of a notice: level, kind, place, time and who noticed it. What a caller said is never in it (law 14)."""
    event_at = alert.stages.get("event_at")
    return words.text(
        language,
        "voice" if channel == VOICE else "sms",
        telling.reason,
        level=words.text(language, "level", alert.level),
        kind=words.text(language, "kind", alert.kind),
        place=place,
        time=event_at.astimezone(CHINA).strftime("%H:%M") if event_at else "",
        origins=_noticed(words, language, alert.origins),
        outcome=words.text(language, "outcome", alert.handling),
        clock=words.text(language, "clock", telling.clock),
        stroke=words.text(language, "stroke", telling.stroke),
        who=telling.who or words.text(language, "place", "nobody"),
    )


def _noticed(words: Words, language: str, origins: Sequence[str]) -> str:
    """Which senses noticed it: the first three by name, so that a text stays short."""
    named = words.text(language, "join", "origins").join(words.text(language, "origin", o) for o in origins[:NAMED])
    return words.text(language, "join", "and_others", named=named) if len(origins) > NAMED else named


def notice(alert: Alert, person: Person, channel: str, telling: Telling, text: str, now: datetime) -> Notice:
    """A notice for the outbox, due at once."""
    return Notice(
        key=notice_key(alert, telling, person.id, channel),
        alert=alert.id,
        person=person.id,
        name=person.name,
        role=person.role,
        grid=person.grid,
        channel=channel,
        reason=telling.reason,
        level=alert.level,
        text=text,
        created_at=now,
        due_at=now,
        step=max(telling.step, 0),
    )
