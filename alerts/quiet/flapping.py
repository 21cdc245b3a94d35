"""Flap detection (抖动): a device that comes and goes all the time says so once, and once when it has calmed down.

A ring of 21 states has 20 changes between them; a change weighs 0.8 when it is the oldest and 1.2 when it is the newest. The weighted
share of changes turns flapping on above 0.5 and off below 0.25 (after Nagios and Kapacitor). States are edges here, so time without
an edge counts as one unchanged state per `slot`: that is how a device calms down without saying anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

STATES: Final = 21
_CHANGES: Final = STATES - 1
_WEIGHTS: Final = tuple(
    0.8 + 0.4 * place / (_CHANGES - 1) for place in range(_CHANGES)
)  # oldest first; they add up to 20


class Turn(StrEnum):
    """What is said, once each."""

    STARTED = "flapping_started"
    STOPPED = "flapping_stopped"


@dataclass(frozen=True, slots=True)
class Limits:
    """When flapping begins and ends, and how long a state without an edge is."""

    high: float = 0.5
    low: float = 0.25
    slot: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Flap:
    """What is remembered of one subject under one rule. `states` is oldest first, of at most 21; `at` is when the last was entered."""

    states: tuple[bool, ...]
    at: datetime
    flapping: bool = False

    @property
    def score(self) -> float:
        """The weighted share of changes, 0 to 1. States that are not there yet count as unchanged."""
        changes = [one is not other for one, other in zip(self.states, self.states[1:], strict=False)]
        weights = _WEIGHTS[_CHANGES - len(changes) :]
        return sum(weight for weight, changed in zip(weights, changes, strict=True) if changed) / _CHANGES


def observe(flap: Flap | None, active: bool, at: datetime, limits: Limits) -> tuple[Flap, Turn | None]:
    """The flap after an edge at `at`, and what there is to say. A state that is said again is no edge; an earlier instant counts as now."""
    if flap is None:
        return Flap((not active, active), at), None
    calmer, turn = settle(flap, at, limits)
    if calmer.states[-1] is active:
        return calmer, turn
    entered = replace(calmer, states=_ring(calmer.states, active), at=max(at, flap.at))
    after, said = _judged(entered, limits)
    # It calmed down and began again with the same edge: nobody was told that it had calmed down, so nothing has happened.
    return (after, None) if turn and said else (after, said or turn)


def settle(flap: Flap, now: datetime, limits: Limits) -> tuple[Flap, Turn | None]:
    """The flap with the time up to `now` counted as unchanged states, and whether that ended it."""
    slots = max((now - flap.at) // limits.slot, 0)
    if not slots:
        return flap, None
    kept = flap.states[-1]
    states = flap.states
    for _ in range(min(slots, STATES)):
        states = _ring(states, kept)
    return _judged(replace(flap, states=states, at=flap.at + slots * limits.slot), limits)


def calm_at(flap: Flap, limits: Limits) -> datetime:
    """When it will have calmed down, if nothing happens until then."""
    calmer = flap
    while calmer.flapping:
        calmer, _ = settle(calmer, calmer.at + limits.slot, limits)
    return calmer.at


def flap_key(subject: str, rule: str) -> str:
    """What a flap is remembered under."""
    return f"{subject}|{rule}"


def _ring(states: tuple[bool, ...], state: bool) -> tuple[bool, ...]:
    return (*states, state)[-STATES:]


def _judged(flap: Flap, limits: Limits) -> tuple[Flap, Turn | None]:
    if not flap.flapping and flap.score > limits.high:
        return replace(flap, flapping=True), Turn.STARTED
    if flap.flapping and flap.score < limits.low:
        return replace(flap, flapping=False), Turn.STOPPED
    return flap, None
