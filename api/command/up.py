"""`tocsin up`: the embedded stack for a person's own sensors, without a simulator."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.child import ChildFailed
from api.command.process import MISSING, Config, settings_or_exit, tell_log
from api.embedded import EmbeddedMissing
from api.keeper import PartFailed
from api.stack import Plan, Stack


def up(
    config: Config = None,
    data: Annotated[Path, typer.Option(help="Folder for the logs of the parts")] = Path("var"),
) -> None:
    """Start brokers, gateway, worker and API here for your own sensors. 就地启动"""
    console = Console(stderr=True)
    settings = settings_or_exit(config)
    tell_log()
    plan = Plan(parts=("gateway", "worker", "api"), settings=settings, config=config)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        with Stack(data, plan, progress=lambda part: console.print(f"[dim]starting {part} …[/dim]")) as stack:
            console.print(
                f"[bold]Tocsin is up.[/bold] Page: {stack.api_url} · MQTT 5: port {settings.mqtt.port} (docs/gateways.md)"
            )
            if not stack.ledger.registry().grids:
                console.print(
                    "There is no place yet: `tocsin import` reads grids, devices and people. Until then all goes to the catcher."
                )
            console.print("Ctrl-C ends it.")
            done.wait()
    except (EmbeddedMissing, ChildFailed, PartFailed) as error:
        console.print(f"[red]cannot start:[/red] {error}")
        raise typer.Exit(MISSING) from error
