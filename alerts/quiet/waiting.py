"""How long a new alert of a level waits before its bell opens, so that what belongs to it, or keeps it shut, can arrive first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """The wait of a level (Alertmanager's `group_wait`). What comes and goes within it is never mentioned."""

    wait: timedelta
