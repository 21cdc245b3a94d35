"""Questions that say how bad it is: a few per kind, each answer with a weight, and levels that a sum of weights makes. Pure.

They are asked at the desk or read to whoever calls. What is not answered weighs nothing. A sum can make a case worse and never less bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from streams.signal import Level

GENERAL: Final = "general"  # asked for kinds that have no questions of their own


class TriageError(ValueError):
    """Answers that fit no question. Nothing was changed. The message says which and what there is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible answer: its weight, and its words by language."""

    id: str
    weight: int
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """One question, in words that can be read to a caller."""

    id: str
    words: Mapping[str, str]
    answers: tuple[Answer, ...]

    def weight(self, answer: str) -> int:
        """The weight of an answer. Raises `TriageError`."""
        for known in self.answers:
            if known.id == answer:
                return known.weight
        choices = ", ".join(known.id for known in self.answers)
        raise TriageError(f"{answer!r} is no answer to {self.id}; the answers are: {choices}")


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of a kind, and from which sum on it is which level, the least first."""

    kind: str
    asked: tuple[Question, ...] = ()
    makes: tuple[tuple[int, Level], ...] = ()

    def score(self, answers: Mapping[str, str]) -> int:
        """The sum of the weights. Raises `TriageError` for a question or an answer that there is not, and for no answer at all."""
        known = {question.id: question for question in self.asked}
        unknown = [ident for ident in answers if ident not in known]
        if unknown:
            there = ", ".join(known) or "none: list them under [triage] of the policy file"
            raise TriageError(f"no question is called {unknown[0]!r}; there are: {there}")
        if not answers:
            raise TriageError("nothing was answered; answer at least one question")
        return sum(known[ident].weight(answer) for ident, answer in answers.items())

    def said(self, answers: Mapping[str, str]) -> dict[str, list[str]]:
        """Questions and answers in words by language, in the order of the questions: the file may say it differently one day."""
        pairs = [(q, next(a for a in q.answers if a.id == answers[q.id])) for q in self.asked if q.id in answers]
        return {language: [f"{q.words[language]} {a.words[language]}" for q, a in pairs] for language in ("zh", "en")}

    def level(self, score: int) -> Level | None:
        """The level that a sum makes; None when it makes none."""
        return next((level for least, level in reversed(self.makes) if score >= least), None)


NONE: Final = Questions("")


@dataclass(frozen=True, slots=True)
class TriagePolicy:
    """Every set of questions of a policy file."""

    sets: Mapping[str, Questions] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, kind: str) -> Questions:
        """The questions of a kind, else the general ones; `NONE` when the file has neither."""
        return self.sets.get(kind) or self.sets.get(GENERAL) or NONE


@dataclass(frozen=True, slots=True)
class Triaged:
    """What was answered last, as pairs of question and answer, and the sum of its weights."""

    by: str
    at: datetime
    answers: tuple[tuple[str, str], ...]
    score: int
