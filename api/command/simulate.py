"""`tocsin simulate`: the simulated county speaks to the broker of the settings, over the same wire as real gateways."""

from __future__ import annotations

import json
import signal
import threading
from typing import Annotated, Final

import typer
from rich.console import Console

from alerts.ledger import open_ledger
from api.command.process import MISSING, Config, settings_or_exit
from api.county.county import County, county
from api.county.publisher import NoBroker
from api.county.simulator import Simulator

NOT_ACKNOWLEDGED: Final = 1


def simulate(
    *,
    config: Config = None,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story")] = 7,
    calm: Annotated[bool, typer.Option("--calm", help="Nothing burns")] = False,
    seconds: Annotated[float, typer.Option("--for", help="Seconds to tell; until Ctrl-C when 0", min=0)] = 0.0,
    enrol: Annotated[
        bool, typer.Option("--enrol", help="First put the county's grids, devices and people in the ledger")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout when it ends")] = False,
) -> None:
    """Let the simulated county speak to your broker. 模拟"""
    console = Console(stderr=True, highlight=False)
    settings, place = settings_or_exit(config), county(seed)
    if enrol:
        _enrol(settings.ledger.url, place)
        console.print(f"enrolled: {len(place.grids)} grids, {len(place.devices)} devices, {len(place.people)} people")
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        with Simulator(place, seed, settings.mqtt, clock=settings.clock.clock(), calm=calm) as simulator:
            where = simulator.fire.grid if simulator.fire else "nowhere"
            console.print(
                f"telling seed {seed} to {settings.mqtt.host}:{settings.mqtt.port}; fire in: {where}; Ctrl-C ends it"
            )
            done.wait(seconds or None)
            published = simulator.stop()
    except NoBroker as error:
        console.print(f"[red]cannot simulate:[/red] {error}")
        raise typer.Exit(MISSING) from error
    counts = {"seed": seed, "published": published, "acknowledged": simulator.acknowledged}
    typer.echo(
        json.dumps(counts) if as_json else f"published {published}, acknowledged by the broker {counts['acknowledged']}"
    )
    if simulator.acknowledged < published:
        raise typer.Exit(NOT_ACKNOWLEDGED)


def _enrol(ledger_url: str, place: County) -> None:
    ledger = open_ledger(ledger_url)
    try:
        ledger.replace_place(place.grids, place.devices, place.people, place.duties)
    finally:
        ledger.close()
