"""Devices that are not in the registry, from whoever hears them into the ledger, where `tocsin devices unknown` finds them.

A ledger that is away stops nobody: what could not be written is kept, within bounds, and written with what comes after.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from alerts.ledger.port import Conflict, Ledger, LedgerUnavailable
from ingest.unknown import AT_ONCE, MOST, UnknownDevices
from streams.canary import METRIC

log = logging.getLogger(__name__)
EVERY: Final = 5.0


def devices() -> UnknownDevices:
    """A fresh list. Canaries are the system's own and nobody's device."""
    return UnknownDevices(ours=frozenset({METRIC}))


async def follow(heard: UnknownDevices, ledger: Ledger, stop: asyncio.Event, every: float = EVERY) -> None:
    """Write down again and again who was heard, until `stop`; then once more, unless the ledger was away."""
    well = True
    while True:
        try:
            await asyncio.wait_for(stop.wait(), every)
        except TimeoutError:
            well = await write_down(heard, ledger)
        else:
            if well:
                await write_down(heard, ledger)
            return


async def write_down(heard: UnknownDevices, ledger: Ledger) -> bool:
    """Everything that was heard so far, some at a time. False when the ledger did not take it; it is kept then."""
    for _ in range(MOST // AT_ONCE):
        if not (some := heard.taken()):
            break
        try:
            await asyncio.to_thread(ledger.note_unknown, some)
        except (LedgerUnavailable, Conflict) as error:
            heard.restore(some)
            log.warning("%d unknown devices could not be written down and are kept: %s", len(some), error)
            return False
        except Exception:  # a list for people must not end a gateway: these are given up, for they might fail for ever
            log.exception("%d unknown devices could not be written down and are left out", len(some))
            return False
    return True
