"""The bench: each figure is measured against something else in the same run, because only ratios travel between machines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `ratio` says how many times better than what it was measured `against`; None when there is nothing to compare."""

    name: str
    value: float
    unit: str
    against: str
    ratio: float | None = None
    note: str = ""
