"""Accepted means kept (law 1): what is acknowledged, when, and what happens to the rest."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects import open_dialects
from ingest.doors import run_gateway
from ingest.events import Lapse, Loss, Reading, Rejected, decode
from ingest.frames import Frame
from ingest.gateway import Gateway
from ingest.intake import Intake
from ingest.log import Record, ensure_topics
from ingest.packer import Packer
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.settings import GatewaySettings, LogSettings, MqttSettings
from ingest.topics import Topic
from tests.conftest import Passage
from tests.ingest.gateway_process import told
from tests.ingest.wire import ScriptedBroker, publish

LANES = pytest.mark.parametrize("lane", ["fast", "stock"])
ROOT = Path(__file__).parents[2]
REGISTRY = Registry.of([Grid("t1", "东镇", GridLevel.TOWNSHIP)], [Device("d1", "smoke", grid="t1")], 1)


class GatedLog:
    """A log that says yes when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[Record], asyncio.Future[None]]] = []
        self._news = asyncio.Event()

    async def write(self, records: Sequence[Record]) -> None:
        yes: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked.append((records, yes))
        self._news.set()
        await yes

    async def until(self, writes: int) -> None:
        async with asyncio.timeout(10):
            while len(self.asked) < writes:
                self._news.clear()
                await self._news.wait()

    def yes(self, nth: int) -> None:
        self.asked[nth][1].set_result(None)

    def rows(self) -> list[float]:
        frames = [r for records, _ in self.asked for r in records if r.topic == Topic.READINGS]
        return [reading.value for r in frames for reading in Frame.decode(r.value).readings()]


def telemetry(n: int, mid: int | None = None) -> bytes:
    return publish("tocsin/gw/d1/telemetry", orjson.dumps({"x": n}), mid=n if mid is None else mid)


Script = Callable[[ScriptedBroker, GatedLog, Intake], Awaitable[None]]


def gated(lane: str, script: Script, *, pace: float = 0.01, **over: object) -> None:
    async def run() -> None:
        log = GatedLog()
        async with ScriptedBroker() as broker:
            packer = Packer(Gateway(REGISTRY, lambda _: None, GatewaySettings(), open_dialects()), 12, GatewayCounts())
            settings = MqttSettings(port=broker.port, lane=lane).model_copy(update=over)
            intake = Intake(
                packer,
                log,
                mqtt=settings,
                partitions=12,
                gateway=GatewaySettings(frame_rows=50, pace=pace),
                clock=Clock(),
            )  # type: ignore[arg-type]
            running = asyncio.create_task(intake.wire.run())
            await asyncio.wait_for(intake.wire.subscribed.wait(), 10)
            try:
                await script(broker, log, intake)
            finally:
                await intake.drain(0.05)
                await intake.wire.close()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 120))


