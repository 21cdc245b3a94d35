"""The small place in which the devices of a replay stand: enough of a grid tree that somebody is told. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alerts.people.roster import Person
from api.county.county import fictitious
from api.replay.mapping import Binding
from api.replay.reading import GATEWAY
from ingest.registry import Device, Grid, GridLevel

COUNTY: Final = "990000"
TOWNSHIP: Final = "990000001"
VILLAGE: Final = "990000001001"

Place = tuple[tuple[Grid, ...], tuple[Device, ...], tuple[Person, ...]]


def place_of(binding: Binding) -> Place:
    """Grids, devices and people for a replay. Every grid that the mapping names has a leader and a worker; nobody in it is real.

    Devices have no interval: a recording that ends is not a device that fell silent.
    """
    devices = {b.device: Device(b.device, b.kind, GATEWAY, b.grid) for b in binding.columns}
    codes = sorted({d.grid for d in devices.values()})
    grids = (
        Grid(COUNTY, "回放县", GridLevel.COUNTY),
        Grid(TOWNSHIP, "回放镇", GridLevel.TOWNSHIP, COUNTY),
        Grid(VILLAGE, "回放村", GridLevel.VILLAGE, TOWNSHIP),
        *(Grid(code, f"回放网格 {code}", GridLevel.GRID, VILLAGE) for code in codes),
    )
    return grids, tuple(devices.values()), tuple(_people(codes))


def _people(codes: list[str]) -> Iterator[Person]:
    posts = [(code, role, order) for code in codes for order, role in enumerate(("grid_leader", "grid_worker"))]
    posts += [
        (VILLAGE, "village_head", 0),
        (TOWNSHIP, "duty_officer", 0),
        (COUNTY, "duty_officer", 0),
        (COUNTY, "catcher", 1),
    ]
    for number, (grid, role, order) in enumerate(posts, start=1):
        yield Person(f"p-{grid}-{role}", f"{_TITLES[role]}{number}", fictitious(number), role, grid, order)


_TITLES: Final = {
    "grid_leader": "网格长",
    "grid_worker": "网格员",
    "village_head": "村长",
    "duty_officer": "值班员",
    "catcher": "兜底岗",
}
