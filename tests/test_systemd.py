"""The units start commands that exist under settings that load, wait for what the product says, and systemd takes them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from api.heartbeat import DRAIN_WITHIN
from api.settings import SecretFile, variables
from tests.conftest import DEMANDED
from tests.deployed import ROOT, parsed, run, script, settings_of

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
SERVING = [unit for unit in UNITS if "migrate" not in unit.name]
TOCSIN = "/opt/tocsin/bin/tocsin"
INSTANCE = {"tocsin-gateway@.service": "a", "tocsin-worker@.service": "1", "tocsin-api@.service": "8460"}
TOO_EXPOSED = 25  # tenths, of systemd's own scale from 0 to 100


class Said(dict[str, list[str]]):
    """A section that keeps every value of a key that stands there more than once."""

    def __setitem__(self, key: str, value: list[str] | str) -> None:
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)  # type: ignore[assignment]


def read(path: Path) -> dict[str, dict[str, list[str]]]:
    """Section, key and every value of it."""
    parser = configparser.RawConfigParser(strict=False, dict_type=Said, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return {s: {k: str(v).split("\n") for k, v in parser.items(s)} for s in parser.sections()}


COMMON = read(FOLDER / "tocsin-.service.d" / "common.conf")


def environment(unit: Path, instance: str) -> dict[str, str]:
    said = [*COMMON["Service"].get("Environment", ()), *read(unit)["Service"].get("Environment", ())]
    pairs = [part.replace("%i", instance).replace("%d", "/run/credentials") for line in said for part in line.split()]
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("credentials")
    assert run("secrets", folder).returncode == 0
    return folder


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_command_is_one_that_tocsin_has_and_its_settings_load(
    unit: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = read(unit)["Service"]["ExecStart"]
    program, *rest = command.split()
    assert program == TOCSIN
    verb, options = parsed(rest)
    assert unit.name.startswith(f"tocsin-{verb}")
    assert str(options["config"]) == "/etc/tocsin/tocsin.toml"
    instance = INSTANCE.get(unit.name, "")
    assert bool(instance) is ("@" in unit.name)
    ledger = {"TOCSIN_LEDGER__URL": "postgresql+psycopg://tocsin@127.0.0.1/tocsin"}  # as tocsin.toml says it
    told = settings_of({**environment(unit, instance), **ledger}, secrets, monkeypatch)
    assert f":{quote((secrets / 'ledger_password').read_text(encoding='utf-8').strip())}@" in told.ledger.address
    if verb == "api":
        assert told.api.port == 8460
    if verb == "gateway":
        assert told.mqtt.client_id == "tocsin-gateway-a"
    if verb == "worker":
        assert told.worker.sends is False, "the sender has a unit of its own"


def test_every_secret_is_a_credential_and_every_credential_is_made() -> None:
    loaded = dict(line.split(":") for line in COMMON["Service"]["LoadCredential"])
    named = {v.removeprefix("/run/credentials/") for k, v in environment(UNITS[0], "").items() if k.endswith("_FILE")}
    assert named == set(loaded) == set(script("secrets").MADE)
    assert all(path == f"/etc/tocsin/secrets/{name}" for name, path in loaded.items())
    kinds = dict(variables())
    assert all(kinds[k] is SecretFile for k in environment(UNITS[0], "") if k.endswith("_FILE"))


@pytest.mark.parametrize("unit", SERVING, ids=lambda unit: unit.name)
def test_a_process_is_watched_and_started_again(unit: Path) -> None:
    service = read(unit)["Service"]
    assert (service["Type"], service["Restart"]) == (["notify"], ["always"])
    assert int(service["WatchdogSec"][0].removesuffix("s")) >= 10, "a beat is a second"
    from streams.worker import READY_WITHIN

    assert int(service["TimeoutStartSec"][0].removesuffix("s")) >= 2 * READY_WITHIN, "topics, then partitions"
    assert service["MemoryMax"]
    unit_section = read(unit)["Unit"]
    assert unit_section["After"] == unit_section["Wants"] == ["tocsin-migrate.service"]


def test_what_holds_for_all() -> None:
    service = COMMON["Service"]
    assert int(service["TimeoutStopSec"][0].removesuffix("s")) > DRAIN_WITHIN
    assert service["RestartPreventExitStatus"] == ["2"], "settings that cannot be used"
    assert COMMON["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert service["CapabilityBoundingSet"] == [""]
    for unit in UNITS:
        assert read(unit)["Install"]["WantedBy"] == ["tocsin.target"]


def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        missing = "systemd-analyze is not installed (Debian: apt-get install systemd)"
        pytest.fail(missing, pytrace=False) if DEMANDED else pytest.skip(missing)
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are installed, but for the program, which is somewhere else here."""
    program = tmp_path / "tocsin"
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    shutil.copytree(FOLDER, tmp_path / "system")
    for unit in (tmp_path / "system").glob("*.service"):
        unit.write_text(unit.read_text(encoding="utf-8").replace(TOCSIN, str(program)), encoding="utf-8")
    return tmp_path / "system"


def names() -> list[str]:
    return [re.sub("@", f"@{INSTANCE.get(unit.name, '')}", unit.name) for unit in UNITS]


def test_systemd_takes_them(installed: Path) -> None:
    command = [
        analyze(),
        "verify",
        "--man=no",
        "--generators=no",
        *(str(installed / n) for n in [*names(), "tocsin.target"]),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "tocsin" in line]
    assert not ours, done.stderr
    (installed / "tocsin-sender.service").write_text("[Service]\nExecStart=/nowhere\nNonsense=1\n", encoding="ascii")
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert "Nonsense" in done.stderr, "it does read them"


@pytest.mark.parametrize("name", names())
def test_systemd_finds_them_little_exposed(installed: Path, name: str) -> None:
    template = re.sub("@.*[.]", "@.", name)
    (installed / name).write_text((installed / template).read_text(encoding="utf-8"), encoding="utf-8")
    command = [
        analyze(),
        "security",
        "--offline=yes",
        f"--threshold={TOO_EXPOSED}",
        "--no-pager",
        str(installed / name),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
