"""The MQTT broker that a measurement runs on: Mosquitto where it is installed, else the embedded one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from api.child import Child, free_ports
from api.embedded import MqttBroker

EMBEDDED: Final = "embedded rumqttd"
MOSQUITTO: Final = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 10000000
"""


@contextmanager
def mqtt_broker(folder: Path) -> Iterator[tuple[int, int, str]]:
    """The port to subscribe at, the port to publish at, and the broker's name."""
    path = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        broker = MqttBroker(folder).start()
        try:
            yield broker.port, broker.v4_port, EMBEDDED
        finally:
            broker.stop()
        return
    (port,) = free_ports(1)
    config = folder / "mosquitto.conf"
    config.write_text(MOSQUITTO.format(port=port), encoding="utf-8")
    child = Child("mosquitto", [path, "-c", str(config)], folder / "mosquitto.log")
    try:
        child.wait_for([port])
        yield port, port, "Mosquitto"
    finally:
        child.stop()
