"""The cases before one transaction: each alert is read once, stepped as often as needed, and written once with all that was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from alerts.alert import Alert, Entry, Handling, Notice, NoticeState, Reason
from alerts.commands import Delivered, Event, Follow, Skipped, Told
from alerts.delivery.holding import Holding, settle
from alerts.escalation import RINGING
from alerts.gate import Gate
from alerts.hushing import kept
from alerts.ledger.port import Transaction
from alerts.lifecycle import step
from alerts.notices import moved, reached, waiting
from alerts.outcome import (
    Cancel,
    Cascade,
    Effect,
    HandDown,
    Notify,
    NotifyAbove,
    NotifyPerson,
    Outcome,
    Supervise,
    TellHeard,
    TellReporters,
    TellToldPeople,
    Why,
    WriteBack,
)
from alerts.quiet.events import Hushed, KeptBack, Reconsider, Rehearsed, Unhushed
from alerts.quiet.hush import Hush, Rehearsal
from alerts.quiet.verdict import QuietPolicy
from alerts.telling import Teller
from alerts.whistle.whistle import Tell

GIVEN_UP: Final = frozenset({NoticeState.FAILED, NoticeState.CANCELLED})
# What is about units or about whoever is at the scene is no bell, so whoever answers the bell does not answer it.
_NO_BELL: Final = frozenset({Reason.WHISTLE, Reason.CHECK_IN, Reason.NO_WORD, Reason.WORD})


class Docket:
    """Applies events through `lifecycle.step`, does what the effects ask for, and writes everything in `finish` (law 4)."""

    def __init__(self, tx: Transaction, teller: Teller, quiet: QuietPolicy, now: datetime) -> None:
        self.tx = tx
        self.now = now
        self.teller = teller
        self.gate = Gate(tx, teller.registry, quiet, now)
        self.quiet = quiet
        self._read: dict[str, Alert] = {}
        self._alerts: dict[str, Alert] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._notices: dict[str, dict[str, Notice]] = {}  # of an alert, by key, as they are now
        self._new: dict[str, Notice] = {}
        self._moved: dict[str, Notice] = {}
        self._held: dict[str, str] = {}
        self._borne: set[str] = set()  # new notices about which it is decided already that they go
        self._said: dict[str, Entry] = {}  # the last line about the telling that made a new notice

    def load(self, alerts: Iterable[Alert]) -> None:
        """Take in alerts that were read together."""
        for alert in alerts:
            self._read.setdefault(alert.id, alert)
            self._alerts.setdefault(alert.id, alert)

    def get(self, ident: str) -> Alert | None:
        """An alert as it is by now."""
        if ident not in self._alerts and (found := self.tx.alert(ident)) is not None:
            self.load([found])
        return self._alerts.get(ident)

    def apply(self, alert: Alert | None, event: Event) -> Alert:
        """Step an alert, do what follows from it, and return what it has become. Raises `NotAllowed`."""
        return self._take(step(alert, event, self.now))

    def hold(self, key: str, alert: str) -> None:
        """Remember a signal key, to be written with everything else."""
        self._held[key] = alert

    def holds(self, key: str) -> str | None:
        """Which alert of this docket holds a key."""
        return self._held.get(key)

    def move(self, notice: Notice, state: NoticeState, event: Delivered, *, provider_id: str = "") -> Alert | None:
        """Move a notice, when it may move there, and tell its alert. None when nothing moved."""
        error = event.error or (event.why if state is NoticeState.CANCELLED else "")
        after = moved(notice, state, self.now, provider_id=provider_id, error=error)
        alert = self.get(notice.alert)
        if after is None or alert is None:
            return None
        self._notices_of(notice.alert)
        self.put(after)
        if after.bundle and not after.carrier:
            settle(self.tx, after, self.now, self.quiet)
        return self.apply(alert, event)

    def put(self, notice: Notice) -> None:
        """Write a notice as it is now; nothing is said about it."""
        if notice.alert in self._notices:
            self._notices[notice.alert][notice.key] = notice
        (self._new if notice.key in self._new else self._moved)[notice.key] = notice

    def bear(self, notice: Notice) -> None:
        """A new notice that needs no telling of its own: it speaks for others, or goes with them."""
        self._new.setdefault(notice.key, notice)
        self._borne.add(notice.key)

    def know(self, notices: Mapping[str, Iterable[Notice]]) -> None:
        """Take in the notices of alerts that were read together."""
        for ident, some in notices.items():
            self._notices.setdefault(ident, {n.key: n for n in some})

    def current(self, notice: Notice) -> Notice:
        """A notice as it is by now."""
        return self._notices.get(notice.alert, {}).get(notice.key, notice)

    def hopeless(self, notice: Notice) -> bool:
        """Whether no other notice of the same step can still reach anybody, and the trouble is this step's own.

        When the step before it reached nobody either, the provider is away: hurrying would only burn the chain.
        """
        known = [n for n in self._notices_of(notice.alert).values() if n.key != notice.key]
        rings = [n for n in known if n.reason in RINGING]
        alive = any(n.state not in GIVEN_UP for n in rings if (n.step, n.reason) == (notice.step, notice.reason))
        before = [n.state for n in rings if n.step == notice.step - 1 and n.created_at <= notice.created_at]
        return not alive and not (before and all(state is NoticeState.FAILED for state in before))

    def finish(self) -> list[Alert]:
        """Write it all; returns the alerts that changed, with their new versions."""
        holding = Holding(self.tx, self.teller.roster, self.quiet, self.now)
        for notice, kept_back in holding.admit(
            (n for n in self._new.values() if n.key not in self._borne), self._alerts
        ):
            self._new[notice.key] = notice
            if kept_back is not None:
                self._keep_back(kept_back)
        changes = [(a, self._entries.get(a.id, [])) for a in self._alerts.values() if a is not self._read.get(a.id)]
        written = {alert.id for alert, _ in changes}
        saved = self.tx.save_all(changes) if changes else []
        self.tx.append([line for ident, lines in self._entries.items() if ident not in written for line in lines])
        self.tx.update(*self._moved.values())
        self.tx.queue(list(self._new.values()))
        self.tx.hold(self._held)
        self.gate.finish()
        holding.finish()
        return saved

    def _take(self, outcome: Outcome) -> Alert:
        alert = outcome.alert
        self._alerts[alert.id] = alert
        self.gate.saw(alert)
        if outcome.entries:
            self._entries.setdefault(alert.id, []).extend(outcome.entries)
        for effect in outcome.effects:
            self._act(self._alerts[alert.id], effect)
        return self._alerts[alert.id]

    def _act(self, alert: Alert, effect: Effect) -> None:
        match effect:
            case Notify():
                self._ring(alert, effect)
            case NotifyAbove():
                self._queue(alert, *self.teller.above(alert, effect, self.now))
            case HandDown():
                # A bell that is kept shut wakes nobody; what rings at its end looks for whoever is there then.
                if kept(alert) is None:
                    self._queue(alert, *self.teller.hand_down(alert, self.now))
            case Supervise():
                self._queue(alert, *self.teller.supervise(alert, effect, self.now))
            case Tell():
                self._queue(alert, *self.teller.whistle(alert, effect, self.now))
            case Cascade():
                for ident in effect.cases:
                    if (other := self.get(ident)) is not None:
                        self.apply(other, Follow(alert))
            case NotifyPerson():
                self._queue(alert, *self.teller.instruct(alert, effect, self.now))
            case TellToldPeople():
                known = list(self._notices_of(alert.id).values())
                self._queue(alert, *self.teller.resolve(alert, effect, known, self.now))
            case WriteBack():
                self._queue(alert, *self.teller.write_back(alert, effect, self.now))
            case TellHeard():
                told = (n for n in self._notices_of(alert.id).values() if n.created_at >= effect.since and reached(n))
                for person in dict.fromkeys(n.person for n in told if n.reason is Reason.NO_WORD):
                    self._queue(alert, *self.teller.heard(alert, effect, person, self.now))
            case TellReporters():
                for report, person in effect.reports:
                    self._queue(alert, *self.teller.report(alert, report, person, self.now))
            case Cancel():
                queued = [n for n in self._notices_of(alert.id).values() if waiting(n)]
                for notice in [n for n in queued if _means(effect, alert, n)]:
                    self.move(notice, NoticeState.CANCELLED, Delivered(notice, NoticeState.CANCELLED, effect.why))

    def _ring(self, alert: Alert, notify: Notify) -> None:
        """Ring a step, unless something keeps the bell shut just now."""
        match self.gate.answer(alert, notify.step):
            case Hush() as hush:
                self.apply(alert, Hushed(hush, notify.reason, notify.step))
            case Rehearsal() as drill:
                marked = self.apply(alert, Rehearsed(drill, notify.reason))
                self._queue(marked, *self.teller.rehearse(marked, notify, drill.people, self.now))
            case None:
                rings = self.apply(alert, Unhushed()) if alert.work.hush else alert
                self._queue(rings, *_without_confirmed(rings, *self.teller.ring(rings, notify, self.now)))

    def reconsider(self, alert: Alert, by: str) -> Alert:
        """Look at a bell again because what keeps bells shut has changed: one that is shut may ring, one that rings may fall silent."""
        if kept(alert) is not None:
            return self.apply(alert, Reconsider(by))
        hush = self.gate.answer(alert, 1) if alert.handling is Handling.NEW else None
        return self.apply(alert, Hushed(hush, Reason.REPEAT, alert.step)) if isinstance(hush, Hush) else alert

    def _queue(self, alert: Alert, notices: list[Notice], told: Told | None) -> None:
        if told is None:
            return
        for notice in notices:
            self._new.setdefault(notice.key, notice)
            if alert.id in self._notices:
                self._notices[alert.id].setdefault(notice.key, notice)
        self.apply(alert, told)
        for notice in notices:
            self._said.setdefault(notice.key, self._entries[alert.id][-1])

    def _keep_back(self, event: KeptBack) -> None:
        """Say that a notice is held where its telling was said, whatever else the transaction has said of the case since."""
        self.apply(self._alerts[event.notice.alert], event)
        lines, said = self._entries[event.notice.alert], self._said[event.notice.key]
        line, at = lines.pop(), next(n for n, line in enumerate(lines, 1) if line is said)
        while at < len(lines) and lines[at].what == line.what:
            at += 1
        lines.insert(at, line)

    def _notices_of(self, alert: str) -> dict[str, Notice]:
        if alert not in self._notices:
            self.get(alert)
            known = self.tx.notices(alert) if alert in self._read else []  # one that was opened here has none
            queued = (n for n in self._new.values() if n.alert == alert)
            self._notices[alert] = {n.key: n for n in known} | {n.key: n for n in queued}
        return self._notices[alert]


def _means(cancel: Cancel, alert: Alert, notice: Notice) -> bool:
    """Whether a notice is called back. Whoever answers a bell does not answer a whistle, and what became of a report or order stays."""
    if notice.reason in {Reason.REPORTED, Reason.ORDER}:
        return False
    if cancel.reasons:
        return notice.reason in cancel.reasons
    if cancel.unit is not None:
        return notice.reason is Reason.WHISTLE and cancel.unit in {0, notice.step}
    return (notice.reason not in _NO_BELL or alert.handling.over) and cancel.person in {"", notice.person}


def _without_confirmed(alert: Alert, notices: list[Notice], told: Told) -> tuple[list[Notice], Told]:
    """Whoever has answered is not rung again while the others of the step are waited for."""
    done = set(alert.work.confirmed)
    if not done:
        return notices, told
    skipped = tuple(Skipped(Why.CONFIRMED, person) for person in done if any(n.person == person for n in notices))
    kept = tuple(pair for pair in told.told if pair[0] not in done)
    return [n for n in notices if n.person not in done], replace(told, told=kept, skipped=(*told.skipped, *skipped))
