"""What docs/operations.md tells people to type exists, and no alarm of the system about itself is left out."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from sqlalchemy import make_url

from alerts.ledger import open_ledger
from api.selfwatch.parts import Part
from api.settings import variables
from ingest.registry import Grid, GridLevel
from tests.deployed import ROOT, parsed
from tests.live.postgres import programs
from tests.live.servers import Postgres

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
TYPED = [
    line.split(" #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
TOCSIN = [
    m
    for line in [*TYPED, *re.findall(r"`([^`\n]+)`", TEXT)]
    for m in re.findall(r"(?:^|/|exec \S+ )tocsin ([a-z]+[^|&>]*)$", line)
]
COMPOSE = [part.strip() for line in TYPED for part in line.split("&&") if part.strip().startswith("docker compose")]
WITH_VALUES = {"--profile", "--scale", "-v", "-U", "-d"}


@pytest.mark.parametrize("command", sorted(set(TOCSIN)))
def test_every_command_of_tocsin_is_one(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "gateway" or "…" not in command:
        parsed(words)


def services(command: str) -> list[str]:
    """The services that a docker compose command names."""
    verb, *rest = re.sub(r"(--profile|--scale|-v) \S+|\"[^\"]*\"", "", command.removeprefix("docker compose")).split()
    named = [word for word in rest if not word.startswith("-")]
    if verb in {"exec", "run"}:
        return named[:1]
    return named if verb in {"up", "stop", "rm", "logs", "restart"} else []


@pytest.mark.parametrize("command", COMPOSE)
def test_every_service_of_a_compose_command_exists(command: str) -> None:
    assert set(services(command)) <= set(SERVICES)
    if " run " in command and " api " in command:
        parsed(command.split(" api ")[1].split())


def test_commands_were_found() -> None:
    assert len(COMPOSE) > 12
    assert {c.split()[0] for c in TOCSIN} >= {"gateway", "worker", "sender", "api", "migrate", "doctor", "check"}
    assert services("docker compose --profile ha up -d kafka-2") == ["kafka-2"]


def test_every_variable_is_one() -> None:
    known = {name for name, _ in variables()}
    assert set(re.findall(r"TOCSIN_[A-Z_]+[A-Z]", TEXT)) <= known


def test_every_unit_is_one() -> None:
    enabled = [word for line in TYPED if "systemctl enable" in line for word in line.split("--now ")[1].split()]
    units = {re.sub(r"@\w+$", "@", unit) for unit in enabled}
    assert len(units) > 5
    there = {p.name.removesuffix(".service") for p in (ROOT / "deploy" / "systemd").iterdir()}
    assert units <= there


def test_every_alarm_of_the_system_about_itself_is_told() -> None:
    table = TEXT.split("## 系统自检告警")[1]
    assert {part for part in Part if f"| `{part}`" in table} == set(Part)


def test_what_an_operator_looks_for_is_there() -> None:
    titles = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    for wanted in (
        "Install",
        "Size",
        "Upgrade",
        "Back up",
        "Restore",
        "Add a worker",
        "Replace a broker",
        "Move townships",
        "alarm",
    ):
        assert any(wanted in title for title in titles), wanted
    assert all(re.match(r"[^ -~]", title) for title in titles), "Chinese first"


@pytest.mark.server
def test_a_ledger_comes_back_from_its_dump(postgres: Postgres, tmp_path: Path) -> None:
    """As the document tells it, with the options of its commands."""
    options = {
        tool: shlex.split(re.findall(rf"{tool} -U tocsin (.*?)(?: [<>] .*)?$", TEXT, re.MULTILINE)[0])
        for tool in ("pg_dump", "pg_restore")
    }
    folder, before, after, dump = programs(), postgres.new_database(), postgres.new_database(), tmp_path / "dump"
    assert folder is not None
    with_place = open_ledger(before)
    with_place.replace_place([Grid("g", "G", GridLevel.TOWNSHIP)], [], [])
    with_place.close()

    def told(tool: str, url: str) -> list[str | Path]:
        address = make_url(url)
        words = [str(address.database) if word == "tocsin" else word for word in options[tool]]
        return [folder / tool, "-U", str(address.username), "-h", str(address.host), "-p", str(address.port), *words]

    with dump.open("wb") as out:
        subprocess.run(told("pg_dump", before), stdout=out, check=True, timeout=60)
    with dump.open("rb") as read:
        subprocess.run(told("pg_restore", after), stdin=read, check=True, timeout=60)
    restored = open_ledger(after)
    assert [grid.code for grid in restored.registry().grids.values()] == ["g"]
    assert restored.place_version() == open_ledger(before).place_version()
    restored.close()
