"""Tracks: one metric of one device, numbered, so that what a detector remembers of it lies in arrays.

Numbers are given per metric in the order of appearance, so a metric that few devices have costs little. All detectors of one
partition share one `Tracks`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.frames import Frame, Origin

_ROOM: Final = 64

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one metric of one frame: `row` is each one's position in the frame, `track` its track's number."""

    metric: str
    frame: Frame
    tracks: int  # how many tracks the metric has by now: columns must be at least that long
    row: NDArray[np.intp]
    track: NDArray[np.int32]
    observed: Ints
    received: Ints
    value: NDArray[np.float64]

    def take(self, rows: NDArray[np.bool_]) -> Rows:
        """Only some of the rows."""
        return Rows(
            self.metric, self.frame, self.tracks, self.row[rows], self.track[rows], self.observed[rows],
            self.received[rows], self.value[rows],
        )  # fmt: skip

    def origin(self, index: int) -> Origin:
        """Where the index-th of these rows comes from."""
        number: int = self.frame.device[self.row[index]].item()
        return self.frame.devices[number]


@dataclass(slots=True)
class _Metric:
    track_of: NDArray[np.int32]  # by device number; -1 when the device has no such metric yet
    count: int = 0


@dataclass(slots=True)
class Tracks:
    """The numbers of devices and of their tracks."""

    _numbers: dict[str, int] = field(default_factory=dict)
    _metrics: dict[str, _Metric] = field(default_factory=dict)

    def devices(self, frame: Frame) -> NDArray[np.int32]:
        """The number of each device in the frame's table; a new device gets the next one."""
        numbers = self._numbers
        found = [numbers.get(o.device, -1) for o in frame.devices]
        if -1 in found:
            found = [numbers.setdefault(o.device, len(numbers)) for o in frame.devices]
        return np.array(found, np.int32)

    def number(self, device: str) -> int | None:
        """The number of a device, if it has one."""
        return self._numbers.get(device)

    def enter(self, device: str) -> int:
        """The number of a device; a new one gets the next."""
        return self._numbers.setdefault(device, len(self._numbers))

    def of(self, metric: str, devices: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
        """The track of `metric` for each of these devices, and how many tracks the metric has by now."""
        known = self._metrics.get(metric)
        if known is None:
            known = self._metrics[metric] = _Metric(np.full(_ROOM, -1, np.int32))
        if len(self._numbers) > len(known.track_of):
            known.track_of = grown(known.track_of, len(self._numbers), -1)
        tracks = known.track_of[devices]
        if len(tracks) and tracks.min() < 0:
            for device in devices[tracks < 0].tolist():
                if known.track_of[device] < 0:
                    known.track_of[device] = known.count
                    known.count += 1
            tracks = known.track_of[devices]
        return tracks, known.count

    def snapshot(self) -> dict[str, Any]:
        """The numbers, to be packed."""
        n = len(self._numbers)
        return {
            "devices": list(self._numbers),
            "metrics": {name: {"track_of": m.track_of[:n], "count": m.count} for name, m in self._metrics.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._numbers = {name: number for number, name in enumerate(state["devices"])}
        self._metrics = {
            name: _Metric(grown(m["track_of"], len(self._numbers), -1), m["count"])
            for name, m in state["metrics"].items()
        }


def grown(column: NDArray[Any], size: int, fill: float) -> NDArray[Any]:
    """The column with room for at least `size` entries; new ones hold `fill`."""
    if len(column) >= size:
        return column
    room = max(size, 2 * len(column), _ROOM)
    longer = np.full((room, *column.shape[1:]), fill, column.dtype)
    longer[: len(column)] = column
    return longer
