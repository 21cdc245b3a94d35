"""What happens in the simulated county: a seeded time line of messages in the native convention (`docs/gateways.md`).

Pure: a message carries its offset in seconds from the story's start, and becomes bytes when it is told when that is.
Same county, same seed, same story. In a calm background that never stops a kitchen catches fire: two smoke detectors,
a heat detector, a camera and a caller notice it in one grid, and later the smoke falls back.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from api.county.county import HOTLINE, County, fictitious
from ingest.events import Point
from ingest.registry import Device

PACE: Final = 10.0  # seconds between two messages of one calm device: 400 devices make 40 messages a second
FIRE_PACE: Final = 1.0  # a detector that sees something speaks every second
AMBIENT: Final = 22.0  # degrees Celsius


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """One message of the story: `offset` seconds after its start, to `topic`, saying `body`."""

    offset: float
    topic: str
    body: dict[str, Any] = field(compare=False)

    def payload(self, start: datetime) -> bytes:
        """The bytes on the wire when the story starts at `start` (aware): the body with its time, in ms since 1970.

        Idents of sightings and calls carry the start too, so that telling the story twice makes two incidents.
        """
        at = start + timedelta(seconds=self.offset)
        body = {**self.body, "at": round(at.timestamp() * 1000)}
        if "id" in body:
            body["id"] = f"{body['id']}-{int(start.timestamp())}"
        return orjson.dumps(body)


@dataclass(frozen=True, slots=True)
class Fire:
    """Where and when it burns: seconds from the story's start until `out_at`, when somebody puts it out."""

    grid: str
    camera: Device
    smoke: tuple[Device, ...]  # nearest first
    heat: Device | None
    starts_at: float
    out_at: float

    def smoke_at(self, offset: float, distance: float) -> float:
        """Optical density per metre at a detector; `distance` (seconds) is how much later the smoke gets there."""
        since = offset - self.starts_at - distance
        risen = 0.75 / (1 + math.exp(-(since - 5) / 1.2))
        return risen * math.exp2(-max(0.0, offset - self.out_at - distance) / 2.5)

    def heat_at(self, offset: float) -> float:
        """Degrees Celsius above ambient under the kitchen's ceiling: it climbs to about 60 within half a minute."""
        reached = 62 * (1 - math.exp(-max(0.0, min(offset, self.out_at) - self.starts_at - 3) / 14))
        return reached * math.exp2(-max(0.0, offset - self.out_at) / 8)

    def touches(self, offset: float) -> bool:
        """Whether its detectors still have something to say."""
        return self.starts_at <= offset < self.out_at + 40


def fire_of(county: County, seed: int, *, starts_at: float = 6.0, lasts: float = 45.0) -> Fire:
    """The fire of a seed: in front of one of the county's cameras, whose grid has people and smoke detectors."""
    luck = random.Random(f"fire {seed}")
    camera = luck.choice(county.of_kind("camera"))
    here = camera.point or Point(0, 0)

    def near(device: Device) -> float:
        return math.dist((here.lat, here.lon), (device.point.lat, device.point.lon)) if device.point else math.inf

    smoke = tuple(sorted(county.of_kind("smoke", camera.grid), key=near))
    heat = next(iter(county.of_kind("heat", camera.grid)), None)
    return Fire(camera.grid, camera, smoke[:2], heat, starts_at, starts_at + lasts)


def story(
    county: County, seed: int, *, until: float = math.inf, fire: Fire | None = None, stalls_at: float | None = None
) -> Iterator[Message]:
    """Every message from 0 to `until` seconds, in order of time. Without a `fire` the county stays calm.

    At `stalls_at` a resident reports a flooded street whose drains are under market stalls: a matter for several departments, which nobody
    in the county settles by themselves.
    """
    lines = [_arrivals(county), _background(county, seed, until, fire)]
    if fire is not None:
        lines += [_detectors(fire, seed), _camera(fire), _caller(county, fire, seed)]
    if stalls_at is not None:
        lines.append(iter([_stalls(county, seed, stalls_at)]))
    for message in heapq.merge(*lines):
        if message.offset > until:
            return
        yield message


def _arrivals(county: County) -> Iterator[Message]:
    """Every gateway says that it is there."""
    for gateway in sorted({d.gateway for d in county.devices}):
        yield Message(0.0, f"tocsin/{gateway}/presence", {"state": "online"})


def _background(county: County, seed: int, until: float, fire: Fire | None) -> Iterator[Message]:
    """All sensors in turn, each every `PACE` seconds. Those that see the fire speak for themselves meanwhile."""
    luck = random.Random(f"background {seed}")
    sensors = [d for d in county.devices if d.kind in _CALM]
    first = sorted((luck.uniform(0, PACE), n) for n in range(len(sensors)))
    habits = [luck.random() for _ in sensors]
    busy = {d.id for d in (*fire.smoke, *filter(None, (fire.heat,)))} if fire else set()
    turn = 0
    while turn * PACE <= until:
        for phase, n in first:
            offset, device = round(turn * PACE + phase, 3), sensors[n]
            body = _CALM[device.kind](habits[n], luck)
            if not (fire and device.id in busy and fire.touches(offset)):
                yield Message(offset, f"tocsin/{device.gateway}/{device.id}/telemetry", body)
        turn += 1


