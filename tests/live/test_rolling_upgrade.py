"""Two versions side by side on the same topics and the same ledger: an upgrade that rolls, and one that is taken back."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from alerts.ledger import open_ledger
from alerts.ledger.migrate import revision_of
from alerts.ledger.port import Filter, Ledger
from api.child import free_ports
from api.county.lines import Kind
from api.county.publisher import Publisher
from api.county.telephone import TelephoneNetwork, nobody_answers
from api.embedded import Brokers
from api.keeper import Keeper
from api.settings import Settings
from api.stack import environment_of
from api.tally import everything, tally
from ingest.log import ensure_topics
from ingest.topics import Topic
from tests.live.kill_drill import CALM, SID, doubled, place
from tests.live.next_version import NEXT

ALARMS = 24
NEW = "tests.live.next_version"


def until(claim: Callable[[], bool], within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not claim():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(0.05)


class Upgrade:
    """A small deployment whose processes are replaced one by one."""

    def __init__(self, folder: Path, room: ExitStack) -> None:
        self.network = room.enter_context(TelephoneNetwork(SID, "drill", answers=nobody_answers))
        brokers = room.enter_context(Brokers(folder / "brokers"))
        policies = folder / "policies.toml"
        policies.write_text(CALM, encoding="utf-8")
        twilio = {"account_sid": SID, "auth_token": "drill", "sender": "+10000000000", "base_url": self.network.url}
        port = free_ports(1)[0]
        values: dict[str, Any] = {
            "mqtt": {"host": "127.0.0.1", "port": brokers.mqtt_port},
            "log": {"brokers": brokers.kafka, "idempotent": False, "partitions": 4},
            "gateway": {"pace": 0.0},
            "worker": {"session_timeout": 2.0, "heartbeat": 0.5, "snapshot_every": 1.0},
            "ledger": {"url": f"sqlite:///{folder / 'ledger.db'}"},
            "series": {"path": str(folder / "series.db")},
            "api": {"port": port},
            "notify": {
                "channels": ("sms",), "policies": str(policies), "public_url": f"http://127.0.0.1:{port}", "twilio": twilio,
            },
        }  # fmt: skip
        self.settings = Settings.model_validate(values)
        self._env = {**os.environ, **environment_of(values)}
        self.ledger = open_ledger(self.settings.ledger.url)
        room.callback(self.ledger.close)
        self.ledger.replace_place(*place(ALARMS))
        self.keeper = room.enter_context(Keeper(folder / "kept"))
        self.publisher: Publisher | None = None
        self._rung = 0

    def add(self, name: str, verb: str, module: str = "") -> None:
        self.keeper.add(name, verb, self._env, module=module)

    def ring(self, publisher: Publisher, count: int) -> None:
        """So many further alarms, each told by one text before this returns."""
        for n in range(self._rung, self._rung + count):
            publisher.publish(f"tocsin/gw-drill/alarm-{n:03d}/telemetry", orjson.dumps({"alarm": True}))
        self._rung += count
        until(lambda: len(self.network.lines(Kind.MESSAGE)) >= self._rung, 60, f"{self._rung} texts")

    def revision(self) -> str:
        return revision_of(self.ledger._database.engine)


@pytest.fixture
def upgrade(tmp_path: Path) -> Iterator[Upgrade]:
    with ExitStack() as room:
        yield Upgrade(tmp_path, room)


def raised(ledger: Ledger) -> int:
    return len(ledger.page(Filter(), limit=1000).alerts)


def test_an_upgrade_rolls_forward_and_back_without_a_lost_or_doubled_alarm(upgrade: Upgrade) -> None:
    asyncio.run(ensure_topics(upgrade.settings.log))
    upgrade.add("gateway-old", "gateway")
    upgrade.add("worker-old", "worker")
    upgrade.keeper.start()
    for name in upgrade.keeper.names:
        upgrade.keeper.await_ready(name)
    with Publisher(upgrade.settings.mqtt, "rolling") as publisher:
        upgrade.ring(publisher, 4)

        upgrade.add("worker-new", "worker", NEW)  # the new one expands the ledger under the old one's feet
        upgrade.keeper.await_ready("worker-new")
        assert upgrade.revision() == NEXT
        upgrade.ring(publisher, 4)

        upgrade.keeper.hold("worker-old")
        upgrade.keeper.hold("gateway-old")
        upgrade.add("gateway-new", "gateway", NEW)
        upgrade.keeper.await_ready("gateway-new")
        upgrade.ring(publisher, 4)

        upgrade.keeper.release("worker-old")  # second thoughts: what the new ones wrote is read by the old one
        upgrade.keeper.await_ready("worker-old")
        upgrade.ring(publisher, 4)
        upgrade.keeper.hold("worker-new")
        upgrade.keeper.hold("gateway-new")
        upgrade.keeper.release("gateway-old")
        upgrade.keeper.await_ready("gateway-old")
        upgrade.ring(publisher, 8)
        assert publisher.flush(20)

    assert (raised(upgrade.ledger), len(upgrade.network.lines(Kind.MESSAGE)), doubled(upgrade.network)) == (
        ALARMS,
        ALARMS,
        0,
    )
    counted = asyncio.run(tally(upgrade.settings.log))
    assert (counted.kept, counted.rejected) == (ALARMS, 0)
    assert asyncio.run(records(upgrade.settings, Topic.DEADLETTERS)) == [], "nobody met what it could not read"
    for topic in (Topic.READINGS, Topic.SIGNALS):
        written = [b"later" in raw for raw in asyncio.run(records(upgrade.settings, topic))]
        assert {True, False} == set(written), f"both versions wrote to {topic}"


async def records(settings: Settings, topic: Topic) -> list[bytes]:
    return [raw async for _, raw in everything(settings.log, (topic,))]
