"""Policies: who is rung when, what belongs together, and what makes a thing worse. Read from a strict TOML file.

A policy is per kind of alert. The chain of a case is a snapshot taken when its bell opens, so that an edit of the file never changes
a running case; people, on the other hand, are asked for at each step, so that somebody who left is not rung any more.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from alerts import canary
from alerts.alert import Step
from alerts.clocks.policy import ClockPolicy, ClockTable
from alerts.dispatch.policy import SHIPPED as DISPATCH
from alerts.dispatch.policy import DispatchRules, DispatchTable
from alerts.instructions.reminding import SHIPPED as INSTRUCTIONS
from alerts.instructions.reminding import InstructionRules, InstructionsTable
from alerts.people.propagation import PropagationTable, Reach
from alerts.quiet.policy import QuietTable
from alerts.quiet.verdict import QuietPolicy
from alerts.rules import NONE, Rules, RulesTable
from alerts.triage.policy import SHIPPED as TRIAGE
from alerts.triage.policy import TriageTable
from alerts.triage.questions import TriagePolicy
from alerts.whistle.policy import SHIPPED as WHISTLES
from alerts.whistle.policy import WhistlePolicy, WhistleTable
from alerts.work import RECENT
from streams.canary import KIND as CANARY
from streams.signal import Level

SHIPPED: Final = Path(__file__).with_name("policies.toml")
LOOPS: Final = 5


class PolicyError(ValueError):
    """A policy file that cannot be used. `problems` has one sentence each, with file and key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Merging:
    """When a signal belongs to an alert that is already open. Without `place`, only the same device under the same rule does."""

    place: bool = False
    radius: float = 0.0  # metres
    window: timedelta = timedelta(minutes=15)  # since the last evidence
    cap: timedelta = timedelta(hours=24)  # since the alert was raised
    same_grid: bool = True  # whether the same grid is near enough by itself; else only the radius counts


NO_CLOCKS: Final = ClockPolicy()


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that is decided per kind."""

    kind: str
    name: str  # kind and the file's version, as kept on the alert
    chains: Mapping[Level, tuple[Step, ...]] = field(default_factory=lambda: MappingProxyType({}))
    merging: Merging = Merging()
    fusion_origins: int = 0  # this many different senses together make it `fusion_level`; 0 is never
    fusion_level: Level = Level.RED
    clocks: ClockPolicy = NO_CLOCKS
    rules: Mapping[Level, Rules] = field(default_factory=lambda: MappingProxyType({}))

    def rules_at(self, level: Level) -> Rules:
        """The rules of a case of a level."""
        return self.rules.get(level) or NONE

    def chain(self, level: Level) -> tuple[Step, ...]:
        """The escalation chain of a level; empty when nobody is rung at it."""
        return self.chains.get(level, ())

    def fused(self, origins: int) -> Level | None:
        """The level that so many different senses make together."""
        return self.fusion_level if self.fusion_origins and origins >= self.fusion_origins else None


# A canary is told once, to nobody, and belongs to no other. No file can change that.
_CANARY: Final = Policy(
    CANARY,
    f"{CANARY}/1",
    MappingProxyType({level: (Step(0.0, CANARY, (canary.SINK,)),) for level in Level}),
    Merging(cap=timedelta.min),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Seconds within which a stage should be reached, for response metrics."""

    told: float
    acknowledged: float
    handled: float
    closed: float


@dataclass(frozen=True, slots=True)
class Policies:
    """A whole policy file."""

    version: str
    kinds: Mapping[str, Policy]
    default: Policy
    targets: Mapping[Level, Target] = field(default_factory=lambda: MappingProxyType({}))
    quiet: QuietPolicy = field(default_factory=QuietPolicy)
    instructions: InstructionRules = INSTRUCTIONS
    whistle: WhistlePolicy = WHISTLES
    dispatch: DispatchRules = DISPATCH
    triage: TriagePolicy = TRIAGE
    reach: Reach = field(default_factory=Reach)

    def policy(self, kind: str) -> Policy:
        """The policy of a kind; a kind that the file does not name gets the default one. The canary's is built in."""
        if kind == CANARY:
            return _CANARY
        return self.kinds.get(kind) or self.default


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class _Step(_Table):
    after: Annotated[float, Field(strict=True, ge=0)]
    target: Annotated[str, Field(min_length=1)]
    channels: Annotated[tuple[Literal["sms", "voice", "log"], ...], Field(min_length=1)]
    confirm: Literal["any", "all"] = "any"
    more_than: Annotated[int, Field(strict=True, ge=0, lt=RECENT)] = 0
    within: Annotated[float, Field(strict=True, ge=0)] = 0.0
    between: tuple[_TimeOfDay, _TimeOfDay] | None = None

    @model_validator(mode="after")
    def _whole(self) -> _Step:
        if bool(self.more_than) != bool(self.within):
            raise ValueError("more_than and within belong together: more than so much evidence within so many seconds")
        if self.between and self.between[0] == self.between[1]:
            raise ValueError("between needs two different times of day")
        return self

    @property
    def conditional(self) -> bool:
        return bool(self.more_than or self.between)

    def value(self, later: float = 0.0) -> Step:
        return Step(
            self.after + later,
            self.target,
            self.channels,
            self.confirm == "all",
            self.more_than,
            self.within,
            self.between,
        )


