"""The faults, by name. Each is one round: what is done, and how long it is watched."""

from __future__ import annotations

from tests.chaos.faults.contract import Fault
from tests.chaos.faults import processes

FAULTS: dict[str, Fault] = {fault.name: fault for family in (processes.FAULTS,) for fault in family}
SHORT = (
    "worker-kill",
    "gateway-kill",
    "broker-kill",
    "postgres-restart",
    "worker-stop-30",
)  # the worst, for every push

__all__ = ["FAULTS", "SHORT", "Fault"]
