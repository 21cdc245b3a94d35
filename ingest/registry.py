"""The registry: which grids there are, which device stands where, and how often it should speak.

Values only. It is read from CSV and GeoJSON by `tocsin import`, kept in the ledger, and handed to the gateway as one frozen `Registry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

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
        return list(GridLevel).index(self)


@dataclass(frozen=True, slots=True)
class Grid:
    """One node of the grid tree. `rings` are its outline in WGS-84 as (lon, lat) pairs, empty when it has none.

    Even-odd rule: a ring inside another one is a hole in it (`ingest.places.outline`).
    """

    code: str
    name: str
    level: GridLevel
    parent: str = ""
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.code or len(self.code) > CODE_LENGTH:
            raise InvalidEvent(f"a grid code has 1 to {CODE_LENGTH} characters, got {self.code!r}")


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
    """Everything the gateway and the worker know of the place, at one version."""

    grids: Mapping[str, Grid] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    version: int = 0

    @classmethod
    def of(cls, grids: Iterable[Grid], devices: Iterable[Device], version: int = 0) -> Registry:
        return cls({g.code: g for g in grids}, {d.id: d for d in devices}, version)

    def ancestors(self, code: str) -> tuple[Grid, ...]:
        """The grid itself and everything above it, lowest first; empty for an unknown code. A loop in the tree ends the climb."""
        found: list[Grid] = []
        while code in self.grids and all(g.code != code for g in found):
            found.append(self.grids[code])
            code = found[-1].parent
        return tuple(found)

    def township_of(self, code: str) -> str:
        """The township (or, in a tree without townships, the top) that a grid belongs to; empty for an unknown code."""
        line = self.ancestors(code)
        return next((g.code for g in line if g.level is GridLevel.TOWNSHIP), line[-1].code if line else "")

    def place_in(self, code: str, point: Point | None, why: str) -> Place:
        """The place of something in a known grid."""
        return Place(code, self.township_of(code), point, why)

    def place_of_gateway(self, name: str) -> Place:
        """Where a gateway stands: as it was enrolled itself, else with the first of its devices that stands somewhere."""
        carried = (d for d in self.devices.values() if name in {d.id, d.gateway} and d.grid in self.grids)
        first = min(carried, key=lambda d: (d.id != name, d.id), default=None)
        return self.place_in(first.grid, first.point if first.id == name else None, "registry") if first else Place()
