"""The sender as a process of its own, where workers do not send."""

from __future__ import annotations

import asyncio

from api.compose.delivery import Delivery
from api.compose.parts import open_parts
from api.heartbeat import Heart
from api.settings import Settings


async def run(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The sender as a process of its own, where workers do not send (`worker.sends = false`). Several share the work by leases."""
    parts = open_parts(settings)
    loops = [parts.follow, *Delivery(settings, parts, ready).loops()]
    running = [asyncio.ensure_future(loop(stop)) for loop in loops]
    try:
        ready()
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        stop.set()
        await asyncio.gather(*running, return_exceptions=True)
        parts.close()
