"""Does every group of readers get on? Pure."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from api.doctor.finding import Finding
from api.doctor.logview import LogView
from api.selfwatch.health import CONDUCT, DETECT, NOBODY, RECORD, progress

_DOES: Final = MappingProxyType({
    DETECT: "is `tocsin worker` running? docs/operations.md says how to add one",
    CONDUCT: "is `tocsin worker` running, and does the ledger answer?",
    RECORD: "is `tocsin worker` running, and does the series store answer? Alerts do not depend on it",
})  # fmt: skip
MANY: Final = 50_000  # rows or frames that wait: more than a worker works off in a minute


def readers(seen: LogView) -> Iterator[Finding]:
    """One finding per group: who reads, how much waits, whether it moves."""
    for name, now in seen.now.items():
        lag = sum(at.end - at.done for at in now.values())
        behind = sum(at.end > at.done for at in now.values())
        members = seen.members.get(name)
        who = "" if members is None else f"{members} members, "
        found = f"{who}{lag} to read" + (f" in {behind} partitions" if behind else "")
        answer = progress(seen.before.get(name, {}), now, members)
        if answer.well and lag <= MANY:
            yield Finding(f"lag {name}", True, found)
        elif answer.said == NOBODY:
            yield Finding(f"lag {name}", False, f"nobody reads, {lag} to read", _DOES[name])
        elif answer.well:
            yield Finding(f"lag {name}", False, found, "it moves and is late: add workers, up to one per partition")
        else:
            yield Finding(f"lag {name}", False, f"stands still: {found}", _DOES[name])
