"""When an observation happened, and by whose clock (laws 10 and 12). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingest.dialects.observation import Message, Observation, TimeFrom
from ingest.events import Mark

AHEAD: Final = timedelta(seconds=60)  # by which a clock may run ahead of ours before it is not believed
_WORDS: Final = {
    Mark.TEST: "test",
    Mark.DRILL: "drill",
    Mark.SIMULATED: "simulated",
    Mark.HISTORICAL: "historical",
    Mark.RETAINED: "retained",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """An observation with its instant. `marks` and `warnings` hold what the decoder said and what the clocks showed."""

    observation: Observation
    observed_at: datetime
    time_from: TimeFrom
    marks: Mark
    warnings: tuple[str, ...]


def settle(observation: Observation, message: Message, ahead: timedelta = AHEAD) -> Settled:
    """The device's own clock, unless it says nothing or runs ahead; then the platform's between; then ours.

    A clock that runs behind is believed: old truth corrects the record, and whether it may still ring is decided by its age.
    """
    latest = message.received_at + ahead
    marks = observation.marks | (Mark.RETAINED if message.retained else Mark.NONE)
    warnings = list(observation.warnings)
    claims = ((TimeFrom.DEVICE, observation.device_at), (TimeFrom.SERVER, observation.server_at))
    at, whose = message.received_at, TimeFrom.RECEIVED
    for name, claim in claims:
        if claim is not None and claim <= latest:
            at, whose = claim, name
            break
        if claim is not None:
            warnings.append("clock_skew")
            marks |= Mark.CLOCK_SKEW
    if whose is TimeFrom.RECEIVED and "zero_time" in warnings:
        marks |= Mark.ZERO_TIME
    warnings += [word for mark, word in _WORDS.items() if mark & marks]
    return Settled(observation, at, whose, marks, tuple(dict.fromkeys(warnings)))
