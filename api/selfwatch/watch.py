"""The loop of the watch: sends canaries, asks every part, and puts what it found on the board and before people.

Beside the API's other work in one process; the board is in memory, so that the desk shows what stopped when the ledger is away as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from alerts import canary as canaries
from alerts.channels.contract import Channel
from alerts.ledger.port import Ledger
from api.selfwatch.board import Board, Findings
from api.selfwatch.canary import Canary, Flock, Stage, in_alerts, joined, moved
from api.selfwatch.health import LEDGER, LOG, MQTT, OUTBOX, SERIES, Answer, Healths, looked
from api.selfwatch.logbook import AWAY, Logbook
from api.selfwatch.parts import Pace, Trouble
from api.selfwatch.questions import Asking, of_ledger, of_series, publish
from api.selfwatch.settings import SelfwatchSettings
from api.selfwatch.telling import Teller
from api.selfwatch.verdict import verdict
from ingest.clock import Clock
from ingest.events import Mark
from ingest.settings import LogSettings, MqttSettings
from streams.series.port import Series

log = logging.getLogger(__name__)
FOLLOW: Final = 3.0  # seconds a fresh canary is followed closely; after that every round looks for it
JUMP: Final = 5.0  # seconds by which the wall clock may leave the steady one between two looks
_LOOK: Final = 0.2
Answers = dict[str, Answer]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the watch looks at and tells with. `channels` by name, in the order in which they are tried."""

    mqtt: MqttSettings
    log: LogSettings
    ledger: Ledger
    series: Series
    channels: Mapping[str, Channel]
    clock: Clock
    language: str = "zh"
    sends_in_worker: bool = True


