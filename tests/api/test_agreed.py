"""All processes of a city go by the ledger's clock."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.ledger.port import LedgerUnavailable
from api.compose.agreed import agree
from ingest.clock import Clock


class Asked:
    """A ledger whose clock is so far from this machine's."""

    def __init__(self, apart: timedelta | None) -> None:
        self.apart = apart

    def now(self) -> datetime | None:
        return None if self.apart is None else datetime.now(UTC) + self.apart


def apart(clock: Clock) -> float:
    return (clock.now() - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize("hours", [1, -1])
def test_a_machine_an_hour_off_lives_in_the_ledger_s_time_and_says_so(
    hours: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock, ledger = Clock(), Asked(timedelta(hours=hours))
    with caplog.at_level(logging.ERROR):
        agree(clock, ledger)  # type: ignore[arg-type]
    assert apart(clock) == pytest.approx(3600 * hours, abs=1)
    assert ("behind" if hours > 0 else "ahead of") in caplog.text
    ledger.apart = timedelta()
    agree(clock, ledger)  # type: ignore[arg-type]
    assert apart(clock) == pytest.approx(0, abs=1)


def test_clocks_that_agree_are_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        agree(Clock(), Asked(timedelta()))  # type: ignore[arg-type]
    assert not caplog.records


class Away:
    def now(self) -> Any:
        raise LedgerUnavailable("gone")


def test_a_ledger_that_is_away_or_on_this_machine_changes_nothing() -> None:
    clock = Clock()
    agree(clock, Asked(timedelta(hours=1)))  # type: ignore[arg-type]
    for ledger in (Away(), Asked(None)):
        agree(clock, ledger)  # type: ignore[arg-type]
    assert apart(clock) == pytest.approx(3600, abs=1)
