"""All that keeps bells shut because somebody said so, and what was done to each of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.quiet.drill import Drill
from alerts.quiet.maintenance import Window
from alerts.quiet.silence import Silence

QuietRule = Silence | Window | Drill


@dataclass(frozen=True, slots=True)
class QuietBook:
    """Silences, windows and drills."""

    silences: tuple[Silence, ...] = ()
    windows: tuple[Window, ...] = ()
    drills: tuple[Drill, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done to a rule: `created`, `approved` or `ended`, and by whom. Changes are only ever added."""

    id: str
    at: datetime
    what: str
    by: str
