"""`tocsin devices`: who speaks and is not enrolled, and enrolling one of them. 设备"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.ledger import Ledger, open_ledger
from alerts.ledger.port import LedgerUnavailable, NotAdopted
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from ingest.coordinates import Datum
from ingest.enrol import check_device
from ingest.events import InvalidEvent
from ingest.registry import Device, Registry
from ingest.sheets import Severity
from ingest.unknown import MOST, UnknownDevice

NO: Final = 1
_SHOWN: Final = 4  # metrics of a sample in the table; --json has all of them

app = typer.Typer(no_args_is_help=True, help="Devices that speak and are not enrolled, and enrolling them. 未登记设备")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]


@app.command("unknown")
def unknown(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(help="At most so many, the last heard first", min=1, max=MOST)] = 200,
    config: Config = None,
) -> None:
    """List devices that were heard and are not in the registry. 列出未登记设备"""
    with _ledger(config) as ledger:
        found = ledger.unknown_devices(limit)
    if as_json:
        typer.echo(orjson.dumps({"unknown": [_told(one) for one in found]}).decode())
        return
    _show(found, limit)


@app.command("adopt")
def adopt(
    device: Annotated[str, typer.Argument(help="Its name, as `tocsin devices unknown` shows it")],
    kind: Annotated[str, typer.Option(help="What it is: smoke, gas, camera …")],
    grid: Annotated[str, typer.Option(help="The code of the grid it stands in")],
    *,
    gateway: Annotated[str, typer.Option(help="Believe it only from this gateway; from any when left out")] = "",
    lat: Annotated[str, typer.Option(help="Degrees north")] = "",
    lon: Annotated[str, typer.Option(help="Degrees east")] = "",
    datum: Annotated[str, typer.Option(help="Datum of --lat and --lon: wgs84, cgcs2000, gcj02, bd09")] = "",
    interval: Annotated[str, typer.Option(help="Seconds between two messages; then its silence is noticed")] = "",
    name: Annotated[str, typer.Option(help="What people call it")] = "",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Enrol one device; every running process knows it within seconds. 登记一个设备"""
    cells = {
        "id": device, "kind": kind, "grid": grid, "gateway": gateway, "lat": lat, "lon": lon, "datum": datum,
        "interval_s": interval, "name": name,
    }  # fmt: skip
    try:
        stated = Datum.named(datum) if datum else None
    except InvalidEvent as error:
        _leave(f"--datum: {error}", CANNOT)
    with _ledger(config) as ledger:
        registry = ledger.registry()
        made = _checked(cells, registry, stated) if grid in registry.grids else Device(device, kind, grid=grid)
        heard = next((u for u in ledger.unknown_devices(MOST) if u.device == device), None)
        try:
            version = ledger.adopt(made)
        except NotAdopted as error:
            _leave(f"{error}. Nothing was changed", NO)
    if as_json:
        typer.echo(
            orjson.dumps({"device": device, "grid": grid, "version": version, "heard": heard is not None}).decode()
        )
        return
    through = f"; last heard through {heard.gateway or '–'}" if heard else "; it has not been heard yet"
    typer.echo(f"enrolled (version {version}): {device} ({kind}) in grid {grid}{through}")


def _checked(cells: dict[str, str], registry: Registry, datum: Datum | None) -> Device:
    """The device, when it passes what a line of an import must pass; warnings go to stderr."""
    made, problems = check_device(cells, registry, datum)
    for problem in problems:
        typer.echo(f"{problem.severity}: {problem.what}", err=True)
    if made is None or any(problem.severity is Severity.ERROR for problem in problems):
        raise typer.Exit(NO)
    return made


def _told(one: UnknownDevice) -> dict[str, Any]:
    return {
        "device": one.device, "gateway": one.gateway, "count": one.count, "first_seen": one.first_seen, "last_seen": one.last_seen,
        "source": one.source, "sample": dict(one.sample),
    }  # fmt: skip


def _show(found: list[UnknownDevice], limit: int) -> None:
    if not found:
        typer.echo("every device that was heard is enrolled · 没有未登记的设备")
        return
    table = Table(
        "device 设备", "gateway 网关", "count 条数", "first seen 首次", "last seen 最近", "source 来源", "sample 样例"
    )
    for one in found:
        said = [
            f"{metric}={value:g}" if isinstance(value, float) else f"{metric}={value}"
            for metric, value in one.sample.items()
        ]
        more = " …" if len(said) > _SHOWN else ""
        table.add_row(
            escape(one.device), escape(one.gateway), str(one.count), _when(one.first_seen), _when(one.last_seen), escape(one.source),
            escape(" ".join(said[:_SHOWN]) + more),
        )  # fmt: skip
    Console().print(table)
    if len(found) == limit:
        typer.echo(f"the {limit} last heard; --limit shows more", err=True)
    typer.echo("enrol one: tocsin devices adopt DEVICE --kind KIND --grid GRID", err=True)


def _when(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S%z")


@contextmanager
def _ledger(config: Path | None) -> Iterator[Ledger]:
    """The ledger of the settings, or a sentence and exit code 3."""
    address = settings_or_exit(config).ledger.address
    where = f"the ledger at {address.rpartition('@')[2]}"
    try:
        ledger = open_ledger(address)
    except (LedgerUnavailable, OSError, ValueError) as error:
        _leave(f"{where} cannot be opened: {error}; set ledger.url in tocsin.toml", MISSING)
    try:
        yield ledger
    except LedgerUnavailable as error:
        _leave(f"{where} does not answer, nothing was changed: {error}", MISSING)
    finally:
        ledger.close()


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
