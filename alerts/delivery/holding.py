"""Which new notices go at once, and which are held, for their group or for their receiver's budget: asked when a transaction ends.

Only bells of yellow and blue, what a policy groups, and their endings are ever held (law 8); every message counts. All notices of a
transaction are two questions at most: one for their groups, and one for what was sent lately to those who are not told in groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from alerts.alert import Alert, Notice, NoticeState, Reason
from alerts.delivery.bundles import HELD_BACK, SAID_LATER, Lane, spoken
from alerts.evolve import evolve
from alerts.ledger.port import Transaction
from alerts.notices import WAITING, reached
from alerts.outcome import Why
from alerts.people.roster import Roster
from alerts.quiet.budgets import Budget, Let, concerning, free_at, turn, with_one_more
from alerts.quiet.events import KeptBack
from alerts.quiet.grouping import Group, Timing, group_key, labels, opens_at, sent
from alerts.quiet.verdict import QuietPolicy
from streams.canary import KIND as CANARY
from streams.signal import Level


class Holding:
    """Admits the notices of one transaction."""

    def __init__(self, tx: Transaction, roster: Roster, policy: QuietPolicy, now: datetime) -> None:
        self._tx = tx
        self._roster = roster
        self._policy = policy
        self._now = now
        self._limited = {budget.channel for budget in policy.budgets}
        self._budgets: dict[Lane, tuple[Budget, ...]] = {}
        self._before: dict[Lane, tuple[Let, ...]] = {}
        self._counted: set[Lane] = set()
        self._groups: dict[str, Group] = {}
        self._keys: dict[tuple[str, ...], str] = {}

    def admit(self, notices: Iterable[Notice], alerts: Mapping[str, Alert]) -> list[tuple[Notice, KeptBack | None]]:
        """Each notice that is to be queued as it is to be written, and what is to be said when it is held; the others are left out."""
        fresh = [n for n in notices if n.state is NoticeState.QUEUED and n.alert in alerts]
        fresh = [n for n in fresh if alerts[n.alert].kind != CANARY]
        if not fresh or not (self._limited or self._policy.groups):
            return []
        keys = {n.key: self._key(n, timing, alerts[n.alert]) for n in fresh if (timing := self._timing(n)) is not None}
        self._groups = self._tx.bundles.groups(keys.values()) if keys else {}
        in_order = sorted(fresh, key=lambda n: (-n.level.rank, n.created_at, n.key))
        grouped = [n for n in in_order if n.key in keys and self._with_its_group(n, keys[n.key])]
        apart = [n for n in in_order if n.key not in keys or not self._with_its_group(n, keys[n.key])]
        lanes = {Lane(n.person, n.channel) for n in apart if n.channel in self._limited}
        self._before = self._tx.bundles.let_go(lanes) if lanes else {}
        waiting = [self._grouped(n, alerts[n.alert], keys[n.key]) for n in grouped]
        return [*(self._apart(n) for n in apart), *waiting]

    def finish(self) -> None:
        """Write what was let go."""
        if self._counted:
            self._tx.bundles.keep_let_go({lane: self._before[lane] for lane in self._counted})

    def _with_its_group(self, notice: Notice, key: str) -> bool:
        """An ending is told with the group only when its beginning was."""
        if notice.reason is not Reason.RESOLVED:
            return True
        group = self._groups.get(key)
        return group is not None and group.log is not None and notice.alert in group.log.firing

    def _grouped(self, notice: Notice, alert: Alert, key: str) -> tuple[Notice, KeptBack]:
        timing, raised_at = self._policy.groups[notice.level], alert.stages.get("raised_at", self._now)
        at = max(opens_at(self._groups.get(key), raised_at, self._now, timing), notice.due_at)
        return _kept(notice, Why.GROUPED, at, key)

    def _apart(self, notice: Notice) -> tuple[Notice, KeptBack | None]:
        lane = Lane(notice.person, notice.channel)
        may_wait = notice.level in HELD_BACK and notice.reason in SAID_LATER
        budgets = self._of(lane) if lane.channel in self._limited else ()
        if not budgets:
            return notice, None
        if may_wait and notice.due_at > self._now:  # quiet hours, and that was said: then the budget is asked again
            return evolve(notice, state=NoticeState.HELD), None
        before, words = self._before.get(lane, ()), spoken(notice)
        at = free_at(budgets, before, self._now, words) if may_wait else self._now
        if at > self._now:
            return _kept(notice, Why.BUDGET, at)
        self._before[lane] = with_one_more(before, Let(self._now, words))
        self._counted.add(lane)
        first = notice.reason is Reason.FIRST
        return (evolve(notice, turn=turn(before, self._now, first=first)) if may_wait else notice), None

    def _timing(self, notice: Notice) -> Timing | None:
        may = notice.reason in SAID_LATER and notice.level is not Level.RED
        return self._policy.groups.get(notice.level) if may else None

    def _key(self, notice: Notice, timing: Timing, alert: Alert) -> str:
        common = labels(alert, timing.by)
        known = (notice.level, notice.person, notice.channel, *common.values())
        if known not in self._keys:
            self._keys[known] = group_key((notice.level,), common, (notice.person, notice.channel))
        return self._keys[known]

    def _of(self, lane: Lane) -> tuple[Budget, ...]:
        if lane not in self._budgets:
            self._budgets[lane] = budgets_of(lane, self._roster, self._policy)
        return self._budgets[lane]


def _kept(notice: Notice, why: Why, at: datetime, bundle: str = "") -> tuple[Notice, KeptBack]:
    held = evolve(notice, state=NoticeState.HELD, due_at=at, error=why, bundle=bundle)
    return held, KeptBack(held, why, at)


def budgets_of(lane: Lane, roster: Roster, policy: QuietPolicy) -> tuple[Budget, ...]:
    """The budgets of one person's number over one channel."""
    person = roster.person(lane.person)
    return concerning(policy.budgets, lane.channel, person.phone if person else "")


def settle(tx: Transaction, carrier: Notice, now: datetime, policy: QuietPolicy) -> None:
    """A message that speaks for groups has left, or never will: what was sent last is written down only once it was."""
    if carrier.state in WAITING or (bundle := tx.bundles.bundle(carrier.key)) is None:
        return
    groups = tx.bundles.groups(part.group for part in bundle.parts)
    after: list[Group] = []
    for part in bundle.parts:
        group = groups.get(part.group)
        if group is not None and group.carrier == carrier.key:
            timing = policy.groups.get(Level(group.level))
            done = reached(carrier) and timing is not None
            after.append(sent(group, part.so, now, timing) if done and timing else replace(group, carrier=""))
    tx.bundles.keep_groups(after)
