"""From a lapse on the way to us to a signal: messages of a gateway are missing, our own session was lost, or a source is kept out. Without
state of its own.

The gateway process tells a lapse once it has lasted and once it is over, and may repeat itself; an episode keeps its instant, so that
a repeat gives the same key.
"""

from __future__ import annotations

from typing import Any, Final

from ingest.events import Lapse, Loss
from streams.rules import LapseRule
from streams.signal import Level, Origin, Signal, signal_key

RULE: Final = "lapse"
KINDS: Final = {Loss.GAP: "gateway_gap", Loss.SESSION: "gateway_session_lost", Loss.NOISE: "noisy_source"}


def signal_of(event: Lapse, rule: LapseRule) -> Signal:
    """The signal of a lapse, or of its end."""
    kind = KINDS[event.loss]
    level = {Loss.GAP: rule.gap, Loss.SESSION: rule.session, Loss.NOISE: rule.noise}[event.loss]
    at = event.received_at if event.over else event.since
    return Signal(
        signal_key(RULE, f"{kind}/{event.gateway}", event.since),
        kind, Level(level), Origin.SYSTEM, event.gateway, RULE,
        at, at, event.received_at, event.place, not event.over, text=kind, evidence=_evidence(event),
    )  # fmt: skip


def _evidence(event: Lapse) -> dict[str, Any]:
    if event.over or event.loss is Loss.SESSION:
        return {}
    if event.loss is Loss.NOISE:
        return {"why": event.why}
    missing = [{"boot": boot, "first": first, "last": last} for boot, first, last in event.missing]
    return {"missing": missing, "count": event.count, "boot": event.missing[0][0] if event.missing else ""}
