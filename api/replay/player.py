"""Plays a recording over real MQTT at a clock's pace. Touches the broker and the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from api.county.publisher import Publisher
from api.replay.reading import TOPIC, Recording
from ingest.clock import Clock

NAP: Final = 0.5  # seconds of real time after which a stop is noticed


@dataclass(frozen=True, slots=True)
class Played:
    """How much was published: rows of the table, and messages on the wire."""

    moments: int
    published: int


def play(
    recording: Recording,
    publisher: Publisher,
    clock: Clock,
    stop: threading.Event,
    *,
    when: Callable[[datetime], datetime] = lambda at: at,
) -> Played:
    """Publish every moment, in the table's order, once the clock has come to it. `when` says when a recorded instant is for the clock."""
    moments = published = 0
    for moment in recording.moments():
        due = when(moment.at)
        while not stop.is_set() and clock.now() < due:
            stop.wait(clock.wait(due, NAP))
        if stop.is_set():
            break
        for payload in moment.payloads(due):
            publisher.publish(TOPIC, payload)
            published += 1
        moments += 1
    return Played(moments, published)


def beginning_at(first: datetime, start: datetime, speed: float) -> Callable[[datetime], datetime]:
    """A `when` that lets a recording which began at `first` begin at `start`, `speed` of its seconds in one."""
    return lambda at: start + timedelta(seconds=(at - first).total_seconds() / speed)
