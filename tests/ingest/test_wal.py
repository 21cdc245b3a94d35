"""A fresh file that many open at once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ingest.wal import use_wal

MANY = 12


def test_all_who_open_a_fresh_file_at_once_get_it(tmp_path: Path) -> None:
    for turn in range(15):
        together = Barrier(MANY)

        def start(file: Path = tmp_path / f"{turn}.db", together: Barrier = together) -> str:
            connection = sqlite3.connect(file)
            together.wait(10)
            use_wal(connection)
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            connection.close()
            return str(mode)

        with ThreadPoolExecutor(MANY) as pool:
            assert [f.result(20) for f in [pool.submit(start) for _ in range(MANY)]] == ["wal"] * MANY


def test_a_file_that_stays_locked_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    other = sqlite3.connect(file, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_wal(other, within=0.05)
    holder.close()
    other.close()
