"""Recurring maintenance (维护窗口): weekly windows in UTC+8, over midnight too, about named kinds of alert.

While a window is open, what it is about is opened, seen and cleared as always, and rings at its end if it is still so. Life-safety at
red rings all the same. A window has an author, a reason, and a last day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from alerts.quiet.bell import Bell, Matcher
from alerts.quiet.hours import WEEK, Daytime
from alerts.quiet.hush import Hush, Quiet
from alerts.quiet.terms import Lengths, NotQuiet, Standing, in_order, named
from ingest.events import digest


@dataclass(frozen=True, slots=True)
class Window:
    """One recurring window as it is now. It begins on `days` (0 is Monday) between `from_at` and `until_at`."""

    id: str
    matcher: Matcher
    days: tuple[int, ...]
    daytime: Daytime
    by: str
    reason: str
    from_at: datetime
    until_at: datetime
    ended_by: str = ""
    ended_at: datetime | None = None

    @property
    def last(self) -> datetime:
        """When no occurrence counts any more."""
        return min(self.until_at, self.ended_at) if self.ended_at else self.until_at

    def standing(self, now: datetime) -> Standing:
        """Whether its time has come; between two occurrences it is still active."""
        if now >= self.last:
            return Standing.OVER
        return Standing.ACTIVE if now >= self.from_at else Standing.WAITING

    def open_until(self, now: datetime) -> datetime | None:
        """When the occurrence that `now` lies in ends, or None."""
        if self.standing(now) is not Standing.ACTIVE:
            return None
        until = self.daytime.open_until(now, self.days)
        return min(until, self.last) if until else None

    def hush(self, bell: Bell, now: datetime, lengths: Lengths) -> Hush | None:
        """Why and until when this keeps a bell shut at `now`, or None."""
        until = self.open_until(now)
        if until is None or bell.spared(lengths.life_safety) or not self.matcher.matches(bell):
            return None
        return Hush(Quiet.MAINTENANCE, self.id, until, until - lengths.warn_before)


def window(
    matcher: Matcher, days: tuple[int, ...], daytime: Daytime, *, by: str, reason: str, from_at: datetime, until_at: datetime,
    lengths: Lengths, now: datetime,
) -> Window:  # fmt: skip
    """A new window. The same words give the same id. Raises `NotQuiet`."""
    named(by, reason)
    if not matcher.kinds:
        raise NotQuiet("maintenance is about named kinds of alert: name at least one")
    if not days or not set(days) <= set(WEEK):
        raise NotQuiet(f"days are 0 (Monday) to 6 (Sunday), got {days}: name at least one")
    in_order(from_at, until_at, now, lengths.longest_recurring)
    week = tuple(sorted(set(days)))
    ident = digest("maintenance", by, reason, repr((matcher, week, daytime)), from_at.isoformat(), until_at.isoformat())
    return Window(ident, matcher, week, daytime, by, reason, from_at, until_at)


def end(one: Window, by: str, now: datetime) -> Window:
    """The window, ended now: an open occurrence with it. One that is over stays as it was. Raises `NotQuiet`."""
    if not by.strip():
        raise NotQuiet("say who ends it")
    return one if one.standing(now) is Standing.OVER else replace(one, ended_by=by, ended_at=now)
