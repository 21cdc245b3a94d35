"""`tocsin roster`: who is told and why, and when nobody is on duty. 名册与排班"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.conduct import UNREACHED
from alerts.ledger import Ledger, open_ledger
from alerts.ledger.port import LedgerUnavailable
from alerts.people.duty import CHINA
from alerts.people.gaps import Gap, gaps, vacant
from alerts.people.routing import Moment
from alerts.policy import load_policies
from alerts.words import LANGUAGES, load_words
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from api.explained import Question, answered, point_of
from api.settings import Settings
from ingest.dates import instant_of
from ingest.events import InvalidEvent, Point
from ingest.places import Places, Placing
from ingest.registry import Registry
from streams.signal import Level

NO = 1
app = typer.Typer(no_args_is_help=True, help="Who is on duty, who is told and why. 名册与排班")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Time = Annotated[
    str, typer.Option("--time", help="An instant, China's time unless it says its offset; now when left out")
]


@app.command("explain")
def explain(
    *,
    grid: Annotated[str, typer.Option(help="A grid's code")] = "",
    at: Annotated[str, typer.Option(help="LAT,LON[,DATUM] instead of a grid")] = "",
    time: Time = "",
    kind: Annotated[str, typer.Option(help="Go through the chain of this kind as well: fire, gas …")] = "",
    level: Annotated[Level, typer.Option(help="The level of that chain")] = Level.RED,
    language: Annotated[str, typer.Option("--lang", help="zh or en; both when left out")] = "",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Say who is told for a grid or a place, and why this person. 为什么是这个人"""
    if bool(grid) == bool(at):
        _leave("say either --grid CODE or --at LAT,LON[,DATUM]", CANNOT)
    if language not in ("", *LANGUAGES):
        _leave(f"--lang {language!r} is none of {', '.join(LANGUAGES)}", CANNOT)
    try:
        wanted, point = instant_of(time), point_of(at) if at else None
    except InvalidEvent as error:
        _leave(str(error), CANNOT)
    settings = settings_or_exit(config)
    policies = load_policies(settings.notify.policies)
    steps = policies.policy(kind).chain(level) if kind else ()
    with _ledger(settings) as ledger:
        now = wanted or _now(ledger, settings)
        registry, roster = ledger.registry(), ledger.roster()
        moment = Moment(now, now, ledger.unreachable(now - UNREACHED))
    if grid and not registry.line(grid):
        _leave(f"there is no grid {grid!r}: see the codes in `tocsin import`'s files", NO)
    question = Question(moment, grid, point, steps, level, policies.reach)
    words, settle = load_words(), _settle(registry)
    told = {tongue: answered(question, registry, roster, settle, words, tongue) for tongue in LANGUAGES}
    if as_json:
        shown = {**told[LANGUAGES[0]], "text": {tongue: one["text"] for tongue, one in told.items()}}
        typer.echo(orjson.dumps(shown, option=orjson.OPT_UTC_Z).decode())
    else:
        for tongue in [language] if language else LANGUAGES:
            typer.echo("\n".join(told[tongue]["text"]))
    raise typer.Exit(0 if told[LANGUAGES[0]]["told"] else NO)


@app.command("gaps")
def show_gaps(
    *,
    days: Annotated[int, typer.Option(help="So many days from now", min=1, max=92)] = 7,
    time: Time = "",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List the times when nobody is on duty, and who is told instead. 值班空档"""
    settings = settings_or_exit(config)
    try:
        wanted = instant_of(time)
    except InvalidEvent as error:
        _leave(str(error), CANNOT)
    with _ledger(settings) as ledger:
        begin = wanted or _now(ledger, settings)
        registry, roster = ledger.registry(), ledger.roster()
    found = gaps(registry, roster, begin, begin + timedelta(days=days))
    empty = vacant(registry, roster, begin)
    if as_json:
        body = {
            "ok": not found,
            "from": begin,
            "days": days,
            "gaps": [_gap(g, registry) for g in found],
            "vacant": empty,
        }
        typer.echo(orjson.dumps(body, option=orjson.OPT_UTC_Z).decode())
    else:
        _show(found, empty, registry)
    raise typer.Exit(NO if found else 0)


def _show(found: tuple[Gap, ...], empty: tuple[str, ...], registry: Registry) -> None:
    console = Console()
    if found:
        table = Table("grid 网格", "name 名称", "from 起", "to 止", "told instead 改通知")
        for gap in found:
            told = gap.instead[0].name if gap.instead else "–"
            end = f"{_when(gap.end)}{' …' if gap.open else ''}"
            row = (gap.grid, _name(gap, registry), _when(gap.begin), end, f"{told} ({gap.climbs_to})")
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)
        console.print(f"{len(found)} gaps · 空档 {len(found)} 处", highlight=False)
    else:
        console.print("somebody is on duty at any time in every grid that has people · 无值班空档", highlight=False)
    if empty:
        some = ", ".join(empty[:5]) + (" …" if len(empty) > 5 else "")
        console.print(
            f"{len(empty)} grids have no people of their own · 未配备人员的网格: {escape(some)}", highlight=False
        )


def _gap(gap: Gap, registry: Registry) -> dict[str, Any]:
    return {
        "grid": gap.grid,
        "name": _name(gap, registry),
        "from": gap.begin,
        "to": gap.end,
        "open": gap.open,
        "climbs_to": gap.climbs_to,
        "instead": [{"id": p.id, "name": p.name, "role": p.role} for p in gap.instead],
    }


def _name(gap: Gap, registry: Registry) -> str:
    grid = registry.grid(gap.grid, gap.begin)
    return grid.name if grid else "无主兜底"


def _when(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %a %H:%M")


def _settle(registry: Registry) -> Any:
    def settle(point: Point, when: datetime) -> Placing | None:
        return Places(registry.at(when)).settle(point)

    return settle


def _now(ledger: Ledger, settings: Settings) -> datetime:
    return ledger.now() or settings.clock.clock().now()


@contextmanager
def _ledger(settings: Settings) -> Iterator[Ledger]:
    """The ledger of the settings, or a sentence and exit code 3."""
    where = f"the ledger at {settings.ledger.url.rpartition('@')[2]}"
    try:
        ledger = open_ledger(settings.ledger.address)
    except (LedgerUnavailable, OSError, ValueError) as error:
        _leave(f"{where} cannot be opened: {error}; set ledger.url in tocsin.toml", MISSING)
    try:
        yield ledger
    except LedgerUnavailable as error:
        _leave(f"{where} does not answer: {error}", MISSING)
    finally:
        ledger.close()


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
