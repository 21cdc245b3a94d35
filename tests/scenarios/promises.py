"""What must hold of a ledger whatever has happened (DESIGN, the laws), looked at after every step by comparing it with the step before.

Nothing here asks the code under test what is right: the allowed moves, the reasons that ring and the ends of a case are written down anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta

from alerts.alert import AFTERWARDS, Alert, Condition, Entry, Handling, Notice, Reason
from alerts.delivery.failover import went_over
from alerts.delivery.letting_go import speaks_for_others
from alerts.policy import Policies
from streams.signal import Level
from tests.alerts.memory_ledger import MemoryLedger, Tables

RINGS = frozenset({"first", "worse", "repeat", "escalate"})
UNDER_WAY = frozenset({"queued", "sending"})
WAITING = UNDER_WAY | {"held"}
HEARD = frozenset({"sent", "delivered", "answered"})
FINISHED = frozenset({"closed", "evaluated", "false_alarm", "merged", "void", "test", "suppressed"})
BORN_OVER = frozenset({"test", "suppressed"})
LIFE_SAFETY = frozenset({"fire", "gas"})
# Where a notice may be found after any number of receipts, in any order.
_ON = HEARD | {"failed"}
LATER = {
    "held": WAITING | _ON | {"cancelled"},
    "queued": UNDER_WAY | _ON | {"cancelled"},
    "sending": UNDER_WAY | _ON | {"cancelled"},
    "sent": _ON,
    "delivered": {"delivered", "answered"},
    "failed": {"failed", "delivered", "answered"},
    "cancelled": {"cancelled", *_ON},
    "answered": {"answered"},
}


class Promises:
    """Compares the ledger with how it was at the last look. `look` raises `AssertionError` with the law that was broken."""

    def __init__(self, ledger: MemoryLedger, policies: Policies) -> None:
        self.ledger = ledger
        self.policies = policies
        self.before: Tables = ledger.tables.copy()
        self.muted: set[str] = set()  # cases that were over from the start
        self.ended: dict[str, datetime] = {}  # when a case was over last
        self.failed: set[str] = set()  # notices that failed once, whatever was heard of them later
        self.repeated: dict[tuple[str, str, str], datetime] = {}  # when a group told somebody of a case again last
        self.rung: Counter[tuple[object, ...]] = Counter()  # who was rung, by opening of the bell, step and channel

    def look(self, now: datetime) -> None:
        """Everything that can be said of the step that was taken last."""
        before, after = self.before, self.ledger.tables.copy()
        fresh = after.entries[len(before.entries) :]
        changed = [a for ident, a in after.alerts.items() if before.alerts.get(ident) is not a]
        new = [n for key, n in after.notices.items() if key not in before.notices]
        moved = [
            (before.notices[k], n)
            for k, n in after.notices.items()
            if k in before.notices and before.notices[k] is not n
        ]
        self._timeline(before, after, fresh)
        for alert in changed:
            self._alert(before.alerts.get(alert.id), alert, fresh, new, now)
        for notice in new:
            if speaks_for_others(notice):
                assert [n for n in after.notices.values() if n.carrier == notice.key], f"it speaks of nothing: {notice}"
            else:
                self._rings_once(notice, after.alerts[notice.alert], fresh)
        for was, notice in moved:
            self._moves_on(was, notice, fresh)
        for notice in (*new, *(n for _, n in moved)):
            waits = notice.state == "held" or notice.bundle
            assert not waits or notice.level.rank < Level.ORANGE.rank, f"law 8: it waits for others: {notice}"
            assert not waits or notice.reason in RINGS | {"resolved"}, f"a person's request waits: {notice}"
        touched = {a.id for a in changed} | {
            n.alert for n in (*new, *(n for _, n in moved)) if not speaks_for_others(n)
        }
        for ident in touched:
            self._people(after.alerts[ident], [n for n in after.notices.values() if n.alert == ident])
        self.before = after

    def overdue(self, now: datetime, grace: timedelta) -> None:
        """Nothing that fell due is still waiting after everything due was done (laws 6 and 8)."""
        for alert in self.ledger.tables.alerts.values():
            for name, at in (("the next step", alert.escalate_at), *alert.timers.items()):
                assert at is None or at > now - grace, f"law 8: {name} of {alert.id} was due {at}, it is {now}"

    def told_or_said(self) -> None:
        """Every red that rang was heard by somebody, or the timeline says why not (laws 5 and 8)."""
        for alert in self.ledger.tables.alerts.values():
            if alert.level is not Level.RED or alert.id in self.muted:
                continue
            notices = self.ledger.outbox(alert=alert.id, limit=10_000)
            said = {e.what for e in self.ledger.timeline(alert.id)}
            told = any(n.state in HEARD and n.reason in RINGS for n in notices)
            assert told or said & {"not_told", "cancelled", "failed"}, f"law 8: nobody heard of {alert}: {said}"
            if not told and "not_told" not in said:  # then somebody had it before it left, or no way worked
                assert alert.handling is not Handling.NEW or "failed" in said, f"law 8: {alert.id} rang in vain"
            assert not [n for n in notices if n.state in WAITING], f"law 3: left in the outbox of {alert.id}"

    def _timeline(self, before: Tables, after: Tables, fresh: list[Entry]) -> None:
        assert after.entries[: len(before.entries)] == before.entries, "law 5: the timeline only grows"
        assert [e.seq for e in fresh] == list(range(len(before.entries) + 1, len(after.entries) + 1)), "law 5: no holes"

    def _alert(self, was: Alert | None, alert: Alert, fresh: list[Entry], new: list[Notice], now: datetime) -> None:
        lines = [e for e in fresh if e.alert == alert.id]
        rings = [n for n in new if n.alert == alert.id and n.reason in RINGS]
        # Law 5: what changed is said. A timer that is put away because it has no meaning any more says nothing.
        if was is not None and not lines:
            told = {"timers", "version", "work"}
            moved = {f.name for f in fields(alert) if getattr(was, f.name) != getattr(alert, f.name)} - told
            if was.work.hush and alert.work.hush and _but(was.stages, "rung_at") == _but(alert.stages, "rung_at"):
                moved -= {"stages", "escalate_at", "step"}  # looked at again, and still kept shut: that was said
            assert not moved, f"law 5: without a word {sorted(moved)} changed: {was} -> {alert}"
        if was is None and alert.handling in BORN_OVER:
            self.muted.add(alert.id)
        if any(e.what == "reopened" for e in lines):
            self.muted.discard(alert.id)
        assert alert.id not in self.muted or not [n for n in new if n.alert == alert.id], "laws 10, 13: it rings nobody"
        self._bell(was, alert, lines, rings)
        over, was_over = alert.handling in FINISHED, was is not None and was.handling in FINISHED
        if over and not was_over and alert.id not in self.muted:
            self.ended[alert.id] = now
        if alert.handling is Handling.MERGED and was is not None and was.handling is Handling.MERGED:
            assert not rings, f"a merged case rings: {rings}"

    def _bell(self, was: Alert | None, alert: Alert, lines: list[Entry], rings: list[Notice]) -> None:
        if alert.handling is not Handling.NEW:
            assert alert.escalate_at is None, f"law 6: {alert.id} is {alert.handling} and has a next step"
        rank = was.level.rank if was else -1
        opens = alert.id not in self.muted and alert.level.rank > rank
        if opens:  # law 7
            assert alert.handling is Handling.NEW, f"law 7: {alert.id} got worse and is {alert.handling}"
            chain = self.policies.policy(alert.kind).chain(alert.level)
            assert alert.chain == chain, f"law 7: {alert.id} climbs another chain than its level's"
            reasons = {n.reason for n in rings}
            said = {e.what for e in lines}
            assert reasons & {Reason.FIRST, Reason.WORSE} or said & {"not_told", "hushed"}, (
                f"law 7: {alert.id} is silent"
            )
        if was is not None and alert.level.rank < rank:
            assert not rings, f"law 7: a fall rings nobody, and {alert.id} rang {rings}"
        active = alert.handling is Handling.NEW and alert.condition is Condition.ACTIVE
        waits = alert.work.paused or alert.work.hush is not None  # for a condition, or until what keeps it shut is over
        climbs = alert.escalate_at is not None or alert.step >= len(alert.chain)
        assert climbs or waits or not active, f"law 8: {alert.id} is {alert.level}, new, active and silent"
        if active and alert.level is Level.RED and alert.kind in LIFE_SAFETY:
            assert alert.chain, f"law 8: {alert.id} is red and has no chain"
            assert climbs or alert.work.paused, f"law 8: {alert.id} is red, new, active and silent"

    def _rings_once(self, notice: Notice, alert: Alert, fresh: list[Entry]) -> None:
        lines = [e for e in fresh if e.alert == alert.id]
        told = {tuple(pair) for e in lines if e.what == "told" for pair in e.detail["told"]}
        over = {(e.detail["person"], e.detail["channel"]) for e in lines if e.what == "failed_over"}
        rides = {e.detail["notice"]: e.why for e in lines if e.what == "bundled" and e.detail["reason"] == "repeat"}
        if rides.get(notice.key) in {"group_repeat", "budget"} and (notice.person, notice.channel) not in told:
            self._repeats(notice, alert)
            return
        assert (notice.person, notice.channel) in told | over, f"law 5: {notice} is not on the timeline"
        if notice.reason in RINGS:
            opening = alert.stages.get("rung_at")
            what = (alert.id, opening, notice.level, notice.reason, notice.step, notice.person, notice.channel)
            self.rung[what] += 1
            assert self.rung[what] == 1, f"law 3: {what} is told twice"

    def _repeats(self, notice: Notice, alert: Alert) -> None:
        """A group is told again: never red, never what somebody has, and after its time."""
        timing = self.policies.quiet.groups[notice.level]
        assert notice.level.rank < Level.ORANGE.rank, f"law 8: {notice} is grouped"
        assert notice.level is alert.level, f"law 7: {alert.id} is {alert.level} by now, and is told again as {notice}"
        assert alert.handling is Handling.NEW, f"law 6: {alert.id} is {alert.handling} and is told again"
        lane = (notice.alert, notice.person, notice.channel)
        since = self.repeated.get(lane, alert.stages["rung_at"])
        assert notice.created_at - since >= timing.rounded, (
            f"law 3: {notice} is told again after {notice.created_at - since}"
        )
        self.repeated[lane] = notice.created_at

    def _moves_on(self, was: Notice, notice: Notice, fresh: list[Entry]) -> None:
        assert notice.state in LATER[was.state], f"a notice went back: {was.state} -> {notice.state}, {notice.key}"
        for name in ("sent_at", "delivered_at"):
            first = getattr(was, name)
            assert first in {None, getattr(notice, name)}, f"{name} is the first time: {was} -> {notice}"
        if notice.state == "failed":
            self.failed.add(notice.key)
        if notice.state != was.state and notice.state not in WAITING and not speaks_for_others(notice):
            said = [e for e in fresh if e.what == notice.state and e.detail.get("notice") == notice.key]
            assert said, f"law 5: {was.state} -> {notice.state} of {notice.key} is not on the timeline"

    def _people(self, alert: Alert, notices: Iterable[Notice]) -> None:
        """Law 6: answered is quiet, and whoever heard of a case hears once that it is over."""
        notices = list(notices)
        waiting = [n for n in notices if n.state in WAITING]
        if alert.handling is not Handling.NEW:
            assert not [n for n in waiting if n.reason in RINGS], f"law 6: {alert.id} is {alert.handling} and rings"
        milder = [n for n in waiting if n.reason in RINGS and n.level.rank < alert.level.rank]
        assert not milder, f"law 7: {alert.id} is {alert.level} by now, and rings as {milder}"
        if alert.handling not in FINISHED or alert.id in self.muted:
            return
        assert not [n for n in waiting if n.reason not in AFTERWARDS], f"law 6: {alert.id} is over: {waiting}"
        since = self.ended[alert.id]
        resolved = [n for n in notices if n.reason is Reason.RESOLVED and n.created_at >= since]
        hears = Counter(n.person for n in resolved)
        over = {n.key for n in resolved if went_over(n, resolved)}  # one that failed goes over another channel
        twice = Counter(n.person for n in resolved if n.key not in self.failed | over)
        for person in {n.person for n in notices if n.reason not in AFTERWARDS and n.state in HEARD}:
            assert hears[person], f"law 6: {person} heard of {alert.id} and never that it is over"
        assert max(twice.values(), default=0) <= 1, f"law 6: told twice that it is over: {twice} since {since}"


def _but(stages: Mapping[str, datetime], name: str) -> dict[str, datetime]:
    return {key: at for key, at in stages.items() if key != name}
