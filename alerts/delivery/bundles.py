"""What is held for one person and one channel, and what of it goes now: separately, as one message for several, or not yet. Pure.

A held notice leaves in exactly one of four ways, each with its reason: it goes by itself, it travels in one message with others, it is
dropped (over, back to normal, told already, the same as an older one), or it waits on until an instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from alerts.alert import Alert, Condition, Handling, Notice, Reason
from alerts.escalation import RINGING
from alerts.hushing import kept
from alerts.outcome import Why
from alerts.quiet.budgets import Budget, Let, free_at, with_one_more
from alerts.quiet.grouping import Group, Now, Timing, Told, look
from alerts.quiet.hush import DRILL
from ingest.events import digest
from streams.signal import Level

PREFIX: Final = "bundle/"  # + key: where the alert of a notice that speaks of several would stand
RECHECK: Final = timedelta(seconds=30)  # how long a group is left alone whose last message is still on its way
HELD_BACK: Final = frozenset({Level.YELLOW, Level.BLUE})  # law 8: what may be delayed
SAID_LATER: Final = RINGING | {Reason.RESOLVED}  # only bells and their endings are ever held


class Lane(NamedTuple):
    """One person over one channel."""

    person: str
    channel: str


@dataclass(frozen=True, slots=True)
class Part:
    """What a message says of one group, to be written down once it was sent."""

    group: str
    so: Now


@dataclass(frozen=True, slots=True)
class Bundle:
    """A message for several notices, or for a group of which there is one. `carrier` is the key of the notice that carries it."""

    carrier: str
    told: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What goes as one message. `again` are alerts of which the receiver is told again without any new notice."""

    riders: tuple[Notice, ...]
    told: str = ""
    parts: tuple[Part, ...] = ()
    again: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """A digest of the words of a message that is one notice as it stands; empty for one that is put together."""
        return spoken(self.riders[0]) if len(self.riders) == 1 and not self.again else ""

    @property
    def urgency(self) -> tuple[int, datetime | None]:
        return -max((n.level.rank for n in self.riders), default=0), min(
            (n.created_at for n in self.riders), default=None
        )


@dataclass(frozen=True, slots=True)
class View:
    """All that is known of a lane: what is held, its groups, the alerts these speak of, its budgets, what was let go before, its hours."""

    held: tuple[Notice, ...]
    groups: Mapping[str, Group] = field(default_factory=dict)
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    before: tuple[Let, ...] = ()
    asleep_until: datetime | None = None  # when the receiver's quiet hours end


@dataclass(slots=True)
class Plan:
    """What becomes of everything that is held in a lane."""

    messages: list[Message] = field(default_factory=list)
    dropped: list[tuple[Notice, str]] = field(default_factory=list)
    kept: list[tuple[Notice, datetime, str]] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
    before: tuple[Let, ...] = ()


def spoken(notice: Notice) -> str:
    """A digest of a notice's words, to know the same ones again."""
    return digest("words", notice.text)


def plan(view: View, timings: Mapping[Level, Timing], now: datetime) -> Plan:
    """What goes now, what is dropped, and until when the rest waits."""
    made = Plan(before=view.before)
    grouped: dict[str, list[Notice]] = {}
    wanted: list[Message] = []
    for notice in _sifted(view, made):
        if view.asleep_until is not None and notice.due_at <= now and notice.level in HELD_BACK:
            made.kept.append((notice, view.asleep_until, Why.QUIET_HOURS))
        elif notice.bundle and notice.level in timings:
            grouped.setdefault(notice.bundle, []).append(notice)
        elif notice.due_at <= now:
            wanted.append(Message((notice,)))
    due = {key for key, group in view.groups.items() if group.repeat_at is not None and group.repeat_at <= now}
    for key in sorted(key for key in due if view.asleep_until is not None and view.groups[key].level in HELD_BACK):
        made.groups[key] = replace(view.groups[key], repeat_at=view.asleep_until)
        due.remove(key)
    for key in dict.fromkeys((*grouped, *sorted(due))):
        some = grouped.get(key, [])
        if key in due or any(n.due_at <= now for n in some):
            wanted += _of_group(key, some, view, timings, now, made)
    _portion(sorted(wanted, key=lambda m: (m.urgency[0], m.urgency[1] or now)), view, now, made)
    return made


def _sifted(view: View, made: Plan) -> Iterable[Notice]:
    """What is still worth saying, the oldest first, each once."""
    seen: set[tuple[str, ...]] = set()
    for notice in sorted(view.held, key=lambda n: (n.created_at, n.key)):
        rings = notice.reason in RINGING
        why = _moot(notice, view.alerts.get(notice.alert)) if rings else None
        same = (notice.alert, "ring" if rings else notice.reason, notice.level) + (() if rings else (notice.text,))
        if why is None and same in seen:
            why = Why.COLLAPSED
        if why is not None:
            made.dropped.append((notice, why))
            continue
        seen.add(same)
        yield notice


