from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from streams.guard import LEAVE_UNDELIVERABLE, Patience, guarded

FAST = Patience(tries=3, within=0.05, pause=0.001)


class Play:
    """A body that fails so often, the dead letters, and the door."""

    def __init__(self, failures: int = 0, *, buries: bool = True) -> None:
        self.failures, self.buries = failures, buries
        self.tries, self.buried, self.left = 0, [], []

    async def body(self) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise KeyError("no such thing")

    async def bury(self, reason: str) -> None:
        if not self.buries:
            raise ConnectionError("the log is away")
        self.buried.append(reason)

    async def run(self, body: Callable[[], Coroutine[Any, Any, object]] | None = None) -> bool:
        return await guarded(body or self.body, self.bury, name="detect", patience=FAST, leave=self.left.append)


def test_a_body_that_fails_and_recovers_is_not_buried() -> None:
    play = Play(failures=2)

    assert asyncio.run(play.run())
    assert (play.tries, play.buried, play.left) == (3, [], [])


def test_what_is_never_digested_goes_to_the_dead_letters_with_its_reason() -> None:
    play = Play(failures=99)

    assert not asyncio.run(play.run())
    assert play.tries == FAST.tries
    assert play.buried == ["KeyError: 'no such thing'"]


def test_a_body_that_hangs_is_cut_short_and_buried() -> None:
    play = Play()

    assert not asyncio.run(play.run(asyncio.Event().wait))
    assert play.buried == ["TimeoutError: not done within 0.05 s"]


def test_when_even_the_dead_letters_fail_the_process_leaves() -> None:
    play = Play(failures=99, buries=False)

    assert not asyncio.run(play.run())
    assert play.left == [LEAVE_UNDELIVERABLE]


def test_a_cancelled_agent_ends_what_it_has_in_hand_first() -> None:
    async def scene() -> list[str]:
        said, begun, go_on = [], asyncio.Event(), asyncio.Event()

        async def body() -> None:
            begun.set()
            await go_on.wait()
            said.append("done")

        agent = asyncio.create_task(Play().run(body))
        await begun.wait()
        agent.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
        try:
            await agent
        except asyncio.CancelledError:
            said.append("cancelled")
        return said

    assert asyncio.run(scene()) == ["done", "cancelled"]
