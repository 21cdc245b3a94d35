"""`tocsin bench`: figures and ratios, each measured against something in the same run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.bench import Row


def suites(postgres: str = "") -> dict[str, Callable[[], list[Row]]]:
    """Every part of the bench by name."""
    from api.bench import detectors, dialects, gateway, ledger, memory, path

    return {
        "gateway": gateway.run,
        "detectors": detectors.run,
        "path": path.run,
        "memory": memory.run,
        "ledger": partial(ledger.run, postgres),
        "dialects": dialects.run,
    }


def bench(
    only: Annotated[
        list[str] | None, typer.Option(help="Only these parts: gateway, detectors, path, memory, ledger, dialects")
    ] = None,
    postgres: Annotated[
        str, typer.Option(help="An empty PostgreSQL database to measure beside SQLite: postgresql+psycopg://…")
    ] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows to this file as well")] = None,
) -> None:
    """Measure, and print each figure with what it was measured against. 基准"""
    console = Console(stderr=True)
    rows: list[Row] = []
    for name, run in suites(postgres).items():
        if only and name not in only:
            continue
        console.print(f"[dim]measuring {name} …[/dim]")
        rows += run()
    table = Table("name", "value", "unit", "against", "ratio", "note")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.value:,.4g}" if abs(row.value) < 1000 else f"{row.value:,.0f}",
            row.unit,
            row.against,
            f"{row.ratio:.2f}" if row.ratio else "",
            row.note,
        )
    Console(width=160).print(table)
    if json_file is not None:
        json_file.write_text(
            json.dumps({"rows": [asdict(row) for row in rows]}, ensure_ascii=False, indent=1), encoding="utf-8"
        )
