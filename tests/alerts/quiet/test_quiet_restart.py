"""What keeps a bell shut outlives the process that shut it: everything is in the ledger, and another process opens the bell at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.alert import NoticeState
from alerts.conduct import Conductor
from alerts.hushing import kept
from alerts.ledger import Ledger, open_ledger
from alerts.ledger.port import Filter
from alerts.policy import load_policies
from alerts.quiet.bell import Matcher
from alerts.quiet.drill import drill
from alerts.quiet.silence import silence
from alerts.quieting import Quieting
from ingest.events import Mark
from ingest.registry import Registry
from tests.alerts.empty_ledger import empty_ledger
from tests.scenarios.timeline import GRIDS, PEOPLE, START, WORDS, Line

MINUTE = timedelta(minutes=1)
POLICIES = load_policies()
Office = tuple[Ledger, Conductor, Quieting]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Office]]:
    """A process of its own each time it is called: nothing is shared but the database."""
    postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres").new_ledger() if postgres else empty_ledger(tmp_path)
    opened: list[Ledger] = []

    def start() -> Office:
        ledger = open_ledger(url)
        opened.append(ledger)
        if not ledger.registry().grids:
            ledger.replace_place(GRIDS, (), PEOPLE)
        registry = Registry.of(GRIDS, ())
        conductor = Conductor(
            ledger, policies=POLICIES, registry=lambda: registry, roster=ledger.roster, words=WORDS, channels=("sms", "voice")
        )  # fmt: skip
        return ledger, conductor, Quieting(ledger, conductor, lambda: registry, POLICIES.quiet)

    yield start
    for ledger in opened:
        ledger.close()


def told(ledger: Ledger) -> list[str]:
    return [f"{n.person}/{n.channel}" for n in ledger.outbox(limit=500)[::-1] if n.state is not NoticeState.CANCELLED]


def test_a_bell_that_one_process_kept_shut_is_opened_by_another(office: Callable[[], Office]) -> None:
    ledger, conductor, quieting = office()
    lengths = POLICIES.quiet.lengths
    one = silence(
        Matcher(kinds=("water",)),
        by="甲",
        reason="检修",
        starts_at=START,
        ends_at=START + 60 * MINUTE,
        lengths=lengths,
        now=START,
    )
    quieting.add(one, START)
    line = Line()
    conductor.signals([line.made("w-1", "yellow", kind="water")], START)
    ledger, conductor, _ = office()
    (alert,) = ledger.page(Filter()).alerts
    held = kept(alert)
    assert held is not None
    assert (held.id, held.until) == (one.id, START + 60 * MINUTE)
    assert ledger.next_due() == START + 50 * MINUTE, "the warning before its end"
    assert conductor.escalate(START + 50 * MINUTE) == 1
    assert conductor.escalate(START + 59 * MINUTE) == 0
    assert told(ledger) == []
    ledger, conductor, _ = office()
    assert conductor.escalate(START + 60 * MINUTE) == 2, "the bell, and what is held for its leader"
    assert told(ledger) == ["leader1/sms"]
    assert conductor.escalate(START + 61 * MINUTE) == 0, "once"
    said = ["raised", "hushed", "quiet_ends_soon", "quiet_over", "told", "held", "bundled"]
    assert [e.what for e in ledger.timeline(alert.id)] == said, "it was raised an hour ago: its group waits no more"
    assert [n.state for n in ledger.outbox()] == [NoticeState.QUEUED]


def test_a_device_flaps_over_restarts(office: Callable[[], Office]) -> None:
    line, said = Line(), []
    for n in range(12):
        ledger, conductor, _ = office()
        for at, active in ((20 * n, True), (20 * n + 10, False)):
            line.at(at)
            began = 20 * n
            conductor.signals([line.made("w-1", "yellow", kind="water", active=active, began=began)], line.now)
        said = [e.what for e in ledger.entries_after(0) if e.what.startswith("flapping")]
    assert said == ["flapping_started"]
    ledger, conductor, _ = office()
    conductor.escalate(START + 40 * MINUTE)
    assert [e.what for e in ledger.entries_after(0) if e.what.startswith("flapping")] == [
        "flapping_started",
        "flapping_stopped",
    ]


def test_a_drill_ends_in_another_process_and_the_fire_rings_for_real(office: Callable[[], Office]) -> None:
    ledger, conductor, quieting = office()
    one = drill(
        "消防演练", Matcher(grids=("g1",)), ("worker1",), by="甲", starts_at=START, ends_at=START + 30 * MINUTE, lengths=POLICIES.quiet.lengths,
        now=START,
    )  # fmt: skip
    quieting.add(one, START)
    for by in ("乙", "丙"):
        quieting.approve(one.id, by, START)
    conductor.signals([Line().made("s-1", "red")], START)
    assert set(told(ledger)) == {"worker1/sms", "worker1/voice"}
    ledger, conductor, _ = office()
    (alert,) = ledger.page(Filter()).alerts
    assert alert.marks & Mark.DRILL
    conductor.escalate(START + 30 * MINUTE)
    real = {f"{n.person}/{n.channel}" for n in ledger.outbox(alert=alert.id) if not n.text.startswith("[演练]")}
    assert real == {"leader1/sms", "leader1/voice"}
    (alert,) = ledger.page(Filter()).alerts
    assert not alert.marks & Mark.DRILL
