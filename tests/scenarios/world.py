"""A whole path from signals to people that may die at any step: ledger in memory, real conductor, real sender, a provider that keeps count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerts.alert import Alert, Notice, NoticeState
from alerts.channels.contract import Answer, Refused, Retry, Sent
from alerts.commands import Command
from alerts.conduct import Conductor, UnknownAlert
from alerts.delivery.sender import LEASE, Sender
from alerts.ledger.port import Conflict
from alerts.outcome import NotAllowed
from alerts.people.roster import Person, Roster
from alerts.policy import Policies, load_policies
from alerts.whistle.policy import WhistleTable
from ingest.registry import Grid, Registry
from streams.signal import Signal
from tests.alerts.memory_ledger import MemoryLedger, MemoryTransaction
from tests.scenarios.promises import UNDER_WAY, Promises
from tests.scenarios.timeline import GRIDS, PEOPLE, START, WORDS

UNITS = WhistleTable.model_validate({
    "departments": {"urban": {"name": "城管", "people": ["duty1", "head1"]}, "water": {"name": "水利", "roles": ["village_head"]}},
    "matters": {"lamp": {"name": "路灯", "departments": ["urban", "water"]}},
})  # fmt: skip
POLICIES = replace(load_policies(), whistle=UNITS.value())
CHANNELS = ("sms", "voice")
BEFORE, INSIDE, AFTER = "before", "inside", "after"


class Crash(BaseException):
    """The process is gone. Nothing may catch it on its way."""


class MortalLedger(MemoryLedger):
    """Dies at its next transaction: before it begins, with everything of it undone, or right after it was written."""

    dies = ""

    @contextmanager
    def transaction(self, *, ahead: bool = False) -> Iterator[MemoryTransaction]:
        dies, self.dies = self.dies, ""
        if dies == BEFORE:
            raise Crash
        with super().transaction(ahead=ahead) as tx:
            yield tx
            if dies == INSIDE:
                raise Crash
        if dies == AFTER:
            raise Crash


@dataclass
class Provider:
    """Takes messages over and remembers them for good; `mood` says what it does with a notice."""

    mood: Callable[[Notice], str] = lambda _: (
        "well"
    )  # well, away, refuses, dies (it has the message and we never hear so)
    taken: dict[str, list[str]] = field(default_factory=dict)

    def send(self, notice: Notice, person: Person) -> Answer:
        mood = self.mood(notice)
        if mood == "away":
            return Retry(1.0, "away")
        if mood == "refuses":
            return Refused("no such number")
        names = self.taken.setdefault(notice.key, [])
        names.append(f"{notice.key}-{len(names)}")
        if mood == "dies":
            raise Crash
        return Sent(names[-1])

    def find(self, notice: Notice, person: Person) -> Sequence[str]:
        return self.taken.get(notice.key, [])


class _Hands:
    """A clock that is set by hand."""

    speed = 1.0

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now


class World:
    """Every method is one step; the promises are looked at after each, also after one that died."""

    def __init__(
        self, *, people: Sequence[Person] = PEOPLE, grids: Sequence[Grid] = GRIDS, policies: Policies = POLICIES
    ) -> None:
        self.ledger = MortalLedger(Registry.of(grids, ()), Roster.of(people))
        self.policies = policies
        self.provider = Provider()
        self.now = START
        self.crashes = 0
        self.promises = Promises(self.ledger, policies)
        self.boot()

    def boot(self) -> None:
        """New processes on the same ledger: whatever the old ones knew is forgotten."""
        self.conductor = Conductor(
            self.ledger, policies=self.policies, registry=self.ledger.registry, roster=self.ledger.roster, words=WORDS, channels=CHANNELS
        )  # fmt: skip
        channels = dict.fromkeys(CHANNELS, self.provider)
        hands = _Hands(self)
        self.sender = Sender(
            self.ledger, self.conductor, channels, roster=self.ledger.roster, clock=hands, jitter=lambda: 0.5  # type: ignore[arg-type]
        )  # fmt: skip

    @property
    def alerts(self) -> list[Alert]:
        return list(self.ledger.tables.alerts.values())

    @property
    def notices(self) -> list[Notice]:
        return list(self.ledger.tables.notices.values())

    def signals(self, *batch: Signal) -> bool:
        """Signals from the log. False when the process died over them: the log hands them out again then."""
        return self._step(lambda: self.conductor.signals(batch, self.now))

    def command(self, ident: str, command: Command) -> bool:
        """A person's word. One that is not allowed has changed nothing."""
        before = self.ledger.tables
        try:
            return self._step(lambda: self.conductor.command(ident, command, self.now))
        except (NotAllowed, UnknownAlert, ValueError):
            assert self.ledger.tables is before, f"refused, and something changed: {command}"
            return True

    def receipt(self, notice: Notice, state: NoticeState) -> bool:
        """What a provider says of a notice, as late as it likes."""
        known = notice.provider_id or (self.provider.taken.get(notice.key) or [""])[0]
        return self._step(lambda: self.conductor.receipt(notice.key, state, self.now, provider_id=known))

    def key(self, notice: Notice, digit: str) -> bool:
        """A key pressed on the telephone."""
        return self._step(lambda: self.conductor.answered(notice.key, self.now, digit))

    def send(self, limit: int = 100) -> bool:
        """One round of a sender: everything that is due is handed over, worst first."""
        leased = self.ledger.lease_notices(self.now, limit=limit, lease=LEASE)
        return self._step(lambda: [self._deliver(notice) for notice in leased])

    def _deliver(self, notice: Notice) -> None:
        with suppress(Conflict):  # as the sender's own loop: left to whoever has it when its lease is over
            self.sender.deliver(notice)

    def due(self) -> bool:
        """What fell due is rung, as the ticker does."""
        return self._step(lambda: self.conductor.escalate(self.now))

    def wait(self, seconds: float, *, sending: bool = True) -> bool:
        """Let time pass. Whatever falls due on the way is done at its own instant."""
        until = self.now + timedelta(seconds=seconds)
        alive = True
        while (next_at := min(self._dues(sending=sending), default=until)) < until:
            self.now = max(self.now + timedelta(milliseconds=1), next_at)
            alive = self.due() and alive
            if sending:
                alive = self.send() and alive
        self.now = max(self.now, until)
        alive = self.due() and alive
        if sending:
            alive = self.send() and alive
            alive = self.due() and alive  # a notice that could not be delivered makes the next step due at once
        return alive

    def _dues(self, *, sending: bool) -> Iterator[datetime]:
        """When something can be done next: at its time, or once nobody holds it any more."""
        held = self.ledger._leases
        for alert in self.ledger.tables.alerts.values():
            for at in (alert.escalate_at, *alert.timers.values()):
                if at is not None:
                    yield max(at, held.get(alert.id, at))
        for notice in self.ledger.tables.notices.values():
            if sending and notice.state in UNDER_WAY:
                yield max(notice.due_at, held.get(notice.key, notice.due_at))
        yield from self.ledger.tables.bundles.next_due(self.notices)

    def settle(self, hours: float = 6) -> None:
        """Everything works again, for hours: whatever was promised must be kept by then."""
        self.ledger.dies = ""
        self.ledger.conflicts = 0
        self.provider.mood = lambda _: "well"
        assert self.wait(hours * 3600), "it goes on working"
        self.promises.overdue(self.now, timedelta())
        self.promises.told_or_said()

    def _step(self, act: Callable[[], object]) -> bool:
        try:
            act()
            alive = True
        except Crash:
            alive = False
            self.crashes += 1
            self.boot()
        self.ledger.dies = ""
        self.promises.look(self.now)
        for key, names in self.provider.taken.items():
            assert len(names) == 1, f"law 3: {key} was handed over {len(names)} times"
        return alive


def again(signal: Signal, **but: object) -> Signal:
    """The same episode, with something else said of it."""
    return replace(signal, **but)
