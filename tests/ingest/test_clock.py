"""A clock that can live in a recording's time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.clock import Clock

ORIGIN = datetime(2008, 1, 24, 3, tzinfo=UTC)


def test_a_plain_clock_is_aware_and_runs() -> None:
    first = Clock().now()
    assert first.tzinfo is not None
    assert Clock().now() >= first


def test_a_recorded_clock_stands_still_until_its_gate_opens(tmp_path: Path) -> None:
    clock = Clock(ORIGIN, 100.0, tmp_path / "gate")
    assert clock.now() == clock.now() == ORIGIN
    assert clock.wait(ORIGIN + timedelta(hours=1), 9.0) <= 0.05


def test_every_process_that_shares_a_gate_lives_in_the_same_time(tmp_path: Path) -> None:
    here, there = (Clock(ORIGIN, 1000.0, tmp_path / "gate") for _ in range(2))
    here.open()
    before, other, after = here.now(), there.now(), here.now()
    assert ORIGIN <= before <= other <= after


def test_opening_twice_does_not_start_again(tmp_path: Path) -> None:
    clock = Clock(ORIGIN, 1e6, tmp_path / "gate")
    clock.open()
    first = clock.now()
    Clock(ORIGIN, 1e6, tmp_path / "gate").open()
    assert Clock(ORIGIN, 1e6, tmp_path / "gate").now() >= first


def test_waiting_is_told_in_real_seconds(tmp_path: Path) -> None:
    clock = Clock(ORIGIN, 60.0, tmp_path / "gate")
    clock.open()
    assert clock.wait(clock.now() - timedelta(seconds=5), 2.0) == 0.0
    assert 0.5 < clock.wait(clock.now() + timedelta(seconds=60), 2.0) <= 1.0
    assert clock.wait(None, 2.0) == 2.0


@pytest.mark.parametrize(("origin", "speed"), [(datetime(2020, 1, 1), 1.0), (ORIGIN, 0.0), (ORIGIN, -1.0)])  # noqa: DTZ001
def test_a_clock_that_cannot_be_is_refused(origin: datetime, speed: float) -> None:
    with pytest.raises(ValueError, match="clock"):
        Clock(origin, speed)


def test_a_clock_that_agreed_on_another_s_goes_on_by_the_steady_clock_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = 100.0
    monkeypatch.setattr("ingest.clock.time.monotonic", lambda: steady)
    clock = Clock()
    ahead = clock.agree(ORIGIN, 100.0, 0.05)
    assert ahead < -3600  # this machine lives years after that
    steady = 107.5
    assert clock.now() == clock.real() == ORIGIN + timedelta(seconds=7.5)


@pytest.mark.parametrize(
    ("why", "said", "measured", "told", "afterwards"),
    [
        ("within what may be off, nothing moves", 10.03, 110.0, 0.0, 10.0),
        ("further ahead, it goes along", 13.0, 110.0, 3.0, 13.0),
        ("further behind, it goes back", 4.0, 110.0, -6.0, 4.0),
        ("an answer is as old as it is", 8.0, 108.0, 0.0, 10.0),
    ],
)
def test_agreeing_again(
    why: str, said: float, measured: float, told: float, afterwards: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = 100.0
    monkeypatch.setattr("ingest.clock.time.monotonic", lambda: steady)
    clock = Clock()
    clock.agree(ORIGIN, 100.0, 0.05)
    steady = 110.0
    assert clock.agree(ORIGIN + timedelta(seconds=said), measured, 0.05) == pytest.approx(told, abs=1e-6), why
    assert clock.now() == ORIGIN + timedelta(seconds=afterwards), why
