"""When a notice cannot reach its person over its channel: over which channel next, and in which words? Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from alerts.alert import Alert, Notice, NoticeState
from alerts.notices import Telling, compose, place_name
from alerts.people.roster import Person
from alerts.words import Words
from ingest.events import digest
from ingest.registry import Registry


def other_channel(notice: Notice, person: Person, used: Iterable[str], known: Iterable[Notice]) -> str:
    """The channel to try next: the person's own order first, then the order in use. Empty when all were tried.

    A channel over which this person was told of this step already, for this reason, is no new way.
    """
    used = tuple(used)
    tried = {n.channel for n in known if (n.person, n.step, n.reason) == (notice.person, notice.step, notice.reason)}
    ways = [*(c for c in person.channels if c in used), *used]
    return next((way for way in ways if way not in tried and way != notice.channel), "")


def went_over(notice: Notice, known: Iterable[Notice]) -> bool:
    """Whether the notice is on another way already: whoever tried it died before it could say that this one failed."""
    return any(n.key == _key(notice, n.channel) for n in known)


def over(channel: str, notice: Notice, text: str, now: datetime) -> Notice:
    """The same notice over another channel. Its key is deterministic, so that failing twice makes one (law 3)."""
    return replace(
        notice,
        key=_key(notice, channel),
        channel=channel,
        text=text,
        created_at=now,
        due_at=now,
        state=NoticeState.QUEUED,
        attempts=0,
        provider_id="",
        error="",
        sent_at=None,
        delivered_at=None,
        finished_at=None,
    )


def _key(notice: Notice, channel: str) -> str:
    return digest("failover", notice.key, channel)


def reworded(notice: Notice, channel: str, alert: Alert, language: str, words: Words, registry: Registry) -> str:
    """The notice's text as another channel says it: a telephone asks for a key, a text cannot."""
    place = place_name(registry, alert.place.grid, words.text(language, "place", "unknown"))
    return compose(words, language, channel, Telling(notice.reason, notice.step, ""), alert, place)
