"""`tocsin policy test`: play a table of what-ifs and hold it to what was expected. 策略演算"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import orjson
import typer

from alerts.ledger import open_ledger
from alerts.ledger.port import LedgerUnavailable
from alerts.notices import place_name
from alerts.people.enrol import PlaceFiles, check_place
from alerts.people.roster import Roster
from alerts.policy import PolicyError, load_policies
from alerts.what_if.rehearsal import ESCALATION, Answer, Case, Difference, Impossible, Stage, differences, play, shown
from alerts.what_if.table import read_cases, unsound
from alerts.words import Words, load_words
from api.command.process import CANNOT, MISSING, Config, settings_or_exit
from ingest.registry import Registry
from ingest.sheets import Problem, Sheet

DIFFERS: Final = 1
_FILES: Final = {"grids": ("grids.csv", "grids.geojson"), "people": ("people.csv",), "duties": ("duty.csv",)}

_PASSED_OVER: Final = frozenset(
    {"sent", "delivered"}
)  # every notice of a what-if arrives; only the others tell something

app = typer.Typer(no_args_is_help=True, help="Try the policies before they are in force. 策略演算")


class Language(StrEnum):
    """In which language the reasons are said."""

    ZH = "zh"
    EN = "en"


@app.callback()
def policy() -> None:
    """Try the policies before they are in force. 策略演算"""


@app.command("test")
def played(
    file: Annotated[Path, typer.Argument(help="CSV: kind,level,place or lat,lon,datum,origin,at,since,recipient,step,clock,due")],
    policies: Annotated[Path | None, typer.Option("--policies", help="policies.toml; else that of the settings")] = None,
    place: Annotated[
        Path | None, typer.Option("--place", help="Folder with grids.csv, people.csv and duty.csv; else the ledger's place")
    ] = None,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the reasons")] = Language.ZH,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout")] = False,
    config: Config = None,
) -> None:  # fmt: skip
    """Play every row and print whom it tells, its chain, its clocks and why. 逐行演算并核对期望"""
    stage = _stage(policies, place, config)
    cases, problems = read_cases(_sheet(file), stage.registry, stage.roster)
    for problem in problems:
        typer.echo(str(problem), err=True)
    if unsound(problems):
        raise typer.Exit(CANNOT)
    rows = [_played(case, stage) for case in cases]
    differ = sum(1 for row in rows if row.differs)
    if as_json:
        told = {"rows": [_row(row, stage, lang) for row in rows], "differ": differ}
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in (line for row in rows for line in (*_lines(row, stage, lang), "")):
            typer.echo(line)
        typer.echo(stage.words.text(lang, "what_if", "sum", rows=len(rows), differ=differ))
    raise typer.Exit(DIFFERS if differ else 0)


class _Row:
    def __init__(self, case: Case, answer: Answer | None, found: Sequence[Difference], why: str = "") -> None:
        self.case, self.answer, self.found, self.why = case, answer, found, why

    @property
    def differs(self) -> bool:
        return bool(self.found or self.why)


def _played(case: Case, stage: Stage) -> _Row:
    try:
        answer = play(case, stage)
    except Impossible as error:
        return _Row(case, None, (), str(error))
    return _Row(case, answer, differences(case, answer))


def _lines(row: _Row, stage: Stage, lang: str) -> Iterator[str]:
    """One row as an operator reads it."""

    def said(key: str, **values: object) -> str:
        return stage.words.text(lang, "what_if", key, **values)

    words, case, answer = stage.words, row.case, row.answer
    yield said(
        "row", line=case.line, kind=words.text(lang, "kind", case.kind), level=words.text(lang, "level", case.level),
        origin=words.text(lang, "origin", case.origin), at=f"{case.at:%Y-%m-%d %H:%M:%S}",
    )  # fmt: skip
    if answer is None:
        yield said("impossible", why=row.why)
        return
    yield (
        said("route", people=_people(answer, stage), place=_place(answer, stage, lang))
        if answer.told
        else said("nobody")
    )
    yield said("chain") if answer.chain else said("silent")
    for number, step in enumerate(answer.chain, start=1):
        target = words.text(lang, "what_if", f"target_{step.target}").removeprefix("target_")
        channels = "+".join(words.text(lang, "channel", channel) for channel in step.channels)
        mark = "●" if number <= answer.alert.step else "○"
        yield said("step", mark=mark, number=number, after=f"{step.after:g}", target=target, channels=channels)
    for name, due in answer.clocks.items():
        called = said("escalation") if name == ESCALATION else words.text(lang, "clock", name)
        yield said("clock", name=called, due=said("none") if due is None else shown(due, case.at))
    yield said("because")
    for entry in answer.entries:
        if entry.what in _PASSED_OVER:
            continue
        at = entry.at.astimezone(case.at.tzinfo)
        whom = " → " + ", ".join(dict.fromkeys(p for p, _ in entry.detail["told"])) if entry.what == "told" else ""
        yield said("line", at=f"{at:%m-%d %H:%M:%S}", said=words.explain(lang, entry) + whom)
    yield from (said("differs", column=d.column, expected=d.expected, found=d.found) for d in row.found)
    if not row.found:
        wanted = case.expected
        checked = (wanted.recipients, wanted.step, wanted.due) != (None, None, None)
        yield said("agrees") if checked else said("unchecked")


def _people(answer: Answer, stage: Stage) -> str:
    people = (stage.roster.person(ident) for ident in answer.told)
    return ", ".join(f"{p.id} {p.name}" for p in people if p is not None)


def _place(answer: Answer, stage: Stage, lang: str) -> str:
    return place_name(
        stage.registry, answer.grid or answer.alert.place.grid, stage.words.text(lang, "place", "unknown")
    )


def _row(row: _Row, stage: Stage, lang: str) -> dict[str, Any]:
    """One row as JSON."""
    case, answer = row.case, row.answer
    told: dict[str, Any] = {
        "line": case.line, "ok": not row.differs, "impossible": row.why,
        "differences": [{"column": d.column, "expected": d.expected, "found": d.found} for d in row.found],
    }  # fmt: skip
    if answer is None:
        return told
    return told | {
        "recipients": list(answer.told), "grid": answer.grid, "place": answer.alert.place.grid, "step": answer.alert.step,
        "chain": [{"after": s.after, "target": s.target, "channels": s.channels} for s in answer.chain],
        "clocks": {name: None if due is None else shown(due, case.at) for name, due in answer.clocks.items()},
        "why": [{"at": e.at, "what": e.what, "why": e.why, "text": stage.words.explain(lang, e)} for e in answer.entries],
    }  # fmt: skip


def _stage(policies: Path | None, place: Path | None, config: Path | None) -> Stage:
    settings = settings_or_exit(config)
    try:
        read = load_policies(policies or settings.notify.policies)
    except PolicyError as error:
        _leave(str(error), CANNOT)
    words: Words = load_words()
    registry, roster = _folder(place) if place else _of_ledger(settings.ledger.address)
    return Stage(read, registry, roster, words)


def _folder(folder: Path) -> tuple[Registry, Roster]:
    """The place in a folder, as an import would read it. Warnings are said, errors end it."""
    found = {
        kind: next((folder / name for name in names if (folder / name).is_file()), None)
        for kind, names in _FILES.items()
    }
    if found["grids"] is None or found["people"] is None:
        _leave(f"{folder}: there must be grids.csv and people.csv; see docs/import.md", CANNOT)
    sheets = {kind: _sheet(path) for kind, path in found.items() if path}
    checked = check_place(PlaceFiles(**sheets), Registry(), Roster())
    for problem in checked.problems:
        typer.echo(str(problem), err=True)
    if unsound([*checked.problems]):
        raise typer.Exit(CANNOT)
    return Registry.of(checked.grids, ()), Roster.of(checked.people, checked.duties)


def _of_ledger(address: str) -> tuple[Registry, Roster]:
    where = f"the ledger at {address.rpartition('@')[2]}"
    try:
        ledger = open_ledger(address)
    except (LedgerUnavailable, OSError, ValueError) as error:
        _leave(
            f"{where} cannot be opened: {error}; set ledger.url in tocsin.toml, or name a folder with --place", MISSING
        )
    try:
        return ledger.registry(), ledger.roster()
    except LedgerUnavailable as error:
        _leave(f"{where} does not answer: {error}", MISSING)
    finally:
        ledger.close()


def _sheet(path: Path) -> Sheet:
    try:
        return Sheet(path.name, path.read_bytes())
    except OSError as error:
        _leave(str(Problem(str(path), 0, f"cannot be read: {error.strerror or error}")), CANNOT)


def _leave(what: str, code: int) -> NoReturn:
    typer.echo(what, err=True)
    raise typer.Exit(code)
