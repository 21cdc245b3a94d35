"""`tocsin demo`: a simulated county, a fire, the telephone that rings, and the end of it. Nothing leaves this machine."""

from __future__ import annotations

import json
import logging
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from alerts.alert import Alert, Handling, NoticeState
from alerts.ledger.port import Filter, Ledger
from alerts.notices import WAITING
from alerts.policy import load_policies
from alerts.words import load_words
from api.child import ChildFailed, free_ports
from api.command.process import MISSING, tell_log
from api.county.account import Run, Told, account
from api.county.county import County, county
from api.county.crew import Crew
from api.county.simulator import Simulator
from api.county.story import fire_of
from api.county.telephone import TelephoneNetwork
from api.embedded import EmbeddedMissing
from api.keeper import PartFailed
from api.stack import Plan, Stack

POLICIES: Final = Path(__file__).parents[1] / "county" / "policies.toml"
SID: Final = "ACdemo00000000000000000000000000000"
LONGEST: Final = 120.0  # seconds after which a headless demo gives up
FIRE_STARTS: Final = 2.0  # seconds after the simulator begins …
FIRE_LASTS: Final = 26.0  # … and until somebody puts it out
STALLS: Final = 12.0  # … and until a resident calls about what is left to whoever looks at the desk
UNSETTLED: Final = (*WAITING, NoticeState.SENT)  # every channel of a demo sends receipts


class Until(StrEnum):
    """What a headless demo waits for."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Show:
    """One demo: the stack, the telephones, the simulator and the crew, and what to wait for."""

    def __init__(self, seed: int, data: Path, port: int, say: Callable[[str], None], *, stalls: bool = False) -> None:
        self.seed, self.data, self._say, self._stalls = seed, data, say, stalls
        self.county: County = county(seed)
        self.port = port or free_ports(1)[0]
        self.begun = time.monotonic()
        self._told = Told(load_words(), "zh", load_policies(POLICIES))
        self.first_alert: float | None = None

    def start(self, room: ExitStack) -> None:
        """Bring everything up, in the order in which it is needed."""
        leaders = {p.phone for p in self.county.people if p.role == "grid_leader"}
        url = f"http://127.0.0.1:{self.port}"
        self.telephones = room.enter_context(
            TelephoneNetwork(SID, "demo", answers=lambda to, _nth: None if to in leaders else "1")
        )
        overrides: dict[str, Any] = {
            "api": {"port": self.port},
            "secret": "demo",
            "worker": {"snapshot_every": 5},
            "notify": {
                "channels": ("sms", "voice"),
                "policies": str(POLICIES),
                "public_url": url,
                "twilio": {
                    "account_sid": SID,
                    "auth_token": "demo",
                    "sender": "+10000000000",
                    "base_url": self.telephones.url,
                },
            },
        }
        place = (self.county.grids, self.county.devices, self.county.people, self.county.duties)
        plan = Plan(parts=("gateway", "worker", "api"), place=place, overrides=overrides)
        self.stack = room.enter_context(Stack(self.data, plan, progress=lambda part: self._say(f"starting {part} …")))
        room.enter_context(Crew(self.stack.api_url))
        fire = fire_of(self.county, self.seed, starts_at=FIRE_STARTS, lasts=FIRE_LASTS)
        stalls_at = STALLS if self._stalls else None
        self.simulator = Simulator(self.county, self.seed, self.stack.settings.mqtt, fire=fire, stalls_at=stalls_at)
        room.enter_context(self.simulator)

    def watch(self, done: Callable[[Ledger], bool], halt: threading.Event) -> bool:
        """Wait until `done`, telling each new entry of the timeline. False when it took too long or was stopped."""
        seq, deadline = 0, time.monotonic() + LONGEST
        while not halt.wait(0.1):
            for entry in self.stack.ledger.entries_after(seq):
                seq = entry.seq
                if self.first_alert is None and entry.alert:
                    self.first_alert = round(time.monotonic() - self.begun, 2)
                said = self._told.words.explain(self._told.language, entry)
                self._say(f"{time.monotonic() - self.begun:5.1f} s  {said}")
            if done(self.stack.ledger):
                return True
            if time.monotonic() > deadline:
                return False
        return False

    def account(self) -> dict[str, Any]:
        """Stop publishing, let the log come to rest, and tell."""
        published = self.simulator.stop()
        self.stack.drained(published, 15.0)
        run = Run(self.seed, self.first_alert, published, self.stack.tally())
        return account(self.stack.ledger, run, self._told, self.stack.clock.now())


def reached(until: Until) -> Callable[[Ledger], bool]:
    """Whether the first alert has come as far as was asked, and what was to be told has been told."""

    def done(ledger: Ledger) -> bool:
        alerts = ledger.page(Filter()).alerts
        if not alerts:
            return False
        if until is Until.RAISED:
            return True
        if until is Until.ACKNOWLEDGED:
            return all("acked_at" in a.stages for a in alerts)
        return all(_settled(ledger, a) for a in alerts)

    return done


def _settled(ledger: Ledger, alert: Alert) -> bool:
    return alert.handling in {Handling.CLOSED, Handling.EVALUATED} and not ledger.outbox(
        alert=alert.id, states=UNSETTLED
    )


def demo(
    seed: Annotated[int, typer.Option(help="The same seed tells the same story")] = 7,
    headless: Annotated[bool, typer.Option("--headless", help="No page: run to --until and end")] = False,
    until: Annotated[Until, typer.Option(help="With --headless: how far")] = Until.CLOSED,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout when it ends")] = False,
    port: Annotated[int, typer.Option(help="Port of the page; a free one when 0")] = 0,
    data: Annotated[Path | None, typer.Option(help="Folder to keep; a temporary one when left out")] = None,
) -> None:
    """A county, a fire, and the telephone that rings. Nothing leaves this machine. 演示"""
    console = Console(stderr=True, highlight=False)
    tell_log(logging.WARNING)
    halt = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: halt.set())
    try:
        with ExitStack() as room:
            folder = data or Path(
                room.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-demo-", ignore_cleanup_errors=True))
            )
            show = Show(seed, folder, port, lambda line: console.print(f"[dim]{line}[/dim]"), stalls=not headless)
            show.start(room)
            if not headless:
                console.print(f"\n[bold]打开 / open  {show.stack.api_url}[/bold]    Ctrl-C ends it\n")
            finished = show.watch(reached(until) if headless else lambda _: False, halt)
            if as_json:
                typer.echo(json.dumps(show.account(), ensure_ascii=False))
    except (EmbeddedMissing, ChildFailed, PartFailed) as error:
        console.print(f"[red]the demo cannot start:[/red] {error}")
        raise typer.Exit(MISSING) from error
    if headless and not finished:
        console.print(f"[red]the story did not come to “{until.value}” within {LONGEST:g} s[/red]")
        raise typer.Exit(1)
