"""Two gateway processes with one MQTT session: one serves, the other stands by, and nothing is lost when they change."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.accounts import Book
from ingest.counts import GatewayCounts
from ingest.events import InvalidEvent
from ingest.mqtt import Wire
from ingest.settings import LogSettings, MqttSettings
from ingest.topics import Topic, partition_of
from ingest.turns import BLIND, CONFIRM, PEEK, Turn, Word, status_topic
from tests.conftest import Doorway, Log
from tests.ingest.gateway_process import told
from tests.ingest.wire import Recorder, ScriptedBroker, publish
from tests.live.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
ME, OTHER = "me", "other"
PATIENCE = 5.0
Step = tuple[float, Callable[[Turn, float], None]]


def watching(at: float) -> Step:
    return at, lambda turn, now: turn.watching(now)


def lost(at: float) -> Step:
    return at, lambda turn, now: turn.lost(now)


def here(at: float, who: str = OTHER) -> Step:
    return at, lambda turn, now: turn.hear(Word(who, here=True), now)


def gone(at: float, who: str = OTHER) -> Step:
    return at, lambda turn, now: turn.hear(Word(who, here=False), now)


@pytest.mark.parametrize(
    ("_sentence", "eager", "steps", "at"),
    [
        ("a standby that hears nobody takes over after its patience", False, [watching(1)], 1 + PATIENCE),
        ("the active one's beats keep it waiting", False, [watching(1), here(2), here(3)], 3 + PATIENCE),
        ("who is gone may be back in a moment", False, [watching(1), here(2), gone(3)], 3 + CONFIRM),
        ("and was only reconnecting", False, [watching(1), here(2), gone(3), here(3.1)], 3.1 + PATIENCE),
        ("a second farewell does not prolong it", False, [watching(1), gone(2), gone(2.3)], 2 + CONFIRM),
        ("a standby that can hear nothing never takes over", False, [watching(1), here(2), lost(3)], None),
        ("and begins anew when it hears again", False, [watching(1), lost(3), watching(9)], 9 + PATIENCE),
        ("one that was taken over does not believe its own old word", False, [watching(1), here(1.1, ME)], 1 + PATIENCE),
        ("one that lost its connection and was the last one goes on at once", True, [watching(1), here(1.1, ME)], 1.1),
        ("its own last will is no reason to wait", True, [watching(1), gone(1.1, ME)], 1.1),
        ("without any word it goes on after a peek", True, [watching(1)], 1 + PEEK),
        ("if another took over meanwhile it stands by", True, [watching(1), here(1.1), here(2)], 2 + PATIENCE),
        ("and stays so although its own last will comes late", True, [watching(1), here(1.1), gone(1.2, ME)], 1.1 + PATIENCE),
        ("it tries although nothing can be heard, for that may be an access list", True, [], BLIND),
        ("but not once it has heard another", True, [watching(1), here(1.1), lost(2)], None),
        ("and then its own old word means nothing", True, [watching(1), here(1.1), here(1.2, ME)], 1.1 + PATIENCE),
    ],
)  # fmt: skip
def test_whose_turn_it_is(_sentence: str, eager: bool, steps: list[Step], at: float | None) -> None:
    turn = Turn(ME, PATIENCE, 0.0, eager=eager)
    for now, step in steps:
        step(turn, now)
    assert turn.at == at
    assert turn.due(1e9) is (at is not None)
    if at is not None:
        assert turn.due(at)
        assert not turn.due(at - 0.001)


def test_a_word_travels_and_nonsense_is_none() -> None:
    for word in (Word("a", here=True), Word("b", here=False)):
        assert Word.decode(word.encode()) == word
    for raw in (b"", b"[]", b"{}", b'{"state":"here"}', b'{"state":"odd","instance":"a"}', b"\xff"):
        assert Word.decode(raw) is None


def test_the_status_topic_has_no_wildcards_and_no_levels_of_a_clients_choosing() -> None:
    assert status_topic("a/b+c#d") == "tocsin-gateway/a-b-c-d/status"


# -- over the wire --------------------------------------------------------------------------------------------------------------


class Post(Recorder):
    """One of two processes, here in one."""

    def __init__(self, settings: MqttSettings) -> None:
        super().__init__()
        self.wire = Wire(settings, self, GatewayCounts())
        self.running = asyncio.create_task(self.wire.run())

    async def serves(self) -> None:
        await self.until(lambda: bool(self.joins), within=30)

    async def leave(self) -> None:
        await self.wire.close()
        await self.die()

    async def die(self) -> None:
        """As a killed process would: the socket closes, and nothing is said."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.wire._client.drop()


