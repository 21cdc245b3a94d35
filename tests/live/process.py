"""A real server as a plain process: on a leash, and to be killed, stopped and continued by its own pid."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from api.child import Child, ChildFailed, accepts, free_ports

HOST = "127.0.0.1"
DEPLOY = Path(__file__).parents[2] / "deploy"
CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin"
)  # where deploy/*/install put what they bring
_ATTEMPTS = 3


class ServerMissing(RuntimeError):
    """A server cannot be had on this machine: what is missing, and how to get it."""


def children(pid: int) -> list[int]:
    """The processes that a process started and that still live."""
    found: list[int] = []
    for told in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in told.read_text(encoding="ascii").split()]
        except OSError:
            continue  # that thread has just ended
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def wait_until_dead(pids: Sequence[int], within: float = 20.0) -> None:
    """Until none of the processes lives. Raises `AssertionError`."""
    deadline = time.monotonic() + within
    while living := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < deadline, f"still alive after {within:g} s: {living}"
        time.sleep(0.005)


def substituted(text: str, places: Mapping[str, str]) -> str:
    """A deployed file with what differs here put in. Every expected text must stand there exactly once, else the file is not the one we
    think it is: `ValueError`.
    """
    for old, new in places.items():
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in the file that is to be rendered, not once")
        text = text.replace(old, new)
    return text


class Program:
    """One run of a server's program."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        ports: Sequence[int],
        *,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._child = Child(name, command, log, env=env, patience=10.0)
        self._ports = ports

    def wait(self, within: float = 30.0) -> Self:
        """Until every port accepts connections. Raises `ChildFailed` with the end of the server's own log."""
        self._child.wait_for(self._ports, within)
        return self

    @property
    def pid(self) -> int:
        """The server's own process id, 0 when it does not run."""
        return self._child.program_pid

    def family(self) -> list[int]:
        """The server's process and those it started, itself first."""
        pid = self.pid
        return [pid, *children(pid)] if pid else []

    def tell(self, number: signal.Signals) -> list[int]:
        """Sends a signal to the server and to every process it started; whom."""
        family = self.family()
        for pid in family:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        return family

    def kill(self) -> None:
        """SIGKILL; everything is dead when this returns."""
        wait_until_dead(self.tell(signal.SIGKILL))
        self._child.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends the server as its operator would; it has ten seconds."""
        family = self.family()
        if family:
            try:
                os.kill(family[0], signal.SIGCONT)
                os.kill(family[0], number)
                wait_until_dead(family[:1], 10)
            except (ProcessLookupError, AssertionError):
                pass
        self._child.stop()
        for pid in family:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


class Server:
    """A server that is one program on one port. `start` takes a free port where none was given; `start_again` keeps port and data."""

    NAME = "server"
    _stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.folder = folder
        self._wanted = self.port = port
        self._program: Program | None = None

    def _prepare(self) -> None:
        """Once, before the first start. Raises `ServerMissing`."""

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str] | None:
        return None

    def _ready(self) -> None:
        """After the port has opened: until the server really serves."""

    def start(self) -> Self:
        """Serving when this returns. Raises `ServerMissing`, or `ChildFailed` with the end of the server's log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare()
        if self._wanted and accepts(self._wanted):
            raise ChildFailed(f"port {self._wanted} is taken by another program")
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = self._wanted or free_ports(1)[0]
            try:
                return self.start_again()
            except ChildFailed:  # somebody else may have taken the port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        return self

    def start_again(self) -> Self:
        """Serving on the same port with the same data when this returns."""
        program = Program(
            self.NAME, self._command(), self.folder / f"{self.NAME}.log", [self.port], env=self._environment()
        )
        self._program = program
        program.wait()
        self._ready()
        return self

    @property
    def program(self) -> Program:
        assert self._program is not None, f"{self.NAME} was not started"
        return self._program

    @property
    def pid(self) -> int:
        """The server's own process id, 0 when it does not run."""
        return self._program.pid if self._program else 0

    def kill(self) -> None:
        """SIGKILL to the server and all its processes; dead when this returns."""
        self.program.kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        self.program.tell(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.program.tell(signal.SIGCONT)

    def stop(self) -> None:
        """Ends it as an operator would. Safe to call twice, and when it never started."""
        if self._program is not None:
            self._program.tell(signal.SIGCONT)
            self._program.stop(self._stop_signal)
