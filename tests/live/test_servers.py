"""The servers of the tests are the deployed ones: what is rendered is the very file, and a server that is missing is said."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.settings import LogSettings
from tests.alerts.deadline import until
from tests.live import influx, kafka, mosquitto, postgres
from tests.live.process import DEPLOY, ServerMissing, alive, substituted
from tests.live.servers import Influx, Kafka, Mosquitto, Postgres


@pytest.mark.parametrize(
    ("sentence", "text", "count"),
    [
        ("a text that is not there", "listener 8883\n", 0),
        ("a text that stands there twice", "listener 1883\nlistener 1883\n", 2),
    ],
)
def test_a_file_that_is_not_as_we_think_is_not_rendered(sentence: str, text: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"stands {count} times"):
        substituted(text, {"listener 1883": "listener 1"})


def test_a_broker_has_the_deployed_properties_and_its_own() -> None:
    deployed = properties(kafka.PROPERTIES.read_text())
    own = {"node.id": "1", "log.dirs": "/x", "min.insync.replicas": "1"}
    assert properties(kafka.rendered(kafka.PROPERTIES.read_text(), own)) == deployed | own
    assert not deployed.keys() & {
        "node.id",
        "log.dirs",
        "listeners",
        "advertised.listeners",
        "controller.quorum.voters",
    }


def properties(text: str) -> dict[str, str]:
    pairs = [line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#")]
    assert len({key for key, _ in pairs}) == len(pairs), "a key stands twice"
    return dict(pairs)


@pytest.mark.parametrize(
    ("sentence", "key", "least"),
    [
        ("three brokers have every record", "default.replication.factor", 3),
        ("two of them have it before it counts", "min.insync.replicas", 2),
        ("a group's offsets outlive a month away", "offsets.retention.minutes", 14 * 1440),
        ("offsets are as safe as records", "offsets.topic.replication.factor", 3),
    ],
)
def test_the_log_is_deployed_to_keep(sentence: str, key: str, least: int) -> None:
    assert int(properties(kafka.PROPERTIES.read_text())[key]) >= least


def test_the_log_is_deployed_to_guess_nothing() -> None:
    deployed = properties(kafka.PROPERTIES.read_text())
    assert deployed["unclean.leader.election.enable"] == "false"
    assert deployed["auto.create.topics.enable"] == "false"
    assert deployed["log.message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(("brokers", "copies", "least"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)])
def test_what_is_asked_of_a_cluster_fits_it(brokers: int, copies: int, least: int, tmp_path: Path) -> None:
    deployed = properties(kafka.PROPERTIES.read_text()) | kafka.what_fits(brokers)
    assert int(deployed["default.replication.factor"]) == copies
    assert int(deployed["min.insync.replicas"]) == least
    cluster = Kafka(tmp_path, brokers)
    cluster._ports = list(range(9001, 9001 + brokers))
    settings = cluster.settings(partitions=3)
    assert (settings.replication, settings.min_insync, settings.partitions) == (copies, min(2, brokers), 3)
    assert isinstance(settings, LogSettings)
    assert settings.idempotent


def test_a_server_that_cannot_be_had_is_named_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mosquitto, "_BESIDE_THE_PATH", str(tmp_path))
    monkeypatch.setattr(influx, "BUILT", tmp_path)
    monkeypatch.setattr(postgres, "programs", lambda: None)
    for server, how in (
        (Kafka(tmp_path / "k"), "apt-get install openjdk"),
        (Mosquitto(tmp_path / "m"), "apt-get install mosquitto"),
        (Postgres(tmp_path / "p"), "apt-get install postgresql"),
        (Influx(tmp_path / "i"), "deploy/influxdb/install"),
    ):
        with pytest.raises(ServerMissing, match=how):
            server.start()
        server.stop()


def test_kafka_without_its_jars_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "JARS", tmp_path)
    monkeypatch.setattr(kafka.shutil, "which", lambda _: "/usr/bin/java")
    with pytest.raises(ServerMissing, match="deploy/kafka/install"):
        Kafka(tmp_path / "k").start()


def test_the_jars_are_of_the_version_in_the_pom() -> None:
    assert f"<version>{kafka.VERSION}</version>" in (DEPLOY / "kafka" / "pom.xml").read_text()


@pytest.mark.server
def test_a_killed_postgres_comes_back_with_what_it_answered(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    try:
        address = server.start().new_database().replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
            family = server.program.family()
            server.kill()
        assert not [pid for pid in family if alive(pid)]
        server.start_again()
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
            shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")}
        assert shown == {"fsync": ("on",), "synchronous_commit": ("on",)}
    finally:
        server.stop()
    assert server.pid == 0


@pytest.mark.server
def test_a_paused_server_listens_and_does_not_answer(tmp_path: Path) -> None:
    server = Mosquitto(tmp_path)

    def answer() -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), 5) as wire:
            wire.settimeout(0.5)
            wire.sendall(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00")  # CONNECT
            return wire.recv(2)

    try:
        server.start()
        assert answer()[:1] == b"\x20"
        server.pause()
        with pytest.raises(TimeoutError):
            answer()
        server.resume()
        assert answer()[:1] == b"\x20"
    finally:
        server.stop()


@pytest.mark.server
def test_messages_of_a_session_outlive_a_restart_of_the_broker(tmp_path: Path) -> None:
    """What an operator does, and an upgrade; a kill loses up to a second of it, which is why gateways wait for our own acknowledgement."""
    server = Mosquitto(tmp_path)
    try:
        server.start()
        settings = server.settings(client_id="keeps")
        password = server.user("gw-1")
        got: list[bytes] = []

        def session() -> mqtt.Client:
            client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=settings.client_id, protocol=mqtt.MQTTv5)
            client.username_pw_set(settings.username, settings.password.get_secret_value())
            lasting = Properties(PacketTypes.CONNECT)
            lasting.SessionExpiryInterval = 3600
            client.on_message = lambda _c, _u, message: got.append(message.payload)
            client.connect("127.0.0.1", server.port, clean_start=False, properties=lasting)
            return client

        first = session()
        subscribed = threading.Event()
        first.on_subscribe = lambda *_: subscribed.set()
        first.on_connect = lambda client, *_: client.subscribe("tocsin/#", 1)
        first.loop_start()
        assert subscribed.wait(15), "what is published before the broker knows the subscription is not kept for it"
        publisher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        publisher.username_pw_set("gw-1", password)
        publisher.connect("127.0.0.1", server.port)
        publisher.loop_start()
        publisher.publish("tocsin/gw-1/d/telemetry", b"first", 1).wait_for_publish(10)
        until(lambda: b"first" in got)
        first.disconnect()
        first.loop_stop()
        for n in range(1500):  # more than the thousand that Mosquitto keeps by itself
            last = publisher.publish("tocsin/gw-1/d/telemetry", str(n).encode(), 1)
        last.wait_for_publish(20)
        publisher.disconnect()
        publisher.loop_stop()
        server.stop()
        server.start_again()
        second = session()
        second.loop_start()
        until(lambda: got[-1] == b"1499", 60)
        second.disconnect()
        second.loop_stop()
        # The session may have ended between the first message's arrival and its PUBACK: it then comes once more, as QoS 1 says.
        assert [message for message in got if message != b"first"] == [str(n).encode() for n in range(1500)]
    finally:
        server.stop()
