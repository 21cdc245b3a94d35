"""Before a bell rings: what the ledger knows that might keep it shut, gathered within the transaction that would ring it.

Everything is read when it is first needed and once per transaction. What the transaction itself has just decided comes before what the
ledger still says: a fire that was opened a moment ago already speaks for its grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property

from alerts.alert import Alert, Condition
from alerts.ledger.port import Transaction
from alerts.quiet.bell import Bell, bell_of
from alerts.quiet.book import QuietBook
from alerts.quiet.events import Flapped
from alerts.quiet.flapping import Flap, Turn, calm_at, flap_key, observe, settle
from alerts.quiet.hush import Hush, Rehearsal
from alerts.quiet.inhibition import Label, concerns
from alerts.quiet.verdict import Around, QuietPolicy, flap_keys, verdict
from ingest.registry import Registry
from streams.canary import KIND as CANARY
from streams.signal import Level, Signal


class Gate:
    """Asks `verdict` for one transaction."""

    def __init__(self, tx: Transaction, registry: Registry, policy: QuietPolicy, now: datetime) -> None:
        self._tx = tx
        self._registry = registry
        self._policy = policy
        self._now = now
        self._seen: dict[str, Alert] = {}  # alerts as this transaction has made them
        self._by_place: dict[str, dict[str, None]] = {}
        self._by_subject: dict[str, dict[str, None]] = {}
        self._read: dict[tuple[str, Level | None], list[Alert]] = {}
        self._flaps: dict[str, Flap] = {}
        self._asked: set[str] = set()
        self._changed: dict[str, Flap] = {}

    def saw(self, alert: Alert) -> None:
        """An alert as it is by now. Nothing is lesser than a new blue one, so that speaks for nobody."""
        if alert.id not in self._seen:
            if alert.level is Level.BLUE:
                return
            self._by_place.setdefault(alert.place.grid, {})[alert.id] = None
        for subject in alert.subjects:
            self._by_subject.setdefault(subject, {})[alert.id] = None
        self._seen[alert.id] = alert

    def answer(self, alert: Alert, step: int) -> Hush | Rehearsal | None:
        """Whether the bell may ring step `step`. A device that flaps keeps the first step shut, never the climb of a bell that rang."""
        if alert.kind == CANARY:
            return None
        bell = bell_of(alert, self._registry)
        around = Around(self._sources(bell), self._known(flap_keys(bell)) if step == 0 else {})
        return verdict(bell, self._book, self._policy, self._now, around)

    def load(self, signals: Iterable[Signal]) -> None:
        """Ask in one question for what is remembered of the devices of a batch."""
        self._known([flap_key(s.subject, s.rule) for s in signals])

    def edge(self, signal: Signal) -> Flapped | None:
        """A device came or went. Nothing is remembered of one that came for the first time; it is from when it went."""
        key = flap_key(signal.subject, signal.rule)
        flap = self._known([key]).get(key)
        if signal.marks.mutes or (flap is None and signal.active):
            return None
        before = flap or Flap((False, True), min(signal.event_at, signal.raised_at))
        return self._keep(key, *observe(before, signal.active, signal.raised_at, self._policy.flapping))

    def calmed(self, alert: Alert) -> Flapped | None:
        """Whether a device that flapped has calmed down; without a turn, when it will have. None when there is nothing to wait for."""
        for key in flap_keys(bell_of(alert, self._registry)):
            flap = self._known([key]).get(key)
            if flap is not None and flap.flapping:
                after, turn = settle(flap, self._now, self._policy.flapping)
                self._keep(key, after, turn)
                return Flapped(turn, key, calm_at(after, self._policy.flapping))
        return None

    def finish(self) -> None:
        """Write what is to be remembered."""
        if self._changed:
            self._tx.quiet.keep_flaps(self._changed)

    def _keep(self, key: str, flap: Flap, turn: Turn | None) -> Flapped | None:
        self._flaps[key] = self._changed[key] = flap
        return Flapped(turn, key, calm_at(flap, self._policy.flapping)) if turn else None

    @cached_property
    def _book(self) -> QuietBook:
        return self._tx.quiet.book(self._now)

    def _known(self, keys: Sequence[str]) -> dict[str, Flap]:
        fresh = [key for key in dict.fromkeys(keys) if key not in self._asked]
        if fresh:
            self._asked.update(fresh)
            self._flaps.update(self._tx.quiet.flaps(fresh))
        return {key: self._flaps[key] for key in keys if key in self._flaps}

    def _sources(self, bell: Bell) -> tuple[Bell, ...]:
        """Open alerts that are still so and may be worse: of the same grid, and about the gateways everything came through."""
        rules = [rule for rule in self._policy.inhibit if rule.target.fits(bell)]
        if not concerns(bell, rules) or bell.spared(self._policy.lengths.life_safety):
            return ()
        found: dict[str, Alert] = {}
        if any(Label.GRID in rule.equal for rule in rules):
            found |= self._at(bell.grid, bell.level)
        for gateway in bell.gateways if any(Label.GATEWAY in rule.equal for rule in rules) else ():
            found |= self._about(gateway) if gateway else {}
        lasting = (a for a in found.values() if not a.handling.over and a.condition is Condition.ACTIVE)
        return tuple(bell_of(a, self._registry) for a in lasting)

    def _at(self, grid: str, level: Level) -> dict[str, Alert]:
        if (grid, level) not in self._read:
            self._read[grid, level] = self._tx.quiet.worst_at(grid, level)
        here = {ident: self._seen[ident] for ident in self._by_place.get(grid, ())}
        worse = {ident: alert for ident, alert in here.items() if alert.level.rank > level.rank}
        return {a.id: self._seen.get(a.id, a) for a in self._read[grid, level]} | worse

    def _about(self, gateway: str) -> dict[str, Alert]:
        if (gateway, None) not in self._read:
            self._read[gateway, None] = self._tx.quiet.open_about([gateway])
        here = {ident: self._seen[ident] for ident in self._by_subject.get(gateway, ())}
        return {a.id: self._seen.get(a.id, a) for a in self._read[gateway, None]} | here
