"""The worker over the embedded log and over Kafka, killed with -9 in the middle of its work."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.embedded import LogBroker
from ingest.clock import Clock
from ingest.events import Place, Reading
from ingest.frames import Frame
from ingest.log import LogWriter, Record, ensure_topics
from ingest.registry import Registry
from ingest.settings import LogSettings
from ingest.topics import Topic, partition_of
from streams import worker as workers
from streams.guard import LEAVE_STALLED
from streams.rules import RulesFile
from streams.series.embedded import EmbeddedSeries
from streams.settings import WorkerSettings
from streams.tending import tended
from tests.live.kafka import Kafka
from tests.streams.listening import listening_ports

ROOT = Path(__file__).parents[2]
PARTITIONS, TOWNS = 4, tuple(f"town-{i}" for i in range(6))
RULES = """
[[rule]]
id = "step"
kind = "fire"
metrics = ["step"]
detector = "threshold"
levels = [{ level = "red", set = 0.5, reset = 0.5 }]

[[rule]]
id = "hold"
kind = "fire"
metrics = ["hold"]
detector = "threshold"
levels = [{ level = "red", set = 0.5, reset = 0.4, hold = 9 }]
"""


class Killable:
    """A worker process and what it said, over all its lives."""

    def __init__(self, log: LogSettings, folder: Path, *, session: float = 1.5) -> None:
        self._log, self._folder, self._process = log.model_dump_json(), folder, None
        self._worker = WorkerSettings(snapshot_every=0.5, session_timeout=session, heartbeat=0.3).model_dump_json()
        (folder / "rules.toml").write_text(RULES)

    def start(self, *how: str) -> None:
        command = [sys.executable, "-m", "tests.streams.killable", self._log, self._worker, str(self._folder), *how]
        with (self._folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(20)

    def ended(self, within: float) -> int:
        assert self._process is not None
        return self._process.wait(within)

    def said(self) -> list[dict[str, Any]]:
        path = self._folder / "said.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    async def until(self, condition: Callable[[list[dict[str, Any]]], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not condition(self.said()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not within {within} s; the log says:\n{(self._folder / 'worker.log').read_text()[-3000:]}"
                )
            await asyncio.sleep(0.05)


@pytest.fixture
def broker(tmp_path: Path):
    broker = LogBroker(tmp_path)
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.fixture(params=["tansu", pytest.param("kafka3", marks=(pytest.mark.server, pytest.mark.live))])
def log(request: pytest.FixtureRequest) -> LogSettings:
    """An empty log of each kind."""
    if request.param == "tansu":
        address = request.getfixturevalue("broker").address
        return LogSettings(brokers=address, idempotent=False, partitions=PARTITIONS)
    cluster: Kafka = request.getfixturevalue(request.param)
    cluster.wipe()
    return cluster.settings(partitions=PARTITIONS)


@asynccontextmanager
async def writing(settings: LogSettings) -> AsyncIterator[LogWriter]:
    writer = LogWriter(settings)
    try:
        yield writer
    finally:
        await writer.stop()


def record(town: str, *rows: tuple[str, str, float]) -> Record:
    now = datetime.now(UTC)
    readings = [Reading(device, metric, v, now, now, Place("g", town), "smoke", "gw") for device, metric, v in rows]
    return Record(Topic.READINGS, partition_of(town, PARTITIONS), Frame.of(readings).encode())


async def steps(writer: LogWriter, stop: asyncio.Event) -> tuple[int, int]:
    """Devices that step over and back, some with one frame, for as long as it is asked: how many episodes and rows."""
    episodes = rows = 0
    while not stop.is_set():
        town = TOWNS[episodes % len(TOWNS)]
        device = f"step-{episodes}"
        await writer.write([record(town, (device, "step", 0.0)), record(town, (device, "step", 1.0))])
        episodes, rows = episodes + 1, rows + 2
        await asyncio.sleep(0.01)
    return episodes, rows


async def scene(worker: Killable, settings: LogSettings, folder: Path) -> tuple[int, float]:
    await ensure_topics(settings)
    worker.start()
    await worker.until(lambda said: any("ready" in s for s in said), 60)
    assert listening_ports(worker.pid) == set()
    async with writing(settings) as writer:
        enough = asyncio.Event()
        streaming = asyncio.create_task(steps(writer, enough))
        held = record("town-0", ("held", "hold", 0.9))  # lasts over the kills
        began = Frame.decode(held.value).observed_at[0] / 1e6
        await writer.write([held])
        for life in range(3):
            told = len(worker.said())
            await worker.until(lambda said, told=told: len(said) > told + 20, 30)
            worker.kill()
            worker.start()
            await worker.until(lambda said, life=life: sum("ready" in s for s in said) == life + 2, 60)
        enough.set()
        episodes, rows = await streaming
    await worker.until(lambda said: len({s["subject"] for s in said if "subject" in s}) >= episodes + 1, 30)
    store = EmbeddedSeries(folder / "series.db")
    deadline = time.monotonic() + 20
    while store.count() < rows + 1 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    kept = store.count()
    store.close()
    assert worker.terminate() == 0
    assert kept == rows + 1
    return episodes, began


def test_three_kills_lose_no_signal_and_invent_none(log: LogSettings, tmp_path: Path) -> None:
    """Signals may be said again after a kill, always with the same key; the hold that spans all kills rings once, at its own time."""
    # as short a session as each log allows: after every kill the test waits for it
    worker = Killable(log, tmp_path, session=3.0 if log.idempotent else 1.5)
    try:
        episodes, began = asyncio.run(scene(worker, log, tmp_path))
    finally:
        worker.kill()

    said = [s for s in worker.said() if "key" in s]
    keys: dict[str, set[str]] = {}
    for s in said:
        keys.setdefault(s["subject"], set()).add(s["key"])
    assert set(keys) == {"held", *(f"step-{i}" for i in range(episodes))}
    assert all(len(found) == 1 for found in keys.values())
    (raised_at,) = {s["raised_at"] for s in said if s["subject"] == "held"}
    assert raised_at - began == pytest.approx(9, abs=1e-3)


async def deaf_scene(worker: Killable, settings: LogSettings) -> None:
    await ensure_topics(settings)
    worker.start("deaf")
    await worker.until(lambda said: any("ready" in s for s in said), 60)
    async with writing(settings) as writer:
        for n in range(2):  # the first may still be in a fetch that was under way
            await writer.write([record("town-1", (f"late-{n}", "step", 0.0), (f"late-{n}", "step", 1.0))])
            await worker.until(lambda said, n=n: any(s.get("subject") == f"late-{n}" for s in said), 30)


def test_a_consumer_that_falls_silent_delays_alarms_and_ends_the_process(broker: LogBroker, tmp_path: Path) -> None:
    """Nothing fails and everything looks alive: the tail is read all the same, and the watchdog leaves with the code for "start me again"."""
    log = LogSettings(brokers=broker.address, idempotent=False, partitions=PARTITIONS)
    worker = Killable(log, tmp_path)
    try:
        asyncio.run(deaf_scene(worker, log))
        assert worker.ended(60) == LEAVE_STALLED
    finally:
        worker.kill()
    assert "no progress" in (tmp_path / "worker.log").read_text()


def test_a_worker_that_never_gets_its_partitions_says_so_and_ends(
    broker: LogBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust waits for ever when it is given nothing: not being ready in time is an end with a reason, and whoever keeps it starts it again."""
    monkeypatch.setattr(workers, "READY_WITHIN", 1.0)
    monkeypatch.setattr("streams.state.Wards.assign", lambda *_: None)

    async def run() -> None:
        series = EmbeddedSeries(tmp_path / "series.db")
        try:
            await workers.run_worker(
                LogSettings(brokers=broker.address, idempotent=False, partitions=PARTITIONS), WorkerSettings(),
                rules=RulesFile(None), registry=Registry, series=series, conduct=lambda *_: None, clock=Clock(),
                stop=asyncio.Event(),
            )  # fmt: skip
        finally:
            series.close()

    with pytest.raises(workers.WorkerFailed, match=rf"not ready within 1 s.*{broker.address}"):
        asyncio.run(run())


def test_a_timer_that_fails_does_not_stop_the_records() -> None:
    """What Faust's own timers do to a worker that has a bad day, ours do not: the loop is started again."""
    tried: list[int] = []

    async def scene() -> None:
        stop = asyncio.Event()

        async def loop() -> None:
            tried.append(1)
            if len(tried) == 1:
                raise RuntimeError("a bad day")
            stop.set()

        await asyncio.wait_for(tended("timers", loop, stop), 10)

    asyncio.run(scene())
    assert len(tried) == 2
