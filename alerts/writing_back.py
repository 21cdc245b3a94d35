"""What becomes of one try to write back to a platform: taken, tried again, or given up. Pure.

A platform may be away for days; what it was to hear is kept and tried until it takes it, refuses it, or three days are over. Reports of
one order go one after another, so that nothing is closed before it is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from alerts.alert import Notice, NoticeState, Reason
from alerts.channels.contract import Answer, Refused, Retry
from alerts.order_reports import CHANNEL
from alerts.roster import Person

PATIENCE: Final = timedelta(days=3)
WAITS: Final = Retry(1.0, "an earlier report of the same order is still on its way", fault=False)
NOBODY: Final = Person(CHANNEL, CHANNEL, "", CHANNEL, "")  # a platform is nobody on the roster
_ON_ITS_WAY: Final = (NoticeState.QUEUED, NoticeState.SENDING)


def comes_after(notice: Notice, known: Iterable[Notice]) -> bool:
    """Whether an earlier report of the same order has neither been taken nor given up."""
    return any(
        n.reason is Reason.ORDER and (n.channel, n.person) == (notice.channel, notice.person)
        and n.step < notice.step and n.state in _ON_ITS_WAY
        for n in known
    )  # fmt: skip


def settled(notice: Notice, answer: Answer, now: datetime) -> Answer:
    """The answer, or the end of our patience."""
    if isinstance(answer, Retry) and now - notice.created_at > PATIENCE:
        return Refused(f"{answer.why} (tried {notice.attempts} times in {PATIENCE.days} days)")
    return answer
