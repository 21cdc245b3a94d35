"""A bell that would ring, as the quiet rules look at it, and what a rule may say it is about.

Red fire, gas and SOS are life-safety: no rule but a named drill keeps them from ringing (law 8). A policy may add kinds to that list;
it cannot take one away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from alerts.alert import Alert
from ingest.registry import Registry
from streams.signal import Level

LIFE_SAFETY: Final = frozenset({"fire", "gas", "sos"})
NAMED: Final = (
    50  # an alert names no more subjects and rules than this: with so many, there may be others that no rule speaks of
)
_OF_A_GATEWAY: Final = "gateway_"  # kinds whose subject is a gateway itself


@dataclass(frozen=True, slots=True)
class Bell:
    """What would ring. `within` has the codes of its grid and of all levels above; `gateways` one name for each subject, "" for none."""

    alert: str
    kind: str
    level: Level
    grid: str = ""
    within: frozenset[str] = frozenset()
    subjects: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    raised_at: datetime | None = None

    def spared(self, more: frozenset[str] = frozenset()) -> bool:
        """Whether it is a red one of a life-safety kind. `more` are kinds that a policy adds."""
        return self.level is Level.RED and self.kind in LIFE_SAFETY | more


def bell_of(alert: Alert, registry: Registry) -> Bell:
    """The bell of an alert as it is now."""
    grid = alert.place.grid
    within = frozenset({grid, alert.place.township, *(g.code for g in registry.ancestors(grid))}) - {""}
    gateways = dict.fromkeys(_gateway(alert.kind, subject, registry) for subject in alert.subjects)
    return Bell(
        alert.id, alert.kind, alert.level, grid, within, alert.subjects, alert.rules, tuple(gateways),
        alert.stages.get("raised_at"),
    )  # fmt: skip


def _gateway(kind: str, subject: str, registry: Registry) -> str:
    if kind.startswith(_OF_A_GATEWAY):
        return subject
    device = registry.devices.get(subject)
    return device.gateway if device else ""


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a quiet rule is about. An empty field says nothing; those that are filled must all hold.

    `grids` are roots: everything below them is meant. An alert with several subjects, rules or gateways is only matched when every one
    of them is listed: what one device says is never silenced by a rule about another.
    """

    kinds: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    grids: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it says nothing at all, and so would match everything."""
        return not any(getattr(self, spec.name) for spec in fields(self))

    def matches(self, bell: Bell) -> bool:
        """Whether a bell is what this is about."""
        return (
            (not self.kinds or bell.kind in self.kinds)
            and (not self.levels or bell.level in self.levels)
            and (not self.grids or not bell.within.isdisjoint(self.grids))
            and _all_in(bell.subjects, self.subjects)
            and _all_in(bell.rules, self.rules)
            and _all_in(bell.gateways, self.gateways)
        )


def _all_in(found: Iterable[str], listed: tuple[str, ...]) -> bool:
    if not listed:
        return True
    said = set(found)
    return bool(said) and len(said) < NAMED and said <= set(listed)
