"""Brings a ledger's database to the tables this version knows. Safe to call from every process at every start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, inspect, text

HEAD: Final = "0001"
_LOCK: Final = 0x70C51  # PostgreSQL's advisory lock of migrations: one process at a time


class LedgerTooNew(RuntimeError):
    """The database was written by a later Tocsin than this one."""


def migrate(engine: Engine) -> bool:
    """Run the migrations that are missing, all in one transaction. True when there were any."""
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return False
    with engine.connect().execution_options(tocsin_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _revision(connection)
        if found == HEAD:  # another process was quicker
            return False
        if found > HEAD:
            raise LedgerTooNew(
                f"the ledger has tables of revision {found} and this Tocsin knows {HEAD}: "
                "run the later Tocsin, or restore a copy"
            )
        command.upgrade(config(connection), "head")
    return True


def config(connection: Connection) -> Config:
    """Alembic's settings for an open connection."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")
