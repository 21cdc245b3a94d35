"""The registry: which grids there are, which device stands where, and how often it should speak.

Values only. It is read from CSV and GeoJSON by `tocsin import`, kept in the ledger, and handed to the gateway as one frozen `Registry`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ingest.events import CODE_LENGTH, InvalidEvent, Place, Point


class GridLevel(StrEnum):
    """Levels of the grid tree, lowest first: micro-grid, grid, village or community, township or street, county, city."""

    MICRO = "micro"
    GRID = "grid"
    VILLAGE = "village"
    TOWNSHIP = "township"
    COUNTY = "county"
    CITY = "city"

    @property
    def height(self) -> int:
        """0 (micro-grid) to 5 (city)."""
        return _HEIGHTS[self]


_HEIGHTS: Final = {level: height for height, level in enumerate(GridLevel)}


@dataclass(frozen=True, slots=True)
class Grid:
    """One node of the grid tree. `rings` are its outline in WGS-84 as (lon, lat) pairs, empty when it has none.

    Even-odd rule: a ring inside another one is a hole in it (`ingest.places.outline`). It is in force from `valid_from`
    until just before `valid_to`; None leaves that side open. A code that is redrawn has one `Grid` for each time.
    """

    code: str
    name: str
    level: GridLevel
    parent: str = ""
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def __post_init__(self) -> None:
        if not self.code or len(self.code) > CODE_LENGTH:
            raise InvalidEvent(f"a grid code has 1 to {CODE_LENGTH} characters, got {self.code!r}")
        for name, at in (("valid_from", self.valid_from), ("valid_to", self.valid_to)):
            if at is not None and at.tzinfo is None:
                raise InvalidEvent(
                    f"{name} of grid {self.code!r} must carry its offset, got the naive {at.isoformat()}"
                )
        if self.valid_from is not None and self.valid_to is not None and self.valid_to <= self.valid_from:
            raise InvalidEvent(f"grid {self.code!r} ends before it begins: valid_to must be later than valid_from")

    @property
    def dated(self) -> bool:
        """Whether it is not simply in force for ever."""
        return self.valid_from is not None or self.valid_to is not None

    def in_force(self, at: datetime) -> bool:
        """Whether the tree has it at an instant."""
        return (self.valid_from is None or self.valid_from <= at) and (self.valid_to is None or at < self.valid_to)


_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Device:
    """A device as it was enrolled. `interval` is how often it should speak; None means that its silence says nothing."""

    id: str
    kind: str
    gateway: str = ""
    grid: str = ""
    point: Point | None = None
    interval: timedelta | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything the gateway and the worker know of the place, at one version.

    `grids` is the tree as it is looked at: of an instant (`at`), or with the last word on every code as `of` makes it. `times` has
    every `Grid` of the codes that are dated, the latest beginning first, so that a tree of any instant can still be asked for.
    """

    grids: Mapping[str, Grid] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    version: int = 0
    times: Mapping[str, tuple[Grid, ...]] = field(default_factory=dict)
    _above: dict[str, tuple[Grid, ...]] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(cls, grids: Iterable[Grid], devices: Iterable[Device], version: int = 0) -> Registry:
        """Of two grids of one code and one beginning the later in order counts."""
        known: dict[str, dict[datetime | None, Grid]] = {}
        for grid in grids:
            known.setdefault(grid.code, {})[grid.valid_from] = grid
        ordered = {code: tuple(sorted(some.values(), key=_latest_first)) for code, some in known.items()}
        times = {code: some for code, some in ordered.items() if any(g.dated for g in some)}
        last = {code: some[0] for code, some in ordered.items()}
        return cls(last, {d.id: d for d in devices}, version, times)

    def at(self, now: datetime) -> Registry:
        """The tree in force at an instant. Of several grids of one code the one that began last counts; itself where nothing is dated."""
        if not self.times:
            return self
        seen = {code: self.grid(code, now) for code in {**self.grids, **self.times}}
        return Registry({c: g for c, g in seen.items() if g is not None}, self.devices, self.version, self.times)

    def grid(self, code: str, at: datetime | None = None) -> Grid | None:
        """The grid of a code as it is looked at, or as it was in force at an instant; None when there is none."""
        if at is None or code not in self.times:
            return self.grids.get(code)
        return next((grid for grid in self.times[code] if grid.in_force(at)), None)

    def every_grid(self) -> tuple[Grid, ...]:
        """Every grid of every time."""
        undated = (grid for code, grid in self.grids.items() if code not in self.times)
        return (*undated, *(grid for some in self.times.values() for grid in some))

    def edges(self) -> tuple[datetime, ...]:
        """The instants at which the tree changes, in order."""
        found = {
            at for some in self.times.values() for g in some for at in (g.valid_from, g.valid_to) if at is not None
        }
        return tuple(sorted(found))

    def ancestors(self, code: str, at: datetime | None = None) -> tuple[Grid, ...]:
        """The grid itself and everything above it, lowest first, as it is looked at or at an instant; empty for an unknown code.

        A loop in the tree ends the climb.
        """
        if at is None and (known := self._above.get(code)) is not None:
            return known
        found: list[Grid] = []
        while (grid := self.grid(code, at)) is not None and all(g.code != code for g in found):
            found.append(grid)
            code = grid.parent
        line = tuple(found)
        if at is None and line:  # asked for every alert; a tree does not change, so this never grows beyond it
            self._above[line[0].code] = line
        return line

    def line(self, code: str, *instants: datetime | None) -> tuple[Grid, ...]:
        """`ancestors` at the first of the instants at which the grid is in force, else as it is looked at, else when it was last."""
        for at in (*instants, None):
            if found := self.ancestors(code, at):
                return found
        last = self.times.get(code, ())
        ends = last[0].valid_to - _MOMENT if last and last[0].valid_to is not None else None
        return self.ancestors(code, ends) if ends is not None else last[:1]

    def township_of(self, code: str, at: datetime | None = None) -> str:
        """The township (or, in a tree without townships, the top) that a grid belongs to; empty for an unknown code."""
        line = self.ancestors(code, at)
        return next((g.code for g in line if g.level is GridLevel.TOWNSHIP), line[-1].code if line else "")

    def place_in(self, code: str, point: Point | None, why: str, at: datetime | None = None) -> Place:
        """The place of something in a known grid."""
        return Place(code, self.township_of(code, at), point, why)

    def place_of_gateway(self, name: str) -> Place:
        """Where a gateway stands: as it was enrolled itself, else with the first of its devices that stands somewhere."""
        carried = (d for d in self.devices.values() if name in {d.id, d.gateway} and d.grid in self.grids)
        first = min(carried, key=lambda d: (d.id != name, d.id), default=None)
        return self.place_in(first.grid, first.point if first.id == name else None, "registry") if first else Place()


def _latest_first(grid: Grid) -> float:
    return -grid.valid_from.timestamp() if grid.valid_from is not None else math.inf
