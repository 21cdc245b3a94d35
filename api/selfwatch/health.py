"""What direct questions said over time: when a part went away, and when it may be believed to be back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question brought. `busy`: it got on since the last look and has more to do."""

    well: bool
    said: str = ""
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """One question over time. A part that comes and goes is ill until it has stayed well for a while."""

    ill_since: datetime | None = None
    ill_until: datetime | None = None  # when it last was
    well_since: datetime | None = None  # unbroken
    said: str = ""
    busy: bool = False

    def after(self, answer: Answer, now: datetime, settle: timedelta) -> Health:
        """The health after one more answer."""
        if not answer.well:
            return Health(self.ill_since or now, now, None, answer.said, busy=False)
        well_since = self.well_since or now
        if self.ill_since is None or now - well_since >= settle:
            return Health(None, None, well_since, answer.said, answer.busy)
        return Health(self.ill_since, self.ill_until, well_since, self.said, answer.busy)

    def named(self, patience: timedelta) -> bool:
        """Whether it has been ill for long enough to be spoken of."""
        return self.ill_since is not None and self.ill_until is not None and self.ill_until - self.ill_since >= patience


Healths = Mapping[str, Health]

# The questions, and which others must be well before one means anything: first what others depend on.
MQTT, LOG, COPIES, LEDGER, SERIES = "mqtt", "log", "copies", "ledger", "series"
DETECT, CONDUCT, RECORD, OUTBOX = "detect", "conduct", "record", "outbox"
ROOTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    MQTT: (),
    LOG: (),
    COPIES: (LOG,),
    LEDGER: (),
    SERIES: (),
    DETECT: (LOG,),
    CONDUCT: (LOG, LEDGER, DETECT),
    RECORD: (LOG, SERIES, DETECT),
    OUTBOX: (LEDGER,),
})  # fmt: skip


def looked(
    healths: Healths, answers: Mapping[str, Answer], now: datetime, settle: timedelta, *, sends_in_worker: bool = True
) -> Healths:
    """Every health after one round of questions. While what it depends on is ill, a question starts anew; unanswered ones stay."""
    found: dict[str, Health] = {}
    for name, roots in ROOTS.items():
        before = healths.get(name, Health())
        needed = (*roots, DETECT) if name == OUTBOX and sends_in_worker else roots
        if any(found[root].ill_since is not None for root in needed):
            found[name] = Health()
        elif name in answers:
            found[name] = before.after(answers[name], now, settle)
        else:
            found[name] = before
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True)
class Position:
    """How far a group has come in one partition: the next offset to be done (the first one there before any commit), and the end."""

    done: int
    end: int


Positions = Mapping[str, Position]  # by topic/partition


NOBODY: Final = "nobody reads"


def progress(before: Positions, now: Positions, members: int | None) -> Answer:
    """How a group of readers does, from two looks at its positions. `members` is None where the log cannot tell."""
    if members == 0:
        return Answer(well=False, said=NOBODY)
    moves = False
    for name, at in now.items():
        earlier = before.get(name)
        if earlier is None or at.end <= at.done:
            continue
        if earlier.done == at.done < earlier.end:  # there was something to read already then
            return Answer(well=False, said=f"{name}: {at.end - at.done} to read")
        moves |= earlier.done < at.done
    return Answer(well=True, busy=moves)
