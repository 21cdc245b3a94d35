"""The ledger under load: a storm of signals until 100,000 alerts are open, then what a desk asks of it over HTTP.

The storm goes through conductors as in workers, with the shipped policies, while a real API serves the same ledger; the questions are
asked of that API as a desk asks them. What is measured against are the goals of the design. Rows end in `_sqlite` or `_postgres`.
"""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

import httpx

from alerts.alert import Notice
from alerts.channels.contract import Answer, Sent
from alerts.conduct import Conductor
from alerts.delivery.sender import Sender
from alerts.ledger import open_ledger
from alerts.ledger.port import Filter, Ledger
from alerts.people.roster import Person
from alerts.policy import load_policies
from alerts.words import load_words
from api.bench import Row
from api.memory import settle_down
from api.stack import Plan, Stack
from ingest.clock import Clock
from ingest.events import Place, Point
from ingest.registry import Grid, GridLevel, Registry
from streams.signal import Level, Origin, Signal, signal_key

ALERTS: Final = 100_000
BATCH: Final = 500
WAITING: Final = 10_000  # lower notices that wait while a red one comes
TOWNSHIPS, GRIDS = 20, 775  # one county of the field
WORKERS: Final = {
    "sqlite": 1,
    "postgres": 2,
}  # SQLite is for one machine and one worker; else there is one to a processor at least
STORM: Final = {"sqlite": 3000, "postgres": 5000}  # signals a second to reach
ASKED: Final = 300  # times each question is asked
KINDS: Final = (("temperature", Level.BLUE), ("battery", Level.BLUE), ("tilt", Level.YELLOW), ("anomaly", Level.BLUE))
_READY: Final[list[Barrier]] = []  # in a worker: what all of them wait at
_OPEN: Final = {"open": "true", "limit": "50"}


def run(postgres: str = "", alerts: int = ALERTS) -> list[Row]:
    """Rows `ledger_storm`, `ledger_page_p99`, `ledger_device_p99`, `ledger_ack_p99`, `ledger_bulk` and `ledger_red_max` of each database.

    `postgres`: the address of an empty database, such as `postgresql+psycopg://…/empty`; without it only a fresh SQLite file is measured.
    """
    settle_down()
    rows: list[Row] = []
    for name, url in (("sqlite", ""), *((("postgres", postgres),) if postgres else ())):
        with tempfile.TemporaryDirectory(prefix="tocsin-bench-", ignore_cleanup_errors=True) as folder:
            rows += _measure(Path(folder), name, url, alerts)
    return rows


def _measure(folder: Path, name: str, url: str, alerts: int) -> list[Row]:
    registry, people = _place()
    over = {"ledger": {"url": url or f"sqlite:///{folder}/ledger.db"}}
    plan = Plan(("api",), place=(list(registry.grids.values()), [], people), overrides=over)
    with (
        Stack(folder / "stack", plan) as stack,
        httpx.Client(base_url=f"{stack.api_url}/api/v1", trust_env=False) as desk,
    ):
        goal, workers = STORM[name], WORKERS[name]
        rate = _stormed(over["ledger"]["url"], alerts, workers)
        note = f"{workers} worker(s), conducted in batches of {BATCH}, an API beside it"
        conductor = _conductor(stack.ledger)
        storm = Row("storm", rate, "signals/s", f"goal {goal}", rate / goal, note)
        asked = _asked(stack.ledger, desk, alerts)
        red = max(_reds(stack.ledger, conductor, registry, random.Random(9)))
        waited = _row("red_max", red * 1000, 2000, f"during a storm, {WAITING:,} lower notices waiting")
    return [replace(row, name=f"ledger_{row.name}_{name}") for row in (storm, *asked, waited)]


def _conductor(ledger: Ledger) -> Conductor:
    registry, roster = ledger.registry(), ledger.roster()
    return Conductor(
        ledger,
        policies=load_policies(),
        registry=lambda: registry,
        roster=lambda: roster,
        words=load_words(),
        channels=("sms", "voice"),
    )


def _stormed(url: str, alerts: int, workers: int) -> float:
    """Signals a second of workers that share the townships, from when all are ready until the last is done."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(workers)
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_keep, initargs=(ready,)) as pool:
        shares = [pool.submit(_conducted, url, alerts, number, workers) for number in range(workers)]
        spans = [share.result() for share in shares]
    return alerts / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def _keep(ready: Barrier) -> None:
    _READY.append(ready)


def _conducted(url: str, alerts: int, number: int, workers: int) -> tuple[float, float]:
    """One worker's part of the storm: when it began and when it was done."""
    settle_down()
    ledger = open_ledger(url)
    conductor = _conductor(ledger)
    townships = sorted(g.code for g in ledger.registry().grids.values() if g.level is GridLevel.TOWNSHIP)
    mine = frozenset(townships[number::workers])
    storm = (s for s in _storm(ledger.registry(), alerts, random.Random(7)) if s.place.township in mine)
    batches = list(_batches(storm))
    _READY[0].wait(60)
    begun = time.perf_counter()
    for batch in batches:
        conductor.signals(batch, datetime.now(UTC))
    done = time.perf_counter()
    ledger.close()
    return begun, done


