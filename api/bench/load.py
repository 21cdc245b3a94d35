"""The load of the path bench: `python -m api.bench.load PORT FIRST COUNT RATE SECONDS ALARMS` publishes as one gateway among several.

Devices FIRST … FIRST+COUNT-1 speak in turn at RATE messages a second in all. Each goes over 0.5 once, for five seconds, at an instant of
its own between the sixth second and the end; with ALARMS > 0 that many alarm devices ring instead, spread over the same time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Final

from api.county.publisher import Publisher
from ingest.settings import MqttSettings

LEAD: Final = 6.0  # seconds in which everything comes to speed
OVER: Final = 5.0  # seconds a device stays over
TICK: Final = 0.005


def messages(first: int, count: int, rate: float, seconds: float, alarms: int) -> Iterator[tuple[float, str, str]]:
    """(offset, topic, body without its instant) in order of offset."""
    span = seconds - LEAD - OVER - 2
    rings = {round((LEAD + span * i / max(alarms, 1)) * rate): i for i in range(alarms)}
    for n in range(round(seconds * rate)):
        offset, device = n / rate, first + n % count
        if n in rings:
            yield offset, f"tocsin/gw-bench/bench-alarm-{first // count}-{rings[n]:03d}/telemetry", '"alarm":true'
            continue
        since = offset - LEAD - span * (n % count) / count
        value = 0.8 if not alarms and 0 <= since < OVER else 0.2
        yield offset, f"tocsin/gw-bench/bench-{device:05d}/telemetry", f'"load":{value}'


def main() -> None:
    port, first, count = (int(a) for a in sys.argv[1:4])
    rate, seconds, alarms = float(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
    with Publisher(MqttSettings(port=port), f"bench-load-{first}", window=5000) as publisher:
        begun = time.time()
        for offset, topic, body in messages(first, count, rate, seconds, alarms):
            ahead = begun + offset - time.time()
            if ahead > TICK:
                time.sleep(ahead)
            publisher.publish(topic, f'{{"at":{time.time() * 1000:.3f},{body}}}'.encode())
        publisher.flush(30)
    sys.stdout.write(f"{publisher.published} {time.time() - begun:.3f}\n")


if __name__ == "__main__":
    main()
