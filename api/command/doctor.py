"""`tocsin doctor`: look at what a running Tocsin leans on and say what to do about what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.command.process import Config, settings_or_exit


def doctor(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout")] = False,
) -> None:
    """Look at brokers, topics, lag, clocks, disk, certificates, tables and sessions, and say what to do. 体检"""
    from api.doctor.looks import looks

    findings = list(looks(settings_or_exit(config)))
    well = all(f.well for f in findings)
    if as_json:
        typer.echo(json.dumps({"ok": well, "findings": [asdict(f) for f in findings]}, ensure_ascii=False))
    else:
        table = Table("", "part", "found", "what to do")
        for f in findings:
            well_yet = "[yellow]![/yellow]" if f.do else "[green]✓[/green]"
            mark = well_yet if f.well else "[red]✗[/red]"
            table.add_row(mark, escape(f.part), escape(f.found), escape(f.do))
        Console(stderr=True).print(table)
    raise typer.Exit(0 if well else 1)