def shared(doorway: Doorway, name: str, **over: object) -> MqttSettings:
    own = {"client_id": name, "filters": (f"tocsin/{name}/#",), "standby_after": 3.0}
    return doorway.settings.model_copy(update={**own, **over})


@pytest.mark.parametrize("end", ["die", "leave"])
def test_a_standby_takes_over_when_the_active_one_dies_or_leaves(end: str, doorway: Doorway) -> None:
    name = f"turns-{end}"
    settings = shared(doorway, name)
    password = doorway.enrol(name)

    def send(payload: str) -> None:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set(name, password)
        client.connect("127.0.0.1", settings.port)
        client.loop_start()
        client.publish(f"tocsin/{name}/x", payload, 1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    async def run() -> None:
        active = Post(settings)
        await asyncio.wait_for(active.wire.subscribed.wait(), 20)
        standby = Post(settings.model_copy(update={"standby": True}))
        await asyncio.wait_for(standby.wire.serving.wait(), 20)
        await asyncio.to_thread(send, "one")
        await active.until(lambda: len(active.got) == 1)
        assert standby.joins == []
        await getattr(active, end)()
        await standby.serves()
        assert standby.joins[:1] == [True]  # the session and what was not acknowledged in it
        await standby.until(lambda: [m[1] for m in standby.got] == [b"one"])
        await standby.leave()

    asyncio.run(asyncio.wait_for(run(), 90))


def test_the_one_whose_session_was_taken_over_stands_by() -> None:
    async def run() -> None:
        inlet = Recorder()
        async with ScriptedBroker() as broker:
            wire = Wire(MqttSettings(port=broker.port, standby_after=0.1), inlet, GatewayCounts())
            running = asyncio.create_task(wire.run())
            await asyncio.wait_for(wire.subscribed.wait(), 10)
            word = Word("other", here=True).encode()
            broker.status = [publish(status_topic("tocsin-gateway"), word, flags=1)]
            broker.send(b"\xe0\x02\x8e\x00")  # DISCONNECT: session taken over
            broker.hang_up()
            async with asyncio.timeout(20):
                while not broker.watchers:
                    await asyncio.sleep(0.01)
            assert broker.connections == 1
            await inlet.until(lambda: len(inlet.joins) == 2)  # nothing was heard of the other after all
            await wire.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 40))


# -- as processes ---------------------------------------------------------------------------------------------------------------


class Process:
    """A gateway process and what it wrote to its log."""

    def __init__(self, settings: MqttSettings, log: LogSettings, path: Path) -> None:
        self.path = path
        with path.open("wb") as err:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "tests.ingest.gateway_process", told(settings, log)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=err, text=True,
            )  # fmt: skip
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "ready\n", self.path.read_text()

    def await_said(self, words: str, times: int = 1, within: float = 40) -> None:
        deadline = time.monotonic() + within
        while self.path.read_text().count(words) < times:
            assert time.monotonic() < deadline, f"never said {words!r}:\n{self.path.read_text()}"
            time.sleep(0.02)

    def stop(self) -> None:
        self.child.kill()
        self.child.wait(10)
        if self.child.stdout is not None:
            self.child.stdout.close()


