"""Grids as GeoJSON with the worst that is open in each, and what a device said lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime

from alerts.alert import Alert
from alerts.ledger.port import Filter, Ledger
from api.http.desk import TheDesk, answer
from api.http.problems import Problem
from ingest.registry import Grid

router = APIRouter(prefix="/api/v1", tags=["grids"])
MAP_LIMIT: Final = 2000  # open alerts the map is coloured by, worst first
PAGE: Final = 500


@router.get("/grids", summary="网格 · GeoJSON of all grids, each with its worst open level and how many are open")
def list_grids(
    desk: TheDesk,
    geometry: Annotated[bool, Query(description="Leave outlines out when they are known already")] = True,
) -> Response:
    """`truncated`: more than 2,000 alerts are open; the worst of them colour the map, the rest are not counted."""
    registry, roster = desk.registry(), desk.roster()
    alerts, truncated = _open(desk.ledger)
    worst, counts = colours(alerts)
    features = [
        {
            "type": "Feature",
            "id": grid.code,
            "geometry": outline(grid) if geometry else None,
            "properties": {
                "code": grid.code,
                "name": grid.name,
                "level": grid.level.value,
                "parent": grid.parent,
                "township": registry.township_of(grid.code),
                "worst": worst.get(grid.code, ""),
                "open": counts.get(grid.code, 0),
                "people": [{"id": p.id, "name": p.name, "role": p.role} for p in roster.at(grid.code)],
            },
        }
        for grid in registry.grids.values()
    ]
    return answer(
        {"type": "FeatureCollection", "version": registry.version, "truncated": truncated, "features": features}
    )


@router.get("/devices/{ident}/readings", summary="读数 · A device's metric over time, in at most `buckets` buckets")
def readings(
    ident: Annotated[str, Path(max_length=128)],
    desk: TheDesk,
    metric: Annotated[str, Query(min_length=1, max_length=64)],
    start: AwareDatetime | None = None,
    stop: AwareDatetime | None = None,
    buckets: Annotated[int, Query(ge=1, le=2000)] = 300,
) -> Response:
    """The last hour when no instants are given. An unknown device or metric is an empty list."""
    end = stop or desk.clock.now()
    begin = start or end - timedelta(hours=1)
    if begin >= end:
        raise Problem("bad_request", why=f"start {begin.isoformat()} is not before stop {end.isoformat()}")
    samples = desk.series.readings(ident, metric, begin, end, buckets=buckets)
    device = desk.registry().devices.get(ident)
    return answer({
        "device": ident,
        "kind": device.kind if device else "",
        "metric": metric,
        "samples": [asdict(sample) for sample in samples],
    })  # fmt: skip


def outline(grid: Grid) -> dict[str, Any] | None:
    """A grid's GeoJSON geometry (RFC 7946: rings closed, lon before lat); None without an outline."""
    rings = [_closed(ring) for ring in grid.rings]
    if not rings:
        return None
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings}
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}


def colours(alerts: Iterable[Alert]) -> tuple[dict[str, str], Counter[str]]:
    """The worst level per grid code and how many alerts each has."""
    worst: dict[str, Alert] = {}
    counts: Counter[str] = Counter()
    for alert in alerts:
        grid = alert.place.grid
        counts[grid] += 1
        if grid not in worst or alert.level.rank > worst[grid].level.rank:
            worst[grid] = alert
    return {grid: alert.level.value for grid, alert in worst.items()}, counts


def _closed(ring: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    return [*ring, ring[0]] if ring and ring[0] != ring[-1] else list(ring)


def _open(ledger: Ledger) -> tuple[list[Alert], bool]:
    found: list[Alert] = []
    cursor = ""
    while len(found) < MAP_LIMIT:
        page = ledger.page(Filter(open_only=True), limit=PAGE, cursor=cursor)
        found.extend(page.alerts)
        cursor = page.cursor
        if not cursor:
            return found, False
    return found, True
