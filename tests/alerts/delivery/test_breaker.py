"""When a provider is left alone, and when it is asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.delivery.breaker import FAULTS, PROBE_EVERY, WITHIN, Breaker

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def broken(at: datetime = NOW) -> Breaker:
    breaker = Breaker()
    for _ in range(FAULTS):
        breaker.fault(at)
    return breaker


@pytest.mark.parametrize(
    ("sentence", "faults", "tripped"),
    [
        ("no fault", [], False),
        ("one fault less than it takes", [0, 1, 2, 3], False),
        ("five faults in a row", [0, 1, 2, 3, 4], True),
        ("five faults just within the time", [0, 1, 2, 3, WITHIN.total_seconds()], True),
        ("five faults over a longer time", [0, 1, 2, 3, WITHIN.total_seconds() + 0.1], False),
    ],
)
def test_it_opens_after_five_faults_close_together(sentence: str, faults: list[float], tripped: bool) -> None:
    breaker = Breaker()
    for at in faults:
        breaker.fault(NOW + at * SECOND)
    assert breaker.tripped is tripped
    assert breaker.allows(NOW + 31 * SECOND) is (not tripped or 31 - faults[-1] >= PROBE_EVERY.total_seconds())


def test_an_open_breaker_lets_one_try_through_now_and_then() -> None:
    breaker = broken()
    asked = [breaker.allows(NOW + second * SECOND) for second in range(1, 25)]
    assert [second for second, allowed in enumerate(asked, 1) if allowed] == [10, 20]


def test_a_try_that_went_well_closes_it() -> None:
    breaker = broken()
    breaker.well()
    assert not breaker.tripped
    breaker.fault(NOW + SECOND)
    assert breaker.allows(NOW + 2 * SECOND)


def test_a_try_that_went_wrong_keeps_it_open() -> None:
    breaker = broken()
    assert breaker.allows(NOW + PROBE_EVERY)
    breaker.fault(NOW + PROBE_EVERY)
    assert breaker.tripped
    assert not breaker.allows(NOW + PROBE_EVERY + SECOND)
