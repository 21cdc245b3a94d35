"""Registry, roster and outlines as the ledger has them, kept at hand by every process and read again when an import changed them."""

from __future__ import annotations

import asyncio
import logging
import threading

from alerts.ledger.port import Ledger
from alerts.roster import Roster
from ingest.events import Place, Point
from ingest.places import Places
from ingest.registry import Registry

log = logging.getLogger(__name__)


class PlaceBook:
    """Registry, roster and places as the ledger last had them; read again when an import changed them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._version = -1
        self._lock = threading.Lock()
        self._registry, self._roster, self._places = Registry(), Roster(), Places(Registry())
        self.refresh()

    def refresh(self) -> bool:
        """Ask the ledger for its version and read what changed. Returns whether anything did."""
        version = self._ledger.place_version()
        with self._lock:
            if version == self._version:
                return False
            self._registry, self._roster = self._ledger.registry(), self._ledger.roster()
            self._places = Places(self._registry)
            self._version = version
            return True

    def registry(self) -> Registry:
        return self._registry

    def roster(self) -> Roster:
        return self._roster

    def locate(self, point: Point) -> Place | None:
        return self._places.locate(point)

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
