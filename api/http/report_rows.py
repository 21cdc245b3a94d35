"""Reports as the desk sees them: what was said, by whom, and where its pictures are. Numbers are masked (law 14)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from typing_extensions import TypedDict

from alerts.alert import Alert
from alerts.ledger.port import Ledger
from alerts.people.roster import Roster
from alerts.reports import Filed

LISTED = 50  # reports of one case that are shown


class ReportRow(TypedDict):
    """One report. `pictures` are addresses, `case` the case it belongs to by now; `told` how whoever reported learns the result: over
    the worker's own channels (notice), by being called back (desk), or on the page.
    """

    id: str
    origin: str
    kind: str
    text: str
    address: str
    reporter: str
    name: str
    phone: str
    told: str
    marks: list[str]
    at: datetime
    received_at: datetime
    grid: str
    township: str
    placed_by: str
    pictures: list[str]
    case: str


def report_row(filed: Filed, roster: Roster, case: str = "") -> ReportRow:
    """A report for the desk."""
    report = filed.report
    person = roster.person(report.reporter) if report.reporter else None
    return ReportRow(
        id=filed.id,
        origin=report.origin,
        kind=report.kind,
        text=report.text,
        address=report.address,
        reporter=report.reporter,
        name=person.name if person else "",
        phone=filed.caller_masked,
        told=report.told,
        marks=[mark.name.lower() for mark in report.marks if mark.name],
        at=report.observed_at,
        received_at=report.received_at,
        grid=report.place.grid,
        township=report.place.township,
        placed_by=report.place.why,
        pictures=[f"/api/v1/reports/{filed.id}/pictures/{n}" for n in range(1, report.pictures + 1)],
        case=case,
    )


def of_case(alert: Alert, ledger: Ledger, roster: Roster) -> list[ReportRow]:
    """The reports that a case speaks of, oldest first."""
    named = _reports((*alert.subjects, *(caller.call for caller in alert.work.callers)))
    return [report_row(filed, roster, alert.id) for filed in ledger.reports.some(named[:LISTED])]


def _reports(subjects: Iterable[str]) -> list[str]:
    return [subject for subject in dict.fromkeys(subjects) if subject.startswith("R-")]
