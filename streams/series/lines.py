"""Line protocol: frames and timings as InfluxDB reads them. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ingest.frames import Frame, to_micros
from streams.series.port import Timing

READING, TIMING = "reading", "timing"
_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ ", "\t": r"\ "})


def tag_value(text: str) -> str:
    """The text as it is kept as a tag. A backslash at the end would swallow what follows it, so a set minus stands in."""
    bare = text.rstrip("\\")
    return bare + "\u2216" * (len(text) - len(bare))


def _tags(**values: str) -> str:
    """Tags in the order of their names; an empty tag cannot be and is left out."""
    return "".join(f",{name}={tag_value(value).translate(_ESCAPES)}" for name, value in sorted(values.items()) if value)


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def frame_lines(frame: Frame) -> Iterator[str]:
    """One line per row, instants in microseconds."""
    heads: dict[tuple[int, int], str] = {}
    columns = zip(
        frame.device.tolist(), frame.metric.tolist(), frame.observed_at.tolist(), frame.value.tolist(), strict=True
    )
    for device, metric, at, value in columns:
        head = heads.get((device, metric))
        if head is None:
            o = frame.devices[device]
            tags = _tags(
                device=o.device, metric=frame.metrics[metric], grid=o.grid, township=o.township, kind=o.device_kind
            )
            head = heads[device, metric] = f"{READING}{tags} value="
        yield f"{head}{value!r} {at}"


def timing_line(timing: Timing) -> str:
    """One line, instant in nanoseconds: the last three digits come from the alert, so that two alerts of the same microsecond stand side by
    side without the alert as a tag, which would be a series of its own for every alert.
    """
    tags = _tags(
        stage=timing.stage,
        kind=timing.kind,
        level=timing.level,
        grid=timing.grid,
        township=timing.township,
        origin=timing.origin,
    )
    at = to_micros(timing.at) * 1000 + zlib.crc32(timing.alert.encode()) % 1000
    return f"{TIMING}{tags} alert={_text(timing.alert)},seconds={float(timing.seconds)!r} {at}"
