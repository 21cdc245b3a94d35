"""The network between two parts: nothing comes through, or little and late."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.chaos.cluster import Shape
from tests.chaos.faults.contract import Fault
from tests.chaos.proxy import State
from tests.chaos.rig import Rig, say

FOR = 12.0
# (how the link is called, whose connections)
BETWEEN = (
    ("mosquitto", "gateway"),
    ("kafka", "gateway"),
    ("kafka", "worker-1"),
    ("ledger", "sender"),
    ("ledger", "worker"),
    ("provider", "sender"),
)


def _network(*states: State) -> Callable[[Rig, int, bool], None]:
    def strike(rig: Rig, round_: int, quick: bool) -> None:
        link, whose = BETWEEN[(round_ - 1) % len(BETWEEN)]
        state = states[(round_ - 1) // len(BETWEEN) % len(states)]
        assert rig.cluster.proxies is not None
        names = [name for name in rig.cluster.proxies.links if name.startswith(link)]
        say(f"{state.value} between {whose} and {link}")
        for name in names:
            rig.cluster.proxies.set(name, state, whose)
        time.sleep(FOR)
        for name in names:
            rig.cluster.proxies.set(name, State.OPEN)

    return strike


FAULTS = (
    Fault("net-cut", _network(State.HOLE, State.CUT), rounds=2 * len(BETWEEN), shape=Shape(proxied=True)),
    Fault("net-slow", _network(State.SLOW), rounds=len(BETWEEN), shape=Shape(proxied=True)),
)
