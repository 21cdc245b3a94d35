"""Both lanes under one contract: against a broker made of bytes, and against a real one."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from ingest.counts import GatewayCounts
from ingest.lane import FastLane, StockLane
from ingest.mqtt import Wire, choose_lane
from ingest.settings import MqttSettings
from tests.conftest import Doorway
from tests.ingest.wire import PINGRESP, Recorder, ScriptedBroker, alias, publish, user_property

LANES = pytest.mark.parametrize("lane", ["fast", "stock"])
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@asynccontextmanager
async def connected(settings: MqttSettings, inlet: Recorder) -> AsyncIterator[Wire]:
    wire = Wire(settings, inlet, GatewayCounts())
    running = asyncio.create_task(wire.run())
    try:
        await asyncio.wait_for(wire.subscribed.wait(), 10)
        yield wire
    finally:
        await wire.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def against_bytes(
    lane: str, script: Callable[[ScriptedBroker, Wire, Recorder], Awaitable[None]], **over: object
) -> None:
    async def run() -> None:
        inlet = Recorder()
        async with ScriptedBroker() as broker:
            settings = MqttSettings(port=broker.port, lane=lane).model_copy(update=over)
            async with connected(settings, inlet) as wire:
                assert wire.lane == lane
                await script(broker, wire, inlet)

    asyncio.run(asyncio.wait_for(run(), 30))


@LANES
def test_every_packet_type_in_between_and_every_byte_by_itself_change_nothing(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        stream = b"".join([
            publish("a/1", b"one", mid=1),
            PINGRESP,
            publish("a/2", b"two"),
            publish("a/3", b"three", mid=3, qos=2),
            b"\x62\x02\x00\x03",  # PUBREL of the QoS 2 message
            publish("a/4", b"", mid=4, properties=user_property(b"n", b"v" * 200)),
            PINGRESP,
            publish("a/5", b"5" * 300, mid=5, properties=alias(2)),
            publish("", b"six", mid=6, properties=alias(2)),
        ])  # fmt: skip
        await broker.send_in_pieces(stream[i : i + 1] for i in range(len(stream)))
        await inlet.until(lambda: len(inlet.got) == 6)
        assert [m[:2] for m in inlet.got] == [
            ("a/1", b"one"), ("a/2", b"two"), ("a/3", b"three"), ("a/4", b""), ("a/5", b"5" * 300), ("a/5", b"six"),
        ]  # fmt: skip
        assert wire.acknowledge(wire.epoch, inlet.tokens)
        await broker.until(lambda: broker.acknowledged()[-1:] == [6])
        assert broker.acknowledged() == [1, 4, 5, 6]
        assert broker.acknowledged(0x50) == [3]  # PUBREC, at once
        assert broker.acknowledged(0x70) == [3]  # PUBCOMP, when the log has it

    against_bytes(lane, script)


@LANES
@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, 1_000_000, 3_000_000])
def test_payloads_of_every_length_form_arrive_whole(lane: str, size: int) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        payload = bytes(range(256)) * (size // 256) + b"e" * (size % 256)
        broker.send(publish("big", payload, mid=1), publish("small", b"after", mid=2))
        await inlet.until(lambda: len(inlet.got) == 2)
        assert inlet.got[0][1] == payload
        assert inlet.got[1][:2] == ("small", b"after")

    against_bytes(lane, script)


@LANES
def test_retained_and_redelivered_flags_are_passed_on(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        broker.send(publish("r", b"1", mid=1, flags=1), publish("d", b"2", mid=2, flags=8), publish("n", b"3", mid=3))
        await inlet.until(lambda: len(inlet.got) == 3)
        assert [m[2:] for m in inlet.got] == [(True, False), (False, True), (False, False)]

    against_bytes(lane, script)


@LANES
def test_the_wire_says_when_it_has_nothing_more(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        before = inlet.rests
        broker.send(publish("t", b"1", mid=1))
        await inlet.until(lambda: inlet.rests > before and len(inlet.got) == 1)

    against_bytes(lane, script)


@LANES
def test_nothing_is_acknowledged_by_itself(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        broker.send(*(publish("t", b"x", mid=m) for m in range(1, 50)))
        await inlet.until(lambda: len(inlet.got) == 49)
        assert wire.acknowledge(wire.epoch, inlet.tokens[:2])
        await broker.until(lambda: len(broker.acknowledged()) >= 2)
        assert broker.acknowledged() == [1, 2]

    against_bytes(lane, script)


@LANES
def test_a_message_is_never_acknowledged_on_a_later_connection(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        broker.send(publish("t", b"old", mid=1))
        await inlet.until(lambda: len(inlet.got) == 1)
        old = wire.epoch
        broker.hang_up()
        await inlet.until(lambda: inlet.breaks == 1)
        assert not wire.acknowledge(old, inlet.tokens)  # while the connection is down
        await broker.until(lambda: len([1 for first, _ in broker.told if first == 0x82]) == 2)
        broker.send(publish("t", b"new", mid=1))
        await inlet.until(lambda: len(inlet.got) == 2)
        assert not wire.acknowledge(old, inlet.tokens[:1])  # the same packet id names another message now
        assert wire.acknowledge(wire.epoch, inlet.tokens[1:])
        await broker.until(lambda: broker.acknowledged() == [1])
        assert wire.epoch == old + 1

    against_bytes(lane, script)


@LANES
def test_an_alias_does_not_outlive_its_connection(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        broker.send(publish("named", b"1", mid=1, properties=alias(1)))
        await inlet.until(lambda: len(inlet.got) == 1)
        broker.hang_up()
        await broker.until(lambda: len([1 for first, _ in broker.told if first == 0x82]) == 2)
        broker.send(publish("", b"2", mid=1, properties=alias(1)))
        await inlet.until(lambda: len(inlet.got) == 2)
        assert inlet.got[1][0] == ""

    against_bytes(lane, script)


@LANES
def test_a_malformed_publish_ends_the_connection_and_a_new_one_serves(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        broker.send(publish("t", b"x", mid=1, properties=b"\x7f\x00"))
        await broker.until(lambda: len([1 for first, _ in broker.told if first == 0x82]) == 2)
        broker.send(publish("t", b"good", mid=1))
        await inlet.until(lambda: any(m[1] == b"good" for m in inlet.got))

    against_bytes(lane, script)


@LANES
def test_a_paused_wire_reads_nothing_and_is_kept_alive(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        wire.pause()
        broker.send(*(publish("t", b"x", mid=m) for m in range(1, 5)))
        pings = lambda: [1 for first, _ in broker.told if first == 0xC0]  # noqa: E731
        await broker.until(lambda: len(pings()) >= 3)  # three half keep-alives: longer than a broker would wait
        assert inlet.got == []
        wire.resume()
        await inlet.until(lambda: len(inlet.got) == 4)
        assert broker.connections == 1

    against_bytes(lane, script, keepalive=1)


@LANES
def test_unread_packets_in_the_buffer_are_read_after_a_pause_without_news_from_the_socket(lane: str) -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        take = inlet.receive

        def pausing(topic: bytes, payload: bytes, retained: bool, redelivered: bool, token: object) -> None:
            take(topic, payload, retained, redelivered, token)
            wire.pause()

        wire._client.receive = pausing  # type: ignore[method-assign]
        broker.send(*(publish("t", b"x", mid=m) for m in range(1, 30)), PINGRESP, publish("t", b"last", mid=31))
        while len(inlet.got) < 30:
            seen = len(inlet.got)
            await inlet.until(lambda seen=seen: len(inlet.got) > seen or wire.paused)  # type: ignore[misc]
            wire.resume()
            await asyncio.sleep(0)
        assert inlet.got[-1][1] == b"last"

    against_bytes(lane, script)


@LANES
def test_a_real_broker_brings_what_was_not_acknowledged_again_and_only_that(lane: str, doorway: Doorway) -> None:
    name = f"again-{lane}"
    own = {"client_id": name, "filters": (f"tocsin/{name}/#",), "lane": lane}
    settings, password = doorway.settings.model_copy(update=own), doorway.enrol(name)

    def send(first: int, last: int) -> None:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set(name, password)
        client.connect("127.0.0.1", settings.port)
        client.loop_start()
        for n in range(first, last):
            client.publish(f"tocsin/{name}/x", str(n), 1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    async def run() -> None:
        inlet = Recorder()
        async with connected(settings, inlet) as wire:
            await asyncio.to_thread(send, 0, 20)
            await inlet.until(lambda: len(inlet.got) == 20)
            wire.acknowledge(wire.epoch, inlet.tokens[:12])
        await asyncio.to_thread(send, 20, 30)  # nobody listens, the session is kept
        inlet = Recorder()
        async with connected(settings, inlet) as wire:
            await inlet.until(lambda: len(inlet.got) == 18)
            assert [int(m[1]) for m in inlet.got] == list(range(12, 30))
            wire.acknowledge(wire.epoch, inlet.tokens)
            await asyncio.to_thread(send, 99, 100)
            await inlet.until(lambda: inlet.got[-1][1] == b"99")

    asyncio.run(asyncio.wait_for(run(), 40))


def test_a_broker_that_is_away_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        wire = Wire(MqttSettings(port=1), Recorder(), GatewayCounts())
        running = asyncio.create_task(wire.run())
        async with asyncio.timeout(10):
            while not any("cannot be reached" in r.getMessage() for r in caplog.records):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)  # long enough for another attempt
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert len([r for r in caplog.records if "cannot be reached" in r.getMessage()]) == 1


def test_with_shards_every_filter_is_subscribed_to_behind_each_of_them() -> None:
    async def script(broker: ScriptedBroker, wire: Wire, inlet: Recorder) -> None:
        (body,) = [body for first, body in broker.told if first == 0x82]
        for wanted in (b"east/tocsin/#", b"west/tocsin/#", b"east/tele/+/SENSOR", b"west/tele/+/SENSOR"):
            assert len(wanted).to_bytes(2, "big") + wanted in body

    against_bytes("fast", script, shards=("east", "west"), filters=("tocsin/#", "tele/+/SENSOR"))


@pytest.mark.parametrize("shard", ["", "a/b", "+", "#", "$share", "a b", "x" * 65])
def test_a_shard_is_one_topic_level(shard: str) -> None:
    with pytest.raises(ValidationError):
        MqttSettings(shards=(shard,))


def test_encrypted_connections_take_the_stock_lane(tmp_path: Path) -> None:
    assert choose_lane(MqttSettings(ca_file=tmp_path / "ca.pem")) is StockLane
    assert choose_lane(MqttSettings()) is FastLane
    assert choose_lane(MqttSettings(lane="stock")) is StockLane


def test_a_paho_without_the_hooks_takes_the_stock_lane_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(mqtt.Client, "_packet_read")
    assert choose_lane(MqttSettings()) is StockLane
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "_packet_read" in caplog.text


def test_an_encrypted_connection_reads_everything_that_came_at_once(tmp_path: Path) -> None:
    """TLS hands over more than the socket announces: what is left in its buffer must not wait for the next packet."""
    ca, server = certificate(tmp_path)

    async def run() -> None:
        inlet = Recorder()
        async with (
            ScriptedBroker(tls=server) as broker,
            connected(MqttSettings(port=broker.port, ca_file=ca), inlet) as wire,
        ):
            assert wire.lane == "stock"
            broker.send(*(publish("t", str(m).encode(), mid=m) for m in range(1, 200)))
            await inlet.until(lambda: len(inlet.got) == 199)
            assert wire.acknowledge(wire.epoch, inlet.tokens)
            await broker.until(lambda: broker.acknowledged() == list(range(1, 200)))

    asyncio.run(asyncio.wait_for(run(), 30))


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that is its own CA, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, secret = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return pem, context
