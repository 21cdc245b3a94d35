"""Which area incident a case is part of, looked up within the transaction that opens either of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alerts.alert import Alert
from alerts.commands import Dispatch
from alerts.docket import Docket
from alerts.orders.events import Gains, InArea
from alerts.outcome import NotAllowed
from streams.orders import HOT
from streams.signal import Level, Origin, Signal
from streams.surges import RULE, hot_subject


class Areas:
    """The open incidents that the signals of one batch may be part of."""

    def __init__(self, docket: Docket, batch: Sequence[Signal]) -> None:
        self._docket = docket
        wanted = {
            f"{HOT}|{subject}|{RULE}"
            for signal in batch
            if signal.origin is Origin.HOTLINE and signal.kind != HOT
            for subject in self._subjects(signal.kind, signal.place.grid)
        }
        found = docket.tx.open_with(sorted(wanted)) if wanted else []
        docket.load(found)
        self._open = {subject: alert.id for alert in found for subject in alert.subjects}

    def met(self, signal: Signal, alert: Alert) -> Alert:
        """The case after a signal, linked to its incident, or the incident linked to the cases that made it one."""
        if signal.kind == HOT and signal.active:
            self._open[signal.subject] = alert.id
            for case in self._cases(signal):
                self._link(alert.id, case)
        elif signal.origin is Origin.HOTLINE and alert.level.rank <= Level.YELLOW.rank and not alert.work.area:
            subjects = self._subjects(alert.kind, alert.place.grid)
            area = next((self._open[subject] for subject in subjects if subject in self._open), "")
            if area:
                self._link(area, alert)
        return self._docket.get(alert.id) or alert

    def _subjects(self, kind: str, grid: str) -> Iterable[str]:
        line = self._docket.teller.registry.line(grid)
        return [hot_subject(kind, code) for code in dict.fromkeys((grid, *(level.code for level in line))) if code]

    def _cases(self, signal: Signal) -> Iterable[Alert]:
        keys = [str(key) for key in signal.evidence.get("members", ())]
        held = self._docket.tx.holding(keys)
        ids = dict.fromkeys(found for key in keys if (found := self._docket.holds(key) or held.get(key)))
        self._docket.load(self._docket.tx.alerts(list(ids)))
        cases = (goes_on_in(self._docket, self._docket.get(ident)) for ident in ids)
        return [case for case in cases if case is not None and case.kind == signal.evidence.get("matter")]

    def _link(self, area: str, case: Alert) -> None:
        incident = self._docket.get(area)
        if incident is None or incident.handling.over or case.handling.over or case.work.area == area:
            return
        linked = self._docket.apply(case, InArea(area))
        self._docket.apply(incident, Gains(case.id))
        self._docket.reconsider(linked, "tocsin")


def goes_on_in(docket: Docket, alert: Alert | None) -> Alert | None:
    """The case in which a merged one goes on."""
    passed: set[str] = set()
    while alert is not None and alert.work.merged_into and alert.id not in passed:
        passed.add(alert.id)
        alert = docket.get(alert.work.merged_into) or alert
    return alert


def must_be_apart(docket: Docket, alert: Alert, command: Dispatch) -> None:
    """Raises `NotAllowed` for the dispatch of one call of an area incident that is open, without a word why it needs one of its own."""
    area = docket.get(alert.work.area) if alert.work.area else None
    if area is None or area.handling.over or command.note.strip():
        return
    raise NotAllowed(
        f"{alert.id} is part of the area incident {area.id}: dispatch that, or say in the note why this one needs somebody of its own",
        handling=alert.handling,
        move=command.move,
    )
