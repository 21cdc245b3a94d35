"""An invented county for demos, drills and tests: its grid tree, its devices and its people, all from one seed.

Nothing here exists: the codes begin with 99, which no province has, and the telephone numbers with 100, which no mobile
network has, so that nobody real can be rung by mistake. The outline lies somewhere in WGS-84 and means nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerts.people.duty import Duty, DutyKind
from alerts.people.roster import Part, Person
from ingest.events import Point
from ingest.registry import Device, Grid, GridLevel, Registry

COUNTY: Final = "990121"
NAME: Final = "云泽县"
HOTLINE: Final = "hotline-12345"

_TOWNSHIPS: Final = ("清溪镇", "白石镇", "柳湾乡", "东岭街道", "南浦镇")
_VILLAGES: Final = (
    "杏花村", "石桥村", "桃园社区", "荷塘村", "青松村",
    "芦荡村", "学府社区", "新丰社区", "渡口村", "枫林村",
)  # fmt: skip
_ORDINALS: Final = ("第一", "第二", "第三", "第四")
_SURNAMES: Final = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
_GIVEN: Final = ("立群", "晓梅", "志远", "春燕", "建华", "海涛", "秀兰", "国栋", "思源", "永康", "雪", "晨", "慧")

# Ten devices in every grid: how many of each kind, and how often each must speak at least.
_FITTINGS: Final = (("smoke", 4), ("gas", 2), ("heat", 1), ("water", 1), ("tilt", 1), ("door", 1))
INTERVAL: Final = timedelta(seconds=30)

# The county is a lattice of 10 x 4 grids: each township two columns, each village the upper or the lower half of them.
_COLUMNS, _ROWS = 10, 4
_WEST, _SOUTH, _STEP = 112.4, 30.5, 0.01  # degrees; a grid is two steps wide and high, so that its edges can bend
_MICRO_GRIDS: Final = 4  # this many grids are cut into two micro-grids
_VACANT: Final = 2  # this many grids have nobody, so that routing has to climb

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class County:
    """A whole place as values: what `tocsin import` would have read. Same seed, same county."""

    seed: int
    registry: Registry
    people: tuple[Person, ...]
    duties: tuple[Duty, ...] = ()

    @property
    def grids(self) -> tuple[Grid, ...]:
        return tuple(self.registry.grids.values())

    @property
    def devices(self) -> tuple[Device, ...]:
        return tuple(self.registry.devices.values())

    def of_kind(self, kind: str, grid: str = "") -> tuple[Device, ...]:
        """The devices of one kind, in one grid or everywhere."""
        return tuple(d for d in self.devices if d.kind == kind and grid in {"", d.grid})


def county(seed: int = 1) -> County:
    """The county of a seed: 5 townships, 10 villages, 40 grids (4 cut into micro-grids), 400 devices, two cameras.

    The grids tile the county without gap or overlap. Every device stands inside the polygon of its grid. Every place
    has its people, but two grids are vacant. The county's duty officers take turns by day and by night, three departments have
    people, and in the first township a deputy stands in for the duty officer, who is on leave.
    """
    luck = random.Random(f"county {seed}")
    lattice = _lattice(luck)
    tree = tuple(_tree(lattice))
    grids = [g for g in tree if g.level is GridLevel.GRID]
    cut = luck.sample(grids, _MICRO_GRIDS)
    micro = tuple(half for grid in cut for half in _halves(grid, lattice))
    devices = tuple(_devices(grids, micro, luck))
    vacant = {g.code for g in luck.sample([g for g in grids if g not in cut], _VACANT)}
    registry = Registry.of((*tree, *micro), (*devices, *_cameras(grids, devices, vacant, luck)), version=1)
    people = tuple(_people((*tree, *micro), vacant, luck))
    further = tuple(_further(len(people), luck))
    return County(seed, registry, (*people, *further), tuple(_duties()))


_Lattice = dict[tuple[int, int], tuple[float, float]]


def _lattice(luck: random.Random) -> _Lattice:
    """Points at every corner and half edge, moved a little: neighbours share them, so that outlines fit together."""
    shake = _STEP * 0.22
    return {
        (x, y): (
            round(_WEST + x * _STEP + luck.uniform(-shake, shake), 6),
            round(_SOUTH + y * _STEP + luck.uniform(-shake, shake), 6),
        )
        for x in range(2 * _COLUMNS + 1)
        for y in range(2 * _ROWS + 1)
    }


def _outline(lattice: _Lattice, x: tuple[int, int], y: tuple[int, int]) -> Ring:
    """The closed ring, counter-clockwise, around the lattice block from x[0] to x[1] and y[0] to y[1]."""
    (west, east), (south, north) = x, y
    walk = [(i, south) for i in range(west, east)] + [(east, j) for j in range(south, north)]
    walk += [(i, north) for i in range(east, west, -1)] + [(west, j) for j in range(north, south, -1)]
    return (*(lattice[step] for step in walk), lattice[walk[0]])


def _tree(lattice: _Lattice) -> Iterator[Grid]:
    yield Grid(COUNTY, NAME, GridLevel.COUNTY, "", (_outline(lattice, (0, 2 * _COLUMNS), (0, 2 * _ROWS)),))
    for t, town in enumerate(_TOWNSHIPS):
        township, x = f"{COUNTY}{t + 1:03}", 4 * t
        ring = _outline(lattice, (x, x + 4), (0, 2 * _ROWS))
        yield Grid(township, town, GridLevel.TOWNSHIP, COUNTY, (ring,))
        for v in range(2):
            village, y, name = f"{township}{v + 1:03}", 4 * v, _VILLAGES[2 * t + v]
            yield Grid(village, name, GridLevel.VILLAGE, township, (_outline(lattice, (x, x + 4), (y, y + 4)),))
            for g, (i, j) in enumerate(((0, 0), (2, 0), (0, 2), (2, 2))):
                ring = _outline(lattice, (x + i, x + i + 2), (y + j, y + j + 2))
                yield Grid(f"{village}{g + 1:03}", f"{name}{_ORDINALS[g]}网格", GridLevel.GRID, village, (ring,))


def _corner(grid: Grid) -> tuple[int, int]:
    """The lattice column and row (in half steps) of a grid's south-west corner, from its code."""
    township, village, number = (int(grid.code[i : i + 3]) - 1 for i in (6, 9, 12))
    return 4 * township + 2 * (number % 2), 4 * village + 2 * (number // 2)


def _halves(grid: Grid, lattice: _Lattice) -> Iterator[Grid]:
    x, y = _corner(grid)
    for number, side in enumerate(("西", "东")):
        ring = _outline(lattice, (x + number, x + number + 1), (y, y + 2))
        yield Grid(f"{grid.code}{number + 1:02}", f"{grid.name}{side}微网格", GridLevel.MICRO, grid.code, (ring,))


def _devices(grids: list[Grid], micro: tuple[Grid, ...], luck: random.Random) -> Iterator[Device]:
    halves = {g.parent for g in micro}
    for n, grid in enumerate(grids):
        township, (x, y) = grid.code[6:9], _corner(grid)
        kinds = [kind for kind, count in _FITTINGS for _ in range(count)]
        for number, kind in enumerate(kinds):
            side = number % 2
            where = f"{grid.code}{side + 1:02}" if grid.code in halves else grid.code
            point = _point_in((x + side, y + number % 4 // 2), luck)
            ident, name = f"{kind}-{n + 1:02}{number:02}", f"{grid.name}{number + 1}号{_KINDS[kind]}"
            yield Device(ident, kind, f"gw-{township}", where, point, INTERVAL, name)


_KINDS: Final = {
    "smoke": "烟感", "gas": "燃气探测器", "heat": "温感", "water": "水位计",
    "tilt": "倾角计", "door": "门磁", "camera": "摄像头",
}  # fmt: skip


def _point_in(block: tuple[int, int], luck: random.Random) -> Point:
    """A point well inside one half-step block: corners move at most 0.22 of a step, so its middle is always within."""
    x, y = block
    lon = _WEST + (x + luck.uniform(0.28, 0.72)) * _STEP
    lat = _SOUTH + (y + luck.uniform(0.28, 0.72)) * _STEP
    return Point(round(lat, 6), round(lon, 6))


def _cameras(grids: list[Grid], devices: tuple[Device, ...], vacant: set[str], luck: random.Random) -> Iterator[Device]:
    """Two cameras, each beside a smoke detector of a grid that has people and is not cut into micro-grids."""
    whole = [g for g in grids if g.code not in vacant and any(d.grid == g.code for d in devices)]
    for number, grid in enumerate(luck.sample(whole, 2), start=1):
        beside = next(d for d in devices if d.grid == grid.code and d.kind == "smoke")
        name = f"{grid.name}{_KINDS['camera']}"
        yield Device(f"camera-{number}", "camera", beside.gateway, grid.code, beside.point, None, name)


# Who answers on each level, first asked first.
_POSTS: Final = {
    GridLevel.MICRO: ("grid_leader",),
    GridLevel.GRID: ("grid_leader", "grid_worker"),
    GridLevel.VILLAGE: ("village_head",),
    GridLevel.TOWNSHIP: ("duty_officer",),
    GridLevel.COUNTY: ("duty_officer", "catcher"),
    GridLevel.CITY: (),
}


def _people(grids: tuple[Grid, ...], vacant: set[str], luck: random.Random) -> Iterator[Person]:
    number = 0
    for grid in grids:
        if grid.code in vacant:
            continue
        for order, role in enumerate(_POSTS[grid.level]):
            number += 1
            name = luck.choice(_SURNAMES) + luck.choice(_GIVEN)
            yield Person(f"p-{grid.code}-{order}", name, fictitious(number), role, grid.code, order)


_NIGHT, _ON_LEAVE, _DEPUTY = f"p-{COUNTY}-night", f"p-{COUNTY}001-0", f"p-{COUNTY}001-b"
_FURTHER: Final = (  # id, post, grid, order, part: the night officer, a deputy, and people of the departments a whistle calls
    (_NIGHT, "duty_officer", COUNTY, 0, Part.MAIN),
    (_DEPUTY, "duty_officer", f"{COUNTY}001", 1, Part.DEPUTY),
    (f"p-{COUNTY}-fire", "fire_rescue", COUNTY, 10, Part.DEPUTY),
    (f"p-{COUNTY}-city", "city_management", COUNTY, 11, Part.DEPUTY),
    (f"p-{COUNTY}-market", "market_supervision", COUNTY, 12, Part.DEPUTY),
)


def _further(known: int, luck: random.Random) -> Iterator[Person]:
    for number, (ident, role, grid, order, part) in enumerate(_FURTHER, start=known + 1):
        name = luck.choice(_SURNAMES) + luck.choice(_GIVEN)
        yield Person(ident, name, fictitious(number), role, grid, order, part=part)


def _duties() -> Iterator[Duty]:
    """By day and by night somebody has duty in the county; the first township's officer is on leave, and the deputy stands in."""
    yield Duty(DutyKind.SHIFT, f"p-{COUNTY}-0", start=8 * 60, end=20 * 60)
    yield Duty(DutyKind.SHIFT, _NIGHT, start=20 * 60, end=8 * 60)
    yield Duty(DutyKind.ABSENT, _ON_LEAVE)
    yield Duty(DutyKind.STAND_IN, _DEPUTY, instead_of=_ON_LEAVE)


def fictitious(number: int) -> str:
    """A telephone number in E.164 that cannot be assigned: mainland mobile numbers begin with 13 to 19, never 100."""
    return f"+861000000{number:04}"
