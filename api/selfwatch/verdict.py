"""Which part stopped? From the stages of the newest canaries and from what the questions said. Pure, and a table.

Only roots are named: while the log is away nothing is said of who reads it, and a canary's way is judged only where everything that the
stage stands on has been well for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from api.selfwatch.canary import Canary, Flock, Stage
from api.selfwatch.health import (
    CONDUCT,
    COPIES,
    DETECT,
    LEDGER,
    LOG,
    MQTT,
    NOBODY,
    OUTBOX,
    RECORD,
    SERIES,
    Health,
    Healths,
)
from api.selfwatch.parts import Grade, Pace, Part, Trouble, Why


@dataclass(frozen=True, slots=True)
class Question:
    """What it means when a question goes badly for long enough."""

    name: str
    part: Part
    why: Why
    grade: Grade = Grade.STOPPED


@dataclass(frozen=True, slots=True)
class Leg:
    """A stage of a canary's way: it follows `after`, stands on `roots`, and when it is not reached `part` did not do its work.

    While the group `by` is busy and moving, the part is only behind.
    """

    stage: Stage
    after: Stage | None
    roots: tuple[str, ...]
    part: Part
    why: Why
    by: str = ""


QUESTIONS: Final = (
    Question(MQTT, Part.MQTT, Why.NO_ANSWER),
    Question(LOG, Part.LOG, Why.NO_ANSWER),
    Question(COPIES, Part.LOG, Why.COPIES, Grade.WEAKENED),
    Question(LEDGER, Part.LEDGER, Why.NO_ANSWER),
    Question(SERIES, Part.SERIES, Why.NO_ANSWER),
    Question(DETECT, Part.WORKER, Why.STANDS),
    Question(CONDUCT, Part.WORKER, Why.STANDS),
    Question(RECORD, Part.SERIES, Why.NOT_KEPT),
    Question(OUTBOX, Part.SENDER, Why.OVERDUE),
)
LEGS: Final = (
    Leg(Stage.TAKEN, None, (MQTT,), Part.MQTT, Why.NOT_TAKEN),
    Leg(Stage.LOGGED, Stage.TAKEN, (MQTT, LOG), Part.GATEWAY, Why.NOT_READ),
    Leg(Stage.SIGNALLED, Stage.LOGGED, (LOG,), Part.WORKER, Why.NOT_DETECTED, DETECT),
    Leg(Stage.RAISED, Stage.SIGNALLED, (LOG, LEDGER), Part.WORKER, Why.NOT_CONDUCTED, CONDUCT),
    Leg(Stage.SENT, Stage.RAISED, (LEDGER,), Part.SENDER, Why.NOT_SENT),
    Leg(Stage.KEPT, Stage.LOGGED, (LOG, SERIES, DETECT), Part.SERIES, Why.NOT_KEPT, RECORD),
)
_BEYOND_ODD: Final = frozenset({Stage.SIGNALLED, Stage.RAISED, Stage.SENT, Stage.KEPT})


def verdict(flock: Flock, healths: Healths, now: datetime, pace: Pace) -> tuple[Trouble, ...]:
    """Every part that stopped or is weakened, once each, upstream first."""
    patience = timedelta(seconds=pace.patience)
    found = [*_asked(flock, healths, now, pace, patience)]
    for shard in dict.fromkeys(canary.shard for canary in flock):
        mine = [canary for canary in flock if canary.shard == shard]
        found += [t for leg in LEGS if (t := _late(leg, mine, healths, now, patience))]
        found += _clock(mine)
    return _roots(found, pace)


def _asked(flock: Flock, healths: Healths, now: datetime, pace: Pace, patience: timedelta) -> Iterable[Trouble]:
    for question in QUESTIONS:
        health = healths.get(question.name, Health())
        if health.ill_since is None or not health.named(patience):
            continue
        why, grade = question.why, question.grade
        if why is Why.STANDS and health.said == NOBODY:
            why = Why.NOBODY
        if question.name == OUTBOX and _sent_lately(flock, now, pace):
            why, grade = Why.BEHIND, Grade.WEAKENED
        yield Trouble(question.part, why, health.ill_since, grade, health.said)


def _sent_lately(flock: Flock, now: datetime, pace: Pace) -> bool:
    sent = [canary.stages[Stage.SENT] for canary in flock if Stage.SENT in canary.stages]
    return bool(sent) and (now - max(sent)).total_seconds() <= pace.every + pace.patience


def _late(leg: Leg, mine: Sequence[Canary], healths: Healths, now: datetime, patience: timedelta) -> Trouble | None:
    """The trouble with a stage that the oldest canary still waits for, if it waits for too long.

    A canary that passed later ones by says nothing more: what is looked for is whether the newest get through.
    """
    if any(healths.get(root, Health()).ill_since is not None for root in leg.roots):
        return None
    passed = max((c.sent_at for c in mine if leg.stage in c.stages), default=None)
    waiting = [
        (c.sent_at if leg.after is None else c.stages[leg.after])
        for c in mine
        if leg.stage not in c.stages
        and (leg.after is None or leg.after in c.stages)
        and (passed is None or c.sent_at > passed)
        and not (c.odd and leg.stage in _BEYOND_ODD)
    ]
    if not waiting:
        return None
    # After an outage of what it stands on, a part has as long to settle as it then has to be late.
    settled = [well + patience for root in leg.roots if (well := healths.get(root, Health()).well_since)]
    since = min(waiting)
    if now - max([since, *settled]) <= patience:
        return None
    shard = f"shard {mine[0].shard}" if mine[0].shard else ""
    if leg.by and healths.get(leg.by, Health()).busy:
        why = Why.BEHIND if leg.part is Part.WORKER else leg.why
        return Trouble(leg.part, why, since, Grade.WEAKENED, shard)
    return Trouble(leg.part, leg.why, since, detail=shard)


def _clock(mine: Sequence[Canary]) -> list[Trouble]:
    """The gateway's clock found the newest canary to be of another time."""
    logged = [canary for canary in mine if Stage.LOGGED in canary.stages]
    if not logged or not logged[-1].odd:
        return []
    return [Trouble(Part.API, Why.CLOCK, logged[-1].stages[Stage.LOGGED], Grade.WEAKENED)]


def _roots(found: Sequence[Trouble], pace: Pace) -> tuple[Trouble, ...]:
    """One trouble per part, the worst and then the oldest, without those that another one explains."""
    worst: dict[Part, Trouble] = {}
    for trouble in sorted(found, key=lambda t: (t.grade is not Grade.STOPPED, t.since)):
        worst.setdefault(trouble.part, trouble)
    if Part.WORKER in worst:
        if Part.SERIES in worst and worst[Part.SERIES].why is Why.NOT_KEPT:
            del worst[Part.SERIES]
        if pace.sends_in_worker:
            worst.pop(Part.SENDER, None)
    return tuple(worst[part] for part in Part if part in worst)
