"""The one writer of alerts (law 4): `step(alert, event, now)` says what an event makes of an alert, and nothing else does.

The table of transitions is `TABLE`; the diagram in docs/lifecycle.md is printed from it by `python -m alerts.lifecycle`. The bell of an
alert rings while its handling is `new`, and only then does it have an `escalate_at`. Whatever is decided is on the timeline, also a
decision not to ring (law 5); reasons there are codes of `Why`, and `alerts.words` says them in a person's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts import evidence
from alerts.alert import OVER, Alert, Condition, Entry, Handling, NoticeState, Reason
from alerts.commands import (
    Accept,
    Acknowledge,
    Arrive,
    Cleared,
    Close,
    Command,
    Contact,
    Delivered,
    Dispatch,
    EscalationDue,
    Event,
    FalseAlarm,
    Handle,
    Move,
    Note,
    Raised,
    Rate,
    Reopen,
    Shown,
    Skipped,
    Told,
    Verify,
    Void,
)
from alerts.escalation import advance, ring, waits_for
from alerts.outcome import Cancel, Effect, NotAllowed, Notify, NotifyPerson, Outcome, TellToldPeople, Why
from streams.signal import Level

__all__ = [
    "TABLE", "Accept", "Acknowledge", "Arrive", "Cancel", "Cleared", "Close", "Command", "Contact", "Delivered", "Dispatch", "Effect",
    "EscalationDue", "Event", "FalseAlarm", "Handle", "Move", "NotAllowed", "Note", "Notify", "NotifyPerson", "Outcome", "Raised", "Rate",
    "Reopen", "Shown", "Skipped", "TellToldPeople", "Told", "Verify", "Void", "Why", "diagram", "step",
]  # fmt: skip

_H = Handling
OPEN: Final = tuple(h for h in Handling if h not in OVER)
_WITH_PEOPLE: Final = (_H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED, _H.ON_SCENE, _H.HANDLED, _H.VERIFIED)
_FINISHED: Final = (_H.CLOSED, _H.EVALUATED, _H.FALSE_ALARM, _H.VOID, _H.SUPPRESSED)


def _rows() -> dict[tuple[Handling, Move], Handling]:
    def to(target: Handling, move: Move, *sources: Handling) -> dict[tuple[Handling, Move], Handling]:
        return {(source, move): target for source in sources}

    def stay(move: Move, *sources: Handling) -> dict[tuple[Handling, Move], Handling]:
        return {(source, move): source for source in sources}

    return {
        **to(_H.ACKNOWLEDGED, Move.ACKNOWLEDGE, _H.NEW),
        **stay(Move.ACKNOWLEDGE, *_WITH_PEOPLE),  # a second one is welcome and changes nothing
        **to(_H.DISPATCHED, Move.DISPATCH, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED),
        **to(_H.ACCEPTED, Move.ACCEPT, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED),
        **to(_H.ON_SCENE, Move.ARRIVE, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED),
        **to(_H.HANDLED, Move.HANDLE, _H.NEW, _H.ACKNOWLEDGED, _H.DISPATCHED, _H.ACCEPTED, _H.ON_SCENE),
        **to(_H.VERIFIED, Move.VERIFY, _H.HANDLED),
        **to(_H.CLOSED, Move.CLOSE, _H.HANDLED, _H.VERIFIED),
        **to(_H.EVALUATED, Move.RATE, _H.CLOSED),
        **to(_H.FALSE_ALARM, Move.FALSE_ALARM, *OPEN),
        **to(_H.VOID, Move.VOID, *OPEN),
        **to(_H.NEW, Move.REOPEN, *_FINISHED),
        **to(_H.NEW, Move.WORSEN, *OPEN),  # law 7, also when somebody is already there
        **to(_H.NEW, Move.RETURN, _H.HANDLED, _H.VERIFIED),
        **stay(Move.JOIN, *OPEN),
        **stay(Move.CLEAR, *Handling),  # a sensor returning to normal never closes a case
        **stay(Move.ESCALATE, *Handling),
        **stay(Move.CONTACT, *OPEN),
        **stay(Move.NOTE, *Handling),
        **stay(Move.SHOW, *Handling),
    }


TABLE: Final[Mapping[tuple[Handling, Move], Handling]] = MappingProxyType(_rows())

# What a person's move is called on the timeline, and which stage it reaches.
_SAID: Final[Mapping[Move, tuple[str, str]]] = MappingProxyType({
    Move.ACKNOWLEDGE: ("acknowledged", "acked_at"),
    Move.DISPATCH: ("dispatched", "dispatched_at"),
    Move.ACCEPT: ("accepted", "accepted_at"),
    Move.CONTACT: ("contacted", "contacted_at"),
    Move.ARRIVE: ("arrived", "on_scene_at"),
    Move.HANDLE: ("handled", "handled_at"),
    Move.VERIFY: ("verified", "verified_at"),
    Move.CLOSE: ("closed", "closed_at"),
    Move.RATE: ("rated", "rated_at"),
    Move.FALSE_ALARM: ("false_alarm", "closed_at"),
    Move.VOID: ("voided", "closed_at"),
    Move.REOPEN: ("reopened", ""),
    Move.NOTE: ("note", ""),
    Move.SHOW: ("shown", "shown_at"),
})  # fmt: skip
_SAYS: Final = ("via", "note", "text", "outcome", "to", "score")
_UNDONE: Final = frozenset(
    {"handled_at", "verified_at", "closed_at", "rated_at"}
)  # measured anew when a case begins again
_STAGE_OF: Final = MappingProxyType({NoticeState.SENT: "sent_at", NoticeState.DELIVERED: "delivered_at"})
_REACHED: Final = frozenset({NoticeState.SENT, NoticeState.DELIVERED, NoticeState.ANSWERED})


def step(alert: Alert | None, event: Event, now: datetime) -> Outcome:
    """What `event` makes of `alert` at `now`, what goes on the timeline, and what must be done about people.

    Only `Raised` may come without an alert: it opens one. Raises `NotAllowed`, and changes nothing, for a move that the table does not
    have. A repeat of what has already happened gives the same alert back, without entries and without effects.
    """
    if isinstance(event, Raised):
        return evidence.opened(event, now) if alert is None else _joined(alert, event, now)
    if alert is None:
        raise NotAllowed("there is no alert for this; a case begins with a signal", handling=None, move=None)
    if isinstance(event, Cleared):
        return evidence.cleared(alert, event.signal, now)
    if isinstance(event, EscalationDue):
        return _due(alert, now)
    if isinstance(event, Told):
        return _told(alert, event, now)
    if isinstance(event, Delivered):
        return _delivered(alert, event, now)
    return _said(alert, event, now)


def allowed(handling: Handling) -> tuple[Move, ...]:
    """What people may do now: the moves of the table that are said by a person and lead somewhere."""
    return tuple(
        m
        for m in _SAID
        if (handling, m) in TABLE and (TABLE[handling, m] is not handling or m in {Move.NOTE, Move.CONTACT})
    )


def _next(alert: Alert, move: Move) -> Handling:
    after = TABLE.get((alert.handling, move))
    if after is None:
        choices = ", ".join(allowed(alert.handling))
        raise NotAllowed(
            f"{alert.id} is {alert.handling}, so it cannot {move}; from here one can: {choices}",
            handling=alert.handling,
            move=move,
        )
    return after


def _joined(alert: Alert, event: Raised, now: datetime) -> Outcome:
    if event.signal.marks.mutes:
        return evidence.recorded(alert, event, now)
    level = evidence.level_with(alert, event)
    back = alert.condition is Condition.CLEARED
    grown = evidence.grown(alert, event.signal, level)
    if level.rank > alert.level.rank:
        _next(alert, Move.WORSEN)
        return _worse(alert, grown, event, now)
    if back and (alert.handling, Move.RETURN) in TABLE:
        begun = replace(grown, handling=_next(alert, Move.RETURN), stages=_without(grown, _UNDONE))
        bell = ring(begun, event.policy.chain(level), Reason.REPEAT, now)
        return bell.after(evidence.entry(alert, event, now, "returned", {}))
    _next(alert, Move.JOIN)
    if alert.handling is Handling.NEW:  # it rings already; a chain that paused because it had cleared goes on
        resumes = back and alert.escalate_at is None and alert.step < len(alert.chain)
        grown = replace(grown, escalate_at=now if resumes else alert.escalate_at)
        return Outcome(grown, (evidence.entry(alert, event, now, "joined", {"quiet": Why.ALREADY_RINGING}),))
    return Outcome(grown, (evidence.entry(alert, event, now, "joined", {"quiet": Why.ACKNOWLEDGED}),))


def _worse(alert: Alert, grown: Alert, event: Raised, now: datetime) -> Outcome:
    fused = grown.level.rank > event.signal.level.rank
    detail: dict[str, Any] = {"from": alert.level, "to": grown.level, "was": alert.handling}
    detail |= {"rule": Why.FUSED, "origins": grown.origins} if fused else {"rule": event.signal.rule}
    begun = replace(grown, handling=Handling.NEW, stages=_without(grown, _UNDONE))
    bell = ring(begun, event.policy.chain(grown.level), Reason.WORSE, now)
    return bell.after(evidence.entry(alert, event, now, "worse", detail), Cancel(Why.WORSE))


def _without(alert: Alert, names: frozenset[str]) -> Mapping[str, datetime]:
    return MappingProxyType({name: at for name, at in alert.stages.items() if name not in names})


def _due(alert: Alert, now: datetime) -> Outcome:
    if alert.escalate_at is None or now < alert.escalate_at:
        return Outcome(alert)
    if alert.handling is not Handling.NEW:
        return Outcome(replace(alert, escalate_at=None), (Entry(alert.id, now, "not_escalated", why=Why.ACKNOWLEDGED),))
    if alert.condition is Condition.CLEARED and alert.level.rank < Level.ORANGE.rank:
        return Outcome(
            replace(alert, escalate_at=None), (Entry(alert.id, now, "not_escalated", why=Why.RETURNED_TO_NORMAL),)
        )
    target = alert.chain[alert.step].target
    return advance(alert, Reason.REPEAT if target in {"grid", "all"} else Reason.ESCALATE, now)


def _told(alert: Alert, event: Told, now: datetime) -> Outcome:
    skipped = tuple(
        Entry(alert.id, now, "skipped", why=s.why, detail=MappingProxyType({"what": s.what})) for s in event.skipped
    )
    if not event.told:
        detail = MappingProxyType({"reason": event.reason, "step": event.step})
        return Outcome(alert, (*skipped, Entry(alert.id, now, "not_told", why=Why.NOBODY, detail=detail)))
    detail = MappingProxyType({"reason": event.reason, "step": event.step, "grid": event.grid, "told": event.told})
    stages = evidence.reach(alert.stages, now, "first_notice_at")
    reached = (
        alert.reached
        if event.reason in {Reason.RESOLVED, Reason.INSTRUCTION, Reason.REASSIGNED}
        else event.grid or alert.reached
    )
    told = Entry(alert.id, now, "told", why=event.reason, detail=detail)
    return Outcome(replace(alert, stages=stages, reached=reached), (*skipped, told))


def _delivered(alert: Alert, event: Delivered, now: datetime) -> Outcome:
    notice = event.notice
    detail = {"notice": notice.key, "person": notice.person, "channel": notice.channel, "reason": notice.reason}
    detail |= {"error": event.error} if event.error else {}
    entries = [Entry(alert.id, now, event.state, why=event.why, detail=MappingProxyType(detail))]
    stage = "" if notice.reason is Reason.RESOLVED else _STAGE_OF.get(event.state, "")
    after = (
        replace(alert, stages=evidence.reach(alert.stages, now, stage)) if stage not in {"", *alert.stages} else alert
    )
    if event.state is NoticeState.FAILED and event.hopeless and waits_for(alert, notice, now):
        after = replace(after, escalate_at=now)
        entries.append(
            Entry(alert.id, now, "hurried", why=Why.UNREACHABLE, detail=MappingProxyType({"step": notice.step}))
        )
    late = alert.handling.over and event.state in _REACHED and notice.reason is not Reason.RESOLVED
    return Outcome(after, tuple(entries), (TellToldPeople(alert.handling, notice.key),) if late else ())


def _said(alert: Alert, command: Command, now: datetime) -> Outcome:
    move = command.move
    after = _next(alert, move)
    what, stage = _SAID[move]
    repeated = move is Move.ACKNOWLEDGE or (isinstance(command, Dispatch) and command.to in {"", alert.assignee})
    if (repeated and after is alert.handling) or (move is Move.SHOW and "shown_at" in alert.stages):
        return Outcome(alert)
    said = {name: getattr(command, name) for name in _SAYS if getattr(command, name, "")}
    entry = Entry(alert.id, now, what, by=command.by, detail=MappingProxyType(said))
    if isinstance(command, Reopen):
        begun = replace(alert, handling=after, stages=_without(alert, _UNDONE), outcome="")
        return ring(begun, alert.chain, Reason.REPEAT, now).after(entry)
    answers = move not in {Move.SHOW, Move.NOTE}  # whoever does something about it has answered the bell
    stages = evidence.reach(
        alert.stages, now, *(s for s in (stage, "acked_at" if answers and not after.over else "") if s)
    )
    moved = replace(
        alert, handling=after, stages=stages, escalate_at=alert.escalate_at if after is Handling.NEW else None
    )
    if isinstance(command, Close):
        moved = replace(moved, outcome=command.outcome)
    effects = _quieted(alert, after, what)
    if isinstance(command, Dispatch):
        moved = replace(moved, assignee=command.to or alert.assignee)
        reason = Reason.REASSIGNED if alert.assignee and alert.assignee != moved.assignee else Reason.INSTRUCTION
        effects += (NotifyPerson(moved.assignee, reason),)
    return Outcome(moved, (entry,), effects)


def _quieted(alert: Alert, after: Handling, what: str) -> tuple[Effect, ...]:
    """Law 6: the queued notices of an answered alert go, and when it is over everybody who was told hears so."""
    ends = after.over and not alert.handling.over
    quiet = ends or (alert.handling is Handling.NEW and after is not Handling.NEW)
    return (*((Cancel(what),) if quiet else ()), *((TellToldPeople(after),) if ends else ()))


def diagram() -> str:
    """The table as a Mermaid state diagram; moves that stay where they are are left out."""
    arrows: dict[tuple[Handling, Handling], list[str]] = {}
    for (source, move), target in TABLE.items():
        if source is not target:
            arrows.setdefault((source, target), []).append(move)
    lines = [f"    {source} --> {target}: {', '.join(moves)}" for (source, target), moves in sorted(arrows.items())]
    begins = [f"    [*] --> {Handling.NEW}: a signal", f"    [*] --> {Handling.TEST}: a test or a drill"]
    begins.append(f"    [*] --> {Handling.SUPPRESSED}: late, retained or historical")
    return "\n".join(["stateDiagram-v2", *begins, *lines])


if __name__ == "__main__":
    print(diagram())  # noqa: T201  (the one thing this module says when it is run)
