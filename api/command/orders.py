"""`tocsin orders`: how many of the hotline's orders were linked and closed. 12345 工单"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table

from alerts.ledger import open_ledger
from alerts.ledger.port import LedgerUnavailable
from alerts.orders.summary import Count, Tier, summary, whole
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from api.http.order_rows import summary_row
from ingest.clock import Clock
from ingest.dates import instant_of
from ingest.events import InvalidEvent

app = typer.Typer(no_args_is_help=True, help="The hotline's work orders. 12345 工单")
_NAMES = {Tier.COUNTY: "县级 county", Tier.TOWNSHIP: "镇街 township", Tier.VILLAGE: "村社及网格 village"}


@app.callback()
def orders() -> None:
    """The hotline's work orders. 12345 工单"""


@app.command("summary")
def orders_summary(
    *,
    since: Annotated[
        str, typer.Option(help="Linked at or after, China's time unless it says its offset; 30 days back")
    ] = "",
    until: Annotated[str, typer.Option(help="Linked before; now when left out")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout")] = False,
    config: Config = None,
) -> None:
    """Print linked, closed and closing rate per level: county, township, village. 办结率"""
    settings = settings_or_exit(config)
    try:
        begin, end = instant_of(since), instant_of(until)
    except InvalidEvent as error:
        _leave(str(error), CANNOT)
    try:
        ledger = open_ledger(settings.ledger.address)
    except (LedgerUnavailable, OSError, ValueError) as error:
        _leave(f"{settings.ledger.url} cannot be opened: {error}; set ledger.url in tocsin.toml", MISSING)
    try:
        now = ledger.now() or Clock().now()
        end = end or now
        begin = begin or end - timedelta(days=30)
        counts = summary(ledger.orders(begin, end), ledger.registry(), ledger.roster(), now)
    except LedgerUnavailable as error:
        _leave(f"{settings.ledger.url} does not answer: {error}", MISSING)
    finally:
        ledger.close()
    if as_json:
        typer.echo(orjson.dumps(summary_row(counts, begin, end), option=orjson.OPT_UTC_Z).decode())
    else:
        Console().print(_table(counts))


def _table(counts: dict[Tier, Count]) -> Table:
    table = Table("层级 level", *("关联 linked", "办结 closed", "超时 late", "办结率 rate"))
    for name, count in (*((_NAMES[tier], counts[tier]) for tier in Tier), ("合计 whole", whole(counts))):
        rate = "—" if count.rate is None else f"{count.rate:.2f} %"
        table.add_row(name, str(count.linked), str(count.closed), str(count.late), rate)
    return table


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
