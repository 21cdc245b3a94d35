"""The auditor finds bells that fell silent, and leaves alone those that may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts import ticker
from alerts.auditor import Found, Trouble, audit
from alerts.commands import Acknowledge
from ingest.clock import Clock
from tests.scenarios.timeline import START, Line


def mute(line: Line) -> Line:
    """What only a fault could do: an unanswered case with steps left and no next instant."""
    alert = line.only()
    line.ledger.tables.alerts[alert.id] = replace(alert, escalate_at=None)
    return line


@pytest.mark.parametrize(
    ("sentence", "make", "later", "trouble"),
    [
        ("a case that climbs is in order", lambda: Line().signal(level="red"), 0, None),
        ("one whose next step is missing is not", lambda: mute(Line().signal(level="red")), 0, Trouble.MISSING),
        ("one whose step is half a minute late is not", lambda: Line().signal(level="red"), 91, Trouble.OVERDUE),
        ("a process that is started again may take a while", lambda: Line().signal(level="red"), 89, None),
        ("a case that somebody has is in order", lambda: mute(Line().signal(level="red").say(Acknowledge("甲"))), 900, None),
        ("a chain that has ended is in order", lambda: Line().signal(level="red").at(9000), 0, None),
        ("a blue one rings nobody", lambda: Line().signal(level="blue"), 900, None),
        (
            "a yellow one that returned to normal climbs no further",
            lambda: Line().signal(level="yellow").signal(active=False, began=0).at(1801), 900, None,
        ),
    ],
)  # fmt: skip
def test_a_bell_is_in_order_or_not(
    sentence: str, make: Callable[[], Line], later: float, trouble: Trouble | None
) -> None:
    line = make()
    found = audit(line.alerts(), line.now + timedelta(seconds=later))
    assert [f.trouble for f in found] == ([trouble] if trouble else []), sentence


def test_a_bell_that_fell_silent_is_rung_and_says_so_once() -> None:
    line = mute(Line().signal(level="red").at(10))
    before = len(line.notices())
    for _ in range(2):
        line.conductor.audit([f.alert for f in audit(line.alerts(), line.now)], line.now)
    assert [e.why for e in line.lines("missed")] == ["missed"]
    assert len(line.at(11).notices()) > before


def test_the_audit_goes_round_all_of_them(caplog: pytest.LogCaptureFixture) -> None:
    line = mute(Line().signal(level="red"))
    lost = line.only().id
    line.signal("smoke-9", "red", grid="g4")
    stop = asyncio.Event()
    found: list[str] = []

    def set_right(cases: Sequence[str], now: datetime) -> None:
        found.extend(cases)
        stop.set()

    asyncio.run(asyncio.wait_for(ticker.audit(set_right, line.ledger, Clock(START), stop), 10))
    assert found == [lost]
    assert "no next step was set for 1 unanswered case(s)" in caplog.text
    assert Found(lost, Trouble.MISSING) in audit(line.alerts(), START)
