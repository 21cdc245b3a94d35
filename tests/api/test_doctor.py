"""`tocsin doctor` finds what is wrong with what a Tocsin leans on, says what to do, and finds nothing wrong with what is well."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from alerts.clocks.calendar import CHINA, LAST_YEAR
from alerts.ledger import open_ledger
from alerts.ledger.facts import facts
from alerts.ledger.migrate import HEAD
from alerts.people.roster import Person
from api.child import free_ports
from api.command.verbs import app
from api.doctor import disk as disks
from api.doctor.brokers import brokers, topics
from api.doctor.calendar import calendar
from api.doctor.certificates import certificates, judged
from api.doctor.clocks import Reading, clocks
from api.doctor.finding import Finding
from api.doctor.logview import Copies, LogAway, LogView, view
from api.doctor.readers import MANY, readers
from api.doctor.sessions import _broker, _gateways, sessions
from api.doctor.stores import ledger
from api.selfwatch.health import CONDUCT, DETECT, RECORD, Position
from api.settings import Settings
from ingest.log import configs_of, ensure_topics
from ingest.registry import Grid, GridLevel
from ingest.settings import LogSettings, MqttSettings
from ingest.topics import Topic, plan
from streams.settings import SeriesSettings
from tests.conftest import Doorway, Log, serving
from tests.live.process import substituted
from tests.live.servers import Kafka, Mosquitto, Postgres

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SETTINGS = LogSettings(brokers="a:1,b:1,c:1", partitions=2, replication=3, min_insync=2)
AT_REST = {"tocsin.signals/0": Position(5, 5)}


def well_view(**over: Any) -> LogView:
    """Three brokers on which everything is as it should be."""
    partitions = tuple(Copies(t, n, 1, 3, 3) for t in Topic for n in range(2))
    kept = {str(p.name): configs_of(p, SETTINGS) for p in plan(2)}
    still = dict.fromkeys((DETECT, CONDUCT, RECORD), AT_REST)
    seen = LogView((), ("a:1", "b:1", "c:1"), partitions, kept, still, still, dict.fromkeys(still, 2), NOW, NOW)
    return replace(seen, **over)


def partitions(*wrong: Copies) -> tuple[Copies, ...]:
    own = {(w.topic, w.number): w for w in wrong}
    return tuple(own.get((p.topic, p.number), p) for p in well_view().partitions)


LOG = [
    ("all is well", {}, None, ""),
    ("an address that does not answer", {"unreachable": ("c:1",)}, "brokers", "no answer from c:1"),
    ("fewer brokers than copies", {"brokers": ("a:1", "b:1")}, "brokers", "3 are needed"),
    ("no topics yet", {"partitions": ()}, "topics", "there is no tocsin.calls"),
    ("another number of partitions", {"partitions": partitions()[1:]}, "topics", "tocsin.readings has 1 partitions"),
    ("a copy is away", {"partitions": partitions(Copies(Topic.CALLS, 1, 1, 3, 2))}, "copies", "short of copies: 1 partitions, tocsin.calls/1"),
    ("too few copies to write", {"partitions": partitions(Copies(Topic.CALLS, 1, 1, 3, 1))}, "copies", "closed for writing"),
    ("nobody leads", {"partitions": partitions(Copies(Topic.CALLS, 1, -1, 3, 3))}, "copies", "closed for writing"),
    ("made with fewer copies", {"partitions": partitions(Copies(Topic.CALLS, 0, 1, 2, 2))}, "copies", "fewer copies than wanted"),
    ("kept for too short", {"kept": {**well_view().kept, Topic.CALLS: {"retention.ms": "1"}}}, "retention", "tocsin.calls: retention.ms is 1"),
]  # fmt: skip


@pytest.mark.parametrize(("_sentence", "over", "part", "said"), LOG, ids=[row[0] for row in LOG])
def test_what_is_said_of_the_log(_sentence: str, over: Mapping[str, Any], part: str | None, said: str) -> None:
    seen = well_view(**over)
    wrong = [f for f in (*brokers(seen, SETTINGS), *topics(seen, SETTINGS)) if not f.well]
    assert [f.part for f in wrong] == ([part] if part else [])
    for finding in wrong:
        assert said in finding.found
        assert finding.do


BEHIND, MOVED, FAR = ({"tocsin.signals/0": Position(done, end)} for done, end in ((5, 9), (7, 9), (7, MANY + 8)))
READERS = [
    ("at rest", AT_REST, AT_REST, 2, True, "2 members, 0 to read"),
    ("behind and moving", BEHIND, MOVED, 1, True, "2 to read in 1 partitions"),
    ("behind and moving, where members cannot be told", BEHIND, MOVED, None, True, "2 to read"),
    ("behind and still", BEHIND, BEHIND, 1, False, "stands still"),
    ("far behind and moving", BEHIND, FAR, 1, False, f"{MANY + 1} to read"),
    ("nobody there", AT_REST, AT_REST, 0, False, "nobody reads"),
]


@pytest.mark.parametrize(
    ("_sentence", "before", "now", "members", "well", "said"), READERS, ids=[row[0] for row in READERS]
)
def test_what_is_said_of_readers(
    _sentence: str, before: Any, now: Any, members: int | None, well: bool, said: str
) -> None:
    seen = well_view(before={CONDUCT: before}, now={CONDUCT: now}, members={CONDUCT: members})
    (finding,) = readers(seen)
    assert (finding.part, finding.well, bool(finding.do)) == (f"lag {CONDUCT}", well, not well)
    assert said in finding.found


def at(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


CLOCKS = [
    ("the same", Reading(at(0.5), NOW, at(1)), True, "within 2 s"),
    ("ahead", Reading(at(61), NOW, at(1)), False, "60.0 s ahead of"),
    ("behind", Reading(at(-60), NOW, at(1)), False, "60.0 s behind"),
    ("a question that took long explains a difference", Reading(at(9), NOW, at(10)), True, "within"),
    ("an old record says nothing of behind", Reading(at(-3600), NOW, NOW, least=True), True, "cannot be told"),
    ("a record from the future does of ahead", Reading(at(3600), NOW, NOW, least=True), False, "3600.0 s ahead of"),
]


@pytest.mark.parametrize(("_sentence", "reading", "well", "said"), CLOCKS, ids=[row[0] for row in CLOCKS])
def test_what_is_said_of_clocks(_sentence: str, reading: Reading, well: bool, said: str) -> None:
    (finding,) = clocks({"ledger": reading})
    assert (finding.part, finding.well) == ("clock ledger", well)
    assert said in finding.found


@pytest.mark.parametrize(
    ("free", "total", "well"), [(2 << 30, 8 << 30, True), (1 << 29, 1 << 30, False), (2 << 30, 100 << 30, False)]
)
def test_what_is_said_of_room(monkeypatch: pytest.MonkeyPatch, free: int, total: int, well: bool) -> None:
    monkeypatch.setattr(disks.shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=total))
    assert [f.well for f in disks.disk(Settings())] == [well]


@pytest.mark.parametrize(
    ("seen", "well", "said"),
    [
        ({}, False, "none is at work"),
        ({"gw": True}, True, "at work: gw"),
        ({"b": True, "a": True}, True, "at work: a, b"),
        ({"a": True, "b": False}, False, "at work: a; gone: b"),
    ],
)
def test_what_is_said_of_gateways(seen: Mapping[str, bool], well: bool, said: str) -> None:
    finding = _gateways(seen)
    assert (finding.well, finding.found) == (well, said)


def test_a_broker_that_dropped_messages_is_not_well() -> None:
    assert _broker(
        "m:1", {"$SYS/broker/publish/messages/dropped": 0, "$SYS/broker/clients/connected": 4}
    ).found.endswith("4 clients")
    dropped = _broker("m:1", {"$SYS/broker/publish/messages/dropped": 7})
    assert not dropped.well
    assert "dropped 7" in dropped.found


# ── against servers ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_log_as_it_is(log: Log) -> None:
    settings = log.settings.model_copy(update={"partitions": 12})
    asyncio.run(ensure_topics(settings))
    seen = view(settings)
    found = {f.part: f for f in (*brokers(seen, settings), *topics(seen, settings))}
    assert {part: f.found for part, f in found.items() if not f.well} == {}
    assert len(seen.now) == 3
    assert ("retention" in found) is settings.idempotent, "the embedded log cannot tell"


def test_a_log_that_is_away_is_said() -> None:
    (port,) = free_ports(1)
    with pytest.raises(LogAway, match=f"127.0.0.1:{port}"):
        view(LogSettings(brokers=f"127.0.0.1:{port}"))


@pytest.mark.server
@pytest.mark.live
def test_a_dead_broker_is_named_and_its_copies_are_missed(tmp_path: Path) -> None:
    cluster = Kafka(tmp_path, brokers=3)
    with serving(cluster):
        settings = cluster.settings(partitions=3)
        asyncio.run(ensure_topics(settings))
        cluster.kill(2)
        seen = asyncio.run(_when_the_dead_one_is_out(settings))
        wrong = {f.part: f.found for f in (*brokers(seen, settings), *topics(seen, settings)) if not f.well}
    assert wrong.keys() == {"brokers", "copies"}
    assert settings.brokers.split(",")[2] in wrong["brokers"]
    assert "short of copies" in wrong["copies"]


async def _when_the_dead_one_is_out(settings: LogSettings) -> LogView:
    """The first view in which everything that the dead broker led is led by another one."""
    async with asyncio.timeout(60):
        while True:
            seen = await asyncio.to_thread(view, settings)
            if all(p.leader > 0 and p.in_sync == 2 for p in seen.partitions):
                return seen


def test_sessions_on_each_broker(doorway: Doorway) -> None:
    found = {f.part: f for f in sessions(doorway.settings)}
    assert found["mqtt"].well, found["mqtt"].found
    assert not found["gateway"].well
    assert any(
        word in found["gateway"].found for word in ("none is at work", "gone: ")
    )  # others have used this broker before


@pytest.mark.server
def test_a_wrong_password_is_said(mosquitto: Mosquitto) -> None:
    (found,) = sessions(mosquitto.settings(password="wrong"))
    assert not found.well
    assert "Not authorized" in found.found
    assert "mqtt.password" in found.do


def settings_with(ledger_file: Path) -> Settings:
    return Settings.model_validate({"ledger": {"url": f"sqlite:///{ledger_file}"}})


def test_a_ledger_from_nothing_to_a_place(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    settings = settings_with(file)

    def found() -> dict[str, Finding]:
        return {f.part: f for f in ledger(settings, {})}

    assert "no such file" in found()["ledger"].found
    assert not file.exists(), "looking makes nothing"
    file.touch()
    assert found()["migrations"].do == "run `tocsin migrate`"
    assert not facts(settings.ledger.address).revision, "looking migrates nothing"
    opened = open_ledger(settings.ledger.address)
    assert "no place" in found()["ledger"].found
    opened.replace_place([Grid("g", "G", GridLevel.TOWNSHIP)], [], [])
    assert [f.part for f in found().values() if not f.well] == ["catcher"], (
        "nobody would be told of what no grid covers"
    )
    opened.replace_place([], [], [Person("p", "P", "+8610000000001", "catcher", "g")])
    opened.close()
    assert all(f.well for f in found().values()), found()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    assert found()["migrations"].found == f"tables of revision 0000, this build wants {HEAD}"


@pytest.mark.server
def test_the_database_s_clock_is_asked_for(postgres: Postgres) -> None:
    told: dict[str, Reading] = {}
    url = postgres.new_database()
    open_ledger(url).close()
    found = [f.part for f in ledger(Settings.model_validate({"ledger": {"url": url}}), told) if not f.well]
    assert found == ["ledger"], "there is no place in it"
    assert [f.well for f in clocks(told)] == [True]


# ── certificates ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

Key = ec.EllipticCurvePrivateKey


def certificate(
    name: str, days: float, issuer: tuple[x509.Certificate, Key] | None = None
) -> tuple[x509.Certificate, Key]:
    """A certificate for a name that ends in so many days, signed by the issuer or itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, sign = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return builder.sign(sign, hashes.SHA256()), key


