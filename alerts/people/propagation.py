"""Which levels above a place hear of a case and see it (上报范围): so many levels up, and at each level only from a severity on.

It limits what climbs: the bell's way up, and the queue of an upper level. Whoever answers for the place is always told, also where lower
levels have nobody (law 11); red is never limited (law 8); and what somebody above must decide, supervise or attend to reaches them anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.outcome import Why
from ingest.registry import Grid, GridLevel, Registry
from streams.signal import Level

Barred = tuple[tuple[str, Why], ...]  # codes of levels that do not hear of a case, each with the reason


@dataclass(frozen=True, slots=True)
class Reach:
    """`most` is how many levels above its own grid a case of a severity reaches; `least` the least severity that a level hears of."""

    most: Mapping[Level, int] = field(default_factory=lambda: MappingProxyType({}))
    least: Mapping[GridLevel, Level] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def limits(self) -> bool:
        """Whether anything is limited."""
        return bool(self.most or self.least)

    def bars(self, level: Level, above: int, at: GridLevel) -> Why | None:
        """Why a level does not hear of a case of a severity, `above` levels below it; None when it does."""
        if level is Level.RED or not above:
            return None
        if above > self.most.get(level, above):
            return Why.MAX_LEVELS
        return Why.MIN_SEVERITY if level.rank < self.least.get(at, level).rank else None

    def barred(self, level: Level, line: Sequence[Grid]) -> Barred:
        """The levels of a line, its own grid first, that do not hear of a case of a severity."""
        found = ((grid.code, self.bars(level, above, grid.level)) for above, grid in enumerate(line))
        return tuple((code, why) for code, why in found if why is not None)

    def seen_from(self, code: str, registry: Registry) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """What the queue of a level has: severities, and the grids at and below it from which cases of these come."""
        at = registry.grids.get(code)
        if at is None:
            return ()
        below: dict[int, list[str]] = {}
        for lower in registry.grids:
            line = [grid.code for grid in registry.ancestors(lower)]
            if code in line:
                below.setdefault(line.index(code), []).append(lower)
        found: dict[tuple[str, ...], list[str]] = {}
        for level in Level:
            near = [above for above in below if self.bars(level, above, at.level) is None]
            found.setdefault(tuple(sorted(c for above in near for c in below[above])), []).append(level.value)
        return tuple((tuple(levels), codes) for codes, levels in found.items() if codes)


class PropagationTable(BaseModel):
    """The `[propagation]` section of a policy file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_levels: dict[Level, Annotated[int, Field(strict=True, ge=0, le=len(GridLevel))]] = {}
    min_severity: dict[GridLevel, Level] = {}

    @model_validator(mode="after")
    def _red_climbs(self) -> PropagationTable:
        if Level.RED in self.max_levels:
            raise ValueError("max_levels.red: red climbs until somebody answers; take it out")
        return self

    def value(self) -> Reach:
        """The section as values."""
        return Reach(MappingProxyType(dict(self.max_levels)), MappingProxyType(dict(self.min_severity)))
