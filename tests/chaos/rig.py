"""One run: a cluster, a feed, a provider and a history, and what a fault may do with them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from alerts.ledger import open_ledger
from alerts.ledger.port import Filter
from tests.chaos.checker import CALM
from tests.chaos.cluster import Cluster, Shape
from tests.chaos.county import SECOND_AFTER, place, place_line
from tests.chaos.feed import Feed
from tests.chaos.history import History
from tests.chaos.logbook import Logbook, behind
from tests.chaos.provider import Provider
from tests.chaos.stored import stored_into

SETTLE_WITHIN = 120.0  # seconds after a fault in which everything must have arrived
_SAMPLE_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """How much the field says, and from which seed."""

    seed: int = 1
    rate: float = 500.0
    alarm_every: float = 2.0
    alarms: int = 2000
    trusting: bool = False


def say(text: str) -> None:
    """Progress, for people."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} (load {os.getloadavg()[0]:.0f}) {text}\n")
    sys.stderr.flush()


def end_when_told() -> None:
    """SIGTERM ends this process as Ctrl-C does: with everything that it started."""

    def told(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, told)


class Rig:
    """`with Rig(folder, shape, load) as rig`: the feed flows and the calm has been measured inside."""

    def __init__(self, folder: Path, shape: Shape, load: Load) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.began = time.time()
        self.load, self.random = load, random.Random(load.seed)
        self.history = History(folder / "history.jsonl")
        self.provider = Provider()
        county = place(load.alarms)
        self.leaders = {p.grid: p.phone for p in county[2]}
        self.history.write("place", **place_line(county[0], county[2]))
        self.cluster = Cluster(
            folder, shape, place=county, twilio=self.provider.settings(), provider_port=self.provider.port, progress=say
        )
        self.feed: Feed
        self.logbook: Logbook
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="memory", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.provider.start()
            cluster = self.cluster.__enter__()
            load = self.load
            self.feed = Feed(
                cluster.address(), self.history, seed=load.seed, rate=load.rate, alarms=load.alarms,
                alarm_every=load.alarm_every, trusting=load.trusting,
            ).start()  # fmt: skip
            self.logbook = Logbook(cluster.log, self.feed.presences)
            self._sampler.start()
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._ended.set()
        if hasattr(self, "feed"):
            self.feed.stop()
        self.cluster.stop()
        self.provider.stop()
        self.history.close()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_EVERY):
            self.history.write("memory", mb=round(self.cluster.product_memory(), 1))

    # -- phases ------------------------------------------------------------------------------------------------------

    @contextmanager
    def phase(self, fault: str, number: int) -> Iterator[None]:
        """What happens inside is a round of the fault."""
        self.history.write("begin", fault=fault, round=number)
        try:
            yield
        finally:
            self.history.write("end", fault=fault, round=number)

    def calm(self, seconds: float) -> None:
        """A time without a fault, to compare with."""
        say(f"calm for {seconds:g} s")
        with self.phase(CALM, 1):
            time.sleep(seconds)

    def flow_again(self, within: float = SETTLE_WITHIN) -> bool:
        """Wait until every alarm so far has reached its leader; whether it did in time."""
        return self.until(lambda: not self.untold(time.time() - 0.5), within)

    def untold(self, before: float) -> list[str]:
        """Grids of alarms raised before an instant whose leaders have not been asked for."""
        numbers = self.provider.numbers()
        return [grid for at, grid in list(self.feed.alarms) if at <= before and self.leaders[grid] not in numbers]

    def finish(self, settle: float = SETTLE_WITHIN) -> None:
        """Say nothing more, let everything arrive, and write down what the log, the ledger and the provider hold."""
        self.feed.quiet.set()
        say("quiet: letting everything arrive")
        if not self.arrived(settle):
            say(
                f"{self.feed.unacknowledged()} messages are unacknowledged and {len(self.untold(time.time()))} alarms untold"
            )
        if not self.until(self.caught_up, SETTLE_WITHIN, 1.0):
            say("the worker's groups are not through with the log")
        time.sleep(SECOND_AFTER + 3)  # the second step of the last alarm
        ledger = open_ledger(self.cluster.ledger_url)
        if not self.until(lambda: not ledger.outbox(states=("queued", "sending"), limit=1), SETTLE_WITHIN, 0.5):
            say("notices still wait in the outbox")
        self.logbook.read_into(self.history)
        if self.cluster.influx is not None:
            stored_into(self.history, self.cluster.influx.settings(), self.began)
        self.provider.write_into(self.history)
        cursor, first = "", True
        while first or cursor:
            page = ledger.page(Filter(), limit=1000, cursor=cursor)
            for alert in page.alerts:
                self.history.write("alert", ident=alert.id, grid=alert.place.grid, level=str(alert.level))
            cursor, first = page.cursor, False
        ledger.close()
        self.history.flush()

    def arrived(self, within: float) -> bool:
        """Wait until every message is acknowledged and every alarm told; whether that came about."""
        return self.until(lambda: not self.feed.unacknowledged() and not self.untold(time.time()), within)

    def caught_up(self) -> bool:
        """Whether the worker's groups have read everything that is in the log."""
        return asyncio.run(behind(self.cluster.log)) == 0

    @staticmethod
    def until(condition: Callable[[], bool], within: float, every: float = 0.1) -> bool:
        """Wait for something; whether it came about in time."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(every)
        return True

    # -- what may be done to processes -------------------------------------------------------------------------------

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a process of the product; its pid."""
        pid = self.cluster.keeper.pid(name)
        if pid:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return 0
        return pid

    def one_of(self, verb: str, number: int) -> str:
        """A process of a verb that does the work now: another one with every round."""
        names = self.cluster.active(verb)
        return names[(number - 1) % len(names)]

    def back(self, name: str, starts: int, within: float = 90.0) -> bool:
        """Wait until a process has been started again since it had been `starts` times, and is ready."""
        keeper = self.cluster.keeper
        return self.until(lambda: keeper.starts(name) > starts and keeper.is_ready(name), within)
