"""A ledger on paper: holds one case for as long as it is rehearsed, and forgets it. Nothing is locked, leased or undone.

It has what the conductor asks for, and no more: the decisions are those of a real ledger, without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.alert import Alert, Entry, Notice, NoticeState
from alerts.delivery.bundles import Lane
from alerts.notices import reached
from alerts.quiet.book import QuietBook
from alerts.quiet.flapping import Flap
from ingest.events import Place
from streams.signal import Level


class Paper:
    """The ledger, its only transaction, and what is known of quiet, in one: everything written is there at once."""

    def __init__(self) -> None:
        self.cases: dict[str, Alert] = {}
        self.entries: list[Entry] = []
        self.outbox: dict[str, Notice] = {}
        self._held: dict[str, str] = {}
        self._flaps: dict[str, Flap] = {}

    @contextmanager
    def transaction(self, *, ahead: bool = False) -> Iterator[Paper]:  # noqa: ARG002  (nobody else writes)
        yield self

    @property
    def instructions(self) -> Paper:
        return self

    @property
    def quiet(self) -> Paper:
        return self

    def due_escalations(self, now: datetime, *, limit: int, lease: timedelta) -> list[str]:  # noqa: ARG002  (nobody else asks)
        dues = {a.id: (a.escalate_at, *a.timers.values()) for a in self.cases.values()}
        return [ident for ident, instants in dues.items() if any(at is not None and at <= now for at in instants)]

    def due_lanes(self, now: datetime, *, limit: int) -> list[Lane]:  # noqa: ARG002  (nothing is held on paper)
        return []

    def unreachable(self, since: datetime) -> frozenset[str]:
        """Whom the last notices did not reach."""
        made = [n for n in self.outbox.values() if n.created_at >= since]
        failed = {n.person for n in made if n.state is NoticeState.FAILED}
        return frozenset(failed - {n.person for n in made if reached(n)})

    def alert(self, ident: str) -> Alert | None:
        return self.cases.get(ident)

    def alerts(self, idents: Sequence[str]) -> list[Alert]:
        return [self.cases[ident] for ident in idents if ident in self.cases]

    def open_alerts(
        self,
        *,
        townships: Sequence[str],
        kinds: Sequence[str],
        near: Sequence[Place] = (),  # noqa: ARG002  (there is one case)
        since: datetime | None = None,  # noqa: ARG002
    ) -> list[Alert]:
        return [a for a in self._open() if a.place.township in townships and a.kind in kinds]

    def open_with(self, identities: Sequence[str]) -> list[Alert]:
        return [a for a in self._open() if a.identity in identities]

    def holding(self, signal_keys: Sequence[str]) -> dict[str, str]:
        return {key: self._held[key] for key in signal_keys if key in self._held}

    def hold(self, keys: Mapping[str, str]) -> None:
        self._held.update(keys)

    def notices(self, alert: str) -> list[Notice]:
        return [n for n in self.outbox.values() if n.alert == alert]

    def notice(self, key: str) -> Notice | None:
        return self.outbox.get(key)

    def save_all(self, changes: Sequence[tuple[Alert, Sequence[Entry]]]) -> list[Alert]:
        saved = [replace(alert, version=alert.version + 1) for alert, _ in changes]
        self.cases.update({alert.id: alert for alert in saved})
        for _, lines in changes:
            self.append(lines)
        return saved

    def queue(self, notices: Sequence[Notice]) -> int:
        fresh = {n.key: n for n in notices if n.key not in self.outbox}
        self.outbox.update(fresh)
        return len(fresh)

    def update(self, *notices: Notice) -> None:
        self.outbox.update({notice.key: notice for notice in notices})

    def append(self, entries: Sequence[Entry]) -> None:
        self.entries += [replace(entry, seq=len(self.entries) + n) for n, entry in enumerate(entries, start=1)]

    def book(self, now: datetime | None = None) -> QuietBook:  # noqa: ARG002
        return QuietBook()

    def flaps(self, keys: Sequence[str]) -> dict[str, Flap]:
        return {key: self._flaps[key] for key in keys if key in self._flaps}

    def keep_flaps(self, flaps: Mapping[str, Flap]) -> None:
        self._flaps.update(flaps)

    def worst_at(self, grid: str, above: Level) -> list[Alert]:  # noqa: ARG002  (nothing else is open)
        return []

    def bad_grids(self, at_least: Level) -> frozenset[str]:
        return frozenset(a.place.grid for a in self._open() if a.level.rank >= at_least.rank)

    def open_about(self, subjects: Sequence[str]) -> list[Alert]:
        return [a for a in self._open() if not set(subjects).isdisjoint(a.subjects)]

    def _open(self) -> list[Alert]:
        return [a for a in self.cases.values() if not a.handling.over]
