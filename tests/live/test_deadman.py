"""The dead-man over real processes: what stops is named on the desk and told to people, and nothing else is. No figure is asserted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.stack import Plan, Stack
from tests.chaos.provider import Provider
from tests.live.deadman import DUTY, Desk, Named, drill, quick

WITHIN = 60.0


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Desk]]:
    """The embedded system with a watch whose minute has two seconds."""
    provider = Provider().start()
    own = {k: v for k, v in quick(2.0).model_dump().items() if isinstance(v, float)}
    notify = {"channels": ("sms",), "twilio": provider.settings(), "public_url": "http://127.0.0.1:1"}
    over = {"selfwatch": {**own, "patience": 3.0, "people": (DUTY,)}, "notify": notify}
    try:
        with Stack(tmp_path_factory.mktemp("watched"), Plan(("gateway", "worker", "api"), overrides=over)) as stack:
            yield stack, Desk(stack.settings.api.port, provider)
    finally:
        provider.stop()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that stands still for as long as the context."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("part", ["worker", "gateway", "log"])
def test_a_part_that_stands_still_is_named_and_told_and_well_again_when_it_goes_on(
    watched: tuple[Stack, Desk], part: str
) -> None:
    stack, desk = watched
    desk.await_fresh_canary(WITHIN)
    assert desk.until(lambda: not desk.troubles(), WITHIN) is not None, desk.troubles()
    before = len(desk.texts())
    with frozen(stack.brokers.log_pid() if part == "log" else stack.pid(part)):
        assert desk.until(lambda: part in desk.troubles(), WITHIN) is not None, desk.found()
        assert desk.until(lambda: len(desk.texts()) > before, WITHIN) is not None
        assert set(desk.troubles()) == {part}
        assert "【系统自检】" in desk.texts()[before]
    assert desk.until(lambda: not desk.troubles(), WITHIN) is not None, desk.troubles()
    assert desk.until(lambda: any("已恢复正常" in text for text in desk.texts()[before:]), WITHIN) is not None


def test_canaries_rang_nobody_and_stand_in_no_list(watched: tuple[Stack, Desk]) -> None:
    stack, desk = watched
    desk.await_fresh_canary(WITHIN)
    assert stack.ledger.outbox() == []
    assert stack.ledger.counts()["alerts.total"] == 0
    assert all("系统自检】" in text or "系统自检·" in text for text in desk.texts())


@pytest.mark.live
def test_on_real_servers_every_part_is_named_alone_and_told(tmp_path: Path) -> None:
    parts = ("mqtt", "log", "ledger", "series", "gateway", "worker", "sender")
    found: list[Named] = drill(parts, "stop", quick(4.0), brokers=1, workers=1, folder=tmp_path)
    assert [(n.part, n.right, n.well_s is not None) for n in found] == [(part, True, True) for part in parts], found
