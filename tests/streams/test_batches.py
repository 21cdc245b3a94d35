"""What the watchdog sees of a batch consumer: it gets on as long as its store says anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition

from ingest.settings import LogSettings
from ingest.topics import Topic
from streams.batches import Batches, Work
from streams.settings import WorkerSettings
from streams.watchdog import Watchdog

PLACE = TopicPartition(str(Topic.READINGS), 0)
LIMIT = 30.0


def batches(handle: Any) -> Batches:
    work = Work(Topic.READINGS, "tocsin-record", bytes, handle)
    made = Batches(work, LogSettings(), WorkerSettings(), writer=None, bury=None)  # type: ignore[arg-type]
    made._positions = {"0": (0, 5), "1": (7, 9)}
    return made


class Away:
    """A store that refuses so many times before it takes."""

    def __init__(self, refusals: int) -> None:
        self.left, self.taken = refusals, []

    def __call__(self, rows: Sequence[bytes]) -> None:
        if self.left:
            self.left -= 1
            raise OSError("nobody answers")
        self.taken += rows


@pytest.mark.parametrize(
    ("refusals", "stalled"),
    [(1, []), (0, [str(Topic.READINGS)])],
    ids=["a store that says no gets on", "a store that says nothing stands still"],
)
def test_the_watchdog_tells_a_store_that_is_away_from_one_that_hangs(refusals: int, stalled: list[str]) -> None:
    made, watchdog = batches(Away(refusals)), Watchdog(LIMIT)
    for now in (0.0, LIMIT / 2, LIMIT - 1):
        watchdog.look(made.positions(), now)
    if refusals:
        asyncio.run(made._hand_over([(b"row", PLACE, b"row")], asyncio.Event()))
    assert watchdog.look(made.positions(), LIMIT + 1) == stalled


def test_a_store_that_comes_back_gets_what_waited() -> None:
    store = Away(2)
    assert asyncio.run(batches(store)._hand_over([(b"row", PLACE, b"row")], asyncio.Event()))
    assert store.taken == [b"row"]


def test_partitions_are_watched_together() -> None:
    made, watchdog = batches(Away(0)), Watchdog(LIMIT)
    for now in (0.0, 15.0, 29.0):
        watchdog.look(made.positions(), now)
    made.done += 200  # of one of them: the other waits its turn
    assert watchdog.look(made.positions(), LIMIT + 1) == []


@pytest.mark.parametrize(
    ("patient", "kafka", "asked"),
    [
        (False, True, {"fetch_max_wait_ms": 100}),
        (False, False, {"fetch_max_wait_ms": 20}),
        (True, True, {"fetch_max_wait_ms": 500, "fetch_min_bytes": 65536}),
        (True, False, {"fetch_max_wait_ms": 200}),
    ],
    ids=[
        "alarms from Kafka",
        "alarms from the embedded log",
        "readings from Kafka come in lots",
        "readings from the embedded log",
    ],
)
def test_who_is_in_no_hurry_asks_the_log_less_often(patient: bool, kafka: bool, asked: dict[str, int]) -> None:
    work = Work(Topic.READINGS, "group", bytes, lambda rows: None, patient=patient)
    made = Batches(work, LogSettings(idempotent=kafka), WorkerSettings(), writer=None, bury=None)  # type: ignore[arg-type]
    assert made._questions() == asked
