"""Devices that are not in the registry are heard, counted and bounded; nobody else is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.dialects import open_dialects
from ingest.dialects.catalogue import Stream, entries
from ingest.frames import to_micros
from ingest.gateway import Gateway
from ingest.packer import Batch, Packer
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.settings import GatewaySettings, TcpDoor
from ingest.tcp import Around, Door
from ingest.unknown import SAMPLED, UnknownDevice, UnknownDevices, each_once, together
from tests.ingest.test_tcp import GatedLog, panel

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
MICROS = to_micros(NOW)
SECOND = timedelta(seconds=1)
REGISTRY = Registry.of(
    [Grid("g1", "一网格", GridLevel.GRID)], [Device("d1", "smoke", "gw", "g1"), Device("cam1", "camera", "gw", "g1")], 1
)
GATEWAY = Gateway(REGISTRY, lambda _: None, GatewaySettings(), open_dialects(), stream=Stream(entries()))


def heard(*messages: tuple[str, object], retained: bool = False, shards: tuple[str, ...] = ()) -> UnknownDevices:
    unknown = UnknownDevices(ours=frozenset({"tocsin_canary"}))
    packer, batch = Packer(GATEWAY, 12, GatewayCounts(), shards, unknown), Batch(500)
    for n, (topic, body) in enumerate(messages):
        payload = body if isinstance(body, bytes) else orjson.dumps(body)
        packer.take(topic.encode(), payload, retained, MICROS + n * 1_000_000, batch)
    return unknown


T = "tocsin/gw/u1/telemetry"
AT = NOW.isoformat()


@pytest.mark.parametrize(
    ("sentence", "topic", "body", "wanted"),
    [
        ("numbers, the plain way", T, {"at": AT, "smoke": 0.25, "alarm": True}, ("u1", {"smoke": 0.25, "alarm": 1.0})),
        ("a test, which takes the long way", T, {"at": AT, "smoke": 0.25, "test": True}, ("u1", {"smoke": 0.25})),
        ("one of a list", "tocsin/gw/telemetry", [{"device": "d1", "x": 1}, {"device": "u1", "x": 2}], ("u1", {"x": 2.0})),
        ("a camera", "tocsin/gw/u1/sighting", {"id": "1", "label": "fire", "score": 0.9}, ("u1", {"fire": 0.9})),
        ("who comes and goes", "tocsin/gw/u1/presence", b"online", ("u1", {"state": "online"})),
        ("another's dialect", "zigbee2mqtt/u1", {"smoke": True, "battery": 80}, ("u1", {"fire_alarm": 1.0, "battery": 80.0})),
        ("an enrolled device", "tocsin/gw/d1/telemetry", {"at": AT, "smoke": 0.25}, None),
        ("an enrolled camera", "tocsin/gw/cam1/sighting", {"id": "1", "label": "fire", "score": 0.9}, None),
        ("a gateway that speaks for itself", "tocsin/gw/presence", b"offline", None),
        ("a resident", "tocsin/12345/call", {"id": "1", "text": "冒烟了"}, None),
        ("what was rejected", T, {"smoke": "0.25"}, None),
        ("another gateway's device", "tocsin/other/d1/telemetry", {"at": AT, "smoke": 0.25}, None),
        ("a canary", "tocsin/selfwatch/telemetry", [{"device": "c1", "tocsin_canary": 7}], None),
    ],
)  # fmt: skip
def test_who_is_an_unknown_device(sentence: str, topic: str, body: object, wanted: tuple[str, object] | None) -> None:
    unknown = heard(*[(topic, body)] * 3)
    found = unknown.taken()
    if wanted is None:
        assert found == [], sentence
        return
    (one,) = found
    assert (one.device, one.sample, one.count, one.source) == (*wanted, 3, topic), sentence
    assert (one.first_seen, one.last_seen) == (NOW, NOW + 2 * SECOND)
    assert len(unknown) == 0, "what was handed on is not held any more"


def test_the_sample_is_the_last_message_and_its_gateway() -> None:
    (one,) = heard((T, {"at": AT, "a": 1}), ("tocsin/gw2/u1/telemetry", {"at": AT, "b": 2})).taken()
    assert (one.gateway, one.sample, one.source, one.count) == ("gw2", {"b": 2.0}, "tocsin/gw2/u1/telemetry", 2)


def test_a_shard_is_no_part_of_the_source() -> None:
    (one,) = heard((f"east/{T}", {"at": AT, "a": 1}), shards=("east",)).taken()
    assert one.source == T


def test_a_retained_message_says_that_the_device_is_there() -> None:
    (one,) = heard((T, {"at": AT, "a": 1}), retained=True).taken()
    assert one.device == "u1"


def test_nothing_a_sender_writes_makes_a_sample_long() -> None:
    body = {"at": AT, **{f"m{n}": n for n in range(500)}}
    for messages in ([(T, body)], [(T, {**body, "test": True})]):
        (one,) = heard(*messages).taken()
        assert len(one.sample) == SAMPLED
    (one,) = heard(("zigbee2mqtt/" + "长" * 100 + "/\x07bell", {"smoke": True})).taken() or [None]
    assert one is None or (one.source.isprintable() and len(one.source) <= 200)


def test_only_so_many_are_held_and_those_keep_counting() -> None:
    unknown = UnknownDevices(most=2)
    for device in ("a", "b", "c", "a"):
        unknown.hear(device, "gw", T, {}, MICROS)
    assert [(u.device, u.count) for u in unknown.taken()] == [("a", 2), ("b", 1)]
    unknown.hear("c", "gw", T, {}, MICROS)
    assert [u.device for u in unknown.taken()] == ["c"], "there is room again"


def test_what_could_not_be_handed_on_is_counted_with_what_came_after() -> None:
    unknown = UnknownDevices(most=3)
    unknown.hear("a", "gw", T, {"x": 1}, MICROS)
    unknown.hear("b", "gw", T, {"x": 1}, MICROS)
    some = unknown.taken()
    unknown.hear("a", "gw2", T, {"x": 2}, MICROS + 5_000_000)
    unknown.restore(some)
    a, b = unknown.taken()
    assert a == UnknownDevice("a", "gw2", 2, NOW, NOW + 5 * SECOND, T, {"x": 2.0})
    assert b == some[1]


def test_they_are_handed_on_some_at_a_time_and_in_turn() -> None:
    unknown = UnknownDevices()
    for n in range(5):
        unknown.hear(f"u{n}", "gw", T, {}, MICROS)
    assert [[u.device for u in unknown.taken(2)] for _ in range(4)] == [["u0", "u1"], ["u2", "u3"], ["u4"], []]


sightings = st.builds(
    lambda device, count, first, last: UnknownDevice(device, "gw", count, NOW + first * SECOND, NOW + (first + last) * SECOND),
    st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 99), st.integers(0, 99),
)  # fmt: skip


@given(st.lists(sightings, max_size=8))
def test_putting_together_loses_no_message_and_no_time(some: list[UnknownDevice]) -> None:
    found = each_once(some)
    assert [u.device for u in found] == sorted({u.device for u in some})
    assert sum(u.count for u in found) == sum(u.count for u in some)
    for one in found:
        mine = [u for u in some if u.device == one.device]
        assert (one.first_seen, one.last_seen) == (min(u.first_seen for u in mine), max(u.last_seen for u in mine))


@given(sightings, sightings)
def test_the_later_word_counts_whichever_comes_first(one: UnknownDevice, other: UnknownDevice) -> None:
    assert together(one, other).last_seen == together(other, one).last_seen == max(one.last_seen, other.last_seen)


def test_a_panel_at_a_tcp_door_is_heard_under_its_dialect() -> None:
    unknown, log = UnknownDevices(), GatedLog()
    around = Around(
        lambda stream: Gateway(Registry(), lambda _: None, GatewaySettings(), (), stream=stream), lambda: Stream(entries()),
        log, 4, Clock(), GatewayCounts(), unknown,  # type: ignore[arg-type]
    )  # fmt: skip
    asyncio.run(Door(TcpDoor(dialect="gb26875", port=0), around).take(panel(1), "10.0.0.1"))
    found = unknown.taken()
    assert {device for device, _, _ in log.rows()} == {u.device for u in found} != set()
    assert {u.source for u in found} == {"gb26875"}
