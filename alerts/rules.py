"""The rules of a case: how long an answer lasts, what an ending needs, within which time work may be returned.

A case carries the rules it was opened under, so that an edit of the file never changes it while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True, slots=True)
class Rules:
    """Seconds throughout; 0 means that there is no such rule.

    An acknowledgement that nothing follows is pointed out after `remind` and expires after `expire`. It can be undone within `undo`.
    Work can be returned within `return_within` of its dispatch. Where a sensor saw it, its readings must have been normal for
    `normal_for` before the case is verified. With `verify`, somebody other than who handled it must have looked before it closes.
    Whoever is alone at the scene is asked for a word after `ask_for_word`, and missed after `miss_word`. A case that is not handled is
    late after `late` and too late after `too_late`.
    """

    remind: float = 0.0
    expire: float = 0.0
    undo: float = 10.0
    return_within: float = 0.0
    normal_for: float = 0.0
    verify: bool = False
    ask_for_word: float = 0.0
    miss_word: float = 0.0
    late: float = 0.0
    too_late: float = 0.0


NONE: Final = Rules()


def seconds(number: float) -> timedelta:
    """A rule's time as a duration."""
    return timedelta(seconds=number)


_Seconds = Annotated[float, Field(strict=True, ge=0)]


class RulesTable(BaseModel):
    """The rules of a level in a policy file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    acknowledgement_reminds_s: _Seconds = 0.0
    acknowledgement_expires_s: _Seconds = 0.0
    undo_s: _Seconds = 10.0
    return_within_s: _Seconds = 0.0
    normal_for_s: _Seconds = 0.0
    verify: bool = False
    check_in_asks_s: _Seconds = 0.0
    check_in_missed_s: _Seconds = 0.0
    late_s: _Seconds = 0.0
    too_late_s: _Seconds = 0.0

    @model_validator(mode="after")
    def _reminds_before_it_expires(self) -> RulesTable:
        if self.acknowledgement_expires_s and self.acknowledgement_reminds_s >= self.acknowledgement_expires_s:
            raise ValueError("acknowledgement_reminds_s must be less than acknowledgement_expires_s; lower it")
        return self

    @model_validator(mode="after")
    def _in_two_steps(self) -> RulesTable:
        pairs = (
            ("check_in_asks_s", self.check_in_asks_s, "check_in_missed_s", self.check_in_missed_s),
            ("late_s", self.late_s, "too_late_s", self.too_late_s),
        )
        for first, early, second, later in pairs:
            if (early or later) and not 0 < early < later:
                raise ValueError(f"{first} and {second} belong together, and {first} must be less; correct one of them")
        return self

    def value(self) -> Rules:
        """The rules as a value."""
        return Rules(
            remind=self.acknowledgement_reminds_s,
            expire=self.acknowledgement_expires_s,
            undo=self.undo_s,
            return_within=self.return_within_s,
            normal_for=self.normal_for_s,
            verify=self.verify,
            ask_for_word=self.check_in_asks_s,
            miss_word=self.check_in_missed_s,
            late=self.late_s,
            too_late=self.too_late_s,
        )
