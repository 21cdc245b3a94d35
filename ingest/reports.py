"""Where and when a report happened: from what somebody says to a `Report`. Values in, values out.

The place is found by the position, else by the place that was chosen, else by a grid that the address names, else it is the catcher's
(law 11). A position that is less exact than a grid is wide is no position.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ingest.dialects.hotline import masked
from ingest.events import InvalidEvent, Mark, Place, Point, Report, digest
from ingest.gateway import Locate
from ingest.registry import Grid, GridLevel, Registry

CHOSEN: Final = "chosen"  # why a place is what it is (`Place.why`): the reporter, or the poster, named it
ADDRESS: Final = "address"
COARSEST: Final = 300.0  # metres: the accuracy beyond which a telephone's position says nothing about a grid
_SHORTEST: Final = 2  # characters of a grid's name that can be found in an address
Dated = Callable[[datetime | None, datetime], tuple[datetime, Mark]]


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody reports, as it came in. `source` and `key` make it one report however often it is sent."""

    source: str
    key: str
    origin: str
    kind: str
    text: str = ""
    reporter: str = ""
    told: str = ""
    at: datetime | None = None
    point: Point | None = None
    accuracy: float = 0.0  # metres; 0 is not said
    grid: str = ""
    here: Point | None = field(default=None)  # the point of the chosen place
    address: str = ""
    pictures: int = 0
    marks: Mark = Mark.NONE


def number_of(source: str, key: str) -> str:
    """The number of a report: the same key of the same source is the same report. It cannot be guessed where the key cannot."""
    return f"R-{digest('report', source, key)[:16]}"


def report_of(said: Said, registry: Registry, locate: Locate, dated: Dated, received_at: datetime) -> Report:
    """The report, placed and dated. Numbers of persons in its texts are masked. Raises `InvalidEvent` for what cannot be."""
    if said.grid and said.grid not in registry.grids and registry.grid(said.grid, said.at) is None:
        raise InvalidEvent(f"there is no grid {said.grid[:40]!r}; choose another place")
    observed_at, odd = dated(said.at or received_at, received_at)
    address = masked(said.address)
    place = placed(said, registry, locate, observed_at)
    marks = said.marks | odd | (Mark.NONE if place.grid else Mark.UNPLACED)
    return Report(
        number_of(said.source, said.key), said.origin, said.kind, masked(said.text), observed_at, received_at,
        address, said.reporter, said.told, said.pictures, place, marks,
    )  # fmt: skip


def placed(said: Said, registry: Registry, locate: Locate, at: datetime) -> Place:
    """The place of a report, with the reason."""
    exact = said.point if said.accuracy <= COARSEST else None
    if exact is not None and (found := locate(exact, at)) is not None:
        return found
    point = exact or said.here
    if said.grid:
        return registry.place_in(said.grid, point, CHOSEN, at)
    if (named := _named(said.address, registry)) is not None:
        return registry.place_in(named.code, point, ADDRESS, at)
    return Place(point=point)


def _named(address: str, registry: Registry) -> Grid | None:
    """The lowest grid whose name stands in an address, of several the one whose levels above are named as well.

    Where two of one level are named alike, a level above them that is named is meant.
    """
    found = [g for g in registry.grids.values() if len(g.name) >= _SHORTEST and g.name in address]
    for level in GridLevel:
        ranked = sorted(
            (
                (sum(above in found for above in registry.ancestors(g.code)), len(g.name), g.code)
                for g in found
                if g.level is level
            ),
            reverse=True,
        )
        if ranked and (len(ranked) == 1 or ranked[0][:2] > ranked[1][:2]):
            return registry.grids[ranked[0][2]]
    return None
