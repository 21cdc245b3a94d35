"""Throughput on three real Kafka brokers beside the embedded log, in one run: `python -m tests.live.throughput [--rounds 3]`.

The gateway takes QoS 1 messages from Mosquitto and acknowledges them once the log has them: on Kafka on two of three brokers at least,
with an idempotent producer. The worker finds a million readings in the log and puts them through the default detectors.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from api.bench import detectors, gateway
from api.bench.broker import mqtt_broker
from api.embedded import LogBroker
from ingest.settings import LogSettings
from tests.live.servers import Kafka

Open = Callable[[Path, ExitStack, int], LogSettings]


def embedded(folder: Path, room: ExitStack, partitions: int) -> LogSettings:
    """The embedded log, in memory."""
    log = LogBroker(folder).start()
    room.callback(log.stop)
    return LogSettings(brokers=log.address, idempotent=False, partitions=partitions)


def kafka(folder: Path, room: ExitStack, partitions: int) -> LogSettings:
    """Three brokers, three replicas, two of them before a yes."""
    cluster = Kafka(folder, brokers=3).start()
    room.callback(cluster.stop)
    return cluster.settings(partitions=partitions)


LOGS: dict[str, Open] = {"embedded log": embedded, "Kafka, 3 brokers": kafka}


def gateways(folder: Path, rounds: int, messages: int) -> dict[str, list[dict[str, float]]]:
    """The gateway on each log in turn, a stock subscriber that keeps nothing between them."""
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in ("stock paho", *LOGS)}
    with ExitStack() as room:
        port, publish_port, _ = room.enter_context(mqtt_broker(folder))
        logs = {name: open_log(_fresh(folder, f"gateway-{name}"), room, 12) for name, open_log in LOGS.items()}
        for n in range(rounds):
            for serial, name in enumerate(turns):
                log = logs.get(name, LogSettings())
                who = "ours" if name in logs else "stock"
                turns[name].append(
                    gateway.turn(who, 10 * n + serial, port=port, publish_port=publish_port, log=log, messages=messages)
                )
    return turns


def workers(folder: Path) -> dict[str, float]:
    """Readings a second of one worker on each log."""
    found = {}
    for name, open_log in LOGS.items():
        with ExitStack() as room:
            log = open_log(_fresh(folder, f"worker-{name}"), room, len(detectors.TOWNSHIPS))
            found[name] = asyncio.run(detectors.worker_rate(log))
    return found


def _fresh(folder: Path, name: str) -> Path:
    made = folder / name.replace(" ", "-").replace(",", "")
    made.mkdir()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=60_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-throughput-") as made:
        turns = gateways(Path(made), asked.rounds, asked.messages)
        rates = workers(Path(made))
    table = Table("log", "gateway msg/s", "CPU µs/msg", "÷ stock paho", "worker readings/s", "÷ embedded")
    stock = statistics.median(t["rate"] for t in turns["stock paho"])
    for name, each in turns.items():
        rate, cpu = (statistics.median(t[key] for t in each) for key in ("rate", "cpu"))
        readings = rates.get(name)
        table.add_row(
            name, f"{rate:,.0f}", f"{cpu:.1f}", f"{rate / stock:.2f}",
            f"{readings:,.0f}" if readings else "", f"{readings / rates['embedded log']:.2f}" if readings else "",
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
