"""`tocsin migrate`: the ledger's tables, the log's topics and the series' bucket, before anything starts. Safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Final

import typer
from rich.console import Console

from api.command.process import CANNOT, MISSING, Config, settings_or_exit, tell_log
from api.settings import Settings

NO: Final = 1
Step = Callable[[Settings, Callable[[str], None], float], None]


def _ledger(settings: Settings, say: Callable[[str], None], within: float) -> None:
    from api.provision import provide_ledger

    provide_ledger(settings.ledger.address, say, within=within)


def _log(settings: Settings, say: Callable[[str], None], within: float) -> None:
    from api.provision import provide_log

    asyncio.run(provide_log(settings.log, say, within=within))


def _series(settings: Settings, say: Callable[[str], None], within: float) -> None:
    from api.provision import provide_series

    provide_series(settings.series, say, within=within)


STEPS: Final[tuple[Step, ...]] = (_ledger, _log, _series)


def migrate(
    config: Config = None,
    within: Annotated[float, typer.Option(help="Seconds to wait for each server", min=0)] = 120.0,
) -> None:
    """Make or bring up to date what the processes lean on, once, before they start. 建表建主题"""
    from api.provision import Away, Blocked

    console = Console(stderr=True, highlight=False)
    settings = settings_or_exit(config)
    tell_log()
    codes = [0]
    for step in STEPS:
        try:
            step(settings, lambda line: console.print(f"[green]✓[/green] {line}", soft_wrap=True), within)
        except (Blocked, Away, ValueError) as error:
            console.print("[red]✗[/red]", end=" ")
            console.print(str(error), markup=False, soft_wrap=True)
            codes.append(NO if isinstance(error, Blocked) else MISSING if isinstance(error, Away) else CANNOT)
    raise typer.Exit(max(codes))
