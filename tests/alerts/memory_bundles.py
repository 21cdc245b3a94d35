"""Held notices and groups in memory: holds the ledger's port for tests that are about something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.alert import Notice, NoticeState
from alerts.delivery.bundles import Bundle, Lane
from alerts.quiet.budgets import Let
from alerts.quiet.grouping import Group


@dataclass
class BundleTables:
    groups: dict[str, Group] = field(default_factory=dict)
    bundles: dict[str, Bundle] = field(default_factory=dict)
    let_go: dict[Lane, tuple[Let, ...]] = field(default_factory=dict)

    def copy(self) -> BundleTables:
        return BundleTables(dict(self.groups), dict(self.bundles), dict(self.let_go))

    def due(self, notices: Iterable[Notice], now: datetime) -> list[Lane]:
        held = [Lane(n.person, n.channel) for n in notices if waits(n) and n.due_at <= now]
        again = [Lane(g.person, g.channel) for g in self.groups.values() if g.repeat_at and g.repeat_at <= now]
        return list(dict.fromkeys([*held, *again]))

    def next_due(self, notices: Iterable[Notice]) -> list[datetime]:
        return [n.due_at for n in notices if waits(n)] + [g.repeat_at for g in self.groups.values() if g.repeat_at]


def waits(notice: Notice) -> bool:
    return notice.state is NoticeState.HELD and not notice.carrier


class MemoryBundles:
    def __init__(self, tables: BundleTables, notices: Mapping[str, Notice]) -> None:
        self._t = tables
        self._notices = notices

    def held(self, lanes: Iterable[Lane]) -> list[Notice]:
        wanted = set(lanes)
        found = (n for n in self._notices.values() if waits(n) and Lane(n.person, n.channel) in wanted)
        return sorted(found, key=lambda n: (n.created_at, n.key))

    def riders(self, carrier: str) -> list[Notice]:
        return [n for n in self._notices.values() if n.carrier == carrier]

    def of_alerts(self, idents: Sequence[str]) -> dict[str, list[Notice]]:
        return {ident: [n for n in self._notices.values() if n.alert == ident] for ident in idents}

    def groups(self, keys: Iterable[str]) -> dict[str, Group]:
        return {key: self._t.groups[key] for key in keys if key in self._t.groups}

    def repeating(self, lanes: Iterable[Lane], now: datetime) -> dict[str, Group]:
        wanted = set(lanes)
        found = (g for g in self._t.groups.values() if g.repeat_at and g.repeat_at <= now)
        return {g.key: g for g in found if Lane(g.person, g.channel) in wanted}

    def keep_groups(self, groups: Iterable[Group]) -> None:
        self._t.groups.update({group.key: group for group in groups})

    def bundle(self, carrier: str) -> Bundle | None:
        return self._t.bundles.get(carrier)

    def keep_bundle(self, bundle: Bundle) -> None:
        self._t.bundles[bundle.carrier] = bundle

    def let_go(self, lanes: Iterable[Lane]) -> dict[Lane, tuple[Let, ...]]:
        return {lane: self._t.let_go[lane] for lane in lanes if lane in self._t.let_go}

    def keep_let_go(self, lanes: Mapping[Lane, Sequence[Let]]) -> None:
        self._t.let_go.update({lane: tuple(some) for lane, some in lanes.items()})
