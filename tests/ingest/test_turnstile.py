"""A door's word about whom it keeps out ends in time, also when the process that gave it was killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.clock import Clock
from ingest.events import Lapse, decode
from ingest.log import Record
from ingest.quarantine import Episode
from ingest.topics import Topic
from ingest.turnstile import Turnstile

WHY = "more than 1 messages a second"


class Kept:
    """A log and what of it a door finds again: the last record of each key, as in a compacted topic."""

    def __init__(self) -> None:
        self.lapses: list[Lapse] = []
        self.open: dict[bytes, Episode] = {}
        self.away = 0
        self.said = asyncio.Event()

    async def write(self, records: Sequence[Record]) -> None:
        events = [decode(r.value) for r in records if r.topic == Topic.PRESENCE and r.value]
        self.lapses += [event for event in events if isinstance(event, Lapse)]
        self.said.set()

    def record(self, episode: Episode) -> Record:
        key = f"{episode.source} {episode.since}".encode()
        if episode.over:
            self.open.pop(key, None)
        else:
            self.open[key] = episode
        return Record(Topic.SEQUENCES, 0, None, key)

    async def read(self) -> list[Episode]:
        if self.away:
            self.away -= 1
            raise ConnectionError("no broker answers")
        return list(self.open.values())


def standing_by(kept: Kept, script: Callable[[Turnstile], Awaitable[None]], *, killed: bool = False) -> None:
    """Run one process's turnstile for as long as the script; a killed one has no last words."""

    async def run() -> None:
        kept.said = asyncio.Event()
        turnstile = Turnstile("hj212", 1.0, kept, partitions=4, clock=Clock(), standing=kept)  # type: ignore[arg-type]
        running = asyncio.create_task(turnstile.run())
        async with asyncio.timeout(30):
            await script(turnstile)
        said = list(kept.lapses), dict(kept.open)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if killed:  # nothing of what it said in ending was said
            kept.lapses, kept.open = said

    asyncio.run(run())


async def shouts(turnstile: Turnstile, kept: Kept) -> None:
    while turnstile.says("10.0.0.7"):
        pass
    await kept.said.wait()


def test_a_process_that_ends_takes_its_word_back() -> None:
    kept = Kept()
    standing_by(kept, lambda turnstile: shouts(turnstile, kept))
    assert [(lapse.over, lapse.why) for lapse in kept.lapses] == [(False, WHY), (True, WHY)]
    assert kept.lapses[0].since == kept.lapses[1].since
    assert not kept.open


def test_what_a_killed_process_said_is_ended_by_the_next_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.turnstile._LOOK_EVERY", 0.01)
    kept = Kept()
    standing_by(kept, lambda turnstile: shouts(turnstile, kept), killed=True)
    (begun,) = kept.lapses
    (left,) = kept.open.values()
    assert (left.source, left.since) == ("10.0.0.7", begun.since)
    # the next one begins seven minutes later, and the log is away when it asks for the first time
    long_ago = replace(left, since=left.since - timedelta(minutes=7))
    kept.open, kept.away = {f"{long_ago.source} {long_ago.since}".encode(): long_ago}, 1

    async def until_said(_turnstile: Turnstile) -> None:
        await kept.said.wait()

    standing_by(kept, until_said)
    assert [(lapse.gateway, lapse.since, lapse.over) for lapse in kept.lapses[1:]] == [
        (begun.gateway, long_ago.since, True)
    ]
    assert not kept.open
