"""What a door has answered is in Kafka, through a broker that is killed meanwhile: panels, stations and pushing platforms go on asking
as their standards say, and nothing that was confirmed to them is missing afterwards (law 1).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from api.pushes import Pushes
from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects import gb26875_frames as panels
from ingest.dialects import hj212_frames as stations
from ingest.dialects.catalogue import Stream, entries
from ingest.frames import Frame
from ingest.gateway import Gateway
from ingest.log import LogWriter, ensure_topics
from ingest.registry import Registry
from ingest.settings import GatewaySettings, LogSettings, PushDoor, TcpDoor
from ingest.tcp import Around, Door
from ingest.topics import Topic
from tests.api.served import serving as api_serving
from tests.conftest import serving
from tests.live.servers import Kafka

pytestmark = [pytest.mark.server, pytest.mark.live]

KNOWN = entries()
TOKEN = "a-token-of-more-than-16"
PUSH = PushDoor(name="cameras", dialect="gb28181", token=TOKEN, rate=1000)  # type: ignore[arg-type]
SENT = panels.stamp(datetime(2026, 3, 1, 8, tzinfo=UTC))
EACH = 15  # confirmations of each door before the kill, and after it
ANSWERED_WITHIN = 0.5  # seconds until a device says it again
PARTITIONS = 3


def gateway(stream: Stream) -> Gateway:
    return Gateway(Registry(), lambda _: None, GatewaySettings(), (), stream=stream)


class Confirmed:
    """Which numbers were confirmed by which door."""

    def __init__(self) -> None:
        self.numbers: dict[str, set[int]] = {"gb26875": set(), "hj212": set(), "gb28181": set()}
        self._goal, self._reached = EACH, asyncio.Event()

    def add(self, door: str, number: int) -> None:
        self.numbers[door].add(number)
        if min(map(len, self.numbers.values())) >= self._goal:
            self._reached.set()

    async def more(self, each: int) -> None:
        """Until every door has confirmed so many more."""
        self._goal, self._reached = min(map(len, self.numbers.values())) + each, asyncio.Event()
        await self._reached.wait()


def fire(serial: int) -> bytes:
    """A fire of the part whose place is the serial."""
    head = panels.Head(serial, (1, 1), SENT, "0000000000a1", "000000000000", panels.Command.SEND)
    place = bytes((1, 0, 40)) + (1).to_bytes(2, "little") + serial.to_bytes(2, "little")
    return panels.encode(head, b"\x02\x01" + place + b"\x03\x00" + bytes(31) + SENT)


def sample(number: int) -> bytes:
    """A station whose name is the number."""
    cp = "DataTime=20260301155900;a34004-Rtd=35,a34004-Flag=N"
    return stations.encode(f"QN=202603011600{number:05d};ST=22;CN=2011;PW=1;MN=S{number};Flag=5;CP=&&{cp}&&")


def camera(number: int) -> str:
    return f"340200000013{number:08d}"


def notice(number: int) -> bytes:
    said = f"<CmdType>Alarm</CmdType><SN>{number}</SN><DeviceID>{camera(number)}</DeviceID><AlarmPriority>1</AlarmPriority>"
    return f"<?xml version='1.0'?><Notify>{said}<AlarmMethod>5</AlarmMethod><AlarmTime>2026-03-01T16:00:00</AlarmTime></Notify>".encode()


async def speaks(
    port: int, door: str, frame: Callable[[int], bytes], confirms: Callable[[bytes, int], bool], confirmed: Confirmed
) -> None:
    """A device that says each thing under one number until it is confirmed, up to three times more where the answer keeps away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in count(1):
        heard, again = b"", 3
        writer.write(frame(number))
        while not confirms(heard, number):
            try:
                answer = await asyncio.wait_for(reader.read(4096), ANSWERED_WITHIN)
                assert answer, f"the {door} door hung up"
                heard += answer
            except TimeoutError:
                if again:
                    again -= 1
                    writer.write(frame(number))
        confirmed.add(door, number)


