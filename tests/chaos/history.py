"""The history of a run: one JSON object a line, written while things happen and judged afterwards.

Every line has `what` and, where something happened at an instant, `at` (seconds since 1970, this machine's clock). Messages are named by
their field gateway (`source`) and its own sequence number, and written as runs of numbers, so that an hour stays readable:

| what | more | says |
|---|---|---|
| place | grids {code: [name, parent]}, people {number: grid} | who may be told of what |
| published | source, first, last | the gateway had these messages to say |
| alarm | source, seq, grid | one of them was a red alarm of this grid |
| puback | source, first, last | the MQTT broker acknowledged them to the gateway |
| acknowledged | source, upto | Tocsin itself said on `ack/<gateway>` that the log has everything up to here |
| kept | source, first, last, reading | read back from the log; `reading` when it belongs into the time series |
| stored | source, first, last | read back from the time series, or from the dead letters with the series' own words |
| changed | fault, rows, which | rows of the ledger that a replay changed |
| alert | grid, ident | read back from the ledger |
| notice | to, channel, text, ident | a request reached the provider |
| begin, end | fault, round | a phase: a round of a fault, or of calm (`calm`) |
| memory | mb | resident memory of all product processes together |
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class History:
    """Appends lines to a file; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, what: str, *, at: float | None = None, **more: Any) -> None:
        """One line. `at` is now when it is left out."""
        line = json.dumps({"what": what, "at": round(time.time() if at is None else at, 4), **more}, ensure_ascii=False)
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def flush(self) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.flush()


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a history file; a last line that a crash cut short is passed over."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Whole numbers as runs of neighbours, each (first, last)."""
    found: list[list[int]] = []
    for n in sorted(set(numbers)):
        if found and n == found[-1][1] + 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return [(a, b) for a, b in found]
