"""A ledger in memory that holds the port, for tests that are about something else. One lock, whole copies, nothing clever."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerts.alert import Alert, Entry, Notice, NoticeState
from alerts.delivery.bundles import Lane
from alerts.ledger.port import Conflict, Filter, NotAdopted, Page
from alerts.orders.summary import Standing, standings
from alerts.people.duty import Duty
from alerts.people.roster import Person, Roster
from ingest.events import Place
from ingest.registry import Device, Grid, Registry
from ingest.unknown import MOST, UnknownDevice, each_once
from streams.signal import Level
from tests.alerts.memory_bundles import BundleTables, MemoryBundles
from tests.alerts.memory_instructions import InstructionTables, MemoryInstructions
from tests.alerts.memory_quiet import MemoryQuiet, QuietTables
from tests.alerts.memory_reports import MemoryReports

_WAITING = (NoticeState.QUEUED, NoticeState.SENDING)
_NOT_PROVEN = (*_WAITING, NoticeState.SENT, NoticeState.DELIVERED, NoticeState.ANSWERED)


@dataclass
class Tables:
    alerts: dict[str, Alert] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    notices: dict[str, Notice] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    instructions: InstructionTables = field(default_factory=InstructionTables)
    quiet: QuietTables = field(default_factory=QuietTables)
    bundles: BundleTables = field(default_factory=BundleTables)

    def copy(self) -> Tables:
        return Tables(
            dict(self.alerts),
            list(self.entries),
            dict(self.notices),
            dict(self.held),
            self.instructions.copy(),
            self.quiet.copy(),
            self.bundles.copy(),
        )


def _dues(alert: Alert) -> list[datetime]:
    return [*alert.timers.values(), *([alert.escalate_at] if alert.escalate_at else [])]


class MemoryTransaction:
    def __init__(self, tables: Tables, leases: dict[str, datetime]) -> None:
        self._t = tables
        self._leases = leases

    @property
    def instructions(self) -> MemoryInstructions:
        return MemoryInstructions(self._t.instructions, self._t.notices)

    @property
    def quiet(self) -> MemoryQuiet:
        return MemoryQuiet(self._t.quiet, self._t.alerts)

    @property
    def bundles(self) -> MemoryBundles:
        return MemoryBundles(self._t.bundles, self._t.notices)

    def alert(self, ident: str) -> Alert | None:
        return self._t.alerts.get(ident)

    def alerts(self, idents: Sequence[str]) -> list[Alert]:
        return [self._t.alerts[i] for i in dict.fromkeys(idents) if i in self._t.alerts]

    def open_alerts(
        self,
        *,
        townships: Sequence[str],
        kinds: Sequence[str],
        near: Sequence[Place] = (),
        since: datetime | None = None,
    ) -> list[Alert]:
        return [
            a
            for a in self._t.alerts.values()
            if not a.handling.over
            and a.place.township in townships
            and a.kind in kinds
            and (since is None or a.last_seen is None or a.last_seen >= since)
        ]

    def open_with(self, identities: Sequence[str]) -> list[Alert]:
        return [a for a in self._t.alerts.values() if not a.handling.over and a.identity in set(identities)]

    def holding(self, signal_keys: Sequence[str]) -> dict[str, str]:
        return {k: self._t.held[k] for k in signal_keys if k in self._t.held}

    def hold(self, keys: Mapping[str, str]) -> None:
        self._t.held.update(keys)

    def notices(self, alert: str) -> list[Notice]:
        return [n for n in self._t.notices.values() if n.alert == alert]

    def notice(self, key: str) -> Notice | None:
        return self._t.notices.get(key)

    def unreachable(self, since: datetime) -> frozenset[str]:
        return _unreachable(self._t, since)

    def save(self, alert: Alert, entries: Sequence[Entry]) -> Alert:
        held = self._t.alerts[alert.id].version if alert.id in self._t.alerts else 0
        if held != alert.version:
            raise Conflict(f"alert {alert.id} has version {held}, not {alert.version}: read it again")
        saved = replace(alert, version=alert.version + 1)
        self._t.alerts[alert.id] = saved
        self._leases.pop(alert.id, None)
        self.append(entries)
        return saved

    def save_all(self, changes: Sequence[tuple[Alert, Sequence[Entry]]]) -> list[Alert]:
        return [self.save(alert, entries) for alert, entries in changes]

    def queue(self, notices: Sequence[Notice]) -> int:
        fresh = [n for n in notices if n.key not in self._t.notices]
        self._t.notices.update({n.key: n for n in fresh})
        return len(fresh)

    def update(self, *notices: Notice) -> None:
        self._t.notices.update({notice.key: notice for notice in notices})

    def append(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._t.entries.append(replace(entry, seq=len(self._t.entries) + 1))


class MemoryLedger:
    """`conflicts` makes the next so many transactions fail at their end, as if somebody else had been faster."""

    def __init__(self, registry: Registry | None = None, roster: Roster | None = None) -> None:
        self.tables = Tables()
        self.conflicts = 0
        self.ahead: list[bool] = []  # of each transaction, whether it might decide ahead of its turn
        self.transactions = 0
        self._lock = threading.RLock()
        self._registry = registry or Registry()
        self._roster = roster or Roster()
        self._leases: dict[str, datetime] = {}
        self._unknown: list[UnknownDevice] = []
        self.reports = MemoryReports(self._held, self.alert)

    def _held(self, key: str) -> str | None:
        return self.tables.held.get(key)

    @contextmanager
    def transaction(self, *, ahead: bool = False) -> Iterator[MemoryTransaction]:
        self.ahead.append(ahead)
        with self._lock:
            work = self.tables.copy()
            yield MemoryTransaction(work, self._leases)
            if self.conflicts:
                self.conflicts -= 1
                raise Conflict("somebody else was faster: read it again")
            self.tables = work
            self.transactions += 1

    @property
    def instructions(self) -> MemoryInstructions:
        return MemoryInstructions(self.tables.instructions, self.tables.notices)

    @property
    def quiet(self) -> MemoryQuiet:
        return MemoryQuiet(self.tables.quiet, self.tables.alerts)

    def now(self) -> datetime | None:
        return None

    def alert(self, ident: str) -> Alert | None:
        return self.tables.alerts.get(ident)

    def alerts(self, idents: Sequence[str]) -> list[Alert]:
        return [self.tables.alerts[ident] for ident in dict.fromkeys(idents) if ident in self.tables.alerts]

    def page(self, wanted: Filter, *, limit: int = 50, cursor: str = "") -> Page:
        rows = [a for a in self.tables.alerts.values() if _fits(a, wanted)]
        rows.sort(key=lambda a: (-a.level.rank, -a.stages["raised_at"].timestamp(), a.id))
        start = int(cursor or 0)
        more = str(start + limit) if len(rows) > start + limit else ""
        return Page(tuple(rows[start : start + limit]), more)

    def timeline(self, alert: str) -> list[Entry]:
        return [e for e in self.tables.entries if e.alert == alert]

    def entries_after(self, seq: int, *, limit: int = 500) -> list[Entry]:
        return self.tables.entries[seq : seq + limit]

    def last_seq(self) -> int:
        return len(self.tables.entries)

    def outbox(self, *, alert: str = "", states: Sequence[str] = (), limit: int = 200) -> list[Notice]:
        rows = [n for n in self.tables.notices.values() if alert in {"", n.alert} and (not states or n.state in states)]
        if alert:
            return sorted(rows, key=lambda n: (n.created_at, n.step, n.key))[:limit]
        return sorted(rows, key=lambda n: (n.created_at, n.key), reverse=True)[:limit]

    def notices_of(self, alerts: Sequence[str]) -> dict[str, list[Notice]]:
        rows = sorted(self.tables.notices.values(), key=lambda n: (n.created_at, n.step, n.key))
        return {ident: [n for n in rows if n.alert == ident] for ident in alerts}

    def riders(self, carriers: Sequence[str]) -> dict[str, list[Notice]]:
        return {key: [n for n in self.tables.notices.values() if n.carrier == key] for key in carriers}

    def notice_by_provider_id(self, provider_id: str) -> Notice | None:
        return next((n for n in self.tables.notices.values() if n.provider_id == provider_id), None)

    def lease_notices(
        self, now: datetime, *, limit: int, lease: timedelta, at_least: Level = Level.BLUE
    ) -> list[Notice]:
        with self._lock:
            free = [
                n
                for n in self.tables.notices.values()
                if n.level.rank >= at_least.rank
                and n.state in _WAITING
                and n.due_at <= now
                and self._leases.get(n.key, now) <= now
            ]
            free.sort(key=lambda n: (-n.level.rank, n.turn, n.created_at, n.key))
            taken = [replace(n, state=NoticeState.SENDING, attempts=n.attempts + 1) for n in free[:limit]]
            self.tables.notices.update({n.key: n for n in taken})
            self._leases.update({n.key: now + lease for n in taken})
            return taken

    def due_escalations(self, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
        with self._lock:
            due = [a for a in self.tables.alerts.values() if any(at <= now for at in _dues(a))]
            free = [a.id for a in due if self._leases.get(a.id, now) <= now][:limit]
            self._leases.update(dict.fromkeys(free, now + lease))
            return free

    def due_lanes(self, now: datetime, *, limit: int) -> list[Lane]:
        return self.tables.bundles.due(self.tables.notices.values(), now)[:limit]

    def next_due(self) -> datetime | None:
        times = [at for a in self.tables.alerts.values() for at in _dues(a)]
        times += [n.due_at for n in self.tables.notices.values() if n.state is NoticeState.QUEUED]
        times += self.tables.bundles.next_due(self.tables.notices.values())
        return min(times, default=None)

    def registry(self) -> Registry:
        return self._registry

    def roster(self) -> Roster:
        return self._roster

    def place_version(self) -> int:
        return self._registry.version

    def replace_place(
        self,
        grids: Sequence[Grid],
        devices: Sequence[Device],
        people: Sequence[Person],
        duties: Sequence[Duty] = (),
    ) -> int:
        version = self._registry.version + 1
        known, before = self._registry, self._roster
        self._registry = Registry.of([*known.every_grid(), *grids], [*known.devices.values(), *devices], version)
        said = {(line.person, line.kind) for line in duties}
        kept = [line for line in before.book.lines() if (line.person, line.kind) not in said]
        self._roster = Roster.of((dict(before.by_id) | {p.id: p for p in people}).values(), [*kept, *duties])
        return version

    def unreachable(self, since: datetime) -> frozenset[str]:
        return _unreachable(self.tables, since)

    def note_unknown(self, heard: Sequence[UnknownDevice]) -> None:
        with self._lock:
            self._unknown = each_once([*self._unknown, *heard])
            self._unknown = self.unknown_devices(MOST)

    def unknown_devices(self, limit: int = 200) -> list[UnknownDevice]:
        found = [u for u in self._unknown if u.device not in self._registry.devices]
        return sorted(found, key=lambda u: (u.last_seen, u.device), reverse=True)[:limit]

    def adopt(self, device: Device) -> int:
        if device.id in self._registry.devices or device.grid not in self._registry.grids:
            raise NotAdopted(f"{device.id} is enrolled already, or there is no grid {device.grid!r}")
        return self.replace_place((), (device,), ())

    def whistled(self, limit: int = 1000) -> list[Alert]:
        found = (a for a in self.tables.alerts.values() if a.work.whistle is not None)
        return sorted(found, key=lambda a: (a.stages["raised_at"], a.id))[:limit]

    def given_to(self, people: Sequence[str], since: datetime) -> list[Alert]:
        wanted = set(people) - {""}
        theirs = (
            a for a in self.tables.alerts.values() if wanted & {a.assignee, a.work.scene.person if a.work.scene else ""}
        )
        found = [a for a in theirs if not a.handling.over or a.stages["raised_at"] >= since]
        return sorted(found, key=lambda a: (-a.stages["raised_at"].timestamp(), a.id))[:1000]

    def stage_rows(self, since: datetime, until: datetime) -> list[Alert]:
        return [a for a in self.tables.alerts.values() if since <= a.stages["raised_at"] < until]

    def orders(self, since: datetime, until: datetime) -> list[Standing]:
        kept = (a for a in self.tables.alerts.values() if not a.work.merged_into)
        found = [one for a in kept for one in standings(a) if since <= one.linked_at < until]
        return sorted(found, key=lambda one: (one.linked_at, one.number))

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = {"alerts": len(self.tables.alerts)}
        for alert in self.tables.alerts.values():
            if not alert.handling.over:
                counts[f"open_{alert.level}"] = counts.get(f"open_{alert.level}", 0) + 1
        for notice in self.tables.notices.values():
            counts[f"notices_{notice.state}"] = counts.get(f"notices_{notice.state}", 0) + 1
        return counts

    def forget_canaries(self, before: datetime) -> int:
        old = [a.id for a in self.tables.alerts.values() if a.kind == "canary" and a.stages["raised_at"] < before]
        for ident in old:
            del self.tables.alerts[ident]
        return len(old)

    def close(self) -> None:
        return


def _unreachable(tables: Tables, since: datetime) -> frozenset[str]:
    last: dict[str, dict[bool, datetime]] = {}
    for n in tables.notices.values():
        failed = n.state is NoticeState.FAILED and "(tried " not in n.error
        if n.created_at >= since and (failed or n.state in _NOT_PROVEN):
            of = last.setdefault(n.person, {})
            of[failed] = max(of.get(failed, n.created_at), n.created_at)
    return frozenset(p for p, at in last.items() if True in at and (False not in at or at[False] < at[True]))


def _fits(alert: Alert, wanted: Filter) -> bool:
    return (
        (not wanted.levels or alert.level in wanted.levels)
        and (not wanted.kinds or alert.kind in wanted.kinds)
        and (not wanted.handlings or alert.handling in wanted.handlings)
        and (not wanted.grids or alert.place.grid in wanted.grids)
        and (not wanted.townships or alert.place.township in wanted.townships)
        and (not wanted.subject or wanted.subject in {*alert.subjects, *(o.number for o in alert.work.orders)})
        and (not wanted.open_only or not alert.handling.over)
        and (wanted.since is None or alert.stages["raised_at"] >= wanted.since)
        and (
            wanted.seen is None
            or any(alert.level in levels and alert.place.grid in grids for levels, grids in wanted.seen)
        )
    )