class Field:
    """A sensor gateway that numbers its messages, keeps them until Tocsin acknowledges them, and notes when it did."""

    def __init__(self, name: str, password: str, port: int) -> None:
        self.name, self.sent, self.acked = name, 0, 0
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"field-{name}", protocol=mqtt.MQTTv5)
        self.client.username_pw_set(name, password)
        self.client.on_message = self._heard
        self.client.on_connect = lambda c, *_: c.subscribe(f"ack/{name}", 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _heard(self, _c: object, _d: object, message: mqtt.MQTTMessage) -> None:
        self.acked = max(self.acked, int(orjson.loads(message.payload)["seq"]))

    def send(self, messages: int) -> None:
        for _ in range(messages):
            self.sent += 1
            body = {"x": self.sent, "boot": "b", "seq": self.sent}
            self.client.publish(f"tocsin/{self.name}/d{self.sent % 7}/telemetry", orjson.dumps(body), 1)

    def await_ack(self, within: float = 60) -> None:
        deadline = time.monotonic() + within
        while self.acked < self.sent:
            assert time.monotonic() < deadline, f"{self.acked} of {self.sent} acknowledged"
            time.sleep(0.01)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def field(name: str, broker: Mosquitto) -> Iterator[Field]:
    gateway = Field(name, broker.user(name), broker.port)
    try:
        yield gateway
    finally:
        gateway.close()


async def kept(log: LogSettings, client_id: str, gateway: str) -> tuple[int, list[tuple[str, int, int]]]:
    """What the log says of a gateway's numbers."""
    tp = TopicPartition(str(Topic.SEQUENCES), partition_of(client_id, log.partitions))
    consumer = AIOKafkaConsumer(bootstrap_servers=log.brokers, enable_auto_commit=False)
    await consumer.start()
    try:
        end = (await consumer.end_offsets([tp]))[tp]
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        book = Book(GatewayCounts())
        while await consumer.position(tp) < end:
            for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, []):
                with_us = record.key is not None and record.key.startswith(client_id.encode() + b"\x00")
                if with_us and record.value:
                    book.merge([record.value])
    except InvalidEvent as error:
        raise AssertionError(str(error)) from error
    finally:
        await consumer.stop()
    account = book.accounts[gateway]
    return account.runs[0].contiguous, account.missing()


@pytest.mark.server  # rumqttd does not answer whoever goes on with a session that had messages under way
def test_nothing_is_lost_when_gateways_with_one_session_are_killed_frozen_and_changed(
    mosquitto: Mosquitto, log: Log, tmp_path: Path
) -> None:
    name = f"turns-{log.name}"
    over = {"client_id": name, "filters": (f"tocsin/{name}/#",), "standby_after": 3.0, "keepalive": 5}
    settings = mosquitto.settings(**over)
    processes: list[Process] = []

    def start(*, standby: bool) -> Process:
        mine = settings.model_copy(update={"standby": standby})
        processes.append(Process(mine, log.settings, tmp_path / f"{len(processes)}.log"))
        return processes[-1]

    with field(name, mosquitto) as gateway:
        try:
            first, second = start(standby=False), start(standby=True)
            gateway.send(500)
            first.child.send_signal(signal.SIGKILL)
            gateway.send(500)
            second.await_said("connected to the MQTT broker")
            gateway.await_ack()
            third = start(standby=True)
            os.kill(second.child.pid, signal.SIGSTOP)
            gateway.send(500)
            third.await_said("taking over")
            gateway.await_ack()
            os.kill(second.child.pid, signal.SIGCONT)
            second.await_said("now; standing by")
            gateway.send(500)
            gateway.await_ack()
            third.child.send_signal(signal.SIGKILL)
            second.await_said("taking over", times=2)
            gateway.send(500)
            gateway.await_ack()
        finally:
            for process in processes:
                process.stop()
    assert asyncio.run(kept(log.settings, name, name)) == (2500, [])
