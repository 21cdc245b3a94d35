"""The faults, by name. Each is one round: what is done, and how long it is watched."""

from __future__ import annotations

from tests.chaos.faults import clocks, incoming, moves, network, processes, series, servers
from tests.chaos.faults.contract import Fault

FAMILIES = (processes, servers, series, moves, incoming, network, clocks)
FAULTS: dict[str, Fault] = {fault.name: fault for family in FAMILIES for fault in family.FAULTS}
SHORT = (
    "worker-kill",
    "gateway-kill",
    "broker-kill",
    "postgres-restart",
    "worker-stop-30",
)  # the worst, for every push

__all__ = ["FAULTS", "SHORT", "Fault"]
