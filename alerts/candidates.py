"""The open alerts that the signals of one batch may belong to, found again by identity, by device and by place without looking at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from alerts.alert import Alert
from alerts.docket import Docket
from alerts.identity import home, identity
from alerts.outcome import Why
from alerts.policy import Merging, Policies
from ingest.events import Point
from streams.signal import Signal

_CELLS: Final = (
    100  # to a degree: more than half a kilometre each way up to 60 degrees of latitude, the largest radius of a policy
)


class Candidates:
    """An index over alerts that changes with them. Over alerts are passed over when they are asked for, not taken out."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self._ids: dict[tuple[object, ...], dict[str, None]] = {}

    def put(self, alert: Alert) -> None:
        """Add an alert, or replace it by what it has become."""
        before = self._alerts.get(alert.id)
        self._alerts[alert.id] = alert
        if before is None:
            self._index(alert, ("identity", alert.identity))
            for cell in _cells(alert.place.point):
                self._index(alert, ("cell", alert.kind, *cell))
        if before is None or before.subjects != alert.subjects:
            for subject in alert.subjects:
                self._index(alert, ("subject", alert.kind, subject))

    def home(self, signal: Signal, identity: str, merging: Merging) -> tuple[Alert, Why] | None:
        """The alert that a signal belongs to and why, or None."""
        found = home(signal, merging, self._at(("identity", identity), ("subject", signal.kind, signal.subject)))
        if found or not merging.place:
            return found
        return home(signal, merging, self._at(*(("cell", signal.kind, *cell) for cell in _around(signal.place.point))))

    def _index(self, alert: Alert, key: tuple[object, ...]) -> None:
        self._ids.setdefault(key, {})[alert.id] = None

    def _at(self, *keys: tuple[object, ...]) -> Iterable[Alert]:
        ids = dict.fromkeys(ident for key in keys for ident in self._ids.get(key, ()))
        return [self._alerts[ident] for ident in ids]


def _cells(point: Point | None) -> Iterator[tuple[int, int]]:
    if point is not None:
        yield math.floor(point.lat * _CELLS), math.floor(point.lon * _CELLS)


def _around(point: Point | None) -> Iterator[tuple[int, int]]:
    for lat, lon in _cells(point):
        yield from ((lat + north, lon + east) for north in (-1, 0, 1) for east in (-1, 0, 1))


def gathered(docket: Docket, news: Sequence[Signal], held: Mapping[str, str], policies: Policies) -> Candidates:
    """Everything that signals may touch, asked for in four questions. `held` are the signal keys that were applied before."""
    candidates = Candidates()
    docket.load(docket.tx.alerts(sorted(set(held.values()) - {""})))
    merging = {kind: policies.policy(kind).merging for kind in {s.kind for s in news}}
    fresh = [s for s in news if s.active]
    found = docket.tx.open_with(sorted({identity(s, merging[s.kind]) for s in fresh}))
    by_place = [s for s in fresh if merging[s.kind].place]
    if by_place:
        cap = max(merging[s.kind].cap for s in by_place)
        found += docket.tx.open_alerts(
            townships=sorted({s.place.township for s in by_place}),
            kinds=sorted({s.kind for s in by_place}),
            near=list({s.place: None for s in by_place}),
            since=min(s.raised_at for s in by_place) - cap,
        )
    docket.load(found)
    for alert in found:
        candidates.put(alert)
    return candidates
