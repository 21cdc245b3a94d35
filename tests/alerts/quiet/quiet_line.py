"""The virtual time line with what falls due by itself, notices that wait for their hour, and what keeps bells shut."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.alert import Alert, Entry, NoticeState
from alerts.quiet.bell import Matcher
from alerts.quiet.drill import approve, drill
from alerts.quiet.hours import daytime
from alerts.quiet.maintenance import window
from alerts.quiet.silence import Silence, silence
from alerts.quieting import Quieting
from ingest.registry import Device, Registry
from tests.scenarios.timeline import GRIDS, START, Line

DEVICES = [Device(f"w-{n}", "water", "gw-1", "g1") for n in range(3)]


class QuietLine(Line):
    """Water on one device of grid g1 is what most of these stories are about."""

    def __init__(self, **but: object) -> None:
        super().__init__(**but)  # type: ignore[arg-type]
        self.ledger._registry = Registry.of(GRIDS, DEVICES)
        self.quieting = Quieting(self.ledger, self.conductor, self.ledger.registry, self.policies.quiet)

    def _next_escalation(self) -> datetime | None:
        alerts = self.ledger.tables.alerts.values()
        times = [at for a in alerts for at in (*a.timers.values(), *((a.escalate_at,) if a.escalate_at else ()))]
        return min(times, default=None)

    def send(self) -> None:
        for notice in self.ledger.outbox(states=(NoticeState.QUEUED,), limit=10_000)[::-1]:
            if notice.due_at <= self.now and (state := self.provider(notice)) is not None:
                self.conductor.receipt(notice.key, state, self.now)

    def water(self, level: str = "yellow", subject: str = "w-1", **but: object) -> QuietLine:
        """Water at a device; the same `began` is the same episode."""
        self.signal(subject, level, **{"kind": "water", "rule": "water_level", **but})
        return self

    def silence(self, minutes: float = 60, matcher: Matcher | None = None, by: str = "甲") -> Silence:
        one = silence(
            matcher or Matcher(kinds=("water",)), by=by, reason="清洗水箱", starts_at=self.now, ends_at=self.now + timedelta(minutes=minutes),
            lengths=self.policies.quiet.lengths, now=self.now,
        )  # fmt: skip
        self.quieting.add(one, self.now)
        return one

    def maintain(self, text: str, *kinds: str) -> None:
        lengths = self.policies.quiet.lengths
        one = window(
            Matcher(kinds=kinds), tuple(range(7)), daytime(text), by="甲", reason="检修", from_at=START, until_at=START + timedelta(days=30),
            lengths=lengths, now=self.now,
        )  # fmt: skip
        self.quieting.add(one, self.now)

    def drill(self, minutes: float = 60, *people: str, approved: bool = True) -> str:
        lengths = self.policies.quiet.lengths
        one = drill(
            "消防演练", Matcher(grids=("g1",)), people or ("worker1",), by="甲", starts_at=self.now,
            ends_at=self.now + timedelta(minutes=minutes), lengths=lengths, now=self.now,
        )  # fmt: skip
        self.quieting.add(one, self.now)
        for by in ("乙", "丙") if approved else ("乙",):
            self.quieting.approve(one.id, by, self.now)
        assert approve(one, "乙", self.now).id == one.id
        return one.id

    def why(self, what: str) -> list[str]:
        """The reasons of one kind of line."""
        return [e.why for e in self.lines(what)]

    def of(self, kind: str) -> Alert:
        (found,) = [a for a in self.alerts() if a.kind == kind]
        return found


def whats(line: Line) -> list[str]:
    """What the timeline says, without the ways of notices."""
    ways = {"sent", "delivered", "queued"}
    return [e.what for e in line.lines() if e.what not in ways]


def until(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.detail["until"])
