"""What is confirmed, when, and in which order: to the MQTT broker, to the gateways, and to whoever comes after us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from ingest.accounts import Book
from ingest.counts import GatewayCounts
from ingest.events import Lapse, Loss, Place, decode
from ingest.log import Record
from ingest.receipts import Desk, Receipts, Shipment
from ingest.sequence import Numbered
from ingest.topics import Topic, partition_of

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


class SetClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class KeptJournal:
    """A journal in memory. Writes wait while `shut`, reads while `closed`; what is not through when it breaks was never kept."""

    def __init__(self, kept: Sequence[bytes] = ()) -> None:
        self.kept = list(kept)
        self.open, self.readable = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.readable.set()
        self.writes = self.failures = 0

    async def write(self, book: Book) -> None:
        self.writes += 1
        bodies = [book.changes()] if self.kept else book.whole(self.writes)
        await self.open.wait()
        self.kept += bodies

    async def read(self) -> Sequence[bytes]:
        await self.readable.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("away")
        return list(self.kept)

    def numbers(self, gateway: str) -> tuple[int, list[tuple[str, int, int]]]:
        """What a successor would know: the contiguous number and what is missing."""
        book = Book(GatewayCounts())
        book.merge(self.kept)
        account = book.accounts[gateway]
        return account.runs[0].contiguous, account.missing()


class OpenLog:
    def __init__(self) -> None:
        self.records: list[Record] = []

    async def write(self, records: Sequence[Record]) -> None:
        self.records += records

    def lapses(self) -> list[Lapse]:
        found = [decode(r.value) for r in self.records if r.topic == Topic.PRESENCE]
        return [e for e in found if isinstance(e, Lapse)]


class Office:
    """A `Receipts` with everything around it."""

    def __init__(self, journal: KeptJournal | None, *, grace: float = 10.0) -> None:
        self.confirmed: list[Shipment] = []
        self.published: list[tuple[str, Any]] = []
        self.failed: list[BaseException] = []
        self.online = True
        self.clock, self.log, self.counts = SetClock(), OpenLog(), GatewayCounts()
        desk = Desk(
            self.confirmed.append, self._publish, lambda name: Place("g1", "t1", None, "registry"), self.failed.append
        )
        self.receipts = Receipts(
            desk, self.log, journal, clock=self.clock, counts=self.counts, partitions=12, client_id="us", grace=grace,
        )  # type: ignore[arg-type]  # fmt: skip

    def _publish(self, topic: str, payload: bytes) -> bool:
        if self.online:
            self.published.append((topic, orjson.loads(payload)))
        return self.online

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0)

    def acks(self) -> list[tuple[str, int]]:
        return [(topic, said["seq"]) for topic, said in self.published]


def shipment(*seqs: int, gateway: str = "gw", boot: str = "b") -> Shipment:
    return Shipment(1, max(1, len(seqs)), [], [Numbered(gateway, boot, seq) for seq in seqs])


def play(
    script: Callable[[Office, KeptJournal], Awaitable[None]], *, kept: Sequence[bytes] = (), grace: float = 10.0
) -> None:
    async def run() -> None:
        journal = KeptJournal(kept)
        office = Office(journal, grace=grace)
        office.receipts.connected(kept=True)
        await script(office, journal)
        await office.receipts.stop()
        assert office.failed == []

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_numbered_message_is_confirmed_after_its_number_is_kept_and_acknowledged_after_that() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        await office.until(lambda: journal.writes == 1)
        journal.open.clear()
        first = shipment(1, 2)
        office.receipts.take(first)
        await office.until(lambda: journal.writes == 2)
        for _ in range(50):
            await asyncio.sleep(0)
        assert office.confirmed == []
        assert office.published == []
        journal.open.set()
        await office.until(lambda: office.acks() == [("ack/gw", 2)])
        assert office.confirmed == [first]
        assert journal.numbers("gw") == (2, [])
        assert office.counts.acks == 1

    play(script)


def test_a_message_without_a_number_waits_for_nobody_but_those_before_it() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        await office.until(lambda: journal.writes == 1)
        plain, numbered, behind = shipment(), shipment(1), shipment()
        office.receipts.take(plain)
        assert office.confirmed == [plain]
        journal.open.clear()
        office.receipts.take(numbered)
        office.receipts.take(behind)
        for _ in range(50):
            await asyncio.sleep(0)
        assert office.confirmed == [plain]
        assert office.receipts.oldest is numbered
        journal.open.set()
        await office.until(lambda: office.confirmed == [plain, numbered, behind])
        assert office.receipts.oldest is None

    play(script)


def test_one_write_of_accounts_serves_everything_that_came_meanwhile() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        await office.until(lambda: journal.writes == 1)
        journal.open.clear()
        office.receipts.take(shipment(1))
        await office.until(lambda: journal.writes == 2)
        for seq in range(2, 100):
            office.receipts.take(shipment(seq))
        journal.open.set()
        await office.until(lambda: len(office.confirmed) == 99)
        assert journal.writes == 3
        assert journal.numbers("gw") == (99, [])

    play(script)


def test_acknowledgements_are_gathered_and_the_last_one_says_it_all() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        for seq in range(1, 201):
            office.receipts.take(shipment(seq))
            office.receipts.take(shipment(seq, gateway="other"))
            await asyncio.sleep(0)
        await office.until(lambda: {("ack/gw", 200), ("ack/other", 200)} <= set(office.acks()))
        assert len(office.acks()) < 40

    play(script)


def test_an_acknowledgement_that_could_not_be_sent_is_given_later() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.online = False
        office.receipts.take(shipment(1))
        office.receipts.take(shipment(2))
        await office.until(lambda: len(office.confirmed) == 2)
        assert office.published == []
        office.online = True
        await office.until(lambda: office.acks() == [("ack/gw", 2)])

    play(script)


def test_what_is_owed_is_given_before_we_leave() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.receipts.take(shipment(1))
        await office.receipts.settled()
        office.receipts.take(shipment(2))
        await office.receipts.settled()
        assert office.acks() == [("ack/gw", 1), ("ack/gw", 2)]

    play(script)


def test_without_a_journal_numbers_are_acknowledged_too() -> None:
    async def run() -> None:
        office = Office(None)
        office.receipts.take(shipment(1, 2, 3))
        await office.until(lambda: office.acks() == [("ack/gw", 3)])

    asyncio.run(asyncio.wait_for(run(), 30))


def saved(*seqs: int, told: bool = False) -> list[bytes]:
    book = Book(GatewayCounts())
    book.observe([Numbered("gw", "b", seq) for seq in seqs], 1)
    if told:
        book.tell("gw", ("g9", "t9"))
    return book.whole(1)


def test_a_successor_confirms_nothing_before_it_knows_what_its_predecessor_kept() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        journal.readable.clear()
        office.receipts.connected(kept=True)
        office.receipts.take(shipment(51, 52))
        for _ in range(50):
            await asyncio.sleep(0)
        assert office.confirmed == []
        journal.readable.set()
        await office.until(lambda: office.acks() == [("ack/gw", 52)])
        assert journal.numbers("gw") == (52, [])

    play(script, kept=saved(*range(1, 51)))


def test_another_may_have_served_between_two_connections() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.receipts.take(shipment(1, 2))
        await office.until(lambda: office.acks() == [("ack/gw", 2)])
        journal.kept += saved(1, 2, 3, 4, 5, 6)  # our standby, while we were frozen
        office.receipts.connected(kept=True)
        office.receipts.take(shipment(7))
        await office.until(lambda: office.acks()[-1] == ("ack/gw", 7))

    play(script)


def test_a_successor_of_one_that_was_killed_at_any_moment_sees_no_hole_that_is_none() -> None:
    """Whatever was not kept was not confirmed, so it comes again."""

    async def run(after: int) -> None:
        journal = KeptJournal()
        office = Office(journal)
        office.receipts.connected(kept=True)
        sent = [shipment(seq) for seq in range(1, 31)]
        for step, one in enumerate(sent):
            office.receipts.take(one)
            for _ in range(1 + step % 3):
                await asyncio.sleep(0)
            if step == after:
                journal.open.clear()  # what is under way now never gets through
        await office.receipts.stop()
        journal.open.set()
        successor = Office(journal)
        successor.receipts.connected(kept=True)
        for one in sent[len(office.confirmed) :]:
            successor.receipts.take(one)
        await successor.until(lambda: len(successor.confirmed) == 30 - len(office.confirmed))
        if successor.confirmed:
            assert journal.numbers("gw") == (30, [])
        await successor.receipts.stop()

    for after in range(30):
        asyncio.run(asyncio.wait_for(run(after), 10))


def test_accounts_that_cannot_be_read_are_asked_for_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        journal.failures = 3
        office.receipts.connected(kept=True)
        office.receipts.take(shipment(3))
        await office.until(lambda: office.acks() == [("ack/gw", 3)])

    play(script, kept=saved(1, 2))
    assert [r.levelno for r in caplog.records if "cannot be read" in r.getMessage()] == [logging.ERROR]


def test_accounts_of_a_later_schema_do_not_stop_the_gateway(caplog: pytest.LogCaptureFixture) -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.receipts.take(shipment(3))
        await office.until(lambda: office.acks() == [("ack/gw", 3)])

    play(script, kept=[b'{"v":9}', *saved(1, 2)])
    assert "passed over" in caplog.text


def test_a_gap_is_told_once_and_its_end_once() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.receipts.take(shipment(1, 4))
        await office.until(lambda: bool(office.confirmed))
        await office.receipts.look()
        assert office.log.lapses() == []
        office.clock.later(10)
        await office.receipts.look()
        await office.receipts.look()
        (gap,) = office.log.lapses()
        assert (gap.gateway, gap.loss, gap.since, gap.over) == ("gw", Loss.GAP, START, False)
        assert (gap.missing, gap.count, gap.place.township) == ((("b", 2, 3),), 2, "t1")
        assert office.log.records[-1].partition == partition_of("t1", 12)
        office.receipts.take(shipment(3))
        await office.until(lambda: len(office.confirmed) == 2)
        await office.receipts.look()
        assert len(office.log.lapses()) == 1
        office.receipts.take(shipment(2))
        await office.until(lambda: len(office.confirmed) == 3)
        await office.receipts.look()
        await office.receipts.look()
        end = office.log.lapses()[1:]
        assert [(e.since, e.over, e.missing, e.place.township) for e in end] == [(START, True, (), "t1")]

    play(script)


def test_a_gap_is_kept_before_it_is_told_so_that_a_successor_can_end_it() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.receipts.take(shipment(1, 3))
        await office.until(lambda: bool(office.confirmed))
        office.clock.later(10)
        journal.open.clear()
        looking = asyncio.create_task(office.receipts.look())
        for _ in range(50):
            await asyncio.sleep(0)
        assert office.log.lapses() == []
        journal.open.set()
        await looking
        successor = Office(journal)
        successor.receipts.connected(kept=True)
        successor.receipts.take(shipment(2))
        await successor.until(lambda: bool(successor.confirmed))
        await successor.receipts.look()
        told = [(e.over, e.since) for e in office.log.lapses() + successor.log.lapses()]
        assert told == [(False, START), (False, START), (True, START)]
        await successor.receipts.stop()

    play(script)


def test_the_end_of_a_gap_is_told_where_the_gap_was_told() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.receipts.take(shipment(1))
        await office.until(lambda: bool(office.confirmed))
        await office.receipts.look()
        assert [e.place.township for e in office.log.lapses()] == ["t9", "t9"]

    play(script, kept=saved(2, told=True))


def test_a_lost_session_is_told_where_one_was_expected_and_is_over_after_a_while() -> None:
    async def script(office: Office, journal: KeptJournal) -> None:
        office.receipts.connected(kept=False)
        await office.until(lambda: bool(office.log.lapses()))
        assert office.counts.lost_sessions == 1
        await office.receipts.look()
        office.clock.later(601)
        await office.receipts.look()
        await office.receipts.look()
        assert [(e.gateway, e.loss, e.since, e.over) for e in office.log.lapses()] == [
            ("us", Loss.SESSION, START, False), ("us", Loss.SESSION, START, True),
        ]  # fmt: skip

    play(script)


@pytest.mark.parametrize(
    ("_sentence", "kept", "lost"),
    [
        ("the first connection ever loses nothing", (), 0),
        ("a process that starts again expects its session", saved(1), 1),
    ],
)
def test_a_session_is_expected_when_there_was_one(_sentence: str, kept: Sequence[bytes], lost: int) -> None:
    async def run() -> None:
        office = Office(KeptJournal(kept))
        office.receipts.connected(kept=False)
        office.receipts.take(shipment(2))
        await office.until(lambda: bool(office.confirmed))
        assert office.counts.lost_sessions == len(office.log.lapses()) == lost
        await office.receipts.stop()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_fault_of_ours_is_heard_of_and_confirms_nothing() -> None:
    async def run() -> None:
        class Broken(KeptJournal):
            async def write(self, book: Book) -> None:
                if self.writes:
                    raise RuntimeError("a fault")
                await super().write(book)

        office = Office(Broken())
        office.receipts.connected(kept=True)
        office.receipts.take(shipment(1))
        await office.until(lambda: bool(office.failed))
        assert office.confirmed == []
        await office.receipts.stop()

    asyncio.run(asyncio.wait_for(run(), 30))
