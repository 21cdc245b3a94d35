"""`tocsin migrate` does what is missing, says it, and does nothing the second time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from alerts.ledger.migrate import HEAD
from alerts.settings import LedgerSettings
from api.child import free_ports
from api.command.verbs import app
from api.provision import Away, Blocked, Busy, Onboarding, provide_ledger, provide_log, provide_series
from ingest.settings import LogSettings
from ingest.topics import Topic
from streams.settings import SeriesSettings
from tests.alerts.deadline import until
from tests.conftest import Log, serving
from tests.live.servers import Influx, Kafka, Postgres

PATIENCE = 60.0


@pytest.fixture
def lines() -> list[str]:
    return []


def test_the_whole_of_it_with_the_embedded_servers(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = {
        "TOCSIN_LOG__BROKERS": log.settings.brokers,
        "TOCSIN_LOG__IDEMPOTENT": str(log.settings.idempotent),
        "TOCSIN_LOG__REPLICATION": str(log.settings.replication),
        "TOCSIN_LOG__MIN_INSYNC": str(log.settings.min_insync),
        "TOCSIN_LEDGER__URL": f"sqlite:///{tmp_path / 'ledger.db'}",
    }
    for _ in range(2):
        done = CliRunner().invoke(app, ["migrate"], env=env)
        assert done.exit_code == 0, done.output
        assert [line.split()[1] for line in done.stderr.splitlines() if line.startswith("✓")] == [
            "ledger:",
            "log:",
            "series:",
        ]
    assert (tmp_path / "ledger.db").exists()


def test_what_is_away_is_said_part_by_part_and_the_code_is_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log, ledger, series = free_ports(3)
    env = {
        "TOCSIN_LOG__BROKERS": f"127.0.0.1:{log}",
        "TOCSIN_LEDGER__URL": f"postgresql+psycopg://tocsin@127.0.0.1:{ledger}/tocsin",
        "TOCSIN_LEDGER__PASSWORD": "not-to-be-shown",
        "TOCSIN_SERIES__STORE": "influx",
        "TOCSIN_SERIES__URL": f"http://127.0.0.1:{series}",
        "TOCSIN_SERIES__TOKEN": "not-to-be-shown",
    }
    done = CliRunner().invoke(app, ["migrate", "--within", "0"], env=env)
    assert done.exit_code == 3, done.output
    for what in (
        f"127.0.0.1:{ledger}/tocsin did not answer",
        "ledger.url",
        "log.brokers",
        f"127.0.0.1:{series} did not",
        "series.url",
    ):
        assert what in done.stderr
    assert "not-to-be-shown" not in done.output


def test_an_address_that_is_none_is_a_wrong_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (port,) = free_ports(1)
    env = {"TOCSIN_LEDGER__URL": "nonsense", "TOCSIN_LOG__BROKERS": f"127.0.0.1:{port}"}
    done = CliRunner().invoke(app, ["migrate", "--within", "0"], env=env)
    assert done.exit_code == 3, "the worst of all that was found"
    assert "nonsense" in done.stderr


@pytest.mark.server
def test_the_ledger_on_postgresql_with_its_password_apart(postgres: Postgres, lines: list[str]) -> None:
    settings = LedgerSettings.model_validate({"url": postgres.new_database(), "password": "p@ss/word"})
    for _ in range(2):
        provide_ledger(settings.address, lines.append, within=PATIENCE)
    assert lines == [lines[0]] * 2
    assert HEAD in lines[0]


def test_a_ledger_of_a_later_version_blocks(tmp_path: Path, lines: list[str]) -> None:
    import sqlite3

    file = tmp_path / "ledger.db"
    provide_ledger(f"sqlite:///{file}", lines.append, within=0)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Blocked, match="9999"):
        provide_ledger(f"sqlite:///{file}", lines.append, within=0)


async def _kept(settings: LogSettings, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await admin.close()


@pytest.mark.server
@pytest.mark.live
def test_topics_are_made_kept_as_wanted_and_brought_into_line(kafka: Kafka, lines: list[str]) -> None:
    kafka.wipe()
    before = kafka.settings(partitions=3, retention_days=8)
    for _ in range(2):
        asyncio.run(provide_log(before, lines.append, within=PATIENCE))
    assert lines == [f"log: {len(Topic)} topics of 3 partitions, 1 copies each"] * 2
    kept = asyncio.run(_kept(before, Topic.READINGS))
    assert kept["retention.ms"] == str(8 * 86_400_000)
    assert (kept["message.timestamp.type"], kept["min.insync.replicas"], kept["cleanup.policy"]) == (
        "LogAppendTime",
        "1",
        "delete",
    )

    lines.clear()
    asyncio.run(provide_log(kafka.settings(partitions=3, retention_days=9), lines.append, within=PATIENCE))
    changed = [line for line in lines if "is now kept with retention.ms=777600000" in line]
    assert len(changed) == len(Topic) - 2, "the compacted ones have no retention"
    # the controller has said yes; the broker that is asked follows it a moment later
    until(lambda: asyncio.run(_kept(before, Topic.READINGS))["retention.ms"] == str(9 * 86_400_000), 60)
    kept = asyncio.run(_kept(before, Topic.READINGS))
    assert kept["message.timestamp.type"] == "LogAppendTime", "what was right stays right"
    assert asyncio.run(_kept(before, Topic.SNAPSHOTS))["cleanup.policy"] == "compact"

    with pytest.raises(Blocked, match=r"3 partitions and log.partitions says 4"):
        asyncio.run(provide_log(kafka.settings(partitions=4), lines.append, within=PATIENCE))
    with pytest.raises(Blocked, match=r"1 copies and log.replication says 2"):
        asyncio.run(provide_log(kafka.settings(partitions=3, replication=2), lines.append, within=PATIENCE))


@pytest.mark.server
def test_a_fresh_influxdb_is_set_up_once_and_then_kept_in_line(tmp_path: Path, lines: list[str]) -> None:
    server = Influx(tmp_path, bare=True)
    with serving(server):
        first = server.settings(retention_days=30)
        provide_series(first, lines.append, within=PATIENCE)
        provide_series(first, lines.append, within=PATIENCE)
        provide_series(server.settings(retention_days=1), lines.append, within=PATIENCE)
        provide_series(server.settings(retention_days=0), lines.append, within=PATIENCE)
        provide_series(server.settings(bucket="another", retention_days=400), lines.append, within=PATIENCE)
        provide_series(server.settings(bucket="another", retention_days=400), lines.append, within=PATIENCE)
        with pytest.raises(Blocked, match="does not know this token"):
            provide_series(server.settings(token="wrong"), lines.append, within=PATIENCE)
        with pytest.raises(Blocked, match="no organisation nobody"):
            provide_series(server.settings(org="nobody"), lines.append, within=PATIENCE)
        head = {"Authorization": f"Token {first.token.get_secret_value()}"}
        (bucket,) = httpx.get(f"{server.url}/api/v2/buckets?name=tocsin", headers=head).json()["buckets"]
    assert [line.removeprefix("series: ") for line in lines] == [
        "InfluxDB is set up: organisation tocsin, bucket tocsin, readings kept for 30 days",
        "bucket tocsin is there and keeps readings for 30 days",
        "bucket tocsin now keeps readings for 1 days",
        "bucket tocsin now keeps readings for ever",
        "bucket another is made, readings kept for 400 days",
        "bucket another is there and keeps readings for 400 days",
    ]
    assert bucket["retentionRules"][0]["everySeconds"] == 0


def onboarding(answer: Callable[[httpx.Request], httpx.Response]) -> Onboarding:
    settings = SeriesSettings(store="influx", url="http://influx", token="t")  # type: ignore[arg-type]
    return Onboarding(settings, httpx.Client(base_url=settings.url, transport=httpx.MockTransport(answer)))


@pytest.mark.parametrize(("status", "error"), [(503, Busy), (429, Busy), (500, Busy), (400, Blocked), (422, Blocked)])
def test_what_may_pass_is_waited_for_and_what_will_not_is_said(status: int, error: type[Exception]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, json={"allowed": True})
            if request.method == "GET"
            else httpx.Response(status, text="because")
        )

    with pytest.raises(error, match="because"):
        onboarding(answer).provide()


def test_the_token_never_leaves_before_it_is_known_who_asks_for_it() -> None:
    asked: list[tuple[str, str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.headers.get("authorization", ""), json.loads(request.content or b"{}")))
        return httpx.Response(200, json={"allowed": True})

    onboarding(answer).provide()
    (_, who, _), (_, also, body) = asked
    assert (who, also) == ("", "")
    assert body["token"] == "t"
    assert len(body["password"]) >= 24


def test_a_server_that_is_only_busy_is_away_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    def provide(_: Onboarding) -> list[str]:
        raise Busy("503 starting")

    monkeypatch.setattr(Onboarding, "provide", provide)
    with pytest.raises(Away, match="503 starting"):
        provide_series(SeriesSettings(store="influx", url="http://influx", token="t"), lines.append, within=0)  # type: ignore[arg-type]
