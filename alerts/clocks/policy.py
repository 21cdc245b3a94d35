"""Which service clocks run for a case, from a strict table: by kind, level and origin, with the stages that start and stop each.

Every clock has rows; the first that fits says how long, and where none fits the clock does not run. A case takes its clocks with it
when it opens, so that an edit of the file does not move the limits of a running case.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.alert import STAGES
from alerts.clocks.calendar import Hours
from alerts.clocks.clock import ORDINARY, Clock, Pace, Span, Unit
from streams.signal import Level, Origin

NAME: Final = r"^[a-z][a-z_]{0,23}$"
LONGEST: Final = 366.0  # days: what a limit may be at most
LONGEST_HOURS: Final = LONGEST * 24
_REMEMBERED: Final = 1000  # answers; kinds may come from anywhere
_STAGES: Final = frozenset(STAGES) - {"event_at", "received_at", "rung_at"}

Matter = Literal["", "urgent", "hard", "big"]


@dataclass(frozen=True, slots=True)
class Row:
    """How long a clock has for some cases; an empty tuple means all of them. Without `target` the clock does not run there."""

    target: Span | None
    matter: str = ""
    kinds: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    origins: tuple[Origin, ...] = ()

    def fits(self, kind: str, level: Level, origins: Collection[str]) -> bool:
        """Whether a case is meant. Of several origins one is enough."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.levels or level in self.levels)
            and (not self.origins or any(origin in origins for origin in self.origins))
        )


@dataclass(frozen=True, slots=True)
class ClockPlan:
    """One clock of the policy."""

    name: str
    starts: str
    stops: str
    rows: tuple[Row, ...]

    def row(self, kind: str, level: Level, origins: Collection[str]) -> Row | None:
        """The first row that fits."""
        return next((row for row in self.rows if row.fits(kind, level, origins)), None)


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """All clocks of a policy file."""

    pace: Pace = ORDINARY
    plans: tuple[ClockPlan, ...] = ()
    _known: dict[tuple[str, Level, tuple[str, ...]], tuple[Clock, ...]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def clocks(self, kind: str, level: Level, origins: Collection[str]) -> tuple[Clock, ...]:
        """The clocks of a case, none of them begun. Remembered: a storm asks the same few questions again and again."""
        asked = (kind, level, tuple(origins))
        if asked not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[asked] = self._found(kind, level, origins)
        return self._known[asked]

    def _found(self, kind: str, level: Level, origins: Collection[str]) -> tuple[Clock, ...]:
        found = ((plan, plan.row(kind, level, origins)) for plan in self.plans)
        return tuple(
            Clock(plan.name, plan.starts, plan.stops, row.target, row.matter, self.pace)
            for plan, row in found
            if row is not None and row.target is not None
        )


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Length = Annotated[float, Field(strict=True, gt=0, le=LONGEST)]
_Hours = Annotated[float, Field(strict=True, gt=0, le=LONGEST_HOURS)]


class RowTable(_Table):
    """One row; exactly one of the lengths, or `off`."""

    kinds: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    levels: tuple[Level, ...] = ()
    origins: tuple[Origin, ...] = ()
    matter: Matter = ""
    hours: _Hours | None = None
    days: _Length | None = None
    working_hours: _Hours | None = None
    working_days: _Length | None = None
    same_day: Literal[True] | None = None
    off: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> RowTable:
        given = [name for name in (*_LENGTHS, "off") if getattr(self, name) is not None]
        if len(given) != 1:
            choices = ", ".join(_LENGTHS)
            raise ValueError(f"a row has exactly one of {choices} and off, got {', '.join(given) or 'none'}; keep one")
        return self

    def value(self) -> Row:
        """The row, with its length as one value."""
        spans = (
            Span(float(getattr(self, unit)), unit) for unit in map(Unit, _LENGTHS) if getattr(self, unit) is not None
        )
        return Row(next(spans, None), self.matter, self.kinds, self.levels, self.origins)


_LENGTHS: Final = ("hours", "days", "working_hours", "working_days", "same_day")


class PlanTable(_Table):
    """One clock: between which stages, and how long for whom."""

    starts: str
    stops: str
    rows: Annotated[tuple[RowTable, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _stages(self) -> PlanTable:
        for key, stage in (("starts", self.starts), ("stops", self.stops)):
            if stage not in _STAGES:
                raise ValueError(
                    f"{key} = {stage!r} is not a stage of a case; choose one of {', '.join(sorted(_STAGES))}"
                )
        if self.starts == self.stops:
            raise ValueError(f"starts and stops are both {self.starts}; a clock runs from one stage to another")
        return self


class ClockTable(_Table):
    """The section `[clocks]` of a policy file."""

    office_hours: tuple[str, ...] = ("00:00-24:00",)
    warning: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.75
    overdue: Annotated[float, Field(strict=True, gt=1, le=100)] = 3.0
    yellow: Annotated[float, Field(strict=True, gt=0)] = 0.75
    red: Annotated[float, Field(strict=True, gt=0)] = 1.0
    run: dict[Annotated[str, Field(pattern=NAME)], PlanTable] = {}

    @model_validator(mode="after")
    def _in_order(self) -> ClockTable:
        Hours.parse(self.office_hours)
        if self.yellow > self.red:
            raise ValueError(f"yellow ({self.yellow}) comes before red ({self.red}); exchange them")
        return self

    def value(self) -> ClockPolicy:
        """The policy of clocks."""
        pace = Pace(Hours.parse(self.office_hours), self.warning, self.overdue, self.yellow, self.red)
        plans = (ClockPlan(n, t.starts, t.stops, tuple(row.value() for row in t.rows)) for n, t in self.run.items())
        return ClockPolicy(pace, tuple(plans))
