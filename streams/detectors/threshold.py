"""A value at or beyond a limit for a while: levels with set and reset, and holds that end on time.

Rows of quiet tracks are passed over in one numpy comparison; only tracks with a row beyond the mildest `set`, or with an episode under
way, go through the state machine row by row. That machine is the meaning of the rule, and it is the same for one row and for many.

Set and reset follow Kapacitor: a level may be lowered only once the current level's reset is true. A hold runs on the observed clock
from the first row beyond `set`. It ends at a row at or after its end, or by timer when no row comes, unless the device has been silent for
longer than `max_gap`. A timer that was not rung in time (a restart, a re-read) is made up for before the track's next row, with the same
signal: what comes out depends on the rows alone.

The key of an episode stays while it lasts; a worse level is a new signal with the same key. Falling back to a milder level says nothing.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.frames import Origin
from streams.detectors.tracks import Rows, grown
from streams.detectors.watch import NEVER, SECOND, Found, Times, pack_origin, word
from streams.rules import Step, ThresholdRule
from streams.signal import Signal

# An observed instant at most this far behind its arrival is travel time; beyond it the device's clock is off and holds run on arrivals.
TRAVEL: Final = SECOND

Key = tuple[str, int]


@dataclass(slots=True)
class Episode:
    """One track that is, or may soon be, over its limit."""

    origin: Origin
    started: int  # observed clock of its first row
    received: int  # when that row arrived
    over_since: list[int]  # per level, observed clock; NEVER when the last row was not over it
    due_at: list[int]  # per level, when its hold ends by the received clock; NEVER likewise
    last_received: int
    value: float
    level: int = -1  # the level now; -1 while every hold still runs
    peak: int = -1  # the worst level said so far
    due: int = NEVER  # the earliest hold that still runs


@dataclass(slots=True)
class _Book:
    """What is remembered of every track of one metric."""

    last: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # newest observed instant
    busy: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))  # has an episode
    good: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))  # was once on the good side of reset

    def reach(self, size: int) -> None:
        if len(self.last) < size:
            self.last, self.busy, self.good = (
                grown(self.last, size, NEVER),
                grown(self.busy, size, 0),
                grown(self.good, size, 0),
            )


def next_level(now: int, value: float, levels: tuple[Step, ...]) -> int:
    """The level after `value`, -1 for none; holds are not looked at. Values and limits grow towards the worse.

    Kapacitor's published vector: sets 60 70 80, resets 50 60 70, values 61 73 64 85 62 56 47 give 0 1 1 2 0 0 -1. Beyond Kapacitor, a
    fall stops at the mildest level until that one's reset is true as well.
    """
    over = next((k for k in reversed(range(len(levels))) if value >= levels[k].set), -1)
    if over >= now or value >= levels[now].reset:
        return max(over, now)
    return over if over >= 0 or value < levels[0].reset else 0


class Threshold:
    """One threshold rule over all its tracks."""

    def __init__(self, rule: ThresholdRule) -> None:
        self.rule = rule
        self._sign = 1.0 if rule.direction == "above" else -1.0
        self._levels = tuple(
            s.model_copy(update={"set": self._sign * s.set, "reset": self._sign * s.reset}) for s in rule.levels
        )
        self._holds = tuple(round(s.hold * SECOND) for s in rule.levels)
        self._gap = round(rule.max_gap * SECOND)
        self._books: dict[str, _Book] = {}
        self._episodes: dict[Key, Episode] = {}
        self._timers: list[tuple[int, str, int]] = []  # a heap; entries whose episode has moved on are passed over

    def apply(self, rows: Rows) -> list[Found]:
        book = self._books.get(rows.metric)
        if book is None:
            book = self._books[rows.metric] = _Book()
        book.reach(rows.tracks)
        value = rows.value * self._sign
        concerned = book.busy[rows.track]
        beyond = value >= self._levels[0].set
        if beyond.any():
            touched = np.zeros(rows.tracks, np.bool_)
            touched[rows.track[beyond]] = True
            concerned |= touched[rows.track]
        found: list[Found] = []
        if concerned.any():
            found = self._walk(book, rows.take(concerned), value[concerned])
            rows, value = rows.take(~concerned), value[~concerned]
        np.maximum.at(book.last, rows.track, rows.observed)
        if self.rule.crossing:
            book.good[rows.track[value < self._levels[0].reset]] = True
        return found

    def _walk(self, book: _Book, rows: Rows, values: NDArray[np.float64]) -> list[Found]:
        found: list[Found] = []
        columns = zip(rows.track.tolist(), rows.observed.tolist(), rows.received.tolist(), values.tolist(), strict=True)
        for index, (track, observed, received, value) in enumerate(columns):
            key, row = (rows.metric, track), int(rows.row[index])
            found.extend((row, signal) for signal in self._make_up(key, received))
            if value < self._levels[0].reset:
                book.good[track] = True
            if observed < book.last[track]:
                continue
            book.last[track] = observed
            episode = self._episodes.get(key)
            if episode and episode.level < 0 and received - episode.last_received > self._gap:
                self._end(key)
                episode = None
            if episode is None:
                if value < self._levels[0].set or (self.rule.crossing and not book.good[track]):
                    continue
                episode = self._begin(key, rows.origin(index), observed, received)
            found.extend((row, signal) for signal in self._step(key, episode, observed, received, value))
        return found

    def _begin(self, key: Key, origin: Origin, observed: int, received: int) -> Episode:
        n = len(self._levels)
        episode = self._episodes[key] = Episode(origin, observed, received, [NEVER] * n, [NEVER] * n, received, 0.0)
        self._books[key[0]].busy[key[1]] = True
        return episode

    def _end(self, key: Key) -> None:
        del self._episodes[key]
        self._books[key[0]].busy[key[1]] = False

    def _step(self, key: Key, episode: Episode, observed: int, received: int, value: float) -> list[Signal]:
        """One row of a track with an episode; `value` grows towards the worse."""
        self._run_holds(episode, observed, received, value)
        episode.last_received, episode.value = max(received, episode.last_received), value * self._sign
        held = [
            k
            for k in range(episode.level + 1, len(self._levels))
            if episode.over_since[k] != NEVER and observed - episode.over_since[k] >= self._holds[k]
        ]
        said = self._rise(key, episode, held[-1], received) if held else []
        if episode.level >= 0:
            level = next_level(episode.level, value, self._levels)
            if level < 0:
                said.append(self._cleared(key, episode, observed, received))
                self._end(key)
                return said
            episode.level = min(level, episode.level)
        elif value < self._levels[0].set:
            self._end(key)
            return said
        self._set_timer(key, episode)
        return said

    def _run_holds(self, episode: Episode, observed: int, received: int, value: float) -> None:
        """Start the holds of levels the row is over, forget those it is not."""
        travelled = observed if 0 <= received - observed <= TRAVEL else received
        for k, step in enumerate(self._levels):
            if value < step.set:
                episode.over_since[k] = episode.due_at[k] = NEVER
            elif episode.over_since[k] == NEVER:
                episode.over_since[k] = observed
                episode.due_at[k] = max(travelled + self._holds[k], received)

    def _rise(self, key: Key, episode: Episode, level: int, raised: int) -> list[Signal]:
        episode.level = level
        if level <= episode.peak:
            return []
        event = episode.started if episode.peak < 0 else episode.over_since[level]
        episode.peak = level
        return [word(
            self.rule, self._levels[level].level, episode.origin, key[0], started=episode.started,
            times=Times(event, episode.received, max(raised, episode.received)), value=episode.value,
        )]  # fmt: skip

    def _cleared(self, key: Key, episode: Episode, observed: int, received: int) -> Signal:
        return word(
            self.rule, self._levels[episode.peak].level, episode.origin, key[0], started=episode.started,
            times=Times(observed, received, received), value=episode.value, active=False,
        )  # fmt: skip

    def _set_timer(self, key: Key, episode: Episode) -> None:
        running = [due for due in episode.due_at[episode.level + 1 :] if due != NEVER]
        due = min(running, default=NEVER)
        if due not in {NEVER, episode.due}:
            heapq.heappush(self._timers, (due, *key))
        episode.due = due

    def _make_up(self, key: Key, now: int) -> list[Signal]:
        """Ring the track's timers up to `now`, each at its own instant."""
        said: list[Signal] = []
        while (episode := self._episodes.get(key)) and NEVER < episode.due <= now:
            due = episode.due
            if due - episode.last_received > self._gap:
                if episode.level < 0:
                    self._end(key)
                    break
                for k in range(episode.level + 1, len(self._levels)):
                    episode.over_since[k] = episode.due_at[k] = NEVER
            else:
                ripe = [k for k in range(episode.level + 1, len(self._levels)) if NEVER < episode.due_at[k] <= due]
                said += self._rise(key, episode, ripe[-1], due)
            self._set_timer(key, episode)
        return said

    def due(self) -> int | None:
        timers = self._timers
        while timers and ((episode := self._episodes.get(timers[0][1:])) is None or episode.due != timers[0][0]):
            heapq.heappop(timers)
        return timers[0][0] if timers else None

    def on_due(self, now: int) -> list[Signal]:
        said: list[Signal] = []
        while (due := self.due()) is not None and due <= now:
            said += self._make_up(self._timers[0][1:], due)
        return said

    def snapshot(self) -> dict[str, Any]:
        return {
            "books": {metric: {"last": b.last, "busy": b.busy, "good": b.good} for metric, b in self._books.items()},
            "episodes": [[*key, pack_origin(e.origin), *_plain(e)] for key, e in self._episodes.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._books = {metric: _Book(b["last"], b["busy"], b["good"]) for metric, b in state["books"].items()}
        self._episodes = {
            (metric, track): Episode(Origin(*origin), *rest) for metric, track, origin, *rest in state["episodes"]
        }
        self._timers = [(e.due, *key) for key, e in self._episodes.items() if e.due != NEVER]
        heapq.heapify(self._timers)


def _plain(e: Episode) -> tuple[Any, ...]:
    """All fields after the origin, in their order."""
    return e.started, e.received, e.over_since, e.due_at, e.last_received, e.value, e.level, e.peak, e.due
