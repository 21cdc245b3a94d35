"""The ledger: alerts, timeline, outbox, registry and people in SQL.

`port` is the interface; SQLite and PostgreSQL hold one contract.
"""

from __future__ import annotations

from alerts.ledger.port import Ledger


def open_ledger(url: str) -> Ledger:
    """The ledger at an SQLAlchemy address, with the tables this version needs (missing migrations are run).

    `sqlite:///FILE` makes the file and its directory. Raises `ValueError` for an address that cannot be one and
    `LedgerUnavailable` when the database does not answer.
    """
    from alerts.ledger.sql import (
        SqlLedger,
    )  # SQLAlchemy is loaded by those who open a ledger, not by all who name its port

    return SqlLedger(url)


__all__ = ["Ledger", "open_ledger"]
