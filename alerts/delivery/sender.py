"""The way out: takes due notices from the ledger, hands them to their channels, and reports what became of them.

Worst first, and red never waits behind blue: some workers are kept for red and orange. A notice is looked at again right before it
is sent, because somebody may have acknowledged meanwhile (law 6). What an earlier try may have handed over without an answer is looked
up at the provider before it is sent again (law 3). Whatever happens to this process, a notice it held is handed out again.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

from alerts import canary
from alerts.alert import Entry, Notice, NoticeState, Reason
from alerts.channels.contract import Answer, Channel, Refused, Retry, Sent
from alerts.channels.sink import SinkChannel
from alerts.delivery.breaker import PROBE_EVERY, Breaker
from alerts.delivery.failover import other_channel, over, reworded, went_over
from alerts.delivery.letting_go import speaks_for_others
from alerts.instructions.instructed import Speaker
from alerts.instructions.instruction import part_of
from alerts.ledger.port import Ledger, LedgerUnavailable
from alerts.orders.writing_back import BEHIND, NOBODY, comes_after, given_up
from alerts.people.roster import Person, Roster
from alerts.words import load_words
from ingest.clock import Clock
from ingest.registry import Registry
from streams.signal import Level

log = logging.getLogger(__name__)
WORKERS: Final = 8
RESERVED: Final = 2  # workers that only red and orange may have
LEASE: Final = timedelta(seconds=12)  # of real time: how long a notice waits whose sender died
SETTLED: Final = 6.0  # of these, how long a provider may need: nothing is handed over later, or two would hold it
TRIES: Final = 6
BACK_OFF: Final = 0.5  # seconds, doubled with every try …
LONGEST_BACK_OFF: Final = 30.0  # … up to this
POLL: Final = 0.1  # real seconds: a notice queued by another process waits no longer
SHORTEST_PAUSE: Final = 0.005
LEDGER_PAUSE: Final = 1.0


class LeaseOver(RuntimeError):
    """Too late to hand the notice over: somebody else may have it by now. A process that was frozen finds itself here."""


class Reporter(Protocol):
    """The part of the conductor that hears what became of a notice."""

    def receipt(
        self, notice_key: str, state: NoticeState, now: datetime, *, provider_id: str = "", error: str = ""
    ) -> None: ...

    def leave(self, notice_key: str, now: datetime) -> Notice | None: ...

    def divert(self, notice_key: str, channels: Sequence[str], why: str, now: datetime) -> bool: ...


class Sender:
    """One per worker process; several on one ledger share the outbox by leases."""

    def __init__(
        self,
        ledger: Ledger,
        conductor: Reporter,
        channels: Mapping[str, Channel],
        *,
        roster: Callable[[], Roster],
        clock: Clock,
        jitter: Callable[[], float] = random.random,
        moved: Callable[[], object] = lambda: None,
        platforms: Mapping[str, Channel] = MappingProxyType({}),
    ) -> None:
        self._ledger = ledger
        self._conductor = conductor
        self._channels = channels
        self._platforms = platforms  # beside the channels, like the sink
        self._roster = roster
        self._clock = clock
        self._jitter = jitter
        self._moved = moved  # called at every look at the outbox, or when it is known why there can be none
        self._sink = SinkChannel()  # beside the channels, so that nothing ever fails over to it
        self._breakers = {name: Breaker() for name in (*channels, *platforms)}
        self._lock = threading.Lock()  # over the breakers and the number of busy workers
        self._busy = 0
        self._wake = threading.Event()
        self._words = load_words()
        self._registry = Registry()

    def wake(self) -> None:
        """Something was queued: look at once."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Send whatever falls due, until `stop`; then let what is being sent end."""
        pool = ThreadPoolExecutor(WORKERS, "sender")
        away = False
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    pause = self._hand_out(pool)
                    away = False
                except LedgerUnavailable as error:
                    self._moved()
                    if not away:
                        log.error("notices wait: the ledger cannot be asked: %s", error)
                    away, pause = True, LEDGER_PAUSE
                self._wake.wait(pause)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _hand_out(self, pool: ThreadPoolExecutor) -> float:
        """Lease as much as there are free workers for. Returns the real seconds until the next look, unless something wakes us."""
        with self._lock:
            free = WORKERS - self._busy
        if not free:
            return POLL  # a worker that ends wakes us
        self._moved()
        ordinary = free > RESERVED
        begun = time.monotonic()
        leased = self._ledger.lease_notices(
            self._clock.now(),
            limit=free - RESERVED if ordinary else free,
            lease=LEASE * max(self._clock.speed, 1.0),
            at_least=Level.BLUE if ordinary else Level.ORANGE,
        )
        for notice in leased:
            with self._lock:
                self._busy += 1
            pool.submit(self._work, notice, begun + LEASE.total_seconds() - SETTLED)
        if leased:
            return 0.0  # there may be more
        return self._pause() if ordinary else POLL

    def _pause(self) -> float:
        """Until the next thing falls due, and never long; a clock that runs fast is looked at more often."""
        longest = POLL / min(max(self._clock.speed, 1.0), 10.0)
        return max(self._clock.wait(self._ledger.next_due(), longest), SHORTEST_PAUSE)

    def _work(self, notice: Notice, until: float) -> None:
        try:
            self.deliver(notice, until)
        except LeaseOver:
            log.warning("notice is left to whoever holds it now: key=%s", notice.key)
        except LedgerUnavailable as error:
            log.error("notice is left for another try: key=%s why=%s", notice.key, error)
        except Exception:  # whatever it was, the lease runs out and the notice is tried again; the sender goes on
            log.exception("notice is left for another try: key=%s", notice.key)
        finally:
            with self._lock:
                self._busy -= 1
            self._wake.set()

    def deliver(self, notice: Notice, until: float = math.inf) -> None:
        """One try with one leased notice, to its report. Raises `LedgerUnavailable`; then it is tried again when its lease ends.

        After `until` (monotonic seconds) nothing is handed over any more: `LeaseOver`.
        """
        if not self._wanted(notice):
            return
        if speaks_for_others(notice):
            whole = self._conductor.leave(notice.key, self._clock.now())
            if whole is None:
                return
            notice = whole
        if notice.reason is Reason.ORDER:
            self._write_back(notice, until)
            return
        if notice.channel == canary.SINK:
            self._report(notice, canary.PERSON, self._sink.send(notice, canary.PERSON))
            return
        person, channel = self._roster().person(notice.person), self._channels.get(notice.channel)
        if person is None:
            self._give_up(notice, None, f"{notice.person} is not on the roster any more")
        elif channel is None:
            self._give_up(notice, person, f"the channel {notice.channel} is not in use")
        elif notice.attempts > 1 and went_over(notice, self._ledger.outbox(alert=notice.alert, limit=1000)):
            self._failed(notice, notice.error or "another way was taken")
        else:
            self._report(notice, person, self._try(notice, person, channel, until))

    def _write_back(self, notice: Notice, until: float) -> None:
        """One report to a hotline platform: taken, put back behind an earlier one of the same order or for another try, or given up."""
        platform, known = self._platforms.get(notice.channel), self._ledger.outbox(alert=notice.alert, limit=1000)
        if platform is None:
            answer: Answer = Refused(f"nothing is written back to {notice.name} any more")
        elif comes_after(notice, known):
            answer = Retry(BEHIND, "an earlier report of the same order is still on its way", fault=False)
        else:
            answer = self._try(notice, NOBODY, platform, until)
        match answer:
            case Sent(provider_id):
                self._conductor.receipt(notice.key, NoticeState.DELIVERED, self._clock.now(), provider_id=provider_id)
            case Retry(after, why) if not given_up(notice, self._clock.now()):
                self._put_back(notice, after, why)
            case Retry(_, why) | Refused(why):
                self._failed(notice, f"{why} (tried {notice.attempts} times)")

    def _wanted(self, notice: Notice) -> bool:
        """Whether the notice is still to be sent: nobody has cancelled it, and no receipt has overtaken us."""
        known = self._ledger.outbox(alert=notice.alert, states=[NoticeState.SENDING], limit=1000)
        return any(n.key == notice.key and n.attempts == notice.attempts for n in known)

    def _try(self, notice: Notice, person: Person, channel: Channel, until: float) -> Answer:
        breaker = self._breakers[notice.channel]
        with self._lock:
            allowed = breaker.allows(self._clock.now())
        if not allowed:
            return Retry(PROBE_EVERY.total_seconds(), f"{notice.channel} is in trouble and left alone", fault=False)
        try:
            answer = self._earlier(notice, person, channel) or _hand_over(notice, person, channel, until)
        except (LedgerUnavailable, LeaseOver):
            raise
        except Exception as error:  # a channel that breaks its promise is in trouble like any provider
            log.exception("channel failed: channel=%s", notice.channel)
            answer = Retry(BACK_OFF, repr(error))
        with self._lock:
            if not isinstance(answer, Retry):
                breaker.well()
            elif answer.fault:
                breaker.fault(self._clock.now())
        return answer

    def _earlier(self, notice: Notice, person: Person, channel: Channel) -> Answer | None:
        """What an earlier try has handed over, if it did: the first that no other notice is known by."""
        if notice.attempts <= 1:
            return None
        found = channel.find(notice, person)
        if isinstance(found, Retry):
            return found
        for name in found:
            holder = self._ledger.notice_by_provider_id(name)
            if holder is None or holder.key == notice.key:
                return Sent(name)
        return None

    def _report(self, notice: Notice, person: Person, answer: Answer) -> None:
        match answer:
            case Sent(provider_id):
                self._conductor.receipt(notice.key, NoticeState.SENT, self._clock.now(), provider_id=provider_id)
            case Retry(_, why) if notice.attempts >= TRIES:
                self._give_up(notice, person, f"{why} (tried {notice.attempts} times)")
            case Retry(_, why) if self._in_trouble(notice.channel) and self._fail_over(notice, person, why):
                self._failed(notice, f"{why} (tried {notice.attempts} times)")
            case Retry(after, why):
                self._put_back(notice, after, why)
            case Refused(why):
                self._give_up(notice, person, why)

    def _in_trouble(self, channel: str) -> bool:
        with self._lock:
            return self._breakers[channel].tripped

    def _put_back(self, notice: Notice, after: float, why: str) -> None:
        """Queue it again: after what the provider asked for, and a random part of a growing time so that not all come back at once."""
        back_off = self._jitter() * min(BACK_OFF * 2**notice.attempts, LONGEST_BACK_OFF)
        due = self._clock.now() + timedelta(seconds=max(after, 0.0) + back_off)
        with self._ledger.transaction() as tx:
            known = tx.notice(notice.key)
            if known is not None and known.state is NoticeState.SENDING:  # not cancelled meanwhile
                tx.update(replace(known, state=NoticeState.QUEUED, due_at=due, error=why[:200]))

    def _give_up(self, notice: Notice, person: Person | None, why: str) -> None:
        if person is not None:
            self._fail_over(notice, person, why)
        self._failed(notice, why)

    def _failed(self, notice: Notice, why: str) -> None:
        log.warning("notice failed: key=%s channel=%s why=%s", notice.key, notice.channel, why)
        self._conductor.receipt(notice.key, NoticeState.FAILED, self._clock.now(), error=why[:200])

    def _fail_over(self, notice: Notice, person: Person, why: str) -> bool:
        """Queue the notice over the person's next channel, and say so. False when there is none.

        This comes before the report of the failure, so that whoever hears of it knows that another way is being tried.
        """
        now = self._clock.now()
        if speaks_for_others(notice):
            return self._conductor.divert(notice.key, tuple(self._channels), why, now)
        registry = self._place()
        with self._ledger.transaction() as tx:
            alert, known = tx.alert(notice.alert), tx.notices(notice.alert)
            still = any(n.key == notice.key and n.state is NoticeState.SENDING for n in known)
            channel = other_channel(notice, person, self._channels, known)
            instruction = tx.instructions.get(part_of(notice.alert)[0]) if alert is None else None
            if not still or not channel:
                return False
            if alert is not None:
                text = reworded(notice, channel, alert, person.language, self._words, registry)
            elif instruction is not None:
                text = Speaker(self._words, tuple(self._channels)).text(instruction, person, channel, notice.reason)
            else:
                return False
            tx.queue([over(channel, notice, text, now)])
            detail = {"person": person.id, "from": notice.channel, "channel": channel, "error": why[:200]}
            tx.append([Entry(notice.alert, now, "failed_over", why="unreachable", detail=detail)])
        self._wake.set()
        return True

    def _place(self) -> Registry:
        if self._registry.version != self._ledger.place_version():
            self._registry = self._ledger.registry()
        return self._registry


def _hand_over(notice: Notice, person: Person, channel: Channel, until: float) -> Answer:
    if time.monotonic() > until:
        raise LeaseOver(notice.key)
    return channel.send(notice, person)
