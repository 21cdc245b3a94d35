"""A worker in a process of its own that the live test kills: `python -m tests.streams.killable LOG WORKER FOLDER [deaf]`,
the first two settings as JSON.

Every signal it conducts is written to FOLDER/said.jsonl as one JSON line, and so is the moment it became ready. With `deaf`, Faust's
consumer stops bringing anything once the worker is ready, without an error: what this library has been seen to do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal as processes
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ingest.clock import Clock
from ingest.registry import Registry
from ingest.settings import LogSettings
from streams.app import PatientThread
from streams.rules import RulesFile
from streams.series.embedded import EmbeddedSeries
from streams.settings import WorkerSettings
from streams.signal import Signal
from streams.worker import run_worker


def deafen() -> None:
    async def silent(*_: object, **__: object) -> object:
        return await asyncio.Event().wait()

    PatientThread.getmany = silent


async def main(log: LogSettings, worker: WorkerSettings, folder: Path, deaf: bool) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(processes.SIGTERM, stop.set)
    out = os.open(folder / "said.jsonl", os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def say(**what: object) -> None:
        os.write(out, json.dumps(what).encode() + b"\n")

    def conduct(batch: Sequence[Signal], now: datetime) -> None:
        for s in batch:
            say(key=s.key, subject=s.subject, active=s.active, raised_at=s.raised_at.timestamp(), at=now.timestamp())

    def ready() -> None:
        say(ready=os.getpid())
        if deaf:
            deafen()

    series = EmbeddedSeries(folder / "series.db")
    await run_worker(
        log, worker.model_copy(update={"stall_limit": 8.0}) if deaf else worker,
        rules=RulesFile(folder / "rules.toml"), registry=Registry, series=series, conduct=conduct, clock=Clock(),
        stop=stop, ready=ready,
    )  # fmt: skip
    series.close()


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(name)s %(message)s")
    asked = LogSettings.model_validate_json(sys.argv[1]), WorkerSettings.model_validate_json(sys.argv[2])
    asyncio.run(main(*asked, Path(sys.argv[3]), "deaf" in sys.argv[4:]))
