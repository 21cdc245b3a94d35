"""A virtual time line: `line.at(40).expect_ringing("red")`. The whole conducting path runs on it; time passes only where it is told to.

Between two moments every escalation that falls due is rung at its own instant, as the ticker would do it, what is held is let go at its
own, and every notice that may leave is sent and delivered, unless the provider is told to be away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.alert import Alert, Entry, Notice, NoticeState, Reason
from alerts.commands import Command
from alerts.conduct import Conductor
from alerts.people.roster import Person, Roster
from alerts.policy import Policies, load_policies
from alerts.words import load_words
from ingest.events import Mark, Place, Point
from ingest.registry import Grid, GridLevel, Registry
from streams.signal import Level, Origin, Signal, signal_key
from tests.alerts.memory_ledger import MemoryLedger

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
WORDS = load_words()
SHIPPED = load_policies()  # frozen, so every story may have the same

GRIDS = (
    Grid("c", "云泽县", GridLevel.COUNTY),
    Grid("t1", "清溪镇", GridLevel.TOWNSHIP, "c"),
    Grid("t2", "白石镇", GridLevel.TOWNSHIP, "c"),
    Grid("v1", "杏花村", GridLevel.VILLAGE, "t1"),
    Grid("v2", "石桥村", GridLevel.VILLAGE, "t2"),
    Grid("g1", "第一网格", GridLevel.GRID, "v1"),
    Grid("g2", "第二网格", GridLevel.GRID, "v1"),
    Grid("vacant", "第三网格", GridLevel.GRID, "v1"),
    Grid("g4", "第四网格", GridLevel.GRID, "v2"),
)


def person(ident: str, grid: str, role: str, order: int = 0, **but: object) -> Person:
    return replace(Person(ident, f"人{ident}", "+8610000000001", role, grid, order), **but)


PEOPLE = (
    person("leader1", "g1", "grid_leader"),
    person("worker1", "g1", "worker", 1),
    person("leader2", "g2", "grid_leader"),
    person("leader4", "g4", "grid_leader"),
    person("head1", "v1", "village_head"),
    person("head2", "v2", "village_head"),
    person("duty1", "t1", "duty_officer"),
    person("county", "c", "duty_officer"),
    person("catcher", "c", "catcher", 1),
)


class Line:
    """The path from signals to notices on a ledger in memory, at the time it is told."""

    def __init__(
        self,
        *,
        people: Sequence[Person] = PEOPLE,
        grids: Sequence[Grid] = GRIDS,
        policies: Policies | None = None,
        channels: tuple[str, ...] = ("sms", "voice"),
    ) -> None:
        self.ledger = MemoryLedger(Registry.of(grids, ()), Roster.of(people))
        self.policies = policies or SHIPPED
        self.conductor = Conductor(
            self.ledger,
            policies=self.policies,
            registry=self.ledger.registry,
            roster=self.ledger.roster,
            words=WORDS,
            channels=channels,
        )
        self.now = START
        self.provider: Callable[[Notice], NoticeState | None] = lambda _: NoticeState.DELIVERED

    def at(self, seconds: float) -> Line:
        """Let time pass until so many seconds after the start."""
        until = START + timedelta(seconds=seconds)
        assert until >= self.now, "time does not run backwards"
        while (due := self._next_due()) is not None and due <= until:
            self.now = max(due, self.now)
            self.conductor.escalate(self.now)
            self.send()
        self.now = until
        self.send()
        return self

    def _next_due(self) -> datetime | None:
        alerts, notices = self.ledger.tables.alerts.values(), self.ledger.tables.notices.values()
        times = [at for a in alerts for at in (a.escalate_at, *a.timers.values()) if at]
        return min((*times, *self.ledger.tables.bundles.next_due(notices)), default=None)

    def send(self) -> None:
        """Let the provider have every notice that is due."""
        for notice in self.ledger.outbox(states=(NoticeState.QUEUED,), limit=10_000)[::-1]:
            if (state := self.provider(notice)) is not None:
                self.conductor.receipt(notice.key, state, self.now)

    def signal(self, subject: str = "smoke-1", level: str = "orange", **but: object) -> Line:
        """A signal of now; see `made` for what may be said about it."""
        self.conductor.signals([self.made(subject, level, **but)], self.now)
        self.send()
        return self

    def made(self, subject: str = "smoke-1", level: str = "orange", **but: object) -> Signal:
        """A signal of `subject`; `began` (seconds) tells one episode from another."""
        began = START + timedelta(seconds=float(str(but.pop("began", (self.now - START).total_seconds()))))
        rule = str(but.pop("rule", "smoke"))
        place = but.pop("place", None) or placed(str(but.pop("grid", "g1")))
        signal = Signal(
            key=signal_key(rule, subject, began),
            kind="fire",
            level=Level(level),
            origin=Origin.SENSOR,
            subject=subject,
            rule=rule,
            event_at=began,
            received_at=began,
            raised_at=self.now,
            place=place,
        )
        return replace(signal, **but)

    def say(self, command: Command, alert: Alert | None = None) -> Line:
        """A person's command, about the only alert there is unless one is given."""
        self.conductor.command((alert or self.only()).id, command, self.now)
        self.send()
        return self

    def alerts(self) -> list[Alert]:
        return list(self.ledger.tables.alerts.values())

    def only(self) -> Alert:
        """The one alert there is."""
        assert len(self.alerts()) == 1, self.alerts()
        return self.alerts()[0]

    def notices(self, reason: Reason | None = None) -> list[Notice]:
        """Notices, oldest first."""
        rows = sorted(self.ledger.tables.notices.values(), key=lambda n: (n.created_at, n.step))
        return [n for n in rows if reason in {None, n.reason}]

    def told(self, reason: Reason | None = None) -> list[str]:
        """Who was told over which channel, in order: "leader1/sms"."""
        return [f"{n.person}/{n.channel}" for n in self.notices(reason)]

    def lines(self, what: str = "") -> list[Entry]:
        """The timeline of everything, or of one kind of line."""
        return [e for e in self.ledger.tables.entries if what in {"", e.what}]


def placed(grid: str, point: Point | None = None, why: str = "registry") -> Place:
    township = {"g4": "t2", "v2": "t2", "t2": "t2", "": ""}.get(grid, "t1")
    return Place(grid, township, point, why)


TEST = Mark.TEST
