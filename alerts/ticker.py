"""The loops beside the agents: escalations that fall due, the audit of those that should, and stage timings that go to the series.

Both only ask and act; they decide nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from alerts import auditor
from alerts.alert import Handling
from alerts.auditor import Trouble
from alerts.ledger.port import Filter, Ledger, LedgerUnavailable
from alerts.timings import timings_of
from ingest.clock import Clock
from streams.canary import KIND as CANARY
from streams.series.port import Series, SeriesRefused, SeriesUnavailable

log = logging.getLogger(__name__)
LONGEST_SLEEP: Final = 0.5  # seconds: an escalation set by another process is noticed within this
LEDGER_PAUSE: Final = 2.0
LOOK_BACK: Final = 5000  # entries
UNANSWERED: Final = Filter(handlings=(Handling.NEW.value,), open_only=True)
AUDITED: Final = 200  # cases in a page
AUDIT_PAUSE: Final = 1.0
AUDIT_EVERY: Final = 30.0
SetRight = Callable[[Sequence[str], datetime], object]


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


async def audit(set_right: SetRight, ledger: Ledger, clock: Clock, stop: asyncio.Event) -> None:
    """Go round all unanswered cases, a page a second, until `stop`: a bell that fell silent is opened again, a late one is said."""
    cursor, said = "", set[str]()
    while not stop.is_set():
        try:
            page = await asyncio.to_thread(ledger.page, UNANSWERED, limit=AUDITED, cursor=cursor)
            cursor, now = page.cursor, clock.now()
            found = auditor.audit(page.alerts, now)
            if missing := [f.alert for f in found if f.trouble is Trouble.MISSING]:
                log.error(
                    "no next step was set for %d unanswered case(s), it is rung now: %s", len(missing), missing[:10]
                )
                await asyncio.to_thread(set_right, missing, now)
            late = {f.alert for f in found if f.trouble is Trouble.OVERDUE}
            if late - said:
                log.error("the next step of %d case(s) is overdue, nobody climbs: %s", len(late), sorted(late)[:10])
            said = late if not cursor else said | late
        except LedgerUnavailable:
            cursor = ""  # the climbing says so already
        await _sleep(stop, AUDIT_PAUSE if cursor else AUDIT_EVERY)


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
            alerts = await asyncio.to_thread(ledger.alerts, moved)
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
