"""The one writer of alerts (law 4): `step(alert, event, now)` says what an event makes of an alert, and nothing else does.

Which move leads where is `alerts.transitions`; what a move does beside that stands in the module of its idea (`answering`, `assigning`,
`closing`, `grading`, `linking`, `joining`, `escalation`, `told`). The bell of an alert rings while its handling is `new`, and only then
does it have an `escalate_at`. Whatever is decided is on the timeline, also a decision not to ring (law 5); reasons there are codes of
`Why`, and `alerts.words` says them in a person's language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from alerts import answering, assigning, closing, escalation, evidence, grading, hushing, joining, linking, timers, told
from alerts.alert import Alert
from alerts.clocks import clockwork
from alerts.clocks.commands import Agree, Extend, Pause, Resume
from alerts.closing_commands import CallBack, Close, FalseAlarm, Rate, Reopen, Verify, Void
from alerts.commands import (
    Acknowledge,
    Cleared,
    Delivered,
    Dispatch,
    EscalationDue,
    Event,
    Follow,
    GiveBack,
    Gone,
    Grade,
    Handle,
    LetGo,
    Merge,
    Missed,
    Raised,
    Split,
    TakeIn,
    TimerDue,
    Told,
    Undo,
)
from alerts.dispatch import on_scene
from alerts.dispatch.scene_commands import Arrive, CheckIn
from alerts.moves import Move
from alerts.orders import hot_issues, ordered
from alerts.orders.events import Gains, InArea, Ordered
from alerts.outcome import NotAllowed, Outcome
from alerts.quiet.events import Bundled, Flapped, Hushed, KeptBack, Reconsider, Rehearsed, Unhushed
from alerts.spoken import said
from alerts.transitions import TABLE
from alerts.triage import triaging
from alerts.triage.commands import Triage
from alerts.whistle import case as whistle_case

__all__ = ["TABLE", "NotAllowed", "step"]

# What an event does beside moving as the table says. What is not here only moves and says so.
_DECIDES: Final[Mapping[type, Callable[[Alert, Any, datetime], Outcome]]] = MappingProxyType({
    Raised: joining.joined,
    Cleared: lambda alert, event, now: evidence.cleared(alert, event.signal, now),
    Gone: evidence.gone,
    Ordered: ordered.heard,
    InArea: hot_issues.in_area,
    Gains: hot_issues.gains,
    EscalationDue: lambda alert, _, now: escalation.due(alert, now),
    Missed: lambda alert, _, now: escalation.missed(alert, now),
    TimerDue: lambda alert, event, now: _timer(alert, event.name, now),
    Told: told.told,
    Delivered: told.delivered,
    KeptBack: told.kept_back,
    Bundled: told.bundled,
    Acknowledge: answering.acknowledge,
    Undo: answering.undo,
    Dispatch: assigning.dispatch,
    GiveBack: assigning.give_back,
    Arrive: on_scene.arrive,
    CheckIn: on_scene.check_in,
    Handle: closing.handle,
    Verify: closing.verify,
    CallBack: closing.call_back,
    Close: closing.close,
    Rate: closing.rate,
    FalseAlarm: closing.false_alarm,
    Void: closing.void,
    Reopen: closing.reopen,
    Grade: grading.grade,
    Triage: triaging.triage,
    Merge: linking.merge,
    Split: linking.split,
    TakeIn: linking.take_in,
    LetGo: linking.let_go,
    Follow: linking.follow,
    Pause: clockwork.pause,
    Resume: clockwork.resume,
    Extend: clockwork.extend,
    Agree: clockwork.agree,
    **dict.fromkeys(whistle_case.COMMANDS, whistle_case.obey),
    Hushed: hushing.hushed,
    Rehearsed: hushing.rehearsed,
    Unhushed: hushing.unhushed,
    Reconsider: hushing.reconsidered,
    Flapped: hushing.flapped,
})  # fmt: skip

# What falls due by itself, by the name of the timer up to its colon.
_FALLS_DUE: Final[Mapping[str, Callable[[Alert, str, datetime], Outcome]]] = MappingProxyType({
    timers.REMINDER: lambda alert, _, now: answering.reminded(alert, now),
    timers.HAND_DOWN: lambda alert, _, __: told.staffed_again(alert),
    timers.EXPIRY: lambda alert, _, now: answering.expired(alert, now),
    clockwork.TIMER: clockwork.struck,
    whistle_case.TIMER: whistle_case.due,
    on_scene.ASK: lambda alert, _, now: on_scene.asked(alert, now),
    on_scene.MISS: lambda alert, _, now: on_scene.missed(alert, now),
    hushing.QUIET: hushing.over,
    hushing.WARNING: hushing.warned,
})  # fmt: skip


def step(alert: Alert | None, event: Event, now: datetime) -> Outcome:
    """What `event` makes of `alert` at `now`, what goes on the timeline, and what must be done about people.

    Only `Raised` may come without an alert: it opens one. Raises `NotAllowed`, and changes nothing, for a move that the table does not
    have or that lacks what it needs. A repeat of what has already happened gives the same alert back, without entries and without effects.
    """
    wound = on_scene.kept(alert, clockwork.kept(alert, _decided(alert, event, now), event, now), event)
    return ordered.kept(alert, wound, event, now)


def _decided(alert: Alert | None, event: Event, now: datetime) -> Outcome:
    if alert is None:
        if not isinstance(event, Raised):
            raise NotAllowed("there is no alert for this; a case begins with a signal", handling=None, move=None)
        return evidence.opened(event, now)
    if (decide := _DECIDES.get(type(event))) is not None:
        return decide(alert, event, now)
    command: Any = event
    if command.move is Move.SHOW and "shown_at" in alert.stages:
        return Outcome(alert)
    return said(alert, command, now)


def _timer(alert: Alert, name: str, now: datetime) -> Outcome:
    """A timer whose instant has come; one that was set anew meanwhile, or that a later version set, changes nothing."""
    at = alert.timers.get(name)
    if at is None or at > now:
        return Outcome(alert)
    decide = _FALLS_DUE.get(name.partition(":")[0])
    return decide(alert, name, now) if decide else Outcome(timers.without(alert, name))
