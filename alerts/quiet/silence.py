"""Silences (屏蔽): somebody keeps a bell shut for a while, with a reason and an end.

An author, a reason and an end are mandatory. A silence lasts at most `Lengths.longest`; a longer one counts only that long until somebody
else has approved it. It can be ended early, never made longer: that is a new one. Life-safety at red is never matched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.quiet.bell import Bell, Matcher
from alerts.quiet.hush import Hush, Quiet
from alerts.quiet.terms import Lengths, NotQuiet, Standing, in_order, named
from ingest.events import digest


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence as it is now. What became of it is in the ledger's append-only changes."""

    id: str
    matcher: Matcher
    by: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    approved_by: str = ""
    approved_at: datetime | None = None
    ended_by: str = ""
    ended_at: datetime | None = None

    def needs_approval(self, lengths: Lengths) -> bool:
        """Whether it is longer than its author alone may make it, and nobody has approved it."""
        return not self.approved_by and self.ends_at - self.starts_at > lengths.longest

    def until(self, lengths: Lengths) -> datetime:
        """When it really ends: ended early, or cut to what its author alone may do, or as it says."""
        end = self.starts_at + lengths.longest if self.needs_approval(lengths) else self.ends_at
        return min(end, self.ended_at) if self.ended_at else end

    def standing(self, now: datetime, lengths: Lengths) -> Standing:
        """Where it stands at `now`. Its end is the first instant at which it does not count."""
        if now >= self.until(lengths):
            return Standing.OVER
        return Standing.ACTIVE if now >= self.starts_at else Standing.WAITING

    def hush(self, bell: Bell, now: datetime, lengths: Lengths) -> Hush | None:
        """Why and until when this keeps a bell shut at `now`, or None."""
        if self.standing(now, lengths) is not Standing.ACTIVE:
            return None
        if bell.spared(lengths.life_safety) or not self.matcher.matches(bell):
            return None
        until = self.until(lengths)
        return Hush(Quiet.SILENCED, self.id, until, until - lengths.warn_before)


def silence(
    matcher: Matcher, *, by: str, reason: str, starts_at: datetime, ends_at: datetime, lengths: Lengths, now: datetime
) -> Silence:
    """A new silence. The same words give the same id, so that saying it twice makes one. Raises `NotQuiet`."""
    named(by, reason)
    if matcher.empty:
        raise NotQuiet("a silence must say what it is about: name a kind, level, grid, device, rule or gateway")
    in_order(starts_at, ends_at, now, lengths.longest_approved)
    ident = digest("silence", by, reason, repr(matcher), starts_at.isoformat(), ends_at.isoformat())
    return Silence(ident, matcher, by, reason, starts_at, ends_at)


def approve(one: Silence, by: str, now: datetime, lengths: Lengths) -> Silence:
    """The silence, for its whole length. Raises `NotQuiet` when its own author says so, or when it is over."""
    if one.approved_by:
        return one
    if by.strip() in {"", one.by}:
        raise NotQuiet(f"{one.id} needs somebody other than {one.by} to approve it; ask a supervisor")
    if one.standing(now, lengths) is Standing.OVER:
        raise NotQuiet(f"{one.id} is over since {one.until(lengths).isoformat()}; make a new one")
    return replace(one, approved_by=by, approved_at=now)


def end(one: Silence, by: str, now: datetime, lengths: Lengths) -> Silence:
    """The silence, ended now. One that is over stays as it was. Raises `NotQuiet` when nobody says so."""
    if not by.strip():
        raise NotQuiet("say who ends it")
    return one if one.standing(now, lengths) is Standing.OVER else replace(one, ended_by=by, ended_at=now)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a matcher would keep shut: ids of alerts. `spared` match it and ring all the same, because they are life-safety."""

    held: tuple[str, ...]
    spared: tuple[str, ...]
    looked: int


def preview(matcher: Matcher, bells: Iterable[Bell], lengths: Lengths) -> Preview:
    """What a matcher would keep shut among some bells, before it does."""
    seen = list(bells)
    matched = [bell for bell in seen if matcher.matches(bell)]
    spared = tuple(bell.alert for bell in matched if bell.spared(lengths.life_safety))
    return Preview(tuple(b.alert for b in matched if not b.spared(lengths.life_safety)), spared, len(seen))
