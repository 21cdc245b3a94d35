"""A county made for breaking: every red alarm has a grid, a device and a leader of its own, so that a doubled notice cannot hide.

Townships are many, so that every partition has some; above each grid stands its township with somebody who is asked second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from alerts.people.roster import Person
from ingest.registry import Device, Grid, GridLevel

TOWNSHIPS: Final = 24
SHARDS: Final = ("a", "b")
GATEWAYS: Final = tuple(f"gw-{shard}{n}" for n in range(1, 6) for shard in SHARDS)
CALM_DEVICES: Final = 200
SECOND_AFTER: Final = 15  # seconds until the township is asked too
POLICIES: Final = f"""
version = "chaos"

[levels.red]
steps = [
  {{ after = 0, target = "grid", channels = ["sms"] }},
  {{ after = {SECOND_AFTER}, target = "up", channels = ["sms"] }},
]
"""


def shard_of(gateway: str) -> str:
    """The topic shard of a field gateway."""
    return gateway[3]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the nth red alarm of a run happens."""

    device: str
    gateway: str
    grid: str


def spot(n: int) -> Spot:
    return Spot(f"alarm-{n:05d}", GATEWAYS[n % len(GATEWAYS)], f"c-{n % TOWNSHIPS:02d}-{n:05d}")


def gateway_of(device: str) -> str:
    """The field gateway of a device."""
    kind, _, rest = device.partition("-")
    return spot(int(rest)).gateway if kind == "alarm" else rest.rpartition("-")[0]


def calm_device(gateway: str, n: int) -> str:
    """A device that never rings."""
    return f"calm-{gateway}-{n % (CALM_DEVICES // len(GATEWAYS)):02d}"


def place(alarms: int) -> tuple[list[Grid], list[Device], list[Person]]:
    """The county with room for so many alarms."""
    grids = [Grid("c", "演练县", GridLevel.COUNTY)]
    grids += [Grid(f"c-{t:02d}", f"第{t:02d}镇", GridLevel.TOWNSHIP, "c") for t in range(TOWNSHIPS)]
    people = [
        Person(f"t{t:02d}", f"第{t:02d}镇值班", f"+86100100{t:05d}", "township_duty", f"c-{t:02d}")
        for t in range(TOWNSHIPS)
    ]
    devices = []
    for n in range(alarms):
        at = spot(n)
        grids.append(Grid(at.grid, f"网格{n:05d}", GridLevel.GRID, at.grid[:4]))
        devices.append(Device(at.device, "smoke", at.gateway, at.grid))
        people.append(Person(f"p{n}", f"网格长{n}", f"+86100000{n:05d}", "grid_leader", at.grid))
    for i, gateway in enumerate(GATEWAYS):
        below = [spot((i + n * len(GATEWAYS)) % alarms).grid for n in range(CALM_DEVICES // len(GATEWAYS))]
        devices += [Device(calm_device(gateway, n), "thermometer", gateway, grid) for n, grid in enumerate(below)]
    return grids, devices, people


def place_line(grids: list[Grid], people: list[Person]) -> dict[str, Any]:
    """The county as a line of the history: who may be told of what."""
    return {"grids": {g.code: [g.name, g.parent] for g in grids}, "people": {p.phone: p.grid for p in people}}
