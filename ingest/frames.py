"""Frames: the readings of one partition as columns, so that a detector works on hundreds of rows at once (numpy).

A frame is a batch and nothing more: cutting the same rows into other frames must never change what is detected.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from ingest.events import InvalidEvent, Mark, Place, Reading

MAGIC: Final = b"TF1\n"
MOST_METRICS: Final = 32_000  # names that one frame can tell apart
_BETWEEN: Final = "\x1f"  # no printable name holds it
_KNOWN: Final = 1 << 18  # devices whose origins are kept at hand
_HEAD: Final = struct.Struct("<4sI")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_COLUMNS: Final = (
    ("device", "<i4"),
    ("metric", "<i2"),
    ("marks", "<u2"),
    ("observed_at", "<i8"),
    ("received_at", "<i8"),
    ("value", "<f8"),
)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970 UTC: the unit of every instant in a frame."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware instant of a frame's microseconds."""
    return _EPOCH + timedelta(microseconds=int(micros))


@dataclass(frozen=True, slots=True)
class Origin:
    """A device as a frame carries it: enough to route a signal without asking the registry again."""

    device: str
    device_kind: str = ""
    grid: str = ""
    township: str = ""
    gateway: str = ""
    lat: float | None = None
    lon: float | None = None

    def __hash__(self) -> int:
        return hash(self.device)  # a text keeps its hash: the gateway looks origins up for every row

    @classmethod
    def of(cls, reading: Reading) -> Origin:
        point = reading.place.point
        return cls(
            reading.device, reading.device_kind, reading.place.grid, reading.place.township, reading.gateway,
            point.lat if point else None, point.lon if point else None,
        )  # fmt: skip


# A frame names hundreds of devices, and the next one names the same: each origin is written and read once, not once a frame.
@lru_cache(_KNOWN)
def _written(origin: Origin) -> str:
    names = (origin.device, origin.device_kind, origin.grid, origin.township, origin.gateway)
    point = ("", "") if origin.lat is None or origin.lon is None else (repr(origin.lat), repr(origin.lon))
    return _BETWEEN.join((*(name.replace(_BETWEEN, " ") for name in names), *point))


@lru_cache(_KNOWN)
def _read(text: str) -> Origin:
    device, kind, grid, township, gateway, lat, lon = text.split(_BETWEEN)
    return Origin(device, kind, grid, township, gateway, float(lat) if lat else None, float(lon) if lon else None)


