"""Questions about many keys: the same answers on every database, by index, and however odd the keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, Text, bindparam, create_engine, select

from alerts.ledger.among import among, listed
from alerts.ledger.tables import as_json

ODD = ("", "a'b", 'a"b', "a\\b", "火警|g1|烟感", "null", "1", "true", "[]", "a\nb", "%", "100%s", ":keys")
THING = Table("thing", MetaData(), Column("key", Text, primary_key=True), Column("said", Text, nullable=False))
AMONG = select(THING.c.key).where(among(THING.c.key, "keys")).order_by(THING.c.key)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/things.db" if sqlite else request.getfixturevalue("postgres").new_database()
    engine = create_engine(url, json_serializer=as_json)
    with engine.connect() as opened:
        THING.create(opened)
        many = [*ODD, *(f"key-{number:05}" for number in range(2000))]
        opened.execute(THING.insert(), [{"key": key, "said": f"of {key}"} for key in many])
        yield opened
    engine.dispose()


@pytest.mark.parametrize(
    ("sentence", "keys", "found"),
    [
        ("no key finds nothing", [], []),
        ("one that is there", ["key-00007"], ["key-00007"]),
        ("one that is not there", ["key-99999"], []),
        ("one that is asked for twice is found once", ["key-00007", "key-00007"], ["key-00007"]),
        ("odd ones are texts like any other", list(ODD), sorted(ODD)),
        (
            "more than a statement may have parameters",
            [f"key-{number:05}" for number in range(40_000)],
            [f"key-{number:05}" for number in range(2000)],
        ),
    ],
)
def test_what_is_among_the_keys_is_found(
    connection: Connection, sentence: str, keys: list[str], found: list[str]
) -> None:
    assert sorted(connection.execute(AMONG, {"keys": keys}).scalars()) == found


def test_what_a_question_of_its_own_finds_is_listed(connection: Connection) -> None:
    few = select(THING.c.key).where(THING.c.said == bindparam("first"))
    more = few.union(select(THING.c.key).where(THING.c.said == bindparam("second")))
    asked = {"first": "of key-00001", "second": "of a'b"}
    found = connection.execute(select(THING.c.said).where(listed(THING.c.key, more)), asked).scalars()
    assert sorted(found) == ["of a'b", "of key-00001"]


def test_both_are_answered_by_the_index(connection: Connection) -> None:
    """Compared with 1, as SQLAlchemy does with what may be true on SQLite, a whole table was read for every batch."""
    connection.exec_driver_sql("ANALYZE thing" if connection.dialect.name == "postgresql" else "ANALYZE")
    few = select(THING.c.key).where(THING.c.key == "key-00001")
    for question in (AMONG, select(THING.c.said).where(listed(THING.c.key, few))):
        compiled = question.compile(connection, compile_kwargs={"render_postcompile": True})
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        asked = {**compiled.params, **({"keys": as_json(["key-00001"])} if "keys" in compiled.params else {})}
        given = asked if not compiled.positional else tuple(asked[name] for name in compiled.positiontup or ())
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {compiled}", given))
        assert "SEARCH thing" in plan or "Index" in plan, plan
        assert "SCAN thing" not in plan
        assert "Seq Scan" not in plan