class _Chain(_Table):
    steps: tuple[_Step, ...] = ()
    loops: Annotated[int, Field(strict=True, ge=1, le=LOOPS)] = 1
    loop_after: Annotated[float, Field(strict=True, ge=0)] = 0.0
    final: _Step | None = None  # after the last loop: `after` counts from its last step

    @model_validator(mode="after")
    def _in_order(self) -> _Chain:
        if self.steps and self.steps[0].conditional:
            raise ValueError("the first step must ring without a condition; put the condition on a later one")
        times = [step.after for step in self.steps]
        if times != sorted(times):
            raise ValueError(f"steps must come in the order of their times, got {times}; sort them")
        if self.loops > 1 and not self.loop_after > (times[-1] if times else 0.0):
            raise ValueError("loop_after must be later than the last step, so that loops do not overlap; raise it")
        return self

    def value(self) -> tuple[Step, ...]:
        """The loops written out, so that a case carries its whole chain."""
        steps = [step.value(turn * self.loop_after) for turn in range(self.loops) for step in self.steps]
        if self.final:
            steps.append(self.final.value(steps[-1].after if steps else 0.0))
        return tuple(steps)


class _Merging(_Table):
    place: bool = False
    radius_m: Annotated[float, Field(strict=True, ge=0, le=500)] = 0.0
    window_s: Annotated[float, Field(strict=True, gt=0)] = 900.0
    cap_s: Annotated[float, Field(strict=True, gt=0)] = 86400.0
    same_grid: bool = True

    def value(self) -> Merging:
        window, cap = timedelta(seconds=self.window_s), timedelta(seconds=self.cap_s)
        return Merging(self.place, self.radius_m, window, cap, self.same_grid)


class _Fusion(_Table):
    origins: Annotated[int, Field(strict=True, ge=2, le=4)]
    level: Level


class _Kind(_Table):
    levels: dict[Level, _Chain] = {}
    rules: dict[Level, RulesTable] = {}
    merge: _Merging | None = None
    fusion: _Fusion | None = None


class _Target(_Table):
    told: Annotated[float, Field(strict=True, gt=0)]
    acknowledged: Annotated[float, Field(strict=True, gt=0)]
    handled: Annotated[float, Field(strict=True, gt=0)]
    closed: Annotated[float, Field(strict=True, gt=0)]


class _File(_Table):
    version: Annotated[str, Field(min_length=1)]
    levels: dict[Level, _Chain]
    rules: dict[Level, RulesTable] = {}
    merge: _Merging = _Merging()
    kinds: dict[str, _Kind] = {}
    targets: dict[Level, _Target] = {}
    clocks: ClockTable = ClockTable()
    quiet: QuietTable = QuietTable()
    instructions: InstructionsTable = InstructionsTable()
    whistle: WhistleTable = WhistleTable()
    propagation: PropagationTable = PropagationTable()
    dispatch: DispatchTable = DispatchTable()
    triage: TriageTable = TriageTable()

    @model_validator(mode="after")
    def _red_rings(self) -> _File:
        if not self.levels.get(Level.RED, _Chain()).steps:
            raise ValueError("levels.red.steps is empty: red must always ring somebody; give it at least one step")
        silent = [
            kind
            for kind, table in self.kinds.items()
            if Level.RED in table.levels and not table.levels[Level.RED].steps
        ]
        if silent:
            raise ValueError(
                f"kinds.{silent[0]}.levels.red.steps is empty: red must always ring somebody; give it at least one step"
            )
        return self

    def policy(self, kind: str, table: _Kind) -> Policy:
        chains = {level: chain.value() for level, chain in (self.levels | table.levels).items()}
        merging = (table.merge or self.merge).value()
        fusion = (table.fusion.origins, table.fusion.level) if table.fusion else (0, Level.RED)
        rules = MappingProxyType({level: one.value() for level, one in (self.rules | table.rules).items()})
        name, clocks = f"{kind}/{self.version}", self.clocks.value()
        return Policy(kind, name, MappingProxyType(chains), merging, *fusion, clocks, rules)

    def value(self) -> Policies:
        kinds = {kind: self.policy(kind, table) for kind, table in self.kinds.items()}
        targets = {level: Target(**table.model_dump()) for level, table in self.targets.items()}
        default = self.policy("default", _Kind())
        whom = (self.dispatch.value(), self.triage.value())
        rest = (self.quiet.value(), self.instructions.value(), self.whistle.value(), *whom)
        known = (MappingProxyType(kinds), default, MappingProxyType(targets), *rest)
        return Policies(self.version, *known, reach=self.propagation.value())


def parse_policies(text: str, name: str = "policies.toml") -> Policies:
    """The policies in a file's text; `PolicyError` names `name` and the key of everything that is wrong."""
    try:
        return _File.model_validate(tomllib.loads(text)).value()
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"{name}: not TOML: {error}"]) from error
    except ValidationError as error:
        raise PolicyError([_sentence(name, dict(item)) for item in error.errors()]) from error


def load_policies(path: Path | None = None) -> Policies:
    """The policies in `path`, or the shipped ones. Raises `PolicyError`."""
    file = path or SHIPPED
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            [f"{file}: cannot be read: {error}; name a file that can, or leave notify.policies out"]
        ) from error
    return parse_policies(text, str(file))


def _sentence(name: str, item: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in item["loc"] if part != "[key]")
    said = "no such key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
    return f"{name}: {key or 'file'}: {said}"
