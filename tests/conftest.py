"""Servers for the whole session: the embedded brokers, and the real ones (tests/live) that a test asks for, each started once.

A real server that this machine does not have is a skip with its reason; where the environment says that all must be there (`CI`, or
`EVERY_SERVER`, which `make live` sets) it is a failure. What needs one is marked `server`; what is slow to start besides (Kafka, the whole
path) is marked `live` and left to `make live`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from api.embedded import LogBroker, MqttBroker
from ingest.log import LogUnavailable, ensure_topics
from ingest.settings import LogSettings, MqttSettings
from tests.live.process import Server
from tests.live.servers import Influx, Kafka, Mosquitto, Postgres, ServerMissing

# No test asserts a timing: a search that a busy machine slows down has found nothing.
settings.register_profile("tocsin", settings(), deadline=None)
settings.load_profile("tocsin")

DEMANDED = any(os.environ.get(name, "").lower() in {"1", "true", "yes"} for name in ("CI", "EVERY_SERVER"))


@contextmanager
def serving(server: Server | Kafka) -> Iterator[None]:
    """A real server for as long as the context; a skip, or a failure, where it cannot be had."""
    try:
        try:
            server.start()
        except ServerMissing as missing:
            if DEMANDED:
                pytest.fail(f"every server must be here, but {missing}", pytrace=False)
            pytest.skip(str(missing))
        yield
    finally:
        server.stop()


@pytest.fixture(scope="session")
def mqtt_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MqttBroker]:
    """rumqttd with `.port` (MQTT 5) and `.v4_port` (MQTT 3.1.1). Shared: use topics and client ids of your own."""
    broker = MqttBroker(tmp_path_factory.mktemp("rumqttd"))
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Mosquitto as deployed. Shared: use users, topics and client ids of your own."""
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    with serving(server):
        yield server


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


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One Kafka broker. Shared: `wipe` it first where what others wrote, or their partition count, is in the way."""
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    with serving(server):
        yield server


@pytest.fixture(scope="session")
def kafka3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Three Kafka brokers as deployed. Shared, as `kafka` is; leave all three running."""
    server = Kafka(tmp_path_factory.mktemp("kafka3"), brokers=3)
    with serving(server):
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL that waits for no disk. Shared: take a `new_database` of your own."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    with serving(server):
        yield server


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """InfluxDB. Shared: take a `new_bucket` of your own."""
    server = Influx(tmp_path_factory.mktemp("influx"))
    with serving(server):
        yield server


@pytest.fixture
def mqtt_settings(mqtt_broker: MqttBroker, request: pytest.FixtureRequest) -> MqttSettings:
    """Settings for the shared embedded MQTT broker with a client id of this test's own."""
    return MqttSettings(port=mqtt_broker.port, client_id=f"test-{abs(hash(request.node.nodeid)):x}")


@dataclass(frozen=True, slots=True)
class Doorway:
    """One of the real MQTT brokers: what the gateway process connects with, and how a sensor gateway becomes known (its password)."""

    settings: MqttSettings
    enrol: Callable[[str], str]


def _doorway(which: str, request: pytest.FixtureRequest) -> Doorway:
    if which == "mosquitto":
        server: Mosquitto = request.getfixturevalue("mosquitto")
        return Doorway(server.settings(), server.user)
    port = request.getfixturevalue("mqtt_broker").port
    return Doorway(MqttSettings(port=port), lambda _: "anything")


@pytest.fixture(params=["rumqttd", pytest.param("mosquitto", marks=pytest.mark.server)])
def doorway(request: pytest.FixtureRequest) -> Doorway:
    """Each MQTT broker in turn."""
    return _doorway(request.param, request)


@dataclass(frozen=True, slots=True)
class Log:
    """One of the logs, with topics of the usual number of partitions or none: how to find it, and how it goes away and comes back."""

    name: str
    settings: LogSettings
    go_away: Callable[[], object]
    come_back: Callable[[], bool]  # true when it is there again


def _log(which: str, request: pytest.FixtureRequest, folder: Path) -> Log:
    if which == "tansu":
        shared: LogBroker = request.getfixturevalue("kafka_broker")
        own = LogSettings(brokers=shared.address, idempotent=False)

        def again() -> bool:
            while True:  # it comes back empty, and a client that is quicker than we has a topic made otherwise; a stack does the same
                shared.start_again()
                try:
                    asyncio.run(ensure_topics(own))
                    return True
                except LogUnavailable:
                    shared.stop()

        return Log(which, own, shared.stop, again)
    cluster: Kafka = request.getfixturevalue(which)
    gone = tuple(range(max(1, cluster.count - 1)))  # of three, two: the third alone may not take a record
    cluster.wipe()
    return Log(
        which,
        cluster.settings(),
        lambda: [cluster.kill(i) for i in gone],
        lambda: bool(cluster.start_again(*gone)),
    )


LOGS = ("tansu", *(pytest.param(name, marks=(pytest.mark.server, pytest.mark.live)) for name in ("kafka", "kafka3")))


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    """Each log in turn."""
    return _log(request.param, request, tmp_path)


@pytest.fixture
def log_settings(log: Log) -> LogSettings:
    """Settings for each log in turn."""
    return log.settings


@dataclass(frozen=True, slots=True)
class Passage:
    """What lies on both sides of a gateway process: an MQTT broker and a log."""

    door: Doorway
    log: LogSettings


@pytest.fixture(
    params=[
        pytest.param(("rumqttd", "tansu"), id="embedded"),
        pytest.param(("mosquitto", "kafka3"), id="real", marks=(pytest.mark.server, pytest.mark.live)),
    ]
)
def passage(request: pytest.FixtureRequest, tmp_path: Path) -> Passage:
    """Embedded brokers, then real ones."""
    door, log = request.param
    return Passage(_doorway(door, request), _log(log, request, tmp_path).settings)
