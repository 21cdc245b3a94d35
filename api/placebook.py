"""Registry, roster and outlines as the ledger has them, kept at hand by every process and read again when an import changed them."""

from __future__ import annotations

import asyncio
import logging
import threading
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime

from alerts.ledger.port import Ledger
from alerts.people.roster import Roster
from ingest.events import Place, Point
from ingest.places import Places, Placing
from ingest.registry import Registry

log = logging.getLogger(__name__)


class PlaceBook:
    """Registry, roster and places as the ledger last had them; read again when an import changed them.

    With `now` the registry is the tree in force at this time, and changes when a grid begins or ends; of another time it is asked by
    an instant. Without, it is the last word on every grid.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], datetime] | None = None) -> None:
        self._ledger = ledger
        self._now = now
        self._version = -1
        self._lock = threading.Lock()
        self._whole, self._registry, self._roster = Registry(), Registry(), Roster()
        self._places: dict[int, Places] = {}  # by how many edges of the tree lie before it
        self._edges: tuple[datetime, ...] = ()
        self._edge = 0
        self.refresh()

    def refresh(self) -> bool:
        """Ask the ledger for its version and read what changed. Returns whether anything did."""
        version = self._ledger.place_version()
        with self._lock:
            edge = self._edge_at(self._now()) if self._now else 0
            if version == self._version and edge == self._edge:
                return False
            if version != self._version:
                self._whole, self._roster = self._ledger.registry(), self._ledger.roster()
                self._edges, self._places = self._whole.edges(), {}
                edge = self._edge_at(self._now()) if self._now else 0
            self._registry = self._whole.at(self._now()) if self._now else self._whole
            self._places[edge] = Places(self._registry)
            self._edge, self._version = edge, version
            return True

    def registry(self) -> Registry:
        return self._registry

    def roster(self) -> Roster:
        return self._roster

    def locate(self, point: Point, at: datetime | None = None, /) -> Place | None:
        """The place of a point now, or in the tree that was in force at an instant, with the reason (`Places.settle`)."""
        found = self.settle(point, at)
        return found.place if found else None

    def settle(self, point: Point, at: datetime | None = None) -> Placing | None:
        """The same with what else there was to choose from."""
        edge = self._edge if at is None or not self._edges else self._edge_at(at)
        places = self._places.get(edge)
        if places is None:
            with self._lock:
                places = self._places.setdefault(edge, Places(self._whole.at(at) if at else self._registry))
        return places.settle(point)

    def _edge_at(self, at: datetime) -> int:
        return bisect_right(self._edges, at)

    async def follow(self, stop: asyncio.Event, every: float = 2.0) -> None:
        """Keep up with imports until `stop`."""
        while not stop.is_set():
            try:
                if await asyncio.to_thread(self.refresh):
                    log.info(
                        "place read: version=%s grids=%s devices=%s",
                        self._version,
                        len(self._registry.grids),
                        len(self._registry.devices),
                    )
            except Exception:  # a ledger that is away for a while must not stop a gateway that has its registry
                log.exception("the place could not be read again; the last one stays in force")
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue
