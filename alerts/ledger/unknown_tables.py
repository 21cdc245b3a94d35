"""The table of devices that were heard and are not enrolled (`ingest.unknown`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Table, Text

from alerts.ledger.tables import Instant, metadata

unknown_device: Final = Table(
    "unknown_device",
    metadata,
    Column("device", Text, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Column("sample", JSON, nullable=False),
    Index("unknown_device_seen", "last_seen", "device"),
)
