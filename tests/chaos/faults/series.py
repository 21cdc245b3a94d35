"""InfluxDB down, refusing, overloaded, and hanging: it is derived, so no alarm may notice."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.chaos.faults.contract import Fault
from tests.chaos.proxy import TroubledDoor
from tests.chaos.rig import Rig

DOWN = 600.0
DOWN_QUICK = 45.0
TROUBLED = 25.0


def influx_down(rig: Rig, round_: int, quick: bool) -> None:
    assert rig.cluster.influx is not None
    rig.cluster.influx.kill()
    time.sleep(DOWN_QUICK if quick else DOWN)
    rig.cluster.influx.start_again()


def _troubled(trouble: int) -> Callable[[Rig, int, bool], None]:
    def strike(rig: Rig, round_: int, quick: bool) -> None:
        assert rig.cluster.door is not None
        rig.cluster.door.trouble = trouble
        time.sleep(TROUBLED)
        rig.cluster.door.trouble = 0

    return strike


FAULTS = (
    Fault("influx-down", influx_down, rounds=1),
    Fault("influx-400", _troubled(400), rounds=1),
    Fault("influx-429", _troubled(429), rounds=1),
    Fault("influx-503", _troubled(503), rounds=1),
    Fault("influx-hang", _troubled(TroubledDoor.HANG), rounds=1),
)
