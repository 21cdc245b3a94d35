"""A running gateway process hears a stranger, writes it down, and takes it up once it is adopted: on real brokers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from typer.testing import CliRunner

from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from api.command.verbs import app
from api.compose import gateway as composed
from api.heartbeat import Heart
from api.settings import Settings
from ingest.registry import Grid, GridLevel
from ingest.topics import Topic
from tests.conftest import Passage
from tests.ingest.test_doors import Reader, gateway_settings


async def until_heard(ledger: Ledger, count: int) -> None:
    async with asyncio.timeout(30):
        while sum(u.count for u in await asyncio.to_thread(ledger.unknown_devices)) < count:
            await asyncio.sleep(0.1)


def test_a_running_gateway_hears_a_stranger_and_takes_it_up_once_it_is_adopted(
    passage: Passage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, url = "devices-live", f"sqlite:///{tmp_path}/ledger.db"
    Path("tocsin.toml").write_text(f'[ledger]\nurl = "{url}"\n', encoding="utf-8")
    settings = Settings(mqtt=gateway_settings(passage, name), log=passage.log, ledger={"url": url})  # type: ignore[arg-type]
    ledger, reader = open_ledger(url), Reader(passage.log, Topic.READINGS)
    ledger.replace_place([Grid("t1", "东镇", GridLevel.TOWNSHIP)], [], [])

    async def run() -> None:
        await reader.mark()
        stop, ready = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        with Heart(on_ready=lambda: loop.call_soon_threadsafe(ready.set)) as heart:
            running = asyncio.create_task(composed.run(settings, stop, heart))
            await asyncio.wait_for(ready.wait(), 30)
            client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
            client.username_pw_set(name, passage.door.enrol(name))
            client.connect("127.0.0.1", settings.mqtt.port)
            client.loop_start()
            for _ in range(3):
                client.publish(f"tocsin/{name}/u1/telemetry", b'{"smoke":0.25}', 1).wait_for_publish(10)
            await until_heard(ledger, 3)
            (heard,) = ledger.unknown_devices()
            assert (heard.device, heard.gateway, heard.sample) == ("u1", name, {"smoke": 0.25})
            adopting = ["devices", "adopt", "u1", "--kind", "smoke", "--grid", "t1"]
            adopted = await asyncio.to_thread(CliRunner().invoke, app, adopting)
            assert adopted.exit_code == 0, adopted.output
            deadline, grids = time.monotonic() + 60, set[str]()
            while "t1" not in grids and time.monotonic() < deadline:
                client.publish(f"tocsin/{name}/u1/telemetry", b'{"smoke":0.25}', 1).wait_for_publish(10)
                grids |= {r.place.grid for r in await reader.rows(name, bool, within=2)}
            assert "t1" in grids
            client.disconnect()
            client.loop_stop()
            stop.set()
            await running

    asyncio.run(asyncio.wait_for(run(), 120))
    assert ledger.unknown_devices() == []
    ledger.close()
