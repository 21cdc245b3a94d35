"""Migrations build exactly the tables the ledger uses, once, and from several processes at the same time."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from alerts.alert import Alert
from alerts.ledger import open_ledger, tables
from alerts.ledger.engine import Database
from alerts.ledger.migrate import HEAD, LedgerTooNew, config, migrate, revision_of
from alerts.ledger.port import Filter
from alerts.people.roster import Person
from ingest.events import Place
from ingest.registry import Grid, GridLevel
from streams.signal import Level

LATER = f"{int(HEAD) + 1:04d}"
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/down/ledger.db"
    return request.getfixturevalue("postgres").new_database()


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


def as_of_a_later_build(path: Path, revision: str, usable_from: str, *more: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in more:
            connection.execute(statement)
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.execute("INSERT INTO compatibility VALUES (?, ?)", [revision, usable_from])
    connection.close()


def test_a_ledger_that_a_later_version_has_contracted_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    open_ledger(url).close()
    as_of_a_later_build(tmp_path / "ledger.db", LATER, LATER)
    with pytest.raises(LedgerTooNew, match=f"from revision {LATER} on"):
        open_ledger(url)


def test_a_ledger_that_a_later_version_has_only_expanded_is_used_on(tmp_path: Path) -> None:
    """The rolling half of an upgrade: the tables are already new, and a process of ours is started once more."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    open_ledger(url).close()
    expanded = (
        "ALTER TABLE alert ADD COLUMN later TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE outbox ADD COLUMN later INTEGER",
    )
    as_of_a_later_build(tmp_path / "ledger.db", LATER, HEAD, *expanded, "CREATE TABLE later (id TEXT PRIMARY KEY)")
    ledger = open_ledger(url)
    ledger.replace_place(
        [Grid("g1", "一网格", GridLevel.GRID)], [], [Person("p1", "张三", "+861000000001", "leader", "g1")]
    )
    alert = Alert("a1", "fire/g1", "fire", Level.RED, Place("g1", "t1"), stages={"raised_at": NOW}, last_seen=NOW)
    with ledger.transaction() as tx:
        tx.save(alert, [])
    with ledger.transaction() as tx:
        known = tx.alert("a1")
        assert known is not None
        tx.save(known, [])
    assert len(ledger.page(Filter()).alerts) == 1
    ledger.close()


@pytest.mark.parametrize("before", ["0001", "0002"])
def test_a_ledger_of_an_earlier_version_is_brought_up_and_keeps_what_it_holds(tmp_path: Path, before: str) -> None:
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    with database.engine.connect() as connection, connection.begin():
        command.upgrade(config(connection), before)
        connection.execute(
            text("INSERT INTO grid (code, name, level, parent, rings) VALUES ('g1', '一网格', 'grid', '', '[]')")
        )
    assert migrate(database.engine) is True
    assert revision_of(database.engine) == HEAD
    database.close()
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert list(ledger.registry().grids) == ["g1"]
    assert ledger.unknown_devices() == []
    ledger.close()


def test_the_version_before_can_go_on_with_todays_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    open_ledger(url).close()
    monkeypatch.setattr("alerts.ledger.migrate.HEAD", "0002")
    open_ledger(url).close()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    connection.close()


def test_a_ledger_on_the_disk_is_durable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL: a commit is on the disk
    database.close()
