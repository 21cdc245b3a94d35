"""Whoever is alone at the scene of a case must say from time to time that they are well (到场报平安). Only `alerts.lifecycle` asks.

From the arrival until the case is handled. After `ask_for_word` without a word the desk sees it and the person is asked; after `miss_word`
the level above hears of it, once for each silence, and hears again when a word has come. Which times hold say the case's own rules; a
level without them waits for nobody. Somebody who has company is not waited for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts.alert import Alert, Entry, Handling, Reason
from alerts.commands import Event, GiveBack, TakeIn
from alerts.dispatch.scene import Scene
from alerts.dispatch.scene_commands import Arrive, CheckIn
from alerts.elapsed import Begins, bands
from alerts.moves import Move
from alerts.outcome import Cancel, Effect, NotAllowed, NotifyAbove, NotifyPerson, Outcome, TellHeard, Why
from alerts.rules import seconds
from alerts.spoken import line, said
from alerts.timers import with_timer, without
from alerts.transitions import after
from alerts.whistle.whistle import TaskState

ASK: Final = "check_in_asked"
MISS: Final = "check_in_missed"
CHANNELS: Final = ("sms", "voice")
# Notices about whoever is at the scene: a word from there calls them back, and an answer to the bell does not.
REASONS: Final = frozenset({Reason.CHECK_IN, Reason.NO_WORD})
_DONE: Final = frozenset({Handling.HANDLED, Handling.VERIFIED})
_THERE: Final = frozenset({TaskState.ATTENDED, TaskState.REPORTED, TaskState.RETURNED})


def arrive(alert: Alert, command: Arrive, now: datetime) -> Outcome:
    """Somebody is there. Whoever comes to somebody else who is there already is not alone."""
    arrived = said(alert, command, now, **({"company": True} if command.company else {}))
    person, before = command.person or alert.assignee, alert.work.scene
    second = before is not None and (before.person, before.by)[not person] != (person or command.by)
    scene = Scene(command.by, now, now, person, company=command.company or second)
    return replace(arrived, alert=_timed(_with(arrived.alert, scene)))


def check_in(alert: Alert, command: CheckIn, now: datetime) -> Outcome:
    """A word from the scene: the time runs anew, and whoever was told that none had come hears of it.

    Raises `NotAllowed` when nobody is there.
    """
    after(alert.id, alert.handling, command.move)
    scene = alert.work.scene
    if scene is None:
        raise NotAllowed(
            f"{alert.id}: nobody is known to be at the scene; say first who has arrived",
            handling=alert.handling, move=Move.CHECK_IN,
        )  # fmt: skip
    if scene.heard_at == now:
        return Outcome(alert)
    heard = replace(scene, heard_at=now, asked=False, missed=False)
    silent = round((now - scene.heard_at).total_seconds())
    entry = line(alert, command, now, person=scene.person, silent_s=silent)
    effects: tuple[Effect, ...] = (Cancel(Why.CHECKED_IN, reasons=REASONS),)
    if scene.missed:
        effects += (TellHeard(scene.heard_at, scene.person, CHANNELS),)
    return Outcome(_timed(_with(alert, heard)), (entry,), effects)


def asked(alert: Alert, now: datetime) -> Outcome:
    """No word for a while: the desk sees it, and whoever is there is asked."""
    scene = alert.work.scene
    if scene is None:
        return Outcome(without(alert, ASK, MISS))
    if _accompanied(alert):
        accompanied = _timed(_with(alert, replace(scene, company=True)))
        return Outcome(accompanied, (_entry(alert, "not_watched", Why.COMPANY, now),))
    waits = without(_with(alert, replace(scene, asked=True)), ASK)
    asks = (NotifyPerson(scene.person, Reason.CHECK_IN, CHANNELS),) if scene.person else ()
    return Outcome(waits, (_entry(alert, "check_in_due", Why.NO_WORD, now),), asks)


def missed(alert: Alert, now: datetime) -> Outcome:
    """Still no word: the level above whoever is there hears of it. It is said once; the desk shows it until a word comes."""
    scene = alert.work.scene
    if scene is None or _accompanied(alert):
        return asked(alert, now)
    told = without(_with(alert, replace(scene, missed=True)), ASK, MISS)
    above = NotifyAbove("", Reason.NO_WORD, person=scene.person, channels=CHANNELS)
    return Outcome(told, (_entry(alert, "check_in_missed", Why.NO_WORD, now),), (above,))


def kept(before: Alert | None, outcome: Outcome, event: Event) -> Outcome:
    """The outcome without anybody at the scene once the case is handled or over, or given back by whoever was there.

    A case that is taken in brings whoever is at its scene; a case that got worse may have begun to ask for words.
    """
    alert = outcome.alert
    if before is None or alert is before:
        return outcome
    scene = alert.work.scene
    if scene is None:
        brought = event.other.work.scene if isinstance(event, TakeIn) and not event.other.handling.over else None
        if brought is None or alert.work.merged == before.work.merged or alert.handling in _DONE:
            return outcome
        return replace(outcome, alert=_timed(_with(alert, brought)))
    gone = isinstance(event, GiveBack) and before.assignee == scene.person
    if alert.handling in _DONE or alert.handling.over or gone:
        left = without(replace(alert, work=replace(alert.work, scene=None)), ASK, MISS)
        return Outcome(left, outcome.entries, (*outcome.effects, Cancel(Why.LEFT, reasons=REASONS)))
    if alert.work.rules != before.work.rules:
        return replace(outcome, alert=_timed(alert))
    return outcome


def silence(alert: Alert) -> tuple[Begins, ...]:
    """The bands of the silence at the scene; none where no word is waited for."""
    scene, rules = alert.work.scene, alert.work.rules
    if scene is None or scene.company or not rules.miss_word:
        return ()
    return bands(scene.heard_at, rules.ask_for_word, rules.miss_word)


def _accompanied(alert: Alert) -> bool:
    """Whether a unit that was whistled for is there as well."""
    whistle = alert.work.whistle
    return whistle is not None and any(task.state in _THERE for task in whistle.tasks)


def _with(alert: Alert, scene: Scene) -> Alert:
    return replace(alert, work=replace(alert.work, scene=scene))


def _timed(alert: Alert) -> Alert:
    """The two timers of the silence, as far as it has not led to anything yet."""
    scene, rules = alert.work.scene, alert.work.rules
    if scene is None or scene.company or not rules.miss_word:
        return without(alert, ASK, MISS)
    alert = without(alert, ASK) if scene.asked else with_timer(alert, ASK, scene.heard_at + seconds(rules.ask_for_word))
    if scene.missed:
        return without(alert, ASK, MISS)
    return with_timer(alert, MISS, scene.heard_at + seconds(rules.miss_word))


def _entry(alert: Alert, what: str, why: Why, now: datetime) -> Entry:
    scene = alert.work.scene
    detail: dict[str, Any] = {}
    if scene is not None:
        detail = {"person": scene.person or scene.by, "silent_s": round((now - scene.heard_at).total_seconds())}
    return Entry(alert.id, now, what, why=why, detail=MappingProxyType(detail))
