"""The compose file says what the product and the files it mounts say: commands, variables, ports, paths, secrets and order."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from sqlalchemy import make_url

from api.settings import SecretFile, Settings, variables
from tests.conftest import DEMANDED
from tests.deployed import ROOT, parsed, run, settings_of
from tests.live.kafka import JARS, VERSION, what_fits

FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FORMS = ("single", "ha")
OURS = sorted(name for name, service in SERVICES.items() if str(service.get("image", "")).startswith("tocsin:"))
BROKERS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("apache/kafka:"))
MOSQUITTO = (ROOT / "deploy" / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
PROPERTIES = dict(
    line.split("=", 1)
    for line in (ROOT / "deploy" / "kafka" / "server.properties").read_text(encoding="utf-8").splitlines()
    if "=" in line and not line.startswith("#")
)
LOGGING = "Configuration:\n  Loggers:\n    Root: {level: INFO, AppenderRef: []}\n    Logger: []\n"  # as much as the image's step asks for
RUN_BY_THE_IMAGE_AS_SOMEBODY = {"apache/kafka:4.3.1"}  # its Dockerfile says USER appuser; ours says USER 10001


def started(form: str) -> dict[str, dict[str, Any]]:
    """The services of one form."""
    return {name: s for name, s in SERVICES.items() if form in s.get("profiles", FORMS)}


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets as deploy/secrets makes them."""
    folder = tmp_path_factory.mktemp("secrets")
    done = run("secrets", folder, "--readable")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def told(request: pytest.FixtureRequest, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of the service that the test is about."""
    return settings_of(SERVICES[request.getfixturevalue("name")]["environment"], secrets, monkeypatch)


def form_of(name: str) -> str:
    (form,) = SERVICES[name]["profiles"]
    return str(form)


def compose() -> list[str]:
    """How docker compose is called here; empty where it is not installed."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], check=False, capture_output=True, timeout=60).returncode
        ):
            return command
    return []


