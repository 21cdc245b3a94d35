"""`tocsin up`: the embedded stack for a person's own sensors, without a simulator."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.command.process import MISSING, Config, settings_or_exit, tell_log
from api.embedded import BrokerFailed, EmbeddedMissing
from api.stack import Plan, Stack, StackFailed


def up(
    config: Config = None,
    data: Annotated[Path, typer.Option(help="Folder for ledger, series and logs; it is kept")] = Path("var/up"),
    mqtt_port: Annotated[int, typer.Option(help="Port for your gateways (MQTT 5)")] = 1883,
) -> None:
    """Start brokers, gateway, worker and API here for your own sensors. 就地启动"""
    console = Console(stderr=True)
    settings = settings_or_exit(config)
    tell_log()
    own = {
        "api": settings.api.model_dump(mode="json"),
        "ledger": settings.ledger.model_dump(mode="json") if "ledger" in settings.model_fields_set else {},
    }
    if not own["ledger"]:
        del own["ledger"]
    plan = Plan(parts=("gateway", "worker", "api"), config=config, mqtt_port=mqtt_port, overrides=own)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        with Stack(data, plan, progress=lambda part: console.print(f"[dim]starting {part} …[/dim]")) as stack:
            console.print(
                f"[bold]Tocsin is up.[/bold] Page: {stack.api_url} · MQTT 5: port {mqtt_port} on this machine (see docs/gateways.md)"
            )
            if not stack.ledger.registry().grids:
                console.print(
                    "There is no place yet: `tocsin import` reads grids, devices and people. Until then all goes to the catcher."
                )
            console.print("Ctrl-C ends it.")
            done.wait()
    except (EmbeddedMissing, BrokerFailed, StackFailed) as error:
        console.print(f"[red]cannot start:[/red] {error}")
        raise typer.Exit(MISSING) from error
