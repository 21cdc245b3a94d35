"""What carries notices to people: the sender, the climbing of escalations and the stage timings, as loops of a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from alerts import ticker
from alerts.channels import build_channels, build_platforms
from alerts.delivery.sender import Sender
from api.compose.parts import Parts
from api.heartbeat import Heart
from api.settings import Settings

SENDS_WITHIN: Final = 60.0  # seconds for which a sender that could hand out notices may not look for any


class Delivery:
    """What carries notices to people: the sender, the climbing of escalations and the stage timings, as loops of a process."""

    def __init__(self, settings: Settings, parts: Parts, heart: Heart) -> None:
        self._parts, self._halt = parts, threading.Event()
        self._sender = Sender(
            parts.ledger,
            parts.conductor,
            build_channels(settings.notify),
            roster=parts.book.roster,
            clock=parts.clock,
            moved=heart.moves("the sender", SENDS_WITHIN),
            platforms=build_platforms(settings.notify),
        )

    def wake(self) -> None:
        """Something was queued here: it need not wait for the sender's next look."""
        self._sender.wake()

    def loops(self) -> list[Callable[[asyncio.Event], Awaitable[None]]]:
        """What runs until it is told to stop."""
        parts = self._parts
        return [
            self._send,
            lambda stop: ticker.escalate(self._climb, parts.ledger, parts.clock, stop),
            lambda stop: ticker.audit(self._set_right, parts.ledger, parts.clock, stop),
            lambda stop: ticker.record_timings(parts.ledger, parts.series, stop),
        ]

    def _climb(self, now: datetime) -> int:
        conductor = self._parts.conductor
        rang = conductor.escalate(now) + conductor.instructor.remind_due(now)
        if rang:
            self.wake()
        return rang

    def _set_right(self, cases: Sequence[str], now: datetime) -> None:
        self._parts.conductor.audit(cases, now)
        self.wake()

    async def _send(self, stop: asyncio.Event) -> None:
        running = asyncio.create_task(asyncio.to_thread(self._sender.run, self._halt))
        await stop.wait()
        self._halt.set()
        self.wake()
        await running
