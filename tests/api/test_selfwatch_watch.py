"""The loop of the watch where nothing answers: it goes on, names roots only, and begins anew when the clock jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.ledger import open_ledger
from api.child import free_ports
from api.selfwatch.board import Board
from api.selfwatch.parts import Part, Why
from api.selfwatch.settings import SelfwatchSettings
from api.selfwatch.watch import Surroundings, Watch
from ingest.clock import Clock
from ingest.settings import LogSettings, MqttSettings
from streams.series.embedded import EmbeddedSeries
from tests.alerts.empty_ledger import empty_ledger

QUICK = SelfwatchSettings(every=0.3, probe=0.1, patience=0.2, grace=0.0)


class Jumping(Clock):
    """A clock that can be set."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def watching(tmp_path: Path, claim: Callable[[Watch, Board, Jumping], bool], change: Callable[[Jumping], None]) -> None:
    """Run a watch over a ledger and series that are well, with neither broker there, until the claim holds after the change."""
    mqtt, log = free_ports(2)
    ledger, series = open_ledger(empty_ledger(tmp_path)), EmbeddedSeries(tmp_path / "series.db")
    clock, board = Jumping(), Board(stale_after=60)
    around = Surroundings(
        MqttSettings(port=mqtt), LogSettings(brokers=f"127.0.0.1:{log}", idempotent=False), ledger, series, {}, clock
    )
    watch = Watch(QUICK, around, "a", board)

    async def run() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(watch.run(stop))
        async with asyncio.timeout(60):
            while {t.part for t in board.now(clock.now()).troubles} != {Part.MQTT, Part.LOG}:
                await asyncio.sleep(0)
            change(clock)
            while not claim(watch, board, clock):
                await asyncio.sleep(0)
        stop.set()
        await running

    try:
        asyncio.run(run())
    finally:
        series.close()
        ledger.close()


def test_with_neither_broker_there_both_are_named_and_nothing_else(tmp_path: Path) -> None:
    def claim(watch: Watch, board: Board, clock: Jumping) -> bool:
        found = board.now(clock.now())
        assert {t.part for t in found.troubles} <= {Part.MQTT, Part.LOG}
        assert {t.why for t in found.troubles} == {Why.NO_ANSWER}
        return len(found.flock) > 3

    watching(tmp_path, claim, lambda _: None)


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1)])
def test_when_the_clock_jumps_the_watch_begins_anew_under_another_name(tmp_path: Path, jump: timedelta) -> None:
    def claim(watch: Watch, board: Board, clock: Jumping) -> bool:
        flock = board.now(clock.now()).flock
        return bool(flock) and all(c.device == "canary-a-1" for c in flock)

    watching(tmp_path, claim, lambda clock: setattr(clock, "ahead", jump))
