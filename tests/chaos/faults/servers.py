"""The servers beneath: brokers, Mosquitto and PostgreSQL killed, frozen, restarted, full of connections, and out of disk."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg

from tests.chaos.cluster import Shape
from tests.chaos.faults.contract import Fault
from tests.chaos.rig import Rig, say

BROKER_AWAY = 15.0
ALL_AWAY = 5.0
CONNECTIONS_FOR = 20.0
FULL_FOR = 15.0


def _brokers(count: int, away: float) -> object:
    def strike(rig: Rig, round_: int, quick: bool) -> None:
        kafka = rig.cluster.kafka
        which = [(round_ - 1 + i) % kafka.count for i in range(count)]
        with contextlib.ExitStack() as together:
            for thread in [threading.Thread(target=kafka.kill, args=(i,)) for i in which]:
                thread.start()
                together.callback(thread.join)
        time.sleep(away)
        kafka.start_again(*which)

    return strike


def mosquitto_kill(rig: Rig, round_: int, quick: bool) -> None:
    rig.cluster.mosquitto.kill()
    time.sleep(2)
    rig.cluster.mosquitto.start_again()


def _sql(rig: Rig, database: bool = True) -> psycopg.Connection:
    return psycopg.connect(
        rig.cluster.postgres.url(rig.cluster.database if database else "postgres").replace("+psycopg", "")
    )


def postgres_stop(rig: Rig, round_: int, quick: bool) -> None:
    """Every writer is in the middle of a transaction, held up by a lock of ours, when the server ends without writing anything back."""
    connection = _sql(rig)
    connection.execute("LOCK TABLE alert, outbox IN SHARE MODE")
    time.sleep(4)
    rig.cluster.postgres.immediate()
    with contextlib.suppress(psycopg.Error):
        connection.close()
    time.sleep(3)
    rig.cluster.postgres.start_again()


def postgres_restart(rig: Rig, round_: int, quick: bool) -> None:
    rig.cluster.postgres.stop()
    rig.cluster.postgres.start_again()


def postgres_freeze(rig: Rig, round_: int, quick: bool) -> None:
    rig.cluster.postgres.pause()
    time.sleep(20)
    rig.cluster.postgres.resume()


def postgres_connections(rig: Rig, round_: int, quick: bool) -> None:
    """Strangers take every connection there is, the product's own included."""
    held: list[psycopg.Connection] = []
    with _sql(rig) as mine:
        mine.autocommit = True
        end = time.monotonic() + CONNECTIONS_FOR
        while time.monotonic() < end:
            mine.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'stranger'"
            )
            with contextlib.suppress(psycopg.OperationalError):
                while len(held) < 500:
                    held.append(psycopg.connect(mine.info.dsn, application_name="stranger", connect_timeout=2))
            time.sleep(0.2)
    say(f"{len(held)} connections were held by strangers")
    for connection in held:
        connection.close()


def disk_full(what: str) -> object:
    def strike(rig: Rig, round_: int, quick: bool) -> None:
        disk = rig.cluster.disk
        assert disk is not None
        disk.fill()
        time.sleep(FULL_FOR)
        disk.free()
        if what == "log":
            kafka = rig.cluster.kafka
            gone = [i for i in range(kafka.count) if not kafka.pid(i)]
            say(f"brokers that ended for want of disk: {gone}")
            for i in gone:
                kafka.kill(i)
            if gone:
                kafka.start_again(*gone)
        elif not rig.cluster.postgres.pid:
            say("PostgreSQL ended for want of disk")
            rig.cluster.postgres.kill()
            rig.cluster.postgres.start_again()

    return strike


FAULTS = (
    Fault("broker-kill", _brokers(1, BROKER_AWAY)),
    Fault("two-brokers-kill", _brokers(2, BROKER_AWAY)),
    Fault("all-brokers-kill", _brokers(3, ALL_AWAY)),
    Fault("mosquitto-kill", mosquitto_kill),
    Fault("postgres-stop", postgres_stop),
    Fault("postgres-restart", postgres_restart),
    Fault("postgres-freeze", postgres_freeze, rounds=1),
    Fault("postgres-connections", postgres_connections, rounds=2),
    Fault("disk-full-ledger", disk_full("ledger"), rounds=2, shape=Shape(small_disk="ledger")),
    Fault("disk-full-log", disk_full("log"), rounds=2, shape=Shape(small_disk="log")),
)
