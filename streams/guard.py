"""The one wrapper around every agent body: Faust commits an event whose agent raised, so nothing may escape.

A body gets a bounded time and a few tries; what it cannot digest goes to the dead letters, and when even that fails the process leaves at
once, without the tidy shutdown that would commit the event.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

logger = logging.getLogger(__name__)

LEAVE_UNDELIVERABLE: Final = 70  # EX_SOFTWARE: neither digested nor dead-lettered
LEAVE_STALLED: Final = 75  # EX_TEMPFAIL: there is work and it does not get on

LEAVE_UNDRAINED: Final = 76  # asked to end, and not done in time

Leave = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often a body is tried. Pauses double from `pause`, with jitter."""

    tries: int = 4
    within: float = 20.0
    pause: float = 0.2


async def guarded(
    body: Callable[[], Coroutine[Any, Any, object]],
    bury: Callable[[str], Coroutine[Any, Any, object]],
    *,
    name: str,
    patience: Patience = Patience(),
    leave: Leave = os._exit,
) -> bool:
    """Run `body` until it succeeds, at most `patience.tries` times; else `bury(reason)`; else leave the process.

    Returns whether the body succeeded. Nothing but a cancellation comes out, and that only after the body in hand has ended: a
    cancelled agent's event is committed too.
    """
    reason = ""
    for attempt in range(patience.tries):
        try:
            await _unbroken(body(), patience.within)
            return True
        except Exception as error:  # the whole point: whatever it is, Faust must not see it
            reason = f"{type(error).__name__}: {error}"[:500]
            logger.warning("agent %s: attempt %d of %d failed: %s", name, attempt + 1, patience.tries, reason)
        if attempt + 1 < patience.tries:
            await asyncio.sleep(patience.pause * 2**attempt * random.uniform(0.5, 1.0))
    try:
        await _unbroken(bury(reason), patience.within)
    except Exception:  # a committed and forgotten event would be worse than a restart
        logger.critical(
            "agent %s: an event can be neither digested nor dead-lettered; leaving so that it is read again", name
        )
        leave(LEAVE_UNDELIVERABLE)
    return False


async def _unbroken(work: Coroutine[Any, Any, object], within: float) -> None:
    """Wait for `work` so long; when this task is cancelled meanwhile, the work ends first and the cancellation follows."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=within)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=within)
        if task.done() and not task.cancelled() and task.exception() is not None:
            logger.warning("a body failed while its agent was being cancelled: %r", task.exception())
        raise
    if not done:
        task.cancel()
        raise TimeoutError(f"not done within {within:g} s")
    task.result()
