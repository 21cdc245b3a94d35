"""What the time series holds, read back message by message for the history."""

from __future__ import annotations

import csv
from collections import defaultdict

from influxdb_client import InfluxDBClient

from streams.settings import SeriesSettings
from tests.chaos.county import gateway_of
from tests.chaos.history import History, runs

QUERY = """from(bucket: "{bucket}") |> range(start: -12h)
 |> filter(fn: (r) => r._measurement == "reading" and r.metric == "uptime" and r._field == "value")
 |> keep(columns: ["device", "_value"])"""


def stored_into(history: History, settings: SeriesSettings) -> None:
    """Write down every message of which the series has a point."""
    found: dict[str, set[int]] = defaultdict(set)
    with InfluxDBClient(
        url=settings.url, token=settings.token.get_secret_value(), org=settings.org, timeout=120_000
    ) as client:
        answer = client.query_api().query_raw(QUERY.format(bucket=settings.bucket))
        for row in csv.DictReader(line.decode() for line in answer if line.strip()):
            device, value = row.get("device", ""), row.get("_value", "")
            if value and value != "_value":
                found[gateway_of(device)].add(int(float(value)))
    for source, numbers in sorted(found.items()):
        for first, last in runs(numbers):
            history.write("stored", source=source, first=first, last=last)
