"""Connections to the ledger's database, as both kinds need them: durable, one writer at a time, bounded waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from alerts.ledger.port import Conflict, LedgerUnavailable
from alerts.ledger.tables import as_json
from ingest.wal import use_wal

PATIENCE: Final = 10.0  # seconds any one asking may wait for a lock or a connection
HELD_UP: Final = 5.0  # seconds for which a writer that stands still may hold up the others
_LOG_PAGES: Final = 16_000  # of 4 KiB
_WRITERS: Final = 0x70C50  # PostgreSQL's advisory lock of writers


class Database:
    """One engine, and the two ways to use it: to read and to write."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.sqlite = self.engine.dialect.name == "sqlite"
        # SQLite's own waiting is a poll with growing pauses; inside one process a lock hands over at once.
        self._turn = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the ledger."""
        with plain_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, in_order: bool = True) -> Iterator[Connection]:
        """A connection in a write transaction, committed at the end; an exception undoes everything.

        With `in_order` writers come one after another on PostgreSQL too.
        """
        if self.sqlite and not self._turn.acquire(timeout=PATIENCE):
            raise LedgerUnavailable(f"another write to the ledger has not ended in {PATIENCE:.0f} s: try again")
        try:
            with plain_errors(), self._writer() as connection, connection.begin():
                if in_order:
                    self.take_turn(connection)
                yield connection
        finally:
            if self.sqlite:
                self._turn.release()

    def take_turn(self, connection: Connection) -> None:
        """Wait until no other writer is left that came before; the turn ends with the transaction. SQLite's begin with theirs."""
        if not self.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITERS})

    def _writer(self) -> Connection:
        return self.engine.connect().execution_options(tocsin_writes=True)

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


@contextmanager
def plain_errors() -> Iterator[None]:
    """The database's errors as the port names them."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(
            f"somebody else wrote the same thing meanwhile: read again and decide again ({error.orig})"
        ) from error
    except (OperationalError, PoolTimeout) as error:
        raise LedgerUnavailable(f"the ledger cannot be asked just now, try again: {error}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise LedgerUnavailable(f"the connection to the ledger is gone, try again: {error}") from error
        raise


def _engine(url: str) -> Engine:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ValueError(
            f"{url!r} is no ledger address: give sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
        ) from error
    shared: dict[str, Any] = {"json_serializer": as_json, "json_deserializer": orjson.loads, "pool_timeout": PATIENCE}
    if address.get_backend_name() == "sqlite":
        if not address.database or address.database == ":memory:":
            raise ValueError("the ledger needs a file: give sqlite:///FILE")
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(address, **shared, pool_size=8, max_overflow=32, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    if address.get_backend_name() != "postgresql":
        raise ValueError(
            f"{address.get_backend_name()} cannot hold the ledger: give sqlite:///FILE or postgresql+psycopg://…"
        )
    address = address.set(drivername="postgresql+psycopg")
    return create_engine(address, **shared, pool_size=8, max_overflow=16, pool_pre_ping=True, connect_args=_limits())


def _limits() -> dict[str, Any]:
    """Bounds on everything a PostgreSQL connection may wait for.

    Writers take turns, so one that is frozen or cut off in the middle of a transaction would hold up all the others: the server ends
    its session, and a client that hears nothing gives the connection up.
    """
    milliseconds = {
        "statement_timeout": PATIENCE * 1000,
        "lock_timeout": PATIENCE * 1000,
        "idle_in_transaction_session_timeout": HELD_UP * 1000,
    }
    return {
        "connect_timeout": 5,
        "options": " ".join(f"-c {name}={value:.0f}" for name, value in milliseconds.items()),
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": int(PATIENCE * 1000),
    }


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_on_sqlite_begin`, not by the driver's guess
    use_wal(connection)
    cursor = connection.cursor()
    # FULL: a commit is on the disk before it is answered (law 1). The log of writes may grow to 64 MB before it goes into the file: with
    # SQLite's own 4 MB every commit of a storm wrote its pages twice.
    for pragma in ("synchronous=FULL", "cache_size=-65536", "temp_store=MEMORY", f"wal_autocheckpoint={_LOG_PAGES}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tocsin_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
