"""Keeps product processes running: one that dies is started again, with back-off and a line that says why.

`tocsin up`, the demo, replays, drills and the tests run their processes under one keeper. It knows nothing of what they do. Everything
ends with the process that holds the keeper, however that ends (see `api.leash`).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from api.child import Child

log = logging.getLogger(__name__)
READY_WITHIN: Final = 60.0
LONGEST_PAUSE: Final = 30.0
DRAIN_WITHIN: Final = 12.0  # seconds a part has to end by itself: it drains within 10
_LOOK_EVERY: Final = 0.05
_MEANINGS: Final = {
    2: "its settings cannot be used",
    3: "something it needs is missing or away",
    70: "an event could be neither digested nor set aside, so it left to read it again",
    76: "it was asked to end and did not drain in time, so what it had in hand comes again",
    75: "there was work and it did not get on, so it left to be started again",
}


class PartFailed(RuntimeError):
    """A part did not come up; the message names it, says where its log is and shows how it ends."""


@dataclass(slots=True)
class Part:
    """One process and how often it had to be started. `held` means that it is stopped on purpose."""

    name: str
    command: list[str]
    env: dict[str, str]
    child: Child | None = None
    starts: int = 0
    failures: int = 0  # times in a row that it died before it was ready
    not_before: float = 0.0
    held: bool = False


class Keeper:
    """`with Keeper(folder) as keeper: keeper.add(…); keeper.start(); keeper.await_ready(…)`. Logs are in `folder/log`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        for name in ("log", "ready"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._parts: dict[str, Part] = {}
        self._lock = threading.RLock()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def names(self) -> tuple[str, ...]:
        """The parts, in the order in which they were added."""
        return tuple(self._parts)

    def add(
        self, name: str, verb: str, env: Mapping[str, str], *, options: Sequence[str] = (), module: str = ""
    ) -> None:
        """Declare a part: `tocsin VERB OPTIONS` under the environment `env` (complete: nothing is inherited).

        `module` runs another Python module in its place, with the same arguments. Once the keeper has started, the part starts at once.
        """
        command = [sys.executable, "-m", module or "api.command.process", verb, *options]
        command += ["--ready-file", str(self._ready(name))]
        with self._lock:
            self._parts[name] = part = Part(name, command, dict(env))
            if self._thread is not None:
                self._run(part)

    def start(self) -> Self:
        """Start every part and keep them running from now on."""
        with self._lock:
            for part in self._parts.values():
                self._run(part)
            self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
            self._thread.start()
        return self

    def await_ready(self, name: str, within: float = READY_WITHIN) -> None:
        """Returns when the part has said that it is ready. Raises `PartFailed` when it died first or took too long."""
        part, deadline = self._parts[name], time.monotonic() + within
        begun = part.starts
        while not self._ready(name).exists():
            if part.starts > begun or time.monotonic() > deadline:
                raise PartFailed(
                    f"the {name} did not come up within {within:g} s; its log {self.log(name)} ends:\n{self._tail(name)}"
                )
            time.sleep(0.02)

    def is_ready(self, name: str) -> bool:
        """Whether the part has said that it is ready since it was last started."""
        return self._ready(name).exists()

    def pid(self, name: str) -> int:
        """The process id of the program itself, or 0 while it does not run."""
        child = self._parts[name].child
        return child.program_pid if child else 0

    def starts(self, name: str) -> int:
        """How often a part was started."""
        return self._parts[name].starts

    def log(self, name: str) -> Path:
        """The file that a part writes its log to."""
        return self._folder / "log" / f"{name}.log"

    def hold(self, name: str) -> None:
        """Stop a part and do not start it again until it is released."""
        with self._lock:
            part = self._parts[name]
            part.held = True
            child, part.child = part.child, None
        if child is not None:
            child.stop()

    def release(self, name: str) -> None:
        """Let a part that was held run again."""
        with self._lock:
            part = self._parts[name]
            if part.held:
                part.held, part.not_before, part.failures = False, 0.0, 0
                self._run(part)

    def again(self, name: str) -> None:
        """End a part; the keeper starts it again."""
        if pid := self.pid(name):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                return

    def stop(self) -> None:
        """Ask every part to end, all at once, and wait for them. Safe to call twice."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join(5)
        running = [part.child for part in self._parts.values() if part.child is not None]
        for child in running:
            child.ask()
        for child in running:
            child.stop()
        self._parts.clear()

    def _ready(self, name: str) -> Path:
        return self._folder / "ready" / name

    def _tail(self, name: str) -> str:
        return self.log(name).read_text(encoding="utf-8", errors="replace")[-1500:]

    def _run(self, part: Part) -> None:
        self._ready(part.name).unlink(missing_ok=True)
        part.starts += 1
        part.child = Child(part.name, part.command, self.log(part.name), env=part.env, patience=DRAIN_WITHIN)

    def _keep(self) -> None:
        """Start again what died, until the end: at once when it had been ready, after ever longer pauses when it never was."""
        while not self._halt.wait(_LOOK_EVERY):
            with self._lock:
                for part in self._parts.values():
                    self._look(part, time.monotonic())

    def _look(self, part: Part, now: float) -> None:
        code = part.child.code() if part.child else None
        if part.child is not None and code is not None:
            part.failures = 0 if self._ready(part.name).exists() else part.failures + 1
            pause = min(0.5 * 2 ** (part.failures - 1), LONGEST_PAUSE) if part.failures else 0.0
            log.warning(
                "the %s ended: %s; it starts again in %.1f s (see %s)", part.name, why(code), pause, part.child.log
            )
            part.child.stop()
            part.child, part.not_before = None, now + pause
        if part.child is None and not part.held and now >= part.not_before:
            self._run(part)


def why(code: int) -> str:
    """An exit code in words. The leash hands a signal on as 256 less its number."""
    if code > 256 - 65:
        try:
            return f"killed by {signal.Signals(256 - code).name}"
        except ValueError:
            return f"killed by signal {256 - code}"
    return f"exit code {code}" + (f", {_MEANINGS[code]}" if code in _MEANINGS else "")
