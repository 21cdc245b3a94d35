"""A report as it is kept: what was said, who said it, and its pictures. Values only; what is decided about it is `streams.reports`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from alerts.alert import Alert
from ingest.events import Report
from streams.reports import RULE
from streams.signal import signal_key

MOST_PICTURES: Final = 3
PICTURE_TYPES: Final = ("image/jpeg", "image/png")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, without what a telephone writes into it (`ingest.pictures`)."""

    type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Filed:
    """A report in the ledger. `source` is the door it came through; a number is sealed, and shown masked only (law 14).

    `logged` says that the log has it: before that it is not taken, and nobody is shown it, unless a case proves that the log had it
    and the process died before it could say so.
    """

    report: Report
    source: str
    caller: str = field(default="", repr=False)
    caller_masked: str = ""
    logged: bool = False

    @property
    def id(self) -> str:
        """Its number."""
        return self.report.ident

    @property
    def signal(self) -> str:
        """The key of its signal, by which its case is found."""
        return signal_key(RULE, self.report.ident, self.report.observed_at)


@dataclass(frozen=True, slots=True)
class Room:
    """How much room pictures have: bytes of all of them together, and how long one is kept. The oldest leave first."""

    total: int
    kept: timedelta


class Reports(Protocol):
    """What may be asked of the ledger about reports. Each is one transaction of its own, bounded in time."""

    def file(self, filed: Filed, pictures: Sequence[Picture], room: Room) -> Filed:
        """Keep a report with its pictures, and return it; one whose number exists is returned as it was filed first."""

    def logged(self, ident: str) -> None:
        """Remember that the log has it."""

    def get(self, ident: str) -> Filed | None: ...
    def some(self, idents: Sequence[str]) -> list[Filed]:
        """Reports that a case names, oldest first; unknown numbers are passed over."""

    def sent(self, source: str, since: datetime) -> int:
        """How many a source has filed since an instant, for its limit."""

    def last(self, reporter: str, limit: int = 10) -> list[Filed]:
        """A grid worker's own that the log has, newest first."""

    def case_of(self, filed: Filed) -> Alert | None:
        """The case a report belongs to by now, also where it was merged into another; None while it is on its way."""

    def picture(self, ident: str, number: int) -> Picture | None:
        """One picture, from 1; None where there is none (any more)."""
