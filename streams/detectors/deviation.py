"""A value far outside what this very device did lately: robust location and scale, learned as it goes.

Location and scale are Huber-weighted moving averages: what lies further out than three standard deviations pulls no harder than that, so a
spike hardly moves them and a lasting change is learned slowly. A device is judged after `warm_up` rows, and only when its value moves at
all (at least `LIVELY` of its rows differ from the one before): the noise of a flag or of a stuck value is unknown. `confirm` rows in a row
over at least `hold` seconds must lie more than `sigmas` out on the same side; a spike never rings. It is over after `confirm` rows inside.

This tells of things nobody wrote a rule for. It knows no physics: fires, gas and floods have rules of their own.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.detectors.rounds import rounds
from streams.detectors.tracks import Rows, grown
from streams.detectors.watch import NEVER, SECOND, Found, Times, word
from streams.rules import DeviationRule
from streams.signal import Signal

HUBER: Final = 3.0
LIVELY: Final = 0.2
_TO_SIGMA: Final = 1.2533  # mean absolute deviation of a normal distribution → its standard deviation
_FILLS: Final[dict[str, tuple[str, float]]] = {
    "last": ("<i8", NEVER),  # newest observed instant
    "value": ("<f8", 0),  # and its value
    "middle": ("<f8", 0),
    "spread": ("<f8", 0),
    "moves": ("<f8", 0),  # share of rows that differed from the one before
    "rows": ("<i4", 0),
    "outside": ("<i2", 0),  # rows in a row outside, signed by the side
    "inside": ("<i2", 0),  # rows in a row inside
    "since": ("<i8", NEVER),  # observed instant of the first of the rows outside
    "arrived": ("<i8", NEVER),  # and when it was received
    "started": ("<i8", NEVER),  # of the episode under way; NEVER when there is none
}
_Columns = dict[str, NDArray[Any]]


class Deviation:
    """One deviation rule over all its tracks."""

    def __init__(self, rule: DeviationRule) -> None:
        self.rule = rule
        self._books: dict[str, _Columns] = {}

    def apply(self, rows: Rows) -> list[Found]:
        book = self._books.get(rows.metric)
        if book is None:
            book = self._books[rows.metric] = {name: np.empty(0, kind) for name, (kind, _) in _FILLS.items()}
        if len(book["last"]) < rows.tracks:
            for name, (_, fill) in _FILLS.items():
                book[name] = grown(book[name], rows.tracks, fill)
        found: list[Found] = []
        for turn in rounds(rows.track):
            fresh = rows.observed[turn] > book["last"][rows.track[turn]]
            index = np.arange(len(rows.track))[turn][fresh]
            if len(index):
                found += self._turn(book, rows, index)
        return found

    def _turn(self, book: _Columns, rows: Rows, index: NDArray[np.intp]) -> list[Found]:
        """One row each of different tracks: judge it by the past, then let it become past."""
        track, value = rows.track[index], rows.value[index]
        side = self._judge(book, track, value)
        self._learn(book, track, value)
        book["last"][track] = rows.observed[index]
        before = book["outside"][track]
        out = side != 0
        goes_on = out & (np.sign(before) == side)
        first = out & ~goes_on
        book["since"][track[first]] = rows.observed[index][first]
        book["arrived"][track[first]] = rows.received[index][first]
        outside = np.where(goes_on, np.clip(before + side, -1000, 1000), side)
        book["outside"][track] = outside
        inside = np.where(out, 0, np.minimum(book["inside"][track] + 1, 1000))
        book["inside"][track] = inside
        under_way = book["started"][track] != NEVER
        lasted = rows.observed[index] - book["since"][track] >= round(self.rule.hold * SECOND)
        begins = ~under_way & out & lasted & (np.abs(outside) >= self.rule.confirm)
        ends = under_way & (inside >= self.rule.confirm)
        said = [self._begin(book, rows, i) for i in index[begins].tolist()]
        return said + [self._end(book, rows, i) for i in index[ends].tolist()]

    def _judge(self, book: _Columns, track: NDArray[np.int32], value: NDArray[np.float64]) -> NDArray[np.int16]:
        """-1, 0 or 1: on which side of its usual range a value lies; 0 for a device that is not judged yet."""
        middle = book["middle"][track]
        away = value - middle
        limit = self.rule.sigmas * np.maximum(book["spread"][track], self.rule.floor * np.abs(middle))
        judged = (book["rows"][track] >= self.rule.warm_up) & (book["moves"][track] >= LIVELY) & (limit > 0)
        return np.where(judged & (np.abs(away) > limit), np.sign(away), 0).astype(np.int16)

    def _learn(self, book: _Columns, track: NDArray[np.int32], value: NDArray[np.float64]) -> None:
        rows = book["rows"][track]
        middle, spread = book["middle"][track], book["spread"][track]
        weight = 1.0 / np.minimum(rows + 1, self.rule.memory)
        away = np.where(rows == 0, 0.0, value - middle)
        reach = np.where(rows < self.rule.warm_up, np.inf, HUBER * spread)
        reach = np.where(reach > 0, reach, np.inf)
        pull = np.clip(away, -reach, reach)
        book["middle"][track] = np.where(rows == 0, value, middle + weight * pull)
        book["spread"][track] = spread + weight * (_TO_SIGMA * np.abs(pull) - spread)
        moved = ((rows > 0) & (value != book["value"][track])).astype(np.float64)
        book["moves"][track] += weight * (moved - book["moves"][track])
        book["value"][track] = value
        book["rows"][track] = np.minimum(rows + 1, 1_000_000_000)

    def _begin(self, book: _Columns, rows: Rows, i: int) -> Found:
        track = int(rows.track[i])
        book["started"][track] = book["since"][track]
        return self._say(book, rows, i, event=int(book["since"][track]), active=True)

    def _end(self, book: _Columns, rows: Rows, i: int) -> Found:
        found = self._say(book, rows, i, event=int(rows.observed[i]), active=False)
        book["started"][int(rows.track[i])] = NEVER
        return found

    def _say(self, book: _Columns, rows: Rows, i: int, *, event: int, active: bool) -> Found:
        track, received = int(rows.track[i]), int(rows.received[i])
        arrived = min(int(book["arrived"][track]), received)
        signal = word(
            self.rule, self.rule.level, rows.origin(i), rows.metric, started=int(book["started"][track]),
            times=Times(event, arrived, received), value=float(rows.value[i]), active=active,
        )  # fmt: skip
        signal.evidence["usual"] = round(float(book["middle"][track]), 6)
        return int(rows.row[i]), signal

    def due(self) -> int | None:
        return None

    def on_due(self, now: int) -> list[Signal]:  # noqa: ARG002
        return []

    def snapshot(self) -> dict[str, Any]:
        return {metric: dict(book) for metric, book in self._books.items()}

    def restore(self, state: dict[str, Any]) -> None:
        self._books = dict(state)
