"""A process that is frozen in the middle of a transaction does not hold up the others for long."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.alert import Alert
from alerts.ledger import open_ledger
from ingest.events import Place
from streams.signal import Level
from tests.live.servers import Postgres

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
WRITER = """
import sys
from alerts.ledger import open_ledger
with open_ledger(sys.argv[1]).transaction() as tx:
    tx.hold({"theirs": "a0"})
    print("in it", flush=True)
    sys.stdin.readline()
"""


def alert(ident: str) -> Alert:
    return Alert(ident, f"fire/{ident}", "fire", Level.RED, Place("g1", "t1"), stages={"raised_at": NOW}, last_seen=NOW)


@pytest.mark.server
def test_a_writer_that_is_frozen_in_its_transaction_is_put_out_and_the_others_go_on(postgres: Postgres) -> None:
    url = postgres.new_ledger()
    ledger = open_ledger(url)
    frozen = subprocess.Popen(
        [sys.executable, "-c", WRITER, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert frozen.stdout is not None
        assert frozen.stdout.readline() == "in it\n"
        frozen.send_signal(signal.SIGSTOP)
        with ledger.transaction() as tx:  # waits for its turn no longer than any asking may
            tx.save(alert("a1"), [])
        frozen.send_signal(signal.SIGCONT)
        frozen.communicate("\n", timeout=30)
        assert frozen.returncode != 0, "it learns that its transaction is gone"
        with ledger.transaction() as tx:
            assert tx.holding(["theirs"]) == {}, "and nothing of it is kept"
            assert tx.alert("a1") is not None
    finally:
        frozen.kill()
        frozen.wait()
        ledger.close()
