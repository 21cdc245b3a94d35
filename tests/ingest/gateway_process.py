"""A gateway to be killed: `python -m tests.ingest.gateway_process MQTT_PORT LOG NAME LANE` prints "ready" and runs until it dies."""

import asyncio
import sys
from typing import Any

from ingest.clock import Clock
from ingest.doors import run_gateway
from ingest.registry import Registry
from ingest.settings import GatewaySettings, LogSettings, MqttSettings


def ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def main() -> None:
    port, log, name, lane = sys.argv[1:5]
    values: dict[str, Any] = {"port": int(port), "client_id": name, "filters": (f"tocsin/{name}/#",), "lane": lane}
    await run_gateway(
        MqttSettings.model_validate(values), LogSettings(brokers=log, idempotent=False), GatewaySettings(),
        registry=Registry, locate=lambda _: None, seal=lambda _: ("", ""),
        clock=Clock(), stop=asyncio.Event(), ready=ready,
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
