"""`tocsin instruct`: send an instruction downward, and see who has not. On the ledger: whichever process sends notices carries it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.instructions.addressees import Addressed, Target, Unaddressable
from alerts.instructions.instructed import Speaker, no_link
from alerts.instructions.instructing import Instructor, KeyUsed
from alerts.instructions.instruction import Instruction, Order, Receipt, Recipient
from alerts.ledger import Ledger, open_ledger
from alerts.ledger.port import LedgerUnavailable
from alerts.notices import CHINA
from alerts.policy import PolicyError, load_policies
from alerts.words import load_words
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from api.compose import agreed
from api.http.instruction_rows import instruction_row, preview_row, recipient_row
from api.slips import Slips
from ingest.clock import Clock
from ingest.events import digest
from ingest.registry import GridLevel

NO: Final = 1
PAGE: Final = 1000  # people read at once

app = typer.Typer(no_args_is_help=True, help="Instructions downward, and who has not. 下行指令")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Some = list[str]


@dataclass(frozen=True, slots=True)
class Office:
    """What the verbs work on."""

    ledger: Ledger
    instructor: Instructor
    slips: Slips
    clock: Clock


@app.command("send")
def send(
    text: Annotated[str, typer.Argument(help="What is asked: everybody reads it")],
    by: Annotated[str, typer.Option(help="Who sends it")],
    *,
    level: Annotated[
        Some, typer.Option(help="Only people of this level: micro, grid, village, township, county, city")
    ] = [],  # noqa: B006
    area: Annotated[Some, typer.Option(help="A grid's code, with everything below it")] = [],  # noqa: B006
    role: Annotated[Some, typer.Option(help="Only people with this role")] = [],  # noqa: B006
    person: Annotated[Some, typer.Option(help="Only the person with this id")] = [],  # noqa: B006
    but: Annotated[Some, typer.Option(help="Leave out the person with this id")] = [],  # noqa: B006
    demand: Annotated[
        str, typer.Option(help="delivered, read, accepted or done; as the policy says when left out")
    ] = "",
    urgent: Annotated[bool, typer.Option(help="By text and by telephone, and reminded soon")] = False,
    key: Annotated[
        str, typer.Option(help="Makes it one instruction; today's date and all of the above when left out")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show whom it means and why, send nothing")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Send one instruction. Every option may be repeated; different ones narrow. 下达"""
    with _office(config) as office:
        now = office.clock.now()
        try:
            target = Target(tuple(GridLevel(one) for one in level), tuple(area), tuple(role), tuple(person))
            said = (text, by, target, tuple(but), demand, urgent)
            named = key or digest(now.astimezone(CHINA).date(), *said)
            order = Order(named, by, text, (target,), tuple(but), Receipt(demand) if demand else None, urgent)
            if dry_run:
                _show_preview(office.instructor.preview(order, now), as_json)
                return
            made, new = office.instructor.send(order, now)
        except (Unaddressable, KeyUsed) as error:
            _leave(f"{error}. Nothing was sent", NO)
        except ValueError as error:
            _leave(f"{error}: see tocsin instruct send --help. Nothing was sent", CANNOT)
        people = sum(office.ledger.instructions.tally([made.id]).get(made.id, {}).values())
    if as_json:
        _print({"id": made.id, "key": named, "new": new, "people": people})
    elif new:
        typer.echo(f"sent to {people}: {made.id} · 已下达 {people} 人")
    else:
        typer.echo(f"sent before, nobody is told again: {made.id} · 此前已下达，不重复通知 (--key for another one)")


