"""Reports in memory, as the port has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from alerts.alert import Alert
from alerts.reports import Filed, Picture, Room


class MemoryReports:
    """`held` says which case holds a signal's key, `alert` what became of a case."""

    def __init__(self, held: Callable[[str], str | None], alert: Callable[[str], Alert | None]) -> None:
        self._held, self._alert = held, alert
        self._filed: dict[str, Filed] = {}
        self._pictures: dict[tuple[str, int], tuple[datetime, Picture]] = {}

    def file(self, filed: Filed, pictures: Sequence[Picture], room: Room) -> Filed:
        if filed.id in self._filed:
            return self._filed[filed.id]
        self._filed[filed.id] = filed
        at = filed.report.received_at
        self._pictures |= {(filed.id, n): (at, one) for n, one in enumerate(pictures, start=1)}
        if pictures:
            self._pictures = {k: v for k, v in self._pictures.items() if v[0] >= at - room.kept}
            while sum(len(one.data) for _, one in self._pictures.values()) > room.total:
                del self._pictures[min(self._pictures, key=lambda k: (self._pictures[k][0], k))]
        return filed

    def logged(self, ident: str) -> None:
        self._filed[ident] = replace(self._filed[ident], logged=True)

    def get(self, ident: str) -> Filed | None:
        return self._filed.get(ident)

    def some(self, idents: Sequence[str]) -> list[Filed]:
        found = [f for f in self._filed.values() if f.id in set(idents)]
        return sorted(found, key=lambda f: (f.report.received_at, f.id))

    def sent(self, source: str, since: datetime) -> int:
        return sum(f.source == source and f.report.received_at >= since for f in self._filed.values())

    def last(self, reporter: str, limit: int = 10) -> list[Filed]:
        own = sorted(
            (f for f in self._filed.values() if f.report.reporter == reporter and f.logged), key=lambda f: f.id
        )
        return sorted(own, key=lambda f: f.report.received_at, reverse=True)[:limit]

    def case_of(self, filed: Filed) -> Alert | None:
        found = self._alert(self._held(filed.signal) or "")
        while found is not None and found.work.merged_into:
            found = self._alert(found.work.merged_into)
        return found

    def picture(self, ident: str, number: int) -> Picture | None:
        found = self._pictures.get((ident, number))
        return found[1] if found else None