@LANES
def test_nothing_is_acknowledged_before_the_log_says_yes(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.send(telemetry(1))
        await log.until(1)
        broker.send(b"\xd0\x00", b"\xd0\x00")
        await asyncio.sleep(0)
        assert broker.acknowledged() == []
        log.yes(0)
        await broker.until(lambda: broker.acknowledged() == [1])
        assert intake.counts.acknowledged == 1

    gated(lane, script)


@LANES
def test_a_later_yes_waits_for_the_earlier_one(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.send(telemetry(1))
        await log.until(1)
        broker.send(telemetry(2))
        await log.until(2)
        log.yes(1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert broker.acknowledged() == []
        log.yes(0)
        await broker.until(lambda: len(broker.acknowledged()) == 2)
        assert broker.acknowledged() == [1, 2]

    gated(lane, script)


@LANES
def test_what_arrives_while_the_log_is_busy_goes_out_together_with_its_next_answer(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        for n in (1, 2):
            broker.send(telemetry(n))
            await log.until(n)
        for n in range(3, 30):
            broker.send(telemetry(n))
        async with asyncio.timeout(10):
            while intake.counts.received < 29:
                await asyncio.sleep(0)
        assert len(log.asked) == 2
        log.yes(0)
        await log.until(3)
        assert len(log.rows()) == 29
        log.yes(1)
        log.yes(2)
        await broker.until(lambda: broker.acknowledged() == list(range(1, 30)))

    gated(lane, script)


@LANES
def test_readings_may_gather_between_writes_but_never_once_the_wire_is_quiet(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.send(telemetry(1))
        await log.until(1)
        log.yes(0)
        broker.send(telemetry(2), telemetry(3))
        await log.until(2)  # long before the pace of a second is over
        assert log.rows() == [1, 2, 3]

    gated(lane, script, pace=1.0)


@LANES
def test_an_event_goes_ahead_and_its_message_is_acknowledged_when_the_readings_before_it_are_kept(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.send(telemetry(1))
        await log.until(1)
        call = publish("tocsin/hotline/call", orjson.dumps({"id": "c-1", "text": "着火了"}), mid=3)
        broker.send(telemetry(2), call)
        await log.until(2)
        records, _ = log.asked[1]
        assert [r.topic for r in records] == [Topic.CALLS]
        log.yes(1)
        await log.until(3)  # long before the pace of a second is over: the wire is quiet
        assert log.rows() == [1, 2]
        log.yes(2)
        await asyncio.sleep(0)
        assert not broker.acknowledged()
        log.yes(0)
        await broker.until(lambda: broker.acknowledged() == [1, 2, 3])

    gated(lane, script, pace=1.0)


@LANES
def test_an_event_that_went_ahead_is_not_acknowledged_before_the_log_has_it(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        call = publish("tocsin/hotline/call", orjson.dumps({"id": "c-1", "text": "着火了"}), mid=1)
        broker.send(call, telemetry(2))
        await log.until(2)
        event, reading = (
            next(n for n, (records, _) in enumerate(log.asked) if records[0].topic == topic)
            for topic in (Topic.CALLS, Topic.READINGS)
        )
        log.yes(reading)
        broker.send(telemetry(3))
        await log.until(3)  # the answer has been seen, and what came meanwhile is on its way
        log.yes(2)
        assert not broker.acknowledged()
        log.yes(event)
        await broker.until(lambda: broker.acknowledged() == [1, 2, 3])

    gated(lane, script)


@LANES
def test_a_log_that_answers_slowly_gets_fewer_and_fuller_frames(lane: str) -> None:
    """Virtual seconds: the loop's own clock is moved on between the question and the answer."""

    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        assert intake._apart() == 0.01
        loop = asyncio.get_running_loop()
        now = loop.time()
        with pytest.MonkeyPatch.context() as patch:
            broker.send(telemetry(1))
            await log.until(1)
            patch.setattr(loop, "time", lambda: now + 0.4)
            log.yes(0)
            await broker.until(lambda: broker.acknowledged() == [1])
        assert 0.09 < intake._apart() < 0.11
        intake._took = 30.0
        assert intake._apart() == 0.25

    gated(lane, script)


@LANES
def test_the_window_is_bounded_and_reading_goes_on_when_the_log_does(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        for n in range(1, 101):
            broker.send(telemetry(n))
            await asyncio.sleep(0.001)  # one packet a read, so that the bound is met exactly
        async with asyncio.timeout(10):
            while not intake.wire.paused:
                await asyncio.sleep(0)
        assert 20 <= intake.counts.received <= 100
        done = 0
        async with asyncio.timeout(10):
            while len(broker.acknowledged()) < 100:
                while done < len(log.asked):
                    log.yes(done)
                    done += 1
                await asyncio.sleep(0)
        assert broker.acknowledged() == list(range(1, 101))
        assert sorted(log.rows()) == [float(n) for n in range(1, 101)]

    gated(lane, script, max_unacknowledged=20)


@LANES
def test_messages_of_a_lost_connection_are_written_and_not_acknowledged(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.send(telemetry(1))
        await log.until(1)
        broker.hang_up()
        await broker.until(lambda: len([1 for first, _ in broker.told if first == 0x82]) == 2)
        log.yes(0)
        broker.send(telemetry(7, mid=1))
        await log.until(2)
        assert broker.acknowledged() == []
        log.yes(1)
        await broker.until(lambda: broker.acknowledged() == [1])
        assert log.rows() == [1.0, 7.0]
        assert intake.counts.acknowledged == 1

    gated(lane, script)


@LANES
def test_rejects_and_readings_of_one_read_are_one_batch(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.send(telemetry(1), publish("tocsin/gw/d1/telemetry", b"{", mid=2), telemetry(3))
        done = 0
        async with asyncio.timeout(10):
            while len(broker.acknowledged()) < 3:
                while done < len(log.asked):
                    log.yes(done)
                    done += 1
                await asyncio.sleep(0)
        events = [decode(r.value) for records, _ in log.asked for r in records if r.topic == Topic.REJECTS]
        assert [e.reason for e in events if isinstance(e, Rejected)] == ["bad_json"]
        assert log.rows() == [1.0, 3.0]
        assert intake.counts.rejected == {("gw", "bad_json"): 1}

    gated(lane, script)


@LANES
def test_a_fault_of_ours_keeps_the_message_as_rejected_and_serves_the_others(
    lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        take = intake.packer.take

        def failing(topic: bytes, payload: bytes, *rest: object) -> None:
            if b"666" in payload:
                raise RuntimeError("a fault")
            take(topic, payload, *rest)  # type: ignore[arg-type]

        intake.packer.take = failing  # type: ignore[method-assign]
        broker.send(telemetry(666, mid=1), telemetry(2))
        done = 0
        async with asyncio.timeout(10):
            while len(broker.acknowledged()) < 2:
                while done < len(log.asked):
                    log.yes(done)
                    done += 1
                await asyncio.sleep(0)
        events = [decode(r.value) for records, _ in log.asked for r in records if r.topic == Topic.REJECTS]
        assert [(e.reason, e.raw) for e in events if isinstance(e, Rejected)] == [("fault", b'{"x":666}')]

    gated(lane, script)
    assert "could not be digested" in caplog.text


def numbered(n: int, mid: int | None = None) -> bytes:
    body = orjson.dumps({"x": n, "boot": "b", "seq": n})
    return publish("tocsin/gw/d1/telemetry", body, mid=n if mid is None else mid)


@LANES
def test_a_numbered_message_is_acknowledged_to_its_gateway_once_the_log_has_it(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        for nth, (seq, contiguous) in enumerate([(1, 1), (2, 2), (4, 2), (3, 4)]):
            broker.send(numbered(seq))
            await log.until(nth + 1)
            broker.send(b"\xd0\x00", b"\xd0\x00")
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(broker.published("ack/gw")) == len(broker.acknowledged()) == nth
            log.yes(nth)
            await broker.until(lambda nth=nth: len(broker.published("ack/gw")) == nth + 1)  # type: ignore[misc]
            assert orjson.loads(broker.published("ack/gw")[-1]) == {"boot": "b", "seq": contiguous}
        assert broker.acknowledged() == [1, 2, 4, 3]

    gated(lane, script)


@LANES
def test_numbers_of_a_lost_connection_count_and_their_messages_are_not_acknowledged(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.send(numbered(1))
        await log.until(1)
        broker.hang_up()
        await broker.until(lambda: len([1 for first, _ in broker.told if first == 0x82]) == 2)
        log.yes(0)
        broker.send(numbered(1, mid=9))  # the broker brings it again
        await log.until(2)
        assert broker.acknowledged() == []
        log.yes(1)
        await broker.until(lambda: broker.acknowledged() == [9])
        await broker.until(lambda: b'{"boot":"b","seq":1}' in broker.published("ack/gw"))
        assert intake.counts.repeated == 1

    gated(lane, script)


@LANES
def test_a_session_that_the_broker_forgot_is_told(lane: str) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        broker.session = False
        broker.hang_up()
        await log.until(1)
        ((record,), _) = log.asked[0]
        event = decode(record.value)
        assert isinstance(event, Lapse)
        assert (event.loss, event.gateway, event.over) == (Loss.SESSION, "tocsin-gateway", False)
        assert intake.counts.lost_sessions == 1

    gated(lane, script)


@LANES
def test_while_the_log_is_away_nothing_is_acknowledged_and_what_is_held_is_bounded(lane: str) -> None:
    """The bound is the window and what one read of the wire may bring beyond it: 256 KiB in the fast lane, a message in the stock one."""
    total, most = (6_000, 500) if lane == "fast" else (1_200, 300)

    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        packets = [telemetry(n, mid=1 + n % 65_535) for n in range(1, total + 1)]  # without any regard for our window
        sending = asyncio.create_task(
            broker.send_in_pieces(b"".join(packets[i : i + 100]) for i in range(0, total, 100))
        )
        async with asyncio.timeout(20):
            while not intake.wire.paused:
                await asyncio.sleep(0)
        before = -1
        while before != intake.counts.received:  # until nothing more is read
            before, seen = intake.counts.received, len(broker.told)
            await broker.until(lambda seen=seen: len(broker.told) > seen)  # type: ignore[misc]  # a beat
        held = intake.counts.received
        assert most <= held <= most + (256 * 1024 // min(map(len, packets)) + 1 if lane == "fast" else 0)
        assert broker.acknowledged() == []
        done = 0
        async with asyncio.timeout(60):
            while len(broker.acknowledged()) < total:
                while done < len(log.asked):
                    log.yes(done)
                    done += 1
                await asyncio.sleep(0)
        await sending
        assert sorted(log.rows()) == [float(n) for n in range(1, total + 1)]

    gated(lane, script, max_unacknowledged=most)


@LANES
def test_a_wire_that_cannot_be_read_is_connected_anew(lane: str, caplog: pytest.LogCaptureFixture) -> None:
    async def script(broker: ScriptedBroker, log: GatedLog, intake: Intake) -> None:
        read = intake.wire._client.read

        def failing() -> bool:
            intake.wire._client.read = read  # type: ignore[method-assign]
            raise RuntimeError("paho could not make sense of it")

        intake.wire._client.read = failing  # type: ignore[method-assign]
        broker.send(telemetry(1))
        await broker.until(lambda: len([1 for first, _ in broker.told if first == 0x82]) == 2)
        broker.send(telemetry(1))  # the broker brings again what was not acknowledged
        await log.until(1)
        log.yes(0)
        await broker.until(lambda: broker.acknowledged() == [1])

    gated(lane, script)
    assert "could not be read" in caplog.text


class Reader:
    """Reads every partition of a topic once, from where it ended when the reader was made."""

    def __init__(self, settings: LogSettings, topic: str) -> None:
        self._settings, self._where = settings, [TopicPartition(topic, p) for p in range(settings.partitions)]
        self._next: dict[TopicPartition, int] = {}

    async def mark(self) -> None:
        """What is there already is not read."""
        await ensure_topics(self._settings)
        async with self._consumer() as consumer:
            self._next = await consumer.end_offsets(self._where)

    async def rows(self, gateway: str, enough: Callable[[list[Reading]], bool], within: float = 30) -> list[Reading]:
        """The readings of one gateway, once there are enough of them or the time is over."""
        found: list[Reading] = []
        deadline = time.monotonic() + within
        async with self._consumer() as consumer:
            consumer.assign(self._where)
            for tp in self._where:
                consumer.seek(tp, self._next[tp])
            while not enough(found) and time.monotonic() < deadline:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [x for r in records for x in Frame.decode(r.value).readings() if x.gateway == gateway]
            for tp in self._where:
                self._next[tp] = await consumer.position(tp)
        return found

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._settings.brokers, enable_auto_commit=False)
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


def gateway_settings(passage: Passage, name: str, **over: object) -> MqttSettings:
    """A gateway process of this test's own that hears one sensor gateway."""
    own = {"client_id": name, "filters": (f"tocsin/{name}/#",)}
    return passage.door.settings.model_copy(update={**own, **over})


@LANES
def test_three_kills_lose_nothing_that_the_broker_accepted(lane: str, passage: Passage) -> None:
    total, name = 3000, f"doors-kill-{lane}"
    sent: list[mqtt.MQTTMessageInfo] = []
    command = ["-m", "tests.ingest.gateway_process", told(gateway_settings(passage, name, lane=lane), passage.log)]

    def start() -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    reader = Reader(passage.log, Topic.READINGS)
    asyncio.run(reader.mark())
    publisher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    publisher.max_inflight_messages_set(100)
    publisher.username_pw_set(name, passage.door.enrol(name))
    publisher.connect("127.0.0.1", passage.door.settings.port)
    publisher.loop_start()
    gateway = start()
    try:
        for n in range(total):
            sent.append(publisher.publish(f"tocsin/{name}/d{n % 50}/telemetry", orjson.dumps({"x": n}), 1))
            if n % (total // 4) == total // 4 - 1 and n < total - 1:
                sent[n - 50].wait_for_publish(20)  # messages are on their way in every place
                gateway.kill()
                gateway.wait(10)
                gateway = start()
        sent[-1].wait_for_publish(20)
        wanted = {float(n) for n in range(total)}
        found = asyncio.run(reader.rows(name, lambda rows: {r.value for r in rows} >= wanted))
        assert wanted - {r.value for r in found} == set()
    finally:
        gateway.kill()
        gateway.wait(10)
        if gateway.stdout is not None:
            gateway.stdout.close()
        publisher.disconnect()
        publisher.loop_stop()


def test_a_stopped_gateway_has_written_and_acknowledged_what_it_read(
    passage: Passage,
) -> None:
    name = "doors-stop"
    settings = gateway_settings(passage, name)

    async def run() -> GatewayCounts:
        counts, stop, ready = GatewayCounts(), asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(
            run_gateway(
                settings, passage.log, GatewaySettings(),
                registry=lambda: REGISTRY, locate=lambda _: None, seal=lambda _: ("", ""),
                clock=Clock(), stop=stop, ready=ready.set, counts=counts,
            )
        )  # fmt: skip
        await asyncio.wait_for(ready.wait(), 20)
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set(name, passage.door.enrol(name))
        client.connect("127.0.0.1", settings.port)
        client.loop_start()
        sent = [client.publish(f"tocsin/{name}/d1/telemetry", b'{"x":1}', 1) for _ in range(200)]
        async with asyncio.timeout(10):
            while not counts.received:
                await asyncio.sleep(0.001)
        stop.set()
        await running
        for one in sent:
            one.wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        return counts

    counts = asyncio.run(asyncio.wait_for(run(), 40))
    assert counts.acknowledged == counts.received > 0


def test_a_changed_registry_is_in_force_without_a_restart(monkeypatch: pytest.MonkeyPatch, passage: Passage) -> None:
    monkeypatch.setattr("ingest.doors._LOOK_EVERY", 0.01)
    name = "doors-registry"
    settings = gateway_settings(passage, name)
    current = [Registry()]
    reader = Reader(passage.log, Topic.READINGS)

    async def run() -> list[str]:
        await reader.mark()
        counts, stop, ready = GatewayCounts(), asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(
            run_gateway(
                settings, passage.log, GatewaySettings(),
                registry=lambda: current[0], locate=lambda _: None, seal=lambda _: ("", ""),
                clock=Clock(), stop=stop, ready=ready.set, counts=counts,
            )
        )  # fmt: skip
        await asyncio.wait_for(ready.wait(), 20)
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set(name, passage.door.enrol(name))
        client.connect("127.0.0.1", settings.port)
        client.loop_start()
        client.publish(f"tocsin/{name}/d1/telemetry", b'{"first":1}', 1).wait_for_publish(10)
        async with asyncio.timeout(10):
            while counts.acknowledged < 1:
                await asyncio.sleep(0.001)
        current[0] = REGISTRY
        last = 0
        grids: list[str] = []
        async with asyncio.timeout(20):
            while "t1" not in grids:
                last += 1
                client.publish(f"tocsin/{name}/d1/telemetry", b'{"later":1}', 1)
                while counts.acknowledged < last + 1:
                    await asyncio.sleep(0.001)
                missing = last + 1 - len(grids)
                rows = await reader.rows(name, lambda rows, n=missing: len(rows) >= n)  # type: ignore[misc]
                grids += [r.place.grid for r in rows]
        client.disconnect()
        client.loop_stop()
        stop.set()
        await running
        return grids

    grids = asyncio.run(asyncio.wait_for(run(), 60))
    assert grids.count("") >= 1
