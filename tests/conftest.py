"""Embedded brokers for the whole session: one MQTT broker and one log, on free loopback ports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from api.child import Child, free_ports
from api.embedded import LogBroker, MqttBroker
from ingest.settings import LogSettings, MqttSettings


@pytest.fixture(scope="session")
def mqtt_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MqttBroker]:
    """rumqttd with `.port` (MQTT 5) and `.v4_port` (MQTT 3.1.1). Shared: use topics and client ids of your own."""
    broker = MqttBroker(tmp_path_factory.mktemp("rumqttd"))
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def mosquitto_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Mosquitto of our own; skips where none is installed."""
    path = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip("mosquitto is not installed (Debian: apt-get install mosquitto)")
    folder, (port,) = tmp_path_factory.mktemp("mosquitto"), free_ports(1)
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 1000\n",
        encoding="ascii",
    )
    child = Child("mosquitto", [path, "-c", str(folder / "mosquitto.conf")], folder / "mosquitto.log")
    try:
        child.wait_for([port])
        yield port
    finally:
        child.stop()


@pytest.fixture(params=["rumqttd", "mosquitto"])
def real_mqtt_port(request: pytest.FixtureRequest) -> int:
    """The port of each real MQTT broker in turn."""
    if request.param == "mosquitto":
        return int(request.getfixturevalue("mosquitto_port"))
    return int(request.getfixturevalue("mqtt_broker").port)


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogBroker]:
    """Tansu with `.address`. Shared: topics keep what other tests wrote, so note the end offsets first or start a
    `LogBroker` of your own.
    """
    broker = LogBroker(tmp_path_factory.mktemp("tansu"))
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.fixture
def mqtt_settings(mqtt_broker: MqttBroker, request: pytest.FixtureRequest) -> MqttSettings:
    """Settings for the shared MQTT broker with a client id of this test's own."""
    return MqttSettings(port=mqtt_broker.port, client_id=f"test-{abs(hash(request.node.nodeid)):x}")


@pytest.fixture
def log_settings(kafka_broker: LogBroker) -> LogSettings:
    """Settings for the shared log."""
    return LogSettings(brokers=kafka_broker.address, idempotent=False)
