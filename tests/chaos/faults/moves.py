"""Workers that come and go while messages flow: 1, 2, 3 and back to 1."""

from __future__ import annotations

import time

from tests.chaos.faults.contract import Fault
from tests.chaos.rig import Rig

STAY = 8.0


def rebalance(rig: Rig, round_: int, quick: bool) -> None:
    cluster = rig.cluster
    cluster.keeper.hold("worker-2")
    time.sleep(STAY)
    cluster.keeper.release("worker-2")
    cluster.keeper.await_ready("worker-2")
    time.sleep(STAY)
    if "worker-3" in cluster.keeper.names:
        cluster.keeper.release("worker-3")
        cluster.keeper.await_ready("worker-3")
    else:
        cluster.add_worker("worker-3")
    time.sleep(STAY)
    cluster.keeper.hold("worker-3")
    cluster.keeper.hold("worker-2")
    time.sleep(STAY)
    cluster.keeper.release("worker-2")
    cluster.keeper.await_ready("worker-2")


FAULTS = (Fault("rebalance", rebalance, rounds=1),)
