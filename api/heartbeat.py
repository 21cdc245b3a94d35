"""A process's sign of life: it beats while its parts get on, and leaves to be started again when one of them does not.

One mechanism for every place a process runs in: systemd is told on its notify socket (READY, WATCHDOG, STOPPING), a container's health
check looks at the age of a file, and both wait in vain when the process is frozen or cannot run any code. A part that stands still is a
matter for the process itself: nobody restarts a container that is merely unwell.

`python -m api.heartbeat FILE [SECONDS]` is that health check: exit code 0 when the file is younger than 20 s, or SECONDS.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from streams.guard import LEAVE_STALLED, LEAVE_UNDRAINED, Leave
from streams.watchdog import Watchdog

log = logging.getLogger(__name__)

DRAIN_WITHIN: Final = (
    9.0  # seconds to end in after being asked to; everything in hand comes again, so waiting longer gains nothing
)
LOOP_WITHIN: Final = 60.0  # seconds in which the event loop must get round
_EVERY: Final = 1.0
_FROZEN: Final = 5.0  # seconds that a beat may be late before it is taken for a freeze of the whole process
_OLD: Final = 20.0  # seconds after which a file that should be touched every second says that nobody does


@dataclass(slots=True)
class _Moving:
    """How often a part has got round, and who judges it."""

    watchdog: Watchdog
    rounds: int = 0


@dataclass(slots=True)
class Heart:
    """`with Heart(…) as heart:` beats from a thread of its own. Calling it says that the process is ready.

    `notify` is systemd's socket (empty: there is none), `every` the seconds between two beats. `leave` ends the process at once.
    """

    notify: str = ""
    file: Path | None = None
    every: float = _EVERY
    leave: Leave = os._exit
    on_ready: Callable[[], object] = lambda: None
    _parts: dict[str, _Moving] = field(default_factory=dict)
    _ready: bool = False
    _halt: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _said: str = ""
    _until: float = math.inf  # when a process that was asked to end leaves

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._halt.set()
        if self._thread is not None:
            self._thread.join(5)
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def __call__(self) -> None:
        """The process is ready: from now on the file is there and systemd knows."""
        self.on_ready()
        self._tell("READY=1")
        self._ready = True  # only now may the thread beat: systemd hears of readiness first
        self._beat()

    def stopping(self) -> None:
        """The process was asked to end and drains; it leaves when that takes longer than `DRAIN_WITHIN`."""
        self._until = min(self._until, time.monotonic() + DRAIN_WITHIN)
        self._tell("STOPPING=1")

    def moves(self, part: str, within: float) -> Callable[[], None]:
        """A part that must get round once in `within` seconds from its first round on, or the process leaves.

        It calls what is returned at every round, from any thread.
        """
        moving = self._parts[part] = _Moving(Watchdog(within))

        def round_again() -> None:
            moving.rounds += 1

        return round_again

    def stands_still(self, now: float) -> list[str]:
        """The parts that have not moved for too long at `now` (monotonic seconds)."""
        return [
            part
            for part, moving in list(self._parts.items())
            if moving.rounds and moving.watchdog.look({part: (moving.rounds, moving.rounds + 1)}, now)
        ]

    def forgive(self) -> None:
        """Judge every part from now on: the process was frozen as a whole, and none of them could have moved."""
        for moving in list(self._parts.values()):
            moving.watchdog = Watchdog(moving.watchdog.limit)

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._halt.wait(self.every):
            before, looked = looked, time.monotonic()
            if looked - before > self.every + _FROZEN:
                self.forgive()
            if looked > self._until:
                log.critical("not drained within %g s; leaving: what is in hand comes again", DRAIN_WITHIN)
                self.leave(LEAVE_UNDRAINED)
                return
            stalled = self.stands_still(looked)
            if stalled:
                log.critical("no progress in: %s; leaving to be started again", ", ".join(stalled))
                self._tell(f"STATUS=no progress in {', '.join(stalled)}")
                faulthandler.dump_traceback(sys.__stderr__ or 2)  # what every thread was at: there is no other witness
                self.leave(LEAVE_STALLED)
                return
            if self._ready:
                self._beat()

    def _beat(self) -> None:
        self._tell("WATCHDOG=1")
        if self.file is None:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.touch()
        except OSError as error:
            self._complain(f"the heartbeat file {self.file} cannot be touched: {error}")

    def _tell(self, state: str) -> None:
        if not self.notify:
            return
        address = "\0" + self.notify[1:] if self.notify.startswith("@") else self.notify
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.sendto(state.encode(), address)
        except OSError as error:
            self._complain(f"systemd cannot be told at {self.notify}: {error}")

    def _complain(self, what: str) -> None:
        if what != self._said:
            self._said = what
            log.error("%s", what)


async def follow_loop(heart: Heart) -> None:
    """The event loop's own movement, until cancelled: a callback that blocks it stops this."""
    moved = heart.moves("the event loop", LOOP_WITHIN)
    while True:
        moved()
        await asyncio.sleep(1.0)


async def follow_answers(host: str, port: int, moved: Callable[[], None], stop: asyncio.Event) -> None:
    """Ask the server at `host`:`port` of this process whether it lives, every 5 s until `stop`; `moved` when it says 200."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  compared, not bound
    while not stop.is_set():
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if (await reader.readline()).split()[1:2] == [b"200"]:
                        moved()
                finally:
                    writer.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 5.0)


def age(file: Path) -> float:
    """Seconds since the last beat. Raises `OSError` when there was none."""
    return time.time() - file.stat().st_mtime


def main(arguments: list[str]) -> int:
    """The health check: says on stderr why the answer is no."""
    file, old = Path(arguments[0]), float(arguments[1]) if len(arguments) > 1 else _OLD
    try:
        found = age(file)
    except OSError as error:
        sys.stderr.write(f"no heartbeat: {file}: {error.strerror}; the process is not ready, or has ended\n")
        return 1
    if found > old:
        sys.stderr.write(f"the last heartbeat is {found:.0f} s old: the process is frozen\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
