"""The hotline's work orders beside the cases they are about: to find a case by an order's number, and to count what was closed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Table, Text

from alerts.ledger.tables import Instant, metadata

hotline_order: Final = Table(
    "hotline_order",
    metadata,
    Column("platform", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("grid", Text, nullable=False),
    Column("assignee", Text, nullable=False),
    Column("reached", Text, nullable=False),
    Column("linked_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("closed_at", Instant),
    Column("finding", Text, nullable=False),
    Index("hotline_order_number", "number"),
    Index("hotline_order_linked", "linked_at"),
    sqlite_with_rowid=False,
)
