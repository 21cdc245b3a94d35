"""`tocsin rejects`: what was rejected, what today's code makes of it, and replaying it after a fix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import orjson
import typer
from rich.console import Console

from alerts.ledger.port import LedgerUnavailable
from api.command.process import CANNOT, MISSING, Config, settings_or_exit, tell_log
from api.command.rejects_told import decoded, found, row, sentence, show_list, show_one, total
from api.compose.second_look import Second, second_look
from api.rejects import LogAway, Rejects, looked, resend
from api.rejects import replay as replayed
from api.settings import Settings
from ingest.clock import Clock
from ingest.dialects.mapped import ProfileError
from ingest.second_look import Finding, Kept, Listing, Wanted, place_of, readable, since_of
from ingest.topics import Topic
from streams import letters
from streams.letters import Letter

NO: Final = 1

app = typer.Typer(no_args_is_help=True, help="What was rejected, and replaying it after a fix. 拒收报文")
Since = Annotated[str, typer.Option(help="Not older than this: 30m, 1h, 2d, or ISO 8601 with its offset")]
Reason = Annotated[str, typer.Option(help="Only this reason")]
Source = Annotated[str, typer.Option(help="Only this source")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Dead = Annotated[bool, typer.Option("--dead", help="The workers' dead letters instead (tocsin.deadletters)")]


@app.command("list")
def list_rejects(
    *,
    since: Since = "",
    reason: Reason = "",
    source: Source = "",
    limit: Annotated[int, typer.Option(help="Rows of the table: the newest", min=0)] = 50,
    dead: Dead = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """What was rejected, newest last, and how much of it by source and reason. 列出"""
    settings = settings_or_exit(config)
    tell_log()
    wanted, rejects = _wanted(since, reason, source, settings.clock.clock()), _opened(settings, dead=dead)
    listing = Listing(limit)

    async def run() -> None:
        async for kept in rejects.wanted(wanted):
            listing.add(kept)

    with _log_is_there():
        asyncio.run(run())
    if as_json:
        counts = [{"source": s, "reason": r, "count": n} for (s, r), n in listing.counts.most_common()]
        _print({
            "total": listing.counts.total(), "unreadable": rejects.unreadable, "counts": counts,
            "rejects": [row(kept, size) for kept, size in listing.rows()],
        })  # fmt: skip
    else:
        show_list(listing, rejects.unreadable)


@app.command()
def show(
    ident: Annotated[str, typer.Argument(metavar="ID", help="partition:offset, as list shows it", show_default=False)],
    *,
    raw: Annotated[Path | None, typer.Option(help="Write the bytes as they came to this file")] = None,
    dead: Dead = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Everything about one, its bytes, and what today's code makes of them. 查看"""
    settings = settings_or_exit(config)
    tell_log()
    place = _places([ident])[0]
    with _log_is_there():
        kept = asyncio.run(_one(_opened(settings, dead=dead), place))
    if kept is None:
        _leave(f"there is no rejected message at {ident} (any more); `tocsin rejects list` shows what there is", NO)
    if raw is not None:
        _write(kept, raw)
    form, text = ("sealed", "") if kept.sealed else readable(kept.rejected.raw)
    line = row(kept, len(kept.rejected.raw)) | {
        "retained": kept.rejected.retained, "content_type": kept.rejected.content_type, "cut": kept.cut,
        "form": form, "raw": text, "decoded": None, "now": None,
    }  # fmt: skip
    finding: Finding | Letter
    with _looking(settings) as second:
        if dead:
            finding = letters.look(kept, settings.log.partitions, second.clock.now(), _late_after(settings))
        else:
            finding = looked(second.look, kept, second.clock.now())
            line["decoded"] = decoded(second.look, kept)
        line["now"] = found(finding)
    if as_json:
        _print(line)
    else:
        show_one(line, finding)


@app.command()
def replay(
    idents: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Only these", show_default=False)] = None,
    *,
    since: Since = "",
    reason: Reason = "",
    source: Source = "",
    dead: Dead = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of each and write nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One object a message and one total on stdout")] = False,
    config: Config = None,
) -> None:
    """Decide them again with today's code and registry and write what is understood now. Safe to repeat. 重放"""
    settings = settings_or_exit(config)
    tell_log()
    places = _places(idents or [])
    wanted, rejects = _wanted(since, reason, source, settings.clock.clock()), _opened(settings, dead=dead)
    console = Console(highlight=False)
    seen: set[tuple[int, int]] = set()

    def tell(finding: Finding | Letter) -> None:
        if places:
            seen.add((finding.kept.partition, finding.kept.offset))
        if as_json:
            _print(found(finding) | {"id": finding.kept.ident})
        else:
            console.print(sentence(finding), soft_wrap=True)

    with _log_is_there(), _looking(settings) as second:
        meant = _both(rejects, places, wanted) if places else rejects.wanted(wanted)
        now, log = second.clock.now, settings.log
        if dead:
            work = resend(meant, log, now=now, late_after=_late_after(settings), tell=tell, dry_run=dry_run)
        else:
            work = replayed(meant, second.look, log, now=now, tell=tell, dry_run=dry_run)
        outcome = asyncio.run(work)
    missing = [f"{part}:{offset}" for part, offset in places if (part, offset) not in seen]
    if as_json:
        _print({"total": outcome.line(), "written": not dry_run, "missing": missing})
    else:
        console.print(total(outcome, dry_run=dry_run))
    if missing:
        _leave(f"not there any more, or not what was asked for: {', '.join(missing)}", NO)


@contextmanager
def _looking(settings: Settings) -> Iterator[Second]:
    """A second look with the ledger's registry and clock."""
    try:
        with second_look(settings) as second:
            yield second
    except LedgerUnavailable as error:
        _leave(f"the ledger cannot be asked: {error}", MISSING)
    except ProfileError as error:
        _leave(f"gateway.profiles: {error}", CANNOT)


def _late_after(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.gateway.late_after)


def _opened(settings: Settings, *, dead: bool) -> Rejects:
    return Rejects(settings.log, Topic.DEADLETTERS if dead else Topic.REJECTS)


async def _one(rejects: Rejects, place: tuple[int, int]) -> Kept | None:
    return next(iter([kept async for kept in rejects.named([place])]), None)


async def _both(rejects: Rejects, places: list[tuple[int, int]], wanted: Wanted) -> AsyncGenerator[Kept]:
    async for kept in rejects.named(places):
        if wanted.fits(kept.rejected):
            yield kept


def _wanted(since: str, reason: str, source: str, clock: Clock) -> Wanted:
    try:
        return Wanted(reason, source, since_of(since, clock.now()) if since else None)
    except ValueError as error:
        _leave(f"--since: {error}", CANNOT)


def _places(idents: list[str]) -> list[tuple[int, int]]:
    try:
        return [place_of(ident) for ident in idents]
    except ValueError as error:
        _leave(str(error), CANNOT)


@contextmanager
def _log_is_there() -> Iterator[None]:
    try:
        yield
    except LogAway as error:
        _leave(str(error), MISSING)


def _write(kept: Kept, path: Path) -> None:
    if kept.sealed:
        _leave("a resident's call is kept sealed: its bytes are not written to a file", CANNOT)
    try:
        path.write_bytes(kept.rejected.raw)
    except OSError as error:
        _leave(f"{path} cannot be written: {error.strerror or error}", CANNOT)


def _print(line: dict[str, Any]) -> None:
    typer.echo(orjson.dumps(line).decode())


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