def confirmed_by_panel_centre(answer: bytes, serial: int) -> bool:
    pieces = panels.Splitter().feed(answer)
    return (serial, panels.Command.CONFIRM) in [(p.head.serial, p.head.command) for p in pieces if isinstance(p, panels.Frame)]  # fmt: skip


def confirmed_by_station_centre(answer: bytes, number: int) -> bool:
    return f"QN=202603011600{number:05d};ST=91;CN=9014".encode() in answer


async def pushes_on(base: str, confirmed: Confirmed) -> None:
    number = 1
    async with httpx.AsyncClient(base_url=base, headers={"x-tocsin-token": TOKEN}, timeout=10, trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await http.post("/api/v1/push/cameras", content=notice(number))
                if answer.status_code == 200 and f"<SN>{number}</SN>" in answer.text:
                    confirmed.add("gb28181", number)
                    number += 1


@contextlib.asynccontextmanager
async def running(*tasks: Awaitable[None]) -> AsyncIterator[None]:
    """The tasks run for as long as the context; one that ends by itself shows why."""
    started = [asyncio.ensure_future(task) for task in tasks]
    try:
        yield
    finally:
        for task in started:
            task.cancel()
        for ended in await asyncio.gather(*started, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


async def kept(settings: LogSettings) -> set[str]:
    """The devices of every reading in the log."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False)
    await consumer.start()
    try:
        where = [TopicPartition(Topic.READINGS, n) for n in range(PARTITIONS)]
        consumer.assign(where)
        await consumer.seek_to_beginning(*where)
        ends, found = await consumer.end_offsets(where), set[str]()
        for part in where:
            while await consumer.position(part) < ends[part]:
                for record in (await consumer.getmany(part, timeout_ms=1000)).get(part, ()):
                    found |= {reading.device for reading in Frame.decode(record.value).readings()}
        return found
    finally:
        await consumer.stop()


async def through_a_kill(cluster: Kafka, settings: LogSettings, base: str) -> tuple[Confirmed, set[str]]:
    confirmed = Confirmed()
    async with LogWriter(settings) as writer:
        around = Around(gateway, lambda: Stream(KNOWN), writer, PARTITIONS, Clock(), GatewayCounts())
        doors = [Door(TcpDoor(dialect=name, port=0, rate=1000), around) for name in ("gb26875", "hj212")]
        open_ = [asyncio.Event() for _ in doors]
        async with running(*(door.run(ready.set) for door, ready in zip(doors, open_, strict=True))):
            await asyncio.gather(*(ready.wait() for ready in open_))
            async with running(
                speaks(doors[0].port, "gb26875", fire, confirmed_by_panel_centre, confirmed),
                speaks(doors[1].port, "hj212", sample, confirmed_by_station_centre, confirmed),
                pushes_on(base, confirmed),
            ):
                await confirmed.more(EACH)
                cluster.kill(0)
                await asyncio.to_thread(cluster.start_again, 0)
                await confirmed.more(EACH)
    return confirmed, await kept(settings)


def test_what_a_door_confirmed_is_in_the_log_through_a_broker_s_kill(tmp_path: Path) -> None:
    cluster = Kafka(tmp_path / "kafka")
    with serving(cluster):
        settings = cluster.settings(partitions=PARTITIONS)
        asyncio.run(ensure_topics(settings))
        made = Pushes([PUSH], KNOWN, gateway, LogWriter(settings), partitions=PARTITIONS, clock=Clock(), patience=1.0)
        with api_serving(tmp_path, pushes=made) as desk:
            confirmed, found = asyncio.run(through_a_kill(cluster, settings, str(desk.http.base_url)))
    names = {"gb26875": "0000000000a1/1-{}", "hj212": "S{}"}
    missing = {
        door: [n for n in numbers if (camera(n) if door == "gb28181" else names[door].format(n)) not in found]
        for door, numbers in confirmed.numbers.items()
    }
    assert missing == {"gb26875": [], "hj212": [], "gb28181": []}
    assert min(map(len, confirmed.numbers.values())) >= 2 * EACH
