"""What would happen: one case, played from its signal through what people do, by the code that decides in earnest.

The conductor, routing, chains and clocks are the real ones, on a ledger of paper and in a time of its own. Notices reach their people at
once, unless the case says otherwise; nobody answers unless the case says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, cast

from alerts.alert import Alert, Entry, NoticeState, Step
from alerts.clocks.clock import State
from alerts.closing_commands import FalseAlarm
from alerts.commands import Accept, Acknowledge, Command, Dispatch, GiveBack, Handle
from alerts.conduct import Conductor
from alerts.dispatch.scene_commands import Arrive
from alerts.ledger.port import Ledger
from alerts.outcome import NotAllowed
from alerts.people.roster import Roster
from alerts.policy import Policies
from alerts.what_if.paper import Paper
from alerts.words import Words
from ingest.events import Place
from ingest.registry import Registry
from streams.calls import RULE as CALL
from streams.signal import Level, Origin, Signal, signal_key

BY: Final = "what-if"
ESCALATION: Final = "escalation"  # the name under which the next step of the chain counts as a clock
_COMMANDS: Final[Mapping[str, Callable[[str], Command]]] = MappingProxyType({
    "acknowledged": lambda _: Acknowledge(BY),
    "dispatched": lambda who: Dispatch(BY, who),
    "accepted": lambda _: Accept(BY),
    "given_back": lambda _: GiveBack(BY, BY),
    "arrived": lambda _: Arrive(BY),
    "handled": lambda _: Handle(BY),
    "false_alarm": lambda _: FalseAlarm(BY),
})  # fmt: skip
HAPPENINGS: Final = ("nothing", *_COMMANDS, "cleared", "worse", "unreachable")


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that has happened so long after the signal. `who` is a person's id, where the word takes one."""

    after: timedelta
    what: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What should come out; None is not looked at. `due` of `NEVER` means that the clock does not run."""

    recipients: tuple[str, ...] | None = None  # whom the last telling told, in any order; empty: nobody was told at all
    step: int | None = None  # how many steps of the chain were rung
    clock: str = ESCALATION
    due: datetime | None = None


NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    line: int
    kind: str
    level: Level
    place: Place
    at: datetime
    origin: Origin = Origin.SENSOR
    since: tuple[Happening, ...] = ()
    expected: Expected = Expected()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out: whom the last telling told and over which level, the chain with how much of it was rung, clocks and timeline."""

    alert: Alert
    told: tuple[str, ...]
    grid: str
    clocks: Mapping[str, datetime | None]  # when each falls due; None: it does not run
    entries: tuple[Entry, ...]

    @property
    def chain(self) -> tuple[Step, ...]:
        return self.alert.chain


@dataclass(frozen=True, slots=True)
class Difference:
    """A column whose expectation was not met."""

    column: str
    expected: str
    found: str


class Impossible(ValueError):
    """A case that cannot be played: something in `since` is not allowed where it stands."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a case is played with."""

    policies: Policies
    registry: Registry
    roster: Roster
    words: Words
    channels: tuple[str, ...] = ("sms", "voice")


def play(case: Case, stage: Stage) -> Answer:
    """Play a case to its last happening. Raises `Impossible`."""
    player = _Player(case, stage)
    player.hear(case.level)
    for happening in sorted(case.since, key=lambda h: h.after):
        player.until(case.at + happening.after)
        player.happens(happening)
    return player.answer()


def differences(case: Case, answer: Answer) -> tuple[Difference, ...]:
    """Where the answer is not what was expected."""
    wanted = case.expected
    found: list[Difference] = []
    if wanted.recipients is not None and set(wanted.recipients) != set(answer.told):
        found.append(Difference("recipient", _ids(wanted.recipients), _ids(answer.told)))
    if wanted.step is not None and wanted.step != answer.alert.step:
        found.append(Difference("step", str(wanted.step), str(answer.alert.step)))
    if wanted.clock not in answer.clocks:
        found.append(Difference("clock", wanted.clock, ";".join(answer.clocks)))
    elif wanted.due is not None and (due := answer.clocks[wanted.clock] or NEVER) != wanted.due:
        found.append(Difference("due", shown(wanted.due, case.at), shown(due, case.at)))
    return tuple(found)


