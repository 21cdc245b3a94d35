"""`tocsin silences`: what keeps bells shut, keeping some shut for a while, and ending it. 屏蔽"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.conduct import Conductor
from alerts.ledger import Ledger, open_ledger
from alerts.ledger.port import LedgerUnavailable
from alerts.policy import PolicyError, load_policies
from alerts.quiet import silence
from alerts.quiet.bell import Matcher
from alerts.quiet.hours import ZONE
from alerts.quiet.terms import NotQuiet
from alerts.quieting import Quieting, UnknownRule
from alerts.words import load_words
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from api.http.quiet_rows import change_row, rule_row
from ingest.clock import Clock
from streams.signal import Level

NO: Final = 1
_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}
T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="What keeps bells shut: silences, maintenance and drills. 屏蔽")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Kind of alert: water, power …; may be repeated")]
Levels = Annotated[list[Level] | None, typer.Option("--level", help="Level; may be repeated")]
Grids = Annotated[list[str] | None, typer.Option("--grid", help="A grid with everything below it; may be repeated")]
Subjects = Annotated[list[str] | None, typer.Option("--device", help="Device, camera or call; may be repeated")]
Rules = Annotated[list[str] | None, typer.Option("--rule", help="Rule of detection; may be repeated")]
Gateways = Annotated[list[str] | None, typer.Option("--gateway", help="Gateway; may be repeated")]
By = Annotated[str, typer.Option("--by", help="Who says so: shown wherever the bell stays shut")]


@dataclass(frozen=True, slots=True)
class _Office:
    ledger: Ledger
    quieting: Quieting
    now: datetime


@app.command("list")
def listed(
    every: Annotated[bool, typer.Option("--all", help="Also what is over")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List what keeps bells shut. 列出屏蔽、维护与演练"""
    with _office(config) as office:
        book = office.ledger.quiet.book(None if every else office.now)
        lengths = office.quieting.policy.lengths
        found: dict[str, list[Any]] = {
            "silences": [rule_row(one, lengths, office.now) for one in book.silences],
            "maintenance": [rule_row(one, lengths, office.now) for one in book.windows],
            "drills": [rule_row(one, lengths, office.now) for one in book.drills],
        }
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    _show(found)


@app.command("preview")
def preview(
    *, kind: Kinds = None, level: Levels = None, grid: Grids = None, device: Subjects = None, rule: Rules = None, gateway: Gateways = None,
    as_json: AsJson = False, config: Config = None,
) -> None:  # fmt: skip
    """Say what a silence of this matter would keep shut. 预览"""
    matcher = _matcher(kind, level, grid, device, rule, gateway)
    with _office(config) as office:
        found, truncated = _asked(lambda: office.quieting.preview(matcher))
    if as_json:
        told = {"held": list(found.held), "spared": list(found.spared), "looked": found.looked, "truncated": truncated}
        typer.echo(orjson.dumps(told).decode())
        return
    more = " at least" if truncated else ""
    typer.echo(
        f"it would keep{more} {len(found.held)} open alerts shut; {len(found.spared)} more are life-safety and ring all the same"
    )
    for ident in found.held:
        typer.echo(ident)


@app.command("add")
def add(
    *, kind: Kinds = None, level: Levels = None, grid: Grids = None, device: Subjects = None, rule: Rules = None, gateway: Gateways = None,
    by: By, reason: Annotated[str, typer.Option(help="Why")],
    lasting: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d")],
    as_json: AsJson = False, config: Config = None,
) -> None:  # fmt: skip
    """Keep bells shut from now on for a while. 新建屏蔽"""
    matcher = _matcher(kind, level, grid, device, rule, gateway)
    length = _length(lasting)
    with _office(config) as office:
        lengths, now = office.quieting.policy.lengths, office.now
        one = _asked(
            lambda: silence.silence(
                matcher, by=by, reason=reason, starts_at=now, ends_at=now + length, lengths=lengths, now=now
            )
        )
        held = office.quieting.add(one, now)
    if as_json:
        typer.echo(orjson.dumps({"silence": rule_row(one, lengths, now), "held": held}).decode())
        return
    typer.echo(f"silenced {one.id} until {_when(one.until(lengths))}; {held} open alerts changed")
    if one.needs_approval(lengths):
        typer.echo(f"for longer, somebody else approves it: tocsin silences approve {one.id} --by NAME", err=True)


