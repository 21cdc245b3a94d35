"""`tocsin doctor`: look at what a running Tocsin leans on and say what to do about what is wrong."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from api.command.process import Config, settings_or_exit
from api.settings import Settings

LEAST_DISK: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `do` is empty when it is well."""

    part: str
    well: bool
    found: str
    do: str = ""


def _mqtt(settings: Settings) -> Finding:
    address = (settings.mqtt.host, settings.mqtt.port)
    try:
        with socket.create_connection(address, timeout=3):
            return Finding("mqtt", True, f"{address[0]}:{address[1]} accepts connections")
    except OSError as error:
        return Finding(
            "mqtt",
            False,
            f"{address[0]}:{address[1]}: {error}",
            "start the broker, or set mqtt.host and mqtt.port; `tocsin up` starts one here",
        )


async def _topics(settings: Settings) -> tuple[set[str], bool]:
    from aiokafka.admin import AIOKafkaAdminClient

    from api.tally import caught_up

    admin = AIOKafkaAdminClient(bootstrap_servers=settings.log.brokers, request_timeout_ms=5000)
    await admin.start()
    try:
        names = set(await admin.list_topics())
    finally:
        await admin.close()
    from ingest.topics import Topic

    return names, (await caught_up(settings.log) if set(Topic) <= names else False)


def _log(settings: Settings) -> Finding:
    from ingest.topics import Topic

    try:
        names, through = asyncio.run(asyncio.wait_for(_topics(settings), 20))
    except Exception as error:  # whatever the client raises, the finding is the same: the log cannot be asked
        return Finding(
            "log", False, f"{settings.log.brokers}: {error or type(error).__name__}", "start Kafka, or set log.brokers"
        )
    missing = sorted(set(Topic) - names)
    if missing:
        return Finding(
            "log",
            False,
            f"topics are missing: {', '.join(missing)}",
            "start the gateway or the worker once: they create them",
        )
    return Finding(
        "log",
        through,
        "the worker has digested everything" if through else "the worker is behind",
        "" if through else "is `tocsin worker` running?",
    )


def _ledger(settings: Settings) -> Finding:
    from alerts.ledger import open_ledger

    file = settings.ledger.url.removeprefix("sqlite:///")
    if file != settings.ledger.url and not Path(file).exists():
        return Finding("ledger", False, f"{file}: there is no such file", "check ledger.url; `tocsin up` makes one")
    try:
        ledger = open_ledger(settings.ledger.url)
        try:
            counts, registry = ledger.counts(), ledger.registry()
        finally:
            ledger.close()
    except Exception as error:  # any database's own exception means the same here
        return Finding(
            "ledger",
            False,
            f"{type(error).__name__}: {error}".splitlines()[0],
            "check ledger.url and the database; `tocsin up` makes one here",
        )
    if not registry.grids:
        return Finding(
            "ledger", False, "there is no place in it", "read grids, devices and people with `tocsin import`"
        )
    said = ", ".join(f"{k} {v}" for k, v in sorted(counts.items()))
    return Finding("ledger", True, f"{len(registry.grids)} grids, {len(registry.devices)} devices; {said}")


def _series(settings: Settings) -> Finding:
    from api.compose.parts import open_series

    if settings.series.store == "embedded" and not settings.series.path.exists():
        return Finding("series", False, f"{settings.series.path}: there is no such file", "`tocsin up` makes one")
    try:
        series = open_series(settings.series)
        try:
            kept = series.count()
        finally:
            series.close()
    except Exception as error:  # any store's own exception means the same here
        return Finding(
            "series",
            False,
            f"{type(error).__name__}: {error}".splitlines()[0],
            "check [series]; alerts do not depend on it",
        )
    return Finding("series", True, f"{settings.series.store}: {kept} readings")


def _disk(settings: Settings) -> Finding:
    folder = settings.series.path.parent if settings.series.path.parent.exists() else Path()
    free = shutil.disk_usage(folder).free
    well = free >= LEAST_DISK
    return Finding(
        "disk",
        well,
        f"{free / (1 << 30):.1f} GiB free at {folder}",
        "" if well else "make room: ledger and series need it",
    )


CHECKS: Final[tuple[Callable[[Settings], Finding], ...]] = (_mqtt, _log, _ledger, _series, _disk)


def doctor(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout")] = False,
) -> None:
    """Look at brokers, ledger, series and disk, and say what to do. 体检"""
    settings = settings_or_exit(config)
    findings = [look(settings) for look in CHECKS]
    well = all(f.well for f in findings)
    if as_json:
        typer.echo(json.dumps({"ok": well, "findings": [asdict(f) for f in findings]}, ensure_ascii=False))
    else:
        table = Table("", "part", "found", "what to do")
        for f in findings:
            table.add_row("[green]✓[/green]" if f.well else "[red]✗[/red]", f.part, f.found, f.do)
        Console(stderr=True).print(table)
    raise typer.Exit(0 if well else 1)
