"""The two loops beside the agents: escalations that fall due, and stage timings that go to the series.

Both only ask and act; they decide nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from alerts.ledger.port import Ledger, LedgerUnavailable
from alerts.timings import timings_of
from ingest.clock import Clock
from streams.canary import KIND as CANARY
from streams.series.port import Series, SeriesRefused, SeriesUnavailable

log = logging.getLogger(__name__)
LONGEST_SLEEP: Final = 0.5  # seconds: an escalation set by another process is noticed within this
LEDGER_PAUSE: Final = 2.0
LOOK_BACK: Final = 5000  # entries


async def escalate(conduct: Callable[[datetime], int], ledger: Ledger, clock: Clock, stop: asyncio.Event) -> None:
    """Ring the next step of every alert whose time has come, until `stop`. Several tickers may run: the ledger hands each row to one."""
    away = False
    while not stop.is_set():
        pause = LONGEST_SLEEP
        try:
            await asyncio.to_thread(conduct, clock.now())
            pause = clock.wait(await asyncio.to_thread(ledger.next_due), LONGEST_SLEEP)
            away = False
        except LedgerUnavailable as error:
            if not away:
                log.error("escalations wait: the ledger cannot be asked: %s", error)
            away, pause = True, LEDGER_PAUSE
        await _sleep(stop, max(pause, 0.02))


async def record_timings(ledger: Ledger, series: Series, stop: asyncio.Event) -> None:
    """Follow the timeline and write the timings of every alert that moved, until `stop`.

    Writing again changes nothing, so after a restart it goes some way back instead of remembering where it was.
    """
    seq = max(await asyncio.to_thread(ledger.last_seq) - LOOK_BACK, 0)
    away = False
    while not stop.is_set():
        try:
            entries = await asyncio.to_thread(ledger.entries_after, seq, limit=500)
            moved = sorted({e.alert for e in entries if e.alert})
            alerts = [a for a in [await asyncio.to_thread(ledger.alert, ident) for ident in moved] if a is not None]
            timings = [t for alert in alerts if alert.kind != CANARY for t in timings_of(alert)]
            if timings:
                await asyncio.to_thread(series.write_timings, timings)
            seq = max((e.seq for e in entries), default=seq)
            away = False
            if not entries:
                await _sleep(stop, 1.0)
        except (LedgerUnavailable, SeriesUnavailable) as error:
            if not away:
                log.error("stage timings wait: %s", error)
            away = True
            await _sleep(stop, LEDGER_PAUSE)
        except SeriesRefused as error:
            log.error("the series refused stage timings for good, they are passed over: %s", error)
            seq = max((e.seq for e in entries), default=seq)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
