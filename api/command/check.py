"""`tocsin check`: validate settings, rules, policies, words and profiles without starting anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.command.process import Config
from api.settings import Settings, SettingsError, load


def problems_of(settings: Settings) -> list[str]:
    """Every problem in the files the settings name, one sentence each with file and key."""
    from alerts.policy import load_policies
    from alerts.words import load_words
    from api.selfwatch.canary import TOPIC, heard_by
    from ingest.dialects.hotline_profiles import of_file
    from ingest.dialects.mapped import load_profiles
    from streams.orders import load_orders
    from streams.rules import load_rules

    checks: list[tuple[str, Callable[[], object]]] = [
        ("worker.rules", lambda: load_rules(settings.worker.rules)),
        ("worker.orders", lambda: load_orders(settings.worker.orders)),
        ("notify.platforms", lambda: [platform.key() for platform in settings.notify.platforms]),
        ("notify.policies", lambda: load_policies(settings.notify.policies)),
        ("words", load_words),
        ("gateway.profiles", lambda: load_profiles(settings.gateway.profiles)),
        ("gateway.hotlines", lambda: of_file(settings.gateway.hotlines)),
    ]
    found: list[str] = []
    for key, read in checks:
        try:
            read()
        except (ValueError, OSError) as error:
            found += [f"{key}: {line}" for line in str(error).splitlines()]
    if settings.selfwatch.every and not settings.selfwatch.people:
        found.append(
            "note: selfwatch.people is empty: when a part of the system stops, only the desk and the log of the API say so"
        )
    if settings.selfwatch.every and not heard_by(settings.mqtt.filters):
        found.append(
            f"mqtt.filters: no filter hears {TOPIC}, so the gateway would be called stopped; add it, or set selfwatch.every = 0"
        )
    if not settings.secret.get_secret_value():
        found.append(
            "note: secret is not set: callers' numbers are shown masked and not kept (make one with `tocsin check --new-secret`)"
        )
    return found


def check(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout")] = False,
    new_secret: Annotated[bool, typer.Option("--new-secret", help="Only print a fresh secret")] = False,
) -> None:
    """Validate every file before anything starts. 配置检查"""
    if new_secret:
        from api.seal import new_secret as fresh

        typer.echo(fresh())
        return
    try:
        said = problems_of(load(config))
    except SettingsError as error:
        said = error.problems
    problems = [line for line in said if not line.startswith("note: ")]
    notes = [line.removeprefix("note: ") for line in said if line.startswith("note: ")]
    if as_json:
        typer.echo(json.dumps({"ok": not problems, "problems": problems, "notes": notes}, ensure_ascii=False))
    else:
        console = Console(stderr=True)
        for problem in problems:
            console.print(f"[red]✗[/red] {problem}", highlight=False)
        for note in notes:
            console.print(f"[yellow]·[/yellow] {note}", highlight=False)
        where = config or Path("tocsin.toml")
        console.print(
            f"[red]{len(problems)} problems[/red]"
            if problems
            else f"[green]✓[/green] everything {where} says can be used"
        )
    raise typer.Exit(1 if problems else 0)
