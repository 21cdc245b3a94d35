"""Hot issues (未诉先办): so many calls and orders of one kind in one grid that it is one matter of the area.

What is usual is a robust count: the median of the same hour of the day in the last days, and their median deviation. An episode is of a
kind and of the grid above the one that is hot, and goes on until no grid below it is hot any more. Same shape as a detector: pure, timers
by `due_at`/`on_due`, snapshot and restore. Of an order that comes again only the first state counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any, Final

from ingest.events import Call, Place
from ingest.frames import from_micros, to_micros
from ingest.registry import Registry
from streams.detectors.pack import pack, unpack
from streams.orders import HOT, OrderRules
from streams.signal import Level, Origin, Signal, signal_key

RULE: Final = "surge"
LISTED: Final = 200  # members that a signal names
_HOUR: Final = 3_600_000_000  # microseconds
_DAY: Final = 24
_NORMAL: Final = 1.4826  # of a normal distribution: its standard deviation by its median deviation
_FEWEST: Final = 3  # days by which something is usual

Spot = tuple[str, str]  # kind, grid


@dataclass(slots=True)
class Episode:
    """A hot issue that goes on. `hot` are its grids with the number that each must fall to."""

    started: int
    township: str
    hot: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Spotted:
    """What was heard of one kind in one grid: the last members (when, under which key), and how many there were in each hour before."""

    recent: list[tuple[int, str]] = field(default_factory=list)
    hours: dict[int, int] = field(default_factory=dict)


class Surges:
    """The hot issues of one partition."""

    def __init__(self, orders: OrderRules) -> None:
        self._orders, self.rule = orders, orders.surge
        self._kinds = frozenset(row.kind for row in orders.category)
        self._window = round(self.rule.window_s * 1_000_000)
        self._began = -1  # the hour of the first call: before it nothing is usual
        self._now = 0
        self._seen: dict[str, int] = {}  # idents and the hour they came in, so that a repeat counts once
        self._spots: dict[Spot, Spotted] = {}
        self._episodes: dict[Spot, Episode] = {}
        self._above: Mapping[str, str] = {}

    def enrol(self, registry: Registry) -> None:
        """Take note of which grid lies in which."""
        self._above = {code: grid.parent for code, grid in registry.grids.items()}

    def like(self, other: Surges) -> None:
        """Know the same grids as another."""
        self._above = other._above

    def update(self, event: Call, said: list[Signal]) -> list[Signal]:
        """One call or state of an order, with what it said by itself. Muted and late ones do not count, nor those of no place or kind."""
        self._now = max(self._now, to_micros(event.received_at))
        over = self._ended(self._now)
        kind = self._kind(event, said)
        if not kind or event.marks.mutes or not event.place.grid or event.ident in self._seen:
            return over
        self._count(kind, event, said[0].key if said else event.ident)
        return over + self._hot(kind, event)

    def _kind(self, event: Call, said: list[Signal]) -> str:
        order = event.order
        if order is not None and (order.done or not said):
            return ""
        kind = said[0].kind if said else self._orders.kind_of(event.category)
        return kind if kind in self._kinds else ""  # emergencies are few and ring one by one

    def _count(self, kind: str, event: Call, key: str) -> None:
        hour = self._now // _HOUR
        self._began = hour if self._began < 0 else self._began
        first = hour - self.rule.days * _DAY
        if len(self._seen) and next(iter(self._seen.values())) < first:
            self._seen = {ident: at for ident, at in self._seen.items() if at >= first}
        self._seen[event.ident] = hour
        spot = self._spots.setdefault((kind, event.place.grid), Spotted())
        spot.recent = [m for m in spot.recent if m[0] > self._now - self._window]
        spot.recent.append((self._now, key))
        spot.hours = {at: n for at, n in spot.hours.items() if at >= first}
        spot.hours[hour] = spot.hours.get(hour, 0) + 1

    def usual(self, kind: str, grid: str, hour: int) -> tuple[float, float]:
        """The median number of a kind in a grid at this hour of the day, and the robust deviation; a day without one counts as none."""
        before = [hour - day * _DAY for day in range(1, self.rule.days + 1)]
        spot = self._spots.get((kind, grid), Spotted())
        counts = [spot.hours.get(at, 0) for at in before if at >= self._began >= 0]
        if len(counts) < _FEWEST:
            return 0.0, 0.0
        middle = median(counts)
        return middle, _NORMAL * median(abs(n - middle) for n in counts)

    def _hot(self, kind: str, event: Call) -> list[Signal]:
        grid = event.place.grid
        recent = self._spots[kind, grid].recent
        middle, deviation = self.usual(kind, grid, self._now // _HOUR)
        hours = self.rule.window_s / 3600
        if len(recent) <= max(self.rule.least, middle * hours + self.rule.sigmas * max(deviation, 1.0) * hours):
            return []
        area = self._above.get(grid) or grid
        known = self._episodes.get((kind, area))
        episode = known or Episode(recent[0][0], event.place.township)
        episode.hot.setdefault(grid, int(len(recent) * self.rule.clear))
        self._episodes[kind, area] = episode
        return [] if known else [self._word(kind, area, episode, event, middle)]

    def _word(self, kind: str, area: str, episode: Episode, event: Call, usual: float) -> Signal:
        members = self._spots[kind, event.place.grid].recent
        return Signal(
            _key(kind, area, episode), HOT, Level(self.rule.level), Origin.SYSTEM, hot_subject(kind, area), RULE,
            from_micros(episode.started), event.received_at, from_micros(self._now),
            Place(area, episode.township, None, event.place.why), value=float(len(members)), text=HOT,
            evidence={
                "matter": kind, "grid": event.place.grid, "usual": usual, "window_s": self.rule.window_s,
                "members": [key for _, key in members[-LISTED:]],
            },
        )  # fmt: skip

    def _due(self, kind: str, episode: Episode) -> int:
        """When the last hot grid falls to its number, if nothing more comes."""
        due = 0
        for grid, low in episode.hot.items():
            recent = [at for at, _ in self._spots[kind, grid].recent]
            if len(recent) > low:
                due = max(due, recent[len(recent) - low - 1] + self._window)
        return due

    def _ended(self, now: int) -> list[Signal]:
        over = sorted(
            (self._due(kind, episode), kind, area)
            for (kind, area), episode in self._episodes.items()
            if self._due(kind, episode) <= now
        )
        said: list[Signal] = []
        for due, kind, area in over:
            episode = self._episodes.pop((kind, area))
            at = from_micros(due)
            said.append(Signal(
                _key(kind, area, episode), HOT, Level(self.rule.level), Origin.SYSTEM, hot_subject(kind, area), RULE, at, at, at,
                Place(area, episode.township), active=False, text=HOT, evidence={"matter": kind},
            ))  # fmt: skip
        return said

    def due_at(self) -> datetime | None:
        """When the next episode ends for want of calls."""
        due = [self._due(kind, episode) for (kind, _), episode in self._episodes.items()]
        return from_micros(min(due)) if due else None

    def on_due(self, now: datetime) -> list[Signal]:
        """The ends of episodes that have cooled by `now`."""
        return self._ended(to_micros(now))

    def snapshot(self) -> bytes:
        """The whole state as bytes."""
        spots = [[*spot, s.recent, [[at, n] for at, n in s.hours.items()]] for spot, s in self._spots.items()]
        episodes = [[*spot, e.started, e.township, e.hot] for spot, e in self._episodes.items()]
        return pack({"began": self._began, "now": self._now, "seen": self._seen, "spots": spots, "episodes": episodes})

    def restore(self, raw: bytes) -> None:
        """Become what `snapshot` described; raises `BrokenSnapshot`."""
        said: dict[str, Any] = unpack(raw)
        self._began, self._now, self._seen = said["began"], said["now"], said["seen"]
        self._spots = {
            (kind, grid): Spotted([(at, key) for at, key in recent], dict(hours))
            for kind, grid, recent, hours in said["spots"]
        }
        self._episodes = {
            (kind, area): Episode(started, township, hot) for kind, area, started, township, hot in said["episodes"]
        }


def hot_subject(kind: str, area: str) -> str:
    """What an area incident is about: a kind of matter in an area."""
    return f"{kind}@{area}"


def _key(kind: str, area: str, episode: Episode) -> str:
    return signal_key(RULE, hot_subject(kind, area), from_micros(episode.started))