def _moot(notice: Notice, alert: Alert | None) -> Why | None:
    """Why a ring has no meaning any more."""
    if alert is None or alert.handling.over:
        return Why.OVER
    if alert.handling is not Handling.NEW:
        return Why.ACKNOWLEDGED
    if alert.condition is Condition.CLEARED and alert.level.rank < Level.ORANGE.rank:
        return Why.RETURNED_TO_NORMAL
    return Why.WORSE if alert.level.rank > notice.level.rank else None


def _of_group(
    key: str, some: Sequence[Notice], view: View, timings: Mapping[Level, Timing], now: datetime, made: Plan
) -> list[Message]:
    group = view.groups.get(key)
    first = some[0] if some else None
    if group is None and first is not None:
        group = Group(key, first.person, first.channel, first.level.value, now)
    timing = timings.get(Level(group.level)) if group else None
    if group is None or timing is None:  # the policy groups this level no longer: nothing is repeated
        if group is not None:
            made.groups[key] = replace(group, repeat_at=None)
        return []
    waits = now + RECHECK if group.carrier else group.flush_at if group.lasts and group.flush_at > now else None
    if waits is not None:
        made.kept += [(notice, waits, Why.GROUPED) for notice in some]
        if not some:
            made.groups[key] = replace(group, repeat_at=waits)
        return []
    so = _so(group, some, view.alerts)
    told = look(_without_reopened(group, some, view.alerts), so, now, timing)
    made.groups[key] = replace(group, flush_at=now + timing.interval, repeat_at=None)
    if told is Told.NOTHING:
        made.dropped += [(notice, Why.GROUP_UNCHANGED) for notice in some]
        if so.firing and timing.repeat and group.log is not None:
            made.groups[key] = replace(
                made.groups[key], repeat_at=max(group.log.at + timing.rounded, now + timing.interval)
            )
        return []
    fresh = {notice.alert for notice in some}
    again = tuple(sorted(so.firing - fresh)) if told is Told.REPEAT else ()
    return [Message(tuple(some), told, (Part(key, so),), again)]


def _so(group: Group, some: Sequence[Notice], alerts: Mapping[str, Alert]) -> Now:
    """What is so now: of those that were told, and of those that are to be."""
    rings = frozenset(n.alert for n in some if n.reason in RINGING)
    resolved = frozenset(n.alert for n in some if n.reason is Reason.RESOLVED)
    known = [alerts[ident] for ident in sorted(group.log.firing if group.log else ()) if ident in alerts]
    same = [a for a in known if not a.handling.over and a.level.value == group.level]
    rung = frozenset(a.id for a in same if ringing(a))
    firing = (rings | rung) - resolved
    return Now(firing, resolved, frozenset(a.id for a in same) - firing - resolved)


def ringing(alert: Alert) -> bool:
    """Whether its bell would ring by itself: it is still so, nobody has it, and nothing keeps it shut."""
    shut = (keeps := kept(alert)) is not None and keeps.why != DRILL
    return alert.handling is Handling.NEW and alert.condition is Condition.ACTIVE and not shut


def _without_reopened(group: Group, some: Sequence[Notice], alerts: Mapping[str, Alert]) -> Group:
    """The group as if nothing had been told of those whose bell was opened again since its last message: it rings anew."""
    if (log := group.log) is None:
        return group
    rung = {n.alert: alerts[n.alert].stages.get("rung_at") for n in some if n.reason in RINGING and n.alert in alerts}
    anew = frozenset(ident for ident, at in rung.items() if at is not None and at > log.at)
    return replace(group, log=replace(log, firing=log.firing - anew)) if anew & log.firing else group


def _portion(wanted: Sequence[Message], view: View, now: datetime, made: Plan) -> None:
    """Each by itself where the budgets allow it, else all as one; when not even that may go, they wait until it may."""
    before, apart = view.before, []
    for message in wanted:
        if free_at(view.budgets, before, now, message.words) > now:
            break
        apart.append(message)
        before = with_one_more(before, Let(now, message.words))
    if len(apart) == len(wanted):
        made.messages, made.before = apart, before
        return
    whole = _together(wanted)
    at = free_at(view.budgets, view.before, now, whole.words)
    if at <= now:
        made.messages, made.before = [whole], with_one_more(view.before, Let(now, whole.words))
        return
    made.kept += [(notice, at, Why.BUDGET) for notice in whole.riders]
    for part in whole.parts:
        group = made.groups[part.group]
        rides = any(notice.bundle == part.group for notice in whole.riders)
        made.groups[part.group] = replace(group, flush_at=at, repeat_at=None if rides else at)


def _together(wanted: Sequence[Message]) -> Message:
    if len(wanted) == 1:
        return wanted[0]
    riders = tuple(n for message in wanted for n in message.riders)
    parts = tuple(part for message in wanted for part in message.parts)
    again = tuple(ident for message in wanted for ident in message.again)
    return Message(riders, Why.BUDGET, parts, again)
