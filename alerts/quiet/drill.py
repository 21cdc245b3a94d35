"""Drills (演练): the only thing that red fire, gas and SOS bow to, and only when two people beside the author have approved it.

While a drill is in force, what it is about rings through the whole path, marked [演练], to the listed people only, and is left out of the
figures. What was raised before it began is none of its business. What is still open when it ends is looked at again, and rings for real:
a drill may hide a fire for no longer than it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from alerts.quiet.bell import Bell, Matcher
from alerts.quiet.hush import Rehearsal
from alerts.quiet.terms import Lengths, NotQuiet, Standing, in_order, named
from ingest.events import digest

APPROVERS: Final = 2
MARK: Final = "[演练]"  # stands before every notice of a drill, in every language


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill as it is now. `people` are ids of the roster: nobody else is told."""

    id: str
    name: str
    matcher: Matcher
    people: tuple[str, ...]
    by: str
    starts_at: datetime
    ends_at: datetime
    approved_by: tuple[str, ...] = ()
    approved_at: datetime | None = None  # when there were enough
    ended_by: str = ""
    ended_at: datetime | None = None

    @property
    def until(self) -> datetime:
        """When it really ends."""
        return min(self.ends_at, self.ended_at) if self.ended_at else self.ends_at

    def standing(self, now: datetime) -> Standing:
        """Where it stands at `now`; without its approvals it is nothing, however late it is."""
        if now >= self.until:
            return Standing.OVER
        if len(set(self.approved_by) - {self.by}) < APPROVERS:
            return Standing.UNAPPROVED
        return Standing.ACTIVE if now >= self.starts_at else Standing.WAITING

    def rehearsal(self, bell: Bell, now: datetime) -> Rehearsal | None:
        """Whether a bell rings as this drill at `now`. What was raised before the drill was in force is real."""
        since = max(self.starts_at, self.approved_at or self.starts_at)
        real = bell.raised_at is None or bell.raised_at < since
        if real or self.standing(now) is not Standing.ACTIVE or not self.matcher.matches(bell):
            return None
        return Rehearsal(self.id, self.name, self.people, self.until)


def drill(
    name: str, matcher: Matcher, people: tuple[str, ...], *, by: str, starts_at: datetime, ends_at: datetime, lengths: Lengths,
    now: datetime,
) -> Drill:  # fmt: skip
    """A new drill, which nobody has approved yet. The same words give the same id. Raises `NotQuiet`."""
    named(by, name)
    if not (matcher.grids or matcher.subjects or matcher.gateways):
        raise NotQuiet("a drill takes place somewhere: name its grids, devices or gateways")
    if not people:
        raise NotQuiet("a drill names the people who take part: list at least one, by id")
    in_order(starts_at, ends_at, now, lengths.longest_drill)
    ident = digest("drill", by, name, repr((matcher, people)), starts_at.isoformat(), ends_at.isoformat())
    return Drill(ident, name, matcher, people, by, starts_at, ends_at)


def approve(one: Drill, by: str, now: datetime) -> Drill:
    """The drill with one approval more. The author's own does not count. Raises `NotQuiet`."""
    if by in one.approved_by:
        return one
    if by.strip() in {"", one.by}:
        raise NotQuiet(f"a drill is approved by {APPROVERS} people beside {one.by}, who asked for it")
    if one.standing(now) is Standing.OVER:
        raise NotQuiet(f"{one.name} is over since {one.until.isoformat()}; make a new one")
    approved_by = (*one.approved_by, by)
    return replace(one, approved_by=approved_by, approved_at=now if len(approved_by) == APPROVERS else one.approved_at)


def end(one: Drill, by: str, now: datetime) -> Drill:
    """The drill, ended now. One that is over stays as it was. Raises `NotQuiet`."""
    if not by.strip():
        raise NotQuiet("say who ends it")
    return one if one.standing(now) is Standing.OVER else replace(one, ended_by=by, ended_at=now)
