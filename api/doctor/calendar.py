"""Do the working days that service clocks count on reach far enough? Judging only."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Final

from alerts.clocks.calendar import CHINA, LAST_YEAR
from api.doctor.finding import Finding

FROM_MONTH: Final = (
    10  # of a year whose next one is not known: the State Council publishes a year's days in the November before it
)


def calendar(now: datetime, last: int = LAST_YEAR) -> Finding:
    """Whether this year's working days are known, and from October on next year's: until then nobody can know them."""
    today, has = (
        now.astimezone(CHINA),
        f"chinesecalendar {version('chinesecalendar')} knows the working days up to {last}",
    )
    newer = "install a newer one (`pip install -U chinesecalendar`) and start every process again"
    if today.year > last:
        do = f"{newer}: until then every day counts as worked, so limits in working days are early"
        return Finding("calendar", False, f"{has}, and this is {today.year}", do)
    if today.year == last and today.month >= FROM_MONTH:
        return Finding("calendar", True, has, f"before {last + 1} begins {newer}: its days are published in November")
    return Finding("calendar", True, has)
