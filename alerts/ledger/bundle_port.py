"""What may be asked of the ledger about notices that are held, groups, and what was let go. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from alerts.alert import Notice
from alerts.delivery.bundles import Bundle, Lane
from alerts.quiet.budgets import Let
from alerts.quiet.grouping import Group


class WritesBundles(Protocol):
    """Within a transaction. Writers come one after another, so what was read cannot change before the end."""

    def held(self, lanes: Iterable[Lane]) -> list[Notice]:
        """Everything that is held for some lanes and does not travel in a message yet, the oldest first.

        Of thousands, those that fall due first: what is due now is always among them, however much waits for tomorrow.
        """

    def riders(self, carrier: str) -> list[Notice]:
        """The notices that travel in a message, whatever has become of them."""

    def of_alerts(self, idents: Sequence[str]) -> dict[str, list[Notice]]:
        """`Transaction.notices` of many alerts in one question; an alert without any is there too."""

    def groups(self, keys: Iterable[str]) -> dict[str, Group]:
        """Groups by key; one that was never told is not there."""

    def repeating(self, lanes: Iterable[Lane], now: datetime) -> dict[str, Group]:
        """The groups of some lanes that are to be told again by `now`."""

    def keep_groups(self, groups: Iterable[Group]) -> None:
        """Write groups as they are now."""

    def bundle(self, carrier: str) -> Bundle | None:
        """What a notice carries beside itself."""

    def keep_bundle(self, bundle: Bundle) -> None:
        """Write down what a notice carries."""

    def let_go(self, lanes: Iterable[Lane]) -> dict[Lane, tuple[Let, ...]]:
        """What was let go lately in some lanes, the oldest first; a lane without any is not there."""

    def keep_let_go(self, lanes: Mapping[Lane, Sequence[Let]]) -> None:
        """Write what was let go."""
