"""The gateway of `docs/gateways.md`, as it stands there, against real brokers that are killed."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from tests.conftest import Log, serving
from tests.ingest.test_turns import Process, kept
from tests.live.mosquitto import Mosquitto

DOCUMENT = Path(__file__).parents[2] / "docs" / "gateways.md"


def documented() -> Any:
    """The class of the document's longest Python example."""
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(max(examples, key=len), str(DOCUMENT), "exec"), names)  # noqa: S102  # what we tell others to run
    return names["NumberedGateway"]


class Deaf:
    """A paho client that connects nowhere: it writes down what it is to publish."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None

    def is_connected(self) -> bool:
        return True

    def publish(self, topic: str, payload: str, qos: int) -> mqtt.MQTTMessageInfo:
        assert qos == 1
        self.sent.append((topic, eval(payload)))  # noqa: S307  # numbers and texts of our own
        return mqtt.MQTTMessageInfo(len(self.sent))

    def numbers(self) -> list[int]:
        return [body["seq"] for _, body in self.sent]


@contextmanager
def alone(monkeypatch: pytest.MonkeyPatch, **over: Any) -> Iterator[tuple[Any, Deaf]]:
    deaf = Deaf()
    monkeypatch.setattr(mqtt, "Client", lambda *_, **__: deaf)
    yield documented()("127.0.0.1", 1, "gw", **over), deaf


def test_it_sends_what_is_not_acknowledged_again_and_forgets_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with alone(monkeypatch, patience=0.0) as (gateway, wire):
        for n in range(3):
            gateway.send("d", x=n)
        assert wire.numbers() == [1, 1, 2, 1, 2, 3]
        gateway.news.put(("ack", b'{"boot":"another","seq":3}'))
        gateway.news.put(("ack", b'{"boot":"%s","seq":2}' % gateway.boot.encode()))
        gateway.step()
        assert wire.numbers()[6:] == [3]
        assert list(gateway.ring) == [3]


def test_it_believes_no_acknowledgement_for_what_came_before_it_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    with alone(monkeypatch) as (gateway, _):
        for n in range(5):
            gateway.send("d", x=n)
        gateway.news.put(("ack", b'{"boot":"%s","seq":5,"from":4}' % gateway.boot.encode()))
        gateway.step()
        assert list(gateway.ring) == [1, 2, 3]


@pytest.mark.parametrize("code", [0x10, 0x87, 0x97])
def test_a_message_that_the_broker_did_not_accept_is_sent_again_soon(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with alone(monkeypatch, patience=1e6) as (gateway, wire):
        gateway.send("d", x=1)
        gateway.send("d", x=2)
        gateway.news.put(("puback", (1, 0)))
        gateway.news.put(("puback", (2, code)))
        gateway.step()
        assert wire.numbers() == [1, 2]
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 2)
        gateway.step()
        assert wire.numbers() == [1, 2, 2]


def test_a_full_ring_begins_a_new_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    with alone(monkeypatch, keep=3) as (gateway, wire):
        first = gateway.boot
        for n in range(4):
            gateway.send("d", x=n)
        assert gateway.boot != first
        assert [(b["boot"] == first, b["seq"], b["x"]) for _, b in wire.sent] == [
            (True, 1, 0), (True, 2, 1), (True, 3, 2), (False, 1, 1), (False, 2, 2), (False, 3, 3),
        ]  # fmt: skip


def test_what_gathered_while_the_line_was_cut_goes_out_in_bounded_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    with alone(monkeypatch, patience=1e6) as (gateway, wire):
        monkeypatch.setattr(wire, "is_connected", lambda: False)
        for n in range(2_500):
            gateway.send("d", x=n)
        monkeypatch.setattr(wire, "is_connected", lambda: True)
        for _ in range(3):
            gateway.step()
        assert wire.numbers() == list(range(1, 1_001)), "a thousand are under way, and no more before one is answered"
        for mid in range(1, 11):
            gateway.news.put(("puback", (mid, 0)))
        gateway.step()
        assert wire.numbers()[1_000:] == list(range(1_001, 1_011))


@pytest.mark.server
def test_a_broker_that_is_killed_loses_nothing_of_a_gateway_that_waits_for_our_acknowledgement(
    log: Log, tmp_path: Path
) -> None:
    """Mosquitto acknowledges from memory, as deployed too: what it forgets comes again, and the hole is filled."""
    name, total, rounds = f"killed-{log.name}", 600, 3
    broker = Mosquitto(tmp_path / "mosquitto")
    with serving(broker):
        password, settings = broker.user(name), broker.settings(client_id=f"ours-{name}")
        process = Process(settings, log.settings, tmp_path / "gateway.log")
        gateway = documented()("127.0.0.1", broker.port, name, name, password, patience=2.0)
        try:
            for n in range(1, total + 1):
                gateway.send(f"d{n % 7}", x=n)
                if n % (total // rounds) == total // rounds // 2:
                    broker.kill()
                    broker.start_again()
            deadline = time.monotonic() + 90
            while gateway.ring:
                gateway.step()
                assert time.monotonic() < deadline, f"{len(gateway.ring)} are not acknowledged"
                time.sleep(0.02)
        finally:
            gateway.close()
            process.stop()
        assert gateway.seq == total
    assert asyncio.run(kept(log.settings, f"ours-{name}", name)) == (total, [])
