"""Deciding ahead of one's turn to write: what was read must still be so when the turn comes, or it is decided again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from alerts.commands import Acknowledge
from alerts.conduct import Conductor
from alerts.delivery.bundles import Lane
from alerts.ledger import open_ledger
from alerts.ledger.port import Conflict, Filter, Ledger, Transaction
from alerts.quiet.bell import Matcher
from alerts.quiet.book import Change
from alerts.quiet.budgets import Let
from alerts.quiet.flapping import Flap
from alerts.quiet.grouping import Group
from alerts.quiet.silence import Silence
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.test_conduct import conductor
from tests.alerts.test_ledger_contract import NOW, alert, entry, save
from tests.scenarios.timeline import START, Line

LANE = Lane("p1", "sms")
SILENCE = Silence("s1", Matcher(kinds=("fire",)), "值班员", "检修", NOW, NOW + timedelta(hours=1))


@pytest.fixture
def ledger(postgres) -> Iterator[Ledger]:
    """SQLite's writers begin with their turn: there is nothing ahead of it."""
    opened = open_ledger(postgres.new_ledger())
    yield opened
    opened.close()


def changed(ledger: Ledger) -> None:
    known = ledger.alert("a1")
    assert known is not None
    save(ledger, replace(known, text="有人先动了"))


def held(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.hold({"key": "a1"})


def flapped(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.quiet.keep_flaps({"d|r": Flap((True, False), NOW)})


def silenced(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.quiet.put(SILENCE, Change("s1", NOW, "created", "值班员"))


def grouped(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.bundles.keep_groups([Group("g", "p1", "sms", "yellow", NOW)])


def sent(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.bundles.keep_let_go({LANE: (Let(NOW, ""),)})


@pytest.mark.server
@pytest.mark.parametrize(
    ("sentence", "read", "meanwhile", "stands"),
    [
        ("a case was changed", lambda tx: tx.alert("a1"), changed, False),
        ("one of several cases was changed", lambda tx: tx.alerts(["a0", "a1"]), changed, False),
        ("a case came that fits", lambda tx: tx.open_with(["fire/a2"]), lambda one: save(one, alert("a2")), False),
        (
            "a case came that is near",
            lambda tx: tx.open_alerts(townships=["t1"], kinds=["fire"], near=[alert().place]),
            lambda one: save(one, alert("a2")),
            False,
        ),
        ("the signal was conducted", lambda tx: tx.holding(["key"]), held, False),
        ("the device came and went", lambda tx: tx.quiet.flaps(["d|r"]), flapped, False),
        ("a silence was made", lambda tx: tx.quiet.book(NOW), silenced, False),
        (
            "the place got a worse case",
            lambda tx: tx.quiet.worst_at("g1", Level.YELLOW),
            lambda one: save(one, alert("a2")),
            False,
        ),
        (
            "another grid has red now",
            lambda tx: tx.quiet.bad_grids(Level.RED),
            lambda one: save(one, alert("a2")),
            False,
        ),
        ("a group was told", lambda tx: tx.bundles.groups(["g"]), grouped, False),
        ("somebody was sent a message", lambda tx: tx.bundles.let_go([LANE]), sent, False),
        ("another case was changed", lambda tx: tx.alert("a0"), changed, True),
        ("another signal was conducted", lambda tx: tx.holding(["other"]), held, True),
        ("nobody wrote", lambda tx: (tx.alert("a1"), tx.holding(["key"])), lambda _: None, True),
    ],
)
def test_what_was_read_must_still_be_so_when_the_turn_comes(
    ledger: Ledger,
    sentence: str,
    read: Callable[[Transaction], object],
    meanwhile: Callable[[Ledger], object],
    stands: bool,
) -> None:
    save(ledger, alert("a0"), alert("a1"))

    def decide() -> None:
        with ledger.transaction(ahead=True) as tx:
            read(tx)
            meanwhile(ledger)  # by a connection of its own, which would wait for ever if we had the turn
            tx.save(alert("mine", identity="mine"), [entry("mine")])

    if stands:
        decide()
    else:
        with pytest.raises(Conflict, match="decide again"):
            decide()
    assert (ledger.alert("mine") is not None) is stands


@pytest.mark.server
def test_whoever_passes_over_a_conflict_meets_it_again(ledger: Ledger) -> None:
    save(ledger, alert("a1"))
    with ledger.transaction(ahead=True) as tx:
        tx.alert("a1")
        changed(ledger)
        for _ in range(2):
            with pytest.raises(Conflict, match="decide again"):
                tx.notices("a1")


@pytest.mark.server
def test_whoever_writes_nothing_never_waits_for_a_turn(ledger: Ledger) -> None:
    save(ledger, alert("a1"))
    with ledger.transaction() as writer, ledger.transaction(ahead=True) as reader:
        writer.hold({"key": "a1"})
        assert reader.alert("a1") == replace(alert("a1"), version=1)


@pytest.mark.server
def test_what_a_transaction_has_said_itself_is_no_conflict(ledger: Ledger) -> None:
    with ledger.transaction(ahead=True) as tx:
        assert tx.open_with(["fire/a1"]) == []
        saved = tx.save(alert("a1"), [entry("a1")])
        assert tx.open_with(["fire/a1"]) == [saved]
        assert tx.notices("a1") == []
        tx.save(replace(saved, text="再说一遍"), [])
    assert ledger.alert("a1") == replace(alert("a1"), text="再说一遍", version=2)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return empty_ledger(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres").new_ledger()


def test_several_workers_and_a_desk_on_the_same_cases_lose_and_double_nothing(url: str) -> None:
    """Two workers were given the same partition for a while: both conduct every signal, cut into other batches, while a desk answers."""
    line = Line()
    devices = [f"smoke-{n}" for n in range(60)]
    signals = [
        line.made(device, level, grid=f"g{1 + n % 3}", kind="tilt")
        for n, device in enumerate(devices)
        for level in ("blue", "yellow", "orange")
    ]
    opened = [open_ledger(url) for _ in range(3)]
    directors = [conductor(one, line) for one in opened]
    troubles: list[Exception] = []

    def conduct(director: Conductor, size: int) -> None:
        for begin in range(0, len(signals), size):
            director.signals(signals[begin : begin + size], START)

    def answer(director: Conductor, ledger: Ledger) -> None:
        seen: set[str] = set()
        while len(seen) < len(devices):
            for case in ledger.page(Filter(open_only=True), limit=200).alerts:
                if case.id not in seen:
                    seen.add(case.id)
                    director.command(case.id, Acknowledge("值班员"), START)

    def kept(work: Callable[..., None], *given: object) -> Callable[[], None]:
        def run() -> None:
            try:
                work(*given)
            except Exception as error:  # told below
                troubles.append(error)

        return run

    works = (
        kept(conduct, directors[0], 7),
        kept(conduct, directors[1], 11),
        kept(answer, directors[2], opened[2]),
    )
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not troubles
    assert not any(thread.is_alive() for thread in threads)
    everything = opened[0]
    cases = everything.page(Filter(), limit=1000).alerts
    assert sorted(case.subjects for case in cases) == sorted((device,) for device in devices)
    for case in cases:
        lines = everything.timeline(case.id)
        said = [(e.what, e.detail["level"]) for e in lines if "signal" in e.detail]
        assert len(said) == len(set(said)) == 3, "every signal once"
        assert case.level is Level.ORANGE
        assert case.count == 3
        assert all(earlier.seq < later.seq for earlier, later in pairwise(lines))
    for one in opened:
        one.close()
