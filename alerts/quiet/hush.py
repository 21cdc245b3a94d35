"""Why a bell stays shut and until when, as a value that an alert can carry. Imports nothing of `alerts`, so that everything may name it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Quiet(StrEnum):
    """What keeps a bell shut. The same words stand in `alerts.outcome.Why`, for the timeline."""

    SILENCED = "silenced"  # somebody silenced it (屏蔽)
    MAINTENANCE = "maintenance"  # a recurring maintenance window (维护)
    INHIBITED = "inhibited"  # a worse alert at the same place or gateway says it all (抑制)
    FLAPPING = "flapping"  # it comes and goes all the time (抖动)
    GATHERING = (
        "gathering"  # it waits a moment for what belongs to it (合并等待): said by builds before groups had a ledger
    )


@dataclass(frozen=True, slots=True)
class Hush:
    """The bell stays shut for `reason` until `until`, when it is looked at again. `id` names the silence, the window, the worse alert
    or the flapping device. `warn_at` is when the timeline says that it ends soon; None when nobody chose its end.
    """

    reason: Quiet
    id: str
    until: datetime
    warn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The bell rings as a drill: marked as one, to the listed people only, until `until`, when what is still open is looked at again."""

    id: str
    name: str
    people: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What an alert remembers of its bell being kept shut, or rung as a drill: `why` is a `Quiet` or `drill`, `ring` what it would have
    been told as. `people` are those of a drill: nobody else is told anything about it.
    """

    why: str
    id: str
    until: datetime
    ring: str = ""
    people: tuple[str, ...] = ()


DRILL: Final = "drill"
