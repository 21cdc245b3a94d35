"""The tables of downward instructions, on the ledger's metadata."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Column, Index, Integer, SmallInteger, Table, Text, text

from alerts.ledger.tables import Instant, metadata

# Downward instructions, and everybody each of them went to (`alerts.instructions.instruction`).
instruction: Final = Table(
    "instruction",
    metadata,
    Column("id", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("targets", JSON, nullable=False),
    Column("but", JSON, nullable=False),
    Column("demanded", Text, nullable=False),
    Column("urgent", SmallInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("reminding", JSON, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("settled", SmallInteger, nullable=False),
    Column("remind_at", Instant),
    Column("reminded", Integer, nullable=False),
    Column("asked", JSON, nullable=False),
    Column("fulfilled_at", Instant),
    Column("over_at", Instant),
    Column("over_by", Text, nullable=False),
    Column("over_why", Text, nullable=False),
    Index("instruction_page", "created_at", "id"),
    Index(
        "instruction_due",
        "remind_at",
        sqlite_where=text("remind_at IS NOT NULL"),
        postgresql_where=text("remind_at IS NOT NULL"),
    ),
)

instruction_recipient: Final = Table(
    "instruction_recipient",
    metadata,
    Column("instruction", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("grid", Text, nullable=False),
    Column("because", JSON, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("at", JSON, nullable=False),
    Column("via", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("trouble", Text, nullable=False),
    Index("instruction_recipient_rank", "instruction", "rank"),
    sqlite_with_rowid=False,
)
