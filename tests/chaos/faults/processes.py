"""Processes of the product that are killed, asked to end, or frozen."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tests.chaos.faults.contract import Fault
from tests.chaos.rig import Rig, say


def _ended(verb: str, number: signal.Signals) -> Callable[[Rig, int, bool], None]:
    def strike(rig: Rig, round_: int, quick: bool) -> None:
        name = rig.one_of(verb, round_)
        starts = rig.cluster.keeper.starts(name)
        rig.signal(name, number)
        if not rig.back(name, starts):
            say(f"{name} did not come back within 90 s")

    return strike


def _frozen(verb: str, seconds: float) -> Callable[[Rig, int, bool], None]:
    def strike(rig: Rig, round_: int, quick: bool) -> None:
        name = rig.one_of(verb, round_)
        pid = rig.signal(name, signal.SIGSTOP)
        time.sleep(seconds)
        if rig.cluster.keeper.pid(name) == pid:
            rig.signal(name, signal.SIGCONT)
        rig.cluster.await_ready()

    return strike


def _of(verb: str) -> tuple[Fault, ...]:
    return (
        Fault(f"{verb}-kill", _ended(verb, signal.SIGKILL)),
        Fault(f"{verb}-term", _ended(verb, signal.SIGTERM), rounds=2),
        Fault(f"{verb}-stop-30", _frozen(verb, 30), rounds=1),
        Fault(f"{verb}-stop-90", _frozen(verb, 90), rounds=1),
    )


FAULTS = tuple(fault for verb in ("worker", "gateway", "sender", "api") for fault in _of(verb))
