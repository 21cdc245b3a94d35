"""Do the clocks agree? Three are compared with this machine's: the database's, the log's and the series'. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from api.doctor.finding import Finding

APART: Final = 2.0  # seconds: escalations and late readings are judged by whole ones
_DO: Final = "let both follow one time server (chrony); alarms are dated and escalated by these clocks"


@dataclass(frozen=True, slots=True)
class Reading:
    """A clock of somebody else, asked for between two instants of ours. `least` means that it may be any later than it says."""

    theirs: datetime
    before: datetime
    after: datetime
    least: bool = False

    @property
    def ahead(self) -> float:
        """By how many seconds theirs is ahead of ours at least, or behind if negative; 0 where the question's own time explains it."""
        if self.theirs > self.after:
            return (self.theirs - self.after).total_seconds()
        if self.theirs < self.before and not self.least:
            return (self.theirs - self.before).total_seconds()
        return 0.0


def clocks(readings: Mapping[str, Reading]) -> Iterator[Finding]:
    """One finding per clock."""
    for name, reading in readings.items():
        ahead = reading.ahead
        if abs(ahead) > APART:
            way = "ahead of" if ahead > 0 else "behind"
            yield Finding(f"clock {name}", False, f"{abs(ahead):.1f} s {way} this machine's", _DO)
        elif reading.least:
            yield Finding(f"clock {name}", True, "not ahead of this machine's; behind cannot be told from old records")
        else:
            yield Finding(f"clock {name}", True, f"within {max(APART, abs(ahead)):.0f} s of this machine's")