@app.command("approve")
def approve(
    ident: Annotated[str, typer.Argument(help="Its id, as `tocsin silences list` shows it")],
    by: By,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Approve a long silence, or a drill. 审批"""
    _changed(config, as_json, ident, lambda office: office.quieting.approve(ident, by, office.now))


@app.command("end")
def end(
    ident: Annotated[str, typer.Argument(help="Its id, as `tocsin silences list` shows it")],
    by: By,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """End it now: what is still so rings at once. 提前结束"""
    _changed(config, as_json, ident, lambda office: office.quieting.end(ident, by, office.now))


def _changed(config: Path | None, as_json: bool, ident: str, change: Callable[[_Office], Any]) -> None:
    with _office(config) as office:
        rule = _asked(lambda: change(office))
        row: Any = rule_row(rule, office.quieting.policy.lengths, office.now)
        changes = [change_row(one) for one in office.ledger.quiet.changes(ident)]
    if as_json:
        typer.echo(orjson.dumps({"rule": row, "changes": changes}).decode())
        return
    typer.echo(f"{ident} is {row['standing']}")


def _matcher(*lists: list[Any] | None) -> Matcher:
    return Matcher(*(tuple(dict.fromkeys(one or ())) for one in lists))


def _length(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdecimal() or not int(number):
        _leave(f"--for: {text!r} is no length: write 30m, 2h or 1d", CANNOT)
    return timedelta(seconds=int(number) * _UNITS[unit])


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (NotQuiet, UnknownRule) as error:
        _leave(f"{error}. Nothing was changed", NO)


def _show(found: dict[str, list[Any]]) -> None:
    rows = [(kind, row) for kind, some in found.items() for row in some]
    if not rows:
        typer.echo("nothing keeps a bell shut · 没有屏蔽")
        return
    table = Table("id 编号", "what 类别", "about 范围", "until 截止", "standing 状态", "by 操作人", "reason 原因")
    for kind, row in rows:
        about = " ".join(f"{name}={','.join(said)}" for name, said in row["about"].items() if said)
        until = row.get("open_until") or row.get("until") or row["until_at"]
        needs = " (needs approval 待审批)" if row.get("needs_approval") or row.get("missing") else ""
        reason = row.get("reason") or row["name"]
        table.add_row(
            row["id"], kind, escape(about), _when(until), row["standing"] + needs, escape(row["by"]), escape(reason)
        )  # fmt: skip
    Console().print(table)


def _when(at: datetime) -> str:
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


@contextmanager
def _office(config: Path | None) -> Iterator[_Office]:
    """The ledger of the settings and what conducts on it, or a sentence and exit code 3."""
    settings = settings_or_exit(config)
    where = f"the ledger at {settings.ledger.address.rpartition('@')[2]}"
    try:
        policies = load_policies(settings.notify.policies)
        ledger = open_ledger(settings.ledger.address)
    except PolicyError as error:
        _leave(str(error), CANNOT)
    except (LedgerUnavailable, OSError, ValueError) as error:
        _leave(f"{where} cannot be opened: {error}; set ledger.url in tocsin.toml", MISSING)
    try:
        registry, roster = ledger.registry(), ledger.roster()
        conductor = Conductor(
            ledger, policies=policies, registry=lambda: registry, roster=lambda: roster, words=load_words(),
            channels=settings.notify.channels, language=settings.notify.language,
            platforms=frozenset(platform.name for platform in settings.notify.platforms),
        )  # fmt: skip
        now = ledger.now() or Clock().now()
        yield _Office(ledger, Quieting(ledger, conductor, lambda: registry, policies.quiet), now)
    except LedgerUnavailable as error:
        _leave(f"{where} does not answer, nothing was changed: {error}", MISSING)
    finally:
        ledger.close()


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
