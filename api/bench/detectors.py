"""Readings through all default detectors in one worker, beside Quix Streams doing nothing per event, on one embedded broker in one run.

Ours is the whole worker of `tocsin worker` without a series: Faust, full frames of 1,000 devices, exact state with snapshots,
signals written. The clock runs from the signal of the first frame to that of the last one of every partition, as `conduct` sees them. Quix
Streams reads as many single JSON events as it can be given in a like time and hands each to a function that does nothing.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from api.bench import Row
from api.embedded import LogBroker
from ingest.clock import Clock
from ingest.frames import Frame, FrameBuilder, Origin
from ingest.log import LogWriter, Record, ensure_topics
from ingest.registry import Registry
from ingest.settings import LogSettings
from ingest.topics import Topic, partition_of
from streams.detectors.registry import Detectors
from streams.rules import RulesFile, load_rules
from streams.settings import WorkerSettings
from streams.signal import Signal
from streams.worker import run_worker

DEVICES: Final = 1000
READINGS: Final = 1_000_000
EVENTS: Final = 200_000
FRAME: Final = 500  # rows at which the gateway closes a frame
TOWNSHIPS: Final = ("b-0", "b-1", "b-2", "b-3")
PLAIN: Final = "bench.plain"
WITHIN: Final = 120.0
_SECOND: Final = 1_000_000


def run() -> list[Row]:
    """The row `detectors`. Without the bench environment (`make bench` makes it) there is nothing to compare with."""
    quix = Path(sys.prefix) / "bench" / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        broker = LogBroker(Path(folder)).start()
        try:
            log = LogSettings(brokers=broker.address, idempotent=False, partitions=len(TOWNSHIPS))
            ours = asyncio.run(worker_rate(log))
            theirs = asyncio.run(_theirs(log, quix)) if quix.exists() else None
        finally:
            broker.stop()
    note = f"frames of {FRAME}, {DEVICES} devices; detectors alone, without Faust and decoding: {alone():,.0f}/s"
    against = f"Quix Streams null {theirs:,.0f}/s" if theirs else "nothing: the bench environment is not there"
    return [Row("detectors", ours, "readings/s", against, ours / theirs if theirs else None, note)]


def alone(rows: int = 200_000, size: int = FRAME) -> float:
    """Rows a second through the default detectors in this process."""
    made = list(frames(rows, size))
    detectors = Detectors(load_rules())
    begun = time.perf_counter()
    for frame in made:
        detectors.update(frame)
    return rows / (time.perf_counter() - begun)


def frames(rows: int, size: int, township: str = TOWNSHIPS[0]) -> Iterator[Frame]:
    """Calm smoke detectors of one township, smoke and temperature in turn, as the gateway would frame them."""
    luck, builder = random.Random(township), FrameBuilder()
    origins = [Origin(f"{township}-{i:04d}", "smoke", f"{township}-{i % 40}", township, "gw") for i in range(DEVICES)]
    at = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * _SECOND
    for n in range(rows):
        at += 200
        metric, value = ("smoke", luck.gauss(0.006, 0.001)) if n % 2 else ("temperature", luck.gauss(21, 0.2))
        builder.add(luck.choice(origins), metric, 0, at, at + 5000, value)
        if builder.size == size:
            yield builder.close()


def _ring(name: str, township: str) -> Frame:
    builder, at = FrameBuilder(), int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * _SECOND
    builder.add(Origin(f"{name}-{township}", "sos", township, township, "gw"), "sos", 0, at, at, 1.0)
    return builder.close()


async def worker_rate(log: LogSettings) -> float:
    """Readings a second of one worker that finds all of them in the log (of as many partitions as there are `TOWNSHIPS`)."""
    await ensure_topics(log)
    async with LogWriter(log, client_id="bench") as writer:
        for township in TOWNSHIPS:
            calm = frames(READINGS // len(TOWNSHIPS), FRAME, township)
            await _write(writer, log, township, [_ring("first", township), *calm, _ring("last", township)])
    stop, seen = asyncio.Event(), _Ends(asyncio.get_running_loop())
    worker = asyncio.create_task(run_worker(
        log, WorkerSettings(), rules=RulesFile(), registry=Registry, series=_Nothing(), conduct=seen.conduct, clock=Clock(), stop=stop,
    ))  # fmt: skip
    waits = asyncio.create_task(seen.all.wait())
    await asyncio.wait({worker, waits}, timeout=WITHIN, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await worker
    return READINGS / (max(seen.at["last"]) - min(seen.at["first"]))


async def _write(writer: LogWriter, log: LogSettings, township: str, some: Sequence[Frame]) -> None:
    number = partition_of(township, log.partitions)
    for start in range(0, len(some), 100):
        await writer.write([Record(Topic.READINGS, number, f.encode()) for f in some[start : start + 100]])


class _Ends:
    """Notes when the first and the last frame of every township rang."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.at: dict[str, list[float]] = {"first": [], "last": []}
        self.all, self._loop, self._lock = asyncio.Event(), loop, threading.Lock()

    def conduct(self, batch: Sequence[Signal], _now: datetime) -> None:
        with self._lock:
            for signal in batch:
                self.at[signal.subject.partition("-")[0]].append(time.perf_counter())
            if len(self.at["last"]) >= len(TOWNSHIPS):
                self._loop.call_soon_threadsafe(self.all.set)


class _Nothing:
    """A series that keeps nothing."""

    def write_frames(self, some: Sequence[Frame]) -> int:
        return sum(map(len, some))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the bench has no series: {name}")


async def _theirs(log: LogSettings, python: Path) -> float:
    """Events a second of Quix Streams doing nothing."""
    async with LogWriter(log, client_id="bench-plain") as writer:
        event = {"device": "b-0-0001", "metric": "smoke", "at": 1_767_225_600_000, "value": 0.006}
        for start in range(0, EVENTS, 1000):
            batch = (Record(PLAIN, 0, orjson.dumps({**event, "n": start + i})) for i in range(1000))
            await writer.write(list(batch))
    program = str(Path(__file__).with_name("quix_null.py"))
    command = [str(python), "-W", "ignore", program, log.brokers, PLAIN, str(EVENTS)]
    said = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True, timeout=WITHIN)
    return float(json.loads(said.stdout.splitlines()[-1])["rate"])
