"""`tocsin reports links`: the addresses on which grid workers and residents report. 上报链接"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, NoReturn

import orjson
import typer

from alerts.ledger import open_ledger
from alerts.ledger.port import LedgerUnavailable
from alerts.people.roster import Roster
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from api.compose.parts import report_links_of
from api.slips import ReportLinks, Spot
from ingest.registry import Registry

NO = 1
app = typer.Typer(no_args_is_help=True, help="Pages on which people report what they see. 随手报")
Some = list[str]


@app.callback()
def reports() -> None:
    """Pages on which people report what they see. 随手报"""


@app.command("links")
def links(
    *,
    person: Annotated[Some, typer.Option(help="A grid worker by id; may be repeated")] = [],  # noqa: B006
    grid: Annotated[Some, typer.Option(help="A grid by code, for its poster; may be repeated")] = [],  # noqa: B006
    below: Annotated[str, typer.Option(help="Everybody and every grid at or below this grid")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line")] = False,
    config: Config = None,
) -> None:
    """Print links, one a line: what it is for, its code, its name, the address. Treat a worker's like a password. 打印链接"""
    settings = settings_or_exit(config)
    made = report_links_of(settings)
    if made.missing:
        _leave(f"{made.missing} is not set: without it no page can be signed. 未设置 {made.missing}", CANNOT)
    if not (person or grid or below):
        _leave("say whose: --person ID, --grid CODE or --below CODE", CANNOT)
    try:
        ledger = open_ledger(settings.ledger.address)
        try:
            registry, roster = ledger.registry(), ledger.roster()
            now = ledger.now() or settings.clock.clock().now()
        finally:
            ledger.close()
    except (LedgerUnavailable, ValueError) as error:
        _leave(str(error), MISSING)
    unknown = [p for p in person if roster.person(p) is None]
    unknown += [g for g in (*grid, *filter(None, [below])) if g not in registry.grids]
    if unknown:
        _leave(f"there is nobody and no grid called {unknown[0]!r}: see `tocsin import`'s files", NO)
    for row in _rows(person, grid, below, registry=registry, roster=roster, made=made, now=now):
        typer.echo(orjson.dumps(row).decode() if as_json else "\t".join(row.values()))


def _rows(
    people: Some, grids: Some, below: str, *, registry: Registry, roster: Roster, made: ReportLinks, now: datetime
) -> Iterator[dict[str, str]]:
    under = [code for code in registry.grids if below and any(g.code == below for g in registry.ancestors(code))]
    for ident in dict.fromkeys([*people, *(p.id for code in under for p in roster.at(code))]):
        known = roster.person(ident)
        name = known.name if known else ident
        yield {"for": "patrol", "id": ident, "name": name, "link": made.patrol(ident, now)}
    for code in dict.fromkeys([*grids, *under]):
        yield {"for": "place", "id": code, "name": registry.grids[code].name, "link": made.place(Spot(code))}


def _leave(why: str, code: int) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
