"""What the watch has found, as the page, the figures and the health question read it: in memory, so that it is there without the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from api.selfwatch.canary import Flock, Stage, last_whole
from api.selfwatch.parts import Grade, Part, Trouble, Why

_WEIGHT: Final = {Grade.WEAKENED: 1, Grade.STOPPED: 2}


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands now. `told` says when people last heard of a part from this process."""

    watching: bool = False
    looked_at: datetime | None = None
    troubles: tuple[Trouble, ...] = ()
    flock: Flock = ()
    told: Mapping[Part, datetime] | None = None


class Board:
    """One reader's and one writer's view of `Findings`: replaced as a whole, so it may be read from any thread."""

    def __init__(self, *, stale_after: float = 60.0) -> None:
        self._stale_after = timedelta(seconds=stale_after)
        self._findings = Findings()

    def put(self, findings: Findings) -> None:
        """What was found last."""
        self._findings = findings

    def now(self, at: datetime) -> Findings:
        """What stands at an instant: a watch that has not looked for long is a trouble itself."""
        found = self._findings
        if not found.watching or found.looked_at is None or at - found.looked_at <= self._stale_after:
            return found
        own = Trouble(Part.API, Why.NOT_LOOKING, found.looked_at)
        return replace(found, troubles=(*(t for t in found.troubles if t.part is not Part.API), own))


def row(found: Findings, at: datetime) -> dict[str, Any]:
    """The findings as JSON says them."""
    told = found.told or {}
    whole = last_whole(found.flock)
    return {
        "at": at,
        "watching": found.watching,
        "well": not found.troubles,
        "looked_at": found.looked_at,
        "troubles": [
            {
                "part": t.part,
                "why": t.why,
                "grade": t.grade,
                "since": t.since,
                "detail": t.detail,
                "told_at": told.get(t.part),
            }
            for t in found.troubles
        ],
        "canary": None
        if whole is None
        else {
            "sent_at": whole.sent_at,
            "age_s": round((at - whole.sent_at).total_seconds(), 3),
            "stages_s": {s.value: round((whole.stages[s] - whole.sent_at).total_seconds(), 3) for s in Stage},
        },
    }


def figures(found: Findings, at: datetime) -> Iterator[tuple[str, str, str, Mapping[str, float]]]:
    """Name, meaning, label and values of each gauge; nothing where nobody watches."""
    if not found.watching:
        return
    standing = {t.part: _WEIGHT[t.grade] for t in found.troubles}
    parts = {part.value: float(standing.get(part, 0)) for part in Part}
    yield "selfwatch_trouble", "2: the part stopped, 1: it is weakened, 0: it is well", "part", parts
    whole = last_whole(found.flock)
    if whole is not None:
        age = (at - whole.sent_at).total_seconds()
        yield "selfwatch_canary_age_seconds", "Since the last canary that came the whole way was sent", "", {"": age}
        stages = {s.value: (whole.stages[s] - whole.sent_at).total_seconds() for s in Stage}
        yield "selfwatch_stage_seconds", "How long that canary took to each stage", "stage", stages
