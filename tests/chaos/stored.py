"""What the time series holds, read back message by message for the history."""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from collections.abc import Iterable

from influxdb_client import InfluxDBClient

from streams.settings import SeriesSettings
from tests.chaos.county import gateway_of
from tests.chaos.history import History, runs

WINDOW = 120  # seconds that are asked for at once
QUERY = """from(bucket: "{bucket}") |> range(start: {start}, stop: {stop})
 |> filter(fn: (r) => r._measurement == "reading" and r.metric == "uptime" and r._field == "value")
 |> keep(columns: ["device", "_value"])"""


def stored_into(history: History, settings: SeriesSettings, since: float) -> None:
    """Write down every message of which the series has a point, from an instant on, and that it was asked."""
    history.write("series")
    with InfluxDBClient(
        url=settings.url, token=settings.token.get_secret_value(), org=settings.org, timeout=120_000
    ) as client:
        start, end = int(since) - 60, int(time.time()) + 7200
        while start < end:
            for source, numbers in sorted(_window(client, settings.bucket, start, start + WINDOW).items()):
                for first, last in runs(numbers):
                    history.write("stored", source=source, first=first, last=last)
            start += WINDOW


def _window(client: InfluxDBClient, bucket: str, start: int, stop: int) -> dict[str, set[int]]:
    return numbers_in(client.query_api().query_raw(QUERY.format(bucket=bucket, start=start, stop=stop)))


def numbers_in(answer: Iterable[bytes]) -> dict[str, set[int]]:
    """The numbers in InfluxDB's annotated CSV, by gateway. Each table has annotations, which begin with #, and a heading of its own."""
    found: dict[str, set[int]] = defaultdict(set)
    for row in csv.DictReader(line.decode() for line in answer if line.strip() and not line.startswith(b"#")):
        device, value = row["device"], row["_value"]
        if value != "_value":
            found[gateway_of(device)].add(int(float(value)))
    return found
