"""Doors for devices over TCP: cut, kept, then answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects import gb26875_frames as panels
from ingest.dialects import hj212_frames as stations
from ingest.dialects.catalogue import Stream, entries
from ingest.events import Lapse, Loss, Rejected, decode
from ingest.frames import Frame
from ingest.gateway import Gateway
from ingest.log import Record
from ingest.registry import Registry
from ingest.settings import GatewaySettings, TcpDoor, within
from ingest.tcp import Around, Cutter, Door
from ingest.topics import Topic

SENT = panels.stamp(datetime(2026, 3, 1, 8, tzinfo=UTC))
KNOWN = entries()


def panel(serial: int, status: int = 0b11) -> bytes:
    """A component's status: with bit 1 a fire."""
    head = panels.Head(serial, (1, 1), SENT, "0000000000a1", "000000000000", panels.Command.SEND)
    described = "走廊##".encode("gb18030").ljust(31, b"\0")
    place = bytes([1, 0, 40]) + (1).to_bytes(2, "little") + (7).to_bytes(2, "little")
    return panels.encode(head, bytes([2, 1]) + place + status.to_bytes(2, "little") + described + SENT)


def spoiled(frame: bytes) -> bytes:
    return frame[:-3] + bytes([frame[-3] ^ 1]) + frame[-2:]


STATION = stations.encode(
    "QN=20260301080000000;ST=22;CN=2011;PW=1;MN=M1;Flag=5;CP=&&DataTime=20260301080000;a34004-Rtd=35,a34004-Flag=N&&"
)


class GatedLog:
    """Says yes when told to."""

    def __init__(self, *, open_: bool = True) -> None:
        self.records: list[Record] = []
        self.yes = asyncio.Event()
        self.asked = asyncio.Event()
        if open_:
            self.yes.set()

    async def write(self, records: Sequence[Record]) -> None:
        self.asked.set()
        await self.yes.wait()
        self.records += records

    def rows(self) -> list[tuple[str, str, float]]:
        frames = [Frame.decode(r.value) for r in self.records if r.topic == Topic.READINGS]
        return [(r.device, r.metric, r.value) for frame in frames for r in frame.readings()]

    def lapses(self) -> list[Lapse]:
        events = [decode(r.value) for r in self.records if r.topic == Topic.PRESENCE]
        return [event for event in events if isinstance(event, Lapse)]

    def rejects(self) -> list[Rejected]:
        events = [decode(r.value) for r in self.records if r.topic == Topic.REJECTS]
        return [event for event in events if isinstance(event, Rejected)]


Script = Callable[[int, GatedLog], Awaitable[None]]


def served(script: Script, *, dialect: str = "gb26875", open_: bool = True, **over: Any) -> GatedLog:
    async def run() -> GatedLog:
        log = GatedLog(open_=open_)
        around = Around(
            lambda stream: Gateway(Registry(), lambda _: None, GatewaySettings(), (), stream=stream), lambda: Stream(KNOWN),
            log, 4, Clock(), GatewayCounts(),  # type: ignore[arg-type]
        )  # fmt: skip
        door, ready = Door(TcpDoor(dialect=dialect, port=0, **over), around), asyncio.Event()  # type: ignore[arg-type]
        serving = asyncio.create_task(door.run(ready.set))
        try:
            async with asyncio.timeout(20):
                await ready.wait()
                await script(door.port, log)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        return log

    return asyncio.run(run())


