"""The time series in InfluxDB 2 through its official client: synchronous writes of joined lines, and a yes or an
exception. Touches the network.

Never the client's background batching: it drops what it holds at an outage without a word. Errors fall into two classes: what the server
would refuse again (400, 422: halved until the bad lines stand alone) and everything else, for which the rows wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from ingest.frames import Frame, from_micros, to_micros
from streams.series.lines import READING, TIMING, frame_lines, tag_value, timing_line
from streams.series.port import Sample, SeriesRefused, SeriesUnavailable, Timing
from streams.settings import SeriesSettings

_AT_ONCE: Final = 5000  # lines per request: 190 to 260 thousand points a second were measured with it
_BAD_LINES: Final = frozenset({400, 422})
_TOO_LARGE: Final = 413
_HINTS: Final = {
    401: "check series.token",
    403: "the token may not write there; check series.token",
    404: "check series.org and series.bucket",
}


class InfluxSeries:
    """Holds `streams.series.port.Series` over an InfluxDB 2 bucket."""

    def __init__(self, settings: SeriesSettings, *, timeout: float = 10.0) -> None:
        self._bucket, self._url = settings.bucket, settings.url
        self._client = InfluxDBClient(
            url=settings.url,
            token=settings.token.get_secret_value(),
            org=settings.org,
            timeout=int(timeout * 1000),
            retries=False,
        )
        self._writing = self._client.write_api(write_options=SYNCHRONOUS)

    def write_frames(self, frames: Sequence[Frame]) -> int:
        """Store every row; raises `SeriesRefused` with the lines that the server would not take after it has taken the others."""
        return self._write((line for frame in frames for line in frame_lines(frame)), "us")

    def write_timings(self, timings: Sequence[Timing]) -> int:
        """Store stage timings; the same one again overwrites itself."""
        return self._write(map(timing_line, timings), "ns")

    def _write(self, lines: Iterable[str], precision: str) -> int:
        written, refused, why, rest = 0, [], "", iter(lines)
        while chunk := list(islice(rest, _AT_ONCE)):
            bad, said = self._post(chunk, precision)
            written, why = written + len(chunk) - len(bad), said or why
            refused += bad
        if refused:
            raise SeriesRefused(f"{self._url} refused {len(refused)} of {written + len(refused)} lines: {why}", refused)
        return written

    def _post(self, lines: list[str], precision: str) -> tuple[list[str], str]:
        """Write lines; returns those that the server refuses however small the batch is, and its words."""
        try:
            self._writing.write(bucket=self._bucket, record="\n".join(lines), write_precision=precision)
            return [], ""
        except ApiException as error:
            if error.status == _TOO_LARGE and len(lines) > 1:
                return self._halves(lines, precision)
            if error.status not in _BAD_LINES:
                raise self._unavailable(error) from error
            if len(lines) > 1:
                return self._halves(lines, precision)
            return lines, str(error.message or error.body or error.reason)[:300]
        except (HTTPError, OSError) as error:
            raise self._unavailable(error) from error

    def _halves(self, lines: list[str], precision: str) -> tuple[list[str], str]:
        half = len(lines) // 2
        (bad, why), (more, also) = self._post(lines[:half], precision), self._post(lines[half:], precision)
        return bad + more, why or also

    def _unavailable(self, error: Exception) -> SeriesUnavailable:
        status = getattr(error, "status", None)
        hint = (
            _HINTS.get(status, "is it running, and is series.url right?")
            if isinstance(status, int)
            else "is it running?"
        )
        said = f"answered {status}" if isinstance(status, int) else f"did not answer ({type(error).__name__})"
        return SeriesUnavailable(f"InfluxDB at {self._url} {said}; {hint}")

    def readings(
        self, device: str, metric: str, start: datetime, stop: datetime, *, buckets: int = 300
    ) -> list[Sample]:
        """A device's metric in at most `buckets` equal buckets."""
        begin, end = to_micros(start), to_micros(stop)
        if end <= begin:
            return []
        width = -(-(end - begin) // max(buckets, 1))
        folds = ("mean", "min", "max", "count")
        query = self._source(READING, begin, end) + (
            f"  |> filter(fn: (r) => r.device == {_quoted(tag_value(device))} and r.metric == {_quoted(tag_value(metric))}"
            f' and r._field == "value")\n  |> group()\n'
        )
        windows = "".join(
            f'data |> aggregateWindow(every: {width}us, offset: {begin % width}us, fn: {fold}, createEmpty: false, timeSrc: "_start")'
            f' |> yield(name: "{fold}")\n'
            for fold in folds
        )
        found: dict[datetime, dict[str, float]] = {}
        for row in self._ask(f"data = {query}\n{windows}"):
            found.setdefault(row["_time"], {})[row["result"]] = row["_value"]
        return [Sample(at, v["mean"], v["min"], v["max"], int(v["count"])) for at, v in sorted(found.items())]

    def timings(self, stage: str, start: datetime, stop: datetime) -> list[Timing]:
        """Every timing of a stage, oldest first; one per alert."""
        query = self._source(TIMING, to_micros(start), to_micros(stop)) + (
            f"  |> filter(fn: (r) => r.stage == {_quoted(tag_value(stage))})\n"
            '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n  |> group()\n'
        )
        found: dict[str, Timing] = {}
        for row in sorted(self._ask(query), key=lambda r: r["_time"]):
            kind, level, grid, township, origin = (
                str(row.get(name) or "") for name in ("kind", "level", "grid", "township", "origin")
            )
            at = from_micros(to_micros(row["_time"]))
            found.setdefault(
                row["alert"], Timing(row["alert"], stage, kind, level, grid, township, origin, at, row["seconds"])
            )
        return list(found.values())

    def count(self) -> int:
        """How many reading points are kept."""
        rows = self._ask(
            self._source(READING, 0, to_micros(datetime(2200, 1, 1, tzinfo=UTC))) + "  |> group()\n  |> count()\n"
        )
        return int(rows[0]["_value"]) if rows else 0

    def close(self) -> None:
        """Let go of connections."""
        self._writing.close()
        self._client.close()

    def _source(self, measurement: str, begin: int, end: int) -> str:
        times, name = f"start: {_instant(begin)}, stop: {_instant(end)}", _quoted(measurement)
        bucket = _quoted(self._bucket)
        return f"from(bucket: {bucket})\n  |> range({times})\n  |> filter(fn: (r) => r._measurement == {name})\n"

    def _ask(self, query: str) -> list[dict[str, Any]]:
        try:
            return [record.values for table in self._client.query_api().query(query) for record in table.records]
        except (ApiException, HTTPError, OSError) as error:
            raise self._unavailable(error) from error


def _instant(micros: int) -> str:
    return from_micros(micros).isoformat().replace("+00:00", "Z")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'
