"""From what a camera says it sees to a signal: sure once, or likely twice.

One episode per camera and kind. Cameras repeat themselves while they see something, so an episode goes on until every incident in it has
ended or nothing was seen for `clear_after` seconds. Same shape as a detector: pure, timers by `due_at`/`on_due`, snapshot and restore.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ingest.events import Place, Point, Sighting
from ingest.frames import from_micros, to_micros
from streams.detectors.pack import pack, unpack
from streams.rules import SightingRule
from streams.signal import Level, Origin, Signal, signal_key

SECOND: Final = 1_000_000
_KEPT: Final = (
    64  # incidents remembered per episode; a camera that invents a new one for each picture must not fill the memory
)

Key = tuple[str, str]  # camera, kind


@dataclass(slots=True)
class Episode:
    """What one camera has seen of one kind lately."""

    place: Place
    seen: list[int]  # distinct observed instants of sightings that count, while nothing has been said
    received: int
    last_received: int
    last_observed: int
    score: float
    label: str
    open: dict[str, None] = field(default_factory=dict)  # incidents that have not ended
    started: int = 0
    said: bool = False


class Sightings:
    """The sightings of one partition under one rule."""

    def __init__(self, rule: SightingRule) -> None:
        self.rule = rule
        self._kinds = {label.lower(): kind for label, kind in rule.labels.items()}
        self._episodes: dict[Key, Episode] = {}

    def update(self, event: Sighting) -> list[Signal]:
        """One sighting. Muted ones, unknown labels and low scores say nothing; the end of an incident is believed at any score."""
        kind = self._kinds.get(event.label.lower())
        if kind is None or event.marks.mutes:
            return []
        key, observed, received = (event.camera, kind), to_micros(event.observed_at), to_micros(event.received_at)
        said = self._expire(key, received)
        if event.ended:
            return said + self._ended(key, event, observed, received)
        if event.score < self.rule.score:
            return said
        episode = self._episodes.get(key)
        if episode is None:
            episode = self._episodes[key] = Episode(
                event.place, [], received, received, observed, event.score, event.label
            )
        episode.open[event.ident] = None
        if len(episode.open) > _KEPT:
            del episode.open[next(iter(episode.open))]
        episode.last_received = max(received, episode.last_received)
        episode.last_observed = max(observed, episode.last_observed)
        if episode.said:
            return said
        if event.score >= episode.score:
            episode.score, episode.label = event.score, event.label
        return said + self._weigh(key, episode, event, observed, received)

    def _weigh(self, key: Key, episode: Episode, event: Sighting, observed: int, received: int) -> list[Signal]:
        """Whether what was seen is enough."""
        reach = round(self.rule.within * SECOND)
        newest = max([observed, *episode.seen])
        episode.seen = sorted({at for at in (*episode.seen, observed) if at >= newest - reach})
        if len(episode.seen) < self.rule.times and event.score < self.rule.sure:
            return []
        episode.said, episode.started = True, episode.seen[0]
        return [self._word(key, episode, episode.started, received)]

    def _ended(self, key: Key, event: Sighting, observed: int, received: int) -> list[Signal]:
        episode = self._episodes.get(key)
        if episode is None or event.ident not in episode.open:
            return []
        del episode.open[event.ident]
        if episode.open:
            return []
        del self._episodes[key]
        return [self._word(key, episode, observed, received, active=False)] if episode.said else []

    def _expire(self, key: Key, now: int) -> list[Signal]:
        episode = self._episodes.get(key)
        if episode is None or now < (due := self._due(episode)):
            return []
        del self._episodes[key]
        return [self._word(key, episode, episode.last_observed, due, active=False)] if episode.said else []

    def _due(self, episode: Episode) -> int:
        return episode.last_received + round(self.rule.clear_after * SECOND)

    def _word(self, key: Key, episode: Episode, event: int, raised: int, *, active: bool = True) -> Signal:
        camera, kind = key
        return Signal(
            signal_key(self.rule.id, f"{camera}/{kind}", from_micros(episode.started)),
            kind, Level(self.rule.level), Origin.CAMERA, camera, self.rule.id,
            from_micros(event), from_micros(episode.received), from_micros(raised), episode.place, active,
            episode.score, self.rule.text, evidence={"label": episode.label, "score": episode.score, "incidents": list(episode.open)[:8]},
        )  # fmt: skip

    def due_at(self) -> datetime | None:
        """When the next episode ends for want of sightings."""
        return from_micros(min(map(self._due, self._episodes.values()))) if self._episodes else None

    def on_due(self, now: datetime) -> list[Signal]:
        """The ends of episodes in which nothing was seen any more by `now`."""
        micros = to_micros(now)
        return sorted((s for key in list(self._episodes) for s in self._expire(key, micros)), key=lambda s: s.raised_at)

    def snapshot(self) -> bytes:
        """The whole state as bytes."""
        return pack([
            [*key, _plain(e.place), e.seen, e.received, e.last_received, e.last_observed, e.score, e.label, list(e.open), e.started, e.said]
            for key, e in self._episodes.items()
        ])  # fmt: skip

    def restore(self, raw: bytes) -> None:
        """Become what `snapshot` described; raises `BrokenSnapshot`."""
        self._episodes = {}
        for camera, kind, place, *rest, idents, started, said in unpack(raw):
            episode = Episode(_place(place), *rest)
            episode.open, episode.started, episode.said = dict.fromkeys(idents), started, said
            self._episodes[camera, kind] = episode


def _plain(place: Place) -> list[Any]:
    point = place.point
    return [place.grid, place.township, [point.lat, point.lon] if point else None, place.why]


def _place(plain: list[Any]) -> Place:
    grid, township, point, why = plain
    return Place(grid, township, Point(*point) if point else None, why)
