"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.cluster import Shape
from tests.chaos.rig import Rig


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike(rig, number, quick)` does one round and returns when what was broken is whole again. `rounds` is how often by default."""

    name: str
    strike: Callable[[Rig, int, bool], None]
    rounds: int = 3
    after: float = 6.0  # seconds that are watched afterwards
    shape: Shape = field(default_factory=Shape)
