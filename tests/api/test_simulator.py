"""The simulator over a real broker."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from api.child import free_ports
from api.county.county import county
from api.county.publisher import NoBroker, Publisher
from api.county.simulator import Simulator, tell
from api.county.story import Message, fire_of, story
from ingest.clock import Clock
from ingest.settings import MqttSettings

WITHIN = 20.0


class Listener:
    """Hears everything below one topic and can wait for a number of messages."""

    def __init__(self, port, topic):
        self.heard = []
        self._news = threading.Condition()
        ready = threading.Event()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"listener-{uuid.uuid4().hex}", protocol=mqtt.MQTTv5
        )
        self.client.on_connect = lambda c, *_: c.subscribe(topic, qos=1)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(WITHIN)

    def _on_message(self, _client, _data, message):
        with self._news:
            self.heard.append((message.topic, message.payload))
            self._news.notify_all()

    def wait_for(self, count):
        with self._news:
            return self._news.wait_for(lambda: len(self.heard) >= count, WITHIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()


def test_what_is_told_arrives_in_order_and_is_counted_when_the_broker_has_it(mqtt_broker, mqtt_settings):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    messages = [Message(n / 100, "simulated-order/x", {"n": n}) for n in range(300)]
    with Listener(mqtt_broker.port, "simulated-order/#") as listener, Publisher(mqtt_settings, "order") as publisher:
        tell(messages, publisher, Clock(origin=start, speed=50), threading.Event())
        assert publisher.flush(WITHIN)
        assert listener.wait_for(300)
        assert [json.loads(p)["n"] for _, p in listener.heard] == list(range(300))
        assert (publisher.published, publisher.acknowledged) == (300, 300)


def test_the_simulator_tells_its_story_until_it_is_stopped(mqtt_broker, mqtt_settings):
    place = county(7)
    expected = [m.topic for m in story(place, 7, until=8, fire=fire_of(place, 7))]
    clock = Clock(origin=datetime(2026, 1, 1, tzinfo=UTC), speed=20)
    with Listener(mqtt_broker.port, "tocsin/#") as listener:
        with Simulator(place, 7, mqtt_settings, clock=clock) as simulator:
            assert listener.wait_for(len(expected))
            published = simulator.stop()
        assert listener.wait_for(published)
        assert [topic for topic, _ in listener.heard[: len(expected)]] == expected
        assert simulator.published == simulator.acknowledged == published


def test_a_calm_simulator_has_no_fire(mqtt_settings):
    assert Simulator(county(7), 7, mqtt_settings, calm=True).fire is None


def test_publishing_waits_for_room_and_a_stop_lets_it_go(mqtt_settings):
    publisher = Publisher(mqtt_settings, "nobody", window=3)  # never connected, so nothing is acknowledged
    told = threading.Event()

    def tell_five():
        for n in range(5):
            publisher.publish("room", str(n).encode())
        told.set()

    thread = threading.Thread(target=tell_five, daemon=True)
    thread.start()
    assert not told.wait(0.2)
    publisher.interrupt()
    assert told.wait(WITHIN)
    assert publisher.published == 3


def test_a_broker_that_is_not_there_is_named():
    port = free_ports(1)[0]
    with pytest.raises(NoBroker, match=f"127.0.0.1:{port}"), Publisher(MqttSettings(port=port), "lost"):
        pass
