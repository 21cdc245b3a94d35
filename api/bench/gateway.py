"""One gateway process against a stock paho subscriber that only acknowledges: messages a second, and CPU time a message.

Ours decodes, places, frames, waits for the log's yes and then acknowledges; the stock one does nothing but acknowledge. They
take turns on one broker in one run: Mosquitto when it is installed, else the embedded one.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from api.bench import Row
from api.bench.blast import DEVICES
from api.bench.broker import mqtt_broker
from api.embedded import LogBroker
from ingest.settings import GatewaySettings, LogSettings, MqttSettings

_ROUNDS: Final = 3
_PUBLISHERS: Final = 2
_WITHIN: Final = 120.0


def run(messages: int = 60_000) -> list[Row]:
    """The rows `gateway_qos1` and `gateway_cpu`, as medians over three turns each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        port, publish_port, broker = stack.enter_context(mqtt_broker(folder))
        log = LogBroker(folder).start()
        stack.callback(log.stop)
        settings = LogSettings(brokers=log.address, idempotent=False)
        turns: dict[str, list[dict[str, float]]] = {"stock": [], "ours": []}
        for n in range(_ROUNDS):
            for who, each in turns.items():
                each.append(turn(who, n, port=port, publish_port=publish_port, log=settings, messages=messages))
    rate = {who: statistics.median(t["rate"] for t in each) for who, each in turns.items()}
    cpu = {who: statistics.median(t["cpu"] for t in each) for who, each in turns.items()}
    note = f"{broker}, QoS 1, MQTT 5, {messages} messages, {_PUBLISHERS} publishers, median of {_ROUNDS} turns; stock "
    return [
        Row(
            "gateway_qos1",
            rate["ours"],
            "msg/s",
            "stock paho",
            rate["ours"] / rate["stock"],
            f"{note}{rate['stock']:,.0f}",
        ),
        Row(
            "gateway_cpu", cpu["ours"], "µs/msg", "stock paho", cpu["stock"] / cpu["ours"], f"{note}{cpu['stock']:.1f}"
        ),
    ]


def turn(who: str, n: int, *, port: int, publish_port: int, log: LogSettings, messages: int) -> dict[str, float]:
    """One subscriber taking all messages of freshly started publishers: its `rate` (messages a second) and `cpu` (µs a message)."""
    with ExitStack() as stack:
        gateways = [f"bench-{who}-{n}-{i}" for i in range(_PUBLISHERS)]
        subscriber = stack.enter_context(
            _python("api.bench.gateway", who, port, log.model_dump_json(), messages, f"{who}-{n}")
        )
        _await_ready(subscriber)
        each = messages // _PUBLISHERS
        blasts = [stack.enter_context(_python("api.bench.blast", publish_port, g, each)) for g in gateways]
        for blast in blasts:
            _await_ready(blast)
        for blast in blasts:
            if blast.stdin is not None:
                blast.stdin.write("go\n")
                blast.stdin.flush()
        out, _ = subscriber.communicate(timeout=_WITHIN)
        found: dict[str, float] = json.loads(out.splitlines()[-1])
        return found


@contextmanager
def _python(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def _await_ready(child: subprocess.Popen[str]) -> None:
    line = child.stdout.readline() if child.stdout is not None else ""
    if line.strip() != "ready":
        raise RuntimeError(f"a process of the bench did not come up: it said {line!r}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _result(messages: int, begun: float, cpu: float) -> None:
    took = time.perf_counter() - begun
    _say(json.dumps({"rate": messages / took, "cpu": (time.process_time() - cpu) / messages * 1e6}))


def _stock(port: int, messages: int, name: str) -> None:
    """Paho as its documentation shows it, acknowledging by hand and doing nothing else."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5, manual_ack=True)
    state: dict[str, Any] = {"n": 0}

    def on_message(client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if not state["n"]:
            state["begun"] = time.perf_counter()
        state["n"] += 1
        client.ack(message.mid, message.qos)
        if state["n"] == messages:
            _result(messages, state["begun"], state["cpu"])
            client.disconnect()

    def on_subscribe(*_: object) -> None:
        state["cpu"] = time.process_time()
        _say("ready")

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 60
    client.on_connect = lambda client, *_: client.subscribe("tocsin/#", 1)
    client.on_message, client.on_subscribe = on_message, on_subscribe
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    client.loop_forever()


async def _ours(port: int, log: str, messages: int, name: str) -> None:
    """The product's own gateway, with a registry that knows the devices."""
    from ingest.clock import Clock
    from ingest.counts import GatewayCounts
    from ingest.doors import run_gateway
    from ingest.registry import Device, Grid, GridLevel, Registry

    grids = [Grid("t1", "t1", GridLevel.TOWNSHIP), Grid("t2", "t2", GridLevel.TOWNSHIP)]
    devices = [Device(f"bench-{n:04d}", "smoke", grid=f"t{n % 2 + 1}") for n in range(DEVICES)]
    registry, counts = Registry.of(grids, devices, 1), GatewayCounts()
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        run_gateway(
            MqttSettings(port=port, client_id=name, session_expiry=60),
            LogSettings.model_validate_json(log), GatewaySettings(),
            registry=lambda: registry, locate=lambda *_: None, seal=lambda _: ("", ""),
            clock=Clock(), stop=stop, ready=ready.set, counts=counts,
        )
    )  # fmt: skip
    await ready.wait()
    cpu = time.process_time()
    _say("ready")
    while not counts.received:
        await asyncio.sleep(0.001)
    begun = time.perf_counter()
    while counts.acknowledged < messages:
        await asyncio.sleep(0.005)
    _result(messages, begun, cpu)
    stop.set()
    await running


def main() -> None:
    """`python -m api.bench.gateway stock|ours PORT LOG MESSAGES NAME`: one subscriber of the bench."""
    who, port, log, messages, name = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
    if who == "stock":
        _stock(port, messages, name)
    else:
        asyncio.run(_ours(port, log, messages, name))


if __name__ == "__main__":
    main()
