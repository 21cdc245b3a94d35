"""A device that nobody enrolled rings all the same: from its message on the wire to the catcher's telephone (law 11)."""

from __future__ import annotations

import orjson
import pytest

from ingest.counts import GatewayCounts
from ingest.dialects import open_dialects
from ingest.events import Mark, Place, Point
from ingest.frames import Frame, to_micros
from ingest.gateway import Gateway
from ingest.packer import Batch, Packer
from ingest.registry import Device
from ingest.settings import GatewaySettings
from ingest.unknown import UnknownDevices
from streams.detectors.registry import Detectors
from streams.rules import load_rules
from streams.signal import Signal
from tests.scenarios.timeline import START, Line

HERE = Point(30.5, 120.5)


def signals(line: Line, unknown: UnknownDevices, **body: object) -> list[Signal]:
    """What the shipped rules make of one message of `u1`, heard as the gateway hears it."""
    gateway = Gateway(
        line.ledger.registry(), lambda p: Place("g1", "t1", p, "coordinates") if p == HERE else None, GatewaySettings(), open_dialects()
    )  # fmt: skip
    packer, batch = Packer(gateway, 12, GatewayCounts(), unknown=unknown), Batch(500)
    payload = orjson.dumps({"at": START.isoformat(), "fire_alarm": True, **body})
    packer.take(b"tocsin/gw/u1/telemetry", payload, False, to_micros(START), batch)
    (frame,) = (Frame.decode(raw) for _, raw in batch.frames())
    assert all(r.marks & Mark.UNKNOWN_DEVICE for r in frame.readings()) is ("u1" not in gateway.registry.devices)
    return Detectors(load_rules()).update(frame)


@pytest.mark.parametrize(
    ("sentence", "body", "told"),
    [
        ("without a place it goes to the catcher", {}, "catcher"),
        ("where no grid is it goes to the catcher", {"lat": 10, "lon": 10}, "catcher"),
        ("in a grid it goes to that grid's leader", {"lat": HERE.lat, "lon": HERE.lon}, "leader1"),
    ],
)
def test_an_alarm_of_an_unknown_device_is_told(sentence: str, body: dict[str, object], told: str) -> None:
    line, unknown = Line(), UnknownDevices()
    line.conductor.signals(signals(line, unknown, **body), line.now)
    line.send()
    assert {notice.person for notice in line.notices()} == {told}, sentence
    (heard,) = unknown.taken()
    assert (heard.device, heard.gateway, heard.sample["fire_alarm"]) == ("u1", "gw", 1.0)


def test_once_it_is_adopted_its_alarm_goes_to_its_own_grid() -> None:
    line, unknown = Line(), UnknownDevices()
    line.ledger.adopt(Device("u1", "smoke", "gw", "g1"))
    line.conductor.signals(signals(line, unknown), line.now)
    line.send()
    assert {notice.person for notice in line.notices()} == {"leader1"}
    assert len(unknown) == 0
