"""`tocsin import`: read grids, devices, people and their duties, show all that is wrong, put the place in force when nothing is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.ledger import Ledger, open_ledger
from alerts.ledger.port import LedgerUnavailable
from alerts.people.enrol import Change, CheckedPlace, PlaceFiles, changes, check_place
from alerts.people.roster import Roster
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from ingest.coordinates import Datum
from ingest.events import InvalidEvent
from ingest.registry import Registry
from ingest.sheets import Problem, Severity, Sheet

DUTY: Final = "duty.csv"
KINDS: Final = ("grids", "devices", "people", "duties")
_SHOWN: Final = 200  # lines of the table; --json has all of them

GridsFile = Annotated[
    Path | None,
    typer.Option("--grids", help="GeoJSON, or CSV: code,parent,level,name,polygon,datum[,valid_from,valid_to]"),
]
DevicesFile = Annotated[
    Path | None, typer.Option("--devices", help="CSV: id,kind,gateway,grid or lat,lon,datum,interval_s,name")
]
PeopleFile = Annotated[
    Path | None, typer.Option("--people", help="CSV: name,phone,role,grid,order[,id,channels,language,part]")
]
DutyFile = Annotated[
    Path | None,
    typer.Option(
        "--duty",
        help="CSV: kind,person[,days,start,end,from,to,for,grid]; duty.csv beside the people file is read by itself",
    ),
]
DatumName = Annotated[str, typer.Option("--datum", help="Datum of files that name none: wgs84, cgcs2000, gcj02, bd09")]


def import_place(
    *,
    grids: GridsFile = None,
    devices: DevicesFile = None,
    people: PeopleFile = None,
    duty: DutyFile = None,
    datum: DatumName = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and change nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout")] = False,
    config: Config = None,
) -> None:
    """Read a place from files: all of it, or nothing when there is an error. 导入网格、设备、人员和排班"""
    if not (grids or devices or people or duty):
        _leave("nothing to import: name at least one of --grids, --devices, --people and --duty", CANNOT)
    if people and not duty and (beside := people.with_name(DUTY)).is_file():
        duty = beside
    stated = _datum(datum)
    files, unreadable = _read(grids, devices, people, duty)
    settings = settings_or_exit(config)
    ledger = _ledger(settings.ledger.address)
    try:
        registry, roster = ledger.registry(), ledger.roster()
        checked = check_place(files, registry, roster, stated, ledger.now() or settings.clock.clock().now())
        checked = replace(checked, problems=(*unreadable, *checked.problems))
        done = put_in_force(checked, ledger, registry=registry, roster=roster, dry_run=dry_run)
    except LedgerUnavailable as error:
        _leave(f"the ledger does not answer, nothing was changed: {error}; start it and import again", MISSING)
    finally:
        ledger.close()
    if as_json:
        typer.echo(json.dumps({**done, "problems": [asdict(p) for p in checked.problems]}, ensure_ascii=False))
    else:
        show(checked.problems, done, Console())
    raise typer.Exit(0 if checked.sound else 1)


def put_in_force(
    checked: CheckedPlace, ledger: Ledger, *, registry: Registry, roster: Roster, dry_run: bool
) -> dict[str, Any]:
    """Write a sound place in one transaction and say what that changed; an unsound or unchanged one is not written."""
    counted = changes(checked, registry, roster)
    anything = any(change.added or change.changed for change in counted.values())
    write = checked.sound and anything and not dry_run
    parts = (checked.grids, checked.devices, checked.people, checked.duties)
    version = ledger.replace_place(*parts) if write else registry.version
    return {
        "ok": checked.sound,
        "dry_run": dry_run,
        "written": write,
        "version": version,
        **{kind: asdict(change) for kind, change in counted.items()},
    }


def show(problems: Sequence[Problem], done: dict[str, Any], console: Console) -> None:
    """The problems as a table, errors first, and one line that says what was done."""
    errors = [p for p in problems if p.severity is Severity.ERROR]
    ordered = errors + [p for p in problems if p.severity is Severity.WARNING]
    if ordered:
        table = Table("file", "line", "", "problem", highlight=False)
        for problem in ordered[:_SHOWN]:
            word = "[red]error[/red]" if problem.severity is Severity.ERROR else "[yellow]warning[/yellow]"
            table.add_row(escape(problem.file), str(problem.line or ""), word, escape(problem.what))
        console.print(table)
    if len(ordered) > _SHOWN:
        console.print(f"… and {len(ordered) - _SHOWN} more; --json lists all of them")
    if errors:
        console.print(f"[red]{len(errors)} errors[/red]: nothing was changed. Mend the lines above and import again.")
        return
    verb = (
        "[green]in force[/green]"
        if done["written"]
        else "sound, nothing written"
        if done["dry_run"]
        else "nothing to change"
    )
    told = [_told(kind, Change(**done[kind])) for kind in KINDS if any(done[kind].values())]
    console.print(f"{verb} (version {done['version']}): {'; '.join(told)}", highlight=False)


def _told(kind: str, change: Change) -> str:
    return f"{kind} {change.added} new, {change.changed} changed, {change.same} as before"


def _datum(name: str) -> Datum | None:
    try:
        return Datum.named(name) if name else None
    except InvalidEvent as error:
        _leave(f"--datum: {error}", CANNOT)


def _read(*paths: Path | None) -> tuple[PlaceFiles, list[Problem]]:
    sheets: list[Sheet | None] = []
    problems = []
    for path in paths:
        try:
            sheets.append(Sheet(path.name, path.read_bytes()) if path else None)
        except OSError as error:
            sheets.append(None)
            problems.append(Problem(str(path), 0, f"cannot be read: {error.strerror or error}"))
    return PlaceFiles(*sheets), problems


def _ledger(url: str) -> Ledger:
    try:
        return open_ledger(url)
    except (LedgerUnavailable, OSError, ValueError) as error:
        _leave(
            f"the ledger at {url.rpartition('@')[2]} cannot be opened: {error}; set ledger.url in tocsin.toml", MISSING
        )


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
