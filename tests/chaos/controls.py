"""Negative controls: the product with one guarantee taken out, and a fault that must show it. A checker that finds nothing is worthless."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ingest.topics import Topic
from tests.chaos.checker import CALM, Verdict, judge
from tests.chaos.cluster import Shape
from tests.chaos.history import read
from tests.chaos.rig import Load, Rig, say

SETTLE = 20.0
SMALL = Shape(brokers=1, workers=1, influx=False)
FEED = Load(rate=200.0, alarm_every=0.5, alarms=800)


@dataclass(frozen=True, slots=True)
class Control:
    """`strike` is one round. The mutant `broken` runs in the processes of `verbs`."""

    broken: str
    verbs: tuple[str, ...]
    strike: Callable[[Rig, int], None]
    rounds: int = 3
    load: Load = FEED
    shape: Shape = SMALL
    baseline: str = "bare"  # what the mutant stands on: it must lose nothing by itself, or the control proves nothing


def judged(control: Control, folder: Path, seed: int) -> dict[str, Verdict]:
    """Run a control and judge it."""
    shape = replace(control.shape, broken=control.broken, broken_verbs=control.verbs)
    say(f"control {control.broken}")
    with Rig(folder, shape, replace(control.load, seed=seed)) as rig:
        with rig.phase(CALM, 1):
            rig.flow_again(30)
        for n in range(1, control.rounds + 1):
            with rig.phase(control.broken, n):
                time.sleep(3)
                control.strike(rig, n)
                time.sleep(2)
                rig.flow_again(5)
        rig.finish(SETTLE)
    return judge(read(rig.history.path))


def caught(controls: Sequence[Control], folder: Path, seed: int) -> dict[str, bool]:
    """Of each control, whether the checker reports loss or doubles, and none for the baseline that its mutant stands on."""
    found: dict[str, bool] = {}
    sound: dict[str, bool] = {"": True}
    for name in dict.fromkeys(control.baseline for control in controls if control.baseline):
        verdict = judged(BASELINES[name], folder / f"control-{name}", seed)[name]
        sound[name] = verdict.well and verdict.kept > 0
        say(f"the baseline {name} {'loses nothing' if sound[name] else f'is not sound: {verdict}'}")
    for control in controls:
        verdict = judged(control, folder / f"control-{control.broken}", seed)[control.broken]
        was = (verdict.lost > 0 or verdict.doubled > 0) and sound[control.baseline]
        how = f"lost {verdict.lost}, doubled {verdict.doubled}"
        say(f"control {control.broken}: {'caught' if was else 'NOT CAUGHT'}, {how}")
        found[control.broken] = was
    return found


def _kill_worker(rig: Rig, number: int) -> None:
    _end(rig, "worker-1", signal.SIGKILL)


def _end(rig: Rig, name: str, how: signal.Signals) -> None:
    starts = rig.cluster.keeper.starts(name)
    rig.signal(name, how)
    rig.back(name, starts)


def _gateways_die_while_the_log_is_away(rig: Rig, number: int) -> None:
    """What has been read and not written is lost, unless it was not acknowledged."""
    rig.cluster.kafka.pause(0)
    time.sleep(2)
    names = rig.cluster.named("gateway")
    starts = {name: rig.cluster.keeper.starts(name) for name in names}
    for name in names:
        rig.signal(name, signal.SIGKILL)
    rig.cluster.kafka.resume(0)
    for name in names:
        rig.back(name, starts[name])


def _asked_to_end_with_one_in_hand(rig: Rig, number: int) -> None:
    _after_an_alarm(rig, 0.2)
    _end(rig, "worker-1", signal.SIGTERM)


def _killed_with_one_in_hand(rig: Rig, number: int) -> None:
    """Two commits (one a second) must fall into the time: the first goes up to the record in hand, the second past it."""
    _after_an_alarm(rig, 5.0)
    _end(rig, "worker-1", signal.SIGKILL)


def _after_an_alarm(rig: Rig, seconds: float) -> None:
    known = len(rig.feed.alarms)
    rig.until(lambda: len(rig.feed.alarms) > known, 10, 0.01)
    time.sleep(seconds)


def _signals_cannot_be_written(rig: Rig, number: int) -> None:
    """The log takes everything but signals (they are all too large for it), and then the worker dies."""
    _largest_signal(rig, "10")
    time.sleep(6)
    rig.signal("worker-1", signal.SIGKILL)
    _largest_signal(rig, "1048588")
    rig.cluster.await_ready()


def _largest_signal(rig: Rig, size: str) -> None:
    change = ConfigResource(ConfigResourceType.TOPIC, str(Topic.SIGNALS), configs={"max.message.bytes": size})
    _admin(rig, lambda admin: admin.alter_configs([change]))


def _admin(rig: Rig, work: Callable[[AIOKafkaAdminClient], object]) -> None:
    async def do() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=rig.cluster.log.brokers)
        await admin.start()
        try:
            await work(admin)  # type: ignore[misc]
        finally:
            await admin.close()

    asyncio.run(do())


_TRUSTING = replace(FEED, trusting=True)
_SELDOM = replace(FEED, alarm_every=12.0)  # two at once in one partition would leave nobody to go past them
_SLOW = replace(SMALL, slow=8.0)
_TABLE = replace(SMALL, slow=0.0, more_topics=("tocsin-chaos-changelog",))
_WORKER = ("worker",)
_ALL = (
    Control("auto-ack", ("gateway",), _gateways_die_while_the_log_is_away, rounds=1, load=_TRUSTING, baseline=""),
    Control("no-deduplication-key", _WORKER, _kill_worker, rounds=2, baseline=""),
    Control("stream-wait-empty", _WORKER, _asked_to_end_with_one_in_hand),
    Control("single-await", _WORKER, _signals_cannot_be_written, rounds=1),
    Control("concurrency-2", _WORKER, _killed_with_one_in_hand, load=_SELDOM, shape=_SLOW),
    Control("no-contiguity-check", _WORKER, _kill_worker, rounds=2, shape=_TABLE, baseline="holes"),
)
CONTROLS: dict[str, Control] = {control.broken: control for control in _ALL}
BASELINES: dict[str, Control] = {
    "bare": Control("bare", _WORKER, _asked_to_end_with_one_in_hand),
    "holes": Control("holes", _WORKER, _kill_worker, rounds=2),
}
