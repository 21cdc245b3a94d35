"""What `tocsin rejects` says, for people and for programs. Nothing that a sender wrote is taken for markup or moves a cursor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.command.decode import show as show_decoded
from api.command.decode import told
from api.rejects import Outcome
from ingest.dialects.claims import Unreadable
from ingest.second_look import Fate, Finding, Kept, Listing, SecondLook, counted, printable
from streams.letters import Letter

_PAIRS: Final = 12  # of source and reason in the summary for people; --json has all
_WORDS: Final = {
    Fate.UNDERSTOOD: "[green]已解读 understood[/]",
    Fate.PARTLY: "[yellow]部分解读 partly[/]",
    Fate.SILENT: "[green]无需记录 understood, says nothing[/]",
    Fate.REJECTED: "[red]仍拒收 still rejected[/]",
    Fate.REPEATED: "[dim]同一报文 the same message[/]",
    Fate.CUT: "[yellow]不完整 cut, not replayed[/]",
    Fate.SEALED: "[yellow]已加密 sealed, not replayed[/]",
}


def row(kept: Kept, size: int) -> dict[str, Any]:
    said = kept.rejected
    return {
        "id": kept.ident, "at": said.at.isoformat(), "source": said.source, "topic": printable(said.topic, 1024),
        "reason": said.reason, "detail": printable(said.detail, 600), "size": size,
    }  # fmt: skip


def decoded(look: SecondLook, kept: Kept) -> dict[str, Any] | None:
    """What the decoders say of it, as `tocsin decode` says it; nothing for what is not whole or sealed."""
    if kept.sealed or kept.cut:
        return None
    try:
        name, decoding, message = look.said(kept)
    except Unreadable:
        return None
    return told(Path(kept.ident), name, decoding, message)


def found(finding: Finding | Letter) -> dict[str, Any]:
    return {
        "fate": str(finding.fate), "why": printable(finding.why, 600) or None, "readings": finding.readings,
        "events": finding.events, "late": finding.late,
    }  # fmt: skip


def show_list(listing: Listing, unreadable: int) -> None:
    console = Console(highlight=False)
    table = Table("id", "时间 at", "来源 source", "主题 topic", "原因 reason", "说明 detail", "字节 bytes")
    for kept, size in listing.rows():
        said = kept.rejected
        cells = (
            kept.ident, said.at.isoformat(timespec="milliseconds"), printable(said.source, 40), printable(said.topic, 60),
            said.reason, printable(said.detail, 100), str(size),
        )  # fmt: skip
        table.add_row(*map(escape, cells))
    if table.row_count:
        console.print(table)
    pairs = listing.counts.most_common(_PAIRS)
    by = "; ".join(f"{printable(source, 40) or '–'}/{reason} {n}" for (source, reason), n in pairs)
    rest = len(listing.counts) - len(pairs)
    more = f"; … {rest} more" if rest > 0 else ""
    console.print(f"{listing.counts.total()} 拒收 rejected{': ' if by else ''}{by}{more}", markup=False)
    if unreadable:
        console.print(f"{unreadable} records are no rejected message of this version", markup=False)


def show_one(line: dict[str, Any], finding: Finding | Letter | None) -> None:
    console = Console(highlight=False)
    table = Table(show_header=False)
    for name in ("id", "at", "source", "topic", "reason", "detail", "size", "content_type"):
        if line[name] != "":
            table.add_row(name, escape(printable(str(line[name]), 1024)))
    if line["retained"]:
        table.add_row("retained", "yes: it never rings")
    console.print(table)
    if line["form"] == "sealed":
        console.print(
            "来电内容已加密，不在此解密 a resident's call: its bytes are kept sealed, or not at all, and are not opened here"
        )
    else:
        console.print(f"{line['size']} bytes as {line['form']}{', cut when they were kept' if line['cut'] else ''}:")
        console.print(line["raw"], markup=False, soft_wrap=True)
    if line["decoded"] is not None:
        show_decoded(line["decoded"])
    if finding is not None:
        console.print(f"现在重放 replayed now: {sentence(finding)}", soft_wrap=True)


def sentence(finding: Finding | Letter) -> str:
    """What became of one message, with markup."""
    parts = [f"{finding.readings} readings"] if finding.readings else []
    parts += [f"{finding.events} events"] if finding.events else []
    parts += [f"{finding.late} of them late, never ringing 迟到不响铃"] if finding.late else []
    parts += [escape(printable(finding.why))] if finding.why else []
    return f"{finding.kept.ident}  {_WORDS[finding.fate]}  {', '.join(parts)}".rstrip()


def total(outcome: Outcome, *, dry_run: bool) -> str:
    made = f"{outcome.readings} readings and {outcome.events} events, {outcome.late} of them late"
    done = "试运行，未写入 dry run, nothing written" if dry_run else "已写入 written to the log"
    return f"{outcome.messages} 条报文 messages: {counted(outcome.fates) or 'none'}; {made}; {done}"
