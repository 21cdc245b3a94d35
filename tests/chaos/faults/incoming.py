"""What comes in: poison among the messages, a gateway that shouts, and everything once more from the beginning."""

from __future__ import annotations

import time

from tests.chaos.county import GATEWAYS, SECOND_AFTER
from tests.chaos.faults.contract import Fault
from tests.chaos.replay import begin_anew, changed, picture
from tests.chaos.rig import Rig, say

POISON = 0.01
POISON_FOR = 30.0
NOISE = 50
NOISE_FOR = 20.0
REPLAY_WITHIN = 120.0


def poison(rig: Rig, round_: int, quick: bool) -> None:
    rig.feed.poison = POISON
    time.sleep(POISON_FOR)
    rig.feed.poison = 0.0


def noisy(rig: Rig, round_: int, quick: bool) -> None:
    rig.feed.noisy = NOISE * rig.load.rate / len(GATEWAYS)
    time.sleep(NOISE_FOR)
    rig.feed.noisy = 0.0


def replay(rig: Rig, round_: int, quick: bool) -> None:
    """Nothing new is said; workers begin at offset 0 of everything, without a state. Nothing may change."""
    rig.feed.quiet.set()
    try:
        if not rig.arrived(60):
            say("not everything had arrived before the replay")
        time.sleep(SECOND_AFTER + 3)  # the second step of the last alarm is no change that the replay made
        before = picture(rig.cluster.ledger_url)
        workers = rig.cluster.named("worker")
        for name in workers:
            rig.cluster.keeper.hold(name)
        begin_anew(rig.cluster.log)
        for name in workers:
            rig.cluster.keeper.release(name)
        rig.cluster.await_ready()
        if not rig.until(rig.caught_up, REPLAY_WITHIN, 1.0):
            say(f"the replay is not through after {REPLAY_WITHIN:g} s")
        time.sleep(2)
        rows = changed(before, picture(rig.cluster.ledger_url))
        if rows:
            say(f"rows that a replay changed: {rows[:5]}")
        rig.history.write("changed", fault="replay", rows=len(rows), which=rows[:50])
    finally:
        rig.feed.quiet.clear()


FAULTS = (
    Fault("poison", poison, rounds=1),
    Fault("noisy", noisy, rounds=1),
    Fault("replay", replay, rounds=1),
)
