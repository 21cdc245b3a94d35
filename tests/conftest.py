"""Embedded brokers for the whole session: one MQTT broker and one log, on free loopback ports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
