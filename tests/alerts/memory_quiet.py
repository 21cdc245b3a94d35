"""When not to ring, in memory: holds the ledger's port for tests that are about something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.alert import Alert
from alerts.quiet.book import Change, QuietBook, QuietRule
from alerts.quiet.drill import Drill
from alerts.quiet.flapping import Flap
from alerts.quiet.maintenance import Window
from alerts.quiet.silence import Silence
from streams.signal import Level


@dataclass
class QuietTables:
    rules: dict[str, QuietRule] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    flaps: dict[str, Flap] = field(default_factory=dict)

    def copy(self) -> QuietTables:
        return QuietTables(dict(self.rules), list(self.changes), dict(self.flaps))


class MemoryQuiet:
    def __init__(self, tables: QuietTables, alerts: Mapping[str, Alert]) -> None:
        self._t = tables
        self._alerts = alerts

    def book(self, now: datetime | None = None) -> QuietBook:
        rules = sorted(self._t.rules.values(), key=lambda r: (_ends(r), r.id))
        lasting = [r for r in rules if now is None or (_ends(r) > now and (r.ended_at is None or r.ended_at > now))]
        return QuietBook(*(tuple(r for r in lasting if isinstance(r, kind)) for kind in (Silence, Window, Drill)))

    def rule(self, ident: str) -> QuietRule | None:
        return self._t.rules.get(ident)

    def changes(self, ident: str) -> list[Change]:
        return [c for c in self._t.changes if c.id == ident]

    def put(self, rule: QuietRule, change: Change) -> None:
        self._t.rules[rule.id] = rule
        self._t.changes.append(change)

    def flaps(self, keys: Sequence[str]) -> dict[str, Flap]:
        return {key: self._t.flaps[key] for key in keys if key in self._t.flaps}

    def keep_flaps(self, flaps: Mapping[str, Flap]) -> None:
        self._t.flaps.update(flaps)

    def worst_at(self, grid: str, above: Level) -> list[Alert]:
        found = [a for a in self._open() if a.place.grid == grid and a.level.rank > above.rank]
        return sorted(found, key=lambda a: (a.level.rank, a.stages["raised_at"], a.id), reverse=True)[:20]

    def bad_grids(self, at_least: Level) -> frozenset[str] | None:
        return frozenset(a.place.grid for a in self._open() if a.level.rank >= at_least.rank)

    def open_about(self, subjects: Sequence[str]) -> list[Alert]:
        found = [a for a in self._open() if not set(subjects).isdisjoint(a.subjects)]
        return sorted(found, key=lambda a: a.id)[:20]

    def _open(self) -> list[Alert]:
        return [a for a in self._alerts.values() if not a.handling.over]


def _ends(rule: QuietRule) -> datetime:
    return rule.until_at if isinstance(rule, Window) else rule.ends_at
