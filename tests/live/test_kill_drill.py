"""Laws 1 and 3 over real processes: gateway and worker are killed while messages flow."""

import pytest

from tests.live.kill_drill import Result, drill

ALARMS = 12


@pytest.fixture(scope="module")
def result() -> Result:
    return drill(messages=1500, kills=2, alarms=ALARMS, rate=120)


def test_accepted_means_kept_through_kills_of_gateway_and_worker(result: Result) -> None:
    assert (result.gateway_kills, result.worker_kills) == (2, 2)
    assert result.acknowledged == result.published == 1500
    assert result.lost == 0


def test_every_alarm_rings_once_and_nobody_is_told_twice(result: Result) -> None:
    assert (result.alarms, result.alerts, result.notices) == (ALARMS, ALARMS, ALARMS)
    assert result.doubled == 0
