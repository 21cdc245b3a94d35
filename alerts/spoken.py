"""What every word of a person does to a case: a line on the timeline, a stage reached, a bell that falls silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts import evidence
from alerts.alert import Alert, Entry, Handling
from alerts.commands import Command
from alerts.moves import Move
from alerts.outcome import Cancel, Cascade, Effect, Outcome, TellReporters, TellToldPeople
from alerts.timers import ACKNOWLEDGED, without
from alerts.transitions import after
from alerts.whistle.case import ended

# What a person's move is called on the timeline, and which stage it reaches.
SAID: Final[Mapping[Move, tuple[str, str]]] = MappingProxyType({
    Move.ACKNOWLEDGE: ("acknowledged", "acked_at"),
    Move.UNDO: ("undone", ""),
    Move.DISPATCH: ("dispatched", "dispatched_at"),
    Move.GIVE_BACK: ("given_back", ""),
    Move.ACCEPT: ("accepted", "accepted_at"),
    Move.CONTACT: ("contacted", "contacted_at"),
    Move.ARRIVE: ("arrived", "on_scene_at"),
    Move.CHECK_IN: ("checked_in", ""),
    Move.HANDLE: ("handled", "handled_at"),
    Move.VERIFY: ("verified", "verified_at"),
    Move.CALL_BACK: ("called_back", ""),
    Move.CLOSE: ("closed", "closed_at"),
    Move.RATE: ("rated", "rated_at"),
    Move.FALSE_ALARM: ("false_alarm", "closed_at"),
    Move.VOID: ("voided", "closed_at"),
    Move.GRADE: ("graded", ""),
    Move.TRIAGE: ("triaged", ""),
    Move.MERGE: ("merged", "closed_at"),
    Move.SPLIT: ("split", ""),
    Move.REOPEN: ("reopened", ""),
    Move.PAUSE: ("clock_paused", ""),
    Move.RESUME: ("clock_resumed", ""),
    Move.EXTEND: ("clock_extended", ""),
    Move.AGREE: ("clock_agreed", ""),
    Move.NOTE: ("note", ""),
    Move.SHOW: ("shown", "shown_at"),
})  # fmt: skip
UNDONE: Final = frozenset(
    {"handled_at", "verified_at", "closed_at", "rated_at"}
)  # measured anew when a case begins again
_SAYS: Final = (
    "via", "note", "text", "outcome", "to", "score", "approved_by", "level", "into", "call", "content", "finding", "unreached"
)  # fmt: skip
_NO_ANSWER: Final = frozenset({Move.SHOW, Move.NOTE, Move.GRADE})


def line(alert: Alert, command: Command, now: datetime, **more: Any) -> Entry:
    """What is said, as a line on the timeline."""
    what, _ = SAID[command.move]
    said = {name: value for name in _SAYS if (value := getattr(command, name, "")) not in {"", None}}
    by: str = command.by
    return Entry(alert.id, now, what, by=by, detail=MappingProxyType({**said, **more}))


def said(alert: Alert, command: Command, now: datetime, **more: Any) -> Outcome:
    """The move as the table has it. Raises `NotAllowed`.

    Whoever does something about a case has answered its bell: what is queued is called back, and when the case is over everybody who was
    told hears so (law 6). The cases that were merged into it follow.
    """
    then = after(alert.id, alert.handling, command.move)
    what, stage = SAID[command.move]
    answers = "acked_at" if command.move not in _NO_ANSWER and not then.over else ""
    stages = evidence.reach(alert.stages, now, *(name for name in (stage, answers) if name))
    moved = replace(
        alert, handling=then, stages=stages, escalate_at=alert.escalate_at if then is Handling.NEW else None
    )
    if then is not Handling.ACKNOWLEDGED:
        moved = without(moved, *(moved.timers if then.over else ACKNOWLEDGED))
    moved, whistled = ended(moved, command.by, now) if then.over else (moved, ())
    moved, reporters = _reported(alert, moved, now)
    return Outcome(moved, (line(alert, command, now, **more), *whistled), (*_quieted(alert, then, what), *reporters))


def begun_again(alert: Alert) -> Mapping[str, datetime]:
    """The stages without those that are measured anew."""
    return MappingProxyType({name: at for name, at in alert.stages.items() if name not in UNDONE})


def _reported(alert: Alert, moved: Alert, now: datetime) -> tuple[Alert, tuple[Effect, ...]]:
    """At the end of a case the grid workers who reported it hear so, once; where it goes on in another case, from that one."""
    ends = moved.handling.over and not alert.handling.over and moved.handling is not Handling.MERGED
    due = moved.work.reporters if ends else ()
    if not due:
        return moved, ()
    callers = tuple(replace(c, told_at=now, by="tocsin") if c in due else c for c in moved.work.callers)
    effect = TellReporters(tuple((caller.call, caller.person) for caller in due))
    return replace(moved, work=replace(moved.work, callers=callers)), (effect,)


def _quieted(alert: Alert, then: Handling, what: str) -> tuple[Effect, ...]:
    ends = then.over and not alert.handling.over
    quiet = ends or (alert.handling is Handling.NEW and then is not Handling.NEW)
    cascades = ends and bool(alert.work.merged)
    return (
        *((Cancel(what),) if quiet else ()),
        *((TellToldPeople(then),) if ends else ()),
        *((Cascade(alert.work.merged),) if cascades else ()),
    )
