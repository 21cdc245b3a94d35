"""Rows in rounds: in each round every track occurs at most once, so that a step that depends on the one before can be a numpy step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def rounds(track: NDArray[np.int32]) -> Iterator[NDArray[np.intp] | slice]:
    """Positions of the first row of each track, then of the second, and so on; each track's rows keep their order."""
    order = np.argsort(track, kind="stable")
    in_order = track[order]
    fresh = np.empty(len(track), np.bool_)
    fresh[:1] = True
    np.not_equal(in_order[1:], in_order[:-1], out=fresh[1:])
    if fresh.all():
        yield slice(None)
        return
    place = np.arange(len(track))
    turn = place - np.maximum.accumulate(np.where(fresh, place, 0))
    by_turn = np.argsort(turn, kind="stable")
    ends: NDArray[Any] = np.cumsum(np.bincount(turn))
    start = 0
    for end in ends.tolist():
        yield order[by_turn[start:end]]
        start = end
