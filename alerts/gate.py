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
from alerts.quiet.inhibition import Label, Rule, concerning, worst_needed
from alerts.quiet.verdict import Around, QuietPolicy, flap_keys, verdict
from ingest.registry import Registry
from streams.canary import KIND as CANARY
from streams.orders import HOT
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
        self._bad: dict[Level, frozenset[str] | None] = {}
        self._concerning: dict[tuple[str, Level], tuple[Rule, ...]] = {}
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
        flaps = self._known(flap_keys(alert.subjects, alert.rules)) if step == 0 else {}
        rules = self._rules(alert.kind, alert.level)
        if not (flaps or rules or self._says_something):
            return None  # in a storm most bells are like this
        bell = bell_of(alert, self._registry)
        return verdict(bell, self._book, self._policy, self._now, Around(self._sources(bell, rules), flaps))

    def load(self, signals: Iterable[Signal]) -> None:
        """Ask in one question for what is remembered of the devices of a batch."""
        self._known([flap_key(s.subject, s.rule) for s in signals])

    def remember(self, alerts: Iterable[Alert]) -> None:
        """Ask in one question for what is remembered of the devices of some alerts."""
        self._known([key for alert in alerts for key in flap_keys(alert.subjects, alert.rules)])

    def edge(self, signal: Signal) -> Flapped | None:
        """A device came or went. Nothing is remembered of one that came for the first time; it is from when it went."""
        key = flap_key(signal.subject, signal.rule)
        flap = self._flaps.get(key) if key in self._asked else self._known([key]).get(key)
        if signal.marks.mutes or (flap is None and signal.active):
            return None
        before = flap or Flap((False, True), min(signal.event_at, signal.raised_at))
        return self._keep(key, *observe(before, signal.active, signal.raised_at, self._policy.flapping))

    def calmed(self, alert: Alert) -> Flapped | None:
        """Whether a device that flapped has calmed down; without a turn, when it will have. None when there is nothing to wait for."""
        for key, flap in self._known(flap_keys(alert.subjects, alert.rules)).items():
            if flap.flapping:
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

    @cached_property
    def _says_something(self) -> bool:
        book = self._book
        return bool(book.silences or book.windows or book.drills)

    def _rules(self, kind: str, level: Level) -> tuple[Rule, ...]:
        if (kind, level) not in self._concerning:
            self._concerning[kind, level] = concerning(kind, level, self._policy.inhibit)
        return self._concerning[kind, level]

    def _known(self, keys: Sequence[str]) -> dict[str, Flap]:
        fresh = [key for key in dict.fromkeys(keys) if key not in self._asked]
        if fresh:
            self._asked.update(fresh)
            self._flaps.update(self._tx.quiet.flaps(fresh))
        return {key: self._flaps[key] for key in keys if key in self._flaps}

    def _sources(self, bell: Bell, rules: Sequence[Rule]) -> tuple[Bell, ...]:
        """Open alerts that are still so and may be worse: of the same grid, and about the gateways everything came through."""
        if not rules or bell.spared(self._policy.lengths.life_safety):
            return ()
        found: dict[str, Alert] = {}
        if by_place := [rule for rule in rules if Label.GRID in rule.equal]:
            found |= self._at(bell.grid, bell.level, worst_needed(bell.level, by_place))
        if by_area := [rule for rule in rules if Label.AREA in rule.equal]:
            for code in sorted(bell.within):
                found |= self._at(code, bell.level, worst_needed(bell.level, by_area))
        for gateway in bell.gateways if any(Label.GATEWAY in rule.equal for rule in rules) else ():
            found |= self._about(gateway) if gateway else {}
        # That no more calls come does not mend what they were about: an area incident lasts until its case is over.
        lasting = (
            a for a in found.values() if not a.handling.over and (a.condition is Condition.ACTIVE or a.kind == HOT)
        )
        return tuple(bell_of(a, self._registry) for a in lasting)

    def _at(self, grid: str, level: Level, needed: Level) -> dict[str, Alert]:
        if needed not in self._bad:
            self._bad[needed] = self._tx.quiet.bad_grids(needed)
        bad = self._bad[needed]
        if (grid, level) not in self._read:
            asks = bad is None or grid in bad
            self._read[grid, level] = self._tx.quiet.worst_at(grid, level) if asks else []
        here = {ident: self._seen[ident] for ident in self._by_place.get(grid, ())}
        worse = {ident: alert for ident, alert in here.items() if alert.level.rank > level.rank}
        return {a.id: self._seen.get(a.id, a) for a in self._read[grid, level]} | worse

    def _about(self, gateway: str) -> dict[str, Alert]:
        if (gateway, None) not in self._read:
            self._read[gateway, None] = self._tx.quiet.open_about([gateway])
        here = {ident: self._seen[ident] for ident in self._by_subject.get(gateway, ())}
        return {a.id: self._seen.get(a.id, a) for a in self._read[gateway, None]} | here
