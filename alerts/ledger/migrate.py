"""Brings a ledger's database to the tables this version knows. Safe to call from every process at every start.

An upgrade rolls: for a while, processes of this version and of the one before share the ledger. So a revision only expands (tables, columns
with a default), and what it replaces is taken away by a later one, once nobody uses it. Each revision writes down the oldest one whose
build can still work with its tables; a build that finds a later revision asks there whether it may go on.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, inspect, text

log = logging.getLogger(__name__)

HEAD: Final = "0012"
USABLE_FROM: Final = (
    "0001"  # the oldest build that can work with these tables; raised by a revision that takes something away
)
_LOCK: Final = 0x70C51  # PostgreSQL's advisory lock of migrations: one process at a time


class LedgerTooNew(RuntimeError):
    """The database was written by a later Tocsin than this one, and this one cannot work with its tables."""


def migrate(engine: Engine) -> bool:
    """Run the migrations that are missing, all in one transaction. True when there were any.

    Raises `LedgerTooNew` for tables of a later version that this one must not touch.
    """
    with engine.connect() as connection:
        if _is_usable(connection):
            return False
    with engine.connect().execution_options(tocsin_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if _is_usable(connection):  # another process was quicker
            return False
        command.upgrade(config(connection), "head")
        connection.execute(
            text("INSERT INTO compatibility (revision, usable_from) VALUES (:revision, :usable_from)"),
            {"revision": HEAD, "usable_from": USABLE_FROM},
        )
    return True


def revision_of(engine: Engine) -> str:
    """The revision of the tables that are there; empty for a database without any."""
    with engine.connect() as connection:
        return _revision(connection)


def _is_usable(connection: Connection) -> bool:
    """Whether there is nothing to do. Raises `LedgerTooNew`."""
    found = _revision(connection)
    if found <= HEAD:
        return found == HEAD
    query = text("SELECT usable_from FROM compatibility WHERE revision = :found")
    usable_from = connection.execute(query, {"found": found}).scalar()
    if usable_from is None or usable_from > HEAD:
        raise LedgerTooNew(
            f"the ledger has tables of revision {found}, which builds from revision {usable_from or found} on can use, and this "
            f"Tocsin knows {HEAD}: run the later Tocsin, or restore a copy"
        )
    log.info("the ledger is of revision %s, which this build (%s) can use: an upgrade is rolling", found, HEAD)
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
