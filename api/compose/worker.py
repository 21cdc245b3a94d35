"""The worker process: Faust agents, and beside them whatever carries notices to people, unless a process of its own does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from api.compose.delivery import Delivery
from api.compose.parts import open_parts
from api.heartbeat import Heart
from api.settings import Settings
from streams.rules import RulesFile
from streams.signal import Signal
from streams.worker import run_worker

LOOKS_WITHIN: Final = 120.0  # seconds for which a worker's watchdog may not look: it may be reading a long gap


async def run(settings: Settings, stop: asyncio.Event, ready: Heart) -> None:
    """The worker: Faust agents, and beside them whatever carries notices to people, unless a process of its own does."""
    parts = open_parts(settings)
    delivery = Delivery(settings, parts, ready) if settings.worker.sends else None

    def conduct(batch: Sequence[Signal], now: datetime) -> None:
        if parts.conductor.signals(batch, now) and delivery is not None:
            delivery.wake()

    try:
        await run_worker(
            settings.log,
            settings.worker,
            rules=RulesFile(settings.worker.rules),
            registry=parts.book.registry,
            series=parts.series,
            conduct=conduct,
            clock=parts.clock,
            beside=[parts.follow, *(delivery.loops() if delivery is not None else ())],
            stop=stop,
            ready=ready,
            looked=ready.moves("the watchdog", LOOKS_WITHIN),
        )
    finally:
        parts.close()