def _asked(ledger: Ledger, desk: httpx.Client, alerts: int) -> list[Row]:
    """What a desk asks, each question timed from before it is sent until its answer is there."""
    dice = random.Random(7)
    note = f"over HTTP, {ledger.counts()['alerts.open']:,} alerts open"
    ids = [alert.id for alert in ledger.page(Filter(open_only=True), limit=ASKED + 600).alerts]

    def get(**asked: str) -> None:
        desk.get("/alerts", params=asked).raise_for_status()

    def acknowledge(number: int) -> None:
        desk.post(f"/alerts/{ids[number]}/acknowledge", json={"by": "bench"}).raise_for_status()

    page = _timed(lambda _: get(**_OPEN))
    device = _timed(lambda _: get(subject=f"device-{dice.randrange(alerts)}"))
    ack = _timed(acknowledge)
    begun = time.perf_counter()
    many = {"by": "bench", "ids": ids[ASKED : ASKED + 500]}
    desk.post("/alerts/bulk/acknowledge", json=many, timeout=60).raise_for_status()
    bulk = time.perf_counter() - begun
    return [
        _row("page_p99", _p99(page), 50, note),
        _row("device_p99", _p99(device), 10, note),
        _row("ack_p99", _p99(ack), 20, note),
        _row("bulk", bulk * 1000, 1000, f"{note}; 500 acknowledged at once"),
    ]


def _row(name: str, value: float, goal: float, note: str) -> Row:
    return Row(name, value, "ms", f"goal {goal:g} ms", goal / value if value else None, note)


def _place() -> tuple[Registry, list[Person]]:
    grids = [Grid("99", "county", GridLevel.COUNTY)]
    grids += [Grid(f"99{t:02}", f"township {t}", GridLevel.TOWNSHIP, "99") for t in range(TOWNSHIPS)]
    grids += [
        Grid(f"99{g % TOWNSHIPS:02}{g:04}", f"grid {g}", GridLevel.GRID, f"99{g % TOWNSHIPS:02}") for g in range(GRIDS)
    ]
    people = [Person(f"p{g.code}", g.name, f"+86100{n:08}", "grid_leader", g.code) for n, g in enumerate(grids)]
    return Registry.of(grids, []), people


def _storm(registry: Registry, count: int, dice: random.Random) -> Iterator[Signal]:
    """`count` signals of as many devices all over the county, each of an episode of its own."""
    codes = [grid.code for grid in registry.grids.values() if grid.level is GridLevel.GRID]
    for number in range(count):
        kind, level = dice.choice(KINDS)
        yield _signal(f"device-{number}", kind, level, _somewhere(registry, dice.choice(codes), dice))


def _somewhere(registry: Registry, code: str, dice: random.Random) -> Place:
    return registry.place_in(code, Point(30 + dice.random(), 120 + dice.random()), "registry")


def _signal(subject: str, kind: str, level: Level, place: Place) -> Signal:
    now = datetime.now(UTC)
    return Signal(
        signal_key(kind, subject, now), kind, level, Origin.SENSOR, subject, f"{kind}-high", now, now, now, place, value=1.0
    )  # fmt: skip


def _batches(signals: Iterator[Signal]) -> Iterator[Sequence[Signal]]:
    batch: list[Signal] = []
    for signal in signals:
        batch.append(signal)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _timed(ask: Callable[[int], object]) -> list[float]:
    """Milliseconds of each asking, the first few left out."""
    taken = []
    for number in range(ASKED):
        begun = time.perf_counter()
        ask(number)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken[5:]


def _p99(taken: Sequence[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.99)]


@dataclass
class _Provider:
    """Takes everything over after a twentieth of a second, as a provider does, and keeps when the red ones came."""

    came: dict[str, float] = field(default_factory=dict)

    def send(self, notice: Notice, person: Person) -> Answer:  # noqa: ARG002
        if notice.level is Level.RED:
            self.came.setdefault(notice.alert, time.perf_counter())
        time.sleep(0.05)
        return Sent(f"bench-{notice.key}")

    def find(self, notice: Notice, person: Person) -> Sequence[str]:  # noqa: ARG002
        return ()


def _reds(ledger: Ledger, conductor: Conductor, registry: Registry, dice: random.Random) -> list[float]:
    """Seconds from a red signal to the provider, while a storm goes on and thousands of lower notices wait."""
    provider = _Provider()
    codes = [grid.code for grid in registry.grids.values() if grid.level is GridLevel.GRID]
    yellow = (
        _signal(f"waiting-{n}", "tilt", Level.YELLOW, _somewhere(registry, dice.choice(codes), dice))
        for n in range(WAITING)
    )
    for batch in _batches(yellow):
        conductor.signals(batch, datetime.now(UTC))
    sender = Sender(ledger, conductor, {"sms": provider, "voice": provider}, roster=ledger.roster, clock=Clock())
    begun: dict[str, float] = {}
    with _beside(sender.run), _beside(lambda stop: _more(conductor, registry, stop)):
        for number in range(10):
            signal = _signal(f"fire-{number}", "fire", Level.RED, registry.place_in(codes[number], None, "registry"))
            start = time.perf_counter()
            (alert,) = conductor.signals([signal], datetime.now(UTC))
            begun[alert.id] = start
            deadline = start + 20
            while alert.id not in provider.came and time.perf_counter() < deadline:
                time.sleep(0.002)
    return [provider.came.get(ident, float("inf")) - start for ident, start in begun.items()]


def _more(conductor: Conductor, registry: Registry, stop: threading.Event) -> None:
    dice = random.Random(8)
    number = 0
    while not stop.is_set():
        codes = list(registry.grids)[-GRIDS:]
        batch = [
            _signal(f"more-{number + n}", "battery", Level.BLUE, _somewhere(registry, dice.choice(codes), dice))
            for n in range(BATCH)
        ]
        conductor.signals(batch, datetime.now(UTC))
        number += BATCH


@contextmanager
def _beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Work in a thread of its own for as long as the context lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