async def told(port: int, *parts: bytes) -> bytes:
    """What the door answers until it closes, after everything was said and our side closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def commands(answer: bytes) -> list[tuple[int, int]]:
    pieces = panels.Splitter().feed(answer)
    return [(p.head.serial, p.head.command) for p in pieces if isinstance(p, panels.Frame)]


def test_frames_in_any_parts_are_kept_and_confirmed_with_their_serial() -> None:
    answers: list[bytes] = []

    async def script(port: int, log: GatedLog) -> None:
        whole = panel(1) + panel(2)
        answers.append(await told(port, whole[:5], whole[5:90], whole[90:]))

    log = served(script)
    assert commands(answers[0]) == [(1, panels.Command.CONFIRM), (2, panels.Command.CONFIRM)]
    assert [(metric, value) for _, metric, value in log.rows()] == [("fire_alarm", 1.0)] * 2


def test_nothing_is_confirmed_before_the_log_has_it() -> None:
    async def script(port: int, log: GatedLog) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(panel(7))
        await log.asked.wait()
        answer = asyncio.create_task(reader.read(100))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not answer.done()
        log.yes.set()
        assert commands(await answer) == [(7, panels.Command.CONFIRM)]
        writer.close()

    served(script, open_=False)


def test_a_bad_sum_is_denied_kept_with_its_bytes_and_does_not_spoil_the_next_frame() -> None:
    answers: list[bytes] = []

    async def script(port: int, log: GatedLog) -> None:
        answers.append(await told(port, spoiled(panel(1)) + b"rubbish" + panel(2)))

    log = served(script)
    assert commands(answers[0]) == [(1, panels.Command.DENY), (2, panels.Command.CONFIRM)]
    assert [(r.reason, r.raw) for r in log.rejects()] == [("bad_sum", spoiled(panel(1)) + b"rubbish")]
    assert len(log.rows()) == 1


def test_a_station_is_answered_in_its_own_words() -> None:
    answers: list[bytes] = []

    async def script(port: int, log: GatedLog) -> None:
        answers.append(await told(port, STATION))

    log = served(script, dialect="hj212")
    assert b"CN=9014" in answers[0]
    assert log.rows()[0][2] == 35.0


def test_who_is_in_none_of_the_networks_is_not_listened_to() -> None:
    answers: list[bytes] = []

    async def script(port: int, log: GatedLog) -> None:
        try:
            answers.append(await told(port, panel(1)))
        except ConnectionError:
            answers.append(b"")

    log = served(script, allow=(ip_network("192.0.2.0/24"),))
    assert answers == [b""]
    assert not log.records


def test_who_shouts_is_kept_out_and_what_was_heard_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[bytes] = []

    async def script(port: int, log: GatedLog) -> None:
        for _ in range(2):
            try:
                answers.append(await told(port, *(panel(n) for n in range(40))))
            except ConnectionError:
                answers.append(b"")

    log = served(script, rate=0.5)  # a burst of five
    assert len(log.rows()) == 5
    assert not commands(answers[1])
    assert caplog.text.count("for five minutes") == 1


def test_who_is_kept_out_is_one_alarm_for_operators_and_its_end_when_the_door_ends() -> None:
    async def script(port: int, log: GatedLog) -> None:
        for _ in range(3):
            with contextlib.suppress(ConnectionError):
                await told(port, *(panel(n) for n in range(10)))
        while not log.lapses():
            await asyncio.sleep(0.01)
        assert [lapse.over for lapse in log.lapses()] == [False]

    begun, over = served(script, rate=0.5).lapses()
    assert (begun.gateway, begun.loss, begun.why) == (
        "gb26875:127.0.0.1",
        Loss.NOISE,
        "more than 0.5 messages a second",
    )
    assert (over.over, over.since) == (True, begun.since)


def test_who_is_in_order_is_no_alarm() -> None:
    async def script(port: int, log: GatedLog) -> None:
        await told(port, panel(1))

    assert served(script).lapses() == []


@pytest.mark.parametrize(
    ("what", "peer", "networks", "inside"),
    [
        ("an address of a network", "10.20.3.4", ["10.20.0.0/16"], True),
        ("one of the second", "192.0.2.1", ["10.20.0.0/16", "192.0.2.0/24"], True),
        ("another one", "10.21.3.4", ["10.20.0.0/16"], False),
        ("an IPv4 address as a listener for both families sees it", "::ffff:10.20.3.4", ["10.20.0.0/16"], True),
        ("an IPv6 address of a link", "fe80::1%eth0", ["fe80::/10"], True),
        ("what is no address", "unknown", ["0.0.0.0/0", "::/0"], False),
        ("nothing", "", ["0.0.0.0/0"], False),
    ],
)
def test_whether_an_address_is_in_a_network(what: str, peer: str, networks: list[str], inside: bool) -> None:
    assert within(peer, [ip_network(network) for network in networks]) is inside, what


@given(st.data())
def test_a_cutter_gives_every_frame_whatever_the_parts(data: st.DataObject) -> None:
    frames = [panel(n) for n in range(data.draw(st.integers(1, 4)))]
    stream, cutter, found = b"".join(frames), Cutter("gb26875"), list[bytes]()
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, 120))
        found += cutter.feed(stream[at : at + size])
        at += size
    assert found + list(cutter.finish()) == frames


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([panel(1), STATION, b"@@", b"##"]), max_size=8),
    st.sampled_from(["gb26875", "hj212"]),
)
def test_a_cutter_bears_anything(parts: list[bytes], dialect: str) -> None:
    cutter = Cutter(dialect)
    found = [raw for part in parts for raw in cutter.feed(part)] + list(cutter.finish())
    assert sum(map(len, found)) <= sum(map(len, parts))
    assert len(cutter._kept) == 0


def test_a_station_that_counts_its_crc_otherwise_may_be_let_through() -> None:
    async def script(port: int, log: GatedLog) -> None:
        await told(port, STATION[:-6] + b"0000\r\n")

    assert served(script, dialect="hj212").rows() == []
    assert served(script, dialect="hj212", accept_bad_crc=True).rows() == [("M1", "pm2_5", 35.0)]


def test_a_panel_whose_clock_is_off_is_set_where_that_is_wanted() -> None:
    answers: list[bytes] = []

    async def script(port: int, log: GatedLog) -> None:
        answers.append(await told(port, panel(1)))

    served(script)
    served(script, set_clocks=60)
    assert commands(answers[0]) == [(1, panels.Command.CONFIRM)]
    assert commands(answers[1]) == [(1, panels.Command.CONFIRM), (1, panels.Command.CONTROL)]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("a bad sum of a panel is denied", {"dialect": "gb26875", "accept_bad_crc": True}),
        ("a station is not set from here", {"dialect": "hj212", "set_clocks": 60}),
    ],
)
def test_a_door_s_options_are_of_its_dialect(sentence: str, said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is for the"):
        TcpDoor(port=1, **said)
