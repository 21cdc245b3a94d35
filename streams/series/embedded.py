"""The time series in one SQLite file: for evaluating, training, tests and a small office. Touches the disk.

Derived data: after a power cut the last moments may be missing and come again from the log, so WAL without a sync per write is enough.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ingest.frames import Frame, from_micros, to_micros
from ingest.wal import use_wal
from streams.series.port import Sample, SeriesUnavailable, Timing

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS track (
  id INTEGER PRIMARY KEY, device TEXT NOT NULL, metric TEXT NOT NULL, kind TEXT NOT NULL, grid TEXT NOT NULL, township TEXT NOT NULL,
  UNIQUE (device, metric)
);
CREATE TABLE IF NOT EXISTS reading (
  track INTEGER NOT NULL, at INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (track, at)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS timing (
  alert TEXT NOT NULL, stage TEXT NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL, grid TEXT NOT NULL, township TEXT NOT NULL,
  origin TEXT NOT NULL, at INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (alert, stage)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS timing_by_stage ON timing (stage, at);
"""
_TRACK: Final = (
    "INSERT INTO track (device, metric, kind, grid, township) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (device, metric) DO UPDATE SET kind = excluded.kind, grid = excluded.grid, township = excluded.township RETURNING id"
)
_BUCKETS: Final = (
    "SELECT (r.at - ?1) / ?3 AS bucket, avg(r.value), min(r.value), max(r.value), count(*) FROM reading r "
    "JOIN track t ON t.id = r.track WHERE t.device = ?4 AND t.metric = ?5 AND r.at >= ?1 AND r.at < ?2 GROUP BY bucket ORDER BY bucket"
)


class EmbeddedSeries:
    """Holds `streams.series.port.Series` over a file that several processes may open."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._tracks: dict[tuple[str, str, str, str, str], int] = {}
        try:
            self._db = sqlite3.connect(path, timeout=10.0, check_same_thread=False, isolation_level=None)
            use_wal(self._db)
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise SeriesUnavailable(
                f"{path}: the series file cannot be used: {error}; check series.path and its folder"
            ) from error

    def write_frames(self, frames: Sequence[Frame]) -> int:
        """Store every row in one transaction."""
        with self._lock:
            known = dict(self._tracks)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                rows = [row for frame in frames for row in self._rows(frame, known)]
                self._db.executemany("INSERT OR REPLACE INTO reading VALUES (?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                raise SeriesUnavailable(f"the series file did not take {len(frames)} frames: {error}") from error
            self._tracks = known  # only now: a track of a transaction that failed does not exist
            return len(rows)

    def _rows(self, frame: Frame, known: dict[tuple[str, str, str, str, str], int]) -> list[tuple[int, int, float]]:
        pairs, ids = frame.device.astype("int64") * len(frame.metrics) + frame.metric, {}
        for pair in set(pairs.tolist()):
            origin, metric = frame.devices[pair // len(frame.metrics)], frame.metrics[pair % len(frame.metrics)]
            key = (origin.device, metric, origin.device_kind, origin.grid, origin.township)
            if key not in known:
                known[key] = self._db.execute(_TRACK, key).fetchone()[0]
            ids[pair] = known[key]
        return [
            (ids[p], at, v)
            for p, at, v in zip(pairs.tolist(), frame.observed_at.tolist(), frame.value.tolist(), strict=True)
        ]

    def write_timings(self, timings: Sequence[Timing]) -> int:
        """Store stage timings; one that is there already stays as it is."""
        rows = [
            (t.alert, t.stage, t.kind, t.level, t.grid, t.township, t.origin, to_micros(t.at), t.seconds)
            for t in timings
        ]
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("INSERT OR IGNORE INTO timing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                raise SeriesUnavailable(f"the series file did not take {len(rows)} timings: {error}") from error
        return len(rows)

    def readings(
        self, device: str, metric: str, start: datetime, stop: datetime, *, buckets: int = 300
    ) -> list[Sample]:
        """A device's metric in at most `buckets` equal buckets."""
        begin, end = to_micros(start), to_micros(stop)
        if end <= begin:
            return []
        width = -(-(end - begin) // max(buckets, 1))
        found = self._ask(_BUCKETS, (begin, end, width, device, metric))
        return [
            Sample(from_micros(begin + i * width), mean, least, greatest, n) for i, mean, least, greatest, n in found
        ]

    def timings(self, stage: str, start: datetime, stop: datetime) -> list[Timing]:
        """Every timing of a stage, oldest first."""
        found = self._ask(
            "SELECT alert, stage, kind, level, grid, township, origin, at, seconds FROM timing WHERE stage = ? AND at >= ? AND at < ? "
            "ORDER BY at, alert",
            (stage, to_micros(start), to_micros(stop)),
        )
        return [
            Timing(alert, name, kind, level, grid, township, origin, from_micros(at), seconds)
            for alert, name, kind, level, grid, township, origin, at, seconds in found
        ]

    def count(self) -> int:
        """How many reading points are kept."""
        return int(self._ask("SELECT count(*) FROM reading", ())[0][0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _ask(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise SeriesUnavailable(f"the series file could not be read: {error}") from error

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
