"""What a person says about how bad it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from alerts.moves import Move
from alerts.policy import Policy
from alerts.triage.questions import NONE, Questions


@dataclass(frozen=True, slots=True)
class Triage:
    """Answers to the questions of the case's kind (研判问询), by the ids of the questions.

    `policy` and `questions` are put in by the conductor.
    """

    move: ClassVar[Move] = Move.TRIAGE
    by: str
    answers: Mapping[str, str]
    note: str = ""
    policy: Policy | None = None
    questions: Questions = NONE
