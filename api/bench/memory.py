"""What 100,000 devices cost in memory: a fresh process puts two metrics of each through the default detectors."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from api.bench import Row

DEVICES: Final = 100_000
PROGRAM: Final = """
import json, resource, sys
from datetime import UTC, datetime
import numpy as np
from ingest.frames import Frame, Origin
from streams.detectors.registry import Detectors
from streams.rules import load_rules

def rss():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()

count, step = int(sys.argv[1]), 500
detectors = Detectors(load_rules())
at = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e6)
before, seen = rss(), 0
for turn in range(3):
    for first in range(0, count, step):
        ids = range(first, first + step)
        origins = tuple(Origin(f"device-{i:06d}", "smoke", f"grid-{i % 5816:05d}", f"town-{i % 200:03d}", "gw") for i in ids)
        device = np.repeat(np.arange(step, dtype=np.int32), 2)
        metric = np.tile(np.array([0, 1], np.int16), step)
        when = np.full(2 * step, at + turn * 10_000_000, np.int64)
        value = np.tile(np.array([0.01, 21.0]), step)
        detectors.update(Frame(origins, ("smoke", "temperature"), device, metric, np.zeros(2 * step, np.uint16), when, when, value))
print(json.dumps({"bytes": rss() - before}))
"""


def run() -> list[Row]:
    """Growth of the resident set, against one Python dict of three numbers per device and metric."""
    ours = _measure([sys.executable, "-c", PROGRAM, str(DEVICES)])
    plain = _measure([sys.executable, "-c", PLAIN, str(DEVICES)])
    against = f"a plain dict per device and metric {plain / 1e6:.0f} MB"
    return [
        Row(
            "memory_100k_devices",
            ours / 1e6,
            "MB",
            against,
            plain / ours,
            "default rules, smoke and temperature of each",
        )
    ]


PLAIN: Final = """
import json, resource, sys
def rss():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()
before = rss()
state = {}
for i in range(int(sys.argv[1])):
    for metric in ("smoke", "temperature"):
        state[(f"device-{i:06d}", metric)] = {"since": float(i), "last": i + 0.5, "at": i * 1000}
print(json.dumps({"bytes": rss() - before}))
"""


def _measure(command: list[str]) -> float:
    said = subprocess.run(command, capture_output=True, check=True, timeout=300)
    return float(json.loads(said.stdout)["bytes"])
