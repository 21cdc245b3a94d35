"""What is under deploy/ and in the compose file, as the tests of it read it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from api.command.verbs import app
from api.settings import SecretFile, Settings, load, variables

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    """A Python script under deploy/ as a module."""
    spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, str(ROOT / "deploy" / name)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One run of a script under deploy/."""
    command = [sys.executable, str(ROOT / "deploy" / name), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def parsed(command: list[str]) -> tuple[str, dict[str, Any]]:
    """The verb of a `tocsin` command and its options. Fails as the command line itself does for one that it does not know."""
    tocsin: Any = typer.main.get_command(app)
    verb, *rest = command
    assert verb in tocsin.commands, f"there is no verb {verb}"
    return verb, dict(tocsin.commands[verb].make_context(verb, list(rest)).params)


def settings_of(variables_: dict[str, str], secrets: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What a process under this environment is told. Its secrets are read from `secrets`, where they have the same names."""
    for name in [n for n in os.environ if n.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)
    kinds = dict(variables())
    for name, value in variables_.items():
        if name.startswith("TOCSIN_"):
            assert name in kinds, f"{name}: there is no such setting"
            monkeypatch.setenv(name, str(secrets / Path(value).name) if kinds[name] is SecretFile else value)
    monkeypatch.chdir(secrets)
    return load()
