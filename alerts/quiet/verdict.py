"""The one question: may this bell ring now, and if not, why and until when?

Asked at every ring, after the ledger has been read and within the transaction that would ring: there is nothing that a restart would
have to rebuild first. Where several rules hold, the one that holds longest is named. A drill comes before them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from alerts.quiet.bell import Bell
from alerts.quiet.book import QuietBook
from alerts.quiet.budgets import Budget
from alerts.quiet.flapping import Flap, Limits, calm_at, flap_key
from alerts.quiet.grouping import Timing
from alerts.quiet.hours import Hours
from alerts.quiet.hush import Hush, Quiet, Rehearsal
from alerts.quiet.inhibition import Rule, inhibitor
from alerts.quiet.terms import Lengths
from streams.signal import Level


@dataclass(frozen=True, slots=True)
class QuietPolicy:
    """All of a policy file's `[quiet]`. `recheck` is how often an inhibited bell is looked at again."""

    lengths: Lengths = field(default_factory=Lengths)
    flapping: Limits = field(default_factory=Limits)
    inhibit: tuple[Rule, ...] = ()
    recheck: timedelta = timedelta(minutes=2)
    groups: Mapping[Level, Timing] = field(default_factory=lambda: MappingProxyType({}))
    hours: Hours = field(default_factory=Hours)
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What else an answer leans on: open alerts that may be worse, and what is remembered of devices that come and go."""

    sources: tuple[Bell, ...] = ()
    flaps: Mapping[str, Flap] = field(default_factory=lambda: MappingProxyType({}))


def verdict(
    bell: Bell, book: QuietBook, policy: QuietPolicy, now: datetime, around: Around | None = None
) -> Hush | Rehearsal | None:
    """None when the bell may ring now; else why it stays shut and until when, or as which drill it rings."""
    drills = [found for drill in book.drills if (found := drill.rehearsal(bell, now))]
    if drills:
        return min(drills, key=lambda d: d.id)
    if bell.spared(policy.lengths.life_safety):
        return None
    beside = around or Around()
    hushes = [
        *(silence.hush(bell, now, policy.lengths) for silence in book.silences),
        *(window.hush(bell, now, policy.lengths) for window in book.windows),
        _inhibited(bell, beside.sources, policy, now),
        _flapping(bell, beside.flaps, policy.flapping, now),
    ]
    return max((h for h in hushes if h), key=lambda h: (h.until, h.id), default=None)


def flap_keys(subjects: Sequence[str], rules: Sequence[str]) -> Sequence[str]:
    """What is remembered of an alert's device is asked for under this; nothing for one that several devices or rules speak of."""
    return (flap_key(subjects[0], rules[0]),) if len(subjects) == len(rules) == 1 else ()


def _inhibited(bell: Bell, sources: Sequence[Bell], policy: QuietPolicy, now: datetime) -> Hush | None:
    source = inhibitor(bell, sources, policy.inhibit, policy.lengths.life_safety)
    return Hush(Quiet.INHIBITED, source.alert, now + policy.recheck) if source else None


def _flapping(bell: Bell, flaps: Mapping[str, Flap], limits: Limits, now: datetime) -> Hush | None:
    for key in flap_keys(bell.subjects, bell.rules):
        flap = flaps.get(key)
        if flap is not None and flap.flapping and (until := calm_at(flap, limits)) > now:
            return Hush(Quiet.FLAPPING, key, until)
    return None
