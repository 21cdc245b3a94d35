"""What a ledger's database says of itself, without touching its tables: for those who look after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from alerts.ledger.engine import Database
from alerts.ledger.migrate import HEAD, revision_of


@dataclass(frozen=True, slots=True)
class Facts:
    """`revision` is empty while there are no tables; `known` is this build's. `now` is the database's clock, None where it has none of
    its own. `megabytes` is what it takes on the disk.
    """

    server: str
    revision: str
    known: str
    now: datetime | None
    megabytes: float


def facts(address: str) -> Facts:
    """Ask. Nothing is migrated. Raises `LedgerUnavailable`, and `ValueError` for an address that cannot be one."""
    database = Database(address)
    try:
        with database.reading() as connection:
            if database.sqlite:
                pages = connection.execute(
                    text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
                ).scalar()
                version = connection.execute(text("SELECT sqlite_version()")).scalar()
                server, now, size = f"SQLite {version}", None, pages
            else:
                version, now, size = connection.execute(
                    text(
                        "SELECT current_setting('server_version'), clock_timestamp(), pg_database_size(current_database())"
                    )
                ).one()
                server, now = f"PostgreSQL {str(version).split()[0]}", now.astimezone(UTC)
        return Facts(server, revision_of(database.engine), HEAD, now, float(size or 0) / 1e6)
    finally:
        database.close()
