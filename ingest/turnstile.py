"""Who gets through a door, and the word about whoever does not: one line in the log of the process, one alarm in the log of the city.

Touches the clock and the log. A source that was put out becomes a `Lapse` (`noisy_source`) at once, and its end when the episode is over:
by the process that told it, or by the next one where that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from ingest.clock import Clock
from ingest.events import IDENT_LENGTH, Lapse, Loss
from ingest.journal import Standing
from ingest.log import LogWriter, record_of
from ingest.quarantine import Episode, Limits, Quarantine

logger = logging.getLogger(__name__)
_LOOK_EVERY: Final = 5.0  # seconds between two looks at whether an episode is over
_LAST_WORDS: Final = 2.0  # seconds for which an ending door waits for the log


class Turnstile:
    """One per door; `door` is the first half of the name under which operators see a source (`{door}:{address}`).

    `run` says what is to be said; whoever is let through is not kept waiting by it, nor by a log that is away.
    """

    def __init__(
        self, door: str, rate: float, writer: LogWriter, *, partitions: int, clock: Clock, standing: Standing | None = None,
    ) -> None:  # fmt: skip
        self._door, self._writer, self._partitions, self._clock = door, writer, partitions, clock
        self._standing = standing
        self._quarantine = Quarantine(Limits(rate=rate, burst=max(int(rate * 10), 1)))
        self._news = asyncio.Event()

    def connects(self, peer: str) -> bool:
        """A source connects; whether it may."""
        return self._told(self._quarantine.connects(peer, self._clock.now()))

    def says(self, peer: str) -> bool:
        """A source says something; whether it is heard."""
        return self._told(self._quarantine.says(peer, self._clock.now()))

    async def run(self) -> None:
        """Until cancelled: alarms and their ends go to the log. What stood is ended then, for nobody remembers it."""
        await self._adopt()
        try:
            while True:
                await self._say(self._quarantine.episodes(self._clock.now()))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY):  # `wait_for` may swallow a cancellation (Python 3.11)
                        await self._news.wait()
                self._news.clear()
        finally:
            with contextlib.suppress(OSError, RuntimeError):
                async with asyncio.timeout(_LAST_WORDS):
                    await self._say(self._quarantine.forget())

    async def _adopt(self) -> None:
        """Takes over what was left standing. A log that is away is waited for: nothing could be said to it before."""
        while self._standing is not None:
            try:
                self._quarantine.adopt(await self._standing.read())
                return
            except OSError as error:
                logger.warning("what the %s door kept out before is not known yet: %r", self._door, error)
                await asyncio.sleep(_LOOK_EVERY)

    def _told(self, passes: bool) -> bool:
        if self._quarantine.fresh:
            for peer, why in self._quarantine.told():
                logger.error("the %s door keeps %s out for five minutes: %s", self._door, peer, why)
            self._news.set()
        return passes

    async def _say(self, episodes: list[Episode]) -> None:
        kept = [self._standing.record(e) for e in episodes] if self._standing else []
        if episodes:
            await self._writer.write([*kept, *(record_of(self._lapse(e), self._partitions) for e in episodes)])

    def _lapse(self, episode: Episode) -> Lapse:
        source = f"{self._door}:{''.join(filter(str.isprintable, episode.source))}"[:IDENT_LENGTH]
        return Lapse(source, Loss.NOISE, episode.since, self._clock.now(), episode.over, why=episode.why)
