"""Tells the story of the county over real MQTT, at the pace of a clock. Touches the network and the clock."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from api.county.county import County
from api.county.publisher import Publisher
from api.county.story import Fire, Message, fire_of, story
from ingest.clock import Clock
from ingest.settings import MqttSettings

NAP: Final = 0.5  # seconds of real time after which a stop is noticed


def tell(messages: Iterable[Message], publisher: Publisher, clock: Clock, stop: threading.Event) -> None:
    """Publish messages at their offsets from now on, until they or `stop` come to an end."""
    start = clock.now()
    for message in messages:
        due = start + timedelta(seconds=message.offset)
        while not stop.is_set() and clock.now() < due:
            stop.wait(clock.wait(due, NAP))
        if stop.is_set():
            return
        publisher.publish(message.topic, message.payload(start))


class Simulator:
    """`with Simulator(county, seed, mqtt) as simulator:` tells in a thread of its own until `stop()`.

    `published` counts messages handed over and `acknowledged` those that the broker has confirmed.
    """

    def __init__(
        self,
        county: County,
        seed: int,
        mqtt: MqttSettings,
        *,
        clock: Clock | None = None,
        fire: Fire | None = None,
        calm: bool = False,
        stalls_at: float | None = None,
    ) -> None:
        """Without a `fire` of its own the county has the one of its seed, or none when it is `calm`. `stalls_at`: see `story`."""
        self.fire = None if calm else fire or fire_of(county, seed)
        self._story = story(county, seed, fire=self.fire, stalls_at=stalls_at)
        self._clock = clock or Clock()
        self._publisher = Publisher(mqtt, f"tocsin-county-{county.seed}-{seed}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> Self:
        self._publisher.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def published(self) -> int:
        return self._publisher.published

    @property
    def acknowledged(self) -> int:
        return self._publisher.acknowledged

    def stop(self, timeout: float = 10.0) -> int:
        """Tell no more and wait for the broker's acknowledgements. Returns how many messages were published."""
        if not self._stop.is_set():
            self._stop.set()
            self._publisher.interrupt()
            self._thread.join(timeout)
            self._publisher.flush(timeout)
            self._publisher.close()
        return self._publisher.published

    def _run(self) -> None:
        tell(self._story, self._publisher, self._clock, self._stop)
