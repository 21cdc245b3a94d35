"""From the rows of a table to moments in the recording's own time. Pure: the same table and binding give the same moments."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from api.replay.mapping import Binding, Bound
from api.replay.table import Cell, Row, Table
from api.replay.times import RELATIVE, number

GATEWAY: Final = "replay"
TOPIC: Final = f"tocsin/{GATEWAY}/telemetry"
IN_ONE: Final = 200  # devices in one message: well below the gateway's 64 KiB
_TRUTHS: Final = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Moment:
    """One row: when it was, and what every device that had a number then said. `empty` cells had none."""

    at: datetime
    devices: dict[str, dict[str, float]]
    empty: int = 0

    def payloads(self, at: datetime) -> Iterator[bytes]:
        """The row as messages to `TOPIC` in the native convention, as if it had happened at `at`."""
        entries: list[dict[str, Any]] = [{"device": d, "at": at, "values": v} for d, v in self.devices.items()]
        for start in range(0, len(entries), IN_ONE):
            yield orjson.dumps(entries[start : start + IN_ONE])


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recording holds, from its first to its last moment. `messages` are distinct (device, instant) pairs."""

    first: datetime
    last: datetime
    step: float  # seconds: the median between two moments
    moments: int
    messages: int
    empty_cells: int
    rows_without_time: int

    @property
    def length(self) -> float:
        """Seconds from the first to the last moment."""
        return (self.last - self.first).total_seconds()


@dataclass(frozen=True, slots=True)
class Recording:
    """A table with its meaning, played from its beginning for at most `limit` seconds of its own time."""

    table: Table
    binding: Binding
    limit: float | None = None

    @property
    def zero(self) -> datetime | None:
        """Where the table's own seconds begin, when its times are relative; None when they are dates."""
        return self.binding.time.origin if self.binding.time.relative or not self.binding.at else None

    def moments(self) -> Iterator[Moment]:
        """Every moment in the order of the table."""
        return (moment for moment in self._read() if moment is not None)

    def survey(self) -> Survey:
        """Read the whole recording once. Raises `ValueError` when no row of it has a time."""
        first, last, steps = None, None, []
        counted = dict.fromkeys(("moments", "messages", "empty_cells", "rows_without_time"), 0)
        spoken: dict[str, datetime] = {}
        for moment in self._read():
            if moment is None:
                counted["rows_without_time"] += 1
                continue
            if last is not None and len(steps) < 2000:
                steps.append((moment.at - last).total_seconds())
            first, last = first or moment.at, max(last or moment.at, moment.at)
            counted["moments"] += 1
            counted["empty_cells"] += moment.empty
            counted["messages"] += sum(spoken.get(device) != moment.at for device in moment.devices)
            spoken.update(dict.fromkeys(moment.devices, moment.at))
        if first is None or last is None:
            raise ValueError(
                f"{self.table.name}: no row has a time that can be read as {self.binding.time.unit}; say with --map how it is written"
            )
        return Survey(first, last, max(statistics.median(steps), 0.0) if steps else 0.0, **counted)

    def _read(self) -> Iterator[Moment | None]:
        until: datetime | None = None
        for position, row in enumerate(self.table.rows()):
            at = self._time(position, row)
            if at is None:
                yield None
                continue
            if until is None and self.limit is not None:
                until = at + timedelta(seconds=self.limit)
            if until is not None and at > until:
                return
            devices: dict[str, dict[str, float]] = {}
            for bound in self.binding.columns:
                if (value := measured(bound, row[bound.position])) is not None:
                    devices.setdefault(bound.device, {})[bound.metric] = value
            yield Moment(at, devices, len(self.binding.columns) - sum(map(len, devices.values())))

    def _time(self, position: int, row: Row) -> datetime | None:
        rule, at = self.binding.time, self.binding.at
        if not at:
            return rule.origin + timedelta(seconds=position * rule.step * RELATIVE.get(rule.unit, 1.0))
        cell = row[at[0]] if len(at) == 1 else " ".join(str(row[i] or "").strip() for i in at)
        return rule.instants().read(cell)


def measured(bound: Bound, cell: Cell) -> float | None:
    """The value in a cell in the metric's own unit; None when the cell holds no number (empty, NaN, an unknown word)."""
    value = number(cell)
    if value is None and isinstance(cell, str):
        word = cell.strip()
        value = dict(bound.values).get(word, _TRUTHS.get(word.lower()))
    return None if value is None else value * bound.scale + bound.offset


def auto_speed(survey: Survey) -> float:
    """How many of the recording's seconds pass in one real second, so that it takes about 40 seconds.

    At least 1. At most 600, because what takes the machine a tenth of a second is then already a minute of the recording; only
    recordings with few rows an hour go faster, at up to 50 rows a second.
    """
    return min(max(survey.length / 40, 1.0), max(600.0, 50 * survey.step))
