"""Whom one could send, what to ask, who is at a scene and how long a case has waited, as they are seen over HTTP. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from typing_extensions import TypedDict

from alerts.alert import Alert
from alerts.dispatch.on_scene import silence
from alerts.dispatch.recommendation import Because, Recommendation, Suggested
from alerts.elapsed import Begins, waited
from alerts.triage.questions import Questions
from ingest.registry import Registry


class BandRow(TypedDict):
    """A band (`green`, `warn`, `critical`) and the instant from which it holds, until the next one does."""

    band: str
    at: datetime


class SceneRow(TypedDict):
    """Who is at the scene: an id on the roster, or the name of whoever said so.

    `bands` are of the silence; none where no word is waited for. `missed` while the level above was told that no word had come.
    """

    person: str
    by: str
    arrived_at: datetime
    heard_at: datetime
    company: bool
    missed: bool
    bands: list[BandRow]


class BecauseRow(TypedDict):
    """One ground with what it measures; null and empty is what it does not."""

    ground: str
    metres: int | None
    seconds: int | None
    count: int | None
    name: str


class SuggestedRow(TypedDict):
    """Somebody on duty for a grid. `metres` from the case as far as that is known, `cases` in hand."""

    id: str
    name: str
    role: str
    grid: str
    grid_name: str
    metres: int | None
    cases: int
    because: list[BecauseRow]


class RecommendationRow(TypedDict):
    """`people` best first, `aside` with the ground for it first; `shortfall` says why there is nobody, where there is nobody."""

    people: list[SuggestedRow]
    aside: list[SuggestedRow]
    shortfall: list[BecauseRow]


class AnswerRow(TypedDict):
    """One answer, in words by language."""

    id: str
    words: dict[str, str]
    weight: int


class QuestionRow(TypedDict):
    """One question, in words by language."""

    id: str
    words: dict[str, str]
    answers: list[AnswerRow]


class MakesRow(TypedDict):
    """From which sum on it is which level."""

    level: str
    score: int


class GivenRow(TypedDict):
    """What was answered last."""

    by: str
    at: datetime
    answers: dict[str, str]
    score: int


class QuestionsRow(TypedDict):
    """What to ask about a case. `kind` is `general` where its own kind has no questions; `given` is what was answered last."""

    kind: str
    questions: list[QuestionRow]
    makes: list[MakesRow]
    given: GivenRow | None


def band_rows(some: Iterable[Begins]) -> list[BandRow]:
    """Bands, the earliest first."""
    return [BandRow(band=one.band.value, at=one.at) for one in some]


def elapsed_rows(alert: Alert) -> list[BandRow]:
    """The bands of a case that waits to be handled; none once it is."""
    return band_rows(waited(alert))


def scene_row(alert: Alert) -> SceneRow | None:
    """Who is at the scene of a case."""
    scene = alert.work.scene
    if scene is None:
        return None
    return SceneRow(
        person=scene.person,
        by=scene.by,
        arrived_at=scene.arrived_at,
        heard_at=scene.heard_at,
        company=scene.company,
        missed=scene.missed,
        bands=band_rows(silence(alert)),
    )


def recommendation_row(found: Recommendation, registry: Registry) -> RecommendationRow:
    """A recommendation; telephone numbers are not part of it."""
    return RecommendationRow(
        people=[_suggested(one, registry) for one in found.people],
        aside=[_suggested(one, registry) for one in found.aside],
        shortfall=[_because(one) for one in found.shortfall],
    )


def questions_row(alert: Alert, asked: Questions) -> QuestionsRow:
    """The questions of a case."""
    given = alert.work.triage
    questions = [
        QuestionRow(
            id=one.id,
            words=dict(one.words),
            answers=[AnswerRow(id=a.id, words=dict(a.words), weight=a.weight) for a in one.answers],
        )
        for one in asked.asked
    ]
    return QuestionsRow(
        kind=asked.kind,
        questions=questions,
        makes=[MakesRow(level=level.value, score=score) for score, level in asked.makes],
        given=GivenRow(by=given.by, at=given.at, answers=dict(given.answers), score=given.score) if given else None,
    )


def _suggested(one: Suggested, registry: Registry) -> SuggestedRow:
    grid = registry.grids.get(one.grid)
    return SuggestedRow(
        id=one.person.id,
        name=one.person.name,
        role=one.person.role,
        grid=one.grid,
        grid_name=grid.name if grid else "",
        metres=_whole(one.metres),
        cases=one.cases,
        because=[_because(why) for why in one.because],
    )


def _because(why: Because) -> BecauseRow:
    return BecauseRow(
        ground=why.ground.value,
        metres=_whole(why.metres),
        seconds=_whole(why.seconds),
        count=why.count,
        name=why.name,
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
