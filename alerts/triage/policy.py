"""The section `[triage]` of a policy file: questions per kind, with words in both languages, weights, and the levels that a sum makes.

The shipped questions are `triage.toml`, which is read with the module; a test holds that it can be.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.triage.questions import Answer, Question, Questions, TriagePolicy
from streams.signal import Level

QUESTIONS: Final = 12  # of one kind: somebody is on the telephone meanwhile
_Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_Words = Annotated[str, Field(min_length=1, max_length=120)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerTable(_Table):
    """One answer. `weight` is added when it is given."""

    id: _Key
    zh: _Words
    en: _Words
    weight: Annotated[int, Field(strict=True, ge=0, le=100)]

    def value(self) -> Answer:
        return Answer(self.id, self.weight, MappingProxyType({"zh": self.zh, "en": self.en}))


class QuestionTable(_Table):
    """One question with its answers, in the order in which they are offered."""

    id: _Key
    zh: _Words
    en: _Words
    answers: Annotated[tuple[AnswerTable, ...], Field(min_length=2, max_length=8)]

    @model_validator(mode="after")
    def _each_once(self) -> QuestionTable:
        idents = [answer.id for answer in self.answers]
        if len(set(idents)) != len(idents):
            raise ValueError(f"answers of {self.id} name one twice: {', '.join(idents)}; keep each of them once")
        return self

    def value(self) -> Question:
        words = MappingProxyType({"zh": self.zh, "en": self.en})
        return Question(self.id, words, tuple(answer.value() for answer in self.answers))


class QuestionsTable(_Table):
    """The questions of a kind. `makes` says from which sum on it is which level; a level that is left out is not made."""

    questions: Annotated[tuple[QuestionTable, ...], Field(min_length=1, max_length=QUESTIONS)]
    makes: dict[Level, Annotated[int, Field(strict=True, ge=1)]]

    @model_validator(mode="after")
    def _whole(self) -> QuestionsTable:
        idents = [question.id for question in self.questions]
        if len(set(idents)) != len(idents):
            raise ValueError(f"questions name one twice: {', '.join(idents)}; keep each of them once")
        sums = [least for _, least in sorted(self.makes.items(), key=lambda pair: pair[0].rank)]
        if sums != sorted(set(sums)):
            raise ValueError("makes: a worse level needs a greater sum; raise it")
        most = sum(max(answer.weight for answer in question.answers) for question in self.questions)
        out_of_reach = [f"{level.value} = {least}" for level, least in self.makes.items() if least > most]
        if out_of_reach:
            raise ValueError(f"makes: {out_of_reach[0]} is out of reach: all answers together weigh {most}; lower it")
        return self

    def value(self, kind: str) -> Questions:
        makes = tuple((least, level) for level, least in sorted(self.makes.items(), key=lambda pair: pair[1]))
        return Questions(kind, tuple(question.value() for question in self.questions), makes)


class TriageTable(_Table):
    """The section `[triage]`: a set per kind under `kinds`, and `kinds.general` for every kind that has none.

    A kind that it leaves out has the shipped questions.
    """

    kinds: dict[_Key, QuestionsTable] = {}

    def value(self) -> TriagePolicy:
        return TriagePolicy(MappingProxyType({**SHIPPED.sets, **self.own()}))

    def own(self) -> dict[str, Questions]:
        """The sets that the section has itself."""
        return {kind: table.value(kind) for kind, table in self.kinds.items()}


def _shipped() -> TriagePolicy:
    text = Path(__file__).with_name("triage.toml").read_text(encoding="utf-8")
    return TriagePolicy(MappingProxyType(TriageTable.model_validate(tomllib.loads(text)).own()))


SHIPPED: Final = _shipped()
