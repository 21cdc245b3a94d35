"""A process of the product whose time of day is wrong by as much as a file says: `python -m tests.chaos.skewed VERB …`.

Set inside the interpreter, before anything is imported: `time.time` for every library, and the one place where the product reads the time of
day. (libfaketime in the process's place made the timed waits of threads stall before any clock was moved.) The monotonic clock is left
alone, as on a real machine.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

from tests.chaos.verbs import run

LOOKS: float = 0.5  # seconds between two looks at the file
_REAL = (time.time, time.time_ns)


class Ahead:
    """How many seconds the clock is ahead of the machine's, as the file says."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds = 0
        self._looked = -LOOKS

    def seconds(self) -> int:
        if time.monotonic() - self._looked >= LOOKS:
            self._looked = time.monotonic()
            with contextlib.suppress(OSError, ValueError):
                self._seconds = int(self._file.read_text(encoding="ascii"))
        return self._seconds


def skew(ahead: Ahead) -> None:
    """From now on this interpreter's time of day is ahead by so much."""
    time.time = lambda: _REAL[0]() + ahead.seconds()
    time.time_ns = lambda: _REAL[1]() + ahead.seconds() * 1_000_000_000

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=ahead.seconds())

    from ingest import clock

    clock.datetime = Skewed  # type: ignore[misc]


def main() -> None:
    skew(Ahead(Path(os.environ["CHAOS_CLOCK"])))
    run()


if __name__ == "__main__":
    main()
