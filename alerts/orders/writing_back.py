"""When a report to a platform may go, and when it is given up. Pure.

A platform may be away for days; what it was to hear is kept and tried until it takes it, refuses it, or three days are over. Reports of
one order go one after another, so that nothing is closed before it is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from alerts.alert import Notice, NoticeState, Reason
from alerts.orders.reports import CHANNEL
from alerts.people.roster import Person

PATIENCE: Final = timedelta(days=3)
BEHIND: Final = 1.0  # seconds after which a report that waits for an earlier one is looked at again
NOBODY: Final = Person(CHANNEL, CHANNEL, "", CHANNEL, "")  # a platform is nobody on the roster
_ON_ITS_WAY: Final = (NoticeState.QUEUED, NoticeState.SENDING)


def comes_after(notice: Notice, known: Iterable[Notice]) -> bool:
    """Whether an earlier report of the same order has neither been taken nor given up."""
    return any(
        n.reason is Reason.ORDER and (n.channel, n.person) == (notice.channel, notice.person)
        and n.step < notice.step and n.state in _ON_ITS_WAY
        for n in known
    )  # fmt: skip


def given_up(notice: Notice, now: datetime) -> bool:
    """Whether it was tried for long enough."""
    return now - notice.created_at > PATIENCE
