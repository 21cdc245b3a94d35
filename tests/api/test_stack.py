"""The embedded stack keeps its parts alive and ends them all."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from api.county.county import county
from api.county.publisher import Publisher
from api.settings import Settings
from api.stack import Plan, Stack, environment_of


def eventually(claim: Callable[[], bool], within: float = 20.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_settings_survive_the_way_through_a_child_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {
        "mqtt": {"port": 1999, "filters": ("a/#", "b/#")},
        "clock": {"origin": datetime(2008, 1, 1, tzinfo=UTC), "speed": 2.5},
        "notify": {"channels": ("log",), "twilio": {"sender": "+10000000000"}},
        "secret": "s",
    }
    for name, value in environment_of(wanted).items():
        monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_validate(wanted)


def test_what_is_published_while_the_gateway_is_killed_is_in_the_log_all_the_same(tmp_path: Path) -> None:
    place = county(3)
    with Stack(tmp_path, Plan(("gateway",), (place.grids, place.devices, place.people), partitions=2)) as stack:
        with Publisher(stack.settings.mqtt, "test") as publisher:
            first = stack.pid("gateway")
            for n in range(300):
                if n == 100:
                    os.kill(first, signal.SIGKILL)
                publisher.publish(f"tocsin/gw/d-{n}/telemetry", b'{"at":"2026-01-01T00:00:00.%06dZ","v":1}' % n)
            assert publisher.flush(20)
        assert eventually(lambda: stack.tally().kept >= 300)
        counted = stack.tally()
        assert (counted.kept, counted.rejected) == (300, 0)
        assert stack.starts("gateway") == 2
        pid = stack.pid("gateway")
        assert pid != first
    assert eventually(lambda: not alive(pid))


def test_a_broker_that_dies_is_started_again_and_messages_flow_once_more(tmp_path: Path) -> None:
    place = county(3)
    with Stack(tmp_path, Plan(("gateway",), (place.grids, place.devices, place.people), partitions=2)) as stack:
        for broker in (stack.brokers.mqtt_pid, stack.brokers.log_pid):
            os.kill(broker(), signal.SIGKILL)

            def kept(broker: Callable[[], int] = broker) -> bool:
                with Publisher(stack.settings.mqtt, "test") as publisher:
                    publisher.publish("tocsin/gw/d/telemetry", b'{"v":1}')
                    publisher.flush(2)
                try:
                    return stack.tally().kept > 0
                except KafkaError:  # the log is on its way back
                    return False

            assert eventually(kept, 40)
