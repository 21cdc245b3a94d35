"""The tables of `alerts.quiet`: each rule as it is now, what was done to it (only ever added to), and devices that come and go."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, SmallInteger, Table, Text

from alerts.ledger.tables import Instant, metadata

silence: Final = Table(
    "silence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("matcher", JSON, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", Instant),
    Column("ended_by", Text, nullable=False),
    Column("ended_at", Instant),
    Index("silence_ends", "ends_at"),
)

maintenance: Final = Table(
    "maintenance",
    metadata,
    Column("id", Text, primary_key=True),
    Column("matcher", JSON, nullable=False),
    Column("days", JSON, nullable=False),
    Column("start", Integer, nullable=False),
    Column("stop", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("ended_at", Instant),
    Index("maintenance_until", "until_at"),
)

drill: Final = Table(
    "drill",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("matcher", JSON, nullable=False),
    Column("people", JSON, nullable=False),
    Column("by", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("approved_by", JSON, nullable=False),
    Column("approved_at", Instant),
    Column("ended_by", Text, nullable=False),
    Column("ended_at", Instant),
    Index("drill_ends", "ends_at"),
)

quiet_change: Final = Table(
    "quiet_change",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("what", Text, nullable=False),
    Column("by", Text, nullable=False),
    Index("quiet_change_of", "id", "seq"),
)

# What is remembered of devices that came back at least once, so that one that flaps says so once.
flap: Final = Table(
    "flap",
    metadata,
    Column("key", Text, primary_key=True),
    Column("states", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("flapping", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
