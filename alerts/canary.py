"""Where a canary ends: its own person and its own channel, which writes nothing outside. No other channel is ever used for one.

A canary's alert is no case: it stands in no list, count or figure, and is forgotten after a while (`alerts.ledger`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from alerts.people.roster import Person

SINK: Final = "sink"  # the channel; no policy and no settings can name it
PERSON: Final = Person("canary", "自检", "", "canary", "", channels=(SINK,))
# An older canary opens nothing: reading the log again from its start changes nothing, although …
STALE: Final = timedelta(minutes=30)
KEPT: Final = timedelta(hours=1)  # … its traces stay in the ledger only so long