def shown(due: datetime | None, at: datetime) -> str:
    """An instant in the time zone of the row; `none` where nothing falls due."""
    return "none" if due is None or due == NEVER else due.astimezone(at.tzinfo).isoformat(timespec="seconds")


def _ids(people: tuple[str, ...]) -> str:
    return ";".join(sorted(people)) or "nobody"


class _Player:
    def __init__(self, case: Case, stage: Stage) -> None:
        self._case = case
        self._now = case.at
        self._level = case.level
        self._paper = Paper()
        self._unreached: set[str] = set()
        self._conductor = Conductor(
            cast("Ledger", self._paper), policies=_alone(stage.policies), registry=lambda: stage.registry, roster=lambda: stage.roster,
            words=stage.words, channels=stage.channels,
        )  # fmt: skip

    def hear(self, level: Level, *, active: bool = True) -> None:
        """The case's own device, camera or caller speaks."""
        case = self._case
        rule = CALL if case.origin is Origin.HOTLINE else BY
        self._level = level
        signal = Signal(
            signal_key(rule, BY, case.at), case.kind, level, case.origin, BY, rule, case.at, case.at, self._now,
            place=case.place, active=active,
        )  # fmt: skip
        self._conductor.signals([signal], self._now)
        self._deliver()

    def happens(self, happening: Happening) -> None:
        """What somebody did, or what became of the thing itself."""
        match happening.what:
            case "nothing":
                return
            case "unreachable":
                self._unreached.add(happening.who)
            case "cleared":
                self.hear(self._level, active=False)
            case "worse":
                self.hear(list(Level)[min(self._level.rank + 1, Level.RED.rank)])
            case what:
                self._say(_COMMANDS[what](happening.who), happening)

    def _say(self, command: Command, happening: Happening) -> None:
        try:
            self._conductor.command(self._alert.id, command, self._now)
        except NotAllowed as refused:
            raise Impossible(f"+{happening.after.total_seconds():g} {happening.what}: {refused}") from refused
        self._deliver()

    def until(self, instant: datetime) -> None:
        """Let time pass; whatever falls due is done at its own instant."""
        while (due := self._next()) is not None and due <= instant:
            self._now = max(due, self._now)
            self._conductor.escalate(self._now)
            self._deliver()
        self._now = instant

    def _next(self) -> datetime | None:
        alert = self._alert
        waits = [n.due_at for n in self._paper.outbox.values() if n.state is NoticeState.QUEUED]
        return min((at for at in (alert.escalate_at, *alert.timers.values(), *waits) if at is not None), default=None)

    def _deliver(self) -> None:
        for notice in list(self._paper.outbox.values()):
            if notice.state is NoticeState.QUEUED and notice.due_at <= self._now:
                lost = not self._unreached.isdisjoint({"", notice.person})
                state = NoticeState.FAILED if lost else NoticeState.DELIVERED
                self._conductor.receipt(notice.key, state, self._now)

    @property
    def _alert(self) -> Alert:
        return next(iter(self._paper.cases.values()))

    def answer(self) -> Answer:
        """What has come out by now."""
        alert = self._alert
        told = next((e for e in reversed(self._paper.entries) if e.what == "told"), None)
        people = tuple(dict.fromkeys(person for person, _ in told.detail["told"])) if told else ()
        runs = {State.RUNNING, State.PAUSED}
        clocks = {c.name: c.due if c.state in runs else None for c in alert.work.clocks}
        grid = str(told.detail.get("grid", "")) if told else ""
        timed = MappingProxyType({ESCALATION: alert.escalate_at, **clocks})
        return Answer(alert, people, grid, timed, tuple(self._paper.entries))


def _alone(policies: Policies) -> Policies:
    """One case by itself is held back by nothing that others would have used up."""
    return replace(policies, quiet=replace(policies.quiet, groups=MappingProxyType({}), budgets=()))
