"""The virtual time line with held notices: a real sender hands over what is let go, and a provider remembers every text with its instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.alert import Notice
from alerts.channels.contract import Answer, Sent
from alerts.delivery.sender import LEASE, Sender
from alerts.people.roster import Person
from alerts.policy import Policies, load_policies
from alerts.quiet.budgets import Budget
from alerts.quiet.grouping import Timing
from streams.signal import Level
from tests.alerts.quiet.quiet_line import QuietLine
from tests.scenarios.timeline import START

CARD = Budget(
    "sms", tuple((timedelta(minutes=within), most) for within, most in ((1, 1), (15, 5), (60, 11), (180, 21)))
)
YELLOW = {Level.YELLOW: Timing(timedelta(seconds=30))}


def policies(*budgets: Budget, groups: dict[Level, Timing] | None = None) -> Policies:
    """The shipped policies with these budgets and groups instead of their own."""
    shipped = load_policies()
    quiet = replace(shipped.quiet, budgets=budgets, groups=groups or {})
    return replace(shipped, quiet=quiet)


class HeldLine(QuietLine):
    """`texts` has what was handed over: seconds since the start, person, text. `answers` are given instead of taking a notice over."""

    def __init__(self, *budgets: Budget, groups: dict[Level, Timing] | None = None, **but: object) -> None:
        super().__init__(policies=policies(*budgets, groups=groups), **but)
        self.texts: list[tuple[float, str, str]] = []
        self.answers: list[Answer] = []
        self.provider_of_texts = _Provider(self)
        self.boot()

    def boot(self) -> None:
        """A new process on the same ledger."""
        channels = dict.fromkeys(("sms", "voice"), self.provider_of_texts)
        self.sender = Sender(
            self.ledger, self.conductor, channels, roster=self.ledger.roster, clock=_Hands(self), jitter=lambda: 0.0  # type: ignore[arg-type]
        )  # fmt: skip

    def _next_due(self) -> datetime | None:
        notices = self.ledger.tables.notices.values()
        leased = self.ledger._leases
        underway = (n for n in notices if n.state in {"queued", "sending"})
        waiting = [max(n.due_at, leased.get(n.key, n.due_at)) for n in underway]
        dues = [super()._next_due(), *self.ledger.tables.bundles.next_due(notices), *waiting]
        return min((at for at in dues if at is not None), default=None)

    def send(self) -> None:  # type: ignore[override]
        if not hasattr(self, "sender"):
            return
        for leased in self.ledger.lease_notices(self.now, limit=1000, lease=LEASE):
            self.sender.deliver(leased)

    def told(self, person: str) -> list[tuple[float, str]]:
        return [(at, text) for at, who, text in self.texts if who == person]

    def at_of(self, person: str) -> list[float]:
        return [at for at, _ in self.told(person)]


class _Hands:
    speed = 1.0

    def __init__(self, line: HeldLine) -> None:
        self._line = line

    def now(self) -> datetime:
        return self._line.now


class _Provider:
    def __init__(self, line: HeldLine) -> None:
        self._line = line
        self._taken: set[str] = set()

    def send(self, notice: Notice, person: Person) -> Answer:
        if self._line.answers:
            return self._line.answers.pop(0)
        self._line.texts.append(((self._line.now - START).total_seconds(), person.id, notice.text))
        self._taken.add(notice.key)
        return Sent(f"id-{notice.key}")

    def find(self, notice: Notice, person: Person) -> Sequence[str]:
        return [f"id-{notice.key}"] if notice.key in self._taken else []
