"""The whole path under load: how late a hold rings, and how soon an operator sees an alarm, beside a bare subscriber on the same broker.

Each on a fresh stack, on Mosquitto where it is installed, else on the embedded broker.

Rows: `hold_p50`, `hold_max` (ms after the third second of "over 0.5 for 3 s", 1,000 devices, 5,000 messages a second, measured where the
signal is read from the log) and `stream_p50`, `stream_p99` (ms from publishing an alarm to its line on the live stream, same background).
Ratio = bare subscriber / ours: a bare subscriber decides and keeps nothing, so it is the floor, not a rival.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from alerts.people.roster import Person
from api.bench import Row
from api.bench.broker import EMBEDDED, mqtt_broker
from api.stack import Plan, Stack
from ingest.registry import Device, Grid, GridLevel
from ingest.settings import GatewaySettings, LogSettings
from ingest.topics import Topic
from streams import signal

DEVICES: Final = 1000
RATE: Final = 5000.0
SECONDS: Final = 30.0
PUBLISHERS: Final = 2
ALARMS: Final = 100  # by each publisher
HOLD: Final = timedelta(seconds=3)
RULE: Final = """
[[rule]]
id = "over_half"
kind = "load"
metrics = ["load"]
detector = "threshold"
levels = [{ level = "blue", set = 0.5, reset = 0.4, hold = 3 }]

[[rule]]
id = "bench_alarm"
kind = "fire"
metrics = ["alarm"]
detector = "threshold"
levels = [{ level = "yellow", set = 1, reset = 1 }]
"""


def percentile(values: list[float], share: float) -> float:
    """The value at a share of the sorted list (nearest rank), in ms; NaN of nothing."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)] * 1000 if ranked else float("nan")


def place() -> tuple[list[Grid], list[Device], list[Person]]:
    """A grid for every alarm, so that no two alarms are one case."""
    names = [f"{p}-{i:03d}" for p in range(PUBLISHERS) for i in range(ALARMS)]
    tops = [Grid("b", "bench", GridLevel.COUNTY), *(Grid(f"b-{t}", f"t{t}", GridLevel.TOWNSHIP, "b") for t in range(4))]
    grids = [Grid(f"b-{i % 4}-{n}", n, GridLevel.GRID, f"b-{i % 4}") for i, n in enumerate(names)]
    alarms = [Device(f"bench-alarm-{n}", "smoke", "gw-bench", g.code) for n, g in zip(names, grids, strict=True)]
    calm = [Device(f"bench-{i:05d}", "meter", "gw-bench", grids[i % len(grids)].code) for i in range(DEVICES)]
    return [*tops, *grids], [*alarms, *calm], []


def publish(port: int, alarms: int) -> list[subprocess.Popen[bytes]]:
    """Start the publishers."""
    share = DEVICES // PUBLISHERS
    numbers = [(port, p * share, share, RATE / PUBLISHERS, SECONDS, alarms) for p in range(PUBLISHERS)]
    return [subprocess.Popen([sys.executable, "-m", "api.bench.load", *map(str, row)]) for row in numbers]


async def _signals(settings: LogSettings, rule: str, wanted: int, within: float) -> list[float]:
    """Lateness in seconds of each active signal of a rule, at the moment it is read from the log."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False, fetch_max_wait_ms=5)
    await consumer.start()
    parts = [TopicPartition(Topic.SIGNALS, p) for p in range(settings.partitions)]
    consumer.assign(parts)
    await consumer.seek_to_end(*parts)
    late: list[float] = []
    ends = time.monotonic() + within
    try:
        while len(late) < wanted and time.monotonic() < ends:
            for records in (await consumer.getmany(timeout_ms=50)).values():
                now = time.time()
                said = [signal.decode(r.value) for r in records]
                late += [now - (s.event_at + HOLD).timestamp() for s in said if s.rule == rule and s.active]
    finally:
        await consumer.stop()
    return late


def _seen(url: str, wanted: int, within: float) -> list[float]:
    """Seconds from an alarm's instant to its line on the live stream."""
    late: list[float] = []
    ends = time.monotonic() + within
    with httpx.stream("GET", f"{url}/api/v1/stream", timeout=httpx.Timeout(10, read=15), trust_env=False) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                said = orjson.loads(line[5:])
                if said.get("entry", {}).get("what") == "raised" and said["alert"]["kind"] == "fire":
                    late.append(time.time() - _epoch(said["alert"]["stages"]["event_at"]))
            if len(late) >= wanted or time.monotonic() > ends:
                break
    return late