class Watch:
    """One API's watch. It runs until told to stop; nothing that happens to a part ends it."""

    def __init__(self, settings: SelfwatchSettings, around: Surroundings, name: str, board: Board) -> None:
        self._settings, self._around, self._name, self._board = settings, around, name, board
        self._patience = timedelta(seconds=settings.patience)
        self._asking, self._logbook = Asking(), Logbook(around.log)
        self._flock: Flock = ()
        self._healths: Healths = {}
        self._turn = 0
        self._time: tuple[datetime, float] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._teller = Teller(
            settings.people, around.channels, around.ledger, around.clock, self._asking,
            by=f"{name}/{os.getpid()}", repeat=timedelta(seconds=settings.repeat), language=around.language,
        )  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Ask every `probe` seconds and send every `every` seconds, until `stop`."""
        loop = asyncio.get_running_loop()
        started = send_at = loop.time()
        self._show(())
        try:
            while not stop.is_set():
                begun = loop.time()
                try:
                    if begun >= send_at:
                        send_at = begun + self._settings.every
                        await self._send()
                    await self._look(tell=begun - started >= self._settings.grace)
                except Exception:  # the watch outlives whatever it meets; a board that grows old says so itself
                    log.exception("a round of the watch failed; it goes on with the next")
                pause = max(min(begun + self._settings.probe, send_at) - loop.time(), 0.05)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
        finally:
            if self._telling is not None:
                self._telling.cancel()
            self._logbook.close()

    async def _send(self) -> None:
        """One canary for each shard, followed for a moment: most have come the whole way by then."""
        self._keep_time()
        now = self._around.clock.now()
        if not self._waiting(Stage.LOGGED, Stage.SIGNALLED):
            await self._logbook.rewind()
        # Milliseconds and three digits of our name: a number that no other API's canary has, and that a float holds exactly.
        number = int(now.timestamp() * 1000) * 1000 + zlib.crc32(self._name.encode()) % 900
        fresh = [
            Canary(number + i, "-".join(filter(None, ("canary", self._name, shard, str(self._turn or "")))), now, shard)
            for i, shard in enumerate(self._settings.shards or ("",))
        ]
        self._flock = joined(self._flock, fresh)
        _, taken = await self._ask(MQTT, lambda: publish(self._around.mqtt, self._client_id, fresh))
        if taken:
            self._see([(canary.number, Stage.TAKEN, Mark.NONE) for canary in fresh])
            await self._follow([canary.number for canary in fresh])
        await self._ask("forgetting", lambda: self._around.ledger.forget_canaries(now - canaries.KEPT))

    def _keep_time(self) -> None:
        """Begin anew when the wall clock jumped: what was seen before has no meaning in seconds any more.

        The canaries go by another name from then on, for a detector takes a device's row from before its last one for an old one.
        """
        wall, steady = self._around.clock.now(), time.monotonic()
        before, self._time = self._time, (wall, steady)
        jump = (wall - before[0]).total_seconds() - (steady - before[1]) if before is not None else 0.0
        if abs(jump) > JUMP:
            log.warning("the clock jumped by %.0f s; the watch begins anew", jump)
            self._flock, self._healths, self._turn = (), {}, self._turn + 1

    async def _follow(self, numbers: Sequence[int]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + FOLLOW
        while loop.time() < until and not all(c.whole for c in self._flock if c.number in numbers):
            self._see(await self._logbook.seen())
            await asyncio.gather(self._of_ledger(), self._of_series())
            await asyncio.sleep(_LOOK)

    async def _look(self, *, tell: bool) -> None:
        self._keep_time()
        if self._waiting(Stage.LOGGED, Stage.SIGNALLED):
            self._see(await self._logbook.seen())
        rounds = await asyncio.gather(self._of_mqtt(), self._of_log(), self._of_ledger(), self._of_series())
        now, alone = self._around.clock.now(), self._around.sends_in_worker
        answers = {name: answer for some in rounds for name, answer in some.items()}
        self._healths = looked(self._healths, answers, now, self._patience, sends_in_worker=alone)
        pace = Pace(self._settings.every, self._settings.patience, alone)
        troubles = verdict(self._flock, self._healths, now, pace) if tell else ()
        self._show(troubles)
        if (
            self._telling is None or self._telling.done()
        ):  # a provider that is slow to answer must not keep us from looking
            self._telling = asyncio.create_task(self._tell(troubles))

    async def _tell(self, troubles: Sequence[Trouble]) -> None:
        try:
            await self._teller.tell(troubles)
        except Exception:  # what could not be told is told in the next round
            log.exception("people could not be told of %s", [trouble.part.value for trouble in troubles])

    def _show(self, troubles: tuple[Trouble, ...]) -> None:
        self._board.put(Findings(True, self._around.clock.now(), troubles, self._flock, self._teller.told_at()))

    @property
    def _client_id(self) -> str:
        return f"tocsin-selfwatch-{self._name}"

    def _waiting(self, *stages: Stage) -> list[Canary]:
        return [canary for canary in self._flock if any(stage not in canary.stages for stage in stages)]

    def _see(self, seen: Sequence[tuple[int, Stage, Mark]]) -> None:
        self._flock = moved(self._flock, seen, self._around.clock.now())

    async def _ask(self, name: str, question: Callable[[], T]) -> tuple[Answer, T | None]:
        """Whether a part answers, and what it says."""
        try:
            return Answer(well=True), await self._asking.ask(name, question)
        except Exception as error:  # whatever is wrong with a part is what we want to know
            return Answer(well=False, said=(str(error) or type(error).__name__)[:200]), None

    async def _of_mqtt(self) -> Answers:
        answer, _ = await self._ask(MQTT, lambda: publish(self._around.mqtt, self._client_id, []))
        return {MQTT: answer}

    async def _of_log(self) -> Answers:
        try:
            return {LOG: Answer(well=True), **await self._logbook.answers()}
        except AWAY as error:
            self._logbook.close()
            return {LOG: Answer(well=False, said=repr(error)[:200])}

    async def _of_ledger(self) -> Answers:
        devices = list(dict.fromkeys(canary.device for canary in self._flock))
        now = self._around.clock.now()
        answer, found = await self._ask(LEDGER, lambda: of_ledger(self._around.ledger, devices, now, self._patience))
        if found is None:
            return {LEDGER: answer}
        self._see([(number, stage, Mark.NONE) for number, stage in in_alerts(found[0])])
        return {LEDGER: answer, OUTBOX: found[1]}

    async def _of_series(self) -> Answers:
        waiting = [c for c in self._flock if Stage.LOGGED in c.stages and Stage.KEPT not in c.stages]
        ends = list({c.number: c for c in (*waiting[:1], *waiting[-1:])}.values())
        now = self._around.clock.now()
        answer, kept = await self._ask(SERIES, lambda: of_series(self._around.series, ends, now))
        self._see([(number, Stage.KEPT, Mark.NONE) for number in kept or ()])
        return {SERIES: answer}
