"""`tocsin decode`: read files as if they had just arrived, and say what they mean or exactly why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.command.process import Config
from ingest.dialects.catalogue import Stream, entries
from ingest.dialects.claims import Reason
from ingest.dialects.observation import Decoding, Entry, Message, Verdict
from ingest.dialects.settling import Settled, settle

_COMMENT: Final = re.compile(r"#.*")
_NOT_HEX: Final = re.compile(r"[^0-9a-fA-F]")


class BadFile(ValueError):
    """A file that cannot be read as what its name says."""


def bytes_of(path: Path) -> bytes:
    """The file's bytes; of a `.hex` file those that its hex digits spell (comments after `#`, white space and `0x` are passed over)."""
    raw = path.read_bytes()
    if path.suffix.lower() != ".hex":
        return raw
    digits = _COMMENT.sub("", raw.decode("utf-8", errors="replace")).replace("0x", "").replace("0X", "")
    digits = re.sub(r"[\s,;:-]+", "", digits)
    if _NOT_HEX.search(digits) or len(digits) % 2:
        raise BadFile(f"{path}: a .hex file holds pairs of hex digits, and comments after #")
    return bytes.fromhex(digits)


def told(file: Path, name: str, decoding: Decoding, message: Message) -> dict[str, Any]:
    """One file's line."""
    settled = [settle(observation, message) for observation in decoding.observations]
    return {
        "file": str(file),
        "dialect": name,
        "verdict": str(decoding.verdict),
        "reason": decoding.reason or None,
        "observations": [_observation(one, name) for one in settled],
        "reply": None if decoding.reply is None else reply_text(decoding.reply),
    }


def _observation(settled: Settled, dialect: str) -> dict[str, Any]:
    said = settled.observation
    return {
        "kind": str(said.kind),
        "source": dialect,
        "gateway": said.gateway,
        "device": said.device,
        "metric": said.metric,
        "value": said.value,
        "unit": said.unit,
        "observed_at": settled.observed_at.isoformat(),
        "time_from": str(settled.time_from),
        "quality": str(said.quality),
        "key": said.key,
        "warnings": list(settled.warnings),
        "point": None if said.point is None else {"lat": said.point.lat, "lon": said.point.lon},
        "attributes": dict(said.attributes),
    }


def reply_text(reply: bytes) -> str:
    """What is answered: as text where it is text, else as hex."""
    try:
        text = reply.decode("utf-8")
    except UnicodeDecodeError:
        return reply.hex()
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else reply.hex()


def decoded(
    files: list[Path], dialect: str | None, topic: str, received_at: datetime, stream: Stream
) -> Iterator[dict[str, Any]]:
    """The files in order, as one stream with its state."""
    for file in files:
        message = Message(topic, bytes_of(file), received_at)
        name, decoding = stream.decode(message, dialect)
        if not topic and name and decoding.reason.startswith(Reason.NO_DEVICE):
            message = replace(message, topic=likely_topic(stream.entry(name), file))
            name, decoding = stream.decode(message, name)
        yield told(file, name, decoding, message)


def likely_topic(entry: Entry, file: Path) -> str:
    """A topic that such a message could have come on, the device named after the file: some formats name it nowhere else."""
    return re.sub(r"\{[^}]*\}", re.sub(r"[/+#]", "-", file.stem), entry.topics[0])


def decode(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Payloads; .hex files are hex text", exists=True, dir_okay=False)
    ] = None,
    dialect: Annotated[str, typer.Option(help="Read them as this dialect; else topic and content decide")] = "",
    topic: Annotated[str, typer.Option(help="The MQTT topic or HTTP path they came on")] = "",
    received_at: Annotated[str, typer.Option(help="When they arrived, ISO 8601 with offset; now when left out")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One object a line and a file on stdout")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Name every dialect, its topics and its standard")] = False,
    config: Config = None,
) -> None:
    """Say what payloads mean. 报文解码"""
    from api.settings import SettingsError, load

    try:
        settings = load(config)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    known = entries(settings.gateway.profiles, settings.gateway.hotlines)
    if listed:
        list_dialects([(e.name, e.topics, e.standard) for e in known], as_json=as_json)
        return
    if dialect and dialect not in {entry.name for entry in known}:
        typer.echo(f"there is no dialect {dialect}; `tocsin decode --list` names them", err=True)
        raise typer.Exit(2)
    if not files:
        typer.echo("name at least one file, or --list", err=True)
        raise typer.Exit(2)
    at = datetime.now(UTC)
    if received_at:
        try:
            at = datetime.fromisoformat(received_at)
        except ValueError as error:
            raise typer.BadParameter(f"--received-at is ISO 8601, got {received_at!r}") from error
        if at.tzinfo is None:
            raise typer.BadParameter("--received-at must carry its offset, for example +08:00")
    try:
        for line in decoded(files, dialect or None, topic, at, Stream(known)):
            if as_json:
                typer.echo(orjson.dumps(line).decode())
            else:
                show(line)
    except BadFile as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def list_dialects(known: list[tuple[str, tuple[str, ...], str]], *, as_json: bool) -> None:
    """Every dialect, for people or as lines."""
    if as_json:
        for name, topics, standard in known:
            typer.echo(orjson.dumps({"dialect": name, "topics": topics, "standard": standard}).decode())
        return
    table = Table("dialect 方言", "comes from 来源", "standard 标准")
    for name, topics, standard in known:
        table.add_row(*map(escape, (name, "\n".join(topics), standard)))
    Console().print(table)


def show(line: dict[str, Any]) -> None:
    """A file's line for people. What a sender wrote is never taken for markup."""
    colour = {Verdict.ACCEPTED: "green", Verdict.REJECTED: "red", Verdict.IGNORED: "yellow"}[Verdict(line["verdict"])]
    console = Console()
    said = f"[bold]{escape(line['file'])}[/]  {escape(line['dialect'] or '–')}  [{colour}]{line['verdict']}[/]"
    console.print(f"{said}  {escape(line['reason'] or '')}", highlight=False)
    if line["observations"]:
        table = Table(
            "kind 类别",
            "device 设备",
            "metric 指标",
            "value 值",
            "observed at 时间",
            "clock",
            "quality",
            "warnings 提示",
        )
        for one in line["observations"]:
            value = "" if one["value"] is None else f"{one['value']} {one['unit']}".strip()
            cells = (
                one["kind"],
                one["device"],
                one["metric"],
                value,
                one["observed_at"],
                one["time_from"],
                one["quality"],
                " ".join(one["warnings"]),
            )
            table.add_row(*map(escape, cells))
        console.print(table)
    if line["reply"]:
        console.print(f"reply 应答: {line['reply']}", markup=False)
