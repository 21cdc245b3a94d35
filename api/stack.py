"""The embedded stack: both brokers, and gateway, worker and API as child processes around one data directory.

`tocsin up`, `demo`, `replay --headless` and the tests start it. A child that dies is started again with back-off, and a line says why.
Everything ends with the process that started it, however that ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.roster import Person
from api.embedded import Brokers, Child, free_ports
from api.settings import Settings
from api.tally import Tally, caught_up, tally
from ingest.clock import Clock
from ingest.log import ensure_topics
from ingest.registry import Device, Grid
from ingest.settings import LogSettings

log = logging.getLogger(__name__)
READY_WITHIN: Final = 60.0
LONGEST_PAUSE: Final = 30.0
PlaceValues = tuple[Sequence[Grid], Sequence[Device], Sequence[Person]]
Progress = Callable[[str], None]


class StackFailed(RuntimeError):
    """A part of the stack did not come up; the message names it, says where its log is and shows how it ends."""


def environment_of(values: Mapping[str, Any], prefix: str = "TOCSIN_") -> dict[str, str]:
    """Nested settings as the environment variables a child process reads them from."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = prefix + key.upper()
        if isinstance(value, Mapping):
            found.update(environment_of(value, name + "__"))
        elif isinstance(value, list | tuple):
            found[name] = "[" + ",".join(f'"{v}"' for v in value) + "]"
        else:
            found[name] = value.isoformat() if isinstance(value, datetime) else str(value)
    return found


def _merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {**values, **over}
    return {k: _merged(values[k], v) if isinstance(v, Mapping) and k in values else v for k, v in both.items()}


@dataclass(slots=True)
class Part:
    """One child process of the stack and how often it had to be started."""

    name: str
    command: list[str]
    child: Child | None = None
    starts: int = 0
    failures: int = 0  # times in a row that it died before it was ready
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stack is to be: which parts, in which time, and what is set differently from the settings' defaults."""

    parts: tuple[str, ...] = ("gateway", "worker")
    place: PlaceValues | None = None
    clock_origin: datetime | None = None
    clock_speed: float = 1.0
    partitions: int = 4
    settings: Settings | None = None  # a deployment's own: its ledger, series, API and broker ports are used
    config: Path | None = None  # the file they came from
    overrides: Mapping[str, Any] = field(default_factory=dict)


