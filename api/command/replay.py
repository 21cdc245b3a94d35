"""`tocsin replay`: a recorded table becomes input, over the same wire as real gateways."""

from __future__ import annotations

import itertools
import json
import logging
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from alerts.ledger.port import Filter, Ledger
from alerts.notices import WAITING
from api.child import ChildFailed
from api.command.process import CANNOT, MISSING, Config, settings_or_exit, tell_log
from api.county.publisher import NoBroker, Publisher
from api.embedded import EmbeddedMissing
from api.keeper import PartFailed
from api.replay.account import alert_line
from api.replay.guess import SAMPLE, guess
from api.replay.mapping import BadMapping, Mapping, bind, load_mapping
from api.replay.place import place_of
from api.replay.player import beginning_at, play
from api.replay.reading import Recording, Survey, auto_speed
from api.replay.table import BadTable, open_table
from api.stack import Plan, Stack
from ingest.clock import Clock
from ingest.settings import MqttSettings

AUTO: Final = "auto"
PAGE: Final = 200
SETTLE: Final = 5.0  # real seconds, at most, in which the last notices may still go out
Say = Callable[[str], None]


def replay(
    file: Annotated[Path, typer.Argument(help="CSV (also .gz) or Parquet", show_default=False)],
    *,
    config: Config = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="TOML file that says what the columns are; guessed without it")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="Recorded seconds per second; auto takes about 40 s (1 without --headless)")
    ] = AUTO,
    headless: Annotated[
        bool, typer.Option("--headless", help="Start and end the embedded stack; times are the recording's own")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --headless: one JSON object per alert on stdout")
    ] = False,
    limit: Annotated[float | None, typer.Option(help="Play only the first SECONDS of the recording", min=0)] = None,
    grid: Annotated[str, typer.Option(help="Grid in which the devices stand")] = "",
) -> None:
    """Play a recorded table as if it were happening. 回放"""
    console = Console(stderr=True, highlight=False)
    say: Say = lambda line: console.print(line, markup=False, soft_wrap=True)  # noqa: E731
    tell_log(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        recording, survey = prepare(file, map_file, grid, limit, say)
        pace = pace_of(speed, survey, headless=headless)
        minutes = survey.length / pace / 60
        say(f"{survey.moments} rows over {survey.length:g} s at {pace:g} times: {minutes * 60:.0f} s")
        if minutes > 10:
            say("this takes long: --limit SECONDS plays less of it, --speed N plays it faster")
        if headless:
            _headless(recording, survey, pace, stop, say, as_json=as_json)
        else:
            _to_broker(recording, survey, pace, stop, say, settings_or_exit(config).mqtt)
    except (BadTable, BadMapping, ValueError) as error:
        say(f"cannot replay: {error}")
        raise typer.Exit(CANNOT) from error
    except (NoBroker, EmbeddedMissing, ChildFailed, PartFailed) as error:
        say(f"cannot replay: {error}")
        raise typer.Exit(MISSING) from error


def prepare(file: Path, map_file: Path | None, grid: str, limit: float | None, say: Say) -> tuple[Recording, Survey]:
    """The recording in a file and what it holds, saying what was decided. Raises `BadTable`, `BadMapping` or `ValueError`."""
    table = open_table(file)
    if map_file is not None:
        mapping = load_mapping(map_file)
    else:
        guessed = guess(table.header, list(itertools.islice(table.rows(), SAMPLE)), table.name)
        mapping = guessed.mapping
        for sentence in guessed.said:
            say(f"guessed: {sentence}")
    binding = bind(Mapping.model_validate({**mapping.model_dump(), "grid": grid}) if grid else mapping, table.header)
    if map_file is not None and binding.skipped:
        say(f"skipped, as the mapping says nothing of them: {', '.join(binding.skipped)}")
    recording = Recording(table, binding, limit)
    survey = recording.survey()
    if survey.rows_without_time or survey.empty_cells:
        say(f"skipped {survey.rows_without_time} rows without a time and {survey.empty_cells} cells without a number")
    return recording, survey


def pace_of(speed: str, survey: Survey, *, headless: bool) -> float:
    """The speed that was asked for. Raises `ValueError` when it is none."""
    if speed == AUTO:
        return auto_speed(survey) if headless else 1.0
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0 < pace < 1e7:
        raise ValueError(f"--speed {speed} is no speed: give a number greater than 0, or auto")
    return pace


def _to_broker(
    recording: Recording, survey: Survey, pace: float, stop: threading.Event, say: Say, mqtt: MqttSettings
) -> None:
    clock = Clock()
    with Publisher(mqtt, "tocsin-replay") as publisher:
        played = play(recording, publisher, clock, stop, when=beginning_at(survey.first, clock.now(), pace))
        publisher.flush(10.0)
        say(
            f"published {played.moments} rows, {publisher.acknowledged} of {played.published} messages acknowledged by the broker"
        )


def _headless(
    recording: Recording, survey: Survey, pace: float, stop: threading.Event, say: Say, *, as_json: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="tocsin-replay-", ignore_cleanup_errors=True) as folder:
        plan = Plan(
            place=place_of(recording.binding), clock_origin=survey.first, clock_speed=pace,
            # what is late is measured in the recording's time: a hiccup of the machine must not make a reading old
            overrides={"gateway": {"late_after": max(300.0, 10 * pace), "ahead_limit": max(60.0, pace)}},
        )  # fmt: skip
        with Stack(Path(folder), plan, progress=lambda part: say(f"starting {part} …")) as stack:
            with Publisher(stack.settings.mqtt, "tocsin-replay") as publisher:
                stack.clock.open()
                played = play(recording, publisher, stack.clock, stop)
                publisher.flush(30.0)
            say(f"published {played.moments} rows in {played.published} messages")
            if not stop.is_set() and not stack.drained(survey.messages, 60.0):
                say("not everything that was published came through within 60 s: alerts may be missing")
            _settle(stack.ledger, stop)
            _tell(stack.ledger, recording, as_json=as_json)


def _settle(ledger: Ledger, stop: threading.Event) -> None:
    """Wait until the timeline has been quiet for a second and nothing is on its way to anybody."""
    deadline, seen, since = time.monotonic() + SETTLE, -1, time.monotonic()
    while time.monotonic() < deadline and not stop.wait(0.1):
        seq = ledger.last_seq()
        if seq != seen:
            seen, since = seq, time.monotonic()
        if time.monotonic() - since > 1.0 and not ledger.outbox(states=tuple(WAITING)):
            return


def _tell(ledger: Ledger, recording: Recording, *, as_json: bool) -> None:
    lines: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = ledger.page(Filter(), limit=PAGE, cursor=cursor)
        lines += [alert_line(a, ledger.outbox(alert=a.id, limit=1000), recording.zero) for a in page.alerts]
        cursor = page.cursor
        if not cursor:
            break
    for line in sorted(lines, key=lambda found: found["raised_at"] or ""):
        typer.echo(json.dumps(line, ensure_ascii=False) if as_json else _sentence(line))
    if not as_json:
        typer.echo(f"{len(lines)} alerts")


def _sentence(line: dict[str, Any]) -> str:
    told = next((n["at"] for n in line["notices"]), "nobody")
    return f"{line['raised_at']}  {line['level']} {line['kind']}  {line['device']}  {line['rule']}  value {line['value']}  told {told}"
