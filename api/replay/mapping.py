"""What the columns of a table mean: which one is the time, and which device, metric, unit and grid each of the others is.

Written as strict TOML (`docs/replay.md`) or guessed (`api.replay.guess`): both give the same `Mapping`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from api.replay.times import EPOCHS, RELATIVE, Instants, zone_of
from ingest.events import CODE_LENGTH, IDENT_LENGTH

ORIGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)
GRID: Final = "990000001001001"
Word = Annotated[str, Field(min_length=1, max_length=64)]


class BadMapping(ValueError):
    """A mapping that cannot be used. `problems` has one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TimeRule(_Strict):
    """Where the time of a row stands and how it is written."""

    column: str | tuple[str, ...] = Field(
        default="", title="Column, or several that are joined with a blank; empty: the row's number"
    )
    unit: str = Field(
        default="s", title=f"{', '.join((*RELATIVE, *EPOCHS))}, iso, elapsed (h:mm:ss) or a strptime format with %"
    )
    origin: datetime = Field(default=ORIGIN, title="The instant at which relative times are 0")
    zone: str = Field(default="+00:00", title="Offset of times that carry none")
    step: float = Field(default=1.0, gt=0, title="Units between two rows when there is no column")

    @field_validator("unit")
    @classmethod
    def _unit_is_known(cls, unit: str) -> str:
        if unit not in {*RELATIVE, *EPOCHS, "iso", "elapsed"} and "%" not in unit:
            raise ValueError(
                f"{unit!r} is no unit of time: use {', '.join((*RELATIVE, *EPOCHS))}, iso, elapsed or a format with %"
            )
        return unit

    @field_validator("origin")
    @classmethod
    def _origin_is_aware(cls, origin: datetime) -> datetime:
        if origin.tzinfo is None:
            raise ValueError(f"the origin {origin.isoformat()} must carry its offset, as in 2020-01-01T00:00:00+08:00")
        return origin

    @field_validator("zone")
    @classmethod
    def _zone_is_an_offset(cls, zone: str) -> str:
        zone_of(zone)
        return zone

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if isinstance(self.column, str) and self.column else tuple(self.column)

    @property
    def relative(self) -> bool:
        """Whether the table's times say nothing of the calendar: they are seconds since an event."""
        return self.unit in RELATIVE or self.unit == "elapsed"

    def instants(self) -> Instants:
        return Instants(self.unit, self.origin, zone_of(self.zone))


class ColumnRule(_Strict):
    """What the columns whose names match (`*` and `?` as in file names) measure. `{column}` stands for the column's name."""

    match: Word
    metric: Word
    device: str = Field(default="{column}", min_length=1, max_length=IDENT_LENGTH)
    kind: str = Field(default="", max_length=64, title="Kind of the device: rules may ask for it")
    scale: float = Field(default=1.0, title="value = cell * scale + offset")
    offset: float = 0.0
    grid: str = Field(default="", max_length=CODE_LENGTH, title="Grid of the device; the table's own when empty")
    values: dict[str, float] = Field(default_factory=dict, title="What words in the cells mean, such as ON = 1")

    @model_validator(mode="after")
    def _scale_is_not_nothing(self) -> Self:
        if self.scale == 0:
            raise ValueError("scale must not be 0: every value would be the same")
        return self


class Mapping(_Strict):
    """A whole table's meaning. Of several rules that match a column the first holds; a column that none matches is skipped."""

    time: TimeRule = TimeRule()
    columns: tuple[ColumnRule, ...] = Field(min_length=1)
    skip: tuple[str, ...] = Field(default=(), title="Columns (patterns) to leave out although a rule matches them")
    grid: str = Field(default=GRID, min_length=1, max_length=CODE_LENGTH, title="Grid in which the devices stand")


@dataclass(frozen=True, slots=True)
class Bound:
    """One column of the table at hand, bound to its meaning."""

    position: int
    column: str
    device: str
    metric: str
    kind: str
    grid: str
    scale: float = 1.0
    offset: float = 0.0
    values: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """A mapping bound to one table's header: where the time stands, what is played, and what is left out."""

    time: TimeRule
    at: tuple[int, ...]
    columns: tuple[Bound, ...]
    skipped: tuple[str, ...]


def load_mapping(path: Path) -> Mapping:
    """The mapping in a TOML file. Raises `BadMapping` with one sentence per error, naming file and key."""
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadMapping([f"{path}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadMapping([f"{path}: not TOML: {error}"]) from error
    except ValidationError as error:
        raise BadMapping([f"{path}: {_key(item['loc'])}: {_said(dict(item))}" for item in error.errors()]) from error


def bind(mapping: Mapping, header: Sequence[str]) -> Binding:
    """The mapping applied to a header. Raises `BadMapping` when a column it names is not there or two columns say the same thing."""
    problems = [f"time.column: the table has no column {c!r}" for c in mapping.time.columns if c not in header]
    patterns = [rule.match for rule in mapping.columns] + list(mapping.skip)
    problems += [f"no column of the table matches {p!r}" for p in patterns if not any(matches(h, p) for h in header)]
    bound: list[Bound] = []
    skipped: list[str] = []
    for position, column in enumerate(header):
        if column in mapping.time.columns:
            continue
        rule = next((r for r in mapping.columns if matches(column, r.match)), None)
        if rule is None or any(matches(column, p) for p in mapping.skip):
            skipped.append(column)
        else:
            bound.append(_bound(position, column, rule, mapping.grid))
    problems += _twice(bound)
    if not problems and not bound:
        problems.append("nothing is left to play: every column is skipped")
    if problems:
        raise BadMapping(problems)
    return Binding(mapping.time, tuple(header.index(c) for c in mapping.time.columns), tuple(bound), tuple(skipped))


def matches(column: str, pattern: str) -> bool:
    """Whether a column's name is the pattern itself or fits it with `*` and `?`. Brackets in a pattern are plain characters."""
    return column == pattern or fnmatchcase(column, pattern.replace("[", "[[]"))


def _bound(position: int, column: str, rule: ColumnRule, grid: str) -> Bound:
    device = ident(rule.device.replace("{column}", column))
    return Bound(
        position, column, device, rule.metric.replace("{column}", ident(column)), rule.kind,
        rule.grid or grid, rule.scale, rule.offset, tuple(rule.values.items()),
    )  # fmt: skip


def _twice(bound: Sequence[Bound]) -> list[str]:
    seen: dict[tuple[str, str], str] = {}
    grids: dict[str, str] = {}
    problems = []
    for b in bound:
        if other := seen.get((b.device, b.metric)):
            problems.append(
                f"columns {other!r} and {b.column!r} are both {b.metric} of device {b.device}: give them devices of their own"
            )
        if grids.setdefault(b.device, b.grid) != b.grid:
            problems.append(
                f"device {b.device} stands in two grids, {grids[b.device]} and {b.grid}: a device has one place"
            )
        seen[b.device, b.metric] = b.column
    return problems


def ident(text: str) -> str:
    """A name that can stand in a topic and be a device's id: letters, digits, `-`, `_` and `.`; anything else becomes `_`."""
    return re.sub(r"[^\w.\-]+", "_", text.strip()).strip("_")[:IDENT_LENGTH] or "device"


def _key(loc: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in loc) or "file"


def _said(item: dict[str, object]) -> str:
    return "no such key" if item["type"] == "extra_forbidden" else str(item["msg"]).removeprefix("Value error, ")