@dataclass(frozen=True, slots=True)
class Frame:
    """n rows as columns. `device` and `metric` index into `devices` and `metrics`; instants are microseconds since 1970 UTC."""

    devices: tuple[Origin, ...]
    metrics: tuple[str, ...]
    device: NDArray[np.int32]
    metric: NDArray[np.int16]
    marks: NDArray[np.uint16]
    observed_at: NDArray[np.int64]
    received_at: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> Frame:
        """A frame of readings, in their order."""
        builder = FrameBuilder()
        for reading in readings:
            origin = Origin.of(reading)
            builder.add(
                origin,
                reading.metric,
                int(reading.marks),
                to_micros(reading.observed_at),
                to_micros(reading.received_at),
                reading.value,
            )
        return builder.close()

    def row(self, index: int) -> Frame:
        """The one-row frame at `index`."""
        return self.take(slice(index, index + 1))

    def take(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Frame:
        """The same frame with only some of its rows."""
        return Frame(self.devices, self.metrics, *(getattr(self, name)[rows] for name, _ in _COLUMNS))

    def readings(self) -> Iterator[Reading]:
        """The rows as readings (for tests, tables and the occasional look: not for the fast path)."""
        from ingest.events import Point

        for i in range(len(self)):
            origin = self.devices[self.device[i]]
            point = Point(origin.lat, origin.lon) if origin.lat is not None and origin.lon is not None else None
            yield Reading(
                origin.device, self.metrics[self.metric[i]], float(self.value[i]),
                from_micros(self.observed_at[i]), from_micros(self.received_at[i]),
                Place(origin.grid, origin.township, point, "registry"), origin.device_kind, origin.gateway, Mark(int(self.marks[i])),
            )  # fmt: skip

    @classmethod
    def join(cls, frames: Sequence[Frame]) -> Frame:
        """The rows of several frames as one, in their order. Raises `InvalidEvent` when they name more metrics than a frame can."""
        devices: dict[Origin, int] = {}
        metrics: dict[str, int] = {}
        for frame in frames:
            for origin in frame.devices:
                devices.setdefault(origin, len(devices))
            for name in frame.metrics:
                metrics.setdefault(name, len(metrics))
        if len(metrics) > MOST_METRICS:
            raise InvalidEvent(f"{len(metrics)} metrics in one frame; it names at most {MOST_METRICS}")
        device = [np.array([devices[o] for o in f.devices], "<i4")[f.device] for f in frames]
        metric = [np.array([metrics[m] for m in f.metrics], "<i2")[f.metric] for f in frames]
        rest = ([getattr(f, name) for f in frames] for name, _ in _COLUMNS[2:])
        return cls(tuple(devices), tuple(metrics), *map(np.concatenate, (device, metric, *rest)))

    def encode(self) -> bytes:
        """The frame as bytes: magic, a JSON header with the two name tables, then the columns one after the other."""
        header = orjson.dumps({
            "n": len(self),
            "devices": [_written(origin) for origin in self.devices],
            "metrics": self.metrics,
        })  # fmt: skip
        return b"".join(
            (_HEAD.pack(MAGIC, len(header)), header, *(getattr(self, name).tobytes() for name, _ in _COLUMNS))
        )

    @classmethod
    def decode(cls, raw: bytes) -> Frame:
        """The frame in `raw`; its columns are views on the bytes. Raises `InvalidEvent` when it is not whole."""
        try:
            magic, length = _HEAD.unpack_from(raw)
            if magic != MAGIC:
                later = magic[:2] == MAGIC[:2] and magic[3:] == MAGIC[3:]
                raise InvalidEvent(
                    f"a frame of schema {magic[:3]!r}, and this version reads {MAGIC[:3]!r}: finish the upgrade, then "
                    "replay the dead letters"
                    if later
                    else f"not a frame: it starts with {raw[:4]!r}"
                )
            header = orjson.loads(raw[_HEAD.size : _HEAD.size + length])
            at, n, columns = _HEAD.size + length, header["n"], []
            for _, kind in _COLUMNS:
                columns.append(np.frombuffer(raw, kind, n, at))
                at += n * np.dtype(kind).itemsize
            devices = tuple(map(_read, header["devices"]))
            frame = cls(devices, tuple(header["metrics"]), *columns)
        except (struct.error, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidEvent(f"a broken frame of {len(raw)} bytes: {error}") from error
        if n and (
            frame.device.max() >= len(devices)
            or frame.device.min() < 0
            or frame.metric.max() >= len(frame.metrics)
            or frame.metric.min() < 0
        ):
            raise InvalidEvent("a broken frame: a row points past its name tables")
        return frame


class FrameBuilder:
    """Collects rows until the gateway closes the frame (`ingest.intake` says when)."""

    __slots__ = ("_columns", "_devices", "_metrics", "size")

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._devices: dict[Origin, int] = {}
        self._metrics: dict[str, int] = {}
        self._columns: tuple[list[int], list[int], list[int], list[int], list[int], list[float]] = (
            [],
            [],
            [],
            [],
            [],
            [],
        )
        self.size = 0

    def add(self, origin: Origin, metric: str, marks: int, observed_at: int, received_at: int, value: float) -> None:
        """One row. Instants in microseconds; the value must be finite."""
        device, metrics, mark, observed, received, values = self._columns
        device.append(self._devices.setdefault(origin, len(self._devices)))
        metrics.append(self._metrics.setdefault(metric, len(self._metrics)))
        mark.append(marks)
        observed.append(observed_at)
        received.append(received_at)
        values.append(value)
        self.size += 1

    def close(self) -> Frame:
        """The frame so far; the builder is empty again."""
        arrays = [np.array(column, kind) for column, (_, kind) in zip(self._columns, _COLUMNS, strict=True)]
        frame = Frame(tuple(self._devices), tuple(self._metrics), *arrays)
        self._reset()
        return frame
