"""The worker process: Faust agents over the wards, `conduct` and `record` beside them, and whatever else is to run in it.

Everything lives in the caller's event loop; no port is opened.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

import faust

from ingest.clock import Clock
from ingest.frames import Frame
from ingest.log import LogWriter, ensure_topics
from ingest.registry import Registry
from ingest.settings import LogSettings
from ingest.topics import Topic
from streams import signal as signals
from streams.agents import add_agents
from streams.app import build_app
from streams.batches import Batches, Work
from streams.calls import load_keywords
from streams.guard import Leave, Patience
from streams.orders import load_orders
from streams.reports import load_report_rules
from streams.rules import RulesFile
from streams.series.port import Series, SeriesRefused
from streams.settings import WorkerSettings
from streams.shelf import Shelf
from streams.signal import Signal
from streams.state import Wards
from streams.tending import Tending, tended

logger = logging.getLogger(__name__)

READY_WITHIN = 60.0
Conduct = Callable[[Sequence[Signal], datetime], object]
Beside = Callable[[asyncio.Event], Awaitable[None]]


class WorkerFailed(RuntimeError):
    """The worker cannot go on; the message says what happened and what to do."""


async def run_worker(
    log: LogSettings,
    worker: WorkerSettings,
    *,
    rules: RulesFile,
    registry: Callable[[], Registry],
    series: Series,
    conduct: Conduct,
    clock: Clock,
    beside: Sequence[Beside] = (),
    stop: asyncio.Event,
    ready: Callable[[], object] | None = None,
    leave: Leave = os._exit,
    looked: Callable[[], object] = lambda: None,
) -> None:
    """Serve until `stop`. `conduct` gets signals in batches, in a thread, and may be given the same ones again.

    Raises `WorkerFailed` when it is not ready within 60 s or a part of it ends by itself. `leave` ends the process at once where a tidy
    end would lose something (see `streams.guard`) or nothing gets on (exit code 75: start it again). `looked` is called whenever
    the watchdog over that goes round.
    """
    await ensure_topics(log)
    with tempfile.TemporaryDirectory(prefix="tocsin-faust-") as folder:
        serving = _Serving(log, worker, rules=rules, clock=clock, leave=leave, looked=looked, datadir=Path(folder))
        serving.batch(Work(Topic.SIGNALS, "tocsin-conduct", signals.decode, lambda batch: conduct(batch, clock.now())))
        serving.batch(Work(
            Topic.READINGS, "tocsin-record", Frame.decode, series.write_frames, most=200, patient=True,
            lost=lambda error: error.refused if isinstance(error, SeriesRefused) else (),
        ))  # fmt: skip
        await serving.run(rules, registry, beside, stop=stop, ready=ready)


class _Serving:
    """The parts of one worker while it serves."""

    def __init__(
        self,
        log: LogSettings,
        worker: WorkerSettings,
        *,
        rules: RulesFile,
        clock: Clock,
        leave: Leave,
        looked: Callable[[], object],
        datadir: Path,
    ) -> None:
        self._log, self._worker = log, worker
        self._writer, self._shelf = LogWriter(log, client_id="tocsin-worker"), Shelf(log)
        self._wards = Wards(
            self._shelf,
            self._writer,
            partitions=log.partitions,
            rules=rules.rules,
            keywords=load_keywords(),
            reports=load_report_rules(worker.reports),
            orders=load_orders(worker.orders),
            clock=clock,
        )
        self._tending = Tending(self._wards, self._shelf, clock=clock, worker=worker, leave=leave, looked=looked)
        self._app: faust.App = build_app(log, worker, datadir=datadir)
        add_agents(self._app, self._wards, self._writer, patience=Patience(), leave=leave)
        self._batches: list[Batches] = []

    def batch(self, work: Work) -> None:
        self._batches.append(
            Batches(work, self._log, self._worker, writer=self._writer, bury=self._wards.applier.dead_letter)
        )

    async def run(
        self,
        rules: RulesFile,
        registry: Callable[[], Registry],
        beside: Sequence[Beside],
        *,
        stop: asyncio.Event,
        ready: Callable[[], object] | None,
    ) -> None:
        halt, tending = asyncio.Event(), self._tending
        parts: dict[str, asyncio.Task[None]] = {
            name: asyncio.create_task(tended(name, loop, halt), name=name)
            for name, loop in {
                "timers": lambda: tending.timers(halt),
                "snapshots": lambda: tending.snapshots(halt),
                "ends": lambda: tending.ends(halt, self._positions),
                "changes": lambda: tending.changes(halt, rules, registry),
                **{f"batches-{i}": (lambda b=b: b.run(halt)) for i, b in enumerate(self._batches)},  # type: ignore[misc]
            }.items()
        }
        parts |= {f"beside-{i}": asyncio.create_task(_whole(part(stop))) for i, part in enumerate(beside)}
        parts["faust"] = asyncio.create_task(self._faust())
        try:
            await self._until_ready(stop, parts)
            if ready is not None and not stop.is_set():
                ready()
            await self._until_stopped(stop, parts)
        finally:
            stop.set()
            await self._end(halt, parts)

    async def _faust(self) -> None:
        await self._app.start()
        await self._app.wait_until_stopped()

    def _positions(self) -> dict[str, tuple[int, int]]:
        return {f"batches-{i}/{name}": at for i, b in enumerate(self._batches) for name, at in b.positions().items()}

    async def _until_ready(self, stop: asyncio.Event, parts: dict[str, asyncio.Task[None]]) -> None:
        """Every group has its partitions and every ward its state."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                while not stop.is_set() and not self._ready():
                    _check(parts, stop)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise WorkerFailed(
                f"not ready within {READY_WITHIN:g} s: joined={[b.joined.is_set() for b in self._batches]} "
                f"partitions={sorted(self._wards.held)}; is the log at {self._log.brokers} well?"
            ) from None

    def _ready(self) -> bool:
        held = self._wards.held.values()
        return (
            all(b.joined.is_set() for b in self._batches)
            and self._wards.assigned.is_set()
            and all(h.loaded.is_set() for h in held)
        )

    async def _until_stopped(self, stop: asyncio.Event, parts: dict[str, asyncio.Task[None]]) -> None:
        waiting = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([waiting, *parts.values()], return_when=asyncio.FIRST_COMPLETED)
            _check(parts, stop)
        finally:
            waiting.cancel()

    async def _end(self, halt: asyncio.Event, parts: dict[str, asyncio.Task[None]]) -> None:
        """Stop reading, let what is in hand end, keep the state, and let go."""
        try:
            await asyncio.wait_for(self._app.stop(), 4)
            await self._wards.save_all(within=2.0)
        except (
            Exception
        ):  # a stop that does not work must not keep the rest from stopping; what is missed is read again
            logger.exception("the worker did not end tidily; what it had in hand is read again")
        halt.set()
        _, late = await asyncio.wait(parts.values(), timeout=2)
        for task in late:
            task.cancel()
        await asyncio.gather(*parts.values(), return_exceptions=True)
        await self._writer.stop()
        await self._shelf.close()


async def _whole(part: Awaitable[None]) -> None:
    await part


def _check(parts: dict[str, asyncio.Task[None]], stop: asyncio.Event) -> None:
    """A part that ended although nobody asked it to is a failure."""
    for name, task in parts.items():
        if task.done() and not stop.is_set():
            error = task.exception() if not task.cancelled() else None
            raise WorkerFailed(f"the worker's part {name} ended: {error!r}; start the worker again") from error
