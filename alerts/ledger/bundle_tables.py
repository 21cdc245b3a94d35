"""Groups as their receivers know them, what a message carries, and what each person was sent lately."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Column, Index, Table, Text, text

from alerts.ledger.tables import Instant, metadata

notice_group: Final = Table(
    "notice_group",
    metadata,
    Column("key", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("flush_at", Instant, nullable=False),
    Column("firing", JSON, nullable=False),
    Column("resolved", JSON, nullable=False),
    Column("told_at", Instant),
    Column("repeat_at", Instant),
    Column("carrier", Text, nullable=False),
    Index(
        "notice_group_repeat",
        "repeat_at",
        sqlite_where=text("repeat_at IS NOT NULL"),
        postgresql_where=text("repeat_at IS NOT NULL"),
    ),
)

notice_bundle: Final = Table(
    "notice_bundle",
    metadata,
    Column("carrier", Text, primary_key=True),
    Column("told", Text, nullable=False),
    Column("parts", JSON, nullable=False),
)

# The latest messages to one person over one channel: instants and digests of words, never the words.
notice_lane: Final = Table(
    "notice_lane",
    metadata,
    Column("person", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("let_go", JSON, nullable=False),
    sqlite_with_rowid=False,
)
