"""Answers to the questions of a kind, and what they make of a case (研判). Only `alerts.lifecycle` asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from alerts.alert import Alert, Entry
from alerts.grading import rise
from alerts.outcome import NotAllowed, Outcome, Why
from alerts.spoken import line
from alerts.transitions import after
from alerts.triage.commands import Triage
from alerts.triage.questions import Triaged, TriageError


def triage(alert: Alert, command: Triage, now: datetime) -> Outcome:
    """The answers go on the timeline. Where they make it worse than it was thought, it rings like anything that got worse (law 7).

    They never make it less bad: that takes a person, a reason and another's approval (`grade`). The same answers again change nothing.
    Raises `NotAllowed` for answers that fit no question.
    """
    after(alert.id, alert.handling, command.move)
    answers = tuple(sorted(command.answers.items()))
    try:
        score = command.questions.score(command.answers)
    except TriageError as error:
        raise NotAllowed(f"{alert.id}: {error}", handling=alert.handling, move=command.move) from error
    if alert.work.triage is not None and alert.work.triage.answers == answers:
        return Outcome(alert)
    found = command.questions.level(score)
    told = replace(alert, work=replace(alert.work, triage=Triaged(command.by, now, answers, score)))
    rises = found is not None and found.rank > alert.level.rank
    detail = {
        "set": command.questions.kind,
        "answers": dict(answers),
        "said": command.questions.said(command.answers),
        "score": score,
        "makes": found.value if found else "",
    }
    entry = line(alert, command, now, **detail)
    if found is None or not rises:
        return Outcome(told, (replace(entry, why=Why.NOT_WORSE),))
    if command.policy is None:
        raise NotAllowed(f"there is no policy for {alert.kind}", handling=alert.handling, move=command.move)
    graded = Entry(
        alert.id, now, "graded", by=command.by, why=Why.TRIAGE,
        detail=MappingProxyType({"from": alert.level, "level": found}),
    )  # fmt: skip
    return rise(told, found, command.policy, graded, now).after(entry)