# ── docker compose itself ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("_sentence", "arguments"),
    [
        ("one of everything", []),
        ("high availability", ["--profile", "ha"]),
        ("with texts and calls", ["-f", "docker-compose.yml", "-f", "deploy/compose/twilio.yml", "--profile", "ha"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_docker_compose_takes_it(_sentence: str, arguments: list[str]) -> None:
    command = compose()
    if not command:
        missing = "docker compose is not installed (Debian: apt-get install docker-compose)"
        if DEMANDED:
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    env = {**os.environ, "PUBLIC_URL": "https://tocsin.example", "TWILIO_ACCOUNT_SID": "AC0", "TWILIO_SENDER": "+10"}
    done = subprocess.run(
        [*command, *arguments, "config"], cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr, "a variable is not set"
    known = yaml.safe_load(done.stdout)
    assert set(known["services"]) >= set(started("ha" if "ha" in arguments else "single"))
    if "deploy/compose/twilio.yml" in arguments:
        for name, service in known["services"].items():
            said = service.get("environment", {}).get("TOCSIN_NOTIFY__CHANNELS", "")
            decides = re.match("worker|sender|api", name) is not None
            assert bool(said) is decides, (
                f"{name}: who decides on channels, sends, or hears receipts knows the provider"
            )


def test_a_plain_up_starts_one_of_everything() -> None:
    assert (ROOT / ".env").read_text(encoding="utf-8").splitlines()[-1] == "COMPOSE_PROFILES=single"
    parts = {"mosquitto", "postgres", "influxdb", "kafka", "migrate", "gateway", "worker", "sender", "api"}
    assert set(started("single")) == parts


def test_high_availability_is_three_brokers_two_shards_with_standbys_three_workers_and_two_apis_behind_a_proxy() -> (
    None
):
    ha = started("ha")
    count = {
        what: sum(s.get("deploy", {}).get("replicas", 1) for name, s in ha.items() if re.fullmatch(what, name))
        for what in (
            "kafka-.",
            "gateway-.",
            "gateway-.-standby",
            "worker-ha",
            "sender-ha",
            "api-.",
            "proxy",
            "migrate-ha",
        )
    }
    assert count == {
        "kafka-.": 3, "gateway-.": 2, "gateway-.-standby": 2, "worker-ha": 3, "sender-ha": 2, "api-.": 2, "proxy": 1, "migrate-ha": 1,
    }  # fmt: skip
    assert len(ha) == sum(count.values()) - 2 - 1 + len({"mosquitto", "postgres", "influxdb"})


# ── our own processes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", OURS)
def test_the_command_is_one_that_tocsin_has(name: str) -> None:
    service = SERVICES[name]
    verb, options = parsed(service["command"])
    assert re.match(verb, name)
    if verb == "migrate":
        assert service["healthcheck"] == {"disable": True}, "it ends"
        assert service["restart"].startswith("on-failure")
        return
    assert service["healthcheck"]["test"] == ["CMD", "python", "-m", "api.heartbeat", str(options["heartbeat"])]
    folder = f"{options['heartbeat'].parent}:"
    assert any(mount.startswith(folder) for mount in service["tmpfs"]), "the root file system is read only"


@pytest.mark.parametrize("name", OURS)
def test_the_settings_load_and_point_at_services_of_the_same_form(name: str, told: Settings) -> None:
    form = started(form_of(name))
    for broker in told.log.brokers.split(","):
        host, _, port = broker.partition(":")
        assert host in form
        environment = form[host]["environment"]
        assert f"CLIENTS://:{port}," in environment["KAFKA_LISTENERS"]
        assert f"CLIENTS://{host}:{port}," in environment["KAFKA_ADVERTISED_LISTENERS"]
        assert form[host]["hostname"] == host
    assert sorted(b.partition(":")[0] for b in told.log.brokers.split(",")) == [b for b in BROKERS if b in form]
    assert told.mqtt.host in form
    assert f"\nlistener {told.mqtt.port}\n" in MOSQUITTO
    acl = (ROOT / "deploy" / "mosquitto" / "acl").read_text(encoding="utf-8")
    assert f"\nuser {told.mqtt.username}\n" in acl
    ledger = make_url(told.ledger.address)
    postgres = form[str(ledger.host)]
    assert (ledger.username, ledger.database) == (
        postgres["environment"]["POSTGRES_USER"],
        postgres["environment"]["POSTGRES_DB"],
    )
    assert postgres["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/ledger_password"
    assert ledger.password
    series = urlsplit(told.series.url)
    assert series.hostname in form
    assert f"http://127.0.0.1:{series.port}/health" in form[str(series.hostname)]["healthcheck"]["test"]
    assert told.worker.sends is False, "a sender of its own does, or every notice has two that look for it"
    assert told.log.idempotent is True
    assert told.secret.get_secret_value()


@pytest.mark.parametrize("name", OURS)
def test_copies_are_as_many_as_there_are_brokers_and_one_may_die(name: str, told: Settings) -> None:
    brokers = len(told.log.brokers.split(","))
    assert told.log.replication == brokers
    assert told.log.min_insync == max(1, brokers - 1)


@pytest.mark.parametrize("name", [n for n in OURS if re.match("worker", n)])
def test_every_worker_can_have_a_partition(name: str, told: Settings) -> None:
    assert SERVICES[name]["deploy"].get("replicas", 1) <= told.log.partitions


def test_gateways_share_the_shards_and_each_has_a_standby(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateways = {n: s for n, s in started("ha").items() if n.startswith("gateway")}
    told = {n: settings_of(s["environment"], secrets, monkeypatch) for n, s in gateways.items()}
    active = {n: t.mqtt for n, t in told.items() if not t.mqtt.standby}
    for name, mqtt in active.items():
        standby = told[f"{name}-standby"].mqtt
        assert (standby.standby, standby.client_id, standby.shards) == (True, mqtt.client_id, mqtt.shards)
    served = [shard for mqtt in active.values() for shard in mqtt.shards]
    assert len(served) == len(set(served)) == len(active)
    assert len({mqtt.client_id for mqtt in active.values()}) == len(active)
    for name in ("api-1", "api-2"):
        watch = settings_of(SERVICES[name]["environment"], secrets, monkeypatch).selfwatch
        assert sorted(watch.shards) == sorted(served), "the watch sends its alarm through every gateway"
        assert watch.name == name


# ── the servers ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", BROKERS)
def test_a_broker_says_only_what_differs_from_the_mounted_file(name: str) -> None:
    environment, brokers = SERVICES[name]["environment"], [b for b in BROKERS if b in started(form_of(name))]
    said = {
        key.removeprefix("KAFKA_").lower().replace("_", "."): value
        for key, value in environment.items()
        if key.startswith("KAFKA_") and key != "KAFKA_HEAP_OPTS"
    }
    assert said.pop("node.id") == str(brokers.index(name) + 1)
    voters = said.pop("controller.quorum.voters").split(",")
    assert voters == [f"{i + 1}@{b}:9094" for i, b in enumerate(brokers)]
    assert said.pop("listeners") == "CLIENTS://:9092,BROKERS://:9093,CONTROLLER://:9094"
    assert said.pop("advertised.listeners") == f"CLIENTS://{name}:9092,BROKERS://{name}:9093"
    data = said.pop("log.dirs")
    assert f"{name}:{data}" in SERVICES[name]["volumes"]
    assert said == what_fits(len(brokers)), "as the tests start a cluster of this size"
    assert said.keys() <= PROPERTIES.keys()
    for listener in ("CLIENTS", "BROKERS", "CONTROLLER"):
        assert listener in PROPERTIES["listener.security.protocol.map"]
    assert len(environment["CLUSTER_ID"]) == 22
    assert len({SERVICES[b]["environment"]["CLUSTER_ID"] for b in brokers}) == 1


@pytest.mark.server
@pytest.mark.live
@pytest.mark.parametrize("name", BROKERS)
def test_the_image_makes_of_file_and_variables_what_the_broker_needs(name: str, tmp_path: Path) -> None:
    """The step that the image takes before it starts a broker is a class of Kafka itself; here it runs from the same jars."""
    if not (JARS / f"kafka_2.13-{VERSION}.jar").exists() or shutil.which("java") is None:
        missing = "Kafka's jars are not here: deploy/kafka/install"
        pytest.fail(missing, pytrace=False) if DEMANDED else pytest.skip(missing)
    service = SERVICES[name]
    assert service["image"] == f"apache/kafka:{VERSION}"
    (mounted,) = [v.split(":") for v in service["volumes"] if v.startswith("./")]
    assert mounted[1] == "/mnt/shared/config/server.properties", "where the image looks for it"
    for folder in ("defaults", "final"):
        (tmp_path / folder).mkdir()
    for file in ("log4j2.yaml", "tools-log4j2.yaml"):
        (tmp_path / "defaults" / file).write_text(LOGGING, encoding="utf-8")
    (tmp_path / "defaults" / "server.properties").write_text("process.roles=nobody\n", encoding="utf-8")
    env = {**os.environ, **service["environment"], "KAFKA_LOG_DIRS": str(tmp_path / "data")}
    done = subprocess.run(
        ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", "kafka.docker.KafkaDockerWrapper", "setup",
         "--default-configs-dir", tmp_path / "defaults", "--mounted-configs-dir", (ROOT / mounted[0]).parent,
         "--final-configs-dir", tmp_path / "final"],
        env=env, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    final: dict[str, str] = {}
    for line in (tmp_path / "final" / "server.properties").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            final[key] = value  # the last one counts, as for Java
    expected = {**PROPERTIES, "node.id": service["environment"]["KAFKA_NODE_ID"], "log.dirs": str(tmp_path / "data")}
    expected |= what_fits(len([b for b in BROKERS if b in started(form_of(name))]))
    assert {key: final.get(key) for key in expected} == expected
    assert final["advertised.listeners"].startswith(f"CLIENTS://{name}:")
    assert (tmp_path / "data" / "meta.properties").exists(), "formatted"


def test_mosquitto_finds_its_files_where_its_configuration_says() -> None:
    service = SERVICES["mosquitto"]
    said = dict(line.split(maxsplit=1) for line in MOSQUITTO.splitlines() if line and not line.startswith("#"))
    targets = {mount.split(":")[1] for mount in service["volumes"]}
    assert said["acl_file"] in targets
    assert said["persistence_location"].rstrip("/") in targets
    assert said["password_file"].removeprefix("/run/secrets/") in service["secrets"]


def test_influxdb_and_postgresql_keep_their_files_in_their_volumes() -> None:
    influx = SERVICES["influxdb"]["environment"]
    for key in ("INFLUXD_BOLT_PATH", "INFLUXD_SQLITE_PATH", "INFLUXD_ENGINE_PATH"):
        assert influx[key].startswith("/var/lib/influxdb2/")
    assert "influxdb:/var/lib/influxdb2" in SERVICES["influxdb"]["volumes"]
    assert f"./deploy/influxdb/config.yml:{influx['INFLUXD_CONFIG_PATH']}:ro" in SERVICES["influxdb"]["volumes"]
    postgres = SERVICES["postgres"]
    assert "postgres:/var/lib/postgresql/data" in postgres["volumes"], "the image's PGDATA"
    assert (
        f"./deploy/postgres/postgresql.conf:{postgres['command'][2].removeprefix('config_file=')}:ro"
        in postgres["volumes"]
    )


def test_the_proxy_knows_the_apis_and_no_other_port(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    upstream = re.findall(r"^\s+server (\S+):(\d+) resolve", conf, re.MULTILINE)
    assert [name for name, _ in upstream] == [n for n in sorted(started("ha")) if n.startswith("api")]
    for name, port in upstream:
        assert settings_of(SERVICES[name]["environment"], secrets, monkeypatch).api.port == int(port)
    (listens,) = re.findall(r"^\s+listen (\d+);", conf, re.MULTILINE)
    assert SERVICES["proxy"]["ports"] == [f"${{PAGE_PORT:-8460}}:{listens}"]
    assert "./deploy/nginx/nginx.conf:/etc/nginx/nginx.conf:ro" in SERVICES["proxy"]["volumes"]


# ── what holds for all ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_mqtt_and_the_page_are_published(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = {form: {n: s["ports"] for n, s in started(form).items() if "ports" in s} for form in FORMS}
    page, mqtt = ["${PAGE_PORT:-8460}:8460"], ["${MQTT_PORT:-1883}:1883"]
    assert published == {"single": {"mosquitto": mqtt, "api": page}, "ha": {"mosquitto": mqtt, "proxy": page}}
    api = settings_of(SERVICES["api"]["environment"], secrets, monkeypatch).api
    assert (api.host, api.port) == ("0.0.0.0", 8460), "inside its container it must be reachable"


def mounts() -> Iterator[tuple[str, str, list[str]]]:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source, *rest = mount.split(":")
            yield name, source, rest


@pytest.mark.parametrize(("name", "source", "rest"), list(mounts()), ids=str)
def test_what_is_mounted_is_there(name: str, source: str, rest: list[str]) -> None:
    if source.startswith("./"):
        assert (ROOT / source).is_file(), "a path that is not there becomes an empty folder"
        assert source.startswith("./deploy/")
        assert rest[1:] == ["ro"]
    else:
        assert source in COMPOSE["volumes"]


def test_every_volume_and_every_secret_is_used() -> None:
    used = {source for _, source, _ in mounts() if not source.startswith("./")}
    assert used == set(COMPOSE["volumes"])
    assert {s for service in SERVICES.values() for s in service.get("secrets", ())} == set(COMPOSE["secrets"])


@pytest.mark.parametrize("secret", COMPOSE["secrets"])
def test_every_secret_is_one_that_the_script_makes(secret: str, secrets: Path) -> None:
    assert COMPOSE["secrets"][secret]["file"] == f"./deploy/compose/secrets/{secret}"
    assert (secrets / secret).stat().st_size > 0
    assert f"/{Path('deploy/compose/secrets')}/\n" in (ROOT / ".gitignore").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_files_that_the_service_has(name: str) -> None:
    service, kinds = SERVICES[name], dict(variables())
    for variable, value in service.get("environment", {}).items():
        if kinds.get(variable) is SecretFile or (variable.endswith("_FILE") and variable not in kinds):
            assert value.removeprefix("/run/secrets/") in service["secrets"], variable
        assert f"{variable}_FILE" not in kinds, f"{variable} is a secret and stands in the compose file"
        assert not re.search(r"(?i)password|token", variable) or value.startswith("/run/secrets/")


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_is_in_its_form_and_can_come_about(name: str) -> None:
    service = SERVICES[name]
    for needed, how in service.get("depends_on", {}).items():
        for form in service.get("profiles", FORMS):
            assert needed in started(form)
        other = SERVICES[needed]
        if how["condition"] == "service_completed_successfully":
            assert other["command"][0] == "migrate"
        else:
            assert how["condition"] == "service_healthy"
            assert other["healthcheck"].get("test")
    if name in OURS and service["command"][0] != "migrate":
        conditions = {n: how["condition"] for n, how in service["depends_on"].items()}
        assert "service_completed_successfully" in conditions.values(), "nothing starts before the tables are there"


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_may_do_little_and_is_looked_after(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}, "a log must not fill the disk"
    limits = service["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory"}
    assert service["restart"] in {"unless-stopped", "on-failure:5"}
    assert service["healthcheck"].get("test") or service["command"][0] == "migrate"
    assert service["networks"][0] == "inside"
    if name not in OURS and service["image"] not in RUN_BY_THE_IMAGE_AS_SOMEBODY:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    heap = service.get("environment", {}).get("KAFKA_HEAP_OPTS")
    if heap:
        assert heap == "-Xms1g -Xmx1g"
        assert limits["memory"] == "2g", "the other half is for what Kafka has outside its heap"


def test_a_process_may_drain_for_longer_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from api.heartbeat import DRAIN_WITHIN

    for name in OURS:
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > DRAIN_WITHIN


def test_the_only_way_out_is_for_those_who_need_it() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    outside = {n for n, s in SERVICES.items() if "outside" in s["networks"]}
    assert outside == {"mosquitto", "proxy", "api", "api-1", "api-2", "sender", "sender-ha"}


def test_channels_of_the_override_are_json_that_settings_take(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = yaml.safe_load((ROOT / "deploy" / "compose" / "twilio.yml").read_text(encoding="utf-8"))
    assert set(over["services"]) == {n for n in OURS if re.match("worker|sender|api", n)}
    said = over["services"]["sender"]["environment"]
    assert json.loads(said["TOCSIN_NOTIFY__CHANNELS"]) == ["sms", "voice"]
    (secrets / "twilio_auth_token").write_text("t", encoding="utf-8")
    told = settings_of({**SERVICES["sender"]["environment"], **said}, secrets, monkeypatch)
    assert told.notify.twilio.auth_token.get_secret_value() == "t"