def _near(luck: random.Random, middle: float, spread: float, digits: int) -> float:
    """A number about `middle`, never further than three spreads away, never below zero."""
    return round(max(0.0, middle + spread * max(-3.0, min(3.0, luck.gauss(0, 1)))), digits)


# What a calm device of each kind says. `habit` (0..1) is its own: no two detectors are quite alike.
_Calm = Callable[[float, random.Random], dict[str, Any]]
_CALM: Final[dict[str, _Calm]] = {
    "smoke": lambda habit, luck: {
        "smoke": _near(luck, 0.004 + 0.004 * habit, 0.001, 4),
        "temperature": _near(luck, AMBIENT - 2 + 4 * habit, 0.2, 1),
        "alarm": False,
    },
    "heat": lambda habit, luck: {"temperature": _near(luck, AMBIENT - 2 + 4 * habit, 0.2, 1)},
    "gas": lambda habit, luck: {"gas": _near(luck, 0.6 + 0.6 * habit, 0.1, 2), "co": _near(luck, 1.5 + habit, 0.3, 1)},
    "water": lambda habit, luck: {"water_level": _near(luck, 0.01 + 0.03 * habit, 0.002, 3)},
    "tilt": lambda habit, luck: {"tilt": _near(luck, 0.2 + 0.3 * habit, 0.02, 2)},
    "door": lambda habit, luck: {"open": luck.random() < 0.3, "battery": round(72 + 25 * habit)},
}


def _detectors(fire: Fire, seed: int) -> Iterator[Message]:
    """The smoke and heat detectors beside the fire, every second while there is something to say."""
    luck = random.Random(f"detectors {seed}")
    offset = fire.starts_at
    while fire.touches(offset):
        heat = fire.heat_at(offset)
        for n, device in enumerate(fire.smoke):
            at, smoke = round(offset + 0.11 * n, 3), fire.smoke_at(offset, 4.0 * n) + _near(luck, 0.006, 0.001, 4)
            warm = AMBIENT + heat / (2 + 2 * n)
            body = {"smoke": round(smoke, 4), "temperature": round(warm, 1), "alarm": smoke > 0.2}
            yield Message(at, f"tocsin/{device.gateway}/{device.id}/telemetry", body)
        if fire.heat is not None:
            body = {"temperature": round(AMBIENT + heat + luck.uniform(-0.2, 0.2), 1)}
            yield Message(round(offset + 0.31, 3), f"tocsin/{fire.heat.gateway}/{fire.heat.id}/telemetry", body)
        offset = round(offset + FIRE_PACE, 3)


def _camera(fire: Fire) -> Iterator[Message]:
    """The camera is more and more certain of what it sees, and says when it sees it no more."""
    topic, ident = f"tocsin/{fire.camera.gateway}/{fire.camera.id}/sighting", f"sight-{fire.camera.id}"
    for after, label, score in ((2.6, "smoke", 0.58), (3.6, "smoke", 0.74), (4.6, "smoke", 0.83)):
        yield Message(fire.starts_at + after, topic, {"id": f"{ident}-smoke", "label": label, "score": score})
    seen = fire.starts_at + 6.6
    while seen < fire.out_at:
        yield Message(round(seen, 3), topic, {"id": f"{ident}-fire", "label": "fire", "score": 0.91})
        seen += 3.0
    for label in ("smoke", "fire"):
        body = {"id": f"{ident}-{label}", "label": label, "score": 0.2, "ended": True}
        yield Message(fire.out_at + 8.0, topic, body)


_CALLERS: Final = (
    "我家楼上厨房在冒烟，烟很大，快派人来看看。",
    "隔壁厨房着火了，窗户里往外冒黑烟！",
    "这边居民楼有烟味，能看到厨房起火，家里好像没人。",
)


def _caller(county: County, fire: Fire, seed: int) -> Iterator[Message]:
    """A neighbour rings the hotline. The call says where, so it meets the same grid through its coordinates."""
    luck = random.Random(f"caller {seed}")
    point = fire.camera.point or Point(0, 0)
    body = {
        "id": f"call-{county.seed}-{seed}",
        "text": luck.choice(_CALLERS),
        "category": "消防安全",
        "address": f"{county.registry.grids[fire.grid].name}{luck.randrange(1, 40)}号",
        "lat": point.lat,
        "lon": point.lon,
        "datum": "wgs84",
        "caller": fictitious(9000 + luck.randrange(1000)),
        "channel": "phone",
    }
    yield Message(fire.starts_at + 7.4, f"tocsin/{HOTLINE}/call", body)


def _stalls(county: County, seed: int, offset: float) -> Message:
    """A call about one of the first township's grids, so that its duty officer's deputy has it next."""
    luck = random.Random(f"stalls {seed}")
    staffed = {person.grid for person in county.people}
    water = luck.choice([d for d in county.of_kind("water") if d.grid in staffed and d.gateway == "gw-001"])
    point = water.point or Point(0, 0)
    body = {
        "id": f"call-{county.seed}-{seed}-stalls",
        "text": "夜市摊位占道经营，压住了排水口，门口一片被淹，车都过不去。",
        "category": "市容环境",
        "address": f"{county.registry.grids[water.grid].name}夜市街",
        "lat": point.lat,
        "lon": point.lon,
        "datum": "wgs84",
        "caller": fictitious(9000 + luck.randrange(1000)),
        "channel": "phone",
    }
    return Message(offset, f"tocsin/{HOTLINE}/call", body)
