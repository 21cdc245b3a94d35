"""The product as its next version could be, for upgrades that roll: `python -m tests.live.next_version VERB OPTIONS`.

It expands and takes nothing away: every record carries a field that today's readers do not know, frames and snapshots have another entry in
their headers, and the ledger gets a further revision with new columns and a table.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text

import alerts.ledger.migrate as migrations
import alerts.ledger.sql as ledgers
import streams.signal as signals
from ingest import events, log
from ingest.frames import _HEAD, MAGIC, Frame
from streams import applier

NEXT = "0999"
EXPANDED = (
    "ALTER TABLE alert ADD COLUMN later TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE outbox ADD COLUMN later INTEGER",
    "CREATE TABLE later (id TEXT PRIMARY KEY)",
)


def expanded(raw: bytes) -> bytes:
    """A JSON record with fields of a later time."""
    return orjson.dumps({**orjson.loads(raw), "later": {"list": [1], "text": "后来"}})


def expanded_frame(raw: bytes) -> bytes:
    """A frame whose header says more."""
    _, length = _HEAD.unpack_from(raw)
    header = expanded(raw[_HEAD.size : _HEAD.size + length])
    return _HEAD.pack(MAGIC, len(header)) + header + raw[_HEAD.size + length :]


def migrate(engine: Engine) -> bool:
    """Today's migrations, and one more."""
    with engine.connect() as connection:
        if _is_next(connection):
            return False
    changed = todays_migrate(engine)
    with engine.connect().execution_options(tocsin_writes=True) as connection, connection.begin():
        if _is_next(connection):
            return changed
        for statement in EXPANDED:
            connection.execute(text(statement))
        connection.execute(text("UPDATE alembic_version SET version_num = :next"), {"next": NEXT})
        usable = {"revision": NEXT, "usable_from": migrations.HEAD}
        connection.execute(text("INSERT INTO compatibility VALUES (:revision, :usable_from)"), usable)
    return True


def _is_next(connection: Connection) -> bool:
    return migrations._revision(connection) == NEXT


todays_migrate = migrations.migrate


def become_next() -> None:
    """Patch this process, and no other."""
    todays_event, todays_signal, todays_frame = events.encode, signals.encode, Frame.encode

    def event(one: Any) -> bytes:
        return expanded(todays_event(one))

    events.encode = log.encode = applier.encode = event
    signals.encode = lambda signal: expanded(todays_signal(signal))
    Frame.encode = lambda self: expanded_frame(todays_frame(self))
    ledgers.migrate = migrate


if __name__ == "__main__":
    become_next()
    sys.argv[0] = "tocsin"
    runpy.run_module("api.command.process", run_name="__main__")
