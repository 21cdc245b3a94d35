"""When an observation happened, and by whose clock (laws 10 and 12). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingest.dialects.making import maker
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
    received, marks, warnings = message.received_at, observation.marks, observation.warnings
    claim, whose = observation.device_at, TimeFrom.DEVICE
    if claim is None or claim - received > ahead:
        claim, whose, marks, warnings = _another(observation, received + ahead, marks, warnings)
    if message.retained:
        marks |= Mark.RETAINED
    if marks is not _NONE:  # flags are slow to take apart, and most observations have none
        warnings += tuple(word for mark, word in _WORDS.items() if mark & marks)
    if len(warnings) > 1:
        warnings = tuple(dict.fromkeys(warnings))
    return _settled(observation, received if claim is None else claim, whose, marks, warnings)


def _another(
    observation: Observation, latest: datetime, marks: Mark, warnings: tuple[str, ...]
) -> tuple[datetime | None, TimeFrom, Mark, tuple[str, ...]]:
    """The platform's clock or ours where the device's is none, or is not believed."""
    between = observation.server_at
    ahead = sum(claim is not None and claim > latest for claim in (observation.device_at, between))
    if ahead:
        marks, warnings = marks | Mark.CLOCK_SKEW, (*warnings, "clock_skew")
    if between is not None and between <= latest:
        return between, TimeFrom.SERVER, marks, warnings
    if "zero_time" in warnings:
        marks |= Mark.ZERO_TIME
    return None, TimeFrom.RECEIVED, marks, warnings


_NONE: Final = Mark.NONE
_settled: Final = maker(Settled)
