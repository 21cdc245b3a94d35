"""Clocks that jump while a process runs: an hour ahead, an hour behind, and the change to and from summer time."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.chaos.cluster import Shape
from tests.chaos.faults.contract import Fault
from tests.chaos.rig import Rig, say

FOR = 25.0
WHOSE = ("worker-1", "sender-1", "api", "gateway-a")


def _jump(seconds: int) -> Callable[[Rig, int, bool], None]:
    def strike(rig: Rig, round_: int, quick: bool) -> None:
        name = WHOSE[(round_ - 1) % len(WHOSE)]
        say(f"the clock of {name} jumps by {seconds} s")
        rig.cluster.clock(name, seconds)
        time.sleep(FOR)
        rig.cluster.clock(name, 0)
        rig.cluster.await_ready()

    return strike


def dst(rig: Rig, round_: int, quick: bool) -> None:
    """Local time jumps by an hour while the processes run: forward in odd rounds, back in even ones."""
    rig.cluster.local_time_jumps(in_seconds=40, forward=round_ % 2 == 1)
    time.sleep(45)
    rig.cluster.await_ready()


FAULTS = (
    Fault("clock-ahead", _jump(3600), rounds=len(WHOSE), shape=Shape(own_clocks=True)),
    Fault("clock-behind", _jump(-3600), rounds=len(WHOSE), shape=Shape(own_clocks=True)),
    Fault("dst", dst, rounds=2),
)
