"""The place as every process has it at hand, over imports and over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.placebook import PlaceBook
from ingest.events import Place, Point
from ingest.gateway import Gateway
from ingest.registry import Device, Grid, GridLevel
from ingest.settings import GatewaySettings
from tests.alerts.memory_ledger import MemoryLedger

EDGE = datetime(2026, 3, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
SQUARE = (((103.0, 30.0), (103.1, 30.0), (103.1, 30.1), (103.0, 30.1)),)
OLD = Grid("G1", "旧", GridLevel.GRID, "T", SQUARE, valid_to=EDGE)
NEW = Grid("G2", "新", GridLevel.GRID, "T", SQUARE, valid_from=EDGE)
TOWN = Grid("T", "镇", GridLevel.TOWNSHIP)
HERE = Point(30.05, 103.05)


def book(now: list[datetime], *devices: Device) -> PlaceBook:
    ledger = MemoryLedger()
    ledger.replace_place([TOWN, OLD, NEW], devices, [])
    return PlaceBook(ledger, lambda: now[0])


def test_the_tree_changes_at_its_edge_without_an_import() -> None:
    now = [EDGE - DAY]
    kept = book(now)
    assert set(kept.registry().grids) == {"T", "G1"}
    assert kept.locate(HERE) == Place("G1", "T", HERE, "coordinates")
    assert kept.refresh() is False
    now[0] = EDGE
    assert kept.refresh() is True
    assert set(kept.registry().grids) == {"T", "G2"}
    assert kept.locate(HERE) == Place("G2", "T", HERE, "coordinates")
    assert kept.refresh() is False


def test_what_happened_before_the_edge_is_placed_as_it_was_then() -> None:
    kept = book([EDGE + DAY])
    assert kept.locate(HERE, EDGE - DAY).grid == "G1"
    assert kept.locate(HERE, EDGE).grid == "G2"
    assert kept.locate(HERE).grid == "G2"


def test_a_gateway_goes_by_the_grid_in_force_when_it_happened() -> None:
    kept = book([EDGE + DAY], Device("d1", "smoke", grid="G1", point=HERE), Device("d2", "smoke", grid="T", point=HERE))
    gateway = Gateway(kept.registry(), kept.locate, GatewaySettings(), ())
    stands = {at: gateway.stand("d1", "", None, at).place for at in (EDGE - DAY, EDGE + DAY)}
    assert [(p.grid, p.why) for p in stands.values()] == [("G1", "registry"), ("G2", "coordinates")]
    assert gateway.stand("d2", "", None, EDGE - DAY).place.grid == "T"
    assert gateway.stand("stranger", "", HERE, EDGE - DAY).place.grid == "G1"


def test_without_dates_nothing_is_asked_of_the_clock() -> None:
    ledger = MemoryLedger()
    ledger.replace_place([TOWN, Grid("G", "网格", GridLevel.GRID, "T", SQUARE)], [], [])
    kept = PlaceBook(ledger)
    assert kept.locate(HERE, EDGE).grid == kept.locate(HERE).grid == "G"
    assert kept.settle(Point(0, 0)) is None
