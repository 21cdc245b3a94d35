"""`tocsin gateway`, `tocsin worker`, `tocsin sender`, `tocsin api`: one process each, ended by SIGTERM or Ctrl-C after it has drained.

The stack starts them as `python -m api.command.process NAME`, which loads nothing of the other verbs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

import typer

from api.heartbeat import Heart, follow_loop
from api.memory import settle_down
from api.settings import Settings, SettingsError, load

Config = Annotated[
    Path | None, typer.Option("--config", help="tocsin.toml to read; the one in this folder when left out")
]
ReadyFile = Annotated[Path | None, typer.Option("--ready-file", help="A file to create once the process is ready")]
HeartbeatFile = Annotated[
    Path | None,
    typer.Option("--heartbeat", help="A file to touch every second while the process gets on, for a health check"),
]
Run = Callable[[Settings, asyncio.Event, Heart], Awaitable[None]]

CANNOT: Final = 2
MISSING: Final = 3


def settings_or_exit(config: Path | None) -> Settings:
    """The settings, or every problem on stderr and exit code 2."""
    try:
        return load(config)
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(CANNOT) from error


def tell_log(level: int = logging.INFO) -> None:
    """Logs go to stderr, one line each."""
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    for noisy in ("aiokafka", "httpx", "twilio", "alembic", "uvicorn.access", "faust", "mode"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


async def until_told(run: Run, settings: Settings, heart: Heart) -> None:
    """Run a process until a signal asks it to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        stop.set()
        heart.stopping()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    following = asyncio.create_task(follow_loop(heart))
    try:
        await run(settings, stop, heart)
    finally:
        following.cancel()


def serve(name: str, config: Path | None, ready_file: Path | None, heartbeat: Path | None) -> None:
    """One process from settings to its end."""
    settings = settings_or_exit(config)
    tell_log()

    def ready() -> None:
        settle_down()
        logging.getLogger("tocsin").info("ready")
        if ready_file is not None:
            ready_file.parent.mkdir(parents=True, exist_ok=True)
            ready_file.touch()

    watchdog = int(os.environ.get("WATCHDOG_USEC") or 0) / 1e6  # systemd's WatchdogSec: it wants two signs in that time
    every = min(1.0, watchdog / 3) if watchdog else 1.0
    with Heart(os.environ.get("NOTIFY_SOCKET", ""), heartbeat, every, on_ready=ready) as heart:
        asyncio.run(until_told(import_module(f"api.compose.{name}").run, settings, heart))


def gateway(config: Config = None, ready_file: ReadyFile = None, heartbeat: HeartbeatFile = None) -> None:
    """Serve the wire: MQTT messages are acknowledged once the log has them. 网关"""
    serve("gateway", config, ready_file, heartbeat)


def worker(config: Config = None, ready_file: ReadyFile = None, heartbeat: HeartbeatFile = None) -> None:
    """Detect, conduct and deliver. 处理"""
    serve("worker", config, ready_file, heartbeat)


def sender(config: Config = None, ready_file: ReadyFile = None, heartbeat: HeartbeatFile = None) -> None:
    """Send notices and climb, where workers do not (worker.sends = false). 发送"""
    serve("sender", config, ready_file, heartbeat)


def api(config: Config = None, ready_file: ReadyFile = None, heartbeat: HeartbeatFile = None) -> None:
    """Serve the page, REST and the live stream. 接口"""
    serve("api", config, ready_file, heartbeat)


if __name__ == "__main__":
    alone = typer.Typer(add_completion=False)
    for verb in (gateway, worker, sender, api):
        alone.command()(verb)
    alone()
