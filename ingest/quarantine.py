"""Who is kept out for a while: sources that reconnect all the time or shout, so that the others are not disturbed. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

_KNOWN: Final = 10_000  # sources that are remembered; invented ones must not fill the memory
_ALARMS: Final = 100  # episodes that stand at once; who is put out besides is told of in the log only


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a source may do what it does."""

    connects: int = 15
    within: timedelta = timedelta(minutes=1)
    rate: float = 50.0  # messages a second, in the long run
    burst: int = 500  # messages at once
    out: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Episode:
    """A source is kept out, or (`over`) has behaved since it was let in again."""

    source: str
    why: str
    since: datetime
    over: bool = False


@dataclass(slots=True)
class _Source:
    connects: deque[datetime] = field(default_factory=deque)
    room: float = 0.0
    filled_at: datetime | None = None
    out_until: datetime | None = None


class Quarantine:
    """One instance per door. A source that was put out is told of once (`fresh`), and let in again when its time is over.

    An episode begins when a source is put out and lasts until `within` after it was let in again: who is put out anew before that is
    still the same trouble.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self.fresh: list[tuple[str, str]] = []  # (source, why) of those that were put out since somebody looked
        self._begun: list[Episode] = []
        self._standing: OrderedDict[str, tuple[Episode, datetime]] = OrderedDict()  # and until when, if nothing happens

    def connects(self, name: str, now: datetime) -> bool:
        """A source connects; whether it may."""
        source = self._source(name)
        if self._is_out(source, now):
            return False
        recent, limits = source.connects, self._limits
        recent.append(now)
        while recent and now - recent[0] >= limits.within:
            recent.popleft()
        if len(recent) > limits.connects:
            recent.clear()
            self._put_out(
                name, source, now, f"{limits.connects + 1} connections within {limits.within.total_seconds():g} s"
            )
            return False
        return True

    def says(self, name: str, now: datetime) -> bool:
        """A source says something; whether it is heard. A bucket of `burst` fills at `rate`."""
        source, limits = self._source(name), self._limits
        if self._is_out(source, now):
            return False
        since = (now - source.filled_at).total_seconds() if source.filled_at else 0.0
        source.room = (
            min(source.room + max(since, 0.0) * limits.rate, limits.burst) if source.filled_at else limits.burst
        )
        source.filled_at = now
        if source.room < 1:
            self._put_out(name, source, now, f"more than {limits.rate:g} messages a second")
            return False
        source.room -= 1
        return True

    def told(self) -> list[tuple[str, str]]:
        """Those that were put out since the last call, each with the reason."""
        fresh, self.fresh = self.fresh, []
        return fresh

    def episodes(self, now: datetime) -> list[Episode]:
        """Episodes that began since the last call, and ends of those that are over by `now`."""
        found, self._begun = self._begun, []
        ended = [name for name, (_, until) in self._standing.items() if until <= now]
        return found + [replace(self._standing.pop(name)[0], over=True) for name in ended]

    def adopt(self, episodes: Iterable[Episode]) -> None:
        """Episodes that a process before us told and could not end: whoever is put out anew in time goes on with his own."""
        for episode in episodes:
            self._standing.setdefault(episode.source, (episode, episode.since + self._limits.out + self._limits.within))

    def forget(self) -> list[Episode]:
        """The ends of all episodes that were told: nobody is kept out any more."""
        untold, self._begun = {episode.source for episode in self._begun}, []
        standing, self._standing = self._standing, OrderedDict()
        return [replace(episode, over=True) for name, (episode, _) in standing.items() if name not in untold]

    def _is_out(self, source: _Source, now: datetime) -> bool:
        return source.out_until is not None and now < source.out_until

    def _put_out(self, name: str, source: _Source, now: datetime, why: str) -> None:
        source.out_until = now + self._limits.out
        source.filled_at = None
        self.fresh.append((name, why))
        known = self._standing.pop(name, None)
        if known is None and len(self._standing) >= _ALARMS:
            return
        episode = known[0] if known else Episode(name, why, now)
        if known is None:
            self._begun.append(episode)
        self._standing[name] = episode, source.out_until + self._limits.within

    def _source(self, name: str) -> _Source:
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = _Source()
            if len(self._sources) > _KNOWN:
                self._sources.popitem(last=False)
        self._sources.move_to_end(name)
        return source
