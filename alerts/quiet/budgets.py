"""Budgets (限额): how many messages one person is sent over one channel within some minutes. Pure.

The table is GoAlert's (alert SMS 5 in 15 minutes, 11 an hour, 21 in three; calls 3, 7 and 15; none within the same minute), and a provider
may have its own for numbers that begin so: to +86 Twilio rejects the third identical text in 24 hours and holds all back after the fourth
different one. Every message counts, also red ones; only yellow and blue wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DAY: Final = timedelta(days=1)
REMEMBERED: Final = 64  # messages of a person and channel: no budget allows more
NEWCOMER: Final = timedelta(hours=3)  # whoever was sent nothing for so long comes before the others


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many messages within each time, to numbers that begin with `prefix`; `identical` of the same words in a day, 0 for any."""

    channel: str
    most: tuple[tuple[timedelta, int], ...] = ()
    prefix: str = ""
    identical: int = 0


@dataclass(frozen=True, slots=True)
class Let:
    """A message that was let go: when, and a digest of its words."""

    at: datetime
    words: str


def concerning(budgets: Iterable[Budget], channel: str, phone: str) -> tuple[Budget, ...]:
    """The budgets that a number has over a channel."""
    return tuple(b for b in budgets if b.channel == channel and phone.startswith(b.prefix))


def free_at(budgets: Iterable[Budget], before: Sequence[Let], now: datetime, words: str = "") -> datetime:
    """When one more message may go: `now`, when nothing is in its way. `before` is what was let go, the oldest first."""
    found = [now]
    for budget in budgets:
        for within, most in budget.most:
            recent = [let.at for let in before if let.at > now - within]
            if len(recent) >= most:
                found.append(recent[-most] + within)
        same = [let.at for let in before if words and let.words == words and let.at > now - DAY]
        if budget.identical and len(same) >= budget.identical:
            found.append(same[-budget.identical] + DAY)
    return max(found)


def with_one_more(before: Sequence[Let], let: Let) -> tuple[Let, ...]:
    """What was let go, with one more. What no budget looks at any more is forgotten."""
    return (*(one for one in before if one.at > let.at - DAY), let)[-REMEMBERED:]


def turn(before: Sequence[Let], now: datetime, *, first: bool) -> int:
    """Whose message goes first among those of one level: 0 the first alert to somebody, 1 others who have been sent nothing, 2 the rest."""
    if any(let.at > now - NEWCOMER for let in before):
        return 2
    return 0 if first else 1
