"""What a table means, judged by its header and its first rows, when no mapping says so. Pure.

Names decide first, ranges second. Everything decided is said in a sentence, because a guess may be wrong: a mapping file is surer.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from api.replay.clockwork import guess_time
from api.replay.mapping import BadMapping, ColumnRule, Mapping, ident
from api.replay.names import UNITS, Family, Why, Word, skipped_for, split_unit, word_of
from api.replay.table import Cell, Row
from api.replay.times import number

FEWEST: Final = 3  # rows
SAMPLE: Final = 200  # rows that a guess looks at
_TRUTHS: Final = {"true": 1.0, "false": 0.0}
HOT: Final = 45.0  # degrees Celsius: what is hotter from the beginning is a machine's temperature, not a room's
ARRAY: Final = 5  # so many alike columns without a telling name make an array of instruments


@dataclass(frozen=True, slots=True)
class Guess:
    """A mapping, and in sentences what was taken for what and what was left out."""

    mapping: Mapping
    said: tuple[str, ...]


@dataclass(slots=True)
class _Column:
    """One column on its way to a rule: its sampled numbers, and what it was taken for."""

    name: str
    values: list[float]
    why: Why | None = None
    word: Word | None = None
    metric: str = ""
    unit: str = ""
    family: Family = field(default=Family.PLAIN)


def guess(header: Sequence[str], sample: Sequence[Row], name: str) -> Guess:
    """The meaning of a table called `name`. Raises `BadMapping` when nothing in it looks like a measurement."""
    rows = sample[:SAMPLE]
    if len(rows) < FEWEST:
        raise BadMapping(
            [f"{name}: {len(rows)} rows are no recording, a guess wants at least {FEWEST}; say with --map what it is"]
        )
    time, said = guess_time(header, rows)
    columns = [_look(c, [row[i] for row in rows]) for i, c in enumerate(header) if c not in time.columns]
    _arrays(columns)
    _settle(columns)
    played = [c for c in columns if c.why is None]
    if not played:
        reasons = "; ".join(_left_out(columns))
        raise BadMapping(
            [f"{name}: nothing in it looks like a measurement ({reasons}); say with --map what the columns are"]
        )
    mapping = Mapping(time=time, columns=tuple(_rules(played, ident(name))))
    return Guess(mapping, (said, *_taken(mapping), *_left_out(columns)))


def _look(name: str, cells: Sequence[Cell]) -> _Column:
    """A column by its name and its cells alone."""
    values = [v for v in map(number, cells) if v is not None]
    filled = [c for c in cells if c is not None and str(c).strip().lower() not in {"", "nan", "null", "none"}]
    column = _Column(name, values, skipped_for(name))
    if column.why is None and not filled:
        column.why = Why.EMPTY
    elif column.why is None and all(str(c).strip().lower() in _TRUTHS for c in filled):
        column.why = Why.LABEL
    elif column.why is None and len(values) < len(filled) / 2:
        column.why = Why.WORDS
    if column.why is None:
        bare, column.unit = split_unit(name)
        column.word = word_of(bare)
        column.metric, column.family = _meant(column)
    return column


def _meant(column: _Column) -> tuple[str, Family]:
    """The metric of a column whose name is known; its values may say that it is something else after all."""
    if column.word is None or not column.values:
        return "", Family.PLAIN
    metric, family, middle = column.word.metric, column.word.family, statistics.median(column.values)
    if metric == "smoke" and (max(column.values) * column.word.scale > 20 or min(column.values) < -1):
        return "smoke_level", Family.AIR  # no optical density: some sensor's own scale
    if metric == "gas_share" and 19 <= middle <= 22:
        return "oxygen", family
    return metric, family


def _arrays(columns: Sequence[_Column]) -> None:
    """Many short, untelling names whose numbers begin alike, as in a room at rest: an array of thermocouples (`1, 2, 3` or `N1, W1`)."""
    bare = [c for c in columns if c.why is None and c.word is None and len(c.name.strip()) <= 4 and len(c.values) > 2]
    starts = sorted(statistics.median(c.values[:5]) for c in bare)
    if len(bare) < ARRAY:
        return
    low, high = starts[len(starts) // 10], starts[-1 - len(starts) // 10]
    if low > -30 and high < HOT and high - low <= 15 and any(v % 1 for c in bare for v in c.values):
        for c in bare:
            c.metric, c.family = "temperature", Family.FIRE


def _settle(columns: Sequence[_Column]) -> None:
    """Judge each column in the company of the others: what sort of table is this?"""
    known = [c for c in columns if c.why is None and c.metric]
    families = Counter(c.family for c in known)
    for c in columns:
        if c.why is None and not c.metric:
            if known:
                c.why = Why.UNKNOWN
            else:
                c.metric = ident(split_unit(c.name)[0]).lower()[:64]
    fire = families[Family.FIRE] > 1 and families[Family.FIRE] >= families[Family.MACHINE]
    wet = families[Family.WATER] >= 2 and not families[Family.MACHINE]
    works = families[Family.MACHINE] >= 2
    for c in known:
        if fire and c.family in {Family.MACHINE, Family.WATER, Family.PLAIN}:
            c.why = Why.BESIDE
        elif not fire and c.metric == "temperature" and (works or wet or _hot(c)):
            c.family = Family.WATER if wet else Family.MACHINE
            c.metric = f"{c.family}_temperature"
        elif not fire and c.family is Family.FIRE:
            c.family = Family.AIR


def _hot(column: _Column) -> bool:
    return statistics.median(column.values[:20]) > HOT and column.unit not in {"f", "degf", "k"}


_KINDS: Final = {"smoke": "smoke", "temperature": "heat", "gas_share": "gas", "oxygen": "gas"}


def _rules(played: Sequence[_Column], table: str) -> list[ColumnRule]:
    """One device for a table whose metrics are all different; a device for each column where several measure the same, or at a fire."""
    counts = Counter(c.metric for c in played)
    rules = []
    for c in played:
        bare = split_unit(c.name)[0]
        own = c.family is Family.FIRE or (counts[c.metric] > 1 and c.family is Family.AIR)
        slug = ident(bare).lower()
        plain = own or counts[c.metric] == 1 or c.metric.endswith(f"_{slug}")
        metric = c.metric if plain else f"{c.metric}_{slug}"[:64]
        scale, offset = UNITS.get((c.metric, c.unit), (c.word.scale if c.word else 1.0, 0.0))
        rules.append(
            ColumnRule(
                match=c.name,
                metric=metric,
                device=ident(bare) if own else table,
                kind=_KINDS.get(c.metric, "") if c.family is Family.FIRE else "station",
                scale=scale,
                offset=offset,
            )
        )
    return rules


def _taken(mapping: Mapping) -> list[str]:
    """What was taken for what, columns of one sort together."""
    sorts: dict[tuple[str, str], list[str]] = {}
    for rule in mapping.columns:
        sorts.setdefault((rule.metric, rule.kind), []).append(rule.match)
    return [f"{metric} ({kind or 'no kind'}): {_few(names)}" for (metric, kind), names in sorts.items()]


def _left_out(columns: Sequence[_Column]) -> list[str]:
    reasons: dict[Why, list[str]] = {}
    for c in columns:
        if c.why is not None:
            reasons.setdefault(c.why, []).append(c.name)
    return [f"skipped {_few(names)}: {why}" for why, names in reasons.items()]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:6])} … {names[-1]} ({len(names)} columns)"
