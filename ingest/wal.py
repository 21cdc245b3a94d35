"""SQLite's write-ahead log, switched on by whoever opens a new file first.

Going over to it wants the file for itself, and SQLite does not wait for that as it waits for other locks: of several processes that
open a fresh file in the same moment all but one are told at once that it is locked. So this waits.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

PATIENCE: Final = 10.0  # seconds
_PAUSE: Final = 0.01


def use_wal(connection: sqlite3.Connection, *, within: float = PATIENCE) -> None:
    """Readers never wait for the writer from here on. Raises `sqlite3.OperationalError` when the file stays locked for `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
