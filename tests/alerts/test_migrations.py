"""Migrations build exactly the tables the ledger uses, once, and from several processes at the same time."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from alerts.ledger import open_ledger, tables
from alerts.ledger.engine import Database
from alerts.ledger.migrate import HEAD, LedgerTooNew, config, migrate
from tests.alerts import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/deep/down/ledger.db"
    elif postgres.binaries() is None:
        pytest.skip(postgres.MISSING)
    else:
        with postgres.server() as address:
            yield postgres.new_database(address)


def test_the_migrations_build_the_tables_the_ledger_uses(url: str) -> None:
    database = Database(url)
    assert migrate(database.engine) is True
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
        made = {
            i["name"]: i["column_names"] for t in tables.metadata.tables for i in inspect(connection).get_indexes(t)
        }
    assert made == {
        str(i.name): [c.name for c in i.columns] for t in tables.metadata.tables.values() for i in t.indexes
    }
    database.close()


def test_running_them_again_changes_nothing(url: str) -> None:
    database = Database(url)
    assert [migrate(database.engine) for _ in range(3)] == [True, False, False]
    database.close()


def test_processes_that_start_together_migrate_once(url: str) -> None:
    ran: list[bool] = []

    def start() -> None:
        database = Database(url)
        ran.append(migrate(database.engine))
        database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ran) == [False, False, False, True]


def test_the_newest_migration_is_the_one_this_version_knows(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/x.db")
    with engine.connect() as connection:
        assert ScriptDirectory.from_config(config(connection)).get_current_head() == HEAD
    engine.dispose()


def test_a_ledger_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    open_ledger(url).close()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(LedgerTooNew, match="later Tocsin"):
        open_ledger(url)


def test_a_ledger_on_the_disk_is_durable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL: a commit is on the disk
    database.close()