class Stack:
    """`with Stack(data_dir, plan) as stack: … stack.settings, stack.ledger, stack.clock`. Inside, every part has said that it is ready."""

    def __init__(self, data_dir: Path, plan: Plan, *, progress: Progress = lambda _: None) -> None:
        self.data_dir = data_dir
        self.plan = plan
        self._progress = progress
        own = plan.settings
        self._brokers = Brokers(
            data_dir / "brokers",
            mqtt_port=own.mqtt.port if own else 0,
            log_port=int(own.log.brokers.rpartition(":")[2]) if own else 0,
        )
        self._parts: dict[str, Part] = {}
        self._env: dict[str, str] = {}
        self._halt = threading.Event()
        self._keeper: threading.Thread | None = None
        self.settings: Settings
        self.ledger: Ledger
        self.clock = Clock()

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> Self:
        for folder in ("log", "ready"):
            (self.data_dir / folder).mkdir(parents=True, exist_ok=True)
        self._progress("brokers")
        self._brokers.__enter__()
        values = self._values()
        self._env = environment_of(values)
        base = self.plan.settings.model_dump() if self.plan.settings else {}
        self.settings = Settings.model_validate(_merged(base, values))
        self.ledger = open_ledger(self.settings.ledger.url)
        if self.plan.place is not None:
            self.ledger.replace_place(*self.plan.place)
        asyncio.run(ensure_topics(self.settings.log))
        self.clock = self.settings.clock.clock()
        for name in self.plan.parts:
            self._parts[name] = Part(name, self._command(name))
            self._run(self._parts[name])
        for name in self.plan.parts:
            self._progress(name)
            self._await_ready(self._parts[name])
        self._keeper = threading.Thread(target=self._keep, name="stack-keeper", daemon=True)
        self._keeper.start()
        return self

    def _values(self) -> dict[str, Any]:
        origin = self.plan.clock_origin
        values: dict[str, dict[str, Any]] = {
            "mqtt": {"host": "127.0.0.1", "port": self._brokers.mqtt_port},
            "log": {"brokers": self._brokers.kafka, "idempotent": False},
            # the embedded MQTT broker hands out few messages at a time and waits for their acknowledgement
            "gateway": {"pace": 0.0},
            # the embedded log lets a group gather for as long as its session may be silent: short sessions start and mend it soon
            "worker": {"session_timeout": 2.0, "heartbeat": 0.5},
        }
        if self.plan.settings is None:
            values["log"]["partitions"] = self.plan.partitions
            values["ledger"] = {"url": f"sqlite:///{(self.data_dir / 'ledger.db').absolute()}"}
            values["series"] = {"path": str((self.data_dir / "series.db").absolute())}
            values["api"] = {"port": free_ports(1)[0]}
        if origin is not None:
            # no recorded time passes while the parts come up: the clock stands still until `clock.open()`
            gate = self.data_dir.absolute() / "clock"
            gate.unlink(missing_ok=True)
            values["clock"] = {"origin": origin, "speed": self.plan.clock_speed, "gate": str(gate)}
        return _merged(values, self.plan.overrides)

    def _command(self, name: str) -> list[str]:
        config = ["--config", str(self.plan.config.absolute())] if self.plan.config else []
        return [sys.executable, "-m", "api.command.process", name, *config, "--ready-file", str(self._ready(name))]

    def _ready(self, name: str) -> Path:
        return self.data_dir.absolute() / "ready" / name

    def _run(self, part: Part) -> None:
        self._ready(part.name).unlink(missing_ok=True)
        part.starts += 1
        own = self.plan.settings is not None
        env = {**{k: v for k, v in os.environ.items() if own or not k.startswith("TOCSIN_")}, **self._env}
        part.child = Child(part.name, part.command, self.data_dir / "log" / f"{part.name}.log", env=env, patience=12.0)

    def _await_ready(self, part: Part) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not self._ready(part.name).exists():
            if part.child is None or part.child.code() is not None or time.monotonic() > deadline:
                path = self.data_dir / "log" / f"{part.name}.log"
                tail = path.read_text(encoding="utf-8", errors="replace")[-1500:]
                raise StackFailed(
                    f"the {part.name} did not come up within {READY_WITHIN:g} s; its log {path} ends:\n{tail}"
                )
            time.sleep(0.02)

    def _keep(self) -> None:
        """Start again what died, until the stack stops: at once when it had been ready, after ever longer pauses when it never was."""
        while not self._halt.wait(0.1):
            now = time.monotonic()
            for part in self._parts.values():
                code = part.child.code() if part.child else None
                if part.child is not None and code is not None:
                    part.failures = 0 if self._ready(part.name).exists() else part.failures + 1
                    pause = min(0.5 * 2 ** (part.failures - 1), LONGEST_PAUSE) if part.failures else 0.0
                    log.warning(
                        "the %s ended with code %s; it starts again in %.1f s (see %s)",
                        part.name,
                        code,
                        pause,
                        part.child.log,
                    )
                    part.child.stop()
                    part.child, part.not_before = None, now + pause
                if part.child is None and now >= part.not_before and not self._halt.is_set():
                    self._run(part)

    def pid(self, name: str) -> int:
        """The process id of a part (for drills that kill it)."""
        child = self._parts[name].child
        return child.pid if child else 0

    def starts(self, name: str) -> int:
        """How often a part was started."""
        return self._parts[name].starts

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.api.host}:{self.settings.api.port}"

    def tally(self) -> Tally:
        """What the log holds, counted from the log itself."""
        return asyncio.run(tally(self.settings.log))

    def drained(self, published: int, timeout: float) -> bool:
        """Wait until everything published is in the log and the worker has committed all of it; False when that takes too long."""
        return asyncio.run(_drained(self.settings.log, published, timeout))

    def stop(self) -> None:
        """Stop the parts (downstream last), then the brokers. Safe to call twice."""
        self._halt.set()
        if self._keeper is not None:
            self._keeper.join(5)
        running = [part.child for part in self._parts.values() if part.child is not None]
        for child in running:
            child.ask()
        for child in running:
            child.stop()
        self._parts.clear()
        if hasattr(self, "ledger"):
            self.ledger.close()
            del self.ledger
        self._brokers.stop()


async def _drained(settings: LogSettings, published: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        counted = await tally(settings)
        if counted.kept + counted.rejected >= published and await caught_up(settings):
            return True
        await asyncio.sleep(0.3)
    return False
