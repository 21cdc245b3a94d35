"""A program as a child process on a leash: it ends when it is stopped, or when this process ends in whatever way."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_LEASH: Final = Path(__file__).with_name("leash.py")
_HOST: Final = "127.0.0.1"
_READY_WITHIN: Final = 20.0


class ChildFailed(RuntimeError):
    """A program did not come up; the message carries the end of its own log."""


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, all different."""
    held = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in held]
    for s in held:
        s.close()
    return ports


class Child:
    """One program on a leash: it ends when it is stopped, or when this process ends in whatever way."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        patience: float = 3.0,
    ) -> None:
        """`patience` is how many seconds the program has to end by itself once it was asked to."""
        self.name, self.log, self._patience = name, log, patience
        with log.open("ab") as out:
            # a session of its own: Ctrl-C is for us first, the brokers end after the gateway has drained
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_LEASH), f"{patience:g}", *command],
                stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True, env=env,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The process id of the leash."""
        return self._process.pid

    @property
    def program_pid(self) -> int:
        """The process id of the program, 0 when it has none (yet, or any more); of the leash where the system does not tell."""
        told = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        try:
            return int((told.read_text(encoding="ascii").split() or ["0"])[0])
        except OSError:
            return self.pid if self._process.poll() is None and not Path("/proc/self").exists() else 0

    def wait_for(self, ports: Sequence[int], within: float = _READY_WITHIN) -> None:
        """Until every port accepts connections. Raises `ChildFailed`."""
        deadline = time.monotonic() + within
        while not all(accepts(port) for port in ports):
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                self.stop()
                raise ChildFailed(
                    f"{self.name} did not listen on {list(ports)} within {within:g} s; its log {self.log} ends: {tail}"
                )
            time.sleep(0.02)

    def code(self) -> int | None:
        """The program's exit code, or None while it runs."""
        return self._process.poll()

    def ask(self) -> None:
        """Asks the program to end and does not wait."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """Ends the program and its leash; safe to call twice."""
        self.ask()
        try:
            self._process.wait(self._patience + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


def accepts(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    try:
        with socket.create_connection((_HOST, port), timeout=0.2):
            return True
    except OSError:
        return False
