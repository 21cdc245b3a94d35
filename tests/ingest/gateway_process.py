"""A gateway to be killed: `python -m tests.ingest.gateway_process SETTINGS` prints "ready" and runs until it dies. `told` writes SETTINGS."""

import asyncio
import json
import logging
import sys

from ingest.clock import Clock
from ingest.doors import run_gateway
from ingest.registry import Registry
from ingest.settings import GatewaySettings, LogSettings, MqttSettings


def told(mqtt: MqttSettings, log: LogSettings) -> str:
    """Both settings as one argument, the password in the clear."""
    secret = {"password": mqtt.password.get_secret_value()}
    return json.dumps({"mqtt": mqtt.model_dump(mode="json") | secret, "log": log.model_dump(mode="json")})


def ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def main() -> None:
    logging.basicConfig(level=logging.INFO)
    asked = json.loads(sys.argv[1])
    await run_gateway(
        MqttSettings.model_validate(asked["mqtt"]), LogSettings.model_validate(asked["log"]), GatewaySettings(),
        registry=Registry, locate=lambda _: None, seal=lambda _: ("", ""),
        clock=Clock(), stop=asyncio.Event(), ready=ready,
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
