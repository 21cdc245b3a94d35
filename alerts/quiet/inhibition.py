"""Inhibition (抑制): a worse open alert at the same place, or of the same gateway, says it all, and a lesser one need not ring beside it.

As in Alertmanager: labels are equal when their values are, and a label that is missing is an empty one; an alert never inhibits itself.
Stricter than there: the source must be worse than the target, so two alerts can never keep each other shut. Red life-safety rings always.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from alerts.quiet.bell import Bell
from streams.signal import Level
from streams.surges import hot_subject

_BY_RANK: Final = MappingProxyType({level.rank: level for level in Level})


class Label(StrEnum):
    """What may be equal."""

    GRID = "grid"
    GATEWAY = "gateway"
    AREA = "area"  # the source is an area incident of the target's kind, in a grid that the target's lies in


@dataclass(frozen=True, slots=True)
class Side:
    """Which alerts a side of a rule speaks of; without kinds, all."""

    kinds: tuple[str, ...] = ()
    at_least: Level = Level.BLUE
    at_most: Level = Level.RED

    def fits(self, kind: str, level: Level) -> bool:
        """Whether alerts of a kind and a level are some of these."""
        return self.at_least.rank <= level.rank <= self.at_most.rank and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Rule:
    """`source` keeps `target` shut while all labels in `equal` are."""

    name: str
    source: Side
    target: Side
    equal: tuple[Label, ...] = field(default=(Label.GRID,))


def inhibitor(
    bell: Bell, sources: Iterable[Bell], rules: Sequence[Rule], life_safety: frozenset[str] = frozenset()
) -> Bell | None:
    """The open alert that keeps a bell shut: the worst, then the first by id; None when it may ring."""
    wanted = [rule for rule in rules if rule.target.fits(bell.kind, bell.level)]
    if not wanted or bell.spared(life_safety):
        return None
    found = [
        s
        for s in sources
        if _worse(s, bell) and any(r.source.fits(s.kind, s.level) and _equal(s, bell, r.equal) for r in wanted)
    ]
    return min(found, key=lambda s: (-s.level.rank, s.alert), default=None)


def concerning(kind: str, level: Level, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules that could keep a bell of a kind and a level shut at all: without any, its sources need not be looked for."""
    return tuple(r for r in rules if r.target.fits(kind, level) and r.source.at_most.rank > level.rank)


def worst_needed(level: Level, rules: Sequence[Rule]) -> Level:
    """How bad an alert must at least be to keep a bell of a level shut by some rules."""
    rank = min(max(level.rank + 1, rule.source.at_least.rank) for rule in rules)
    return _BY_RANK[rank]


def _worse(source: Bell, target: Bell) -> bool:
    return source.alert != target.alert and source.level.rank > target.level.rank


def _equal(source: Bell, target: Bell, labels: Sequence[Label]) -> bool:
    return all(
        _covers(source, target) if label is Label.AREA else _same(_values(source, label), _values(target, label))
        for label in labels
    )


def _covers(source: Bell, target: Bell) -> bool:
    """Whether an area incident is of a target's kind, and its area the target's."""
    return source.grid in target.within and hot_subject(target.kind, source.grid) in source.subjects


def _same(source: frozenset[str], target: frozenset[str]) -> bool:
    """Everything the target says came through what the source speaks of; nothing is equal to nothing."""
    return target <= source if target else not source


def _values(bell: Bell, label: Label) -> frozenset[str]:
    return frozenset(bell.gateways if label is Label.GATEWAY else (bell.grid,)) - {""}
