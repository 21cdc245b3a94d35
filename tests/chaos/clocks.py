"""Clocks of single processes: an offset that is read from a file, and time zones whose clocks are about to change."""

from __future__ import annotations

import time
from pathlib import Path

MODULE = "tests.chaos.skewed"


def environment(file: Path) -> dict[str, str]:
    """What a process of `MODULE` is started with so that its clock follows `file`."""
    set_ahead(file, 0)
    return {"CHAOS_CLOCK": str(file)}


def set_ahead(file: Path, seconds: int) -> None:
    """The clock goes so many seconds ahead of the machine's from within a second on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{seconds:+d}\n", encoding="ascii")
    fresh.replace(file)


def changing_zone(at: float, *, forward: bool) -> str:
    """A time zone (POSIX) whose clocks are put forward, or back, by an hour at an instant."""
    moment = time.gmtime(at)
    after = time.gmtime(at + 86400 * 100)
    # standard time is UTC, summer time UTC+1; a rule's hour counts in the time before the change
    if forward:
        return f"XST0XDT-1,J{_day(moment)}/{_hour(moment)},J{_day(after)}/3"
    before = time.gmtime(at - 86400 * 100)
    summer = time.gmtime(at + 3600)
    return f"XST0XDT-1,J{_day(before)}/3,J{_day(summer)}/{_hour(summer)}"


def _day(moment: time.struct_time) -> int:
    """Julian day without leap days, as POSIX's J form counts."""
    leap = moment.tm_year % 4 == 0 and (moment.tm_year % 100 != 0 or moment.tm_year % 400 == 0)
    return moment.tm_yday - (1 if leap and moment.tm_mon > 2 else 0)


def _hour(moment: time.struct_time) -> str:
    return f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}"
