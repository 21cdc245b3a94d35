"""Between the log's yes and the acknowledgements: numbers are counted, kept, and only then confirmed. Touches clock and log.

A shipment with numbered messages is acknowledged to the MQTT broker after the accounts that contain them are in the log too, and to
its gateways after that. So what the accounts say is never more than the log has; what a killed process had not saved was not
acknowledged either and comes again, so that its successor sees no hole that is none. Shipments without numbers wait for nobody,
except for those before them. One write of accounts serves every shipment that came meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from ingest.accounts import Ack, Book, Gap
from ingest.clock import Clock
from ingest.counts import GatewayCounts
from ingest.events import InvalidEvent, Lapse, Loss, Place
from ingest.frames import from_micros, to_micros
from ingest.journal import Journal
from ingest.log import LogWriter, record_of
from ingest.sequence import Numbered, count

logger = logging.getLogger(__name__)

_ACK_EVERY: Final = 0.1  # seconds between two acknowledgements to one gateway
_LOOK_EVERY: Final = 1.0
_NAMED: Final = 32  # ranges that a gap's event lists
_SESSION_TOLD: Final = timedelta(minutes=10)
_LONGEST_PAUSE: Final = 5.0


@dataclass(slots=True)
class Shipment:
    """A batch on its way to the log, and what will acknowledge its messages."""

    epoch: int
    messages: int
    tokens: list[Any] = field(default_factory=list)
    numbers: list[Numbered] = field(default_factory=list)
    done: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """What receipts need of the process around them.

    `confirm` acknowledges a shipment to the MQTT broker, `publish` sends a message and says whether it went out, `place` is where a
    gateway stands, `failed` hears of an error of ours.
    """

    confirm: Callable[[Shipment], None]
    publish: Callable[[str, bytes], bool]
    place: Callable[[str], Place]
    failed: Callable[[BaseException], None]


class Receipts:
    """Counts, keeps and confirms for one gateway process. Without a journal nothing survives it."""

    def __init__(
        self,
        desk: Desk,
        writer: LogWriter,
        journal: Journal | None,
        *,
        clock: Clock,
        counts: GatewayCounts,
        partitions: int,
        client_id: str,
        grace: float,
    ) -> None:
        self._desk, self._writer, self._journal = desk, writer, journal
        self._clock, self._counts, self._partitions, self._me = clock, counts, partitions, client_id
        self._grace = round(grace * 1_000_000)
        self.book = Book(counts)
        self._waiting: deque[Shipment] = deque()
        self._settling: asyncio.Task[None] | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._restored = asyncio.Event()
        if journal is None:
            self._restored.set()
        self._owed: dict[tuple[str, str], Ack] = {}
        self._giving: asyncio.TimerHandle | None = None
        self._given_at = 0.0
        self._joined = False

    @property
    def oldest(self) -> Shipment | None:
        """What has been waiting for its confirmation for longest."""
        return self._waiting[0] if self._waiting else None

    def connected(self, kept: bool) -> None:
        """A connection stands; `kept` says whether the broker still knew our session. Another may have served meanwhile: its accounts
        are read before anything is confirmed.
        """
        again, self._joined = self._joined, True
        if self._restoring is not None:
            self._restoring.cancel()
        if self._journal is not None:
            self._restored.clear()
        self._restoring = self._start(self._restore(kept, again))

    def take(self, shipment: Shipment) -> None:
        """The log has this shipment, and those that were given before it."""
        if not shipment.numbers and self._settling is None:
            self._desk.confirm(shipment)
            return
        self._waiting.append(shipment)
        if self._settling is None:
            self._settling = self._start(self._settle())

    async def settled(self) -> None:
        """Returns when every shipment taken so far is confirmed, and gives the acknowledgements that are owed."""
        while self._settling is not None:
            await asyncio.wait({self._settling})
        self._give()

    async def stop(self) -> None:
        """Let go: what is not confirmed comes again."""
        if self._giving is not None:
            self._giving.cancel()
        going = {t for t in (self._settling, self._restoring) if t is not None}
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task is self._settling:
            self._settling = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._desk.failed(error)

    async def _settle(self) -> None:
        while self._waiting:
            await self._restored.wait()
            batch = list(self._waiting)
            numbers = [n for shipment in batch for n in shipment.numbers]
            acks = self.book.observe(numbers, self._now()) if numbers else []
            if numbers and self._journal is not None:
                await self._journal.write(self.book)
            for shipment in batch:
                self._waiting.popleft()
                self._desk.confirm(shipment)
            self._owe(acks)
        self._settling = None

    # -- acknowledgements to gateways ---------------------------------------------------------------------------------

    def _owe(self, acks: list[Ack]) -> None:
        self._owed.update({(ack.gateway, ack.boot): ack for ack in acks})
        if self._owed and self._giving is None:
            loop = asyncio.get_running_loop()
            self._giving = loop.call_at(max(loop.time(), self._given_at + _ACK_EVERY), self._give)

    def _give(self) -> None:
        self._giving = None
        self._given_at = asyncio.get_running_loop().time()
        while self._owed:
            key, ack = next(iter(self._owed.items()))
            if not self._desk.publish(f"ack/{ack.gateway}", ack.encode()):
                break
            del self._owed[key]
            self._counts.acks += 1
        self._owe([])

    # -- what the log knew --------------------------------------------------------------------------------------------

    async def _restore(self, kept: bool, again: bool) -> None:
        if self._journal is not None:
            await self._read(self._journal)
        if not kept and (again or self.book.known):
            self._counts.lost_sessions += 1
            self.book.session_lost = self._now()
            logger.error("the MQTT broker has forgotten our session: messages it held for us are lost")
        if self._journal is not None:
            await self._journal.write(self.book)
        self._restored.set()
        if self.book.session_lost:
            await self._say_session(over=False)
        for gap in self.book.standing():
            await self._say(gap)

    async def _read(self, journal: Journal) -> None:
        pause, complained = 0.1, False
        while True:
            try:
                bodies = await journal.read()
                break
            except Exception as error:  # whatever it is, without the accounts nothing numbered may be confirmed
                if not complained:
                    complained = True
                    logger.error("the accounts of numbered messages cannot be read (%r); trying again", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        for raw in bodies:
            try:
                self.book.merge([raw])
            except InvalidEvent as error:
                logger.error("accounts of numbered messages were passed over: %s", error)

    # -- gaps ---------------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Tells gaps that last, their ends, and a lost session, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """One look at what is to be told now."""
        if not self._restored.is_set():
            return
        for gap in self.book.gaps(self._now(), self._grace):
            if gap.missing:  # kept before it is said: whoever goes on after us must know that its end is to be said
                place = self._desk.place(gap.gateway)
                self.book.tell(gap.gateway, (place.grid, place.township))
                await self._keep()
                await self._say(gap, place)
            else:
                await self._say(gap)
                self.book.tell(gap.gateway, None)
                await self._keep()
        if self.book.session_lost and self._clock.now() - from_micros(self.book.session_lost) > _SESSION_TOLD:
            await self._say_session(over=True)
            self.book.session_lost = 0
            await self._keep()

    async def _keep(self) -> None:
        if self._journal is not None:
            await self._journal.write(self.book)

    async def _say(self, gap: Gap, place: Place | None = None) -> None:
        total = count(gap.missing)
        if place is None:
            grid, township = gap.told or ("", "")
            place = Place(grid, township, None, "registry" if township else "catcher")
        if gap.missing:
            logger.warning("gateway %s: %d numbers are missing since %s", gap.gateway, total, from_micros(gap.since))
        else:
            logger.info("gateway %s: nothing is missing any more", gap.gateway)
        await self._write(Lapse(
            gap.gateway, Loss.GAP, from_micros(gap.since), self._clock.now(), not gap.missing, gap.missing[:_NAMED], total, place,
        ))  # fmt: skip

    async def _say_session(self, *, over: bool) -> None:
        since = from_micros(self.book.session_lost)
        await self._write(Lapse(self._me, Loss.SESSION, since, self._clock.now(), over))

    async def _write(self, event: Lapse) -> None:
        await self._writer.write([record_of(event, self._partitions)])

    def _now(self) -> int:
        return to_micros(self._clock.now())
