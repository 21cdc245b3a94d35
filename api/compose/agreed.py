"""One clock for all processes of a city: the ledger's.

Due times are written by one process and read by another, and a gateway's clock decides what is old. A machine an hour ahead or behind would
hold notices back, send them at once, or take every reading for an old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Final

from alerts.ledger.port import Ledger, LedgerUnavailable
from ingest.clock import Clock

log = logging.getLogger(__name__)

EVERY: Final = 5.0
_SURE: Final = 1.0  # an answer that took longer says too little
_APART: Final = 0.05  # seconds that two clocks may differ without anybody caring
_TOLD: Final = 2.0


def agree(clock: Clock, ledger: Ledger) -> None:
    """Ask once. Without an answer the clock goes on as it did."""
    before = time.monotonic()
    with contextlib.suppress(LedgerUnavailable):
        at = ledger.now()
        took = time.monotonic() - before
        if at is None or took > _SURE:
            return
        ahead = clock.agree(at, before + took / 2, max(_APART, took))
        if abs(ahead) > _TOLD:
            log.error(
                "this machine's clock is %.1f s %s the ledger's, which is the one we go by; let both follow one time server",
                abs(ahead), "behind" if ahead > 0 else "ahead of",
            )  # fmt: skip


async def follow(clock: Clock, ledger: Ledger, stop: asyncio.Event, every: float = EVERY) -> None:
    """Ask again and again until `stop`."""
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), every)
        except TimeoutError:
            await asyncio.to_thread(agree, clock, ledger)
