"""Which column of a table is its time, and how it is written, when no mapping says so. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from api.replay.mapping import TimeRule
from api.replay.names import TIME, TIME_UNITS, split_unit
from api.replay.table import Cell, Row
from api.replay.times import Instants, number

# How people write dates, most telling first; of several that fit the first whose times never run backwards holds.
FORMATS: Final = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M", "%Y/%m/%d",
    "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日 %H时%M分", "%Y年%m月%d日",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y",
    "%d/%m/%Y %H.%M.%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M",
    "%d/%m/%Y %I:%M:%S %p",
    "%d/%m/%y %H:%M:%S", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%d/%m/%y %H", "%d-%b-%Y %H:%M:%S", "%b %d, %Y %H:%M:%S",
    "%Y-%m-%d %H.%M.%S", "%Y%m%d %H%M%S", "%Y%m%d%H%M%S",
)  # fmt: skip
_MAGNITUDES: Final = ((1e17, "epoch_ns"), (1e14, "epoch_us"), (1e11, "epoch_ms"), (1e8, "epoch_s"))
MOST_NAMED: Final = 3  # a table with more columns of times than this is about times, not a recording
_ENOUGH: Final = 0.8  # the share of sampled cells that must be readable
_ZERO: Final = datetime(2020, 1, 1, tzinfo=UTC)
_UNNAMED: Final = re.compile(r"^(column 1|unnamed.*|#|idx|index|no|nr|row|seq|序号)$", re.IGNORECASE)


def guess_time(header: Sequence[str], sample: Sequence[Row]) -> tuple[TimeRule, str]:
    """The time rule of a table and a sentence that says what was taken for it, and on which assumption."""
    cells = {column: [row[i] for row in sample] for i, column in enumerate(header)}
    named = [c for c in header if TIME.search(split_unit(c)[0])]
    named = named if len(named) <= MOST_NAMED else []
    if joined := _date_and_time(named, cells):
        return joined, f"time: columns {' and '.join(joined.columns)}"
    for column in named:
        if unit := _unit(column, cells[column]):
            return TimeRule(column=column, unit=unit), f"time: column {column!r} as {unit}"
    for column in header:
        if unit := _written(cells[column]):
            return TimeRule(column=column, unit=unit), f"time: column {column!r} as {unit}"
    first = header[0]
    if _climbs(cells[first]) and (_UNNAMED.match(first) or number(cells[first][0]) == 0):
        return TimeRule(column=first, unit="s"), f"time: column {first!r}, taken as seconds because it only counts up"
    return TimeRule(), "time: no column of times found, so one row is taken as one second"


def _unit(column: str, cells: Sequence[Cell]) -> str:
    """How the time in a column that is called after it is written; empty when it is no time."""
    values = [v for v in map(number, cells) if v is not None]
    if len(values) < _ENOUGH * len(cells) or not values:
        return _written(cells)
    if values[-1] <= values[0] or any(b < a for a, b in itertools.pairwise(values)):
        return ""
    if epoch := next((unit for least, unit in _MAGNITUDES if values[0] >= least), ""):
        return epoch
    name, bracket = split_unit(column)
    words = [bracket, *reversed(re.split(r"[_\s]+", name.lower()))]
    return next((TIME_UNITS[w] for w in words if w in TIME_UNITS and not (w == name.lower() and len(w) == 1)), "s")


def _written(cells: Sequence[Cell]) -> str:
    """The format of dates or elapsed times in words; empty when they are none."""
    if any(isinstance(c, datetime) for c in cells):
        return "iso"
    texts = [c for c in cells if isinstance(c, str) and c.strip()]
    if not texts or sum(number(t) is not None for t in texts) > len(texts) / 2:
        return ""
    fitting = [unit for unit in ("iso", "elapsed", *FORMATS) if _readable(unit, texts) >= _ENOUGH]
    return next((unit for unit in fitting if _forward(unit, texts)), fitting[0] if fitting else "")


def _instants(unit: str, texts: Sequence[str]) -> list[datetime]:
    reader = Instants(unit, _ZERO, UTC)
    return [at for at in map(reader.read, texts) if at is not None]


def _readable(unit: str, texts: Sequence[str]) -> float:
    return len(_instants(unit, texts)) / len(texts)


def _forward(unit: str, texts: Sequence[str]) -> bool:
    """Whether times never run backwards, and do not leap a month: so 03/04 and 04/04 are one day apart, not one month."""
    found = _instants(unit, texts)
    steps = [(b - a).total_seconds() for a, b in itertools.pairwise(found)]
    return all(step >= 0 for step in steps) and not (steps and min(steps) == max(steps) > 27 * 86400)


def _date_and_time(named: Sequence[str], cells: dict[str, list[Cell]]) -> TimeRule | None:
    """A column of dates beside one of times of day, read together."""
    days = [
        c for c in named if all(isinstance(x, str) and ":" not in x and re.search(r"\d[-/.年]\d", x) for x in cells[c])
    ]
    hours = [c for c in named if all(isinstance(x, str) and re.match(r"\s*\d{1,2}[:.]\d{2}", x) for x in cells[c])]
    if len(days) != 1 or len(hours) != 1 or not cells[days[0]]:
        return None
    both = [f"{d} {h}".strip() for d, h in zip(cells[days[0]], cells[hours[0]], strict=True)]
    unit = _written(both)
    return TimeRule(column=(days[0], hours[0]), unit=unit) if unit else None


def _climbs(cells: Sequence[Cell]) -> bool:
    values = [v for v in map(number, cells) if v is not None]
    return len(values) == len(cells) > 2 and all(b > a for a, b in itertools.pairwise(values))
