"""What may be asked of the ledger about when not to ring: outside a transaction, and within one. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from alerts.alert import Alert
from alerts.quiet.book import Change, QuietBook, QuietRule
from alerts.quiet.flapping import Flap
from streams.signal import Level


class ReadsQuiet(Protocol):
    """Silences, windows and drills, as they are."""

    def book(self, now: datetime | None = None) -> QuietBook:
        """Every rule that is not over at `now`, those that end first before the others; all that there ever were without it."""

    def rule(self, ident: str) -> QuietRule | None:
        """One rule."""

    def changes(self, ident: str) -> list[Change]:
        """What was done to a rule, oldest first."""


class WritesQuiet(ReadsQuiet, Protocol):
    """Within a transaction. Writers come one after another, so what was read cannot change before the end."""

    def put(self, rule: QuietRule, change: Change) -> None:
        """Write a rule as it is now, and add what was done to it."""

    def flaps(self, keys: Sequence[str]) -> dict[str, Flap]:
        """What is remembered of devices that come and go; one that has never come back is not there."""

    def keep_flaps(self, flaps: Mapping[str, Flap]) -> None:
        """Remember flaps as they are now."""

    def worst_at(self, grid: str, above: Level) -> list[Alert]:
        """The worst open alerts of a grid that are worse than a level, a few: an index lookup, cheap in a storm.

        What this transaction has saved is there; what it has not is not.
        """

    def bad_grids(self, at_least: Level) -> frozenset[str] | None:
        """The grids in which something at least so bad is open, in one question; None when there is too much of it to name."""

    def open_about(self, subjects: Sequence[str]) -> list[Alert]:
        """A few open alerts that speak of some subjects."""
