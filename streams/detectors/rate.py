"""A value that moves fast: rate of rise, as heat detectors of EN 54-5 class R and NFPA 72 mean it (8.3 °C a minute).

The last `window` seconds of a track are kept as the means of six equal spans of time. A row is moving when it lies beyond the means of at
least two of the earlier spans by `least`, and by `per_minute` times the time since. Two, because one stray reading spoils one span; and
`confirm` moving rows in a row are wanted, because the stray reading may be the newest. It is over when no row was moving for
`clear_after` seconds; a device that stops speaking while it moves (it may be burning) clears nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.detectors.rounds import rounds
from streams.detectors.tracks import Rows, grown
from streams.detectors.watch import NEVER, SECOND, Found, Times, word
from streams.rules import RateRule
from streams.signal import Signal

SPANS: Final = 6
Tracks = NDArray[np.int32]
Instants = NDArray[np.int64]
Values = NDArray[np.float64]
_FILLS: Final[dict[str, tuple[str, float]]] = {
    "last": ("<i8", NEVER),  # newest observed instant
    "low": ("<f8", np.inf),  # a bound from below of all span means; raised again when it made us look
    "run": ("<i2", 0),  # moving rows in a row
    "since": ("<i8", NEVER),  # observed instant of the first of them
    "arrived": ("<i8", NEVER),  # and when it was received
    "started": ("<i8", NEVER),  # of the episode under way; NEVER when there is none
    "moved": ("<i8", NEVER),  # observed instant of the last moving row
}


@dataclass(slots=True)
class _Book:
    """What is remembered of every track of one metric."""

    columns: dict[str, NDArray[Any]]
    span: NDArray[np.int64]  # tracks × SPANS: which span of time
    total: NDArray[np.float64]
    count: NDArray[np.int32]

    @classmethod
    def empty(cls) -> _Book:
        columns = {name: np.empty(0, kind) for name, (kind, _) in _FILLS.items()}
        return cls(columns, np.empty((0, SPANS), "<i8"), np.empty((0, SPANS), "<f8"), np.empty((0, SPANS), "<i4"))

    def reach(self, size: int) -> None:
        if len(self.span) >= size:
            return
        for name, (_, fill) in _FILLS.items():
            self.columns[name] = grown(self.columns[name], size, fill)
        self.span, self.total, self.count = (
            grown(self.span, size, NEVER),
            grown(self.total, size, 0),
            grown(self.count, size, 0),
        )


class Rate:
    """One rate rule over all its tracks."""

    def __init__(self, rule: RateRule) -> None:
        self.rule = rule
        self._sign = 1.0 if rule.direction == "above" else -1.0
        self._span = round(rule.window * SECOND) // SPANS
        self._per_micro = rule.per_minute / (60 * SECOND)
        self._floor = -np.inf if rule.at_least is None else self._sign * rule.at_least
        self._books: dict[str, _Book] = {}

    def apply(self, rows: Rows) -> list[Found]:
        book = self._books.get(rows.metric)
        if book is None:
            book = self._books[rows.metric] = _Book.empty()
        book.reach(rows.tracks)
        found: list[Found] = []
        for turn in rounds(rows.track):
            fresh = rows.observed[turn] > book.columns["last"][rows.track[turn]]
            index = np.arange(len(rows.track))[turn][fresh]
            if len(index):
                found += self._turn(book, rows, index)
        return found

    def _turn(self, book: _Book, rows: Rows, index: NDArray[np.intp]) -> list[Found]:
        """One row each of different tracks."""
        columns, track, observed = book.columns, rows.track[index], rows.observed[index]
        value = rows.value[index] * self._sign
        columns["last"][track] = observed
        moving = np.zeros(len(index), np.bool_)
        look = (value - columns["low"][track] >= self.rule.least) & (value >= self._floor)
        if look.any():
            moving[look] = self._moving(book, track[look], observed[look], value[look])
        self._remember(book, track, observed, value)
        run = columns["run"]
        first = moving & (run[track] == 0)
        columns["since"][track[first]] = observed[first]
        columns["arrived"][track[first]] = rows.received[index][first]
        run[track] = np.where(moving, np.minimum(run[track] + 1, 1000), 0)
        columns["moved"][track[moving]] = observed[moving]
        under_way = columns["started"][track] != NEVER
        begins = ~under_way & (run[track] >= self.rule.confirm)
        ends = under_way & (observed - columns["moved"][track] >= round(self.rule.clear_after * SECOND))
        said = [self._begin(book, rows, i) for i in index[begins].tolist()]
        return said + [self._end(book, rows, i) for i in index[ends].tolist()]

    def _moving(self, book: _Book, track: Tracks, observed: Instants, value: Values) -> NDArray[np.bool_]:
        """Which rows lie far enough beyond two earlier spans; tightens the bound that made us look."""
        span = (observed // self._span)[:, None]
        ids, count = book.span[track], book.count[track]
        recent = (ids <= span) & (ids > span - SPANS) & (count > 0)
        mean = np.where(recent, book.total[track] / np.maximum(count, 1), np.inf)
        book.columns["low"][track] = np.minimum(mean.min(axis=1), value)
        earlier = recent & (ids < span)
        age = observed[:, None] - (ids * self._span + self._span // 2)
        wanted = np.maximum(self.rule.least, age * self._per_micro)
        beyond: NDArray[np.int64] = (earlier & (value[:, None] - mean >= wanted)).sum(axis=1)
        return beyond >= 2

    def _remember(self, book: _Book, track: Tracks, observed: Instants, value: Values) -> None:
        span = observed // self._span
        cell = track, span % SPANS
        same = book.span[cell] == span
        book.total[cell] = np.where(same, book.total[cell], 0.0) + value
        book.count[cell] = np.where(same, book.count[cell], 0) + 1
        book.span[cell] = span
        low = book.columns["low"]
        low[track] = np.minimum(low[track], value)

    def _begin(self, book: _Book, rows: Rows, i: int) -> Found:
        track, columns = int(rows.track[i]), book.columns
        columns["started"][track] = columns["since"][track]
        return self._say(book, rows, i, event=int(columns["since"][track]), active=True)

    def _end(self, book: _Book, rows: Rows, i: int) -> Found:
        found = self._say(book, rows, i, event=int(rows.observed[i]), active=False)
        book.columns["started"][int(rows.track[i])] = NEVER
        return found

    def _say(self, book: _Book, rows: Rows, i: int, *, event: int, active: bool) -> Found:
        track, received = int(rows.track[i]), int(rows.received[i])
        arrived = min(int(book.columns["arrived"][track]), received)
        signal = word(
            self.rule, self.rule.level, rows.origin(i), rows.metric, started=int(book.columns["started"][track]),
            times=Times(event, arrived, received), value=float(rows.value[i]), active=active,
        )  # fmt: skip
        return int(rows.row[i]), signal

    def due(self) -> int | None:
        return None

    def on_due(self, now: int) -> list[Signal]:  # noqa: ARG002
        return []

    def snapshot(self) -> dict[str, Any]:
        return {
            metric: {"columns": dict(b.columns), "span": b.span, "total": b.total, "count": b.count}
            for metric, b in self._books.items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._books = {metric: _Book(**b) for metric, b in state.items()}
