"""What patrols and residents reported, and their pictures, on the ledger's metadata."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, SmallInteger, Table, Text

from alerts.ledger.tables import Instant, metadata

report: Final = Table(
    "report",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("event", Text, nullable=False),  # as it goes into the log (`ingest.events.encode`)
    Column("caller", Text, nullable=False),  # sealed
    Column("caller_masked", Text, nullable=False),
    Column("logged", SmallInteger, nullable=False),
    Index("report_source", "source", "received_at"),
    Index("report_reporter", "reporter", "received_at"),
)

report_picture: Final = Table(
    "report_picture",
    metadata,
    Column("report", Text, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("size", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("report_picture_age", "at", "size"),
)
