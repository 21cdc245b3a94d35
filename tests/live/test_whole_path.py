"""A fact's whole way over real servers: MQTT, three Kafka brokers, the workers, PostgreSQL, the telephone, InfluxDB and the desk."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import paho.mqtt.client as mqtt
import pytest

from alerts.ledger.port import Filter
from api.county.lines import Kind
from tests.alerts.deadline import until
from tests.conftest import serving
from tests.live.city import City, number
from tests.live.servers import Influx, Kafka, Mosquitto, Postgres

pytestmark = [pytest.mark.server, pytest.mark.live]
GATEWAY = "gw-live"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, kafka3: Kafka, postgres: Postgres, influx: Influx) -> Iterator[City]:
    kafka3.wipe()
    folder = tmp_path_factory.mktemp("city")
    mosquitto = Mosquitto(folder / "mosquitto")  # its own: a shared one remembers the gateways of other tests
    with serving(mosquitto), City(folder, kafka=kafka3, mosquitto=mosquitto, postgres=postgres, influx=influx) as city:
        yield city


class Field:
    """A sensor gateway in the field: it publishes with QoS 1 and hears its acknowledgements."""

    def __init__(self, mosquitto: Mosquitto, boot: str) -> None:
        self._boot, self._seq = boot, 0
        self.acknowledged: queue.Queue[dict[str, object]] = queue.Queue()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=boot, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(GATEWAY, mosquitto.user(GATEWAY))
        heard = threading.Event()
        self._client.on_subscribe = lambda *_: heard.set()
        self._client.on_message = lambda _c, _u, message: self.acknowledged.put(json.loads(message.payload))
        self._client.connect("127.0.0.1", mosquitto.port)
        self._client.subscribe(f"ack/{GATEWAY}", 1)
        self._client.loop_start()
        assert heard.wait(10)

    def say(self, device: str, at: datetime, **values: object) -> int:
        """One message, PUBACKed when this returns; its number."""
        self._seq += 1
        body = {"at": at.isoformat(), "boot": self._boot, "seq": self._seq, **values}
        sent = self._client.publish(f"tocsin/{GATEWAY}/{device}/telemetry", orjson.dumps(body), 1)
        sent.wait_for_publish(20)
        assert sent.is_published()
        return self._seq

    def await_acknowledged(self, seq: int) -> None:
        """Until everything up to that number is said to be in the log."""
        while True:
            said = self.acknowledged.get(timeout=PATIENCE)
            if said["boot"] == self._boot and isinstance(said["seq"], int) and said["seq"] >= seq:
                return

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def field(city: City) -> Iterator[Field]:
    opened = Field(city.mosquitto, uuid.uuid4().hex)
    yield opened
    opened.close()


@contextmanager
def desk(city: City) -> Iterator[Iterator[dict[str, object]]]:
    """What an operator's event stream shows: the alert of each timeline line."""

    def alerts(response: httpx.Response) -> Iterator[dict[str, object]]:
        name = ""
        deadline = time.monotonic() + PATIENCE
        for line in response.iter_lines():  # it beats every few seconds, so it never waits for long
            assert time.monotonic() < deadline, "the desk was not shown it in time"
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name == "entry":
                yield json.loads(line.removeprefix("data: "))["alert"] or {}

    with httpx.stream("GET", f"{city.api_url}/api/v1/stream", timeout=PATIENCE) as response:
        assert response.status_code == 200
        yield alerts(response)


def texts(city: City, n: int) -> list[str]:
    return [line.text for line in city.network.lines(Kind.MESSAGE, number(n))]


def test_an_alarm_is_seen_at_the_desk_rings_its_own_grid_and_is_kept(city: City, field: Field) -> None:
    at = datetime.now(UTC)
    with desk(city) as shown:
        field.await_acknowledged(field.say("smoke-1", at, alarm=True))
        alert = next(alert for alert in shown if alert.get("subjects") == ["smoke-1"])
    assert (alert["level"], alert["grid"]) == ("red", "c-1-1")
    until(lambda: texts(city, 1) != [], PATIENCE)

    (kept,) = [a for a in city.ledger.page(Filter(), limit=100).alerts if a.id == alert["id"]]
    assert kept.place.grid == "c-1-1"
    assert abs(kept.stages["event_at"] - at) < timedelta(milliseconds=1)
    hour = timedelta(hours=1)
    until(lambda: city.series.readings("smoke-1", "alarm", at - hour, at + hour) != [], PATIENCE)
    assert [line.to for line in city.network.lines()] == [number(1)], "nobody else was told"


def test_the_same_alarm_told_again_changes_nothing_and_rings_nobody(city: City, field: Field) -> None:
    at = datetime.now(UTC)
    field.say("smoke-2", at, alarm=True)
    until(lambda: len(texts(city, 2)) == 1, PATIENCE)
    for _ in range(20):
        last = field.say("smoke-2", at, alarm=True)
    field.await_acknowledged(last)
    field.say("smoke-3", at, alarm=True)  # the same township's next one comes after all of them
    until(lambda: len(texts(city, 3)) == 1, PATIENCE)
    assert len(texts(city, 2)) == 1


def test_a_worker_that_dies_leaves_its_townships_to_the_other(city: City, field: Field) -> None:
    starts = city.keeper.starts("worker-1")
    os.kill(city.keeper.pid("worker-1"), signal.SIGKILL)
    for n in (4, 5):  # one in each township
        field.say(f"smoke-{n}", datetime.now(UTC), alarm=True)
    until(lambda: all(len(texts(city, n)) == 1 for n in (4, 5)), PATIENCE)
    until(lambda: city.keeper.starts("worker-1") == starts + 1 and city.keeper.is_ready("worker-1"), PATIENCE)


def test_what_a_gateway_may_not_write_never_reaches_the_log(city: City) -> None:
    name = "gw-stranger"
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.username_pw_set(name, city.mosquitto.user(name))
    answers: queue.Queue[str] = queue.Queue()
    client.on_publish = lambda _c, _u, _m, reason, _p: answers.put(str(reason))
    client.connect("127.0.0.1", city.mosquitto.port)
    client.loop_start()
    body = orjson.dumps({"alarm": True})
    said = {}
    for topic in (f"tocsin/{GATEWAY}/smoke-0/telemetry", f"ack/{GATEWAY}", f"tocsin/{name}/smoke-0/telemetry"):
        client.publish(topic, body, 1)
        said[topic] = answers.get(timeout=20)
    client.disconnect()
    client.loop_stop()
    assert list(said.values()) == ["Not authorized", "Not authorized", "Success"]


def test_the_doctor_finds_nothing_wrong(city: City) -> None:
    done = city.command("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
