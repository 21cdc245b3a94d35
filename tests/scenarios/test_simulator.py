"""Random days with processes that die anywhere: every promise is kept on each of them, and one seed is one day, always the same.

As it stands it is a few seconds; CI takes 2,000 seeds. TOCSIN_SEEDS names another number of them, for a night for instance. A day that breaks
a promise names its seed; `python -m tests.scenarios.simulator SEED` tells that day alone, step by step.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest

from alerts.alert import NoticeState, Reason
from tests.scenarios.simulator import Day, broken
from tests.scenarios.world import AFTER, BEFORE, INSIDE, World

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
SEEDS = int(os.environ.get("TOCSIN_SEEDS", "2000" if IN_CI else "100"))
BLOCK = max(SEEDS // 20, 1)
BLOCKS = range(0, SEEDS, BLOCK)


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def days() -> Iterator[dict[int, Future[str]]]:
    """All the days, by the first of each block, worked out in as many processes as there are processors."""
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 4), mp_context=get_context("spawn")) as pool:
        yield {first: pool.submit(broken, first, min(first + BLOCK, SEEDS)) for first in BLOCKS}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("first", BLOCKS)
def test_every_promise_is_kept_on_every_day(days: dict[int, Future[str]], first: int) -> None:
    if said := days[first].result():
        pytest.fail(said)


def test_one_seed_is_one_day() -> None:
    one, other = Day(7).run(), Day(7).run()
    assert one.ledger.tables == other.ledger.tables
    assert one.ledger.tables.entries, "something happened"


def test_days_hold_what_they_are_for() -> None:
    """A simulator in which nothing goes wrong proves nothing."""
    worlds = [Day(seed).run() for seed in range(30)]
    notices = [n for world in worlds for n in world.notices]
    assert sum(world.crashes for world in worlds) > 10
    assert {n.reason for n in notices} >= {Reason.FIRST, Reason.WORSE, Reason.REPEAT, Reason.ESCALATE, Reason.RESOLVED}
    assert {n.state for n in notices} >= {
        NoticeState.DELIVERED,
        NoticeState.CANCELLED,
        NoticeState.FAILED,
        NoticeState.SENT,
    }


@pytest.mark.parametrize(
    ("sentence", "dies"),
    [
        ("it dies before it wrote anything", BEFORE),
        ("it dies with everything of the transaction undone", INSIDE),
        ("it dies right after it was written, and nobody hears so", AFTER),
    ],
)
def test_a_worker_that_dies_over_a_signal_rings_once_all_the_same(sentence: str, dies: str) -> None:
    day = Day(0)
    day.world = world = World()
    day.scene.world = world
    world.ledger.dies = dies
    day.scene.hear(day.scene.made(0, 3))
    assert world.crashes == 1
    day.scene.hear()
    world.settle()
    first = [n for n in world.notices if n.reason is Reason.FIRST]
    assert sorted(n.channel for n in first) == ["sms", "voice"], sentence
    assert [len(world.provider.taken[n.key]) for n in first] == [1, 1]


def test_a_sender_that_dies_after_the_provider_has_the_message_does_not_send_it_twice() -> None:
    day = Day(0)
    day.world = world = World()
    day.scene.world = world
    day.scene.hear(day.scene.made(0, 3))
    world.provider.mood = lambda _: "dies"
    assert not world.send(1)
    (held,) = [n for n in world.notices if n.state is NoticeState.SENDING]
    world.settle()
    assert world.provider.taken[held.key] == [f"{held.key}-0"]
    after = world.ledger.tables.notices[held.key]
    assert (after.state, after.attempts) == (NoticeState.SENT, 2)


def test_the_promises_notice_a_message_that_is_handed_over_twice() -> None:
    world = World()
    day = Day(0)
    day.scene.world = world
    day.scene.hear(day.scene.made(0, 3))
    world.provider.taken["n"] = ["n-0", "n-1"]
    with pytest.raises(AssertionError, match="law 3"):
        world.send()


@pytest.mark.parametrize(
    ("law", "but"),
    [
        ("law 6", {"escalate_at": "now", "handling": "acknowledged"}),
        ("law 8", {"escalate_at": None}),
        ("law 5", {"text": "something else"}),
    ],
)
def test_the_promises_notice_a_case_that_was_changed_behind_the_lifecycle(law: str, but: dict[str, object]) -> None:
    world = World()
    day = Day(0)
    day.scene.world = world
    day.scene.hear(day.scene.made(0, 3))
    (alert,) = world.alerts
    changed = {
        k: world.now if v == "now" else type(alert.handling)(v) if k == "handling" else v for k, v in but.items()
    }
    world.ledger.tables.alerts[alert.id] = replace(alert, **changed)
    if law != "law 5":
        with world.ledger.transaction() as tx:
            tx.append([replace(world.ledger.tables.entries[0], what="note")])
    with pytest.raises(AssertionError, match=law):
        world.promises.look(world.now)