@app.command("list")
def list_instructions(
    *,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that hold")] = False,
    limit: Annotated[int, typer.Option(help="The newest so many", min=1, max=1000)] = 20,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Instructions, the newest first, and how many have not. 列出"""
    with _office(config) as office:
        found, _ = office.ledger.instructions.page(open_only=open_only, limit=limit)
        tally = office.ledger.instructions.tally([one.id for one in found])
    rows = [instruction_row(one, tally.get(one.id, {})) for one in found]
    if as_json:
        _print({"instructions": rows})
        return
    table = Table(
        "id", "sent 下达", "by 来自", "text 内容", "demand 要求", "people 人数", "owing 未回执", "standing 状态"
    )
    for row in rows:
        table.add_row(
            row["id"], _when(row["created_at"]), escape(row["by"]), escape(row["text"][:40]), row["demanded"], str(row["people"]),
            str(row["owing"]), row["standing"],
        )  # fmt: skip
    Console().print(table)


@app.command("who-has-not")
def who_has_not(
    ident: Annotated[str, typer.Argument(metavar="ID", help="As list shows it", show_default=False)],
    *,
    links: Annotated[
        bool, typer.Option("--links", help="With the address of each one's page, to be sent by another way")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Everybody who has not given the receipt that was asked for. Exit code 1 while there is anybody. 未回执人员"""
    with _office(config) as office:
        made = office.ledger.instructions.get(ident)
        if made is None:
            _leave(f"there is no instruction {ident}: see tocsin instruct list", CANNOT)
        owing, registry = list(_owing(office.ledger, made)), office.ledger.registry()
    rows: list[dict[str, Any]] = [
        {**recipient_row(one, made, registry), **({"link": office.slips.link(ident, one.person)} if links else {})}
        for one in owing
    ]
    if as_json:
        _print({"id": made.id, "demanded": made.demanded.value, "owing": rows})
    else:
        _show_owing(made, rows)
    raise typer.Exit(NO if rows else 0)


def _owing(ledger: Ledger, made: Instruction) -> Iterator[Recipient]:
    after = ""
    while some := ledger.instructions.recipients(made.id, below=made.demanded, after=after, limit=PAGE):
        yield from some
        after = some[-1].person


def _show_owing(made: Instruction, rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("nobody: everybody has given the receipt that was asked for · 全部人员均已按要求回执")
        return
    table = Table("person 人员", "name 姓名", "role 岗位", "grid 网格", "receipt 回执", "trouble 未送达原因")
    for row in rows:
        grid = f"{row['grid_name']} {row['grid']}"
        table.add_row(
            *(escape(said) for said in (row["person"], row["name"], row["role"], grid, row["receipt"], row["trouble"]))
        )
    Console().print(table)
    for row in rows:
        if row.get("link"):
            typer.echo(f"{row['person']} {row['link']}")
    typer.echo(f"{len(rows)} have not ({made.demanded.value}) · {len(rows)} 人未回执", err=True)


def _show_preview(found: Addressed, as_json: bool) -> None:
    preview = preview_row(found)
    if as_json:
        _print(preview)
        return
    table = Table("person 人员", "name 姓名", "role 岗位", "grid 网格", "because 依据")
    for one in preview["people"]:
        because = "; ".join(", ".join(f"{k}={v}" for k, v in why.items()) for why in one["because"])
        table.add_row(*(escape(said) for said in (one["person"], one["name"], one["role"], one["grid"], because)))
    Console().print(table)
    for missed in preview["missed"]:
        typer.echo(f"{missed['what']}: {missed['why']}", err=True)
    typer.echo(f"{len(preview['people'])} people; nothing was sent · 未下达", err=True)


@contextmanager
def _office(config: Path | None) -> Iterator[Office]:
    """The ledger of the settings and an instructor on it, or a sentence and exit code 2 or 3."""
    settings = settings_or_exit(config)
    where = f"the ledger at {settings.ledger.address.rpartition('@')[2]}"
    try:
        policies = load_policies(settings.notify.policies)
        ledger = open_ledger(settings.ledger.address)
    except PolicyError as error:
        _leave(str(error), CANNOT)
    except (LedgerUnavailable, OSError, ValueError) as error:
        _leave(f"{where} cannot be opened: {error}; set ledger.url in tocsin.toml", MISSING)
    slips = Slips(settings.secret.get_secret_value(), settings.notify.public_url)
    clock = settings.clock.clock()
    agreed.agree(clock, ledger)
    link = slips.link if settings.notify.links else no_link
    speaker = Speaker(load_words(), settings.notify.channels, settings.notify.language, link)
    instructor = Instructor(
        ledger, policies.instructions, registry=ledger.registry, roster=ledger.roster, speaker=speaker
    )
    try:
        yield Office(ledger, instructor, slips, clock)
    except LedgerUnavailable as error:
        _leave(f"{where} does not answer: {error}; say it again, nothing is sent twice", MISSING)
    finally:
        ledger.close()


def _print(found: object) -> None:
    typer.echo(orjson.dumps(found).decode())


def _when(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