def pem(made: tuple[x509.Certificate, Key], folder: Path, name: str) -> tuple[Path, Path]:
    shown, kept = folder / f"{name}.crt", folder / f"{name}.key"
    shown.write_bytes(made[0].public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    kept.write_bytes(made[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return shown, kept


class Sealed(Mosquitto):
    """Mosquitto with TLS, as docs/operations.md tells to set it up."""

    def _command(self) -> Any:
        command = super()._command()
        conf = Path(command[-1])
        tls = f"\ncertfile {self.folder / 'server.crt'}\nkeyfile {self.folder / 'server.key'}\n"
        conf.write_text(
            substituted(
                conf.read_text(encoding="utf-8"), {"\nmax_connections 20000\n": f"\nmax_connections 20000{tls}"}
            ),
            encoding="utf-8",
        )
        return command


TLS = [
    ("both hold for long", 400, 90, {}),
    ("the broker's ends soon", 400, 10, {"certificate of mqtt": "in 10 days"}),
    ("the broker's has ended", 400, -1, {"certificate of mqtt": "certificate has expired"}),
    ("the CA's ends soon", 10, 90, {"certificate of the CA": "in 10 days"}),
]


@pytest.mark.server
@pytest.mark.parametrize(("_sentence", "ca_days", "days", "wrong"), TLS, ids=[row[0] for row in TLS])
def test_certificates_of_a_real_broker(
    tmp_path: Path, _sentence: str, ca_days: int, days: int, wrong: Mapping[str, str]
) -> None:
    ca = certificate("ca", ca_days + 0.1)
    file, _ = pem(ca, tmp_path, "ca")
    pem(certificate("127.0.0.1", days + 0.1, ca), tmp_path, "server")
    server = Sealed(tmp_path)
    with serving(server):
        found = {f.part: f for f in certificates(server.settings(ca_file=file))}
    assert len(found) == 2
    assert {part for part, f in found.items() if not f.well} == set(wrong)
    for part, said in wrong.items():
        assert said in found[part].found
        assert found[part].do


@pytest.mark.server
def test_a_stranger_s_certificate_and_a_port_without_tls_are_said(tmp_path: Path, mosquitto: Mosquitto) -> None:
    pem(certificate("127.0.0.1", 90, certificate("ca", 400)), tmp_path, "server")
    file, _ = pem(certificate("another ca", 400), tmp_path, "ca")
    server = Sealed(tmp_path)
    with serving(server):
        _, shown = certificates(server.settings(ca_file=file))
    assert not shown.well
    assert "unable to get local issuer" in shown.found
    _, shown = certificates(mosquitto.settings(ca_file=file))
    assert "no TLS" in shown.found


def test_a_ca_file_that_is_none_is_said_and_without_tls_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nothing", encoding="utf-8")
    (found,) = certificates(MqttSettings(ca_file=tmp_path / "ca"))
    assert not found.well
    assert list(certificates(MqttSettings())) == []
    assert judged("c", NOW, NOW + dt.timedelta(days=3), "renew").found.endswith("3 days ago")


# ── the calendar ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sentence", "now", "well", "do"),
    [
        ("in summer nobody can know next year's days", dt.datetime(2026, 9, 30, 15, 59, tzinfo=dt.UTC), True, ""),
        ("from October on it is said", dt.datetime(2026, 9, 30, 16, 0, tzinfo=dt.UTC), True, "before 2027 begins"),
        ("until the last evening of the year", dt.datetime(2026, 12, 31, 15, 59, tzinfo=dt.UTC), True, "before 2027 begins"),
        ("a year that is not known is not well", dt.datetime(2026, 12, 31, 16, 0, tzinfo=dt.UTC), False, "limits in working days are early"),
        ("with next year known there is nothing to do", dt.datetime(2025, 11, 5, tzinfo=dt.UTC), True, ""),
    ],
)  # fmt: skip
def test_what_is_said_of_the_calendar(sentence: str, now: dt.datetime, well: bool, do: str) -> None:
    found = calendar(now, last=2026)
    assert found.well is well, sentence
    assert do in found.do if do else found.do == ""
    assert ("chinesecalendar" in found.do) is bool(do), "it names what to install"


def test_the_calendar_that_is_installed_is_the_one_that_is_judged() -> None:
    assert calendar(dt.datetime(LAST_YEAR, 10, 1, tzinfo=CHINA)).do
    assert not calendar(dt.datetime(LAST_YEAR, 9, 30, tzinfo=CHINA)).do
    assert not calendar(dt.datetime(LAST_YEAR + 1, 1, 1, tzinfo=CHINA)).well


# ── the command ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_place_with_nothing_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log, mqtt = free_ports(2)
    env = {"TOCSIN_LOG__BROKERS": f"127.0.0.1:{log}", "TOCSIN_MQTT__PORT": str(mqtt)}
    done = CliRunner().invoke(app, ["doctor", "--json"], env=env)
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["ok"] is False
    wrong = {f["part"]: f["do"] for f in said["findings"] if not f["well"]}
    assert wrong.keys() >= {"mqtt", "log", "ledger", "series"}
    assert "calendar" in {f["part"] for f in said["findings"]}
    assert all(wrong.values()), "each says what to do"
    assert list(tmp_path.iterdir()) == [], "looking changes nothing"
    shown = CliRunner().invoke(app, ["doctor"], env=env)
    assert shown.exit_code == 1
    assert "✗" in shown.stderr


def test_the_series_that_is_away_is_said() -> None:
    from api.doctor.stores import series

    (port,) = free_ports(1)
    settings = SeriesSettings.model_validate({"store": "influx", "url": f"http://127.0.0.1:{port}", "token": "t"})
    (found,) = series(settings, {})
    assert not found.well
    assert "alerts do not depend on it" in found.do
