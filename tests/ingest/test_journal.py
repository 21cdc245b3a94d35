"""What a gateway process leaves to its successor in the log, and how far back the successor reads."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.accounts import Book
from ingest.counts import GatewayCounts
from ingest.journal import LogJournal, LogStanding
from ingest.log import LogWriter, ensure_topics
from ingest.quarantine import Episode
from ingest.sequence import Numbered
from ingest.settings import LogSettings
from ingest.topics import partition_of


def neighbour(client_id: str, partitions: int) -> str:
    """Another client id in the same partition, of which the first one's is the beginning."""
    return next(
        name
        for n in range(1000)
        if partition_of(name := f"{client_id}{n}", partitions) == partition_of(client_id, partitions)
    )


def known(bodies: list[bytes]) -> dict[str, int]:
    book = Book(GatewayCounts())
    book.merge(bodies)
    return {gateway: account.runs[0].contiguous for gateway, account in book.accounts.items()}


def test_a_successor_reads_what_was_written_under_its_client_id_and_nothing_else(log_settings: LogSettings) -> None:
    async def run() -> None:
        await ensure_topics(log_settings)
        mine = "journal-own"
        theirs = neighbour(mine, log_settings.partitions)
        async with LogWriter(log_settings) as writer:
            assert list(await LogJournal(log_settings, writer, mine).read()) == []
            for owner in (mine, theirs):
                journal, book = LogJournal(log_settings, writer, owner), Book(GatewayCounts())
                for seq in range(1, 6):
                    book.observe([Numbered(f"gw-of-{owner}", "b", seq), Numbered(f"{owner}-{seq}", "b", 1)], seq)
                    await journal.write(book)
            found = known(list(await LogJournal(log_settings, writer, mine).read()))
        assert found == {f"gw-of-{mine}": 5, **{f"{mine}-{n}": 1 for n in range(1, 6)}}

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("others", [0, 40])
def test_a_successor_reads_back_to_a_whole_however_much_others_wrote(
    others: int, log_settings: LogSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.journal._WHOLE_AFTER", 8)
    monkeypatch.setattr("ingest.journal._LOOK_BACK", 4)

    async def run() -> None:
        await ensure_topics(log_settings)
        mine = f"journal-far-{others}"
        async with LogWriter(log_settings) as writer:
            journal, book = LogJournal(log_settings, writer, mine), Book(GatewayCounts())
            for n in range(30):
                book.observe([Numbered(f"gw-{n}", "b", 1)], n)
                await journal.write(book)
            other = LogJournal(log_settings, writer, neighbour(mine, log_settings.partitions))
            for n in range(others):
                book.observe([Numbered(f"other-{n}", "b", 1)], n)
                await other.write(book)
            bodies = list(await LogJournal(log_settings, writer, mine).read())
        assert known(bodies) == {f"gw-{n}": 1 for n in range(30)}
        assert others or len(bodies) < 30  # not everything that was ever written

    asyncio.run(asyncio.wait_for(run(), 60))


def test_what_a_door_keeps_out_is_found_until_it_is_over(log_settings: LogSettings) -> None:
    since = datetime(2026, 3, 1, 8, tzinfo=UTC)
    first, second = Episode("10.0.0.1", "shouted", since + timedelta(seconds=1)), Episode("10.0.0.2", "说个不停", since)

    async def run() -> list[list[Episode]]:
        await ensure_topics(log_settings)
        mine = LogStanding(log_settings, "gw hj212 5212")
        other = LogStanding(log_settings, neighbour("gw hj212 5212", log_settings.partitions))
        found = [await mine.read()]
        async with LogWriter(log_settings) as writer:
            for records in (
                [mine.record(first), mine.record(second)],
                [other.record(first)],
                [mine.record(replace(first, over=True))],
            ):
                await writer.write(records)
                found.append(await mine.read())
        return [*found, await other.read()]

    found = asyncio.run(asyncio.wait_for(run(), 60))
    assert found == [[], [second, first], [second, first], [second], [first]]


def test_a_log_that_is_away_is_said_as_one() -> None:
    with pytest.raises(ConnectionError, match="cannot be read"):
        asyncio.run(LogStanding(LogSettings(brokers="127.0.0.1:1"), "door").read())