def _epoch(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


def _bare(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "api.bench.bare", str(port), str(SECONDS + 2)], stdout=subprocess.PIPE
    )


def _against_bare(port: int, alarms: int) -> dict[str, list[float]]:
    bare = _bare(port)
    time.sleep(1)
    for child in publish(port, alarms):
        child.wait(SECONDS * 3)
    said, _ = bare.communicate(timeout=SECONDS * 2)
    found: dict[str, list[float]] = orjson.loads(said)
    return found


@contextmanager
def _stack(folder: Path, parts: tuple[str, ...]) -> Iterator[tuple[Stack, int, str]]:
    """A fresh stack (the embedded log slows down as it fills), the port to publish at, and the MQTT broker's name."""
    folder.mkdir()
    rules = folder / "rules.toml"
    rules.write_text(RULE, encoding="utf-8")
    with mqtt_broker(folder) as (port, _, name):
        pace = {"pace": 0.0} if name == EMBEDDED else {"pace": GatewaySettings().pace}
        over = {"worker": {"rules": str(rules)}, "gateway": pace, "mqtt": {"port": port}}
        with Stack(folder / "stack", Plan(parts, place=place(), overrides=over)) as stack:
            yield stack, port, name


def _hold(folder: Path) -> tuple[list[float], str]:
    with _stack(folder, ("gateway", "worker", "api")) as (stack, port, name):
        loads = publish(port, 0)
        late = asyncio.run(_signals(stack.settings.log, "over_half", DEVICES, SECONDS + 15))
        for child in loads:
            child.wait(SECONDS * 3)
    return late, name


def _stream(folder: Path) -> list[float]:
    seen: list[float] = []
    with _stack(folder, ("gateway", "worker", "api")) as (stack, port, _name):
        url, wanted = stack.api_url, ALARMS * PUBLISHERS
        reader = threading.Thread(target=lambda: seen.extend(_seen(url, wanted, SECONDS + 15)))
        reader.start()
        for child in publish(port, ALARMS):
            child.wait(SECONDS * 3)
        reader.join(30)
    return seen


def run() -> list[Row]:
    """Both measurements, ours first, then the bare subscriber under the same load."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        hold, name = _hold(folder / "hold")
        seen = _stream(folder / "stream")
        (folder / "bare").mkdir()
        with mqtt_broker(folder / "bare") as (port, _, _name):
            bare_hold = _against_bare(port, 0)["hold"]
            bare_seen = _against_bare(port, ALARMS)["receive"]
    rang, told = f"{len(hold)} of {DEVICES} rang", f"{len(seen)} of {ALARMS * PUBLISHERS} alarms seen"
    note = f"{name}, embedded log, {DEVICES} devices, {RATE:.0f} msg/s"
    return [
        _row("hold_p50", percentile(hold, 0.5), percentile(bare_hold, 0.5), f"{note}; {rang}"),
        _row("hold_max", percentile(hold, 1.0), percentile(bare_hold, 1.0), f"{note}; {rang}"),
        _row("stream_p50", percentile(seen, 0.5), percentile(bare_seen, 0.5), f"{note}; {told}"),
        _row("stream_p99", percentile(seen, 0.99), percentile(bare_seen, 0.99), f"{note}; {told}"),
    ]


def _row(name: str, ours: float, bare: float, note: str) -> Row:
    return Row(name, ours, "ms", f"bare paho subscriber {bare:.1f} ms", bare / ours if ours else None, note)
