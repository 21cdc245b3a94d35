"""The service clocks of a case as they are seen over HTTP. Pure."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from alerts.alert import Alert
from alerts.clocks.clock import Clock, colour, fraction
from alerts.clocks.clockwork import timer_of


class ClockRow(TypedDict):
    """One clock. Kept is `due`; `fraction` of the time used and `colour` are worked out for the moment of the answer.

    `next` is when something about it falls due: a notice to the level above, or the end of a pause.
    """

    name: str
    matter: str
    state: str
    started: datetime | None
    due: datetime | None
    stopped_at: datetime | None
    fraction: float
    colour: str
    next: datetime | None


def clock_rows(alert: Alert, now: datetime) -> list[ClockRow]:
    """The clocks of an alert, in the order of its policy."""
    return [_row(clock, fraction(clock, now), alert.timers.get(timer_of(clock))) for clock in alert.work.clocks]


def _row(clock: Clock, share: float, due_next: datetime | None) -> ClockRow:
    return ClockRow(
        name=clock.name,
        matter=clock.matter,
        state=clock.state.value,
        started=clock.started,
        due=clock.due,
        stopped_at=clock.stopped_at,
        fraction=round(share, 4),
        colour=colour(clock, share).value,
        next=due_next,
    )
