"""The embedded stack: both brokers, and gateway, worker and API as child processes around one data directory.

`tocsin up`, `demo`, `replay --headless` and the tests start it. A part that dies is started again (`api.keeper`), and so is a broker that
does; a log that died comes back empty, and then the parts begin anew with it. Everything ends with the process that started it, however
that ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.people.duty import Duty
from alerts.people.roster import Person
from api.child import ChildFailed, free_ports
from api.embedded import Brokers
from api.keeper import Keeper
from api.settings import Settings
from api.tally import Tally, caught_up, tally
from ingest.clock import Clock
from ingest.log import LogUnavailable, ensure_topics
from ingest.registry import Device, Grid
from ingest.settings import LogSettings

log = logging.getLogger(__name__)
_LOOK_EVERY: Final = 0.2
PlaceValues = (
    tuple[Sequence[Grid], Sequence[Device], Sequence[Person]]
    | tuple[Sequence[Grid], Sequence[Device], Sequence[Person], Sequence[Duty]]
)
Progress = Callable[[str], None]


def environment_of(values: Mapping[str, Any], prefix: str = "TOCSIN_") -> dict[str, str]:
    """Nested settings as the environment variables a child process reads them from."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = prefix + key.upper()
        if isinstance(value, Mapping):
            found.update(environment_of(value, name + "__"))
        elif isinstance(value, list | tuple):
            found[name] = "[" + ",".join(f'"{v}"' for v in value) + "]"
        else:
            found[name] = value.isoformat() if isinstance(value, datetime) else str(value)
    return found


def _merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {**values, **over}
    return {k: _merged(values[k], v) if isinstance(v, Mapping) and k in values else v for k, v in both.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stack is to be: which parts, in which time, and what is set differently from the settings' defaults."""

    parts: tuple[str, ...] = ("gateway", "worker")
    place: PlaceValues | None = None
    clock_origin: datetime | None = None
    clock_speed: float = 1.0
    partitions: int = 4
    settings: Settings | None = None  # a deployment's own: its ledger, series, API and broker ports are used
    config: Path | None = None  # the file they came from
    overrides: Mapping[str, Any] = field(default_factory=dict)


class Stack:
    """`with Stack(data_dir, plan) as stack: … stack.settings, stack.ledger, stack.clock`. Inside, every part has said that it is ready."""

    def __init__(self, data_dir: Path, plan: Plan, *, progress: Progress = lambda _: None) -> None:
        self.data_dir = data_dir
        self.plan = plan
        self._progress = progress
        own = plan.settings
        self.brokers = Brokers(
            data_dir / "brokers",
            mqtt_port=own.mqtt.port if own else 0,
            log_port=int(own.log.brokers.rpartition(":")[2]) if own else 0,
        )
        self._keeper = Keeper(data_dir)
        self._halt = threading.Event()
        self._watch: threading.Thread | None = None
        self.settings: Settings
        self.ledger: Ledger
        self.clock = Clock()

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> Self:
        self._progress("brokers")
        self.brokers.__enter__()
        values = self._values()
        base = self.plan.settings.model_dump() if self.plan.settings else {}
        self.settings = Settings.model_validate(_merged(base, values))
        self.ledger = open_ledger(self.settings.ledger.address)
        if self.plan.place is not None:
            self.ledger.replace_place(*self.plan.place)
        asyncio.run(ensure_topics(self.settings.log))
        self.clock = self.settings.clock.clock()
        for name in self.plan.parts:
            self._keeper.add(name, name, self._environment(values), options=self._options())
        self._keeper.start()
        for name in self.plan.parts:
            self._progress(name)
            self._keeper.await_ready(name)
        self._watch = threading.Thread(target=self._watch_brokers, name="brokers", daemon=True)
        self._watch.start()
        return self

    def _values(self) -> dict[str, Any]:
        origin = self.plan.clock_origin
        values: dict[str, dict[str, Any]] = {
            "mqtt": {"host": "127.0.0.1", "port": self.brokers.mqtt_port},
            "log": {"brokers": self.brokers.kafka, "idempotent": False},
            # the embedded MQTT broker hands out few messages at a time and waits for their acknowledgement
            "gateway": {"pace": 0.0},
            # the embedded log lets a group gather for as long as its session may be silent: short sessions start and mend it soon
            "worker": {"session_timeout": 2.0, "heartbeat": 0.5},
        }
        if self.plan.settings is None:
            values["log"]["partitions"] = self.plan.partitions
            values["ledger"] = {"url": f"sqlite:///{(self.data_dir / 'ledger.db').absolute()}"}
            values["series"] = {"path": str((self.data_dir / "series.db").absolute())}
            values["api"] = {"port": free_ports(1)[0]}
            values["selfwatch"] = {"every": 0}  # who counts messages here counts them all
        if origin is not None:
            # no recorded time passes while the parts come up: the clock stands still until `clock.open()`
            gate = self.data_dir.absolute() / "clock"
            gate.unlink(missing_ok=True)
            values["clock"] = {"origin": origin, "speed": self.plan.clock_speed, "gate": str(gate)}
        return _merged(values, self.plan.overrides)

    def _options(self) -> tuple[str, ...]:
        return ("--config", str(self.plan.config.absolute())) if self.plan.config else ()

    def _environment(self, values: Mapping[str, Any]) -> dict[str, str]:
        own = self.plan.settings is not None
        return {**{k: v for k, v in os.environ.items() if own or not k.startswith("TOCSIN_")}, **environment_of(values)}

    def _watch_brokers(self) -> None:
        """Start a broker again that died. A log comes back empty, and its readers hold offsets that are no more: they begin anew."""
        while not self._halt.wait(_LOOK_EVERY):
            try:
                if self.brokers.mqtt_died():
                    log.warning(
                        "the embedded MQTT broker died and starts again; what it held for its subscribers is lost"
                    )
                    self.brokers.mqtt_again()
                if self.brokers.log_died():
                    log.error("the embedded log died and starts again empty: what was in flight is lost")
                    self._log_again()
            except ChildFailed as error:
                log.error("a broker did not come back, trying again: %s", error)

    def _log_again(self) -> None:
        self.brokers.log_again()
        try:
            asyncio.run(ensure_topics(self.settings.log))
        except LogUnavailable as error:
            # a reader that was quicker than we had a topic made as the broker makes them: it has to come back empty once more
            log.error("the embedded log has to start again: %s", error)
            self.brokers.end_log()
            return
        for name in self._keeper.names:
            self._keeper.again(name)

    def pid(self, name: str) -> int:
        """The process id of a part (for drills that kill it)."""
        return self._keeper.pid(name)

    def starts(self, name: str) -> int:
        """How often a part was started."""
        return self._keeper.starts(name)

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.api.host}:{self.settings.api.port}"

    def tally(self) -> Tally:
        """What the log holds, counted from the log itself."""
        return asyncio.run(tally(self.settings.log))

    def drained(self, published: int, timeout: float) -> bool:
        """Wait until everything published is in the log and the worker has committed all of it; False when that takes too long."""
        return asyncio.run(_drained(self.settings.log, published, timeout))

    def stop(self) -> None:
        """Stop the parts (downstream last), then the brokers. Safe to call twice."""
        self._halt.set()
        if self._watch is not None:
            self._watch.join(10)
        self._keeper.stop()
        if hasattr(self, "ledger"):
            self.ledger.close()
            del self.ledger
        self.brokers.stop()


async def _drained(settings: LogSettings, published: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        counted = await tally(settings)
        if counted.kept + counted.rejected >= published and await caught_up(settings):
            return True
        await asyncio.sleep(0.3)
    return False
